/*
 * family.h - several candidates that are compared with one baseline.
 *
 * Each further candidate is another chance to call noise a difference. So the tests of a family are
 * corrected for their number by Holm's method (S. Holm, A simple sequentially rejective multiple
 * test procedure, 1979), and its intervals by Bonferroni's: all of them hold at once with 95 %.
 */
#ifndef PERFLAB_FAMILY_H
#define PERFLAB_FAMILY_H

#include "stat.h"

/* The probability of a wrong call that the whole family is allowed. */
#define FAMILY_ALPHA 0.05

/*
 * The two-sided p-value of the sign test that the median of n ratios is 1. Ratios that are 1 are
 * left out. 1 if none is left.
 */
double sign_test(const double *ratio, size_t n);

/* Replaces the p-values of a family of n tests by Holm's adjusted ones, in the same order. */
void holm_adjust(double *p, size_t n);

/* As perflab_summarize, with an interval that belongs to a family of `family` intervals. */
perflab_summary summarize_in_family(const double *x, size_t n, size_t family);

/* The fewest values that have such an interval: 6 in a family of one. */
size_t family_least(size_t family);

#endif
