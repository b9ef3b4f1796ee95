/*
 * stat.h - the statistics that perflab uses. No function changes its inputs.
 */
#ifndef PERFLAB_STAT_H
#define PERFLAB_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fewer values have no distribution-free 95 % interval: 2 * (1/2)^5 > 0.05. */
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
    size_t outliers;   /* how many of the values are outliers */
    bool has_interval; /* n >= PERFLAB_MIN_INTERVAL */
    double lo, hi;     /* the interval of the median */
    double confidence; /* the probability that the interval covers, at least 0.95 */
} perflab_summary;

/* All of the above. If n is 0, everything is 0. */
perflab_summary perflab_summarize(const double *x, size_t n);

double perflab_median(const double *x, size_t n);

double perflab_geometric_mean(const double *x, size_t n);

/* Whether x is an outlier among values of that median and MAD. */
bool perflab_is_outlier(double x, double median, double mad);

/*
 * The sign test's interval of a median, from the k-th smallest to the k-th largest of n values,
 * with the largest k whose interval covers at least `level` (0 to 1). Returns k, which counts from
 * 1, and sets *coverage, unless it is NULL, to what the interval covers. Returns 0 if there is no
 * such k. Exact, from the binomial distribution.
 */
size_t perflab_sign_interval(size_t n, double level, double *coverage);

/* The upper tail of the chi-square distribution: the probability of a value of x or more. */
double perflab_chi_square_tail(double x, double degrees);

/*
 * G-test of counts against probabilities; neighbouring cells are pooled until each expects 5 or
 * more. Returns the p-value, and sets *statistic and *degrees unless they are NULL. Returns 0 if a
 * cell of probability 0 has a count, and 1 if fewer than two cells are left.
 */
double perflab_g_test(const uint64_t *counts, const double *probabilities, size_t n,
                      double *statistic, double *degrees);

#endif
