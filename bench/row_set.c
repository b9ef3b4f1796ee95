/*
 * row_set.c: makes the rows of the benchmarks.
 */
#include "row_set.h"

#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 42 };

/* Allocates row number `r` in both types; returns the float32 one, or NULL if there is no
 * memory. */
static float *add_row(row_set *set, int r) {
    const size_t padded = ((size_t)set->n_vocab + 63) / 64 * 64;
    set->f32[r] = aligned_alloc(64, padded * sizeof(float));
    set->bf16[r] = aligned_alloc(64, padded * sizeof(uint16_t));
    set->n_rows = r + 1;
    return set->bf16[r] != NULL ? set->f32[r] : NULL;
}

static bool read_rows(row_set *set, const char *path) {
    npy_file file;
    char error[160];
    if (!npy_open(&file, path, error, sizeof error)) {
        fprintf(stderr, "%s: %s\n", path, error);
        return false;
    }
    const npy_array *array = &file.array;
    bool good = array->dtype == NPY_F32 && array->n_columns == (size_t)set->n_vocab;
    if (!good) fprintf(stderr, "%s: not float32 rows of %d logits\n", path, (int)set->n_vocab);
    for (int r = 0; good && r < ROWS_MAX && (size_t)r < array->n_rows; r++) {
        float *row = add_row(set, r);
        good = row != NULL;
        if (good) memcpy(row, npy_row(array, (size_t)r), (size_t)set->n_vocab * sizeof(float));
    }
    npy_close(&file);
    return good;
}

bool row_set_make(row_set *out, rows_kind kind, int32_t n_vocab, const char *real_path) {
    row_set set = {.n_vocab = n_vocab};
    bool good = true;
    if (kind == ROWS_REAL) {
        good = read_rows(&set, real_path);
    } else {
        float *row = add_row(&set, 0);
        good = row != NULL;
        if (good) rows_fill(kind, SEED, row, n_vocab);
    }
    if (!good) {
        row_set_free(&set);
        return false;
    }
    for (int r = 0; r < set.n_rows; r++) {
        rows_store(PLUCK_DTYPE_BF16, set.f32[r], set.bf16[r], n_vocab);
    }
    *out = set;
    return true;
}

void row_set_free(row_set *rows) {
    for (int r = 0; r < rows->n_rows; r++) {
        free(rows->f32[r]);
        free(rows->bf16[r]);
    }
    rows->n_rows = 0;
}
