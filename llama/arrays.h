/*
 * arrays.h: running a pluck sampler on llama.cpp's array of candidates, and leaving the array as
 * llama.cpp's own samplers would have left it.
 *
 * libpluck reads a plain row; a program that fills a llama_token_data_array has 12-byte structs. So
 * the logits are copied out once, which is most of what an array costs. Before a top-k only the few
 * that it can keep are copied (shortlist.h). The chain runs on the copy, and what is left is
 * written back: candidates in order, logits, probabilities, size, selected, sorted.
 *
 * No function here locks anything: a sampler, a scratch and an array are used by one thread at a
 * time.
 */
#ifndef PLUCK_LLAMA_ARRAYS_H
#define PLUCK_LLAMA_ARRAYS_H

#include "llama.h"
#include "pluck.h"

/* The memory that a call works in. Any sampler may use it, one call at a time. */
typedef struct plk_scratch {
    pluck_workspace *workspace;
    int32_t n_vocab; /* the vocabulary that the workspace and `place` are made for */
    float *logits;   /* the array's logits, contiguous */
    int32_t *ids;    /* its ids, if they are not 0, 1, 2, ... */
    float *carried;  /* probabilities, and ... */
    int32_t *tail;   /* ... ids that an output keeps from the input */
    float *softmax;  /* of the input; NULL until needed */
    size_t capacity; /* of the five arrays above; each has room for 16 more */
    int32_t *place;  /* by id: index in the input while it is being looked up, otherwise -1; NULL
                        until needed */
} plk_scratch;

/* Makes room for n candidates and a vocabulary of n_vocab. What the scratch held is lost if it
 * grows. ERR_MEMORY, ERR_VOCAB. */
pluck_status plk_scratch_reserve(plk_scratch *scratch, int32_t n_vocab, size_t n);

/* Frees the memory; the scratch is empty then and may be used again. */
void plk_scratch_clear(plk_scratch *scratch);

/*
 * The state of a mirostat 1 in llama.cpp's float arithmetic. llama.cpp converts k to an int, which
 * gives INT_MIN if k is NaN or 2^31 or more; it then keeps one candidate. libpluck follows the
 * definition and keeps them all. Programs that call llama.cpp's samplers must get what llama.cpp
 * gives.
 */
typedef struct plk_mirostat1 {
    int32_t n_vocab; /* the n_vocab of the formula */
    float mu;
} plk_mirostat1;

/* What a chain does to an array's `sorted`. */
typedef enum plk_flag {
    PLK_SORTED_AS_FOUND,
    PLK_SORTED,
    PLK_NOT_SORTED,
    PLK_SORTED_UNCHANGED,
    PLK_SORTED_IF_FEW /* by min-p; see sorts_below */
} plk_flag;

/* What a chain does to an array, apart from what the result of a call shows. */
typedef struct plk_effect {
    bool selects; /* a stage of it selects a token */
    bool keeps_p; /* `p` of a candidate stays what it was, rather than becoming the final one */
    bool softmax_first;  /* ... after the softmax of the input was written there, ... */
    bool by_coin;        /* ... which happens only if an XTC coin fell so */
    bool not_for_one;    /* `p` becomes the final one only if more than one candidate is left */
    bool edits;          /* a stage of it may break an order without saying so */
    bool minds_order;    /* a stage of it relies on the array's `sorted` */
    bool sorts;          /* a stage of it may put the candidates into another order */
    bool surely_sorts;   /* ... and does so whatever the candidates are */
    int32_t first_k;     /* the chain begins with this top-k; 0: it does not */
    int32_t sorts_below; /* min-p sorts only if it would otherwise keep fewer than this; it then
                            keeps this many */
    float plain_scale;   /* the chain is temperatures with a product of 1 / this, then dist or
                            mirostat; 0: it is not */
    plk_mirostat1 *mirostat1; /* state of the mirostat 1 that ends the chain; NULL: none */
    pluck_stage_mirostat mirostat;
    plk_flag sorted;        /* the flag it leaves */
    plk_flag sorted_one;    /* the same if only one candidate is left, ... */
    plk_flag sorted_single; /* ... and if there was only one to begin with */
} plk_effect;

/* One more than the largest id in the array, or 0 if an id is negative or too large for
 * libpluck. */
int32_t plk_array_bound(const llama_token_data_array *cur);

/* pluck_sample_row, except that mirostat 1 does what llama.cpp's does. n_vocab: the sampler's. draw
 * may be NULL only if effect->selects is false. Errors: those of pluck_sample_row. */
pluck_status plk_draw_row(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                          const pluck_row *row, const plk_effect *effect, pluck_draw *draw);

/*
 * Runs the sampler, created for n_vocab, on the array, and leaves the array as llama.cpp would.
 * `expected`: the effect of the sampler's chain. On error the array is unchanged. Errors: those of
 * pluck_sample_row; ERR_TOKEN if an id is outside the vocabulary; ERR_ROW if the array is empty or
 * has more than n_vocab candidates.
 */
pluck_status plk_apply(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                       llama_token_data_array *cur, const plk_effect *expected);

/*
 * The same for an array that stands for all n_vocab candidates of `row`, with p = 0, but has room
 * for only cur->size of them. The result goes into cur->data if it fits. Otherwise it goes into
 * `large`, which has room for n_vocab, and cur->data is made to point there. Errors: those of
 * pluck_sample_row, ERR_MEMORY.
 */
pluck_status plk_apply_row(pluck_sampler *sampler, int32_t n_vocab, plk_scratch *scratch,
                           const float *row, llama_token_data_array *cur, llama_token_data *large,
                           const plk_effect *expected);

#endif
