/*
 * arrays.h: running a pluck sampler on llama.cpp's array of candidates, and leaving the array as
 * llama.cpp's own samplers would have left it.
 *
 * libpluck reads a plain row; a program that fills a llama_token_data_array has 12-byte structs. So
 * the logits are copied out once (that pass is most of what an array costs), or, before top-k, the
 * few that it can keep (shortlist.h); the chain runs on the copy, and what is left is written back:
 * candidates in order, logits, probabilities, size, selected, sorted.
 */
#ifndef PLUCK_LLAMA_ARRAYS_H
#define PLUCK_LLAMA_ARRAYS_H

#include "llama.h"
#include "pluck.h"

/* What a call needs for itself; any sampler may use it, one at a time. */
typedef struct plk_scratch {
    pluck_workspace *workspace;
    int32_t n_vocab; /* that the workspace, `place` and `marks` are for */
    float *logits;   /* the array's logits, contiguous */
    int32_t *ids;    /* its ids, where they are not 0, 1, 2, ... */
    float *carried;  /* probabilities, and ... */
    int32_t *tail;   /* ... ids that an output keeps from the input */
    size_t capacity; /* of the four */
    int32_t *place;  /* by id: index in the input; NULL until needed */
} plk_scratch;

/* Makes room for n candidates of a vocabulary of n_vocab. ERR_MEMORY, ERR_VOCAB. */
pluck_status plk_scratch_reserve(plk_scratch *scratch, int32_t n_vocab, size_t n);
void plk_scratch_clear(plk_scratch *scratch);

/* What is known of a sampler's chain that its result does not tell. */
typedef struct plk_effect {
    bool selects; /* a stage of it selects a token */
    bool keeps_p; /* `p` of a candidate stays what it was, rather than becoming the final one */
    bool softmax_first;  /* ... after the softmax of the input was written there, ... */
    bool by_coin;        /* ... which happens only if an XTC coin fell so */
    bool not_for_one;    /* `p` becomes the final one only where more than one candidate is left */
    bool edits;          /* a stage of it may break an order without saying so */
    int32_t first_k;     /* the chain begins with this top-k; 0: it does not */
    int32_t sorts_below; /* min-p sorts after all where it would keep fewer than this */
    enum {
        PLK_SORTED_AS_FOUND,
        PLK_SORTED,
        PLK_NOT_SORTED,
        PLK_SORTED_UNCHANGED
    } sorted; /* the flag it leaves */
} plk_effect;

/* One more than the largest id in the array, or 0 where an id is negative or too large for
 * libpluck. */
int32_t plk_array_bound(const llama_token_data_array *cur);

/*
 * Runs the sampler, created for n_vocab, on the array. On error nothing has changed. Errors: those
 * of pluck_sample_row; ERR_TOKEN where an id is outside the vocabulary; ERR_ROW where the array is
 * empty or larger than it.
 */
pluck_status plk_apply(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                       llama_token_data_array *cur, const plk_effect *expected);

#endif
