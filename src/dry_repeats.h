/*
 * dry_repeats.h: what DRY would penalise in a history.
 *
 * Both functions find the tokens that would continue a repeat, each once, and the length of the
 * longest repeat that each would continue: L(t) of stages/dry.c. They return how many there are;
 * tokens and lengths have room for one of each for each token of the history. Linear time, whatever
 * the history holds.
 */
#ifndef PLUCK_DRY_REPEATS_H
#define PLUCK_DRY_REPEATS_H

#include "breakers.h"
#include "history.h"

/* Of a history of kind HISTORY_REPEATS. index: of p->breakers. The tokens come in no particular
 * order: pk_radix_sort makes them ascend. */
int32_t pk_dry_repeats(const pluck_stage_dry *p, const breakers *index, history *h, int32_t *tokens,
                       int32_t *lengths);

/* Of n tokens in the first half of scratch (2 n int32), newest first, which is overwritten. The
 * tokens ascend. */
int32_t pk_dry_repeats_once(const pluck_stage_dry *p, int32_t *scratch, int32_t n, int32_t *tokens,
                            int32_t *lengths);

#endif /* PLUCK_DRY_REPEATS_H */
