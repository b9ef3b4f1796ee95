/*
 * penalised.h: what 4.1 and 4.2 share: a row, and a history whose tokens are penalised.
 *
 * The baseline works on an array of candidates, the candidate on the row of logits. A call changes
 * only the tokens of the history, and a reset restores only these.
 */
#ifndef IMPROVEMENTS_PENALISED_H
#define IMPROVEMENTS_PENALISED_H

#include "inputs.h"
#include "textbook.h"

typedef struct penalised {
    const float *row;
    int32_t history[INPUT_HISTORY];
    tb_array array; /* of the baseline */
    float *logits;  /* of the candidate */
} penalised;

/* Fills *p for ctx->input and ctx->seed. Returns PERFLAB_OK, or PERFLAB_SKIP if there is no row. */
int penalised_setup(perflab_ctx *ctx, penalised *p);

/* Restores the data of ctx->side. */
void penalised_reset(const perflab_ctx *ctx, penalised *p);

/* The row in double precision, to be penalised exactly and passed to penalised_check. NULL if
 * memory runs out. */
double *penalised_exact(const perflab_ctx *ctx, const penalised *p);

/* Compares both sides with `exact`, as perflab_check_reference does, with the absolute tolerance
 * PERFLAB_TOLERANCE and the relative one `relative`. Frees `exact`; fails if that is NULL. */
bool penalised_check(perflab_ctx *ctx, const penalised *p, double *exact, double relative);

#endif
