/*
 * row_set.h: the three kinds of rows that the benchmarks use, as float32 and as bfloat16, at
 * aligned addresses. The synthetic kinds are those of the tests (tests/rows); the real one is read
 * from a file.
 */
#ifndef PLUCK_BENCH_ROW_SET_H
#define PLUCK_BENCH_ROW_SET_H

#include "rows.h"

/* ROWS_NORMAL, ROWS_PEAKED and ROWS_REAL are the first three kinds. */
enum { ROWS_MAX = 8, N_ROW_KINDS = 3 };

/* Rows of one kind, each at a 64-byte boundary, as float32 and rounded to bfloat16. */
typedef struct row_set {
    int32_t n_vocab;
    int n_rows;
    float *f32[ROWS_MAX];
    uint16_t *bf16[ROWS_MAX];
} row_set;

/* Makes the rows of a kind: one row of a synthetic kind, or all rows of the file (at most
 * ROWS_MAX). If that fails, prints a message to stderr and returns false. */
bool row_set_make(row_set *out, rows_kind kind, int32_t n_vocab, const char *real_path);
void row_set_free(row_set *rows);

#endif /* PLUCK_BENCH_ROW_SET_H */
