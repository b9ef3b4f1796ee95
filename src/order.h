/*
 * order.h: the orders of candidates, and sorts and selections of values, of ids, and of positions
 * in a list. None allocates; each takes at most n log n time.
 */
#ifndef PLUCK_ORDER_H
#define PLUCK_ORDER_H

#include "common.h"

typedef enum candidate_order {
    ORDER_ID,         /* ascending id */
    ORDER_DESCENDING, /* logit descending, lower id first among equals */
    ORDER_NEAR,       /* distance of x from a centre ascending, lower id first among equals */
    ORDER_AS_IT_LIES  /* the order in which a list is stored, whatever it is */
} candidate_order;

/* How candidates compare: by key ascending, then by id. */
typedef struct ordering {
    const int32_t *ids; /* NULL: positions are used as ids */
    const float *x;
    candidate_order order; /* ORDER_DESCENDING, ORDER_NEAR or ORDER_ID */
    double centre;
} ordering;

double pk_order_key(const ordering *o, int32_t i);

/* Whether candidate a comes before b. */
bool pk_order_before(const ordering *o, int32_t a, int32_t b);

/* Sorts n positions: a few hundred by the digits of their rounded keys, others by comparisons. */
void pk_sort_index(const ordering *o, int32_t *index, int32_t n);

/* Sorts n candidates themselves, ids and x, by the digits of their rounded keys. The rooms have place for
 * n each. */
void pk_sort_candidates(candidate_order order, double centre, int32_t *ids, float *x, int32_t n,
                        int32_t *room_ids, float *room_x);

/* Sorts n candidates of n_vocab tokens by id. The rooms have place for n each. */
void pk_sort_by_id(int32_t *ids, float *x, int32_t n, int32_t n_vocab, int32_t *room_ids,
                   float *room_x);

bool pk_is_sorted(const ordering *o, const int32_t *index, int32_t n);

/* How many of the first n candidates come at or before (key, id). */
int32_t pk_count_through(const ordering *o, int32_t n, double key, int32_t id);

/* Moves the element at index[i] to position i, along the permutation's cycles. Overwrites index. */
void pk_permute(int32_t *ids, float *x, int32_t *index, int32_t n);

/* A float as an integer of the same order, and back. */
static inline int32_t float_key(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (bits < 0 ? INT32_MAX : 0);
}

static inline float key_float(int32_t key) {
    const int32_t bits = key ^ (key < 0 ? INT32_MAX : 0);
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The k-th greatest value (k from 1) of x, which is overwritten. Works by digits, so the time is
 * linear for any x. */
float pk_kth_greatest(float *x, int32_t n, int32_t k);

/* The same for few values, which are not changed. Halves the range of values and counts, without
 * branches; a selection mispredicts every other branch. */
float pk_kth_of_few(const float *x, int32_t n, int32_t k);

/* Sorts n values, descending. `room`: for as many, which makes it faster; or NULL. */
void pk_sort_values(float *x, int32_t n, float *room);

/* The one of n positions with the k-th lowest id (k from 1). Permutes index. */
int32_t pk_kth_lowest_id(const int32_t *ids, int32_t *index, int32_t n, int32_t k);

#endif /* PLUCK_ORDER_H */
