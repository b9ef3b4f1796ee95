/*
 * boundary.h: finds the k-th candidate of a row, for any k, without a list of those before it, and
 * keeps what comes before a boundary.
 *
 * A boundary is a key (a value, or a distance from a centre) and the last id of the candidates with
 * that key that are in. The search narrows it from both sides: it takes a pivot from a sample of
 * the row and counts what is before the pivot in a pass over the row. When few candidates are left
 * between the two sides, they are collected. If all that are left are equals, they are counted
 * instead, however many there are. So any k takes a few passes on any row.
 *
 * All functions are for views that are WHOLE and scanned, and use the view's free list.
 */
#ifndef PLUCK_BOUNDARY_H
#define PLUCK_BOUNDARY_H

#include "view_impl.h"

typedef struct boundary {
    float x;     /* of the last candidate that is in */
    int32_t id;  /* its id */
    double mass; /* of it and all before it, if it was found by mass */
} boundary;

/* The k-th candidate (k from 1, and no more than are alive), in descending order or by distance from
 * v->centre. */
boundary pk_boundary_find(view *v, candidate_order order, int64_t k);

/* How many candidates have low <= x <= high. */
int64_t pk_boundary_count(const view *v, float low, float high);

/* The values that come before x in an order, as one range, low to low_end. */
row_stretch pk_boundary_nearer(const view *v, candidate_order order, float x);

/* Keeps what comes at or before a boundary in that order; the view stays WHOLE. */
void pk_boundary_keep(view *v, candidate_order order, const boundary *b);

#endif /* PLUCK_BOUNDARY_H */
