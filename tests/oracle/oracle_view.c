/*
 * oracle_view.c: what several stages ask of the candidates: maximum, order, softmax, entropy, and
 * the book of who stood near a boundary.
 */
#include "oracle_impl.h"

#include <math.h>
#include <stdlib.h>

int32_t oracle_unmasked(const oracle_view *v) {
    int32_t n = 0;
    for (int32_t i = 0; i < v->n; ++i) n += v->c[i].logit != -INFINITY;
    return n;
}

bool oracle_evaluate(oracle_view *v) {
    double max = -INFINITY;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit > max) max = v->c[i].logit;
    }
    if (max == -INFINITY) return false;
    v->infinite = max == INFINITY;
    v->max = v->infinite ? 0.0 : max;
    if (v->infinite) {
        for (int32_t i = 0; i < v->n; ++i) {
            if (v->c[i].logit != INFINITY) v->c[i].logit = -INFINITY;
        }
    }
    return true;
}

double oracle_effective(const oracle_view *v, const oracle_candidate *c) {
    return v->infinite && c->logit == INFINITY ? 0.0 : c->logit;
}

static int by_logit(const void *a, const void *b) {
    const oracle_candidate *x = a;
    const oracle_candidate *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

void oracle_sort(oracle_view *v) {
    v->by_score = false;
    if (!v->sorted) qsort(v->c, (size_t)v->n, sizeof *v->c, by_logit);
    v->sorted = true;
}

void oracle_softmax(oracle_view *v) {
    long double sum = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit != -INFINITY) {
            sum += expl((long double)oracle_effective(v, &v->c[i]) - (long double)v->max);
        }
    }
    for (int32_t i = 0; i < v->n; ++i) {
        const long double x = oracle_effective(v, &v->c[i]);
        v->c[i].p =
            v->c[i].logit == -INFINITY ? 0.0 : (double)(expl(x - (long double)v->max) / sum);
    }
}

double oracle_surprise(const oracle_view *v, const oracle_candidate *c) {
    if (c->p > 1e-300) return -log(c->p);
    /* p underflows: go by the distance to the maximum, whose p does not. */
    double top = 0.0;
    for (int32_t i = 0; i < v->n; ++i) top = fmax(top, v->c[i].p);
    return v->max - oracle_effective(v, c) - log(top);
}

double oracle_entropy(const oracle_view *v) {
    long double h = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].p > 0.0) h -= (long double)v->c[i].p * logl((long double)v->c[i].p);
    }
    return (double)h;
}

void oracle_mark(oracle_view *v, int32_t id) {
    if (!v->near[id]) {
        v->near[id] = 1;
        ++v->n_near;
    }
}

bool oracle_close(const oracle_view *v, double a, double b) {
    return fabs(a - b) <= v->band * fmax(1.0, fmax(fabs(a), fabs(b)));
}

void oracle_mark_logits(oracle_view *v, double edge) {
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit != -INFINITY && v->c[i].logit != edge &&
            oracle_close(v, v->c[i].logit, edge)) {
            oracle_mark(v, v->c[i].id);
        }
    }
}

void oracle_truncate(oracle_view *v, int32_t n) {
    if (n < v->n && v->c[n].logit != -INFINITY && v->c[n - 1].logit != v->c[n].logit &&
        oracle_close(v, v->c[n - 1].logit, v->c[n].logit)) {
        /* The last kept and the first dropped may change places in rounded arithmetic. */
        const double last = v->c[n - 1].logit;
        const double first = v->c[n].logit;
        for (int32_t i = 0; i < v->n; ++i) {
            if (oracle_close(v, v->c[i].logit, last) || oracle_close(v, v->c[i].logit, first)) {
                oracle_mark(v, v->c[i].id);
            }
        }
    }
    v->n = n;
}
