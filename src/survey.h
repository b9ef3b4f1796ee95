/*
 * survey.h: where boundaries lie among very many candidates.
 *
 * The greatest few hundred candidates are weighed (the top), a sample of the row's groups is
 * counted by distance from the maximum. Together they tell about where a mass is reached: a level.
 * The pass that sums the row gives the exact mass above a level or two as well
 * (pk_mass_sum_levels). What lies between a level and the boundary, some percent of the row, is
 * searched as a list. So a nucleus of most of the row, and a draw from it, take one pass of
 * exponentials instead of three.
 *
 * Nothing but speed depends on the sample: a boundary is taken only if the exact masses show that
 * it lies in the list. All functions are for WHOLE, scanned views.
 */
#ifndef PLUCK_SURVEY_H
#define PLUCK_SURVEY_H

#include "prefix.h"
#include "view_impl.h"

/* The greatest candidates, some hundred, all of x >= low: the view's free list, the first n. n is 0
 * if there are none to be had. */
typedef struct top {
    int32_t n;
    float low;
    double mass;
} top;

/* Collects the top. `ceiling`: what it must reach down to. */
top pk_survey_top(view *v, float ceiling);

/* A top that goes as deep as it takes to hold more than `target` of the mass, by an estimate; n is
 * 0 if that would be much of the row. Summed. */
top pk_survey_deeper(view *v, double target, float ceiling);

/* If the mass seems to lie mostly below the top, and a survey could tell where: sums the view, with
 * levels for a boundary at p of the mass and for the draw `ahead`. Else does nothing. */
void pk_survey_sum(view *v, const top *t, double p, const rng_stream *ahead);

/* The same for a cut at probability exp(-nats). */
void pk_survey_sum_likely(view *v, const top *t, double nats, const rng_stream *ahead);

/*
 * The boundary at `target` in descending order, from a level (x NaN: none is known yet). False if
 * it is not found, or would not be worth it. The candidates around it end up in the view's free
 * list; *at is the boundary. Summed.
 */
bool pk_survey_find(view *v, const top *t, level from, double target, bool strict, place *at);

#endif /* PLUCK_SURVEY_H */
