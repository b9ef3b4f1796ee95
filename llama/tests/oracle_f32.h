/*
 * oracle_f32.h: llama.cpp's samplers in single precision, summed in llama.cpp's order.
 *
 * llama.cpp v0.5.0 adds up to 151,936 probabilities in float32, and the rounding moves its
 * boundaries. This oracle makes the same errors: it does the same operations on the same types in
 * the same order. It is written from the definitions and llama.cpp's behaviour. llama.cpp must
 * agree with it, as Pluck must with the exact oracle (tests/oracle); if the two oracles differ,
 * Pluck and llama.cpp may differ, too. Equal logits are ordered by id, while llama.cpp leaves them
 * in any order.
 */
#ifndef PLUCK_LLAMA_ORACLE_F32_H
#define PLUCK_LLAMA_ORACLE_F32_H

#include "pluck.h"

typedef struct oracle_f32 oracle_f32;

/* An oracle for a chain with mt19937 and without custom stages. `seed` is used where a stage has
 * none of its own, and must not be random. The config's arrays must outlive the oracle. NULL if out
 * of memory. */
oracle_f32 *oracle_f32_create(const pluck_config *config, uint32_t seed);

/* Frees the oracle; NULL is allowed. */
void oracle_f32_free(oracle_f32 *o);

/* Runs the chain on n_vocab logits; returns the token, or -1 if none was selected. *logit: the
 * token's logit when it was drawn. */
int32_t oracle_f32_sample(oracle_f32 *o, const float *logits, float *logit);

/* The order that the next rows are expected to have, for faster sorting; see oracle_expect. */
void oracle_f32_expect(oracle_f32 *o, const int32_t *order);

/* Adds a token to the histories, as the samplers of llama.cpp do. */
void oracle_f32_accept(oracle_f32 *o, int32_t token);

#endif
