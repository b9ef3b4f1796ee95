/*
 * 2.2 chain_alloc: making a sampler and drawing the first token, as a server does for each request.
 *
 * Baseline: the textbook chain of penalties, top-k, top-p, min-p, temperature and a draw. It has
 * one allocation for each stage, more for its buffers, and a new array of candidates, which is in
 * no cache. Candidate: pluck_sampler_create with an existing workspace, which makes two allocations
 * of a few kilobytes: the state, and what clones share with it. Each call frees what the last one
 * made.
 */
#include "pluck.h"
#include "whole_chains.h"

#include <stdlib.h>

typedef struct state {
    const float *row;
    tb_chain *textbook;
    pluck_workspace *workspace;
    pluck_sampler *sampler;
    int32_t token;       /* of the candidate */
    int64_t allocations; /* of the candidate's last call */
    expected *expected;
} state;

static void *count_allocation(void *ctx, size_t size) {
    (*(int64_t *)ctx)++;
    return malloc(size);
}

static void release(void *ctx, void *pointer, size_t size) {
    (void)ctx;
    (void)size;
    free(pointer);
}

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx)};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    s->token = -1;
    ctx->min_bytes = (double)(ctx->size * sizeof(float));
    ctx->min_ops = (double)ctx->size;
    return pluck_workspace_create(&s->workspace, (int32_t)ctx->size, NULL);
}

static void teardown(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_chain_free(s->textbook);
    pluck_sampler_free(s->sampler);
    pluck_workspace_free(s->workspace);
    expected_free(s->expected);
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_chain_free(s->textbook);
    s->textbook = tb_chain_create(ctx->size);
    whole_penalties.add_stages(s->textbook, (int32_t)ctx->size);
    tb_chain_sample(s->textbook, s->row, ctx->size);
    perflab_keep(s->textbook);
}

static pluck_config config_of(const perflab_ctx *ctx) {
    state *s = ctx->state;
    return (pluck_config){.n_vocab = (int32_t)ctx->size,
                          .seed = CHAIN_SEED,
                          .stages = whole_penalties.stages,
                          .n_stages = whole_penalties.n_stages,
                          .allocator = {count_allocation, release, &s->allocations},
                          .workspace = s->workspace};
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    const pluck_config config = config_of(ctx);
    pluck_sampler_free(s->sampler);
    s->sampler = NULL;
    s->allocations = 0;
    if (pluck_sampler_create(&s->sampler, &config) != PLUCK_OK) return;
    pluck_sample(s->sampler, s->row, &s->token);
    perflab_keep(s->sampler);
}

static bool validate(perflab_ctx *ctx) {
    state *s = ctx->state;
    const pluck_config config = config_of(ctx);
    pluck_candidates left;
    if (s->expected == NULL) s->expected = expected_create(&config, s->row, NULL, 0);
    if (s->expected == NULL || pluck_workspace_candidates(s->workspace, &left) != PLUCK_OK) {
        perflab_reason(ctx, "no reference (out of memory), or no candidates to read");
        return false;
    }
    return perflab_check_index(ctx, "allocations", 2, s->allocations) &&
           expected_check(ctx, s->expected, tb_chain_result(s->textbook), &left, s->token);
}

PERFLAB_MODULE(
    {.id = "2.2",
     .component = "allocations per chain",
     .title = "a sampler made and its first token: two small allocations, scratch shared",
     .inputs = input_kinds,
     .size = INPUT_VOCAB,
     .setup = setup,
     .baseline = baseline,
     .candidate = candidate,
     .validate = validate,
     .teardown = teardown})
