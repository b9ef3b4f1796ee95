/*
 * stat.c - medians, exact sign-test intervals, chi-square tails.
 *
 * The interval of the median is distribution-free: it assumes that values are independent, and
 * nothing about their distribution, which for timings is never known. The chi-square tail is the
 * regularised upper incomplete gamma function Q(k/2, x/2): for x < k + 2 from the series of P, else
 * from the continued fraction by Lentz's method.
 */
#include "stat.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A sorted copy, to be freed. Ends the process if memory runs out. */
static double *sorted(const double *x, size_t n) {
    double *copy = malloc((n == 0 ? 1 : n) * sizeof *copy);
    if (copy == NULL) abort();
    memcpy(copy, x, n * sizeof *copy);
    qsort(copy, n, sizeof *copy, ascending);
    return copy;
}

static double middle(const double *ordered, size_t n) {
    if (n == 0) return 0;
    return n % 2 == 1 ? ordered[n / 2] : (ordered[n / 2 - 1] + ordered[n / 2]) / 2;
}

double perflab_median(const double *x, size_t n) {
    double *ordered = sorted(x, n);
    const double m = middle(ordered, n);
    free(ordered);
    return m;
}

double perflab_geometric_mean(const double *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += log(x[i]);
    return n == 0 ? 0 : exp(sum / (double)n);
}

bool perflab_is_outlier(double x, double median, double mad) {
    return mad > 0 && 0.6745 * fabs(x - median) / mad > PERFLAB_OUTLIER_Z;
}

size_t perflab_sign_interval(size_t n, double level, double *coverage) {
    /* tail(k) = P(Binomial(n, 1/2) <= k - 1); the interval from the k-th covers 1 - 2 tail(k). */
    double tail = 0;
    size_t best = 0;
    for (size_t k = 1; 2 * k <= n; k++) {
        const double i = (double)(k - 1);
        const double m = (double)n;
        tail += exp(lgamma(m + 1) - lgamma(i + 1) - lgamma(m - i + 1) - m * 0.6931471805599453);
        if (1 - 2 * tail < level) break;
        best = k;
        if (coverage != NULL) *coverage = 1 - 2 * tail;
    }
    return best;
}

perflab_summary perflab_summarize(const double *x, size_t n) {
    perflab_summary s = {.n = n};
    if (n == 0) return s;
    double *ordered = sorted(x, n);
    s.min = ordered[0];
    s.max = ordered[n - 1];
    s.median = middle(ordered, n);
    for (size_t i = 0; i < n; i++) s.mean += x[i];
    s.mean /= (double)n;
    /* A second pass corrects the rounding errors of the first. */
    double left = 0;
    for (size_t i = 0; i < n; i++) left += x[i] - s.mean;
    s.mean += left / (double)n;
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += (x[i] - s.mean) * (x[i] - s.mean);
    s.stddev = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    s.cv = s.mean != 0 ? s.stddev / fabs(s.mean) : 0;
    const size_t k = perflab_sign_interval(n, 0.95, &s.confidence);
    if (k > 0) {
        s.has_interval = true;
        s.lo = ordered[k - 1];
        s.hi = ordered[n - k];
    }
    for (size_t i = 0; i < n; i++) ordered[i] = fabs(x[i] - s.median);
    s.mad = perflab_median(ordered, n);
    for (size_t i = 0; i < n; i++) s.outliers += perflab_is_outlier(x[i], s.median, s.mad);
    free(ordered);
    return s;
}

/* Lower regularised incomplete gamma P(a, x) by its series; for x < a + 1. */
static double gamma_series(double a, double x) {
    double term = 1 / a;
    double sum = term;
    for (int i = 1; i < 10000; i++) {
        term *= x / (a + i);
        sum += term;
        if (fabs(term) < fabs(sum) * 1e-17) break;
    }
    return sum * exp(a * log(x) - x - lgamma(a));
}

/* Upper regularised incomplete gamma Q(a, x) by its continued fraction; for x >= a + 1. */
static double gamma_fraction(double a, double x) {
    const double tiny = 1e-300;
    double b = x + 1 - a;
    double c = 1 / tiny;
    double d = 1 / b;
    double h = d;
    for (int i = 1; i < 10000; i++) {
        const double an = -i * (i - a);
        b += 2;
        d = an * d + b;
        if (fabs(d) < tiny) d = tiny;
        c = b + an / c;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        const double step = d * c;
        h *= step;
        if (fabs(step - 1) < 1e-16) break;
    }
    return h * exp(a * log(x) - x - lgamma(a));
}

double perflab_chi_square_tail(double x, double degrees) {
    if (degrees <= 0 || x <= 0) return 1;
    const double a = degrees / 2;
    const double half = x / 2;
    return half < a + 1 ? 1 - gamma_series(a, half) : gamma_fraction(a, half);
}

double perflab_g_test(const uint64_t *counts, const double *probabilities, size_t n,
                      double *statistic, double *degrees) {
    double total = 0;
    for (size_t i = 0; i < n; i++) total += (double)counts[i];
    double g = 0, cells = 0, seen = 0, expected = 0;
    double last_seen = 0, last_expected = 0; /* of the last cell, which also takes the remainder */
    bool impossible = false;
    for (size_t i = 0; i < n; i++) {
        impossible = impossible || (probabilities[i] <= 0 && counts[i] > 0);
        seen += (double)counts[i];
        expected += probabilities[i] * total;
        if (expected < 5) continue;
        if (cells > 0 && last_seen > 0) g += 2 * last_seen * log(last_seen / last_expected);
        last_seen = seen;
        last_expected = expected;
        cells++;
        seen = expected = 0;
    }
    last_seen += seen;
    last_expected += expected;
    if (cells > 0 && last_seen > 0) g += 2 * last_seen * log(last_seen / last_expected);
    if (statistic != NULL) *statistic = g;
    if (degrees != NULL) *degrees = cells - 1;
    if (impossible) return 0;
    return cells < 2 ? 1 : perflab_chi_square_tail(g, cells - 1);
}
