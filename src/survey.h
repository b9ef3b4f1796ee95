/*
 * survey.h: where boundaries lie among very many candidates.
 *
 * The greatest few hundred candidates are weighed (the top), a sample of the row's groups is
 * counted by distance from the maximum. Together they tell about where a mass is reached: a level.
 * The pass that sums the row gives the exact mass above a level or two as well
 * (candidates_sum_levels). What lies between a level and the boundary, some percent of the row, is
 * searched as a list. So a nucleus of most of the row, and a draw from it, take one pass of
 * exponentials instead of three.
 *
 * Nothing but speed depends on the sample: a boundary is taken only where the exact masses show
 * that it lies in the list.
 */
#ifndef PLUCK_SURVEY_H
#define PLUCK_SURVEY_H

#include "prefix.h"

/* The greatest candidates of a WHOLE view, some hundred, all of x >= cut: the first n of the LIST
 * arrays. n is 0 where there are none to be had. */
typedef struct top {
    int32_t n;
    float cut;
    double mass;
} top;

/* Collects the top. `ceiling`: what it must reach down to. Scanned; ref is the one of the sum. */
top survey_top(candidates *c, float ceiling);

/* A top that goes as deep as it takes to hold more than `target` of the mass, by an estimate; n is
 * 0 where that would be much of the row. Summed. */
top survey_deeper(candidates *c, double target, float ceiling);

/* Where the mass seems to lie mostly below the top, and a survey could tell where: sums the view,
 * with levels for a boundary at p of the mass and for the draw ahead. Else does nothing. */
void survey_sum(candidates *c, const top *t, double p);

/* The same for a cut at probability exp(-nats). */
void survey_sum_likely(candidates *c, const top *t, double nats);

/*
 * The boundary at `target` in descending order on a WHOLE view, from a level (x NaN: none is known
 * yet). False if it is not found, or would not be worth it. The candidates around it end up in the
 * LIST arrays, *n long; *at is the boundary. Scanned and summed.
 */
bool survey_find(candidates *c, const top *t, level from, double target, bool strict, int32_t *n,
                 place *at);

#endif /* PLUCK_SURVEY_H */
