/*
 * infill.c: for fill-in-the-middle: ends when an end of generation is likely enough, else merges
 * tokens of which one is a prefix of the other and keeps those that are likely then.
 *     1. if 3 * P(eog) * n > P(text): keep the end-of-generation tokens
 *     2. merge: for each pair where one text begins with the other, the more likely takes both P
 *     3. keep P >= 0.2 or eog; none but eog left: the end-of-turn token alone, at logit 1
 *     4. renormalise; keep P >= 1 / (1 + number of text tokens) or eog
 *
 * Source: llama.cpp's infill. The vocabulary comes through callbacks. The probabilities merged here
 * decide who stays; the logits of those who stay are as before. n counts masked candidates. Time is
 * quadratic in the candidates, as it is there: put a top-k in front. Leaves descending order.
 */
#include "../chain.h"

enum { PIECE_BYTES = 512 };

typedef struct piece {
    int32_t length; /* 0 also where the text is longer than fits: it is not compared */
    char text[PIECE_BYTES];
} piece;

static pluck_status read_piece(const pluck_stage_infill *s, int32_t token, piece *p) {
    const int32_t n = s->piece(s->ctx, token, p->text, PIECE_BYTES);
    if (n > PIECE_BYTES) return PLUCK_ERR_CALLBACK;
    p->length = n < 0 ? 0 : n;
    return PLUCK_OK;
}

/* P of the candidates of a LIST, to `spare`. */
static float *probabilities(candidates *c) {
    pluck_workspace *ws = c->ws;
    const exp_params p = candidates_exp(c);
    c->kernels->array.shifted_exp(ws->logits, (size_t)c->n, &p, ws->spare);
    for (int32_t i = 0; i < c->n; i++) ws->spare[i] = (float)((double)ws->spare[i] / c->sum);
    return ws->spare;
}

/* Moves candidate `from` to place `to`, with its probability. */
static void move(candidates *c, float *p, int32_t to, int32_t from) {
    c->ws->ids[to] = c->ws->ids[from];
    c->ws->logits[to] = c->ws->logits[from];
    p[to] = p[from];
}

/* A merged candidate is marked by probability -1. */
static pluck_status merge_prefixes(candidates *c, const pluck_stage_infill *s, float *p) {
    piece a, b;
    for (int32_t i = 0; i < c->n; i++) {
        if (p[i] < 0.0f) continue;
        TRY(read_piece(s, c->ws->ids[i], &a));
        if (a.length == 0) continue;
        for (int32_t j = 0; j < c->n && p[i] >= 0.0f; j++) {
            if (i == j || p[j] < 0.0f) continue;
            TRY(read_piece(s, c->ws->ids[j], &b));
            if (a.length > b.length || memcmp(a.text, b.text, (size_t)a.length) != 0) continue;
            const int32_t winner = p[j] > p[i] ? j : i;
            const int32_t loser = winner == i ? j : i;
            p[winner] += p[loser];
            p[loser] = -1.0f;
        }
    }
    return PLUCK_OK;
}

/* Keeps P >= threshold, and eog tokens unless merged; returns how many are text. */
static int32_t keep_likely(candidates *c, const pluck_stage_infill *s, float *p, double threshold) {
    int32_t n = 0, n_text = 0;
    for (int32_t i = 0; i < c->n; i++) {
        const bool eog = s->is_eog(s->ctx, c->ws->ids[i]);
        if (!eog && (double)p[i] < threshold) continue;
        if (p[i] < 0.0f) continue;
        n_text += !eog;
        move(c, p, n++, i);
    }
    c->n = n;
    return n_text;
}

/* The changed LIST, whose candidates are the counted ones. */
static pluck_status finish(candidates *c) {
    c->n_counted = c->n;
    candidates_pad(c);
    candidates_changed(c);
    return PLUCK_OK;
}

STAGE(infill) {
    const pluck_stage_infill *s = &run->stage->as.infill;
    TRY(candidates_scan(c));
    c->order = ORDER_DESCENDING;
    TRY(candidates_materialise(c));
    candidates_sum(c);
    float *p = probabilities(c);
    double text = 0.0, eog = 0.0;
    for (int32_t i = 0; i < c->n; i++)
        *(s->is_eog(s->ctx, c->ws->ids[i]) ? &eog : &text) += (double)p[i];
    if (3.0 * eog * (double)c->n_counted > text) {
        int32_t n = 0;
        for (int32_t i = 0; i < c->n; i++)
            if (s->is_eog(s->ctx, c->ws->ids[i])) move(c, p, n++, i);
        c->n = n;
        return finish(c);
    }
    TRY(merge_prefixes(c, s, p));
    const int32_t n_text = keep_likely(c, s, p, (double)0.2f);
    if (n_text == 0) {
        c->n = 1;
        c->ws->ids[0] = s->eot;
        c->ws->logits[0] = 1.0f;
        c->scale = 1.0;
        c->infinite = false;
        return finish(c);
    }
    double sum = 0.0;
    for (int32_t i = 0; i < c->n; i++) sum += (double)p[i];
    for (int32_t i = 0; i < c->n; i++) p[i] = (float)((double)p[i] / sum);
    keep_likely(c, s, p, 1.0 / (n_text + 1.0));
    return finish(c);
}
