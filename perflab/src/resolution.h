/*
 * resolution.h - what the interval of a ratio of times, old / new, means.
 */
#ifndef PERFLAB_RESOLUTION_H
#define PERFLAB_RESOLUTION_H

#include "stat.h"

/* The practical threshold: a smaller gain does not count, even if it is certain. */
#define PRACTICAL_GAIN 0.02

typedef enum resolution {
    RESOLUTION_NONE,       /* too few processes for an interval */
    RESOLUTION_FASTER,     /* above 1, with a median of at least the practical gain */
    RESOLUTION_SLOWER,     /* below 1, with a median of at least the practical loss */
    RESOLUTION_NEGLIGIBLE, /* a difference, but smaller than that */
    RESOLUTION_UNRESOLVED, /* the interval contains 1 */
} resolution;

resolution resolve(const perflab_summary *ratio);

#endif
