/*
 * order.h: the orders of candidates, and small sorts and selections: of values, of ids, and of
 * positions in a list. None allocates; all are n log n or linear at worst.
 */
#ifndef PLUCK_ORDER_H
#define PLUCK_ORDER_H

#include "common.h"

typedef enum candidate_order {
    ORDER_ID,         /* ascending id */
    ORDER_DESCENDING, /* logit descending, lower id first among equals */
    ORDER_NEAR,       /* distance of x from a centre ascending, lower id first among equals */
    ORDER_AS_IT_LIES  /* as a list lies, for a reason no longer known */
} candidate_order;

/* How candidates compare: by key ascending, then by id. */
typedef struct ordering {
    const int32_t *ids; /* NULL: values alone, whose positions stand in for ids */
    const float *x;
    candidate_order order; /* ORDER_DESCENDING, ORDER_NEAR or ORDER_ID */
    double centre;
} ordering;

double pk_order_key(const ordering *o, int32_t i);

/* Whether candidate a comes before b. */
bool pk_order_before(const ordering *o, int32_t a, int32_t b);

/* Sorts n positions: by the digits of rounded keys if they are some hundred, else by comparing. */
void pk_sort_index(const ordering *o, int32_t *index, int32_t n);

bool pk_is_sorted(const ordering *o, const int32_t *index, int32_t n);

/* How many of n candidates come at or before (key, id). */
int32_t pk_count_through(const ordering *o, int32_t n, double key, int32_t id);

/* Moves element index[i] to place i, following the permutation's cycles; index is used up. */
void pk_permute(int32_t *ids, float *x, int32_t *index, int32_t n);

/* The k-th greatest (k from 1) of x, which is used up: by digits, linear whatever x holds. */
float pk_kth_greatest(float *x, int32_t n, int32_t k);

/* The same of few, which stay as they lie. By halving the values: counting takes no branch on a
 * number, which a selection mispredicts every other time. */
float pk_kth_of_few(const float *x, int32_t n, int32_t k);

/* Writes the n positions in descending order of x, the lower position first among equals. Meant for
 * few: n comparisons for each, without a branch. */
void pk_rank_descending(const float *x, int32_t *index, int32_t n);

/* Of n positions, which are permuted, the one with the k-th lowest id (k from 1). */
int32_t pk_kth_lowest_id(const int32_t *ids, int32_t *index, int32_t n, int32_t k);

#endif /* PLUCK_ORDER_H */
