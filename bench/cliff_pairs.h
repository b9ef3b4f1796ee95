/*
 * cliff_pairs.h: every chain on every shape, for one vocabulary and dtype.
 */
#ifndef PLUCK_BENCH_CLIFF_PAIRS_H
#define PLUCK_BENCH_CLIFF_PAIRS_H

#include "cliff_chains.h"
#include "cliff_rows.h"

/* A chain on a shape. */
typedef struct cliff_pair {
    const cliff_chain *chain;
    const cliff_shape *shape;
    int32_t n_vocab;
    pluck_dtype dtype;
    double cost;  /* microseconds or instructions of a call */
    double ratio; /* cost over the cost that it is compared with */
    double limit; /* of the ratio */
} cliff_pair;

/* What to run. */
typedef struct cliff_plan {
    const char *chain, *shape; /* run only names that contain it; NULL: all */
    bool small;                /* run only the fixed set that the tests count */
    int blocks;
    void (*progress)(const cliff_pair *pair); /* called with each result; may be NULL */
} cliff_plan;

/* A growing list of results. */
typedef struct cliff_pairs {
    cliff_pair *items;
    int n, room;
} cliff_pairs;

/*
 * Runs the plan and adds its pairs to `out`. What each pair's cost is compared with:
 *
 *     a row     the larger of the chain and a plain draw, both on a normal row of float32
 *     a mask    the larger of the row without it and the row with -inf at the masked tokens
 *     a list    the chain on a row of as many tokens
 *
 * Returns false if something failed; a message has then been printed.
 */
bool cliff_pairs_run(cliff_pairs *out, const cliff_plan *plan, int32_t n_vocab, pluck_dtype dtype);

#endif /* PLUCK_BENCH_CLIFF_PAIRS_H */
