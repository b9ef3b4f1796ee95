/*
 * oracle_call.c: the stages that call back: infill and custom.
 */
#include "oracle_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_MAX = 512 };

/* The text of a token; none if it does not fit. */
static int32_t text_of(const pluck_stage_infill *s, int32_t token, char buffer[PIECE_MAX]) {
    const int32_t n = s->piece(s->ctx, token, buffer, PIECE_MAX);
    return n > 0 ? n : 0;
}

static bool is_prefix(const pluck_stage_infill *s, int32_t shorter, int32_t longer) {
    char a[PIECE_MAX];
    char b[PIECE_MAX];
    const int32_t n_a = text_of(s, shorter, a);
    const int32_t n_b = text_of(s, longer, b);
    return n_a > 0 && n_a <= n_b && memcmp(a, b, (size_t)n_a) == 0;
}

/* Each token whose text begins another's is merged into the likelier of the two. */
static void merge_prefixes(oracle_view *v, const pluck_stage_infill *s) {
    for (int32_t i = 0; i < v->n; ++i) {
        for (int32_t j = 0; j < v->n; ++j) {
            oracle_candidate *a = &v->c[i];
            oracle_candidate *b = &v->c[j];
            if (a->logit == -INFINITY) break;
            if (i == j || b->logit == -INFINITY) continue;
            if (!is_prefix(s, a->id, b->id)) continue;
            if (a->p != b->p && fabs(a->p - b->p) <= v->band * fmax(a->p, b->p)) v->wild = true;
            oracle_candidate *to = b->p > a->p ? b : a;
            oracle_candidate *from = to == a ? b : a;
            to->p += from->p;
            from->p = 0.0;
            from->logit = -INFINITY;
        }
    }
}

/* Drops the texts below a threshold, keeps every end of generation; normalises what is left.
 * Returns how many texts are left. */
static int32_t keep_likely(oracle_view *v, const pluck_stage_infill *s, double threshold) {
    int32_t n = 0;
    int32_t texts = 0;
    double sum = 0.0;
    for (int32_t i = 0; i < v->n; ++i) {
        const bool eog = s->is_eog(s->ctx, v->c[i].id);
        if (!eog && fabs(v->c[i].p - threshold) <= v->band) v->wild = true;
        if (!eog && v->c[i].p < threshold) continue;
        texts += !eog;
        sum += v->c[i].p;
        v->c[n++] = v->c[i];
    }
    v->n = n;
    for (int32_t i = 0; i < n; ++i) v->c[i].p /= sum;
    return texts;
}

/* What infill masks, or found masked, is not counted afterwards. (llama.cpp counts the
 * end-of-generation tokens among them; that changes the count alone.) */
static void forget_masked(oracle_view *v) {
    int32_t n = 0;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit != -INFINITY) v->c[n++] = v->c[i];
    }
    v->n = n;
}

bool oracle_infill(oracle_view *v, const pluck_stage_infill *s) {
    if (!oracle_evaluate(v)) return false;
    oracle_sort(v);
    oracle_softmax(v);
    double text = 0.0;
    double eog = 0.0;
    for (int32_t i = 0; i < v->n; ++i) {
        if (s->is_eog(s->ctx, v->c[i].id)) {
            eog += v->c[i].p;
        } else {
            text += v->c[i].p;
        }
    }
    const double weight = 3.0 * eog * (double)v->n;
    if (fabs(weight - text) <= v->band * fmax(weight, text)) v->wild = true;
    if (weight > text) {
        int32_t n = 0;
        for (int32_t i = 0; i < v->n; ++i) {
            if (s->is_eog(s->ctx, v->c[i].id)) v->c[n++] = v->c[i];
        }
        v->n = n;
        forget_masked(v);
        return true;
    }

    merge_prefixes(v, s);
    const int32_t texts = keep_likely(v, s, (double)0.2f);
    if (texts == 0) {
        v->n = 1;
        v->c[0].id = s->eot;
        v->c[0].logit = 1.0;
        v->sorted = true;
        return true;
    }
    keep_likely(v, s, 1.0 / (texts + 1));
    forget_masked(v);
    return true;
}

bool oracle_custom(oracle_view *v, const pluck_stage_custom *s, int32_t index,
                   pluck_status *status) {
    if (!oracle_evaluate(v)) return false;
    const int32_t n = oracle_unmasked(v);
    int32_t *ids = malloc((size_t)n * sizeof *ids);
    float *logits = malloc((size_t)n * sizeof *logits);
    bool ok = ids && logits;
    *status = ok ? PLUCK_OK : PLUCK_ERR_MEMORY;
    if (!ok) goto out;

    int32_t at = 0;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit == -INFINITY) continue;
        ids[at] = v->c[i].id;
        logits[at++] = (float)v->c[i].logit;
    }
    pluck_custom_view view = {ids, logits, n, v->sorted, -1};
    ok = s->apply(s->ctx, &view) && view.n >= 0 && view.n <= n && view.selected < view.n;
    for (int32_t i = 0; ok && i < view.n; ++i) {
        ok = ids[i] >= 0 && ids[i] < v->n_vocab;
    }
    *status = ok ? PLUCK_OK : PLUCK_ERR_CALLBACK;
    if (!ok) goto out;

    /* Masked candidates stay counted, after the others. */
    int32_t masked = 0;
    oracle_candidate *rest = malloc((size_t)v->n * sizeof *rest);
    if (!rest) {
        ok = false;
        *status = PLUCK_ERR_MEMORY;
        goto out;
    }
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit == -INFINITY) rest[masked++] = v->c[i];
    }
    for (int32_t i = 0; i < view.n; ++i) {
        v->c[i].id = ids[i];
        v->c[i].logit = (double)logits[i];
    }
    memcpy(v->c + view.n, rest, (size_t)masked * sizeof *rest);
    free(rest);
    v->n = view.n + masked;
    v->sorted = view.descending;
    v->keyed = false;
    if (view.selected >= 0) {
        v->token = ids[view.selected];
        v->by_mass = false;
        v->u = NAN;
        v->select_stage = index;
    }
out:
    free(ids);
    free(logits);
    return ok;
}
