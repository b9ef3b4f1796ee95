/*
 * survey.h: finds boundaries among very many candidates.
 *
 * The few hundred greatest candidates, the top, are collected and summed; a sample of the row's
 * groups is counted by distance from the maximum. Both together show near which value a mass is
 * reached: a level. The pass that sums the row also gives the exact mass above one or two levels
 * (pk_mass_sum_levels). What is between a level and the boundary, some percent of the row, is
 * searched as a list. So a nucleus of most of the row, and a draw from it, take one pass of
 * exponentials instead of three.
 *
 * Only the speed depends on the sample: a boundary is accepted only if the exact masses show that
 * it is in the list. All functions are for views that are WHOLE and scanned; "summed" means that
 * the view must have its sum.
 */
#ifndef PLUCK_SURVEY_H
#define PLUCK_SURVEY_H

#include "prefix.h"
#include "view_impl.h"

/* The top: all candidates with x >= low, a few hundred, which are the first n of the view's free
 * list. If they cannot be found cheaply n is 0, and low +inf. */
typedef struct top {
    int32_t n;
    float low;
    double mass;
} top;

/* Whether a row has so many groups that reading a sample first can be worth it. */
bool pk_survey_is_possible(const view *v);

/* Collects the top. Its low is at or below `ceiling`. */
top pk_survey_top(view *v, float ceiling);

/* Collects a top that has, by an estimate, more mass than `target`; n is 0 if that would be much of
 * the row. Summed. */
top pk_survey_deeper(view *v, double target, float ceiling);

/* Sums the view, with levels for a boundary at p of the mass and for the draw from `ahead`; does
 * nothing unless most of the mass seems to be below the top and a survey can find where. */
void pk_survey_sum(view *v, const top *t, double p, const rng_stream *ahead);

/* The same for a cut at the probability exp(-nats). */
void pk_survey_sum_likely(view *v, const top *t, double nats, const rng_stream *ahead);

/*
 * Finds the boundary at `target` in descending order, starting from a level (x is NaN: none is
 * known). False if it is not found, or the search would take too long. The candidates around it are
 * then in the view's free list, and *at is the boundary. Summed.
 */
bool pk_survey_find(view *v, const top *t, level from, double target, bool strict, place *at);

#endif /* PLUCK_SURVEY_H */
