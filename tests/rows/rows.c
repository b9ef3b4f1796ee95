/*
 * rows.c: the row generators.
 */
#include "rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t rows_next(rows_random *r) {
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t rows_below(rows_random *r, uint32_t n) {
    return (uint32_t)(((rows_next(r) >> 32) * n) >> 32);
}

double rows_uniform(rows_random *r) {
    return (double)(rows_next(r) >> 11) * 0x1p-53;
}

double rows_gauss(rows_random *r) {
    const double radius = sqrt(-2.0 * log(1.0 - rows_uniform(r)));
    return radius * cos(6.283185307179586 * rows_uniform(r));
}

const char *rows_name(rows_kind kind) {
    static const char *const names[ROWS_KINDS] = {
        "normal",     "peaked",   "real", "equal",       "two values", "ascending", "descending",
        "one finite", "denormal", "ties", "half masked", "infinite",   "huge",      "far"};
    return (unsigned)kind < ROWS_KINDS ? names[kind] : "unknown";
}

/* --- the recorded rows --- */

enum { REAL_ROWS = 8, REAL_VOCAB = 151936, NPY_HEADER = 128 };

/* The file's own header is known: version 1.0, 128 bytes, float32, [8, 151936]. */
static bool read_real(int32_t row, float *to) {
    FILE *f = fopen(PLUCK_TEST_DATA "/rows-kjv-152k.npy", "rb");
    if (!f) return false;
    const long at = NPY_HEADER + (long)row * REAL_VOCAB * (long)sizeof *to;
    const bool ok =
        fseek(f, at, SEEK_SET) == 0 && fread(to, sizeof *to, REAL_VOCAB, f) == REAL_VOCAB;
    fclose(f);
    return ok;
}

/* A row of n logits: a recorded row, started at a place chosen by the seed and
 * repeated if n is longer. */
static void fill_real(uint64_t seed, float *logits, int32_t n) {
    float *row = malloc(REAL_VOCAB * sizeof *row);
    if (!row || !read_real((int32_t)(seed % REAL_ROWS), row)) {
        fprintf(stderr, "rows: cannot read the recorded rows in " PLUCK_TEST_DATA "\n");
        abort();
    }
    const int32_t start =
        n >= REAL_VOCAB ? 0 : (int32_t)(seed * 7919u % (REAL_VOCAB - (uint32_t)n + 1));
    for (int32_t i = 0; i < n; ++i) logits[i] = row[(start + i) % REAL_VOCAB];
    free(row);
}

/* --- generated rows --- */

static void fill_peaked(rows_random *r, float *logits, int32_t n) {
    for (int32_t i = 0; i < n; ++i) logits[i] = (float)(-1.0 + 2.2 * rows_gauss(r));
    const int32_t peaks = n < 4000 ? (n + 1) / 2 : 2000;
    for (int32_t i = 0; i < peaks; ++i) {
        const uint32_t id = rows_below(r, (uint32_t)n);
        logits[id] = (float)(18.0 - 1.6 * log(1.0 + i) + 0.3 * rows_gauss(r));
    }
}

static void fill_denormal(rows_random *r, float *logits, int32_t n) {
    for (int32_t i = 0; i < n; ++i) {
        const uint32_t bits = (uint32_t)rows_next(r) & 0x807fffffu;
        const uint32_t x = rows_below(r, 8) ? bits : bits & 0x80000000u;
        memcpy(&logits[i], &x, sizeof x);
    }
}

void rows_fill(rows_kind kind, uint64_t seed, float *logits, int32_t n) {
    rows_random r = {seed * 1000003u + (uint64_t)kind};
    if (kind == ROWS_REAL) {
        fill_real(seed, logits, n);
        return;
    }
    if (kind == ROWS_PEAKED) {
        fill_peaked(&r, logits, n);
        return;
    }
    if (kind == ROWS_DENORMAL) {
        fill_denormal(&r, logits, n);
        return;
    }
    const double constant = 8.0 * rows_gauss(&r);
    const int32_t finite = (int32_t)rows_below(&r, (uint32_t)n);
    for (int32_t i = 0; i < n; ++i) {
        double x = 0.0;
        switch (kind) {
        case ROWS_EQUAL:
            x = constant;
            break;
        case ROWS_TWO_VALUES:
            x = rows_below(&r, 3) ? constant - 1.5 : constant;
            break;
        case ROWS_ASCENDING:
            x = -10.0 + 20.0 * i / n;
            break;
        case ROWS_DESCENDING:
            x = 10.0 - 20.0 * i / n;
            break;
        case ROWS_ONE_FINITE:
            x = i == finite ? constant : -INFINITY;
            break;
        case ROWS_TIES:
            x = 3.0 * rows_gauss(&r);
            break;
        case ROWS_HALF_MASKED:
            x = 5.0 * rows_gauss(&r);
            if (rows_below(&r, 2) && i != finite) x = -INFINITY;
            break;
        case ROWS_INFINITE:
            x = 5.0 * rows_gauss(&r);
            if (i == finite || rows_below(&r, 1000) == 0) x = INFINITY;
            if (i != finite && rows_below(&r, 100) == 0) x = -INFINITY;
            break;
        case ROWS_HUGE:
            x = 1e4 * rows_gauss(&r);
            break;
        case ROWS_FAR:
            x = i == finite ? 0.0 : -200.0 + 30.0 * rows_gauss(&r);
            break;
        default:
            x = 5.0 * rows_gauss(&r);
            break;
        }
        logits[i] = (float)x;
        if (kind == ROWS_TIES) {
            const uint32_t bits = (uint32_t)rows_to_bf16(logits[i]) << 16;
            memcpy(&logits[i], &bits, sizeof bits);
        }
    }
}

/* --- masks --- */

static void allow(uint32_t *words, int32_t token, bool on) {
    const uint32_t bit = 1u << (token % 32);
    if (on) {
        words[token / 32] |= bit;
    } else {
        words[token / 32] &= ~bit;
    }
}

void rows_mask(rows_mask_kind kind, uint64_t seed, const float *logits, uint32_t *words,
               int32_t n) {
    rows_random r = {seed * 69069u + 17u * (uint64_t)kind};
    for (int32_t w = 0; w < (n + 31) / 32; ++w) words[w] = (uint32_t)rows_next(&r);
    int32_t always = (int32_t)rows_below(&r, (uint32_t)n);
    for (int32_t tries = 0; logits && logits[always] == -INFINITY && tries < n; ++tries) {
        always = (always + 1) % n;
    }
    int32_t left = 0;
    bool on = false;
    for (int32_t t = 0; t < n && kind != ROWS_MASK_HALF; ++t) {
        if (kind == ROWS_MASK_BLOCKS && left-- == 0) {
            left = 100 + (int32_t)rows_below(&r, 1900);
            on = !on;
        }
        if (kind == ROWS_MASK_NONE) on = true;
        if (kind == ROWS_MASK_FEW) on = rows_below(&r, 50) == 0;
        if (kind == ROWS_MASK_ONE) on = false;
        allow(words, t, on);
    }
    allow(words, always, true);
}

/* --- dtypes --- */

size_t rows_element_size(pluck_dtype dtype) {
    return dtype == PLUCK_DTYPE_F32 ? 4 : 2;
}

uint16_t rows_to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

uint16_t rows_to_f16(float x) {
    const uint16_t sign = signbit(x) ? 0x8000u : 0u;
    const double a = fabs((double)x);
    if (isnan(x)) return 0x7e00u;
    if (isinf(x)) return (uint16_t)(sign | 0x7c00u);
    if (a == 0.0) return sign; /* 0 has no exponent */
    if (a > 65504.0) return (uint16_t)(sign | 0x7bffu);
    int exponent = 0;
    frexp(a, &exponent); /* a = f * 2^exponent, f in [0.5, 1) */
    if (exponent < -13) exponent = -13;
    /* The spacing of binary16 at a is 2^(exponent - 11). */
    const double steps = nearbyint(ldexp(a, 11 - exponent));
    const uint32_t whole = (uint32_t)steps; /* up to 2048, which carries into the next exponent */
    return (uint16_t)(sign | (uint16_t)(((uint32_t)(exponent + 13) << 10) + whole));
}

void rows_store(pluck_dtype dtype, const float *logits, void *to, int32_t n) {
    unsigned char *bytes = to;
    if (dtype == PLUCK_DTYPE_F32) {
        memcpy(bytes, logits, (size_t)n * sizeof *logits);
        return;
    }
    for (int32_t i = 0; i < n; ++i) {
        const uint16_t x =
            dtype == PLUCK_DTYPE_F16 ? rows_to_f16(logits[i]) : rows_to_bf16(logits[i]);
        memcpy(bytes + 2 * (size_t)i, &x, sizeof x);
    }
}

/* --- lists --- */

static int ascending_ids(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a;
    const int32_t y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

void rows_ids(uint64_t seed, int32_t n_vocab, int32_t *ids, int32_t n, bool ascending) {
    rows_random r = {seed ^ 0xfeedu};
    int32_t *all = calloc((size_t)n_vocab, sizeof *all);
    if (!all) abort();
    for (int32_t i = 0; i < n_vocab; ++i) all[i] = i;
    for (int32_t i = 0; i < n; ++i) {
        const int32_t j = i + (int32_t)rows_below(&r, (uint32_t)(n_vocab - i));
        const int32_t id = all[j];
        all[j] = all[i];
        ids[i] = all[i] = id;
    }
    if (ascending) qsort(ids, (size_t)n, sizeof *ids, ascending_ids);
    free(all);
}
