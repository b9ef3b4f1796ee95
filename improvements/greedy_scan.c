/*
 * 6.2 greedy_scan: the greatest logit.
 *
 * Baseline: a scan of 12-byte candidates that reads data[selected] again for each comparison.
 * Candidate: pluck_argmax over the row.
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

typedef struct state {
    const float *row;
    tb_array array;
    size_t found;
} state;

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx), .found = SIZE_MAX};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    s->array.data = perflab_alloc(ctx, ctx->size * sizeof *s->array.data, 0);
    tb_fill(&s->array, s->row, ctx->size);
    ctx->min_bytes = (double)(ctx->size * sizeof(float));
    ctx->min_ops = (double)ctx->size;
    return PERFLAB_OK;
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_greedy(&s->array);
    perflab_keep(s);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    pluck_argmax(s->row, ctx->size, &s->found);
    perflab_keep(s);
}

static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    return perflab_check_index(ctx, "selected", s->array.data[s->array.selected].id,
                               (int64_t)s->found);
}

PERFLAB_MODULE({.id = "6.2",
                .component = "greedy scan",
                .title = "argmax of the row in one vector pass",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate})
