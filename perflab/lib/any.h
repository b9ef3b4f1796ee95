/*
 * any.h - the inputs that a benchmark declared with perflab_any, for perflab itself.
 */
#ifndef PERFLAB_ANY_H
#define PERFLAB_ANY_H

#include "perflab.h"

enum { PERFLAB_MAX_REGIONS = 16 };

typedef struct perflab_region {
    void *p;
    size_t n;
    perflab_type type;
} perflab_region;

/* Exported by modules that use perflab_any: those since the last forgetting. */
PERFLAB_EXPORT const perflab_region *perflab_any_regions(size_t *n);
PERFLAB_EXPORT void perflab_any_forget(void);

#endif
