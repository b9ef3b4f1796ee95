/*
 * twin.h: the same calls made twice in one process: by name, as a program makes them (so that they
 * reach the drop-in where it is preloaded), and through the addresses that libllama itself has.
 * What a test of the drop-in compares.
 */
#ifndef PLUCK_LLAMA_TWIN_H
#define PLUCK_LLAMA_TWIN_H

#include "../preload/real.h"
#include "pluck.h"

/* Both sets of functions; the second is found with dlsym on libllama's own handle. */
extern plk_real by_name, by_address;

/* Fills them; false where libllama's own functions cannot be found. */
bool twin_init(void);

/* Is the drop-in between by_name and libllama? */
bool twin_is_preloaded(void);

/* A stage made with one set of functions. A DRY stage gets `vocab` and llama.cpp's breakers;
 * without a vocabulary it cannot be made. */
struct llama_sampler *twin_stage(const plk_real *api, const pluck_stage *stage, int32_t n_vocab,
                                 const struct llama_vocab *vocab);

/* A chain of n stages. */
struct llama_sampler *twin_chain(const plk_real *api, const pluck_stage *stages, int32_t n,
                                 int32_t n_vocab, const struct llama_vocab *vocab);

/* An array of candidates that owns its data. */
typedef struct twin_array {
    llama_token_data_array cur;
    llama_token_data *data;
} twin_array;

/* Candidates 0 to n - 1 with these logits and p = 0.25. */
twin_array twin_array_of(const float *logits, int32_t n);
/* The same sorted by logit, and flagged so. */
twin_array twin_array_sorted(const float *logits, int32_t n);
void twin_array_free(twin_array *a);

/* Fails the cmocka test where the arrays differ: size, selected, sorted, ids in order, logits
 * within 1e-5 relative, p within 1e-5. Which of equals comes first, and so which of several masked
 * candidates is listed, is left open: it is an accident of llama.cpp's sort. `what` and `step` go
 * into the message. */
void twin_assert_same(const llama_token_data_array *a, const llama_token_data_array *b,
                      const char *what, int step);

/* Applies `sampler` of one set to an array of these logits and accepts; returns the token, or -1.
 */
llama_token twin_step(const plk_real *api, struct llama_sampler *sampler, const float *logits,
                      int32_t n);

#endif
