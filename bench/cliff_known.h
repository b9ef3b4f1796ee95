/*
 * cliff_known.h: the pairs that are known to be over their limit, with their counts.
 *
 * A line of the file: instructions of a call, n_vocab, dtype, chain, shape, separated by tabs.
 * Lines that begin with # are comments.
 */
#ifndef PLUCK_BENCH_CLIFF_KNOWN_H
#define PLUCK_BENCH_CLIFF_KNOWN_H

#include "cliff_pairs.h"

/*
 * Holds counted pairs against the file: a pair that is not listed must be within its limit, a
 * listed one may take 5 % more instructions than the file says. Prints what fails, and what need
 * not be listed any longer. Returns whether nothing failed.
 */
bool cliff_known_check(const char *path, const cliff_pairs *pairs);

/* Writes the pairs that are over their limit. */
bool cliff_known_write(const char *path, const cliff_pairs *pairs);

#endif /* PLUCK_BENCH_CLIFF_KNOWN_H */
