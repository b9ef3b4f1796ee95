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
    int32_t n_vocab; /* that the workspace and `place` are for */
    float *logits;   /* the array's logits, contiguous */
    int32_t *ids;    /* its ids, if they are not 0, 1, 2, ... */
    float *carried;  /* probabilities, and ... */
    int32_t *tail;   /* ... ids that an output keeps from the input */
    float *softmax;  /* of the input; NULL until needed */
    size_t capacity; /* of the five; there is room for 16 more */
    int32_t *place;  /* by id: index in the input while that is asked for, else -1; NULL until
                        needed */
} plk_scratch;

/* Makes room for n candidates of a vocabulary of n_vocab. ERR_MEMORY, ERR_VOCAB. */
pluck_status plk_scratch_reserve(plk_scratch *scratch, int32_t n_vocab, size_t n);
void plk_scratch_clear(plk_scratch *scratch);

/*
 * What a mirostat 1 has learnt, in llama.cpp's float arithmetic. Its k, made an int, is INT_MIN if
 * it is 2^31 or more or NaN, and one candidate is kept; libpluck, which follows the definition,
 * then keeps them all. Programs that call llama.cpp's samplers get what they would have got.
 */
typedef struct plk_mirostat1 {
    int32_t n_vocab; /* in the formula */
    float mu;
} plk_mirostat1;

/* What becomes of an array's `sorted`. */
typedef enum plk_flag {
    PLK_SORTED_AS_FOUND,
    PLK_SORTED,
    PLK_NOT_SORTED,
    PLK_SORTED_UNCHANGED,
    PLK_SORTED_IF_FEW /* by min-p, see sorts_below */
} plk_flag;

/* What is known of a sampler's chain that its result does not say. */
typedef struct plk_effect {
    bool selects; /* a stage of it selects a token */
    bool keeps_p; /* `p` of a candidate stays what it was, rather than becoming the final one */
    bool softmax_first;  /* ... after the softmax of the input was written there, ... */
    bool by_coin;        /* ... which happens only if an XTC coin fell so */
    bool not_for_one;    /* `p` becomes the final one only if more than one candidate is left */
    bool edits;          /* a stage of it may break an order without saying so */
    bool minds_order;    /* a stage of it takes the word of the array's `sorted` */
    bool sorts;          /* a stage of it may put the candidates into another order */
    bool surely_sorts;   /* ... and one that does so whatever the candidates are */
    int32_t first_k;     /* the chain begins with this top-k; 0: it does not */
    int32_t sorts_below; /* min-p sorts after all if it would keep fewer than this, and keeps this
                            many */
    float plain_scale;   /* the chain is a temperature of 1 / this and then dist or mirostat; 0: it
                             is another */
    plk_mirostat1 *mirostat1; /* the chain ends with a mirostat 1 that this follows; NULL: not so */
    pluck_stage_mirostat mirostat;
    plk_flag sorted;        /* the flag it leaves */
    plk_flag sorted_one;    /* the same if only one candidate is left, ... */
    plk_flag sorted_single; /* ... and if there was only one to begin with */
} plk_effect;

/* One more than the largest id in the array, or 0 if an id is negative or too large for
 * libpluck. */
int32_t plk_array_bound(const llama_token_data_array *cur);

/* pluck_sample_row, but that mirostat 1 does as llama.cpp's. n_vocab: of the sampler. draw may be
 * NULL only if effect->selects is false. */
pluck_status plk_draw_row(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                          const pluck_row *row, const plk_effect *effect, pluck_draw *draw);

/*
 * Runs the sampler, created for n_vocab, on the array. On error nothing has changed. Errors: those
 * of pluck_sample_row; ERR_TOKEN if an id is outside the vocabulary; ERR_ROW if the array is
 * empty or larger than it.
 */
pluck_status plk_apply(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                       llama_token_data_array *cur, const plk_effect *expected);

/*
 * The same for an array that would hold all n_vocab candidates, with p = 0, of this row, but has
 * only been given room for cur->size. The result goes there if it fits, else to `large`, which has
 * room for n_vocab and which cur->data then points to.
 */
pluck_status plk_apply_row(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                           const float *row, llama_token_data_array *cur, llama_token_data *large,
                           const plk_effect *expected);

#endif
