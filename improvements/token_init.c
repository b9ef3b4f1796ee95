/*
 * 2.1 token_init: filling 12-byte candidates from the row, the first step of a textbook chain.
 *
 * Baseline: a vector that is made in each call and filled one by one. Candidate:
 * pluck_token_data_fill into an array that is kept. (libpluck's own chains need no such array: see
 * W.1.)
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

#include <string.h>

typedef struct state {
    const float *row;
    tb_buffer *vector;
    pluck_token_data *data;
} state;

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx)};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    s->vector = tb_buffer_create();
    s->data = perflab_alloc(ctx, ctx->size * sizeof *s->data, 0);
    ctx->min_bytes = (double)(ctx->size * (sizeof(float) + sizeof *s->data));
    return s->vector != NULL ? PERFLAB_OK : 2;
}

static void teardown(perflab_ctx *ctx) {
    tb_buffer_free(((state *)ctx->state)->vector);
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_fill_new_vector(s->vector, s->row, ctx->size);
    perflab_keep(tb_buffer_data(s->vector));
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    pluck_token_data_fill(s->row, (int32_t)ctx->size, s->data);
    perflab_keep(s->data);
}

static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    return perflab_check_bytes(ctx, "candidates", tb_buffer_data(s->vector), s->data,
                               ctx->size * sizeof *s->data);
}

PERFLAB_MODULE({.id = "2.1",
                .component = "token data init",
                .title = "filled into a kept array, vector stores",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate,
                .teardown = teardown})
