/*
 * fill.c - random inputs, with the edge cases that code tends to get wrong.
 */
#include "host.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

/* How much of a buffer is edge cases. Drawn for each, so that edge cases of two buffers meet. */
typedef enum mixture { PLAIN, SOME, ALL } mixture;

static mixture draw_mixture(const perflab_ctx *ctx, perflab_rng *rng) {
    const mixture m = (mixture)(perflab_rng_u64(rng) % 3);
    return ctx->host->layout == PERFLAB_LAYOUT_RANDOM ? PLAIN : m;
}

static bool is_edge(mixture m, perflab_rng *rng) {
    return m == ALL || (m == SOME && perflab_rng_u64(rng) % 4 == 0);
}

/* The bit pattern of an edge case of integers with `bits` bits. */
static uint64_t integer_edge(perflab_rng *rng, unsigned bits) {
    const uint64_t top = (uint64_t)1 << (bits - 1); /* the smallest value of the signed type */
    const uint64_t edges[] = {
        0,   1,       2,       (uint64_t)0 - 1, (uint64_t)0 - 2,
        top, top + 1, top - 1, top - 2,         (uint64_t)1 << (perflab_rng_u64(rng) % bits)};
    return edges[perflab_rng_u64(rng) % (sizeof edges / sizeof *edges)];
}

static uint64_t integer(mixture m, perflab_rng *rng, unsigned bits) {
    return is_edge(m, rng) ? integer_edge(rng, bits) : perflab_rng_u64(rng);
}

void perflab_fill_i32(perflab_ctx *ctx, perflab_rng *rng, int32_t *p, size_t n) {
    perflab_fill_u32(ctx, rng, (uint32_t *)p, n);
}

void perflab_fill_u32(perflab_ctx *ctx, perflab_rng *rng, uint32_t *p, size_t n) {
    const mixture m = draw_mixture(ctx, rng);
    for (size_t i = 0; i < n; i++) p[i] = (uint32_t)integer(m, rng, 32);
}

void perflab_fill_i64(perflab_ctx *ctx, perflab_rng *rng, int64_t *p, size_t n) {
    perflab_fill_u64(ctx, rng, (uint64_t *)p, n);
}

void perflab_fill_u64(perflab_ctx *ctx, perflab_rng *rng, uint64_t *p, size_t n) {
    const mixture m = draw_mixture(ctx, rng);
    for (size_t i = 0; i < n; i++) p[i] = integer(m, rng, 64);
}

static double float_edge(perflab_rng *rng, bool special, bool single) {
    const double largest = single ? (double)FLT_MAX : DBL_MAX;
    const double normal = single ? (double)FLT_MIN : DBL_MIN;
    const double subnormal = single ? (double)FLT_TRUE_MIN : DBL_TRUE_MIN;
    const double step = single ? (double)FLT_EPSILON : DBL_EPSILON;
    const double edges[] = {0,        -0.0,      1,      -1,      1 + step,  1 - step / 2,
                            largest,  -largest,  normal, -normal, subnormal, -subnormal,
                            INFINITY, -INFINITY, NAN};
    const size_t n = sizeof edges / sizeof *edges;
    return edges[perflab_rng_u64(rng) % (special ? n : n - 3)];
}

void perflab_fill_f32(perflab_ctx *ctx, perflab_rng *rng, float *p, size_t n, bool special) {
    const mixture m = draw_mixture(ctx, rng);
    for (size_t i = 0; i < n; i++) {
        p[i] = (float)(is_edge(m, rng) ? float_edge(rng, special, true) : perflab_rng_normal(rng));
    }
}

void perflab_fill_f64(perflab_ctx *ctx, perflab_rng *rng, double *p, size_t n, bool special) {
    const mixture m = draw_mixture(ctx, rng);
    for (size_t i = 0; i < n; i++) {
        p[i] = is_edge(m, rng) ? float_edge(rng, special, false) : perflab_rng_normal(rng);
    }
}

size_t perflab_length(perflab_ctx *ctx, perflab_rng *rng, size_t most) {
    const uint64_t drawn = perflab_rng_u64(rng);
    if (ctx->host->layout == PERFLAB_LAYOUT_RANDOM || most == 0) return most;
    const size_t edges[] = {0, 1, most - 1, most};
    if (drawn % 8 < 4) return edges[drawn % 4];
    return (size_t)(drawn / 8 % ((uint64_t)most + 1));
}
