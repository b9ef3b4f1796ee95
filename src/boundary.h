/*
 * boundary.h: where a number of candidates, or a mass, is reached in a row, without a list of what
 * lies before it.
 *
 * A boundary is a key (a value, or a distance from a centre) and, of the candidates that have it,
 * the last id. It is closed in on from both sides: a pivot from a sample of the row, then the exact
 * number or mass of what comes before it, by a pass over the row. What is left between the two sides
 * is collected once it is some part of the row; if it is equals, however many, they are counted. So
 * a nucleus of the whole row, and any k, take a few passes on any row.
 *
 * All functions are for WHOLE, scanned views, and use the view's free list.
 */
#ifndef PLUCK_BOUNDARY_H
#define PLUCK_BOUNDARY_H

#include "prefix.h"
#include "view_impl.h"

/* What is added up until the target is reached. */
typedef enum measure { MEASURE_COUNT, MEASURE_MASS } measure;

typedef struct boundary {
    float x;     /* of the last candidate before the boundary */
    int32_t id;  /* its id */
    double mass; /* of it and all before it; MEASURE_MASS */
} boundary;

/*
 * The first candidate, in descending order or by distance from v->centre, at which the measure
 * reaches the target (exceeds it if strict); the last one if it never does. Sums first, if the
 * measure is the mass: summed.
 */
boundary pk_boundary_find(view *v, candidate_order order, measure what, double target, bool strict);

/* Keeps what comes at or before a boundary in that order; the view stays WHOLE. */
void pk_boundary_keep(view *v, candidate_order order, const boundary *b);

#endif /* PLUCK_BOUNDARY_H */
