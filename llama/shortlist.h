/*
 * shortlist.h: the tokens of an array that a chain beginning with top-k can keep.
 *
 * A program that fills an array of 12-byte candidates has pushed its row out of the nearer caches,
 * so the array is worth reading once and not copying. Reading leaves the maximum of every 64
 * candidates; they bound the k-th greatest logit from below, and the few groups that reach the
 * bound are looked at again. Pluck gets the handful of tokens in them.
 */
#ifndef PLUCK_LLAMA_SHORTLIST_H
#define PLUCK_LLAMA_SHORTLIST_H

#include <llama.h>

#include <stdint.h>

/* Of an array in which candidate i is token i: writes ids (ascending) and logits of at least k
 * tokens that hold the k greatest logits, all above -inf, and returns how many. 0 where the array
 * is another one, holds a NaN or +inf, or is not shortened by this. `ids`, `logits` and `spare`
 * have room for n.
 */
int32_t plk_shortlist(const llama_token_data *data, int32_t n, int32_t k, int32_t *ids,
                      float *logits, float *spare);

#endif
