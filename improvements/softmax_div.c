/*
 * 5.2 softmax_div: softmax, with a division for each probability.
 *
 * Baseline: maximum, expf and a float sum over 12-byte candidates, then p /= sum. Candidate:
 * pluck_softmax over the row.
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

#include <math.h>
#include <stdlib.h>

typedef struct state {
    const float *row;
    tb_array array;
    float *p;
} state;

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx)};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    s->array.data = perflab_alloc(ctx, ctx->size * sizeof *s->array.data, 0);
    s->p = perflab_alloc(ctx, ctx->size * sizeof *s->p, 0);
    tb_fill(&s->array, s->row, ctx->size);
    ctx->min_bytes = 2.0 * (double)(ctx->size * sizeof(float));
    ctx->min_ops = 10.0 * (double)ctx->size; /* an exponential is about eight operations */
    return PERFLAB_OK;
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_softmax(&s->array, false);
    perflab_keep(s->array.data);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    pluck_softmax(s->row, ctx->size, s->p);
    perflab_keep(s->p);
}

/* Small probabilities must be right too, so this also checks the relative error. */
static bool is_near(perflab_ctx *ctx, size_t i, double exact, float got) {
    if (exact < 1e-30 || fabs((double)got - exact) <= 1e-5 * exact) return true;
    perflab_reason(ctx, "p[%zu]: reference %.9g, candidate %.9g", i, exact, (double)got);
    return false;
}

static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    double *exact = malloc(ctx->size * sizeof *exact);
    float *textbook = malloc(ctx->size * sizeof *textbook);
    bool good = exact != NULL && textbook != NULL;
    if (good) {
        double max = -HUGE_VAL;
        double sum = 0;
        for (size_t i = 0; i < ctx->size; i++) max = fmax(max, (double)s->row[i]);
        for (size_t i = 0; i < ctx->size; i++) sum += exp((double)s->row[i] - max);
        for (size_t i = 0; i < ctx->size; i++) {
            exact[i] = exp((double)s->row[i] - max) / sum;
            textbook[i] = s->array.data[i].p;
            good = good && is_near(ctx, i, exact[i], s->p[i]);
        }
        good = good && perflab_check_reference(ctx, "p", exact, textbook, s->p, ctx->size,
                                               PERFLAB_TOLERANCE, 0);
    }
    free(exact);
    free(textbook);
    return good;
}

PERFLAB_MODULE({.id = "5.2",
                .component = "softmax (div->mul)",
                .title = "one inverse, vector exponentials, on the row itself",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate})
