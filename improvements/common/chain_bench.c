/*
 * chain_bench.c: see chain_bench.h.
 */
#include "chain_bench.h"

#include <stdlib.h>
#include <string.h>

static chain_bench *bench_of(const perflab_ctx *ctx) {
    return ctx->state;
}

static pluck_config config_of(const chain_bench *b) {
    return (pluck_config){.n_vocab = b->n_vocab,
                          .seed = CHAIN_SEED,
                          .stages = b->plan->stages,
                          .n_stages = b->plan->n_stages};
}

int chain_setup(perflab_ctx *ctx, const chain_plan *plan) {
    chain_bench *b = perflab_alloc(ctx, sizeof *b, 0);
    *b = (chain_bench){.plan = plan, .n_vocab = (int32_t)ctx->size};
    ctx->state = b;
    b->row = input_row(ctx);
    if (b->row == NULL) return PERFLAB_SKIP;
    if (plan->history) {
        b->n_history = INPUT_HISTORY;
        input_history(ctx, b->row, b->history);
    }
    b->textbook = tb_chain_create(ctx->size);
    plan->add_stages(b->textbook, b->n_vocab);
    b->filled = perflab_alloc(ctx, ctx->size * sizeof *b->filled, 0);
    b->array.data = perflab_alloc(ctx, ctx->size * sizeof *b->filled, 0);
    tb_array filled = {.data = b->filled};
    tb_fill(&filled, b->row, ctx->size);

    const pluck_config config = config_of(b);
    const pluck_status status = pluck_sampler_create(&b->sampler, &config);
    if (status != PLUCK_OK) {
        perflab_reason(ctx, "the sampler: %s", pluck_status_string(status));
        tb_chain_free(b->textbook);
        return 2;
    }
    ctx->min_bytes = plan->passes * (double)(ctx->size * sizeof(float));
    ctx->min_ops =
        plan->passes * (double)ctx->size; /* at least one comparison per logit, in any chain */
    return PERFLAB_OK;
}

void chain_teardown(perflab_ctx *ctx) {
    chain_bench *b = bench_of(ctx);
    tb_chain_free(b->textbook);
    pluck_sampler_free(b->sampler);
    expected_free(b->expected);
}

void chain_reset(perflab_ctx *ctx) {
    chain_bench *b = bench_of(ctx);
    b->token[ctx->side] = -1;
    if (ctx->side == PERFLAB_BASELINE) {
        tb_chain_reset(b->textbook);
        for (int32_t i = 0; i < b->n_history; i++) tb_chain_accept(b->textbook, b->history[i]);
    } else {
        b->left = (pluck_candidates){0};
        pluck_sampler_reset(b->sampler);
        for (int32_t i = 0; i < b->n_history; i++) pluck_accept(b->sampler, b->history[i]);
    }
}

void chain_reset_filled(perflab_ctx *ctx) {
    chain_bench *b = bench_of(ctx);
    chain_reset(ctx);
    if (ctx->side != PERFLAB_BASELINE) return;
    memcpy(b->array.data, b->filled, ctx->size * sizeof *b->filled);
    b->array.size = ctx->size;
    b->array.selected = -1;
    b->array.sorted = false;
}

void chain_baseline(perflab_ctx *ctx) {
    chain_bench *b = bench_of(ctx);
    b->token[PERFLAB_BASELINE] = tb_chain_sample(b->textbook, b->row, ctx->size);
    tb_chain_accept(b->textbook, b->token[PERFLAB_BASELINE]);
}

void chain_candidate(perflab_ctx *ctx) {
    chain_bench *b = bench_of(ctx);
    if (pluck_sample(b->sampler, b->row, &b->token[PERFLAB_CANDIDATE]) != PLUCK_OK) return;
    pluck_accept(b->sampler, b->token[PERFLAB_CANDIDATE]);
}

void chain_baseline_filled(perflab_ctx *ctx) {
    chain_bench *b = bench_of(ctx);
    tb_chain_apply(b->textbook, &b->array);
    perflab_keep(b->array.data);
}

void chain_candidate_sample(perflab_ctx *ctx) {
    chain_bench *b = bench_of(ctx);
    pluck_sample(b->sampler, b->row, &b->token[PERFLAB_CANDIDATE]);
    perflab_keep(b->token);
}

void chain_candidate_left(perflab_ctx *ctx) {
    chain_bench *b = bench_of(ctx);
    const pluck_row row = {.logits = b->row};
    if (pluck_sample_row(b->sampler, &row, NULL) == PLUCK_OK) {
        pluck_workspace_candidates(pluck_sampler_workspace(b->sampler), &b->left);
    }
    perflab_keep(&b->left);
}

bool chain_validate_array(perflab_ctx *ctx, const tb_array *baseline) {
    chain_bench *b = bench_of(ctx);
    pluck_candidates left = b->left;
    if (b->expected == NULL) {
        const pluck_config config = config_of(b);
        b->expected = expected_create(&config, b->row, b->history, b->n_history);
    }
    if (b->expected == NULL) {
        perflab_reason(ctx, "no reference: out of memory");
        return false;
    }
    if (left.ids == NULL) {
        const pluck_status status =
            pluck_workspace_candidates(pluck_sampler_workspace(b->sampler), &left);
        if (status != PLUCK_OK) {
            perflab_reason(ctx, "the candidates: %s", pluck_status_string(status));
            return false;
        }
    }
    return expected_check(ctx, b->expected, baseline, &left, b->token[PERFLAB_CANDIDATE]);
}

bool chain_validate(perflab_ctx *ctx) {
    return chain_validate_array(ctx, tb_chain_result(bench_of(ctx)->textbook));
}

bool chain_validate_filled(perflab_ctx *ctx) {
    return chain_validate_array(ctx, &bench_of(ctx)->array);
}
