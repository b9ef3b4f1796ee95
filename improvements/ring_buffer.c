/*
 * 9.1 ring_buffer: a sampler's last 64 tokens. Each token is accepted, then all are read, as DRY
 * does. 9.2 ring_counts: each token is accepted and counted, as penalties do.
 *
 * Baselines: a ring that finds its places with a division; 9.2 also has a hash map. Candidate of
 * both: pluck_token_ring, which finds its places with a comparison and always counts, in a small
 * table after the ring. The input does not depend on a row; size is the number of accepted tokens.
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "textbook.h"

#include <string.h>

enum { CAPACITY = INPUT_HISTORY, READ_PUSHES = 1000, COUNT_PUSHES = 6400 };

typedef struct state {
    const int32_t *tokens;
    tb_ring *textbook;
    tb_penalties *counting;
    pluck_token_ring *ring;
    int32_t *read[2]; /* what was read after each token: CAPACITY places, the first ones used */
} state;

static int set_up(perflab_ctx *ctx) {
    perflab_rng rng = {ctx->seed};
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    int32_t *tokens = perflab_alloc(ctx, ctx->size * sizeof *tokens, 0);
    *s = (state){.tokens = tokens};
    ctx->state = s;
    for (size_t i = 0; i < ctx->size; i++) {
        tokens[i] = (int32_t)(perflab_rng_u64(&rng) % INPUT_VOCAB);
    }
    return pluck_token_ring_create(&s->ring, CAPACITY, NULL);
}

static void teardown(perflab_ctx *ctx) {
    const state *s = ctx->state;
    tb_ring_free(s->textbook);
    tb_penalties_free(s->counting);
    pluck_token_ring_free(s->ring);
}

/* How many tokens the ring holds after i were accepted. */
static size_t held_after(size_t i) {
    return i < CAPACITY ? i : CAPACITY;
}

/* The token at each place of the ring and its count, from the accepted tokens. */
static bool check_ring(perflab_ctx *ctx) {
    const state *s = ctx->state;
    const size_t held = held_after(ctx->size);
    bool good = perflab_check_index(ctx, "size", (int64_t)held, pluck_token_ring_size(s->ring));
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

/* ---- 9.1: accept one, read all ---- */

static int read_setup(perflab_ctx *ctx) {
    const int failed = set_up(ctx);
    state *s = ctx->state;
    if (failed != 0) return failed;
    for (int side = 0; side < 2; side++) {
        s->read[side] = perflab_alloc(ctx, ctx->size * CAPACITY * sizeof(int32_t), 0);
    }
    s->textbook = tb_ring_create(CAPACITY);
    /* Each token is written once, and the window is read and written. */
    ctx->min_bytes = (double)(ctx->size * sizeof(int32_t)) * (2 + 2 * CAPACITY);
    return s->textbook != NULL ? PERFLAB_OK : 2;
}

static void read_reset(perflab_ctx *ctx) {
    const state *s = ctx->state;
    memset(s->read[ctx->side], 0, ctx->size * CAPACITY * sizeof(int32_t));
    if (ctx->side == PERFLAB_BASELINE) {
        tb_ring_reset(s->textbook);
    } else {
        pluck_token_ring_clear(s->ring);
    }
}

static void read_baseline(perflab_ctx *ctx) {
    const state *s = ctx->state;
    for (size_t i = 0; i < ctx->size; i++) {
        tb_ring_push(s->textbook, s->tokens[i]);
        tb_ring_read(s->textbook, s->read[0] + i * CAPACITY);
    }
    perflab_keep(s->read[0]);
}

static void read_candidate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    for (size_t i = 0; i < ctx->size; i++) {
        pluck_token_ring_push(s->ring, s->tokens[i]);
        pluck_token_ring_recent(s->ring, CAPACITY, s->read[1] + i * CAPACITY);
    }
    perflab_keep(s->read[1]);
}

static bool read_validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    bool good = true;
    for (size_t i = 0; i < ctx->size && good; i++) {
        const size_t held = held_after(i + 1);
        good = perflab_check_bytes(ctx, "what was read", s->tokens + i + 1 - held,
                                   s->read[1] + i * CAPACITY, held * sizeof(int32_t));
    }
    return good && check_ring(ctx);
}

/* ---- 9.2: accept and count ---- */

static int count_setup(perflab_ctx *ctx) {
    const int failed = set_up(ctx);
    state *s = ctx->state;
    if (failed != 0) return failed;
    s->counting = tb_penalties_create(CAPACITY, 1.1f, 0, 0);
    ctx->min_bytes = 2.0 * (double)(ctx->size * sizeof(int32_t));
    return s->counting != NULL ? PERFLAB_OK : 2;
}

static void count_reset(perflab_ctx *ctx) {
    const state *s = ctx->state;
    if (ctx->side == PERFLAB_BASELINE) {
        tb_penalties_reset(s->counting);
    } else {
        pluck_token_ring_clear(s->ring);
    }
}

static void count_baseline(perflab_ctx *ctx) {
    const state *s = ctx->state;
    for (size_t i = 0; i < ctx->size; i++) tb_penalties_accept(s->counting, s->tokens[i]);
    perflab_keep(s->counting);
}

static void count_candidate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    for (size_t i = 0; i < ctx->size; i++) pluck_token_ring_push(s->ring, s->tokens[i]);
    perflab_keep(s->ring);
}

PERFLAB_MODULE({.id = "9.1",
                .component = "ring buffer (mod)",
                .title = "no division; the window is copied in two pieces, and counted besides",
                .size = READ_PUSHES,
                .setup = read_setup,
                .reset = read_reset,
                .baseline = read_baseline,
                .candidate = read_candidate,
                .validate = read_validate,
                .teardown = teardown},
               {.id = "9.2",
                .component = "ring buffer with counts",
                .title = "no division, no map: ring and counts in one small table",
                .size = COUNT_PUSHES,
                .setup = count_setup,
                .reset = count_reset,
                .baseline = count_baseline,
                .candidate = count_candidate,
                .validate = check_ring,
                .teardown = teardown})
