/*
 * 7.2 mirostat_exp2: mirostat, in which 2^mu is only one of the costs.
 *
 * Baseline: v1 with powf(2, mu) on filled candidates: a sort of the vocabulary, two softmaxes, a
 * discrete distribution. Candidate: the one-stage chain, which sorts only what the estimate uses.
 */
#include "chain_bench.h"

static const pluck_stage stages[] = {
    {.kind = PLUCK_STAGE_MIROSTAT, .as.mirostat = {5.0f, 0.1f, 100, PLUCK_SEED_RANDOM}}};

static void add_stages(tb_chain *chain, int32_t n_vocab) {
    tb_chain_add(chain, tb_stage_mirostat(n_vocab, CHAIN_SEED, 5.0f, 0.1f, 100));
}

static const chain_plan plan = {
    .stages = stages, .n_stages = 1, .add_stages = add_stages, .passes = 1};

static int setup(perflab_ctx *ctx) {
    return chain_setup(ctx, &plan);
}

PERFLAB_MODULE({.id = "7.2",
                .component = "mirostat exp2f",
                .title = "the whole of mirostat v1 without sorting the vocabulary",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = chain_reset_filled,
                .baseline = chain_baseline_filled,
                .candidate = chain_candidate_sample,
                .validate = chain_validate_filled,
                .teardown = chain_teardown})
