#!/bin/sh
# Candidates that are wrong on values that random inputs hardly ever have, and one that leaks.
# usage: test_edges.sh PERFLAB MODULES SOURCES BUILD
set -u
perflab=$1 sources=$3
work=$(mktemp -d /tmp/perflab-edges-XXXXXX) || exit 1
cd "$work" || exit 1
. "$sources/common.sh"

cat >bench-edges.c <<'END'
#include "perflab.h"
#include <math.h>
#include <stdlib.h>
static int64_t *ints;
static float *floats;
static size_t length;
static int64_t out[2];
static int setup(perflab_ctx *ctx) {
    perflab_rng rng = {ctx->seed};
    ints = perflab_alloc(ctx, ctx->size * sizeof *ints, 8);
    floats = perflab_alloc(ctx, ctx->size * sizeof *floats, 4);
    perflab_fill_i64(ctx, &rng, ints, ctx->size);
    perflab_fill_f32(ctx, &rng, floats, ctx->size, true);
    length = perflab_length(ctx, &rng, ctx->size);
    out[0] = out[1] = -7;
    return PERFLAB_OK;
}
#define EACH(expression) int64_t n = 0; for (size_t i = 0; i < ctx->size; i++) n += expression; return n;
static int64_t right_min(perflab_ctx *ctx) { EACH(ints[i] == INT64_MIN) }
static int64_t right_nan(perflab_ctx *ctx) { EACH(isnan(floats[i]) != 0) }
static int64_t right_length(perflab_ctx *ctx) { (void)ctx; return length == 0; }
static int64_t nothing(perflab_ctx *ctx) { (void)ctx; return 0; }
static void b1(perflab_ctx *ctx) { out[0] = right_min(ctx); }
static void b2(perflab_ctx *ctx) { out[0] = right_nan(ctx); }
static void b3(perflab_ctx *ctx) { out[0] = right_length(ctx); }
static void wrong(perflab_ctx *ctx) { out[1] = nothing(ctx); }
static void c1(perflab_ctx *ctx) { out[1] = right_min(ctx); }
static void leak(perflab_ctx *ctx) { perflab_keep(malloc(4000)); out[1] = right_min(ctx); }
static void once(perflab_ctx *ctx) {
    static void *pool;
    if (pool == 0) pool = malloc(100000);
    perflab_keep(pool);
    out[1] = right_min(ctx);
}
static bool validate(perflab_ctx *ctx) { return perflab_check_index(ctx, "n", out[0], out[1]); }
#define ONE(name, b, c, f) {.id = name, .component = "c", .title = "t", .size = 500, .setup = setup, \
    .baseline = b, .candidate = c, .validate = validate, .flags = f}
PERFLAB_MODULE(ONE("min", b1, wrong, 0), ONE("nan", b2, wrong, 0), ONE("length", b3, wrong, 0),
               ONE("right", b1, c1, 0), ONE("leak", b1, leak, 0), ONE("forbidden", b1, leak, PERFLAB_LEAK_IS_WRONG),
               ONE("once", b1, once, PERFLAB_LEAK_IS_WRONG))
END
says 'edges' "$perflab" build --fixed
for id in min nan length; do
    ends 1 'gate mismatch: seed .*: n: baseline [1-9][0-9]*, candidate 0' "$perflab" validate $id
done
says 'gate passed \(48 cases, 96 values\)' "$perflab" validate right
says 'gate passed .*: the candidate leaks [0-9]+ bytes of malloc in each call, the baseline none' "$perflab" validate leak
ends 1 'gate mismatch: the candidate leaks' "$perflab" validate forbidden
says 'gate passed \(48 cases, 96 values\)$' "$perflab" validate once --variant native

finish "edges are tried"
