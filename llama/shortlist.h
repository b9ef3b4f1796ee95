/*
 * shortlist.h: the tokens of an array that a chain beginning with top-k can keep.
 *
 * A program that fills an array of 12-byte candidates has pushed its row out of the nearer caches,
 * so the array should be read once and not copied. That pass takes the maximum of every 64
 * candidates. The maxima bound the k-th greatest logit from below, and only the few groups that
 * reach the bound are read again. The chain runs on the tokens in them that reach it.
 */
#ifndef PLUCK_LLAMA_SHORTLIST_H
#define PLUCK_LLAMA_SHORTLIST_H

#include <llama.h>

#include <stdint.h>

/* Takes an array of n candidates in which candidate i is token i. Writes the ids (ascending) and
 * logits of at least k tokens, which include the k greatest logits, all above -inf, and returns how
 * many. Returns 0 if the array is another one, holds a NaN or +inf, or would not get shorter.
 * `ids`, `logits` and `spare` have room for n; they are written to even if it returns 0. */
int32_t plk_shortlist(const llama_token_data *data, int32_t n, int32_t k, int32_t *ids,
                      float *logits, float *spare);

#endif
