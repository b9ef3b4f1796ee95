/*
 * segments.h: a chain of llama.cpp's as runs of pluck samplers with, between them, the samplers
 * that stay as they are (grammar, a program's own, another chain).
 *
 * Neighbouring stages become one fused sampler. Where the chain is applied to a program's array, a
 * run is cut in two where a fused one could not leave the array as llama.cpp does: before a stage
 * that masks candidates which stay listed, when others were dropped or sorted before it; before
 * XTC, when it finds masked ones; before adaptive-p, when the order that it hides has to be
 * flagged; and around the last stage that writes probabilities, unless they are those of the final
 * candidates. Before mirostat 1, unless it comes right after temperatures, and behind a stage that
 * selects it is always cut: `selected` is an index, which llama.cpp leaves where it is when a later
 * stage changes the order.
 */
#ifndef PLUCK_LLAMA_SEGMENTS_H
#define PLUCK_LLAMA_SEGMENTS_H

#include "node.h"

typedef struct plk_segment {
    pluck_sampler *sampler;           /* of our stages; NULL for a foreign sampler: */
    struct llama_sampler *foreign;    /* applied as it is */
    int32_t first, n_stages;          /* among the plan's members */
    int32_t first_child;              /* among the chain's samplers */
    pluck_sampler *stream;            /* see single.h; NULL: not needed */
    plk_effect effect, effect_of_one; /* the second on a single candidate */
} plk_segment;

typedef struct plk_plan {
    int32_t n_vocab;
    bool for_arrays; /* cut where arrays need it ... */
    bool has_cuts;   /* ... which is somewhere */
    plk_segment *segments;
    int32_t n_segments;
    plk_node **members; /* the stages, in order */
    int32_t n_members;
} plk_plan;

/* Gives the chain a plan for rows of n_vocab, with the state its stages have now; does nothing
 * where it has one that will do. */
pluck_status plk_plan_make(plk_node *chain, int32_t n_vocab, bool for_arrays);

/* Takes the plan away; with keep_state each stage takes its state with it. A stage whose state
 * cannot be kept for lack of memory goes back to libllama. */
void plk_plan_drop(plk_node *chain, bool keep_state);

/* Hands the whole chain back to libllama. */
void plk_plan_hand_back(plk_node *chain);

/* The vocabulary to plan the chain for: what its stages ask for and have seen, and at_least. */
int32_t plk_chain_vocab(const plk_node *chain, int32_t at_least);

/* The vocabulary that the stage's state is for; 0 where it has not begun. */
int32_t plk_stage_vocab(const plk_node *node);

/* What a vocabulary must have for the tokens that the stage remembers; 0 where it remembers none.
 * An array may name far fewer tokens than were accepted. */
int32_t plk_stage_seen(const plk_node *node);

#endif
