/*
 * verdict.h - whether a comparison should fail a build: --fail-on.
 */
#ifndef PERFLAB_VERDICT_H
#define PERFLAB_VERDICT_H

#include "stat.h"

typedef enum verdict {
    VERDICT_HELD,    /* resolved: no slower than the threshold allows */
    VERDICT_LOSS,    /* resolved: slower, by the threshold or more */
    VERDICT_UNKNOWN, /* the interval does not decide it */
} verdict;

const char *verdict_name(verdict v);

/*
 * Judges a ratio of times, old / new, by a threshold (0.02: new may take 2 % longer). It is held if
 * the whole interval is above 1 / (1 + threshold). It is a loss if the whole interval is below 1
 * and the median is at most 1 / (1 + threshold).
 */
verdict verdict_of(const perflab_summary *ratio, double threshold);

/*
 * About how many more values would decide it, if they scatter as these do: an interval narrows with
 * the square root of the number of values. 0 if no reasonable number would, since the median is too
 * close to the threshold. Fewer than `least` values have no interval.
 */
size_t verdict_more(const perflab_summary *ratio, double threshold, size_t least);

/* Reads the threshold of "regression" (0.02) or "regression=2%". Returns false for other text. */
bool verdict_threshold(const char *text, double *threshold);

/* The same, with an error message about --fail-on. */
bool verdict_parse(const char *text, double *threshold);

#endif
