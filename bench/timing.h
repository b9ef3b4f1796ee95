/*
 * timing.h: the clock and the median.
 */
#ifndef PLUCK_BENCH_TIMING_H
#define PLUCK_BENCH_TIMING_H

/* Microseconds of a monotonic clock. */
double timing_now_us(void);

/* The median of n values (n >= 1), which are put in order. */
double timing_median(double *values, int n);

#endif /* PLUCK_BENCH_TIMING_H */
