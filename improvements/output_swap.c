/*
 * 8.1 output_swap: exchanging two rows of an output buffer.
 *
 * Baseline: element by element, as llama.cpp's output_reorder does (std::swap of each float, which
 * is this loop). Candidate: words of 8 bytes. Compilers vectorise both, so there is no gain.
 */
#include "inputs.h"
#include "output_rows.h"

#include <string.h>

typedef struct state {
    float *original; /* two rows */
    float *rows[2];  /* two rows of each side */
} state;

static int setup(perflab_ctx *ctx) {
    const size_t bytes = 2 * ctx->size * sizeof(float);
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    ctx->state = s;
    const float *row = input_row(ctx);
    if (row == NULL) return PERFLAB_SKIP;
    s->original = perflab_alloc(ctx, bytes, 0);
    for (int side = 0; side < 2; side++) s->rows[side] = perflab_alloc(ctx, bytes, 0);
    for (size_t i = 0; i < ctx->size; i++) {
        s->original[i] = row[i];
        s->original[ctx->size + i] = (float)i;
    }
    ctx->min_bytes = 2.0 * (double)bytes;
    return PERFLAB_OK;
}

static void reset(perflab_ctx *ctx) {
    const state *s = ctx->state;
    memcpy(s->rows[ctx->side], s->original, 2 * ctx->size * sizeof(float));
}

static void baseline(perflab_ctx *ctx) {
    float *data = ((state *)ctx->state)->rows[0];
    const size_t n = ctx->size;
    for (size_t k = 0; k < n; k++) {
        const float kept = data[k];
        data[k] = data[n + k];
        data[n + k] = kept;
    }
    perflab_keep(data);
}

static void candidate(perflab_ctx *ctx) {
    float *data = ((state *)ctx->state)->rows[1];
    output_rows_swap(data, data + ctx->size, ctx->size * sizeof *data);
    perflab_keep(data);
}

static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    const size_t bytes = ctx->size * sizeof(float);
    return perflab_check_bytes(ctx, "first row", s->original + ctx->size, s->rows[1], bytes) &&
           perflab_check_bytes(ctx, "second row", s->original, s->rows[1] + ctx->size, bytes);
}

PERFLAB_MODULE(
    {.id = "8.1",
     .component = "output swap block",
     .title = "two rows exchanged in words",
     .notes = "two rows exchanged in words; compilers make vectors of the plain loop as well",
     .inputs = input_kinds,
     .size = INPUT_VOCAB,
     .flags = PERFLAB_RESET_PER_BLOCK,
     .setup = setup,
     .reset = reset,
     .baseline = baseline,
     .candidate = candidate,
     .validate = validate})
