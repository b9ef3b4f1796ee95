/*
 * dry.c: "don't repeat yourself".
 *     logit[t] -= multiplier * base ^ (L(t) - allowed_length)    where L(t) >= allowed_length
 * L(t) is the length of the longest suffix of the last n accepted tokens that also stands earlier
 * among them, followed by t; suffixes do not reach across a sequence breaker.
 *
 * Source: p-e-w's DRY as ported to koboldcpp and llama.cpp by pi6am. Parameters: multiplier, 0
 * disables; base, < 1 disables; allowed_length >= 0; last_n, 0 disables; breakers as sequences of
 * tokens. A token that is a breaker by itself is never penalised. The exponent stops where the
 * power would leave float's range. Asks nothing of the view; edits it.
 *
 * Suffix lengths come from the Z function of the reversed history: z[i] is how far the history read
 * backwards from i matches the history read backwards from its end. Time linear in n.
 */
#include "../chain.h"

int32_t dry_scratch(const pluck_stage *stage) {
    /* The reversed history, its Z function; tokens and lengths of the repeats. */
    return 4 * stage->as.dry.last_n;
}

/* Does the breaker end at or stretch over the place `back` tokens from the end? Its head stands at
 * `back`, its tail in the tokens after it. */
static bool breaks_at(const pluck_token_sequence *b, const int32_t *reversed, int32_t back) {
    if (b->n_tokens - 1 > back) return false;
    for (int32_t i = 0; i < b->n_tokens; i++)
        if (b->tokens[i] != reversed[back - i]) return false;
    return true;
}

/* Tokens between the end and the last breaker: the longest suffix that may count. */
static int32_t suffix_limit(const pluck_stage_dry *p, const int32_t *reversed, int32_t n) {
    if (p->n_breakers == 0) return n;
    for (int32_t back = 0; back < n; back++) {
        int32_t longest = -1;
        for (int32_t i = 0; i < p->n_breakers; i++) {
            const pluck_token_sequence *b = &p->breakers[i];
            if (b->n_tokens - 1 > longest && breaks_at(b, reversed, back))
                longest = b->n_tokens - 1;
        }
        if (longest >= 0) return back - longest;
    }
    return n;
}

/* z[i], i > 0: length of the longest common prefix of s and s + i. Gusfield's Z algorithm. */
static void z_function(const int32_t *s, int32_t n, int32_t *z) {
    int32_t left = 0, right = 0; /* the match s[left..right) that reaches furthest */
    for (int32_t i = 1; i < n; i++) {
        int32_t length = 0;
        if (i < right) length = (int32_t)min_i64(z[i - left], right - i);
        while (i + length < n && s[length] == s[i + length]) length++;
        z[i] = length;
        if (i + length > right) {
            left = i;
            right = i + length;
        }
    }
}

/* Notes that `token` would continue a repeat; keeps the list ascending by token, longest length. */
static int32_t note(int32_t *tokens, int32_t *lengths, int32_t n, int32_t token, int32_t length) {
    int32_t low = 0, high = n;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (tokens[middle] < token)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < n && tokens[low] == token) {
        if (lengths[low] < length) lengths[low] = length;
        return n;
    }
    memmove(tokens + low + 1, tokens + low, (size_t)(n - low) * sizeof *tokens);
    memmove(lengths + low + 1, lengths + low, (size_t)(n - low) * sizeof *lengths);
    tokens[low] = token;
    lengths[low] = length;
    return n + 1;
}

static bool is_single_breaker(const pluck_stage_dry *p, int32_t token) {
    for (int32_t i = 0; i < p->n_breakers; i++)
        if (p->breakers[i].n_tokens == 1 && p->breakers[i].tokens[0] == token) return true;
    return false;
}

typedef struct dry_penalty {
    const pluck_stage_dry *p;
    const int32_t *lengths;
    int32_t max_exponent; /* 0: no limit */
} dry_penalty;

static double penalise_repeat(const void *ctx, int32_t k, double logit) {
    const dry_penalty *d = ctx;
    int32_t exponent = d->lengths[k] - d->p->allowed_length;
    if (d->max_exponent > 0 && exponent > d->max_exponent) exponent = d->max_exponent;
    return logit - (double)d->p->multiplier * pow((double)d->p->base, (double)exponent);
}

int32_t dry_repeats(const pluck_stage_dry *p, const int32_t *reversed, int32_t n, int32_t *z,
                    int32_t *tokens, int32_t *lengths) {
    if (n <= p->allowed_length) return 0;
    const int32_t limit = suffix_limit(p, reversed, n);
    if (limit < p->allowed_length) return 0;
    z_function(reversed, n, z);
    int32_t n_repeats = 0;
    for (int32_t i = 1; i < n; i++) {
        const int32_t length = (int32_t)min_i64(z[i], limit);
        const int32_t next = reversed[i - 1]; /* what followed the earlier occurrence */
        if (length >= p->allowed_length && !is_single_breaker(p, next))
            n_repeats = note(tokens, lengths, n_repeats, next, length);
    }
    return n_repeats;
}

STAGE(dry) {
    const pluck_stage_dry *p = &run->stage->as.dry;
    const int32_t n = run->history->size;
    int32_t *reversed = run->scratch;
    int32_t *z = reversed + p->last_n;
    int32_t *tokens = z + p->last_n;
    int32_t *lengths = tokens + p->last_n;
    for (int32_t i = 0; i < n; i++) reversed[i] = history_back(run->history, i);
    const int32_t n_repeats = dry_repeats(p, reversed, n, z, tokens, lengths);
    dry_penalty ctx = {p, lengths, 0};
    /* base ^ exponent stays below FLT_MAX = e ^ 88.7228391. */
    if (p->base > 1.000001f) ctx.max_exponent = (int32_t)(88.7228391 / log((double)p->base));
    return candidates_edit(c, tokens, n_repeats, penalise_repeat, &ctx);
}
