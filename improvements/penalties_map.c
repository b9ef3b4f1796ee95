/*
 * 4.2 penalties_map: repetition, frequency and presence penalties over the last 64 tokens.
 *
 * Baseline: a hash map of counts that is asked for each of the vocabulary's 12-byte candidates.
 * Candidate: the ring's distinct tokens, and the penalty for those alone.
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

#include <stdlib.h>
#include <string.h>

static const float repeat = 1.1f;
static const float freq = 0.1f;
static const float present = 0.2f;

typedef struct state {
    const float *row;
    int32_t history[INPUT_HISTORY];
    tb_array array;
    tb_penalties *textbook;
    float *penalised; /* the row, penalised in place */
    pluck_token_ring *ring;
} state;

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx)};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    input_history(ctx, s->row, s->history);
    s->array.data = perflab_alloc(ctx, ctx->size * sizeof *s->array.data, 0);
    s->penalised = perflab_alloc(ctx, ctx->size * sizeof *s->penalised, 0);
    tb_fill(&s->array, s->row, ctx->size);
    memcpy(s->penalised, s->row, ctx->size * sizeof *s->row);
    s->textbook = tb_penalties_create(INPUT_HISTORY, repeat, freq, present);
    if (s->textbook == NULL) return 2;
    if (pluck_token_ring_create(&s->ring, INPUT_HISTORY, NULL) != PLUCK_OK) return 2;
    for (int32_t i = 0; i < INPUT_HISTORY; i++) {
        tb_penalties_accept(s->textbook, s->history[i]);
        pluck_token_ring_push(s->ring, s->history[i]);
    }
    return PERFLAB_OK;
}

static void teardown(perflab_ctx *ctx) {
    tb_penalties_free(((state *)ctx->state)->textbook);
    pluck_token_ring_free(((state *)ctx->state)->ring);
}

/* What a call has touched. */
static void reset(perflab_ctx *ctx) {
    state *s = ctx->state;
    for (int32_t i = 0; i < INPUT_HISTORY; i++) {
        const int32_t token = s->history[i];
        if (ctx->side == PERFLAB_BASELINE) {
            s->array.data[token].logit = s->row[token];
        } else {
            s->penalised[token] = s->row[token];
        }
    }
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_penalties_apply(s->textbook, &s->array);
    perflab_keep(s->array.data);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    int32_t tokens[INPUT_HISTORY];
    int32_t counts[INPUT_HISTORY];
    const int32_t n = pluck_token_ring_distinct(s->ring, tokens, counts);
    for (int32_t i = 0; i < n; i++) {
        float *logit = &s->penalised[tokens[i]];
        const float scaled = *logit <= 0 ? *logit * repeat : *logit / repeat;
        *logit = scaled - ((float)counts[i] * freq + present);
    }
    perflab_keep(s->penalised);
}

static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    double *exact = malloc(ctx->size * sizeof *exact);
    float *textbook = malloc(ctx->size * sizeof *textbook);
    bool good = exact != NULL && textbook != NULL;
    for (size_t i = 0; good && i < ctx->size; i++) {
        exact[i] = (double)s->row[i];
        textbook[i] = s->array.data[i].logit;
    }
    for (int32_t i = 0; good && i < INPUT_HISTORY; i++) {
        const int32_t token = s->history[i];
        int32_t count = 0;
        for (int32_t k = 0; k < INPUT_HISTORY; k++) count += s->history[k] == token;
        const double x = (double)s->row[token];
        exact[token] = (x <= 0 ? x * (double)repeat : x / (double)repeat) -
                       (count * (double)freq + (double)present);
    }
    good = good && perflab_check_reference(ctx, "logits", exact, textbook, s->penalised, ctx->size,
                                           PERFLAB_TOLERANCE, 0);
    free(exact);
    free(textbook);
    return good;
}

PERFLAB_MODULE({.id = "4.2",
                .component = "penalties hash map",
                .title = "the tokens of the history alone are touched",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = reset,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate,
                .teardown = teardown})
