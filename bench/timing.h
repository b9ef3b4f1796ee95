/*
 * timing.h: the clock and the median.
 */
#ifndef PLUCK_BENCH_TIMING_H
#define PLUCK_BENCH_TIMING_H

/* The time of a monotonic clock, in microseconds. */
double timing_now_us(void);

/* The median of n >= 1 values. Sorts them. */
double timing_median(double *values, int n);

#endif /* PLUCK_BENCH_TIMING_H */
