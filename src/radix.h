/* radix.h: sorting of tokens in linear time. */
#ifndef PLUCK_RADIX_H
#define PLUCK_RADIX_H

#include <stdint.h>

/*
 * Sorts n keys ascending and moves values[i] with keys[i]; equal keys keep their order. values may
 * be NULL. scratch has room for n int32, or 2 n if there are values.
 */
void pk_radix_sort(int32_t *keys, int32_t *values, int32_t n, int32_t *scratch);

/* Sorts n keys ascending and keeps each once; returns how many. scratch has room for n int32. */
int32_t pk_radix_sort_distinct(int32_t *keys, int32_t n, int32_t *scratch);

#endif /* PLUCK_RADIX_H */
