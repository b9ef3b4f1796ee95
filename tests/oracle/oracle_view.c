/*
 * oracle_view.c: what several stages ask of the candidates: maximum, order, softmax, entropy, and
 * the book of who stood near a boundary.
 */
#include "oracle_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Descending logits as ascending unsigned numbers; -0 is 0. */
static uint64_t sort_key(double logit) {
    const double plain = logit == 0.0 ? 0.0 : logit;
    uint64_t bits;
    memcpy(&bits, &plain, sizeof bits);
    return bits >> 63 ? bits : ~bits & ~(UINT64_C(1) << 63);
}

/* One pass of a stable sort of n candidates by byte `byte` of the id or of the key. */
static void sort_pass(const oracle_candidate *from, oracle_candidate *to, int32_t n, int byte,
                      bool by_id) {
    int32_t start[257] = {0};
    for (int pass = 0; pass < 2; ++pass) {
        for (int32_t i = 0; i < n; ++i) {
            const uint64_t key = by_id ? (uint32_t)from[i].id : sort_key(from[i].logit);
            const size_t digit = key >> (8 * byte) & 255;
            if (pass == 0)
                ++start[digit + 1];
            else
                to[start[digit]++] = from[i];
        }
        for (int d = 0; pass == 0 && d < 256; ++d) start[d + 1] += start[d];
    }
}

/* By radix, ids first, then logits: the parity test sorts whole vocabularies thousands of times. */
static bool sort_by_logit(oracle_candidate *c, int32_t n) {
    oracle_candidate *spare = malloc((size_t)n * sizeof *spare);
    if (!spare) return false;
    for (int byte = 0; byte < 4; byte += 2) {
        sort_pass(c, spare, n, byte, true);
        sort_pass(spare, c, n, byte + 1, true);
    }
    for (int byte = 0; byte < 8; byte += 2) {
        sort_pass(c, spare, n, byte, false);
        sort_pass(spare, c, n, byte + 1, false);
    }
    free(spare);
    return true;
}

static int by_logit(const void *a, const void *b) {
    const oracle_candidate *x = a;
    const oracle_candidate *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

void oracle_sort(oracle_view *v) {
    if (v->sorted) return;
    if (v->n < 1000 || !sort_by_logit(v->c, v->n)) {
        qsort(v->c, (size_t)v->n, sizeof *v->c, by_logit);
    }
    v->sorted = v->keyed = true;
    v->key_scale = 1.0;
    for (int32_t i = 0; i < v->n; ++i) {
        v->c[i].key = v->c[i].logit;
        if (isfinite(v->c[i].logit)) v->key_scale = fmax(v->key_scale, fabs(v->c[i].logit));
    }
}

void oracle_softmax(oracle_view *v) {
    long double sum = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        oracle_candidate *c = &v->c[i];
        c->p = c->logit == -INFINITY ? 0.0 : exp(oracle_effective(v, c) - v->max);
        sum += (long double)c->p;
    }
    for (int32_t i = 0; i < v->n; ++i) v->c[i].p = (double)((long double)v->c[i].p / sum);
    v->log_sum = (double)logl(sum);
}

double oracle_surprise(const oracle_view *v, const oracle_candidate *c) {
    /* By the distance to the maximum, since p itself may underflow. */
    return v->max - oracle_effective(v, c) + v->log_sum;
}

double oracle_entropy(const oracle_view *v) {
    long double h = 0.0L;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].p > 0.0) h -= (long double)v->c[i].p * (long double)log(v->c[i].p);
    }
    return (double)h;
}

void oracle_mark(oracle_view *v, const oracle_candidate *c) {
    if (v->near[c->id]) return;
    v->near[c->id] = 1;
    ++v->n_near;
    v->near_weight += exp(oracle_effective(v, c) - v->max);
}

bool oracle_close(const oracle_view *v, double a, double b) {
    return fabs(a - b) <= v->band * fmax(1.0, fmax(fabs(a), fabs(b)));
}

void oracle_mark_logits(oracle_view *v, double edge) {
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit != -INFINITY && (v->rough || v->c[i].logit != edge) &&
            oracle_close(v, v->c[i].logit, edge)) {
            oracle_mark(v, &v->c[i]);
        }
    }
}

void oracle_truncate(oracle_view *v, int32_t n) {
    if (n < v->n && v->c[n].logit != -INFINITY &&
        (v->rough || v->c[n - 1].logit != v->c[n].logit) &&
        oracle_close(v, v->c[n - 1].logit, v->c[n].logit)) {
        /* The last kept and the first dropped may change places in rounded arithmetic. */
        const double last = v->c[n - 1].logit;
        const double first = v->c[n].logit;
        for (int32_t i = 0; i < v->n; ++i) {
            if (oracle_close(v, v->c[i].logit, last) || oracle_close(v, v->c[i].logit, first)) {
                oracle_mark(v, &v->c[i]);
            }
        }
    }
    v->n = n;
}
