/*
 * chains.h: the chains that `make bench` measures, each with its limit in passes.
 */
#ifndef PLUCK_BENCH_CHAINS_H
#define PLUCK_BENCH_CHAINS_H

#include "pluck.h"

enum { CHAIN_MAX_STAGES = 8, HISTORY_LENGTH = 64 };

typedef struct bench_chain {
    const char *name;
    double limit; /* passes */
    bool history; /* 64 tokens are accepted first, so that penalties and DRY have work to do */
    bool second;  /* it combines two rows: only where a second row is given */
    pluck_rng_kind rng;
    pluck_stage stages[CHAIN_MAX_STAGES]; /* end at the first of kind 0 */
} bench_chain;

extern const bench_chain bench_chains[];
extern const int n_bench_chains;

/* The chain as a config; its stages are those of *chain. */
pluck_config bench_chain_config(const bench_chain *chain, int32_t n_vocab,
                                pluck_workspace *workspace);

/* Writes the HISTORY_LENGTH tokens that a chain with a history accepts first: the row's most likely
 * tokens, four times in a row, so that every token is penalised and DRY finds a match. */
pluck_status bench_chain_history(const float *row, int32_t n_vocab, pluck_workspace *workspace,
                                 int32_t *tokens);

/* Creates a sampler of the chain for a row, and accepts the history. */
pluck_status bench_chain_sampler(pluck_sampler **out, const bench_chain *chain, const float *row,
                                 int32_t n_vocab, pluck_workspace *workspace);

#endif /* PLUCK_BENCH_CHAINS_H */
