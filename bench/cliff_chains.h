/*
 * cliff_chains.h: the chains that run on every shape: a spec string for each, and what a spec
 * string cannot contain: many biases, a history, a callback.
 */
#ifndef PLUCK_BENCH_CLIFF_CHAINS_H
#define PLUCK_BENCH_CLIFF_CHAINS_H

#include "pluck.h"

typedef enum cliff_history {
    HISTORY_NONE = 0,
    HISTORY_NATURAL,   /* tokens as often as in text: that of rank r with weight 1/r */
    HISTORY_DISTINCT,  /* no token twice */
    HISTORY_ONE,       /* one token repeated */
    HISTORY_ALTERNATE, /* every other token is the same one */
    HISTORY_PERIOD     /* the same eleven tokens repeated */
} cliff_history;

typedef struct cliff_chain {
    const char *name;
    const char *spec;
    int32_t n_biases;
    cliff_history history;
    int32_t n_history; /* tokens accepted */
    bool custom;       /* a callback that changes nothing comes first */
    bool small;        /* part of the fixed set that the tests count */
    /* This chain's limit on ordinary rows, the sum of: `factor` times the cost of the chain named
     * `base`; `plain` times the cost of a plain draw; and `microseconds`, for any vocabulary. All
     * 0: no such limit. */
    const char *base;
    double factor, plain, microseconds;
} cliff_chain;

extern const cliff_chain cliff_chains[];
extern const int n_cliff_chains;

/* The number of the chain of that name, which must exist. */
int cliff_chain_find(const char *name);

/* Creates a sampler of the chain. by_rank: the n_vocab tokens, most likely first, which histories
 * are made of. workspace may be NULL. */
pluck_status cliff_chain_sampler(pluck_sampler **out, const cliff_chain *chain,
                                 const int32_t *by_rank, int32_t n_vocab,
                                 pluck_workspace *workspace);

#endif /* PLUCK_BENCH_CLIFF_CHAINS_H */
