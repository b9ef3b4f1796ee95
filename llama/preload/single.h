/*
 * single.h: the draw with one candidate left. In libllama before August 2026 it takes no random
 * number; since then it takes one, as libpluck's does. For the older ones the stream of a segment's
 * draw is kept before each call and put back if one candidate was left.
 */
#ifndef PLUCK_LLAMA_SINGLE_H
#define PLUCK_LLAMA_SINGLE_H

#include "segments.h"

/* Makes the sampler that keeps the stream of the segment's draw, if this libllama needs that.
 * Errors: those of pluck_sampler_create. A draw is always the last stage of its segment. */
pluck_status plk_single_prepare(plk_segment *segment);

/* Call these before and after a call of the segment's sampler, which left n candidates, masked ones
 * included. */
void plk_single_before(const plk_segment *segment);
void plk_single_after(const plk_segment *segment, size_t n);

/* How many candidates a call left, if n of them have a probability: masked ones are added if that
 * matters. */
size_t plk_single_left(const plk_segment *segment, pluck_workspace *workspace, int32_t n);

/* Is it a draw from one candidate that takes no number? libllama's own sampler then does all that
 * is needed. */
bool plk_single_is(const pluck_stage *stage, const llama_token_data_array *cur);

#endif
