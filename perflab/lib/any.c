/*
 * any.c - inputs that may have any values of their type.
 */
#include "any.h"

static perflab_region regions[PERFLAB_MAX_REGIONS];
static size_t n_regions;

void perflab_any(perflab_ctx *ctx, void *p, size_t n, perflab_type type) {
    (void)ctx;
    if (n == 0 || n_regions == PERFLAB_MAX_REGIONS) return;
    regions[n_regions++] = (perflab_region){p, n, type};
}

PERFLAB_EXPORT const perflab_region *perflab_any_regions(size_t *n) {
    *n = n_regions;
    return regions;
}

PERFLAB_EXPORT void perflab_any_forget(void) {
    n_regions = 0;
}
