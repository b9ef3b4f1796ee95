/*
 * alias.c - buffers that may overlap, for functions whose arguments may.
 */
#include "host.h"

void perflab_alloc_overlapping(perflab_ctx *ctx, perflab_rng *rng, size_t bytes, size_t align,
                               void **a, void **b) {
    enum { APART, SAME, ONE_STEP, ANY_STEP, WAYS };
    const size_t step = align != 0 ? align : 16;
    const size_t steps = bytes / step;
    const uint64_t way = perflab_rng_u64(rng) % WAYS;
    const uint64_t where = perflab_rng_u64(rng);
    if (ctx->host->layout == PERFLAB_LAYOUT_RANDOM || way == APART) {
        *a = perflab_alloc(ctx, bytes, align);
        *b = perflab_alloc(ctx, bytes, align);
        return;
    }
    size_t shift = 0;
    if (way == ONE_STEP) shift = step;
    if (way == ANY_STEP) shift = steps > 0 ? (size_t)(where / 2 % steps) * step : step;
    unsigned char *both = perflab_alloc(ctx, bytes + shift, align);
    const bool first = where % 2 == 0; /* which of them lies first */
    *a = both + (first ? 0 : shift);
    *b = both + (first ? shift : 0);
}
