/*
 * prefix.h: where, in an order, a cumulative mass is reached: a boundary (top-p, typical) or a
 * draw.
 *
 * A list is narrowed by histograms of mass over distance from the start of the order, until the few
 * in one bin can be sorted and walked. The list itself stays as it is.
 */
#ifndef PLUCK_PREFIX_H
#define PLUCK_PREFIX_H

#include "mass.h"

enum { HISTOGRAM_BINS = 1024 };

/* A place in an ordering: the prefix up to and including it has `mass`. */
typedef struct place {
    int32_t at; /* position in the list searched */
    double mass;
} place;

/* Linear bins over [low, low + HISTOGRAM_BINS / per_unit). */
typedef struct bins {
    float low, per_unit;
} bins;

/* What is searched: a list, in an order, from a mass that lies before it. */
typedef struct search {
    mass_cache *m;
    const mass_source *of;
    ordering o;
    bins first; /* a guess of where the candidates are */
    double before, target;
    bool strict;
} search;

/* A search of a list of tokens of a vocabulary in an order, for a mass of target. */
search pk_search(mass_cache *m, const mass_source *of, const list *l, int32_t n_vocab,
                 candidate_order order, double centre, double target, bool strict);

/* Whether a mass reaches the target. */
bool pk_reaches(const search *s, double mass);

/* Walks n positions in the order of index (NULL: as they lie), from a mass before them; the last
 * one with mass if the target is not reached. */
place pk_walk(const search *s, const int32_t *index, int32_t n, double mass);

/* The place among the first n candidates at which the target is reached, the last one with mass if
 * it is not. */
place pk_find_prefix(const search *s, int32_t n);

#endif /* PLUCK_PREFIX_H */
