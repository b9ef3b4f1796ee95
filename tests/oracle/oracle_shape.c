/*
 * oracle_shape.c: the stages that go by the shape of the sorted candidates: tail-free, top-H and
 * min-k; and quadratic smoothing.
 */
#include "oracle_impl.h"

#include <float.h>
#include <math.h>

static double at(const oracle_view *v, int32_t i) {
    return v->c[i].p;
}

bool oracle_tfs(oracle_view *v, const pluck_stage_tfs *s) {
    if (s->z >= 1.0f) return true;
    if (!oracle_evaluate(v)) return false;
    if (v->n <= 2) return true;
    oracle_sort(v);
    oracle_softmax(v);
    long double all = 0.0L;
    for (int32_t i = 0; i + 2 < v->n; ++i) {
        all += fabsl((long double)at(v, i) - 2.0L * at(v, i + 1) + at(v, i + 2));
    }
    const long double limit = (long double)s->z * all;
    /* Of nearly equal logits that float32 has rounded, second differences are its rounding. */
    long double noise = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) noise += 4.0L * (long double)(at(v, i) * v->c[i].slack);
    if (v->rough || noise > 1e-3L * all) v->wild = true;
    const long double band = (long double)v->band * all + noise;
    long double sum = 0.0L;
    int32_t index = -1;
    for (int32_t i = 0; i + 2 < v->n && sum <= limit + band; ++i) {
        sum += fabsl((long double)at(v, i) - 2.0L * at(v, i + 1) + at(v, i + 2));
        if (index < 0 && sum > limit) index = i;
        /* Whether candidate i is behind the bend hangs on rounding. */
        if (fabsl(sum - limit) <= band && i + s->extra < v->n) oracle_mark(v, &v->c[i + s->extra]);
    }
    if (index < 0) return true;
    int32_t keep = index > s->min_keep ? index : s->min_keep;
    if (keep < 1) keep = 1;
    if (keep >= v->n || s->extra > v->n - keep) return true;
    oracle_truncate(v, keep + s->extra);
    return true;
}

bool oracle_top_h(oracle_view *v, const pluck_stage_top_h *s) {
    if (s->alpha >= 1.0f) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_sort(v);
    oracle_softmax(v);
    const double limit = (double)s->alpha * oracle_entropy(v);
    const double band = v->band * fmax(1.0, limit);
    const int32_t n = oracle_unmasked(v);
    long double mass = 0.0L;
    long double logs = 0.0L;
    int32_t keep = n;
    for (int32_t i = 0; i < n; ++i) {
        const long double p = (long double)v->c[i].p;
        mass += p;
        if (p > 0.0L) logs += p * logl(p);
        const double entropy = (double)(logl(mass) - logs / mass);
        if (i > 0 && fabs(entropy - limit) <= band) oracle_mark(v, &v->c[i]);
        if (i > 0 && entropy > limit && keep == n) keep = i;
        if (entropy > limit + band) break;
    }
    oracle_truncate(v, keep);
    return true;
}

/* How steeply the sorted logits fall behind the i-th of them, i from 1. */
static double drop(const oracle_view *v, int32_t i) {
    return (oracle_effective(v, &v->c[i - 1]) - oracle_effective(v, &v->c[i])) / i;
}

bool oracle_min_k(oracle_view *v, const pluck_stage_min_k *s) {
    if (s->tau < 0.0f) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_sort(v);
    const int32_t n = oracle_unmasked(v);
    int32_t k = 1;
    double steepest = 0.0;
    if (v->rough) v->wild = true;
    for (int32_t i = 1; i < n; ++i) {
        const double here = drop(v, i);
        if (here <= steepest) continue;
        steepest = here;
        k = i;
    }
    /* Two that are as steep, but for what rounding did to their logits. */
    for (int32_t i = 1; i < n; ++i) {
        const double blur = (v->band * (2.0 + fabs(v->max) + fabs(v->c[i].logit)) +
                             2.0 * (v->c[i - 1].slack + v->c[i].slack)) /
                            i;
        if (i != k && steepest > 0.0 && steepest - drop(v, i) <= blur) v->wild = true;
    }
    const double range = oracle_effective(v, &v->c[0]) - oracle_effective(v, &v->c[n - 1]);
    const double by_range = (double)s->tau / (range + 1e-8);
    if (by_range < (double)n + 1.0 && fabs(by_range - nearbyint(by_range)) <= 1e-5 * by_range &&
        nearbyint(by_range) > k) {
        v->wild = true;
    }
    if (floor(by_range) > (double)k) k = by_range < (double)n ? (int32_t)floor(by_range) : n;
    oracle_truncate(v, k);
    return true;
}

bool oracle_smoothing(oracle_view *v, const pluck_stage_smoothing *s) {
    if (s->factor <= 0.0f) return true;
    if (!oracle_evaluate(v)) return false;
    if (v->infinite) return true;
    if (v->rough) v->wild = true; /* what rounding did to the logits grows with the cubic's slope */
    const double a = (double)s->factor * (3.0 - (double)s->curve) / 2.0;
    const double b = (double)s->factor * ((double)s->curve - 1.0) / 2.0;
    for (int32_t i = 0; i < v->n; ++i) {
        oracle_candidate *c = &v->c[i];
        if (c->logit == -INFINITY) continue;
        const double d = c->logit - v->max;
        const double parts = fabs(a) * d * d + fabs(b * d) * d * d;
        const double slope = fabs(-2.0 * a * d + 3.0 * b * d * d);
        const double x = v->max - a * d * d + b * d * d * d;
        c->logit = fmax(fmin(x, (double)FLT_MAX), -(double)FLT_MAX);
        /* d is rounded, and so is every step from it to the new logit. */
        c->slack = c->slack * slope + 0x1p-23 * (fabs(v->max) + slope * fabs(d) + 2.0 * parts);
    }
    v->edited = true;
    const bool by_logit = v->sorted && a >= 0.0 && b >= 0.0;
    v->sorted = false;
    if (by_logit) oracle_sort(v); /* what has become equal goes by id */
    return true;
}
