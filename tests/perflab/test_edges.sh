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
#include <string.h>
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
static void thrice(perflab_ctx *ctx) {
    void *p = malloc(1000);
    perflab_keep(p);
    p = realloc(p, 3000);
    perflab_keep(p);
    free(p);
    p = calloc(10, 10);
    perflab_keep(p);
    free(p);
    out[1] = right_min(ctx);
}
/* memmove's work: right apart, wrong if the target lies behind the source and overlaps it. */
static unsigned char *from[2], *to[2];
static int setup_overlap(perflab_ctx *ctx) {
    for (int side = 0; side < 2; side++) {
        perflab_rng rng = {ctx->seed};
        perflab_alloc_overlapping(ctx, &rng, ctx->size, 1, (void **)&from[side], (void **)&to[side]);
    }
    return PERFLAB_OK;
}
static void reset_overlap(perflab_ctx *ctx) {
    for (size_t i = 0; i < ctx->size; i++) to[ctx->side][i] = 0;
    for (size_t i = 0; i < ctx->size; i++) from[ctx->side][i] = (unsigned char)(i + 1);
}
static void move(perflab_ctx *ctx) { memmove(to[0], from[0], ctx->size); }
static void forwards(perflab_ctx *ctx) {
    for (size_t i = 0; i < ctx->size; i++) to[1][i] = from[1][i];
}
static void moves(perflab_ctx *ctx) { memmove(to[1], from[1], ctx->size); }
static bool moved(perflab_ctx *ctx) { return perflab_check_bytes(ctx, "to", to[0], to[1], ctx->size); }
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
               ONE("once", b1, once, PERFLAB_LEAK_IS_WRONG | PERFLAB_ALLOCATION_IS_WRONG),
               ONE("thrice", b1, thrice, 0), ONE("thrice forbidden", b1, thrice, PERFLAB_ALLOCATION_IS_WRONG),
               {.id = "forwards", .component = "c", .title = "t", .size = 500, .setup = setup_overlap,
                .reset = reset_overlap, .baseline = move, .candidate = forwards, .validate = moved},
               {.id = "moves", .component = "c", .title = "t", .size = 500, .setup = setup_overlap,
                .reset = reset_overlap, .baseline = move, .candidate = moves, .validate = moved})
END
says 'edges' "$perflab" build --fixed
for id in min nan length; do
    ends 1 'gate mismatch: seed .*: n: baseline [1-9][0-9]*, candidate 0' "$perflab" validate $id
done
says 'gate passed \(48 cases, 96 values\)' "$perflab" validate right
says 'gate passed .*: the candidate leaks [0-9]+ bytes of malloc in each call, the baseline none' "$perflab" validate leak
ends 1 'gate mismatch: the candidate leaks' "$perflab" validate forbidden
says 'gate passed \(48 cases, 96 values\)$' "$perflab" validate once --variant native
says 'gate passed .*: a call of the candidate allocates 3 times \([0-9]{4} bytes, 3[0-9]{3} at once\), of the baseline 0 times' \
    "$perflab" validate thrice --variant native
ends 1 'gate mismatch: a call of the candidate allocates 3 times' "$perflab" validate 'thrice forbidden' --variant native
ends 1 'gate mismatch: seed .*: to: byte [0-9]+: baseline' "$perflab" validate forwards --variant native
says 'gate passed' "$perflab" validate moves --variant native

finish "edges are tried"
