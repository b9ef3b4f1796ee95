/*
 * probe_pair.h: one sampler made twice, by the drop-in as a program would get it and by libllama,
 * and a comparison of what the two do. plk_library must be set; see real.h.
 */
#ifndef PLUCK_LLAMA_PROBE_PAIR_H
#define PLUCK_LLAMA_PROBE_PAIR_H

#include "real.h"

enum { PLK_PROBE_ROW = 24, PLK_PROBE_VOCAB = 32 };

typedef struct plk_pair {
    struct llama_sampler *ours, *own;
} plk_pair;

/* Makes the samplers of a stage that needs no vocabulary. */
plk_pair plk_pair_make(const pluck_stage *stage);

/* The same in chains of one stage, with a draw behind it if it selects no token itself. */
plk_pair plk_pair_chain(const pluck_stage *stage);

/* Do the same to both. */
plk_pair plk_pair_clone(plk_pair pair);
void plk_pair_accept(plk_pair pair, llama_token token);
void plk_pair_reset(plk_pair pair);
void plk_pair_free(plk_pair pair);

/* Applies both samplers to the candidates ids[0..n), or 0 to n - 1 if ids is NULL, with the logits
 * of row number `number`, sorted or not. n is at most PLK_PROBE_ROW. Do they leave the same
 * candidates in the same order, logits, probabilities, selected token and flag? */
bool plk_pair_agrees(plk_pair pair, const llama_token *ids, int32_t n, uint32_t number,
                     bool sorted);

/* The array that plk_pair_agrees makes, in `data`, which has room for n. */
llama_token_data_array plk_probe_array(llama_token_data *data, const llama_token *ids, int32_t n,
                                       uint32_t number, bool sorted);

#endif
