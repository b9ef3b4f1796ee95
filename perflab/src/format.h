/*
 * format.h - numbers as text: with as many digits as are known, and a unit that fits their size.
 */
#ifndef PERFLAB_FORMAT_H
#define PERFLAB_FORMAT_H

#include "stat.h"

enum { FORMAT_ROOM = 96 };

/*
 * The number of decimals, up to 9, that shows a spread (an interval's width, a deviation) with two
 * digits, and the value itself with at least two. A spread of 0 counts as a thousandth of the
 * value.
 */
int format_decimals(double value, double spread);

/*
 * "1.025x [1.022, 1.028]", with as many digits as the interval's width justifies; "1.02x (n=3, no
 * interval)"; "-" if nothing was measured.
 */
void format_ratio(char out[FORMAT_ROOM], const perflab_summary *ratio);

/* The same three numbers alone: "1.025", "1.022", "1.028". lo and hi are "" without an interval. */
void format_ratio_parts(char mid[32], char lo[32], char hi[32], const perflab_summary *ratio);

/* A time in microseconds, with three digits and a unit: "2.03 ns", "8.91 ms", "41.2 s". */
void format_time(char out[FORMAT_ROOM], double us);

/* Mean and deviation in one unit and with the same decimals: "2.03 +- 0.02 ns". */
void format_times(char out[FORMAT_ROOM], const perflab_summary *us);

/* At least three digits without a unit, for a column that names it: "8913", "4.72", "0.00203". */
void format_three(char out[FORMAT_ROOM], double x);

/*
 * The rate of calls that take `us` microseconds each: "12.3 GB/s" if `bytes` is above 0, else "1.20
 * Gop/s" if `ops` is above 0, else "".
 */
void format_rate(char out[FORMAT_ROOM], double us, double bytes, double ops);

/* A span of time, roughly: "40 s", "4 min", "1.5 h". */
void format_span(char out[FORMAT_ROOM], double seconds);

#endif
