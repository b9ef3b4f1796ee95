/* suffixes.h: finds where the end of a sequence has occurred before. */
#ifndef PLUCK_SUFFIXES_H
#define PLUCK_SUFFIXES_H

#include <stdint.h>

/*
 * s has the n tokens of a sequence from last to first. Sets lengths[i], 0 < i < n, to the number of
 * tokens for which s + i and s are the same: how far the sequence reads the same backwards from
 * there as from its end. lengths[0] is not set. Linear time.
 */
void pk_suffix_lengths(const int32_t *s, int32_t n, int32_t *lengths);

#endif /* PLUCK_SUFFIXES_H */
