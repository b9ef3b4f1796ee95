/*
 * inputs.c: the three kinds of row, from the generators of the tests.
 */
#include "inputs.h"

#include "rows/rows.h"

#include <string.h>
#include <unistd.h>

const char *const input_kinds[] = {"normal", "peaked", "real", NULL};

const float *input_row(perflab_ctx *ctx) {
    static const rows_kind kinds[] = {ROWS_NORMAL, ROWS_PEAKED, ROWS_REAL};
    int k = 0;
    while (input_kinds[k] != NULL && strcmp(ctx->input, input_kinds[k]) != 0) k++;
    if (input_kinds[k] == NULL) {
        perflab_reason(ctx, "there is no kind of row named %s", ctx->input);
        return NULL;
    }
    if (kinds[k] == ROWS_REAL && access(PLUCK_TEST_DATA "/rows-kjv-152k.npy", R_OK) != 0) {
        perflab_reason(ctx, "the recorded rows are not where they were at build time");
        return NULL;
    }
    float *row = perflab_alloc(ctx, ctx->size * sizeof *row, 0);
    rows_fill(kinds[k], ctx->seed, row, (int32_t)ctx->size);
    return row;
}

/* The index of the greatest logit that is not in the list yet. */
static int32_t next_likely(const float *row, size_t n, const int32_t *listed, int32_t n_listed) {
    int32_t best = -1;
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        if (best >= 0 && row[i] <= row[best]) continue;
        for (int32_t k = 0; k < n_listed && !known; k++) known = listed[k] == (int32_t)i;
        if (!known) best = (int32_t)i;
    }
    return best >= 0 ? best : 0;
}

void input_history(perflab_ctx *ctx, const float *row, int32_t tokens[INPUT_HISTORY]) {
    enum { LIKELY = 8, PHRASE = 16 };
    perflab_rng rng = {ctx->seed ^ 0x68697374};
    for (int32_t i = 0; i < INPUT_HISTORY; i++) {
        const bool changed = i >= PHRASE && perflab_rng_u64(&rng) % 10 == 0;
        if (i < LIKELY) {
            tokens[i] = next_likely(row, ctx->size, tokens, i);
        } else if (i < PHRASE || changed) {
            tokens[i] = (int32_t)(perflab_rng_u64(&rng) % ctx->size);
        } else {
            tokens[i] = tokens[i - PHRASE];
        }
    }
}
