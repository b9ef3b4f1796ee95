/*
 * oracle_row.c: reads rows of any dtype, and computes the log-probabilities of a row as it is.
 */
#include "oracle_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double half(uint16_t bits) {
    const int exponent = bits >> 10 & 31;
    const double fraction = bits & 1023;
    const double sign = bits >> 15 ? -1.0 : 1.0;
    if (exponent == 0) return sign * ldexp(fraction, -24);
    if (exponent == 31) return fraction != 0.0 ? NAN : sign * INFINITY;
    return sign * ldexp(1024.0 + fraction, exponent - 25);
}

double oracle_element(const pluck_row *row, int32_t index) {
    const unsigned char *bytes = row->logits;
    if (row->dtype == PLUCK_DTYPE_F32) {
        float x;
        memcpy(&x, bytes + 4 * (size_t)index, sizeof x);
        return (double)x;
    }
    uint16_t bits;
    memcpy(&bits, bytes + 2 * (size_t)index, sizeof bits);
    if (row->dtype == PLUCK_DTYPE_F16) return half(bits);
    const uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return (double)x;
}

typedef struct entry {
    int32_t id;
    double logit;
} entry;

static int descending(const void *a, const void *b) {
    const entry *x = a;
    const entry *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

int32_t oracle_logprobs(const pluck_row *row, int32_t n, int32_t *ids, double *logprobs) {
    entry *all = malloc((size_t)n * sizeof *all);
    if (!all) return 0;
    int32_t left = 0;
    double max = -INFINITY;
    for (int32_t i = 0; i < n; ++i) {
        const double x = oracle_element(row, i);
        if (row->allowed && !(row->allowed[i / 32] >> (i % 32) & 1u)) continue;
        if (x == -INFINITY) continue;
        if (x > max) max = x;
        all[left++] = (entry){i, x};
    }
    if (max == INFINITY) {
        int32_t top = 0;
        for (int32_t i = 0; i < left; ++i) {
            if (all[i].logit == INFINITY) all[top++] = (entry){all[i].id, 0.0};
        }
        left = top;
    }
    qsort(all, (size_t)left, sizeof *all, descending);
    long double sum = 0.0L;
    for (int32_t i = 0; i < left; ++i) {
        sum += expl((long double)all[i].logit - (long double)all[0].logit);
    }
    for (int32_t i = 0; i < left; ++i) {
        ids[i] = all[i].id;
        logprobs[i] = (double)((long double)all[i].logit - (long double)all[0].logit - logl(sum));
    }
    free(all);
    return left;
}
