/*
 * 6.1 min_p_branches: min-p's branch for each candidate.
 *
 * Baseline: the maximum, then a test and a push for each 12-byte candidate. The scratch vector is
 * kept, so that only the branches matter. Candidate: pluck_argmax and pluck_filter, which have
 * none.
 */
#include "expected.h"
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

#include <float.h>
#include <math.h>

static const pluck_stage stages[] = {{.kind = PLUCK_STAGE_MIN_P, .as.min_p = {0.05f, 1}}};
static volatile float min_p = 0.05f;

typedef struct state {
    const float *row;
    tb_array array, survivors;
    int32_t *ids;
    float *logits;
    int32_t n;
    expected *expected;
} state;

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx), .n = -1};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    s->array.data = perflab_alloc(ctx, ctx->size * sizeof *s->array.data, 0);
    s->survivors.data = perflab_alloc(ctx, ctx->size * sizeof *s->array.data, 0);
    s->ids = perflab_alloc(ctx, (ctx->size + 16) * sizeof *s->ids, 0);
    s->logits = perflab_alloc(ctx, (ctx->size + 16) * sizeof *s->logits, 0);
    tb_fill(&s->array, s->row, ctx->size);
    ctx->min_bytes = (double)(ctx->size * sizeof(float));
    ctx->min_ops = (double)ctx->size;
    return PERFLAB_OK;
}

static void teardown(perflab_ctx *ctx) {
    expected_free(((state *)ctx->state)->expected);
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    const tb_token *data = s->array.data;
    float max = -FLT_MAX;
    for (size_t i = 0; i < s->array.size; i++) {
        if (data[i].logit > max) max = data[i].logit;
    }
    const float cut = max + logf(min_p);
    size_t n = 0;
    for (size_t i = 0; i < s->array.size; i++) {
        if (data[i].logit >= cut) s->survivors.data[n++] = data[i];
    }
    s->survivors.size = n;
    perflab_keep(s->survivors.data);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    size_t max;
    if (pluck_argmax(s->row, ctx->size, &max) != PLUCK_OK) return;
    s->n = pluck_filter(s->row, (int32_t)ctx->size, s->row[max] + logf(min_p), s->ids, s->logits);
    perflab_keep(s->ids);
}

static bool validate(perflab_ctx *ctx) {
    state *s = ctx->state;
    const pluck_config config = {
        .n_vocab = (int32_t)ctx->size, .seed = 1, .stages = stages, .n_stages = 1};
    if (s->expected == NULL) s->expected = expected_create(&config, s->row, NULL, 0);
    if (s->expected == NULL || s->n < 0) {
        perflab_reason(ctx, s->n < 0 ? "nothing was filtered" : "no reference: out of memory");
        return false;
    }
    return expected_check_set(ctx, s->expected, &s->survivors, s->ids, s->logits, s->n);
}

PERFLAB_MODULE({.id = "6.1",
                .component = "min_p branch hints",
                .title = "maximum and filter without branches",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate,
                .teardown = teardown})
