/*
 * oracle_ban.c: the stages that mask tokens by what was accepted: minimum of new tokens, bad words,
 * no-repeat n-gram.
 */
#include "oracle_impl.h"

#include <math.h>

/* The token `back` places from the end of the history. */
static int32_t token_at(const oracle_history *h, int32_t back) {
    return h->tokens[h->n - 1 - back];
}

static void ban(oracle_view *v, int32_t token) {
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].id != token) continue;
        v->c[i].logit = -INFINITY;
        v->sorted = false;
        v->edited = true;
    }
}

bool oracle_min_tokens(oracle_view *v, const pluck_stage_min_tokens *s, const oracle_memory *m) {
    if (m->accepted >= s->min_tokens) return true;
    for (int32_t i = 0; i < s->n_ends; ++i) ban(v, s->ends[i]);
    return true;
}

bool oracle_bad_words(oracle_view *v, const pluck_stage_bad_words *s, const oracle_history *h) {
    for (int32_t i = 0; i < s->n_words; ++i) {
        const pluck_token_sequence *w = &s->words[i];
        bool leads = w->n_tokens - 1 <= h->n;
        for (int32_t k = 0; leads && k + 1 < w->n_tokens; ++k) {
            leads = w->tokens[k] == token_at(h, w->n_tokens - 2 - k);
        }
        if (leads) ban(v, w->tokens[w->n_tokens - 1]);
    }
    return true;
}

bool oracle_no_repeat_ngram(oracle_view *v, const pluck_stage_no_repeat_ngram *s,
                            const oracle_history *h) {
    const int32_t n = h->n < s->last_n ? h->n : s->last_n;
    if (s->size == 0) return true;
    /* Each sequence of `size` tokens, by the distance of its last one from the end. */
    for (int32_t back = 0; back + s->size <= n; ++back) {
        bool same = true;
        for (int32_t k = 0; same && k + 1 < s->size; ++k) {
            same = token_at(h, back + 1 + k) == token_at(h, k);
        }
        if (same) ban(v, token_at(h, back));
    }
    return true;
}
