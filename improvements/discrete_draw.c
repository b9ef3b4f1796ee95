/*
 * 10.1 discrete_draw: std::discrete_distribution.
 *
 * Baseline: softmax over filled candidates, then a distribution that is made for one draw: two
 * vectors of doubles as long as the vocabulary. Candidate: the one-stage chain {dist}. Both draw
 * from mt19937 by inverse CDF in order of id, so the token is the same.
 */
#include "chain_bench.h"

static const pluck_stage stages[] = {{.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};

static void add_stages(tb_chain *chain, int32_t n_vocab) {
    (void)chain;
    (void)n_vocab;
}

static const chain_plan plan = {
    .stages = stages, .n_stages = 1, .add_stages = add_stages, .passes = 1};

static int setup(perflab_ctx *ctx) {
    const int made = chain_setup(ctx, &plan);
    if (made == PERFLAB_OK) ((chain_bench *)ctx->state)->more = tb_random_create(CHAIN_SEED);
    return made;
}

static void teardown(perflab_ctx *ctx) {
    tb_random_free(((chain_bench *)ctx->state)->more);
    chain_teardown(ctx);
}

static void reset(perflab_ctx *ctx) {
    chain_reset_filled(ctx);
    if (ctx->side == PERFLAB_BASELINE) {
        tb_random_seed(((chain_bench *)ctx->state)->more, CHAIN_SEED);
    }
}

static void baseline(perflab_ctx *ctx) {
    chain_bench *b = ctx->state;
    tb_softmax(&b->array, false);
    b->array.selected = tb_random_discrete(b->more, &b->array);
    perflab_keep(b->array.data);
}

PERFLAB_MODULE({.id = "10.1",
                .component = "discrete_distribution",
                .title = "a draw without a distribution object",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = reset,
                .baseline = baseline,
                .candidate = chain_candidate_sample,
                .validate = chain_validate_filled,
                .teardown = teardown})
