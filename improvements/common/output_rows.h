/*
 * output_rows.h: rows of an output buffer, exchanged and put in order: the candidates of 8.1 and
 * 8.2.
 */
#ifndef IMPROVEMENTS_OUTPUT_ROWS_H
#define IMPROVEMENTS_OUTPUT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exchanges two blocks of memory that do not overlap. */
void output_rows_swap(void *restrict a, void *restrict b, size_t bytes);

/*
 * Permutes n_rows rows of row_bytes each in place: row i becomes what row order[i] was. Follows the
 * permutation's cycles, so each row is moved once, through `scratch`, which has row_bytes.
 * `visited` has (n_rows + 7) / 8 bytes of scratch. False, and nothing moved, unless order is a
 * permutation.
 */
bool output_rows_permute(void *rows, size_t row_bytes, int32_t n_rows, const int32_t *order,
                         void *scratch, uint8_t *visited);

#endif /* IMPROVEMENTS_OUTPUT_ROWS_H */
