/*
 * twin_pair.h: pairs of one sampler in both sets of functions (twin.h), on which every call is made
 * twice.
 */
#ifndef PLUCK_LLAMA_TWIN_PAIR_H
#define PLUCK_LLAMA_TWIN_PAIR_H

#include "twin.h"

enum { V = 1000, N_STAGES = 5 };

/* Penalties, top-k, XTC, temperature, dist. */
extern const pluck_stage twin_stages[N_STAGES];

/* One sampler twice: a by name, b by address. */
typedef struct pair {
    struct llama_sampler *a, *b;
} pair;

/* Make a chain of twin_stages; one stage; a chain that contains a chain and ends with a draw; and
 * an empty chain. */
pair make(void);
pair make_stage(const pluck_stage *stage);
pair make_nested(uint32_t seed);
pair make_empty(void);
pair clone_of(pair p);
void drop(pair p);

/* Remove sampler i from both chains; add a pair to both; accept a token in both. */
pair take(pair chain, int32_t i);
void put(pair chain, pair sampler);
void accept_in_both(pair p, llama_token token);

/* Writes a new row of V logits, different from all before. */
void new_row(float *logits);

/* Makes n steps on new rows; the tokens must be the same. */
void go(pair p, int n);

/* Applies both to the candidates first to first + n - 1; the results must be the same. */
void apply_few(pair p, int32_t first, int32_t n, const char *what);

#endif
