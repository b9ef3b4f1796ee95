/*
 * penalised.h: what 4.1 and 4.2 share: a row and the history that penalises it.
 *
 * The baseline's side is a candidate array, the candidate's the row of logits; a call touches, and
 * a reset restores, only what the history names.
 */
#ifndef IMPROVEMENTS_PENALISED_H
#define IMPROVEMENTS_PENALISED_H

#include "inputs.h"
#include "textbook.h"

typedef struct penalised {
    const float *row;
    int32_t history[INPUT_HISTORY];
    tb_array array; /* the baseline's */
    float *logits;  /* the candidate's */
} penalised;

/* Fills *p for ctx->input and ctx->seed. PERFLAB_OK, or PERFLAB_SKIP where there is no row. */
int penalised_setup(perflab_ctx *ctx, penalised *p);

/* Restores the side of ctx->side. */
void penalised_reset(const perflab_ctx *ctx, penalised *p);

/* The row in double precision, to be penalised exactly and given to penalised_check; NULL where
 * there is no memory. */
double *penalised_exact(const perflab_ctx *ctx, const penalised *p);

/* Compares both sides with `exact`, relative beyond 1 by `relative`, and frees it. */
bool penalised_check(perflab_ctx *ctx, const penalised *p, double *exact, double relative);

#endif
