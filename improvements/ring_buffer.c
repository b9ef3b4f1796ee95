/*
 * 9.1 ring_buffer: the history of penalties, 64 tokens in batches: accept 64, read all back.
 *
 * Baseline: a ring whose places are found with a division, and the hash map of counts that is kept
 * beside it. Candidate: pluck_token_ring, which is both in one. The counts are part of both sides
 * because libpluck's ring always has them; a bare ring without them, whose calls a compiler
 * inlines, pushes and reads faster than either. The input does not depend on a row; size is the
 * number of tokens accepted.
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

enum { CAPACITY = 64, PUSHES = 6400 };

typedef struct state {
    const int32_t *tokens;
    tb_penalties *textbook;
    pluck_token_ring *ring;
    uint64_t sum[2];
} state;

static int setup(perflab_ctx *ctx) {
    perflab_rng rng = {ctx->seed};
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    int32_t *tokens = perflab_alloc(ctx, ctx->size * sizeof *tokens, 0);
    *s = (state){.tokens = tokens};
    ctx->state = s;
    for (size_t i = 0; i < ctx->size; i++) {
        tokens[i] = (int32_t)(perflab_rng_u64(&rng) % INPUT_VOCAB);
    }
    s->textbook = tb_penalties_create(CAPACITY, 1.1f, 0, 0);
    if (s->textbook == NULL) return 2;
    ctx->min_bytes = 2.0 * (double)(ctx->size * sizeof *tokens);
    return pluck_token_ring_create(&s->ring, CAPACITY, NULL);
}

static void teardown(perflab_ctx *ctx) {
    tb_penalties_free(((state *)ctx->state)->textbook);
    pluck_token_ring_free(((state *)ctx->state)->ring);
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    uint64_t sum = 0;
    for (size_t at = 0; at < ctx->size; at += CAPACITY) {
        const size_t end = at + CAPACITY < ctx->size ? at + CAPACITY : ctx->size;
        for (size_t i = at; i < end; i++) tb_penalties_accept(s->textbook, s->tokens[i]);
        const size_t n = tb_penalties_size(s->textbook);
        for (size_t i = 0; i < n; i++) {
            sum = sum * 31 + (uint64_t)tb_penalties_back(s->textbook, i);
        }
    }
    s->sum[0] = sum;
    perflab_keep(s);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    uint64_t sum = 0;
    for (size_t at = 0; at < ctx->size; at += CAPACITY) {
        const size_t end = at + CAPACITY < ctx->size ? at + CAPACITY : ctx->size;
        for (size_t i = at; i < end; i++) pluck_token_ring_push(s->ring, s->tokens[i]);
        const int32_t n = pluck_token_ring_size(s->ring);
        for (int32_t i = 0; i < n; i++) {
            sum = sum * 31 + (uint64_t)pluck_token_ring_back(s->ring, i);
        }
    }
    s->sum[1] = sum;
    perflab_keep(s);
}

static void reset(perflab_ctx *ctx) {
    state *s = ctx->state;
    s->sum[ctx->side] = 0;
    if (ctx->side == PERFLAB_BASELINE) {
        tb_penalties_reset(s->textbook);
    } else {
        pluck_token_ring_clear(s->ring);
    }
}

/* What was read in every batch, and what stands in the ring at the end, by the tokens pushed. */
static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    uint64_t sum = 0;
    for (size_t at = 0; at < ctx->size; at += CAPACITY) {
        const size_t end = at + CAPACITY < ctx->size ? at + CAPACITY : ctx->size;
        for (size_t i = 0; i < CAPACITY && i < end; i++) {
            sum = sum * 31 + (uint64_t)s->tokens[end - 1 - i];
        }
    }
    bool good = perflab_check_bytes(ctx, "all that was read", &sum, &s->sum[1], sizeof sum);
    const size_t held = ctx->size < CAPACITY ? ctx->size : CAPACITY;
    good = good && perflab_check_index(ctx, "size", (int64_t)held, pluck_token_ring_size(s->ring));
    for (size_t i = 0; i < held && good; i++) {
        const int32_t token = s->tokens[ctx->size - 1 - i];
        int32_t count = 0;
        for (size_t k = 0; k < held; k++) count += s->tokens[ctx->size - 1 - k] == token;
        good =
            perflab_check_index(ctx, "token", token, pluck_token_ring_back(s->ring, (int32_t)i)) &&
            perflab_check_index(ctx, "count", count, pluck_token_ring_count(s->ring, token));
    }
    return good;
}

PERFLAB_MODULE({.id = "9.1",
                .component = "ring buffer (mod), counts",
                .title = "no division, no map: ring and counts in one small table",
                .size = PUSHES,
                .setup = setup,
                .reset = reset,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate,
                .teardown = teardown})
