/*
 * rows.h: the three kinds of row that everything is measured on.
 *
 *   normal   N(0, 5), the classic synthetic row
 *   peaked   a bulk of N(-1, 2.2) in which 2,000 tokens i = 0, 1, ... get 18 - 1.6 ln(1 + i) + N(0,
 * 0.3) real     recorded from a trained model
 */
#ifndef PLUCK_BENCH_ROWS_H
#define PLUCK_BENCH_ROWS_H

#include <stdbool.h>
#include <stdint.h>

enum { ROWS_MAX = 8 };

typedef enum row_kind { ROW_NORMAL, ROW_PEAKED, ROW_REAL, N_ROW_KINDS } row_kind;

extern const char *const row_kind_names[N_ROW_KINDS];

/* Rows of one kind, each at a 64-byte boundary, as float32 and rounded to bfloat16. */
typedef struct row_set {
    int32_t n_vocab;
    int n_rows;
    float *f32[ROWS_MAX];
    uint16_t *bf16[ROWS_MAX];
} row_set;

/* Makes the rows of a kind: one of the synthetic kinds, all of the file's (at most ROWS_MAX) for
 * real. Prints to stderr and returns false where that fails. */
bool row_set_make(row_set *out, row_kind kind, int32_t n_vocab, const char *real_path);
void row_set_free(row_set *rows);

#endif /* PLUCK_BENCH_ROWS_H */
