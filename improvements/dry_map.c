/*
 * 4.1 dry_map: DRY over the last 64 tokens, four breakers.
 *
 * Baseline: breakers and repeats in hash maps, with a lookup for each of the vocabulary's 12-byte
 * candidates. Candidate: pluck_dry_repeats, and the penalty for the tokens that it lists.
 */
#include "penalised.h"
#include "pluck_blocks.h"

#include <math.h>
#include <string.h>

enum { BREAKERS = 4, ALLOWED = 2 };
static const float multiplier = 0.8f;
static const float base = 1.75f;

typedef struct state {
    penalised p;
    int32_t breaker_tokens[BREAKERS + 1]; /* the last breaker has two */
    pluck_token_sequence breakers[BREAKERS];
    pluck_stage_dry dry;
    tb_dry *textbook;
} state;

/* Breakers that occur early in the history, if at all, so that repeats are left. */
static void choose_breakers(state *s, size_t n) {
    static const int32_t usual[BREAKERS + 1] = {198, 25, 1, 9, 2303};
    for (int i = 0; i <= BREAKERS; i++) s->breaker_tokens[i] = usual[i] % (int32_t)n;
    for (int i = 0; i < BREAKERS; i++) {
        s->breakers[i] = (pluck_token_sequence){&s->breaker_tokens[i], i == BREAKERS - 1 ? 2 : 1};
    }
    s->dry = (pluck_stage_dry){.multiplier = multiplier,
                               .base = base,
                               .allowed_length = ALLOWED,
                               .last_n = INPUT_HISTORY,
                               .breakers = s->breakers,
                               .n_breakers = BREAKERS};
}

static int setup(perflab_ctx *ctx) {
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    tb_breaker breakers[BREAKERS];
    *s = (state){0};
    ctx->state = s;
    const int failed = penalised_setup(ctx, &s->p);
    if (failed != PERFLAB_OK) return failed;
    choose_breakers(s, ctx->size);
    for (int i = 0; i < BREAKERS; i++) {
        breakers[i] = (tb_breaker){s->breakers[i].tokens, s->breakers[i].n_tokens};
    }
    s->textbook = tb_dry_create(multiplier, base, ALLOWED, INPUT_HISTORY, breakers, BREAKERS);
    if (s->textbook == NULL) return 2;
    for (int32_t i = 0; i < INPUT_HISTORY; i++) tb_dry_accept(s->textbook, s->p.history[i]);
    return PERFLAB_OK;
}

static void teardown(perflab_ctx *ctx) {
    tb_dry_free(((state *)ctx->state)->textbook);
}

static void reset(perflab_ctx *ctx) {
    penalised_reset(ctx, &((state *)ctx->state)->p);
}

static void baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    tb_dry_apply(s->textbook, &s->p.array);
    perflab_keep(s->p.array.data);
}

static void candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    int32_t scratch[2 * INPUT_HISTORY];
    int32_t tokens[INPUT_HISTORY];
    int32_t lengths[INPUT_HISTORY];
    const int32_t n =
        pluck_dry_repeats(s->p.history, INPUT_HISTORY, &s->dry, scratch, tokens, lengths);
    for (int32_t i = 0; i < n; i++) {
        s->p.logits[tokens[i]] -= multiplier * powf(base, (float)(lengths[i] - ALLOWED));
    }
    perflab_keep(s->p.logits);
}

static bool is_breaker(const state *s, int32_t token) {
    for (int i = 0; i < BREAKERS; i++) {
        if (s->breakers[i].n_tokens == 1 && s->breakers[i].tokens[0] == token) return true;
    }
    return false;
}

/* The distance of the nearest breaker from the end, by a comparison at each place. */
static int32_t reach(const state *s) {
    const int32_t *h = s->p.history;
    for (int32_t back = 0; back < INPUT_HISTORY; back++) {
        const int32_t at = INPUT_HISTORY - 1 - back;
        int32_t longest = -1;
        for (int i = 0; i < BREAKERS; i++) {
            const pluck_token_sequence *b = &s->breakers[i];
            if (b->n_tokens - 1 > back) continue;
            if (memcmp(h + at, b->tokens, (size_t)b->n_tokens * sizeof *h) == 0 &&
                b->n_tokens - 1 > longest) {
                longest = b->n_tokens - 1;
            }
        }
        if (longest >= 0) return back - longest;
    }
    return INPUT_HISTORY;
}

/* By the definition: at each earlier place, counts the length of the suffix that matches. */
static void penalise_exactly(const state *s, double *exact) {
    const int32_t *h = s->p.history;
    const int32_t limit = reach(s);
    const int32_t n = INPUT_HISTORY;
    int32_t longest[INPUT_HISTORY];
    for (int32_t next = 0; next < n; next++) longest[next] = 0;
    if (limit < ALLOWED) return;
    for (int32_t next = 1; next < n; next++) {
        int32_t length = 0;
        while (length < next && length < limit && h[next - 1 - length] == h[n - 1 - length]) {
            length++;
        }
        int32_t first = 0; /* where the token is noted: at its first occurrence */
        while (h[first] != h[next]) first++;
        if (length > longest[first]) longest[first] = length;
    }
    for (int32_t i = 0; i < n; i++) {
        if (longest[i] < ALLOWED || is_breaker(s, h[i])) continue;
        exact[h[i]] -= (double)multiplier * pow((double)base, longest[i] - ALLOWED);
    }
}

/* Penalties grow with the length of a repeat, without bound, so above 1 the error is relative. */
static bool validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    double *exact = penalised_exact(ctx, &s->p);
    if (exact != NULL) penalise_exactly(s, exact);
    return penalised_check(ctx, &s->p, exact, 1e-6);
}

PERFLAB_MODULE({.id = "4.1",
                .component = "DRY hash map",
                .title = "repeats found in flat arrays, their tokens alone are touched",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .setup = setup,
                .reset = reset,
                .baseline = baseline,
                .candidate = candidate,
                .validate = validate,
                .teardown = teardown})
