/*
 * oracle_cut.c: the stages that keep some candidates and drop others, and temperature.
 */
#include "oracle_impl.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

bool oracle_top_n_sigma(oracle_view *v, const pluck_stage_top_n_sigma *s) {
    if (s->n <= 0.0f || v->n <= 1) return true;
    if (!oracle_evaluate(v)) return false;
    if (v->infinite) return true; /* all equal: no deviation, none below the maximum */
    long double sum = 0.0L;
    int32_t n = 0;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit == -INFINITY) continue;
        sum += (long double)v->c[i].logit;
        ++n;
    }
    const long double mean = sum / n;
    long double squares = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        const long double d = (long double)v->c[i].logit - mean;
        if (v->c[i].logit != -INFINITY) squares += d * d;
    }
    const double deviation = (double)sqrtl(squares / n);
    if (deviation == 0.0) return true;
    const double cut = v->max - (double)s->n * deviation;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit != -INFINITY && oracle_close(v, v->c[i].logit, cut)) {
            oracle_mark(v, &v->c[i]);
        }
        if (v->c[i].logit < cut) v->c[i].logit = -INFINITY;
    }
    return true;
}

bool oracle_top_k(oracle_view *v, const pluck_stage_top_k *s) {
    if (s->k <= 0) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_sort(v);
    oracle_truncate(v, s->k < v->n ? s->k : v->n);
    return true;
}

/* Marks the candidates at which the cumulative sum passes p, within the band. */
static void mark_mass(oracle_view *v, double p) {
    long double cumulative = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        if (i > 0 && fabs((double)cumulative - p) <= v->band) oracle_mark(v, &v->c[i]);
        if ((double)cumulative > p + v->band) return;
        cumulative += (long double)v->c[i].p;
    }
}

static int by_key(const void *a, const void *b) {
    const oracle_candidate *x = a;
    const oracle_candidate *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

bool oracle_typical(oracle_view *v, const pluck_stage_mass *s) {
    if (s->p >= 1.0f) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_sort(v);
    oracle_softmax(v);
    const double h = oracle_entropy(v);
    for (int32_t i = 0; i < v->n; ++i) {
        oracle_candidate *c = &v->c[i];
        c->key = c->logit == -INFINITY ? INFINITY : fabs(oracle_surprise(v, c) - h);
        /* Equal logits are equally typical. */
        if (i > 0 && c->logit == v->c[i - 1].logit) c->key = v->c[i - 1].key;
    }
    if (!oracle_sort_by(v->c, v->n, false)) qsort(v->c, (size_t)v->n, sizeof *v->c, by_key);
    mark_mass(v, (double)s->p);

    long double cumulative = 0.0L;
    int32_t kept = v->n;
    for (int32_t i = 0; i < v->n; ++i) {
        cumulative += (long double)v->c[i].p;
        if ((double)cumulative > (double)s->p && i + 1 >= s->min_keep) {
            kept = i + 1;
            break;
        }
    }
    if (kept < v->n && v->c[kept].logit != -INFINITY) {
        /* Near-equal scores may change places across the cut, unless all are of the same logit. */
        const double edge = v->c[kept - 1].key;
        const double scale = v->band * fmax(1.0, fabs(v->max) + fabs(v->c[kept].logit) + h);
        bool mixed = v->rough;
        for (int32_t i = 0; i < v->n && !mixed; ++i) {
            mixed = fabs(v->c[i].key - edge) <= scale && v->c[i].logit != v->c[kept].logit;
        }
        if (mixed && v->c[kept].key - edge <= scale) {
            for (int32_t i = 0; i < v->n; ++i) {
                if (fabs(v->c[i].key - edge) <= 2.0 * scale) oracle_mark(v, &v->c[i]);
            }
        }
    }
    v->n = kept;
    v->sorted = false;
    v->keyed = true;
    return true;
}

bool oracle_top_p(oracle_view *v, const pluck_stage_mass *s) {
    if (s->p >= 1.0f) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_sort(v);
    oracle_softmax(v);
    mark_mass(v, (double)s->p);
    long double cumulative = 0.0L;
    int32_t kept = v->n;
    for (int32_t i = 0; i < v->n; ++i) {
        cumulative += (long double)v->c[i].p;
        if ((double)cumulative >= (double)s->p && i + 1 >= s->min_keep) {
            kept = i + 1;
            break;
        }
    }
    oracle_truncate(v, kept);
    return true;
}

/* Keeps the candidates at or above cut, or the min_keep greatest if there are fewer. */
static bool keep_above(oracle_view *v, double cut, int32_t min_keep) {
    int32_t kept = 0;
    int32_t uncertain = 0;
    for (int32_t i = 0; i < v->n; ++i) {
        const double x = oracle_effective(v, &v->c[i]);
        if (x == -INFINITY) continue;
        kept += x >= cut;
        if (x != v->max && oracle_close(v, x, cut)) {
            oracle_mark(v, &v->c[i]);
            ++uncertain;
        }
    }
    /* Whether there are at least min_keep also decides the order. */
    if (uncertain && abs(kept - min_keep) <= uncertain) v->wild = true;
    if (v->sorted || kept < min_keep) {
        const int32_t least = min_keep < v->n ? min_keep : v->n;
        oracle_sort(v);
        int32_t n = kept > least ? kept : least;
        if (n < 1) n = 1;
        if (n == kept) {
            v->n = n; /* the cut is at the boundary marked above */
        } else {
            oracle_truncate(v, n);
        }
        return true;
    }
    int32_t n = 0;
    for (int32_t i = 0; i < v->n; ++i) {
        const double x = oracle_effective(v, &v->c[i]);
        if (x != -INFINITY && x >= cut) v->c[n++] = v->c[i];
    }
    v->n = n;
    return true;
}

bool oracle_min_p(oracle_view *v, const pluck_stage_mass *s) {
    if (s->p <= 0.0f) return true;
    if (!oracle_evaluate(v)) return false;
    return keep_above(v, v->max + log((double)s->p), s->min_keep);
}

bool oracle_top_a(oracle_view *v, const pluck_stage_top_a *s) {
    if (s->a <= 0.0f) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_softmax(v);
    double max_p = 0.0;
    for (int32_t i = 0; i < v->n; ++i) max_p = v->c[i].p > max_p ? v->c[i].p : max_p;
    /* P >= a max_p^2, as a limit of the logit: log(P / max_p) >= log(a max_p). */
    return keep_above(v, v->max + log((double)s->a * max_p), s->min_keep);
}

/* Masks all but the maximum. */
static void keep_maximum(oracle_view *v) {
    int32_t best = -1;
    for (int32_t i = 0; i < v->n; ++i) {
        const oracle_candidate *c = &v->c[i];
        if (c->logit == -INFINITY) continue;
        if (best < 0 || c->logit > v->c[best].logit ||
            (c->logit == v->c[best].logit && c->id < v->c[best].id)) {
            best = i;
        }
    }
    const double top = v->c[best].logit;
    bool near = false;
    for (int32_t i = 0; i < v->n; ++i) {
        near = near || (v->c[i].logit != top && oracle_close(v, v->c[i].logit, top));
    }
    for (int32_t i = 0; i < v->n; ++i) {
        if (near && oracle_close(v, v->c[i].logit, top)) oracle_mark(v, &v->c[i]);
        if (i != best) v->c[i].logit = -INFINITY;
    }
}

static bool temperature(oracle_view *v, double t) {
    if (t <= 0.0) {
        if (!oracle_evaluate(v)) return false;
        keep_maximum(v);
        return true;
    }
    /* The temperature is so low that the other logits would overflow float: they are masked. */
    const double lowest = -(double)FLT_MAX;
    double top = -INFINITY;
    for (int32_t i = 0; i < v->n; ++i) top = v->c[i].logit > top ? v->c[i].logit : top;
    const bool cold = isfinite(top) && fabs(top) / t > (double)FLT_MAX;
    for (int32_t i = 0; i < v->n; ++i) {
        double *x = &v->c[i].logit;
        if (cold) {
            *x = *x == top ? (double)copysignf(FLT_MAX, (float)top) : -INFINITY;
        } else {
            *x = *x / t < lowest ? -INFINITY : *x / t;
            v->c[i].slack /= t;
        }
    }
    return true;
}

bool oracle_temperature(oracle_view *v, const pluck_stage_temperature *s) {
    if (!(s->range > 0.0f)) return temperature(v, (double)s->t);
    if (v->n <= 1) return true;
    if (!oracle_evaluate(v)) return false;
    const double low = fmax(0.0, (double)s->t - (double)s->range);
    const double high = (double)s->t + (double)s->range;
    oracle_sort(v);
    oracle_softmax(v);
    const double entropy = oracle_entropy(v);
    const double share = entropy / log((double)v->n);
    /* In float so small an entropy may be 0, and the temperature with it, which masks all
     * but one. The distribution is the same, but stages that make new logits from the
     * others see a difference. */
    if (entropy < 1e-6 && low == 0.0 && oracle_unmasked(v) > 1) v->wild = true;
    return temperature(v, low + (high - low) * pow(share, (double)s->exponent));
}
