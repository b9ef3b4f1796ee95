/*
 * chain_bench.h: the skeleton of benchmarks that compare a chain of libpluck with textbook stages.
 *
 * A benchmark gives the stages of both; the functions here are its setup, reset and so on. The
 * textbook side either runs as a whole, from the row to the accepted token, or only on an array
 * that is filled beforehand, if filling it should not be measured.
 */
#ifndef IMPROVEMENTS_CHAIN_BENCH_H
#define IMPROVEMENTS_CHAIN_BENCH_H

#include "expected.h"
#include "inputs.h"

enum { CHAIN_SEED = 42 };

typedef struct chain_plan {
    const pluck_stage *stages;
    int32_t n_stages;
    void (*add_stages)(tb_chain *chain, int32_t n_vocab); /* the same stages, textbook */
    bool history;  /* INPUT_HISTORY tokens are accepted beforehand */
    double passes; /* how often the row is read at least; gives min_bytes */
} chain_plan;

typedef struct chain_bench {
    const chain_plan *plan;
    const float *row;
    int32_t n_vocab;
    int32_t history[INPUT_HISTORY];
    int32_t n_history;
    tb_chain *textbook;
    tb_token *filled; /* the row as candidates, from which chain_reset_filled restores the array */
    tb_array array;
    pluck_sampler *sampler;
    pluck_candidates left; /* what the candidate read, if reading is part of the work */
    int32_t token[2];
    expected *expected;
    void *more; /* for the benchmark */
} chain_bench;

/* To be called by the benchmark's setup with its plan. Returns what setup should return. */
int chain_setup(perflab_ctx *ctx, const chain_plan *plan);
void chain_teardown(perflab_ctx *ctx);

/* Resets both sides and accepts the history; no token. For one reset before a block of calls. */
void chain_reset(perflab_ctx *ctx);
/* The same, and fills the textbook's array. For a reset before each call. */
void chain_reset_filled(perflab_ctx *ctx);

/* From the row to the accepted token. */
void chain_baseline(perflab_ctx *ctx);
void chain_candidate(perflab_ctx *ctx);
/* Only the stages, on the filled array. */
void chain_baseline_filled(perflab_ctx *ctx);
/* One call that accepts nothing. */
void chain_candidate_sample(perflab_ctx *ctx);
/* One call of a chain that selects no token, and reading the candidates. */
void chain_candidate_left(perflab_ctx *ctx);

/* Compare both sides with the oracle. */
bool chain_validate(perflab_ctx *ctx);        /* of chain_baseline */
bool chain_validate_filled(perflab_ctx *ctx); /* of chain_baseline_filled */
bool chain_validate_array(perflab_ctx *ctx, const tb_array *baseline);

#endif
