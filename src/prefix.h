/*
 * prefix.h: where, in an order, a cumulative mass is reached: a boundary (top-p, typical) or a
 * draw.
 *
 * A list of n candidates is narrowed by histograms of mass over distance from the start of the
 * order, until the few in one bin can be sorted and walked. The list itself stays as it is.
 */
#ifndef PLUCK_PREFIX_H
#define PLUCK_PREFIX_H

#include "ordering.h"

/* A place in an ordering: the prefix up to and including it has `mass`. */
typedef struct place {
    int32_t at; /* position in the list searched */
    double mass;
} place;

/* Linear bins over [low, low + HISTOGRAM_BINS / per_unit). */
typedef struct bins {
    float low, per_unit;
} bins;

/* What find_prefix searches: a list, in an order, from a mass that lies before it. */
typedef struct search {
    const candidates *c;
    ordering o;
    exp_params e;
    bins first; /* a guess of where the candidates are */
    double before, target;
    bool strict;
} search;

/* A search of the LIST arrays of c in an order, for a mass of target. */
search search_for(const candidates *c, candidate_order order, double target, bool strict);

/* Whether a mass reaches the target. */
bool reaches(const search *s, double mass);

/* The masses of up to GROUP candidates at positions index[0..n), or first.. where index is NULL. */
void masses(const search *s, const int32_t *index, int32_t first, int32_t n, float *e);

/* Walks n positions in the order of index, from a mass before them; the last one with mass if the
 * target is not reached. */
place walk(const search *s, const int32_t *index, int32_t n, double mass);

/* The place among the first n candidates at which the target is reached, the last one with mass
 * where it is not. index has room for n positions. */
#if defined(__GNUC__)
__attribute__((nonnull))
#endif
place find_prefix(const search *s, int32_t n, int32_t *index);

#endif /* PLUCK_PREFIX_H */
