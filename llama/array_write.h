/* array_write.h: writing what a chain has left into llama.cpp's array of candidates. */
#ifndef PLUCK_LLAMA_ARRAY_WRITE_H
#define PLUCK_LLAMA_ARRAY_WRITE_H

#include "arrays.h"

/* These loops over 12-byte structs take most of the time. GCC vectorises them well for AVX2, so it
 * compiles each twice; the loader chooses one when the library is loaded. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&   \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PLK_FOR_BOTH __attribute__((target_clones("avx2", "default")))
#else
#define PLK_FOR_BOTH
#endif

/* to[i] = {ids[i], logits[i], p[i]} for i below n. The arrays must not overlap. */
void plk_join(llama_token_data *restrict to, const int32_t *restrict ids,
              const float *restrict logits, const float *restrict p, int32_t n);

/*
 * Writes the result of a call into the array, which still holds the input, as llama.cpp would leave
 * it: the candidates found, with the masked ones among or behind them. `p`: the probabilities
 * before the call, by index in the array; NULL if they are in the array. `dense`: candidate i of
 * the input is token i; if false, the input's ids are in scratch->ids. ERR_MEMORY, and the array is
 * unchanged.
 */
pluck_status plk_write_array(llama_token_data_array *cur, plk_scratch *scratch,
                             const pluck_candidates *found, const plk_effect *effect,
                             const float *p, bool dense);

/*
 * Writes the result of a chain that is temperatures and a draw (effect->plain_scale) on the row
 * `logits` of n. The draw says how many candidates are left and how likely one of them is; the rest
 * follows from the row. cur->data has room for n; the candidates are written in ascending order of
 * id, and cur->sorted becomes false. These are all n, or those that mirostat 2 has kept: once mu
 * has grown that is most of the vocabulary, which is not worth sorting. `scratch` has room for n.
 */
void plk_write_plain(llama_token_data_array *cur, plk_scratch *scratch, const float *logits,
                     int32_t n, const pluck_draw *draw, float scale);

#endif
