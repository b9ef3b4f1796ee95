/*
 * xtc.c: "exclude top choices". With probability `probability`: of the candidates with P >=
 * threshold only the least likely is kept; all below the threshold stay.
 *
 * Source: p-e-w's XTC; llama.cpp's xtc. Parameters: probability, <= 0 disables; threshold, > 0.5
 * disables; min_keep: nothing is excluded where fewer would remain. Needs two candidates; flips one
 * coin of its own stream. Asks the view for its sum; removes the few candidates above the
 * threshold. Triggered, it leaves descending order.
 */
#include "../chain.h"

/* Sorts ids ascending: they come nearly sorted and are few. */
static void sort_ids(int32_t *ids, int32_t n) {
    for (int32_t i = 1; i < n; i++) {
        const int32_t moved = ids[i];
        int32_t at = i;
        for (; at > 0 && ids[at - 1] > moved; at--) ids[at] = ids[at - 1];
        ids[at] = moved;
    }
}

/* Of the n candidates in ids and x, the last in descending order: lowest x, highest id. */
static int32_t last_of(const int32_t *ids, const float *x, int32_t n) {
    int32_t last = 0;
    for (int32_t i = 1; i < n; i++)
        if (x[i] < x[last] || (x[i] == x[last] && ids[i] > ids[last])) last = i;
    return last;
}

/* Threshold 0 is reached by every candidate, masked ones included: the last one alone is kept. */
static pluck_status keep_last(candidates *c) {
    if (c->n_counted > c->n) return PLUCK_ERR_EMPTY;
    TRY(candidates_materialise(c));
    c->ws->ids[0] = c->ws->ids[c->n - 1];
    c->ws->logits[0] = c->ws->logits[c->n - 1];
    c->n = 1;
    c->n_counted = 1;
    candidates_pad(c);
    candidates_changed(c);
    return PLUCK_OK;
}

/* Removes the m - 1 greatest of a LIST's m at or above cut. */
static void remove_from_list(candidates *c, float cut, int32_t m) {
    pluck_workspace *ws = c->ws;
    int32_t last = -1;
    for (int32_t i = 0; i < c->n; i++) {
        if (ws->logits[i] < cut) continue;
        if (last < 0 || ws->logits[i] < ws->logits[last] ||
            (ws->logits[i] == ws->logits[last] && ws->ids[i] > ws->ids[last]))
            last = i;
    }
    int32_t n = 0;
    for (int32_t i = 0; i < c->n; i++) {
        if (ws->logits[i] >= cut && i != last) continue;
        ws->ids[n] = ws->ids[i];
        ws->logits[n++] = ws->logits[i];
    }
    c->n = n;
    c->n_counted -= m - 1;
    candidates_pad(c);
    candidates_changed(c);
}

STAGE(xtc) {
    const pluck_stage_xtc *s = &run->stage->as.xtc;
    if (c->n_counted < 2) return PLUCK_OK;
    if (stream_float(run->stream) > s->probability) return PLUCK_OK;
    TRY(candidates_scan(c));
    c->order = ORDER_DESCENDING;
    candidates_realise(c);
    if (s->threshold <= 0.0f) return 1 >= s->min_keep ? keep_last(c) : PLUCK_OK;
    candidates_sum(c);
    const float cut = candidates_x_at(c, c->ref, log((double)s->threshold * c->sum));
    if (cut > c->max) return PLUCK_OK;
    if (!c->whole) {
        int32_t m = 0;
        for (int32_t i = 0; i < c->n; i++) m += c->ws->logits[i] >= cut;
        if (m > 1 && c->n_counted - (m - 1) >= s->min_keep) remove_from_list(c, cut, m);
        return PLUCK_OK;
    }
    candidates top = *c;
    candidates_keep_above(&top, cut);
    const int32_t m = top.n;
    if (m <= 1 || c->n_counted - (m - 1) < s->min_keep) return PLUCK_OK;
    int32_t *ids = c->ws->ids;
    ids[last_of(ids, c->ws->logits, m)] = ids[m - 1];
    sort_ids(ids, m - 1);
    candidates_drop(c, ids, m - 1);
    return PLUCK_OK;
}
