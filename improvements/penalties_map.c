/*
 * 4.2 penalties_map: repetition, frequency and presence penalties over the last 64 tokens.
 *
 * Baseline: a hash map of counts, with a lookup for each of the vocabulary's 12-byte candidates.
 * Candidate: the penalty only for the distinct tokens of the ring.
 */
#include "penalised.h"
#include "pluck_blocks.h"

static const float repeat = 1.1f;
static const float freq = 0.1f;
static const float present = 0.2f;

typedef struct state {
    penalised p;
    tb_penalties *textbook;
    pluck_token_ring *ring;
} state;

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){0};
    ctx->state = s;
    const int failed = penalised_setup(ctx, &s->p);
    if (failed != PERFLAB_OK) return failed;
    s->textbook = tb_penalties_create(INPUT_HISTORY, repeat, freq, present);
    if (s->textbook == NULL) return 2;
    if (pluck_token_ring_create(&s->ring, INPUT_HISTORY, NULL) != PLUCK_OK) return 2;
    for (int32_t i = 0; i < INPUT_HISTORY; i++) {
        tb_penalties_accept(s->textbook, s->p.history[i]);
        pluck_token_ring_push(s->ring, s->p.history[i]);
    }
    return PERFLAB_OK;
}

static void teardown(perflab_ctx *ctx) {
    tb_penalties_free(((state *)ctx->state)->textbook);
    pluck_token_ring_free(((state *)ctx->state)->ring);
}

static void reset(perflab_ctx *ctx) {
    penalised_reset(ctx, &((state *)ctx->state)->p);
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_penalties_apply(s->textbook, &s->p.array);
    perflab_keep(s->p.array.data);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    int32_t tokens[INPUT_HISTORY];
    int32_t counts[INPUT_HISTORY];
    const int32_t n = pluck_token_ring_distinct(s->ring, tokens, counts);
    for (int32_t i = 0; i < n; i++) {
        float *logit = &s->p.logits[tokens[i]];
        const float scaled = *logit <= 0 ? *logit * repeat : *logit / repeat;
        *logit = scaled - ((float)counts[i] * freq + present);
    }
    perflab_keep(s->p.logits);
}

static bool validate(perflab_ctx *ctx) {
    const penalised *p = &((const state *)ctx->state)->p;
    double *exact = penalised_exact(ctx, p);
    for (int32_t i = 0; exact != NULL && i < INPUT_HISTORY; i++) {
        const int32_t token = p->history[i];
        int32_t count = 0;
        for (int32_t k = 0; k < INPUT_HISTORY; k++) count += p->history[k] == token;
        const double x = (double)p->row[token];
        exact[token] = (x <= 0 ? x * (double)repeat : x / (double)repeat) -
                       (count * (double)freq + (double)present);
    }
    return penalised_check(ctx, p, exact, 0);
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
