/*
 * inputs.h: what all benchmarks of this folder are measured on.
 */
#ifndef IMPROVEMENTS_INPUTS_H
#define IMPROVEMENTS_INPUTS_H

#include "perflab.h"

/* The vocabulary of today's models, and of the recorded rows. */
enum { INPUT_VOCAB = 151936, INPUT_HISTORY = 64 };

/* normal, peaked, real; ends with NULL. */
extern const char *const input_kinds[];

/* The row of ctx->size logits that ctx->input and ctx->seed name, in a buffer of perflab's. NULL,
 * with the reason set, where it cannot be had: setup then returns PERFLAB_SKIP. */
const float *input_row(perflab_ctx *ctx);

/* A history that repeats itself: INPUT_HISTORY tokens below ctx->size, phrases of a few likely and
 * a few random ones said again with small changes. */
void input_history(perflab_ctx *ctx, const float *row, int32_t tokens[INPUT_HISTORY]);

#endif
