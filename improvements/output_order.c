/*
 * 8.2 output_order: putting 16 rows of an output buffer in order.
 *
 * Baseline: a selection sort that exchanges two rows element by element in each swap, so that most
 * rows are moved more than once. Candidate: an insertion sort of the 16 numbers, then
 * output_rows_permute, which moves each row once along the permutation's cycles.
 */
#include "inputs.h"
#include "output_rows.h"

#include <string.h>

enum { ROWS = 16 };

typedef struct state {
    float *original;     /* ROWS rows */
    float *rows[2];      /* ROWS rows of each side */
    int32_t where[ROWS]; /* the place that each row belongs to */
    int32_t where_now[2][ROWS];
    float *scratch; /* one row */
    uint8_t visited[(ROWS + 7) / 8];
} state;

static int setup(perflab_ctx *ctx) {
    const size_t n = ctx->size;
    perflab_rng rng = {ctx->seed};
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    ctx->state = s;
    const float *row = input_row(ctx);
    if (row == NULL) return PERFLAB_SKIP;
    s->original = perflab_alloc(ctx, ROWS * n * sizeof(float), 0);
    for (int side = 0; side < 2; side++) {
        s->rows[side] = perflab_alloc(ctx, ROWS * n * sizeof(float), 0);
    }
    s->scratch = perflab_alloc(ctx, n * sizeof(float), 0);
    for (int32_t r = 0; r < ROWS; r++) {
        s->where[r] = r;
        for (size_t i = 0; i < n; i++) s->original[(size_t)r * n + i] = row[i] + (float)r;
    }
    for (int32_t r = ROWS - 1; r > 0; r--) { /* Fisher-Yates shuffle */
        const int32_t other = (int32_t)(perflab_rng_u64(&rng) % (uint64_t)(r + 1));
        const int32_t kept = s->where[r];
        s->where[r] = s->where[other];
        s->where[other] = kept;
    }
    ctx->min_bytes = 2.0 * (double)(ROWS * n * sizeof(float));
    return PERFLAB_OK;
}

static void reset(perflab_ctx *ctx) {
    state *s = ctx->state;
    memcpy(s->rows[ctx->side], s->original, ROWS * ctx->size * sizeof(float));
    memcpy(s->where_now[ctx->side], s->where, sizeof s->where);
}

static void swap_rows(float *a, float *b, size_t n) {
    for (size_t k = 0; k < n; k++) {
        const float kept = a[k];
        a[k] = b[k];
        b[k] = kept;
    }
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    int32_t *where = s->where_now[0];
    const size_t n = ctx->size;
    for (int32_t i = 0; i < ROWS - 1; i++) {
        int32_t least = i;
        for (int32_t j = i + 1; j < ROWS; j++) {
            if (where[j] < where[least]) least = j;
        }
        if (least == i) continue;
        const int32_t kept = where[i];
        where[i] = where[least];
        where[least] = kept;
        swap_rows(s->rows[0] + (size_t)i * n, s->rows[0] + (size_t)least * n, n);
    }
    perflab_keep(s->rows[0]);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    int32_t order[ROWS];
    for (int32_t i = 0; i < ROWS; i++) {
        int32_t at = i;
        for (; at > 0 && s->where_now[1][order[at - 1]] > s->where_now[1][i]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    output_rows_permute(s->rows[1], ctx->size * sizeof(float), ROWS, order, s->scratch, s->visited);
    perflab_keep(s->rows[1]);
}

static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    const size_t n = ctx->size;
    bool good = perflab_check_bytes(ctx, "rows", s->rows[0], s->rows[1], ROWS * n * sizeof(float));
    for (int32_t r = 0; r < ROWS && good; r++) {
        good = perflab_check_bytes(ctx, "row", s->original + (size_t)r * n,
                                   s->rows[1] + (size_t)s->where[r] * n, n * sizeof(float));
    }
    return good;
}

PERFLAB_MODULE({.id = "8.2",
                .component = "output selection sort",
                .title = "16 rows permuted along cycles, each moved once",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = reset,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate})
