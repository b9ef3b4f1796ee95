/*
 * whole_chains.c: each chain, as stages of libpluck and as textbook stages.
 */
#include "whole_chains.h"

#define TOP_K                                                                                      \
    { .kind = PLUCK_STAGE_TOP_K, .as.top_k.k = 40 }
#define TOP_P                                                                                      \
    {                                                                                              \
        .kind = PLUCK_STAGE_TOP_P, .as.top_p = { 0.95f, 1 }                                        \
    }
#define MIN_P                                                                                      \
    {                                                                                              \
        .kind = PLUCK_STAGE_MIN_P, .as.min_p = { 0.05f, 1 }                                        \
    }
#define TYPICAL                                                                                    \
    {                                                                                              \
        .kind = PLUCK_STAGE_TYPICAL, .as.typical = { 0.95f, 1 }                                    \
    }
#define TEMPERATURE                                                                                \
    {                                                                                              \
        .kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = { 0.8f, 0, 1 }                          \
    }
#define PENALTIES                                                                                  \
    {                                                                                              \
        .kind = PLUCK_STAGE_PENALTIES, .as.penalties = {.last_n = INPUT_HISTORY, .repeat = 1.1f }  \
    }
#define DIST                                                                                       \
    { .kind = PLUCK_STAGE_DIST, .as.dist.seed = PLUCK_SEED_RANDOM }

static const pluck_stage penalised[] = {PENALTIES, TOP_K, TOP_P, MIN_P, TEMPERATURE, DIST};
static const pluck_stage typical[] = {TYPICAL, TEMPERATURE, DIST};

static void add_no_top_k(tb_chain *chain, int32_t n_vocab) {
    (void)n_vocab;
    tb_chain_add(chain, tb_stage_top_p(0.95f, 1));
    tb_chain_add(chain, tb_stage_min_p(0.05f, 1));
    tb_chain_add(chain, tb_stage_temperature(0.8f));
    tb_chain_add(chain, tb_stage_dist(CHAIN_SEED));
}

static void add_default(tb_chain *chain, int32_t n_vocab) {
    tb_chain_add(chain, tb_stage_top_k(40));
    add_no_top_k(chain, n_vocab);
}

static void add_penalties(tb_chain *chain, int32_t n_vocab) {
    tb_chain_add(chain, tb_stage_penalties(INPUT_HISTORY, 1.1f, 0, 0));
    add_default(chain, n_vocab);
}

static void add_typical(tb_chain *chain, int32_t n_vocab) {
    (void)n_vocab;
    tb_chain_add(chain, tb_stage_typical(0.95f, 1));
    tb_chain_add(chain, tb_stage_temperature(0.8f));
    tb_chain_add(chain, tb_stage_dist(CHAIN_SEED));
}

const chain_plan whole_default = {
    .stages = penalised + 1, .n_stages = 5, .add_stages = add_default, .passes = 1};
const chain_plan whole_penalties = {
    .stages = penalised, .n_stages = 6, .add_stages = add_penalties, .history = true, .passes = 1};
const chain_plan whole_no_top_k = {
    .stages = penalised + 2, .n_stages = 4, .add_stages = add_no_top_k, .passes = 1};
const chain_plan whole_typical = {
    .stages = typical, .n_stages = 3, .add_stages = add_typical, .passes = 1};
