/*
 * prefix.h: finds where, in an order, a cumulative mass is reached: a boundary (top-p, typical) or
 * a draw.
 *
 * The search makes histograms of mass over the distance from the start of the order, each over one
 * bin of the one before, until the bin has so few candidates that they can be sorted and walked.
 * The list is not changed.
 */
#ifndef PLUCK_PREFIX_H
#define PLUCK_PREFIX_H

#include "mass.h"

enum { HISTOGRAM_BINS = 1024 };

/* A place in an ordering. `mass` is that of the prefix up to and including it. */
typedef struct place {
    int32_t at; /* position in the list */
    double mass;
} place;

/* Linear bins over [low, low + HISTOGRAM_BINS / per_unit). */
typedef struct bins {
    float low, per_unit;
} bins;

/* A search: a list, an order, and the mass of what comes before the list. */
typedef struct search {
    mass_cache *m;
    const mass_source *of;
    ordering o;
    bins first; /* the first histogram's bins: a guess of where the candidates are */
    double before, target;
    bool strict;
} search;

/* A search in a list, in an order, for the mass `target`. */
search pk_search(mass_cache *m, const mass_source *of, const list *l, int32_t n_vocab,
                 candidate_order order, double centre, double target, bool strict);

/* Whether a mass reaches the target. */
bool pk_reaches(const search *s, double mass);

/* Walks n positions in the order of index (NULL: as they are stored), starting with `mass`. Returns
 * the place at which the target is reached, or the last one with mass if it is not. */
place pk_walk(const search *s, const int32_t *index, int32_t n, double mass);

/* The place among the first n candidates at which the target is reached, or the last one with mass
 * if it is not. */
place pk_find_prefix(const search *s, int32_t n);

#endif /* PLUCK_PREFIX_H */
