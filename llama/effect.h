/*
 * effect.h: what each kind of stage does to llama.cpp's array of candidates besides changing
 * logits. Used to leave an array as llama.cpp would have, and to decide where a chain must be cut
 * to make that possible.
 */
#ifndef PLUCK_LLAMA_EFFECT_H
#define PLUCK_LLAMA_EFFECT_H

#include "arrays.h"

/* Does the stage drop candidates from the array? */
bool plk_stage_truncates(const pluck_stage *stage);

/* Does it drop candidates, or put them into another order? */
bool plk_stage_moves(const pluck_stage *stage);

/* Can it set candidates to -inf and leave them in the array? */
bool plk_stage_masks(const pluck_stage *stage);

/* Does it select a token? */
bool plk_stage_selects(const pluck_stage *stage);

/* What the stage writes to `p`: nothing; the softmax of its input; or that of what it leaves. */
typedef enum plk_writes_p { PLK_P_NONE, PLK_P_OF_INPUT, PLK_P_OF_OUTPUT } plk_writes_p;
plk_writes_p plk_stage_writes_p(const pluck_stage *stage);

/* Does it remember anything from call to call? */
bool plk_stage_has_state(const pluck_stage *stage);

/* The effect of a chain. The last stage that writes p must be the first or the last of the stages
 * that do more than edit logits; segments.c cuts chains so that it is. */
plk_effect plk_effect_of(const pluck_stage *stages, int32_t n_stages);

/* Makes this the effect of a chain whose probabilities nobody reads. */
void plk_effect_hide_p(plk_effect *effect);

#endif
