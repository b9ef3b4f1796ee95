/*
 * ordering.h: small sorts and selections, of values, of ids, and of positions in a list of
 * candidates. None allocates; all are worst-case n log n or expected linear.
 */
#ifndef PLUCK_ORDERING_H
#define PLUCK_ORDERING_H

#include "candidates.h"

/* How candidates compare: by key ascending, then by id. */
typedef struct ordering {
    const int32_t *ids;
    const float *x;
    candidate_order order; /* ORDER_DESCENDING, ORDER_NEAR or ORDER_ID */
    double centre;
} ordering;

double key_of(const ordering *o, int32_t i);

/* Whether candidate a stands before b. */
bool stands_before(const ordering *o, int32_t a, int32_t b);

/* Sorts n positions: by the digits of rounded keys where they are some hundred, else by comparing.
 */
void sort_index(const ordering *o, int32_t *index, int32_t n);

bool is_sorted(const ordering *o, const int32_t *index, int32_t n);

/* How many of n candidates stand at or before (key, id). */
int32_t count_through(const ordering *o, int32_t n, double key, int32_t id);

/* Moves element index[i] to place i, following the permutation's cycles; index is used up. */
void permute_list(int32_t *ids, float *x, int32_t *index, int32_t n);

/* The k-th greatest (k from 1) of x, which is permuted: the k greatest end up in front. */
float kth_greatest(float *x, int64_t n, int64_t k);

/* The same of few, which stay as they lie. By halving the values: counting takes no branch on a
 * number, which a selection mispredicts every other time. */
float kth_of_few(const float *x, int32_t n, int32_t k);

/* Writes the n positions in descending order of x, the lower position first among equals. Meant for
 * few: n comparisons for each, without a branch. */
void rank_descending(const float *x, int32_t *index, int32_t n);

/* The k-th lowest (k from 1) of n ids, which are permuted. */
int32_t kth_lowest_id(int32_t *ids, int32_t n, int32_t k);

#endif /* PLUCK_ORDERING_H */
