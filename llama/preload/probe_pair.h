/*
 * probe_pair.h: a sampler made twice, as a program would get it from the drop-in and as libllama
 * makes it, and whether both do the same.
 */
#ifndef PLUCK_LLAMA_PROBE_PAIR_H
#define PLUCK_LLAMA_PROBE_PAIR_H

#include "real.h"

enum { PLK_PROBE_ROW = 24, PLK_PROBE_VOCAB = 32 };

typedef struct plk_pair {
    struct llama_sampler *ours, *own;
} plk_pair;

/* A stage that libllama makes without a vocabulary. */
plk_pair plk_pair_make(const pluck_stage *stage);

/* Chains of one stage, and a draw if it selects nothing itself. */
plk_pair plk_pair_chain(const pluck_stage *stage);

plk_pair plk_pair_clone(plk_pair pair);
void plk_pair_accept(plk_pair pair, llama_token token);
void plk_pair_reset(plk_pair pair);
void plk_pair_free(plk_pair pair);

/* Applies both to the candidates ids[0..n), or 0 to n - 1 where ids is NULL, with the logits of row
 * number `number`, sorted or not. Do they leave the same: which candidates in which order, logits,
 * probabilities, what is selected, whether they are sorted? */
bool plk_pair_agrees(plk_pair pair, const llama_token *ids, int32_t n, uint32_t number,
                     bool sorted);

/* The array that plk_pair_agrees makes. */
llama_token_data_array plk_probe_array(llama_token_data *data, const llama_token *ids, int32_t n,
                                       uint32_t number, bool sorted);

#endif
