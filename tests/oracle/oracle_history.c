/*
 * oracle_history.c: history by the definitions. Repetitions are found by comparing every position
 * with every suffix length, which is quadratic and easy to check.
 */
#include "oracle_history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool oracle_history_push(oracle_history *h, int32_t token, bool prompt) {
    if (h->n == h->capacity) {
        const int32_t capacity = h->capacity ? 2 * h->capacity : 64;
        int32_t *tokens = realloc(h->tokens, (size_t)capacity * sizeof *tokens);
        if (tokens) h->tokens = tokens;
        bool *marks = realloc(h->prompt, (size_t)capacity * sizeof *marks);
        if (marks) h->prompt = marks;
        if (!tokens || !marks) return false;
        h->capacity = capacity;
    }
    h->prompt[h->n] = prompt;
    h->tokens[h->n++] = token;
    return true;
}

bool oracle_history_copy(oracle_history *to, const oracle_history *from) {
    memset(to, 0, sizeof *to);
    for (int32_t i = 0; i < from->n; ++i) {
        if (!oracle_history_push(to, from->tokens[i], from->prompt[i])) return false;
    }
    return true;
}

void oracle_history_free(oracle_history *h) {
    free(h->tokens);
    free(h->prompt);
    memset(h, 0, sizeof *h);
}

/* The token `back` places before the newest. */
static int32_t recent(const oracle_history *h, int32_t back) {
    return h->tokens[h->n - 1 - back];
}

void oracle_history_counts(const oracle_history *h, int32_t last_n, bool output_only,
                           int32_t n_vocab, int32_t *counts) {
    memset(counts, 0, (size_t)n_vocab * sizeof *counts);
    int32_t counted = 0;
    for (int32_t i = 0; i < h->n && counted < last_n; ++i) {
        if (output_only && h->prompt[h->n - 1 - i]) continue;
        ++counts[recent(h, i)];
        ++counted;
    }
}

/* How many tokens a repetition may reach back before it meets a breaker; `n` if there is none. */
static int32_t reach(const oracle_history *h, const pluck_stage_dry *dry, int32_t n) {
    for (int32_t i = 0; i < n; ++i) {
        int32_t longest = -1;
        for (int32_t b = 0; b < dry->n_breakers; ++b) {
            const pluck_token_sequence *s = &dry->breakers[b];
            const int32_t tail = s->n_tokens - 1;
            if (s->tokens[0] != recent(h, i) || tail > i) continue;
            bool match = true;
            for (int32_t j = 0; j < tail; ++j) {
                if (s->tokens[j + 1] != recent(h, i - 1 - j)) match = false;
            }
            if (match && tail > longest) longest = tail;
        }
        if (longest >= 0) return i - longest;
    }
    return n;
}

bool oracle_history_repeats(const oracle_history *h, const pluck_stage_dry *dry, int32_t n_vocab,
                            int32_t *lengths) {
    const int32_t n = h->n < dry->last_n ? h->n : dry->last_n;
    if (n <= dry->allowed_length) return false;
    const int32_t limit = reach(h, dry, n);
    if (limit < dry->allowed_length) return false;

    for (int32_t t = 0; t < n_vocab; ++t) lengths[t] = -1;
    for (int32_t k = 1; k < n; ++k) {
        int32_t length = 0;
        while (length + k < n && recent(h, length) == recent(h, length + k)) ++length;
        if (length > limit) length = limit;
        if (length < dry->allowed_length) continue;
        const int32_t next = recent(h, k - 1);
        if (lengths[next] < length) lengths[next] = length;
    }
    for (int32_t b = 0; b < dry->n_breakers; ++b) {
        if (dry->breakers[b].n_tokens == 1) lengths[dry->breakers[b].tokens[0]] = -1;
    }
    return true;
}

double oracle_dry_penalty(const pluck_stage_dry *dry, int32_t length) {
    int32_t exponent = length - dry->allowed_length;
    if (dry->base > 1.000001f) {
        const int32_t most = (int32_t)(88.7228391 / log((double)dry->base));
        if (most > 0 && exponent > most) exponent = most;
    }
    return (double)dry->multiplier * pow((double)dry->base, exponent);
}
