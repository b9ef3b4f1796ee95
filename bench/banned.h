/*
 * banned.h: what a token costs that pluck_banned looks at.
 */
#ifndef PLUCK_BENCH_BANNED_H
#define PLUCK_BENCH_BANNED_H

/* Microseconds of pluck_banned_accept, for each token of a text of many thousands, with so many
 * strings banned; below 0 if something failed. */
double banned_us(int n_strings);

#endif /* PLUCK_BENCH_BANNED_H */
