/*
 * boundary.h: finds where a number of candidates, or a mass, is reached in a row, without a list of
 * what comes before.
 *
 * A boundary is a key (a value, or a distance from a centre) and the last id of the candidates with
 * that key that are in. The search narrows it from both sides: it takes a pivot from a sample of
 * the row and finds the exact number or mass before the pivot by a pass over the row. When few
 * candidates are left between the two sides, they are collected. If all that are left are equals,
 * they are counted instead, however many there are. So any k, and a nucleus of the whole row, take
 * a few passes on any row.
 *
 * All functions are for views that are WHOLE and scanned, and use the view's free list.
 */
#ifndef PLUCK_BOUNDARY_H
#define PLUCK_BOUNDARY_H

#include "prefix.h"
#include "view_impl.h"

/* What is added up until the target is reached. */
typedef enum measure { MEASURE_COUNT, MEASURE_MASS } measure;

typedef struct boundary {
    float x;     /* of the last candidate that is in */
    int32_t id;  /* its id */
    double mass; /* of it and all before it; for MEASURE_MASS */
} boundary;

/*
 * The first candidate, in descending order or by distance from v->centre, at which the measure
 * reaches the target (exceeds it if strict); the last one if it never does. For MEASURE_MASS the
 * view must have its sum.
 */
boundary pk_boundary_find(view *v, candidate_order order, measure what, double target, bool strict);

/* Keeps what comes at or before a boundary in that order; the view stays WHOLE. */
void pk_boundary_keep(view *v, candidate_order order, const boundary *b);

#endif /* PLUCK_BOUNDARY_H */
