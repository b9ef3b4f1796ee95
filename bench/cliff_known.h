/*
 * cliff_known.h: the file of pairs that are known to be over their limit, with their counts.
 *
 * Each line has the instructions of a call, n_vocab, dtype, chain and shape, separated by tabs.
 * Lines that begin with # are comments.
 */
#ifndef PLUCK_BENCH_CLIFF_KNOWN_H
#define PLUCK_BENCH_CLIFF_KNOWN_H

#include "cliff_pairs.h"

/*
 * Checks counted pairs against the file: a pair that is not listed must be within its limit, and a
 * listed one may take at most 5 % more instructions than the file says. Prints the pairs that fail,
 * and those that need no longer be listed. Returns whether none failed.
 */
bool cliff_known_check(const char *path, const cliff_pairs *pairs);

/* Writes the file: the pairs that are over their limit. */
bool cliff_known_write(const char *path, const cliff_pairs *pairs);

#endif /* PLUCK_BENCH_CLIFF_KNOWN_H */
