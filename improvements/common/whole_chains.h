/*
 * whole_chains.h: the four chains that are timed as a whole.
 */
#ifndef IMPROVEMENTS_WHOLE_CHAINS_H
#define IMPROVEMENTS_WHOLE_CHAINS_H

#include "chain_bench.h"

extern const chain_plan whole_default;   /* top_k 40, top_p .95, min_p .05, temp .8, dist */
extern const chain_plan whole_penalties; /* the same after repeat_penalty 1.1 over 64 tokens */
extern const chain_plan whole_no_top_k;  /* top_p .95, min_p .05, temp .8, dist */
extern const chain_plan whole_typical;   /* typical .95, temp .8, dist */

#endif
