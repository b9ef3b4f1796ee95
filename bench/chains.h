/*
 * chains.h: the chains that `make bench` measures, each with the most passes it may take.
 */
#ifndef PLUCK_BENCH_CHAINS_H
#define PLUCK_BENCH_CHAINS_H

#include "pluck.h"

enum { CHAIN_MAX_STAGES = 8, HISTORY_LENGTH = 64 };

typedef struct bench_chain {
    const char *name;
    double limit; /* passes */
    bool history; /* 64 tokens have been accepted: penalties and DRY have work to do */
    pluck_rng_kind rng;
    pluck_stage stages[CHAIN_MAX_STAGES]; /* up to the first of kind 0 */
} bench_chain;

extern const bench_chain bench_chains[];
extern const int n_bench_chains;

/* The chain as a config; its stages are those of *chain. */
pluck_config bench_chain_config(const bench_chain *chain, int32_t n_vocab,
                                pluck_workspace *workspace);

/* The HISTORY_LENGTH tokens that are accepted beforehand where a chain asks for a history: the
 * row's likeliest, four times over, so that every token counts and DRY finds a match. */
pluck_status bench_chain_history(const float *row, int32_t n_vocab, pluck_workspace *workspace,
                                 int32_t *tokens);

/* A sampler of the chain for a row, with the history accepted. */
pluck_status bench_chain_sampler(pluck_sampler **out, const bench_chain *chain, const float *row,
                                 int32_t n_vocab, pluck_workspace *workspace);

#endif /* PLUCK_BENCH_CHAINS_H */
