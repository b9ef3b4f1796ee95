/*
 * oracle_probability.c: the stages that keep what reaches a probability: epsilon and eta cut-off,
 * p-less and p-less-norm.
 */
#include "oracle_impl.h"

#include <math.h>
#include <stdlib.h>

/* Keeps the unmasked whose logit is at or above `low`; rounding moves `low` by `band`, relatively
 * as oracle_close has it. Nobody else changes places. */
static void keep_from(oracle_view *v, double low, double band) {
    const double usual = v->band;
    double all = 0.0;
    for (int32_t i = 0; i < v->n; ++i) {
        const double x = oracle_effective(v, &v->c[i]);
        if (x != -INFINITY) all += exp(x - v->max);
    }
    v->band = fmax(band, usual);
    int32_t n = 0;
    for (int32_t i = 0; i < v->n; ++i) {
        const double x = oracle_effective(v, &v->c[i]);
        if (x == -INFINITY) continue;
        if (x != v->max && oracle_close(v, x, low)) oracle_mark(v, &v->c[i]);
        if (x >= low) v->c[n++] = v->c[i];
    }
    /* Where the cut goes through nearly equal candidates, rounding decides about most of the mass. */
    if (v->near_weight > 1e-3 * all) v->wild = true;
    v->band = usual;
    v->n = n;
}

static int descending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The logit of the k-th most probable candidate; -inf if there are fewer unmasked ones. */
static double kth_logit(const oracle_view *v, int32_t k) {
    double *x = malloc((size_t)v->n * sizeof *x);
    if (!x) abort();
    for (int32_t i = 0; i < v->n; ++i) x[i] = oracle_effective(v, &v->c[i]);
    qsort(x, (size_t)v->n, sizeof *x, descending);
    const double kth = k <= v->n ? x[k - 1] : -INFINITY;
    free(x);
    return kth;
}

/* P >= exp(log_p), as a limit of the logit; or not below the min_keep-th. */
static bool cut_at(oracle_view *v, double log_p, int32_t min_keep) {
    const double low = v->max + v->log_sum + log_p;
    keep_from(v, fmin(low, kth_logit(v, min_keep > 1 ? min_keep : 1)), v->band);
    return true;
}

bool oracle_epsilon_cutoff(oracle_view *v, const pluck_stage_cutoff *s) {
    if (s->epsilon <= 0.0f) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_softmax(v);
    return cut_at(v, log((double)s->epsilon), s->min_keep);
}

bool oracle_eta_cutoff(oracle_view *v, const pluck_stage_cutoff *s) {
    if (s->epsilon <= 0.0f) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_softmax(v);
    const double epsilon = (double)s->epsilon;
    const double eta = fmin(epsilon, sqrt(epsilon) * exp(-oracle_entropy(v)));
    return cut_at(v, log(eta), s->min_keep);
}

bool oracle_p_less(oracle_view *v, const pluck_stage_p_less *s, bool norm) {
    if (s->enabled == 0) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_softmax(v);
    long double squares = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        squares += (long double)v->c[i].p * (long double)v->c[i].p;
    }
    double least = (double)squares;
    double band = v->band;
    if (norm) {
        const long double count = v->n_vocab;
        /* Of nearly equal candidates little is left of V S - 1, and of its digits. */
        const long double excess = count * squares - 1.0L;
        least = count > 1.0L && excess > 0.0L ? (double)(excess / (count - 1.0L)) : 0.0;
        if (excess > 0.0L) band *= (double)(1.0L + count * squares / excess);
    }
    double low = v->max + v->log_sum + log(least);
    /* The most probable stay whatever rounding says. */
    keep_from(v, fmin(low, v->max), band);
    return true;
}
