/* suffixes.h: where the end of a sequence has occurred before. */
#ifndef PLUCK_SUFFIXES_H
#define PLUCK_SUFFIXES_H

#include <stdint.h>

/*
 * For a sequence of n tokens given from the end (s[0] is the last): lengths[i], 0 < i < n, is the
 * number of tokens for which it reads the same backwards from i as from the end. lengths[0] is left
 * alone. Linear time.
 */
void pk_suffix_lengths(const int32_t *s, int32_t n, int32_t *lengths);

#endif /* PLUCK_SUFFIXES_H */
