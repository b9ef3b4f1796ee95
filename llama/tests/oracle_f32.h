/*
 * oracle_f32.h: the samplers in single precision, summed one after another in llama.cpp's order.
 *
 * llama.cpp v0.5.0 adds up to 151,936 probabilities in float32, and the rounding moves its
 * boundaries. This oracle makes the same errors: same operations on same types in same order,
 * written from the definitions and llama.cpp's behaviour. llama.cpp must agree with it as Pluck
 * must with the exact oracle (tests/oracle); where the two oracles part, Pluck and llama.cpp may,
 * too. Equals are ordered by id, where llama.cpp leaves them to std::sort.
 */
#ifndef PLUCK_LLAMA_ORACLE_F32_H
#define PLUCK_LLAMA_ORACLE_F32_H

#include "pluck.h"

typedef struct oracle_f32 oracle_f32;

/* mt19937 chains only, without custom stages. `seed` stands for the config's and must not be
 * random. The config's arrays must outlive the oracle. NULL when out of memory. */
oracle_f32 *oracle_f32_create(const pluck_config *config, uint32_t seed);
void oracle_f32_free(oracle_f32 *o);

/* Runs the chain on n_vocab logits; returns the token, -1 where none was selected. *logit becomes
 * the token's as the draw found it. */
int32_t oracle_f32_sample(oracle_f32 *o, const float *logits, float *logit);
/* As oracle_expect: the order that the next rows are expected to have, for faster sorting. */
void oracle_f32_expect(oracle_f32 *o, const int32_t *order);
void oracle_f32_accept(oracle_f32 *o, int32_t token);

#endif
