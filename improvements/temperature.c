/*
 * 5.1 temperature: a division for each candidate.
 *
 * Baseline: data[i].logit /= t over 12-byte candidates, in place. Candidate: pluck_scale over the
 * row.
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

#include <stdlib.h>
#include <string.h>

static volatile float temperature = 0.8f;

typedef struct state {
    const float *row;
    tb_token *filled;
    tb_array array;
    float *scaled;
} state;

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx)};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    s->filled = perflab_alloc(ctx, ctx->size * sizeof *s->filled, 0);
    s->array.data = perflab_alloc(ctx, ctx->size * sizeof *s->filled, 0);
    s->scaled = perflab_alloc(ctx, ctx->size * sizeof *s->scaled, 0);
    tb_array filled = {.data = s->filled};
    tb_fill(&filled, s->row, ctx->size);
    ctx->min_bytes = 2.0 * (double)(ctx->size * sizeof(float));
    ctx->min_ops = (double)ctx->size;
    return PERFLAB_OK;
}

/* Without a reset, repeated divisions would end in infinities. */
static void reset(perflab_ctx *ctx) {
    state *s = ctx->state;
    if (ctx->side != PERFLAB_BASELINE) return;
    memcpy(s->array.data, s->filled, ctx->size * sizeof *s->filled);
    s->array.size = ctx->size;
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_temperature(&s->array, temperature);
    perflab_keep(s->array.data);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    pluck_scale(s->row, ctx->size, 1.0f / temperature, s->scaled);
    perflab_keep(s->scaled);
}

static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    double *exact = malloc(ctx->size * sizeof *exact);
    float *divided = malloc(ctx->size * sizeof *divided);
    bool good = exact != NULL && divided != NULL;
    for (size_t i = 0; good && i < ctx->size; i++) {
        exact[i] = (double)s->row[i] / (double)temperature;
        divided[i] = s->array.data[i].logit;
    }
    good = good && perflab_check_reference(ctx, "logits", exact, divided, s->scaled, ctx->size,
                                           PERFLAB_TOLERANCE, 0);
    free(exact);
    free(divided);
    return good;
}

PERFLAB_MODULE({.id = "5.1",
                .component = "temp scaling (div->mul)",
                .title = "times the inverse, on the row itself",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = reset,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate})
