/* array_write.h: writing what a chain has left into llama.cpp's array of candidates. */
#ifndef PLUCK_LLAMA_ARRAY_WRITE_H
#define PLUCK_LLAMA_ARRAY_WRITE_H

#include "arrays.h"

/* The strided loops are those whose speed shows; the compiler vectorises them well for AVX2, and
 * the choice is made when the library is loaded. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&   \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PLK_FOR_BOTH __attribute__((target_clones("avx2", "default")))
#else
#define PLK_FOR_BOTH
#endif

/* Writes entries 0 to n - 1. */
void plk_join(llama_token_data *restrict to, const int32_t *restrict ids,
              const float *restrict logits, const float *restrict p, int32_t n);

/*
 * Leaves the array, which holds the input yet, as llama.cpp would: the candidates found and behind
 * or among them the masked ones. `p` has the probabilities that the input had, by index; NULL: they
 * are in the array. `dense`: candidate i of the input is token i; otherwise its ids are in
 * scratch->ids. ERR_MEMORY.
 */
pluck_status plk_write_array(llama_token_data_array *cur, plk_scratch *scratch,
                             const pluck_candidates *found, const plk_effect *effect,
                             const float *p, bool dense);

/*
 * For a chain that is a temperature and a draw (effect->plain_scale): what it has left of the row
 * `logits` of n follows from the draw, which says how many there are and how likely one of them is.
 * Writes candidates 0 to n - 1 in order of id if all are left, else those that mirostat 2 has kept,
 * too, and cur->sorted becomes false: when mu has grown they are most of the vocabulary, which is
 * not worth sorting. cur->data has room for n.
 */
void plk_write_plain(llama_token_data_array *cur, plk_scratch *scratch, const float *logits,
                     int32_t n, const pluck_draw *draw, float scale);

#endif
