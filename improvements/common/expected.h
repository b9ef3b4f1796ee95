/*
 * expected.h: what a chain must leave of a row, by the double-precision oracle of the tests.
 *
 * The candidate must have the oracle's candidates in its order, with logits and probabilities
 * within 1e-5, and its token. The baseline is held to nothing; its own largest error is reported
 * beside.
 */
#ifndef IMPROVEMENTS_EXPECTED_H
#define IMPROVEMENTS_EXPECTED_H

#include "perflab.h"
#include "pluck.h"
#include "textbook.h"

typedef struct expected expected;

/* Runs the oracle over the row once, after it accepted the history. NULL: out of memory. */
expected *expected_create(const pluck_config *config, const float *row, const int32_t *history,
                          int32_t n_history);
void expected_free(expected *e);

/*
 * baseline: what its stage left; where p is not filled in, or not normalised over what is left, the
 * next softmax's p is taken. candidate: what pluck_workspace_candidates gave; token: what was
 * selected, -1 where the chain selects none.
 */
bool expected_check(perflab_ctx *ctx, const expected *e, const tb_array *baseline,
                    const pluck_candidates *candidate, int32_t token);

/* The same for candidates that are a plain set without p: ids ascending, their logits. */
bool expected_check_set(perflab_ctx *ctx, const expected *e, const tb_array *baseline,
                        const int32_t *ids, const float *logits, int32_t n);

#endif
