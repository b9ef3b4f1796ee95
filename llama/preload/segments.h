/*
 * segments.h: a llama.cpp chain as runs of pluck samplers, and between them the samplers that stay
 * as they are (grammar, a program's own, another chain).
 *
 * Neighbouring stages become one fused sampler. If the chain is applied to a program's array, a run
 * is cut where a fused sampler could not leave the array as llama.cpp does:
 *
 * - before a stage that masks candidates and leaves them in the array, if stages before it drop or
 *   sort candidates;
 * - before XTC, if there may be masked candidates;
 * - before adaptive-p, min-p and XTC, if the array's `sorted` depends on the order before them;
 * - around the last stage that writes probabilities, unless these are the final ones.
 *
 * A run is always cut before mirostat 1, unless only temperatures precede it, and behind a stage
 * that selects: `selected` is an index, which llama.cpp does not change when a later stage changes
 * the order.
 */
#ifndef PLUCK_LLAMA_SEGMENTS_H
#define PLUCK_LLAMA_SEGMENTS_H

#include "node.h"

typedef struct plk_segment {
    pluck_sampler *sampler;           /* of our stages; NULL if ... */
    struct llama_sampler *foreign;    /* ... this sampler is applied as it is */
    int32_t first, n_stages;          /* among the plan's members */
    int32_t first_child;              /* among the chain's samplers */
    pluck_sampler *stream;            /* see single.h; NULL: not needed */
    plk_effect effect, effect_of_one; /* the second for a single candidate */
} plk_segment;

typedef struct plk_plan {
    int32_t n_vocab;
    bool for_arrays; /* cut as arrays need it ... */
    bool has_cuts;   /* ... and they need a cut somewhere */
    plk_segment *segments;
    int32_t n_segments;
    plk_node **members; /* the stages, in order */
    int32_t n_members;
} plk_plan;

/* Gives the chain a plan for rows of n_vocab, with the present state of its stages; does nothing if
 * its plan fits already. Errors: those of pluck_sampler_create; the chain then has no plan. */
pluck_status plk_plan_make(plk_node *chain, int32_t n_vocab, bool for_arrays);

/* Frees the plan; with keep_state each stage keeps its state. A stage whose state cannot be kept
 * for lack of memory goes back to libllama. */
void plk_plan_drop(plk_node *chain, bool keep_state);

/* Hands the whole chain back to libllama. */
void plk_plan_hand_back(plk_node *chain);

/* The vocabulary to plan the chain for: at_least, or more if its stages demand that or have
 * accepted such tokens. */
int32_t plk_chain_vocab(const plk_node *chain, int32_t at_least);

/* The vocabulary that the stage's state is for; 0 if it has not begun. */
int32_t plk_stage_vocab(const plk_node *node);

/* The vocabulary needed for the tokens that the stage remembers; 0 if it remembers none. An array
 * may name far fewer tokens than were accepted. */
int32_t plk_stage_seen(const plk_node *node);

#endif
