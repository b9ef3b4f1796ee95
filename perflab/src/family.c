/*
 * family.c - Holm's and Bonferroni's corrections of the sign test and of its interval.
 */
#include "family.h"
#include "util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double sign_test(const double *ratio, size_t n) {
    size_t above = 0, below = 0;
    for (size_t i = 0; i < n; i++) {
        above += ratio[i] > 1;
        below += ratio[i] < 1;
    }
    const double m = (double)(above + below);
    const size_t few = above < below ? above : below;
    double tail = 0;
    for (size_t i = 0; i <= few; i++) {
        const double k = (double)i;
        tail += exp(lgamma(m + 1) - lgamma(k + 1) - lgamma(m - k + 1) - m * 0.6931471805599453);
    }
    return fmin(1, 2 * tail);
}

void holm_adjust(double *p, size_t n) {
    if (n == 0) return;
    double *given = must_alloc(n * sizeof *given);
    bool *taken = must_alloc(n * sizeof *taken);
    double largest = 0;
    memcpy(given, p, n * sizeof *p);
    /* From the smallest p-value on: times the number of tests that are left, and never falling. */
    for (size_t left = n; left > 0; left--) {
        size_t at = n;
        for (size_t i = 0; i < n; i++) {
            if (!taken[i] && (at == n || given[i] < given[at])) at = i;
        }
        taken[at] = true;
        largest = fmax(largest, fmin(1, given[at] * (double)left));
        p[at] = largest;
    }
    free(given);
    free(taken);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double level_of(size_t family) {
    return 1 - FAMILY_ALPHA / (double)(family > 0 ? family : 1);
}

perflab_summary summarize_in_family(const double *x, size_t n, size_t family) {
    perflab_summary s = perflab_summarize(x, n);
    if (family < 2) return s;
    const size_t k = perflab_sign_interval(n, level_of(family), &s.confidence);
    s.has_interval = k > 0;
    s.lo = s.hi = 0;
    if (k == 0) return s;
    double *ordered = must_alloc(n * sizeof *ordered);
    memcpy(ordered, x, n * sizeof *x);
    qsort(ordered, n, sizeof *ordered, ascending);
    s.lo = ordered[k - 1];
    s.hi = ordered[n - k];
    free(ordered);
    return s;
}

size_t family_least(size_t family) {
    size_t n = PERFLAB_MIN_INTERVAL;
    while (perflab_sign_interval(n, level_of(family), NULL) == 0) n++;
    return n;
}
