/*
 * rows.c: rows to measure on. The synthetic ones come from a fixed seed: the same on every machine,
 * but for the last bits of its log and cos.
 */
#include "rows.h"

#include "npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_PEAKS = 2000, SEED = 42 };

const char *const row_kind_names[N_ROW_KINDS] = {"normal", "peaked", "real"};

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_word(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Uniform in (0, 1). */
static double uniform(uint64_t *state) {
    return ((double)(next_word(state) >> 11) + 0.5) * 0x1p-53;
}

/* Box-Muller, one of the two. */
static double normal(uint64_t *state, double mean, double deviation) {
    const double radius = sqrt(-2.0 * log(uniform(state)));
    return mean + deviation * radius * cos(6.283185307179586 * uniform(state));
}

static void fill_synthetic(float *row, int32_t n, row_kind kind) {
    uint64_t state = SEED;
    for (int32_t i = 0; i < n; i++) {
        row[i] = (float)(kind == ROW_NORMAL ? normal(&state, 0, 5) : normal(&state, -1, 2.2));
    }
    if (kind == ROW_NORMAL) return;
    for (int i = 0; i < N_PEAKS; i++) {
        const int32_t id = (int32_t)(next_word(&state) % (uint64_t)n);
        row[id] = (float)(18.0 - 1.6 * log1p(i) + normal(&state, 0, 0.3));
    }
}

/* To the nearest, ties to even; the rows hold neither NaN nor infinity. */
static uint16_t to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* Allocates row number `r` in both types and returns the float32 one, or NULL. */
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

bool row_set_make(row_set *out, row_kind kind, int32_t n_vocab, const char *real_path) {
    row_set set = {.n_vocab = n_vocab};
    bool good = true;
    if (kind == ROW_REAL) {
        good = read_rows(&set, real_path);
    } else {
        float *row = add_row(&set, 0);
        good = row != NULL;
        if (good) fill_synthetic(row, n_vocab, kind);
    }
    if (!good) {
        row_set_free(&set);
        return false;
    }
    for (int r = 0; r < set.n_rows; r++) {
        for (int32_t i = 0; i < n_vocab; i++) set.bf16[r][i] = to_bf16(set.f32[r][i]);
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
