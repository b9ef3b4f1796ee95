/*
 * output_rows.h: exchanging and ordering rows of an output buffer: the candidates of 8.1 and 8.2.
 */
#ifndef IMPROVEMENTS_OUTPUT_ROWS_H
#define IMPROVEMENTS_OUTPUT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exchanges two blocks of memory that do not overlap. */
void output_rows_swap(void *restrict a, void *restrict b, size_t bytes);

/*
 * Permutes n_rows rows of row_bytes each in place: row i becomes what row order[i] was. It follows
 * the permutation's cycles, so that each row is moved once, through `scratch` of row_bytes bytes.
 * `visited` is scratch memory of (n_rows + 7) / 8 bytes. If order is not a permutation, it returns
 * false and moves nothing.
 */
bool output_rows_permute(void *rows, size_t row_bytes, int32_t n_rows, const int32_t *order,
                         void *scratch, uint8_t *visited);

#endif /* IMPROVEMENTS_OUTPUT_ROWS_H */
