/*
 * 1.2 typical_alloc: locally typical sampling's three vectors.
 *
 * Baseline: a sort of all candidates, softmax, entropy by logarithms, a vector of scores, a vector
 * of indices that is sorted, and one of survivors. Candidate: the one-stage chain, and reading its
 * candidates: it finds the boundary without a sort, and only sorts the survivors.
 */
#include "chain_bench.h"

static const pluck_stage stages[] = {{.kind = PLUCK_STAGE_TYPICAL, .as.typical = {0.95f, 1}}};

static void add_stages(tb_chain *chain, int32_t n_vocab) {
    (void)n_vocab;
    tb_chain_add(chain, tb_stage_typical(0.95f, 1));
}

static const chain_plan plan = {
    .stages = stages, .n_stages = 1, .add_stages = add_stages, .passes = 1};

static int setup(perflab_ctx *ctx) {
    return chain_setup(ctx, &plan);
}

PERFLAB_MODULE({.id = "1.2",
                .component = "typical 3x vector alloc",
                .title = "no vectors, no sort of the vocabulary: boundary by histogram",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = chain_reset_filled,
                .baseline = chain_baseline_filled,
                .candidate = chain_candidate_left,
                .validate = chain_validate_filled,
                .teardown = chain_teardown})
