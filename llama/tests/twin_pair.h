/*
 * twin_pair.h: a sampler of both sets of functions (twin.h), on which the same is done.
 */
#ifndef PLUCK_LLAMA_TWIN_PAIR_H
#define PLUCK_LLAMA_TWIN_PAIR_H

#include "twin.h"

enum { V = 1000, N_STAGES = 5 };

/* Penalties, top-k, XTC, temperature, dist. */
extern const pluck_stage twin_stages[N_STAGES];

/* A sampler twice: ours and llama.cpp's. */
typedef struct pair {
    struct llama_sampler *a, *b;
} pair;

/* A chain of twin_stages, one stage, and a chain with a chain in it that ends with a draw. */
pair make(void);
pair make_stage(const pluck_stage *stage);
pair make_nested(uint32_t seed);
pair make_empty(void); /* a chain of nothing */
pair clone_of(pair p);
void drop(pair p);

pair take(pair chain, int32_t i);
void put(pair chain, pair sampler);
void accept_in_both(pair p, llama_token token);

/* A row that none was like before, of V logits. */
void new_row(float *logits);

/* n steps on new rows; the tokens are the same. */
void go(pair p, int n);

/* Applies to the candidates from first to first + n - 1, which must come out the same. */
void apply_few(pair p, int32_t first, int32_t n, const char *what);

#endif
