/*
 * format.h - numbers as people read them: as many digits as are known, and a unit by size.
 */
#ifndef PERFLAB_FORMAT_H
#define PERFLAB_FORMAT_H

#include "stat.h"

enum { FORMAT_ROOM = 96 };

/*
 * Decimals that show a spread (an interval's width, a deviation) with two digits, and the value
 * itself with two at least; up to 9. A spread of 0 counts as a thousandth of the value.
 */
int format_decimals(double value, double spread);

/*
 * "1.025x [1.022, 1.028]": all three with the digits that the interval's width carries; "1.02x (n=3,
 * no interval)"; "-" for nothing measured.
 */
void format_ratio(char out[FORMAT_ROOM], const perflab_summary *ratio);

/* The same three numbers, bare: "1.025", "1.022", "1.028". lo and hi are "" without an interval. */
void format_ratio_parts(char mid[32], char lo[32], char hi[32], const perflab_summary *ratio);

/* A time given in microseconds, three digits and a unit: "2.03 ns", "8.91 ms", "41.2 s". */
void format_time(char out[FORMAT_ROOM], double us);

/* Mean and deviation in one unit and with the same decimals: "2.03 +- 0.02 ns". */
void format_times(char out[FORMAT_ROOM], const perflab_summary *us);

/* Three digits without a unit, for a column that names it: "8913", "4.72", "0.00203". */
void format_three(char out[FORMAT_ROOM], double x);

/* How much a call does a second: "12.3 GB/s" if `bytes` is known, else "1.2 G op/s" if `ops` is;
 * else "". */
void format_rate(char out[FORMAT_ROOM], double us, double bytes, double ops);

/* A span as one says it: "40 s", "4 min", "1.5 h". */
void format_span(char out[FORMAT_ROOM], double seconds);

#endif
