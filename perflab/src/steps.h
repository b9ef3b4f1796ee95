/*
 * steps.h - where a series of measurements changes its level.
 *
 * The candidates are found by PELT (R. Killick, P. Fearnhead and I. A. Eckley, Optimal detection of
 * changepoints with a linear computational cost, 2012): the partition with the least sum of squares
 * around the means of its segments, of the logarithms, in units of the noise, plus a penalty of
 * 3 log n for each segment, which is that of the modified BIC. A step then has to hold by the rules
 * of every other comparison: the intervals of the medians of both sides do not overlap, and the
 * medians are 2 % or more apart.
 */
#ifndef PERFLAB_STEPS_H
#define PERFLAB_STEPS_H

#include "stat.h"

/* What was measured at one commit. */
typedef struct step_point {
    const double *values; /* of the processes, above 0 */
    size_t n;             /* at least 1 */
} step_point;

/* A segment: the points from `first` to the next segment, with the summary of all their values. */
typedef struct step_segment {
    size_t first, n;
    perflab_summary level;
} step_segment;

/* Splits n points into segments, at least one if n > 0. Returns how many; free *out. */
size_t steps_find(const step_point *points, size_t n, step_segment **out);

/*
 * PELT alone: splits x[0..n) where the mean changes, if the noise has the standard deviation sigma.
 * Stores the first index of each segment in starts[n], and returns how many there are.
 */
size_t steps_pelt(const double *x, size_t n, double sigma, double penalty, size_t *starts);

#endif
