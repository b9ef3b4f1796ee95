/*
 * expected.h: what a chain must leave of a row, by the double-precision oracle of the tests.
 *
 * The candidate must have the oracle's candidates in the oracle's order, with logits and
 * probabilities within 1e-5, and the same token. The baseline need not; its largest error is
 * recorded.
 */
#ifndef IMPROVEMENTS_EXPECTED_H
#define IMPROVEMENTS_EXPECTED_H

#include "perflab.h"
#include "pluck.h"
#include "textbook.h"

typedef struct expected expected;

/* Runs the oracle on the row once, after it accepted the history. NULL if memory runs out. */
expected *expected_create(const pluck_config *config, const float *row, const int32_t *history,
                          int32_t n_history);
void expected_free(expected *e);

/*
 * baseline: what its stage left; if p is not filled in, or not normalised over what is left, it is
 * computed as the next softmax would. candidate: the result of pluck_workspace_candidates. token:
 * what was selected, -1 if the chain selects none.
 */
bool expected_check(perflab_ctx *ctx, const expected *e, const tb_array *baseline,
                    const pluck_candidates *candidate, int32_t token);

/* The same for candidates that are a set without p: ids in ascending order, and their logits. */
bool expected_check_set(perflab_ctx *ctx, const expected *e, const tb_array *baseline,
                        const int32_t *ids, const float *logits, int32_t n);

#endif
