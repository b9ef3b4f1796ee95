/*
 * 7.1 softmax_exp: the exponentials of a softmax.
 *
 * Baseline: expf of the C library for each x - max, as -O3 compiles the loop. Candidate: pluck_exp,
 * which must also be within 2 ulp of the reference: a fast exponential that is wrong by 2 % is no
 * improvement.
 */
#include "inputs.h"
#include "pluck_blocks.h"

#include <math.h>
#include <stdlib.h>

typedef struct state {
    float *x;
    float *out[2];
} state;

static int setup(perflab_ctx *ctx) {
    float max = -INFINITY;
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    const float *row = input_row(ctx);
    ctx->state = s;
    if (row == NULL) return PERFLAB_SKIP;
    s->x = perflab_alloc(ctx, ctx->size * sizeof(float), 0);
    for (int side = 0; side < 2; side++) {
        s->out[side] = perflab_alloc(ctx, ctx->size * sizeof(float), 0);
    }
    for (size_t i = 0; i < ctx->size; i++) max = fmaxf(max, row[i]);
    for (size_t i = 0; i < ctx->size; i++) s->x[i] = row[i] - max;
    ctx->min_bytes = 2.0 * (double)(ctx->size * sizeof(float));
    ctx->min_ops = 8.0 * (double)ctx->size;
    return PERFLAB_OK;
}

static void baseline(perflab_ctx *ctx) {
    const state *s = ctx->state;
    for (size_t i = 0; i < ctx->size; i++) s->out[0][i] = expf(s->x[i]);
    perflab_keep(s->out[0]);
}

static void candidate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    pluck_exp(s->x, ctx->size, s->out[1]);
    perflab_keep(s->out[1]);
}

static bool is_within_2_ulp(perflab_ctx *ctx, float x, double exact, float got) {
    const float nearest = (float)exact;
    const double ulp = (double)(nextafterf(nearest, INFINITY) - nearest);
    if (fabs((double)got - exact) <= 2 * ulp) return true;
    perflab_reason(ctx, "exp(%.9g): reference %.17g, candidate %.9g: more than 2 ulp", (double)x,
                   exact, (double)got);
    return false;
}

static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    double *exact = malloc(ctx->size * sizeof *exact);
    bool good = exact != NULL;
    if (good) {
        for (size_t i = 0; i < ctx->size; i++) {
            exact[i] = exp((double)s->x[i]);
            good = good && is_within_2_ulp(ctx, s->x[i], exact[i], s->out[1][i]);
        }
        good = good && perflab_check_reference(ctx, "exp", exact, s->out[0], s->out[1], ctx->size,
                                               PERFLAB_TOLERANCE, 0);
    }
    free(exact);
    return good;
}

PERFLAB_MODULE({.id = "7.1",
                .component = "softmax fast_expf",
                .title = "vector exponentials within 2 ulp",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate})
