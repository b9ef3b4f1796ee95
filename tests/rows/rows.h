/*
 * rows.h: rows of logits for tests and benchmarks: the three that are always measured (normal,
 * peaked, real) and hostile ones.
 *
 * The same seed gives the same row on every machine, except for the last bit of libm's log and cos.
 */
#ifndef PLUCK_TESTS_ROWS_H
#define PLUCK_TESTS_ROWS_H

#include "pluck.h"

/* splitmix64: the only random numbers the tests use for themselves. */
typedef struct rows_random {
    uint64_t state;
} rows_random;

uint64_t rows_next(rows_random *r);
uint32_t rows_below(rows_random *r, uint32_t n); /* 0 to n - 1; n > 0 */
double rows_uniform(rows_random *r);             /* [0, 1) */
double rows_gauss(rows_random *r);               /* N(0, 1) */

typedef enum rows_kind {
    ROWS_NORMAL = 0, /* N(0, 5) */
    ROWS_PEAKED,     /* a bulk N(-1, 2.2) with 2,000 ids on top, 18 - 1.6 ln(1 + i) + N(0, 0.3) */
    ROWS_REAL,       /* recorded from a trained model */
    /* hostile */
    ROWS_EQUAL,
    ROWS_TWO_VALUES,
    ROWS_ASCENDING,
    ROWS_DESCENDING,
    ROWS_ONE_FINITE,
    ROWS_DENORMAL,    /* subnormal numbers and zeros of both signs */
    ROWS_TIES,        /* N(0, 3) rounded to bfloat16 */
    ROWS_HALF_MASKED, /* N(0, 5), each at -inf with probability 1/2 */
    ROWS_INFINITE,    /* N(0, 5) with a few at +inf and a few at -inf */
    ROWS_HUGE,        /* N(0, 1) * 1e4 */
    ROWS_FAR,         /* one at 0, the bulk so low that exp underflows */
    ROWS_KINDS
} rows_kind;

const char *rows_name(rows_kind kind);

/* Fills n logits. */
void rows_fill(rows_kind kind, uint64_t seed, float *logits, int32_t n);

typedef enum rows_mask_kind {
    ROWS_MASK_NONE = 0, /* all allowed */
    ROWS_MASK_HALF,
    ROWS_MASK_FEW,    /* about one in 50, at least one */
    ROWS_MASK_ONE,    /* exactly one token */
    ROWS_MASK_BLOCKS, /* runs of 100 to 2,000 allowed or not */
    ROWS_MASKS
} rows_mask_kind;

/* Fills (n + 31) / 32 words; bits beyond the last token are random. At least one token that is
 * above -inf in `logits` (which may be NULL) stays allowed. */
void rows_mask(rows_mask_kind kind, uint64_t seed, const float *logits, uint32_t *words, int32_t n);

size_t rows_element_size(pluck_dtype dtype);

/* Rounds to the dtype (to nearest, ties to even) and stores n elements at any address. Values
 * beyond binary16's range are clamped to its largest finite one. */
void rows_store(pluck_dtype dtype, const float *logits, void *to, int32_t n);
uint16_t rows_to_bf16(float x);
uint16_t rows_to_f16(float x);

/* A random list of n different ids below n_vocab, in random order or ascending. */
void rows_ids(uint64_t seed, int32_t n_vocab, int32_t *ids, int32_t n, bool ascending);

#endif
