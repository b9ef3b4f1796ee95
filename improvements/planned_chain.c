/*
 * 3.1 planned_chain: a call through a pointer for each stage, and a chain that is planned as a
 * whole.
 *
 * Temperature, min-p and a draw need no sort, so the main cost is that each indirect call walks
 * over all candidates again. In the plan, temperature is a factor and min-p is a cut, and one walk
 * is enough. The baseline's array is filled beforehand.
 */
#include "chain_bench.h"

static const pluck_stage stages[] = {
    {.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {0.8f, 0, 1}},
    {.kind = PLUCK_STAGE_MIN_P, .as.min_p = {0.05f, 1}},
    {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};

static void add_stages(tb_chain *chain, int32_t n_vocab) {
    (void)n_vocab;
    tb_chain_add(chain, tb_stage_temperature(0.8f));
    tb_chain_add(chain, tb_stage_min_p(0.05f, 1));
    tb_chain_add(chain, tb_stage_dist(CHAIN_SEED));
}

static const chain_plan plan = {
    .stages = stages, .n_stages = 3, .add_stages = add_stages, .passes = 1};

static int setup(perflab_ctx *ctx) {
    return chain_setup(ctx, &plan);
}

PERFLAB_MODULE({.id = "3.1",
                .component = "indirect calls",
                .title = "stages planned together instead of a walk behind each pointer",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = chain_reset_filled,
                .baseline = chain_baseline_filled,
                .candidate = chain_candidate_sample,
                .validate = chain_validate_filled,
                .teardown = chain_teardown})
