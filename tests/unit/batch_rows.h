/*
 * batch_rows.h: rows of all kinds for the tests of batches: random chains, types, masks, lists and
 * strides, each with a sampler for the batch and a twin for a loop.
 */
#ifndef PLUCK_TESTS_BATCH_ROWS_H
#define PLUCK_TESTS_BATCH_ROWS_H

#include "pluck_batch.h"
#include "random_chain.h"

enum { BATCH_N = 1500, BATCH_ROWS = 24 };

typedef struct batch_case {
    random_chain chain;
    pluck_sampler *twin;
    float logits[BATCH_N];
    uint16_t half[BATCH_N];
    char spread[BATCH_N * 3 * sizeof(float)]; /* logits with a stride, forwards or backwards */
    uint32_t allowed[BATCH_N / 32 + 1];
    int32_t ids[BATCH_N];
    pluck_row as_one; /* what the twin is given: the same, without a stride */
} batch_case;

/* Fills cases and rows; nothing of it may move. */
void batch_rows_make(batch_case *cases, pluck_batch_row *rows, int32_t n, uint64_t seed);
void batch_rows_free(batch_case *cases, pluck_batch_row *rows, int32_t n);

/* Other logits for all rows, in the same form. */
void batch_rows_refill(batch_case *cases, pluck_batch_row *rows, int32_t n, uint64_t seed);

/* Room for everything that a call can write. */
enum { BATCH_TOP = 20 };
typedef struct batch_results {
    pluck_status statuses[BATCH_ROWS];
    pluck_error errors[BATCH_ROWS];
    int32_t tokens[BATCH_ROWS];
    pluck_draw draws[BATCH_ROWS];
    int64_t offsets[BATCH_ROWS + 1];
    int32_t kept[BATCH_ROWS * BATCH_N];
    float probabilities[BATCH_ROWS * BATCH_N];
    float raw_token[BATCH_ROWS], token[BATCH_ROWS];
    int32_t raw_ids[BATCH_ROWS * BATCH_TOP], ids[BATCH_ROWS * BATCH_TOP];
    float raw_logprobs[BATCH_ROWS * BATCH_TOP], logprobs[BATCH_ROWS * BATCH_TOP];
} batch_results;

/* Zeroes the results, and asks for all of them. */
pluck_batch_out batch_results_ask(batch_results *r);

/* Fails the test unless two calls gave the same, bit for bit. */
void batch_results_assert_same(const batch_results *a, const batch_results *b, int32_t n);

#endif /* PLUCK_TESTS_BATCH_ROWS_H */
