/*
 * random_chain.h: a random chain of 1 to 8 stages (and a draw behind them where none would select),
 * with what its stages point at.
 */
#ifndef PLUCK_TESTS_RANDOM_CHAIN_H
#define PLUCK_TESTS_RANDOM_CHAIN_H

#include "check.h"

enum { CHAIN_STAGES = 9, CHAIN_BIASES = 12, CHAIN_BREAKERS = 4, CHAIN_TAIL = 4 };

typedef struct random_chain {
    pluck_config config;
    pluck_stage stages[CHAIN_STAGES];
    pluck_logit_bias biases[CHAIN_STAGES][CHAIN_BIASES];
    pluck_token_sequence breakers[CHAIN_STAGES][CHAIN_BREAKERS];
    int32_t tails[CHAIN_STAGES][CHAIN_BREAKERS][CHAIN_TAIL];
} random_chain;

/* Fills *c, which must not move afterwards. `pool` tokens, 0 to pool - 1 spread over the vocabulary
 * by random_chain_token, are the ones that biases, breakers and histories speak of. */
void random_chain_make(random_chain *c, uint64_t seed, int32_t n_vocab);

/* A token that the chain's edits are likely to know. */
int32_t random_chain_token(rows_random *r, int32_t n_vocab);

#endif
