/*
 * single.h: the draw with one candidate left. In libllama before August 2026 it takes no random
 * number; since then it takes one, as libpluck's does. For the older ones the stream of a segment's
 * draw is kept before each call and put back where one candidate was left.
 */
#ifndef PLUCK_LLAMA_SINGLE_H
#define PLUCK_LLAMA_SINGLE_H

#include "segments.h"

/* Makes room for the stream of the segment's draw if this libllama needs that. A draw is always the
 * last stage of its segment. */
pluck_status plk_single_prepare(plk_segment *segment);

/* Before and after a call of the segment's sampler that left n candidates, masked ones counted. */
void plk_single_before(const plk_segment *segment);
void plk_single_after(const plk_segment *segment, size_t n);

/* How many candidates a call left if n of them have a probability: masked ones are counted where
 * that matters. */
size_t plk_single_left(const plk_segment *segment, pluck_workspace *workspace, int32_t n);

/* Is it a draw of the older kind from one candidate? libllama's own does all there is to do. */
bool plk_single_is(const pluck_stage *stage, const llama_token_data_array *cur);

#endif
