/*
 * inputs.h: the inputs of all benchmarks in this folder.
 */
#ifndef IMPROVEMENTS_INPUTS_H
#define IMPROVEMENTS_INPUTS_H

#include "perflab.h"

/* The vocabulary of the recorded rows, typical of current models. */
enum { INPUT_VOCAB = 151936, INPUT_HISTORY = 64 };

/* "normal", "peaked", "real"; ends with NULL. */
extern const char *const input_kinds[];

/* The row of ctx->size logits for ctx->input and ctx->seed, in a buffer of perflab_alloc. NULL,
 * with the reason set, if there is none: setup should then return PERFLAB_SKIP. */
const float *input_row(perflab_ctx *ctx);

/* A history with repeats: INPUT_HISTORY tokens below ctx->size, in phrases of a few likely and a
 * few random tokens that recur with small changes. */
void input_history(perflab_ctx *ctx, const float *row, int32_t tokens[INPUT_HISTORY]);

#endif
