/*
 * 9.1 ring_buffer: the history's ring, 64 tokens in batches: push 64, read all back.
 *
 * Baseline: places found with a division, the count of 64-bit places a variable. Candidate:
 * pluck_token_ring, which keeps counts besides. The input does not depend on a row; size is the
 * number of tokens pushed.
 */
#include "inputs.h"
#include "pluck_blocks.h"

#include <stdlib.h>

enum { CAPACITY = 64, PUSHES = 6400 };

typedef struct ring {
    size_t capacity, size, first, next;
    int32_t *data;
} ring;

typedef struct state {
    const int32_t *tokens;
    ring textbook;
    pluck_token_ring *ring;
    uint64_t sum[2];
} state;

/* Kept from being a constant: capacities are a user's choice. */
static volatile size_t capacity = CAPACITY;

static int setup(perflab_ctx *ctx) {
    perflab_rng rng = {ctx->seed};
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    int32_t *tokens = perflab_alloc(ctx, ctx->size * sizeof *tokens, 0);
    *s = (state){.tokens = tokens};
    ctx->state = s;
    for (size_t i = 0; i < ctx->size; i++) {
        tokens[i] = (int32_t)(perflab_rng_u64(&rng) % INPUT_VOCAB);
    }
    s->textbook = (ring){.capacity = capacity};
    s->textbook.data = perflab_alloc(ctx, s->textbook.capacity * sizeof(int32_t), 0);
    ctx->min_bytes = 2.0 * (double)(ctx->size * sizeof *tokens);
    return pluck_token_ring_create(&s->ring, CAPACITY, NULL);
}

static void teardown(perflab_ctx *ctx) {
    pluck_token_ring_free(((state *)ctx->state)->ring);
}

static void push(ring *r, int32_t token) {
    if (r->size == r->capacity) {
        r->first = (r->first + 1) % r->capacity;
    } else {
        r->size++;
    }
    r->data[r->next] = token;
    r->next = (r->next + 1) % r->capacity;
}

/* The token i places from the newest. */
static int32_t back(const ring *r, size_t i) {
    return r->data[(r->first + r->size - i - 1) % r->capacity];
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    ring *r = &s->textbook;
    uint64_t sum = 0;
    for (size_t at = 0; at < ctx->size; at += CAPACITY) {
        const size_t end = at + CAPACITY < ctx->size ? at + CAPACITY : ctx->size;
        for (size_t i = at; i < end; i++) push(r, s->tokens[i]);
        for (size_t i = 0; i < r->size; i++) sum = sum * 31 + (uint64_t)back(r, i);
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
        s->textbook.size = s->textbook.first = s->textbook.next = 0;
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
        good = perflab_check_index(ctx, "token", s->tokens[ctx->size - 1 - i],
                                   pluck_token_ring_back(s->ring, (int32_t)i));
    }
    return good;
}

PERFLAB_MODULE({.id = "9.1",
                .component = "ring buffer (mod)",
                .title = "no division, and counts kept besides",
                .size = PUSHES,
                .setup = setup,
                .reset = reset,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate,
                .teardown = teardown})
