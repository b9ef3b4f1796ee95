/*
 * 5.3 entropy_log: the entropy, with a logarithm for each candidate.
 *
 * Baseline: softmax over 12-byte candidates, then the sum of -p logf(p), as typical sampling and
 * dynamic temperature do. Candidate: pluck_entropy, H = log sum exp(x) - sum(p x), which needs no
 * logarithm per candidate.
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

#include <math.h>

typedef struct state {
    const float *row;
    tb_array array;
    float textbook;
    double entropy;
} state;

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx)};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    s->array.data = perflab_alloc(ctx, ctx->size * sizeof *s->array.data, 0);
    tb_fill(&s->array, s->row, ctx->size);
    s->entropy = s->textbook = -1;
    ctx->min_bytes = (double)(ctx->size * sizeof(float));
    ctx->min_ops = 11.0 * (double)ctx->size;
    return PERFLAB_OK;
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_softmax(&s->array, false);
    s->textbook = tb_entropy(&s->array);
    perflab_keep(s);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    pluck_entropy(s->row, ctx->size, &s->entropy);
    perflab_keep(s);
}

static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    const float got = (float)s->entropy;
    double max = -HUGE_VAL;
    double sum = 0;
    double exact = 0;
    for (size_t i = 0; i < ctx->size; i++) max = fmax(max, (double)s->row[i]);
    for (size_t i = 0; i < ctx->size; i++) sum += exp((double)s->row[i] - max);
    for (size_t i = 0; i < ctx->size; i++) {
        const double p = exp((double)s->row[i] - max) / sum;
        if (p > 0) exact -= p * log(p);
    }
    return perflab_check_reference(ctx, "entropy", &exact, &s->textbook, &got, 1, PERFLAB_TOLERANCE,
                                   0);
}

PERFLAB_MODULE({.id = "5.3",
                .component = "entropy fast_logf",
                .title = "no logarithm at all: H = lse - sum(p x)",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate})
