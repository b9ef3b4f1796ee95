/*
 * verdict.h - what a comparison says to a build that wants to know whether to fail.
 */
#ifndef PERFLAB_VERDICT_H
#define PERFLAB_VERDICT_H

#include "stat.h"

typedef enum verdict {
    VERDICT_HELD,    /* resolved: not slower than the threshold allows */
    VERDICT_LOSS,    /* resolved: slower, by the threshold or more */
    VERDICT_UNKNOWN, /* the interval holds both */
} verdict;

const char *verdict_name(verdict v);

/*
 * Judges a ratio of times, old / new, against a threshold (0.02: new may take 2 % longer). Held is
 * an interval that lies wholly above 1 / (1 + threshold). A loss is one that lies below 1, with a
 * median at 1 / (1 + threshold) or below.
 */
verdict verdict_of(const perflab_summary *ratio, double threshold);

/*
 * About how many values more would tell, if they scatter as these do: an interval narrows with the
 * square root of their number. 0: no number of them would, since the median is at the threshold.
 */
size_t verdict_more(const perflab_summary *ratio, double threshold);

/* "regression" or "regression=2%": the threshold; false with a complaint for anything else. */
bool verdict_parse(const char *text, double *threshold);

#endif
