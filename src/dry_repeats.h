/*
 * dry_repeats.h: finds what DRY would penalise after a history.
 *
 * Both functions find each token t that would continue a repeat, and the length L(t) of the longest
 * repeat that it would continue (stages/dry.c). They return how many there are. tokens and lengths
 * have room for as many entries as the history has tokens. The time is linear for any history.
 */
#ifndef PLUCK_DRY_REPEATS_H
#define PLUCK_DRY_REPEATS_H

#include "breakers.h"
#include "history.h"

/* For a history of kind HISTORY_REPEATS. index: of p->breakers. The tokens are in no particular
 * order. */
int32_t pk_dry_repeats(const pluck_stage_dry *p, const breakers *index, history *h, int32_t *tokens,
                       int32_t *lengths);

/* For n tokens in the first half of scratch (2 n int32), newest first, which are overwritten. The
 * tokens found ascend. */
int32_t pk_dry_repeats_once(const pluck_stage_dry *p, int32_t *scratch, int32_t n, int32_t *tokens,
                            int32_t *lengths);

#endif /* PLUCK_DRY_REPEATS_H */
