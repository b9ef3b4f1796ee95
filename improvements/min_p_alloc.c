/*
 * 1.1 min_p_alloc: min-p's scratch.
 *
 * Baseline: 12-byte candidates; the survivors are collected in a vector, which is made and freed in
 * each call, and copied back. Candidate: the one-stage chain, and reading its candidates. It
 * allocates nothing, and also gives the probabilities, which the baseline leaves to a later stage.
 */
#include "chain_bench.h"

static const pluck_stage stages[] = {{.kind = PLUCK_STAGE_MIN_P, .as.min_p = {0.05f, 1}}};

static void add_stages(tb_chain *chain, int32_t n_vocab) {
    (void)n_vocab;
    tb_chain_add(chain, tb_stage_min_p(0.05f, 1));
}

static const chain_plan plan = {
    .stages = stages, .n_stages = 1, .add_stages = add_stages, .passes = 1};

static int setup(perflab_ctx *ctx) {
    return chain_setup(ctx, &plan);
}

PERFLAB_MODULE({.id = "1.1",
                .component = "min_p vector alloc",
                .title = "no scratch vector, no copy: the row is filtered in place",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = chain_reset_filled,
                .baseline = chain_baseline_filled,
                .candidate = chain_candidate_left,
                .validate = chain_validate_filled,
                .teardown = chain_teardown})
