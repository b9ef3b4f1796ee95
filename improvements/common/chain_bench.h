/*
 * chain_bench.h: the skeleton of benchmarks that hold a chain of libpluck against textbook stages.
 *
 * A benchmark gives the stages of both; the functions here are its setup, reset and so on. The
 * textbook side either runs whole, from the row to the accepted token, or only on an array that is
 * filled beforehand, where the filling is not what is measured.
 */
#ifndef IMPROVEMENTS_CHAIN_BENCH_H
#define IMPROVEMENTS_CHAIN_BENCH_H

#include "expected.h"
#include "inputs.h"

enum { CHAIN_SEED = 42 };

typedef struct chain_plan {
    const pluck_stage *stages;
    int32_t n_stages;
    void (*add_stages)(tb_chain *chain, int32_t n_vocab); /* the same ones, textbook */
    bool history;  /* INPUT_HISTORY tokens were accepted before */
    double passes; /* least bytes: this many readings of the row */
} chain_plan;

typedef struct chain_bench {
    const chain_plan *plan;
    const float *row;
    int32_t n_vocab;
    int32_t history[INPUT_HISTORY];
    int32_t n_history;
    tb_chain *textbook;
    tb_token *filled; /* the row as candidates; chain_reset_filled restores array from it */
    tb_array array;
    pluck_sampler *sampler;
    pluck_candidates left; /* what candidate read, where reading is part of the work */
    int32_t token[2];
    expected *expected;
    void *more; /* the benchmark's own */
} chain_bench;

/* For .setup = own function that calls this with its plan. Returns PERFLAB_OK or what is to be
 * returned. */
int chain_setup(perflab_ctx *ctx, const chain_plan *plan);
void chain_teardown(perflab_ctx *ctx);

/* Both sides as newly made, the history accepted; no token. Once before a block of calls. */
void chain_reset(perflab_ctx *ctx);
/* Also fills the textbook's array; before each call. */
void chain_reset_filled(perflab_ctx *ctx);

/* From the row to the accepted token. */
void chain_baseline(perflab_ctx *ctx);
void chain_candidate(perflab_ctx *ctx);
/* The stages on the filled array. */
void chain_baseline_filled(perflab_ctx *ctx);
/* One call and nothing accepted. */
void chain_candidate_sample(perflab_ctx *ctx);
/* One call of a chain that selects nothing, and the candidates read. */
void chain_candidate_left(perflab_ctx *ctx);

/* Both against the oracle. */
bool chain_validate(perflab_ctx *ctx);        /* of chain_baseline */
bool chain_validate_filled(perflab_ctx *ctx); /* of chain_baseline_filled */
bool chain_validate_array(perflab_ctx *ctx, const tb_array *baseline);

#endif
