/*
 * 1.3 partial_sort_alloc: the vectors of a large partial sort, k = 1000.
 *
 * Baseline: a vector with each candidate's bucket, a histogram, a vector with the candidates of the
 * top buckets, which is sorted and copied back. Candidate: pluck_top_k, whose scratch is the
 * workspace.
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

#include <stdlib.h>
#include <string.h>

enum { K = 1000 };

typedef struct state {
    const float *row;
    int32_t k;
    tb_token *filled;
    tb_array array;
    pluck_workspace *workspace;
    int32_t *ids;
    float *values;
    int32_t n;
} state;

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx), .k = ctx->size < K ? (int32_t)ctx->size : K};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    s->filled = perflab_alloc(ctx, ctx->size * sizeof *s->filled, 0);
    s->array.data = perflab_alloc(ctx, ctx->size * sizeof *s->filled, 0);
    s->ids = perflab_alloc(ctx, (size_t)s->k * sizeof *s->ids, 0);
    s->values = perflab_alloc(ctx, (size_t)s->k * sizeof *s->values, 0);
    tb_array filled = {.data = s->filled};
    tb_fill(&filled, s->row, ctx->size);
    ctx->min_bytes = (double)(ctx->size * sizeof(float));
    ctx->min_ops = (double)ctx->size;
    return pluck_workspace_create(&s->workspace, (int32_t)ctx->size, NULL);
}

static void teardown(perflab_ctx *ctx) {
    pluck_workspace_free(((state *)ctx->state)->workspace);
}

static void reset(perflab_ctx *ctx) {
    state *s = ctx->state;
    if (ctx->side == PERFLAB_CANDIDATE) {
        s->n = -1;
        return;
    }
    memcpy(s->array.data, s->filled, ctx->size * sizeof *s->filled);
    s->array.size = ctx->size;
    s->array.sorted = false;
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_top_k(&s->array, s->k);
    perflab_keep(s->array.data);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    pluck_top_k(s->workspace, s->row, (int32_t)ctx->size, s->k, s->ids, s->values, &s->n);
    perflab_keep(s->ids);
}

static const float *sorting_row;

static int descending(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a;
    const int32_t y = *(const int32_t *)b;
    if (sorting_row[x] != sorting_row[y]) return sorting_row[x] < sorting_row[y] ? 1 : -1;
    return (x > y) - (x < y);
}

/* Compares with a sort of the whole vocabulary, in which ties go to the lower id: must be equal. */
static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    int32_t *order = malloc(ctx->size * sizeof *order);
    bool good = order != NULL && perflab_check_index(ctx, "k", s->k, s->n);
    if (good) {
        for (size_t i = 0; i < ctx->size; i++) order[i] = (int32_t)i;
        sorting_row = s->row;
        qsort(order, ctx->size, sizeof *order, descending);
        good = perflab_check_ids(ctx, "ids", order, s->ids, (size_t)s->k);
        for (int32_t i = 0; i < s->k && good; i++) {
            good = perflab_check_floats(ctx, "logits", &s->row[order[i]], &s->values[i], 1, 0, 0);
        }
    }
    free(order);
    return good;
}

PERFLAB_MODULE({.id = "1.3",
                .component = "partial_sort vectors",
                .title = "the top 1000 without vectors",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = reset,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate,
                .teardown = teardown})
