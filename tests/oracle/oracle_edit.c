/*
 * oracle_edit.c: the stages that change single logits: bias, penalties, DRY.
 */
#include "oracle_impl.h"

#include <float.h>
#include <math.h>

/* Logits are floats: a value beyond float's range is infinite. */
static double saturate(double x) {
    return x > (double)FLT_MAX ? INFINITY : x < -(double)FLT_MAX ? -INFINITY : x;
}

/* Sets the logit of a candidate. Float rounds it, and rounds on the way values whose magnitudes add
 * up to `through`. */
static void set_logit(oracle_candidate *c, double x, double through) {
    c->logit = saturate(x);
    if (isfinite(c->logit)) c->slack += 0x1p-24 * (fabs(c->logit) + through);
}

/* Notes that logits have changed: candidates keep their places, but are no longer
 * known to be sorted. */
static void edited(oracle_view *v) {
    v->sorted = false;
    v->edited = true;
}

bool oracle_logit_bias(oracle_view *v, const pluck_stage_logit_bias *s, double *sums,
                       double *parts) {
    for (int32_t t = 0; t < v->n_vocab; ++t) {
        sums[t] = 0.0;
        parts[t] = -1.0; /* no bias */
    }
    for (int32_t b = 0; b < s->n_biases; ++b) {
        const int32_t t = s->biases[b].token;
        sums[t] += (double)s->biases[b].bias;
        parts[t] = fmax(parts[t], 0.0) + fabs((double)s->biases[b].bias);
    }
    bool hit = false;
    for (int32_t i = 0; i < v->n; ++i) {
        oracle_candidate *c = &v->c[i];
        if (parts[c->id] < 0.0) continue;
        hit = true;
        if (c->logit == -INFINITY) continue;
        set_logit(c, c->logit + sums[c->id], parts[c->id]);
        if (sums[c->id] == -INFINITY) c->logit = -INFINITY;
    }
    if (hit) edited(v);
    return true;
}

bool oracle_is_among(int32_t token, const int32_t *tokens, int32_t n) {
    for (int32_t i = 0; i < n; ++i)
        if (tokens[i] == token) return true;
    return false;
}

bool oracle_penalties(oracle_view *v, const pluck_stage_penalties *s, const oracle_history *h,
                      int32_t *counts) {
    if (s->last_n == 0 || (s->repeat == 1.0f && s->freq == 0.0f && s->present == 0.0f)) return true;
    oracle_history_counts(h, s->last_n, s->output_only != 0, v->n_vocab, counts);
    bool hit = false;
    for (int32_t i = 0; i < v->n; ++i) {
        const int32_t count = counts[v->c[i].id];
        if (count == 0 || oracle_is_among(v->c[i].id, s->exempt, s->n_exempt)) continue;
        hit = true;
        double x = v->c[i].logit;
        if (x == -INFINITY) continue;
        const double factor = x <= 0.0 ? (double)s->repeat : 1.0 / (double)s->repeat;
        v->c[i].slack *= factor;
        x = saturate(x <= 0.0 ? x * (double)s->repeat : x / (double)s->repeat);
        if (x == -INFINITY) {
            v->c[i].logit = x;
            continue;
        }
        const double taken = saturate(count * (double)s->freq + (double)s->present);
        set_logit(&v->c[i], x - taken, fabs(x) + fabs(taken));
    }
    if (hit) edited(v);
    return true;
}

bool oracle_dry(oracle_view *v, const pluck_stage_dry *s, const oracle_history *h,
                int32_t *lengths) {
    if (s->multiplier == 0.0f || s->base < 1.0f || s->last_n == 0) return true;
    if (!oracle_history_repeats(h, s, v->n_vocab, lengths)) return true;
    bool hit = false;
    for (int32_t i = 0; i < v->n; ++i) {
        const int32_t length = lengths[v->c[i].id];
        if (length < 0 || oracle_is_among(v->c[i].id, s->exempt, s->n_exempt)) continue;
        hit = true;
        if (v->c[i].logit == -INFINITY) continue;
        const double taken = saturate(oracle_dry_penalty(s, length));
        set_logit(&v->c[i], v->c[i].logit - taken, fabs(taken));
    }
    if (hit) edited(v);
    return true;
}
