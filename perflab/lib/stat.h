/*
 * stat.h - the statistics perflab speaks in. All functions leave their inputs as they are.
 */
#ifndef PERFLAB_STAT_H
#define PERFLAB_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fewer values have no distribution-free 95 % interval: (1/2)^5 * 2 > 0.05. */
#define PERFLAB_MIN_INTERVAL 6

/* A modified z-score beyond this is an outlier (Iglewicz and Hoaglin 1993). */
#define PERFLAB_OUTLIER_Z 3.5

typedef struct perflab_summary {
    size_t n;
    double mean;
    double stddev; /* of the sample: n - 1 in the denominator; 0 for n < 2 */
    double cv;     /* stddev / mean */
    double median;
    double mad; /* median absolute deviation from the median, unscaled */
    double min;
    double max;
    size_t outliers;
    bool has_interval; /* n >= PERFLAB_MIN_INTERVAL */
    double lo, hi;     /* the interval of the median */
    double confidence; /* what the interval really covers, at least 0.95 */
} perflab_summary;

/* Everything of the above at once. n may be 0: all zero then. */
perflab_summary perflab_summarize(const double *x, size_t n);

double perflab_median(const double *x, size_t n);

double perflab_geometric_mean(const double *x, size_t n);

/* Whether x is an outlier among values of that median and MAD. */
bool perflab_is_outlier(double x, double median, double mad);

/*
 * The sign test's interval of a median: the k-th smallest and k-th largest of n, with the largest k
 * whose interval covers at least `level`. Returns k, counted from 1, and what it covers; 0 if there
 * is none. Exact, from the binomial distribution.
 */
size_t perflab_sign_interval(size_t n, double level, double *coverage);

/* The upper tail of the chi-square distribution: the probability of a statistic of x or more. */
double perflab_chi_square_tail(double x, double degrees);

/*
 * G-test of counts against probabilities, cells pooled until each expects 5 or more. Returns the
 * p-value; sets *statistic and *degrees if they are not NULL. 0 if a cell of probability 0 has a
 * count; 1 if fewer than two cells are left.
 */
double perflab_g_test(const uint64_t *counts, const double *probabilities, size_t n,
                      double *statistic, double *degrees);

#endif
