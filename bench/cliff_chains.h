/*
 * cliff_chains.h: the chains that are tried on every shape, as spec strings with what a spec string
 * cannot say: many biases, a history, a callback.
 */
#ifndef PLUCK_BENCH_CLIFF_CHAINS_H
#define PLUCK_BENCH_CLIFF_CHAINS_H

#include "pluck.h"

typedef enum cliff_history {
    HISTORY_NONE = 0,
    HISTORY_NATURAL,   /* tokens as often as in text: rank 1/r, likeliest first */
    HISTORY_DISTINCT,  /* no token twice */
    HISTORY_ONE,       /* one token again and again */
    HISTORY_ALTERNATE, /* one token, with others between */
    HISTORY_PERIOD     /* the same eleven tokens again and again */
} cliff_history;

typedef struct cliff_chain {
    const char *name;
    const char *spec;
    int32_t n_biases;
    cliff_history history;
    int32_t n_history; /* tokens accepted */
    bool custom;       /* a callback that changes nothing comes first */
    bool small;        /* part of the fixed set that the tests count */
    /* A limit of its own on ordinary rows, the sum of: `factor` times the cost of the chain named
     * `base`; `plain` times that of a plain draw; `microseconds`, whatever the vocabulary. All 0:
     * none. */
    const char *base;
    double factor, plain, microseconds;
} cliff_chain;

extern const cliff_chain cliff_chains[];
extern const int n_cliff_chains;

/* The number of the chain of that name, which must exist. */
int cliff_chain_find(const char *name);

/* A sampler of the chain. by_rank: the n_vocab tokens from the likeliest down, of which histories
 * are made. workspace may be NULL. */
pluck_status cliff_chain_sampler(pluck_sampler **out, const cliff_chain *chain,
                                 const int32_t *by_rank, int32_t n_vocab,
                                 pluck_workspace *workspace);

#endif /* PLUCK_BENCH_CLIFF_CHAINS_H */
