/*
 * random_chain.h: a random chain of 1 to 8 stages (and a draw after them if none selects), with the
 * arrays that its stages point to.
 */
#ifndef PLUCK_TESTS_RANDOM_CHAIN_H
#define PLUCK_TESTS_RANDOM_CHAIN_H

#include "check.h"

enum {
    CHAIN_STAGES = 9,
    CHAIN_BIASES = 12,
    CHAIN_BREAKERS = 4,
    CHAIN_TAIL = 4,
    CHAIN_VOCAB = 9000
};

typedef struct random_chain {
    pluck_config config;
    pluck_stage stages[CHAIN_STAGES];
    pluck_stage and_one[CHAIN_STAGES + 1]; /* random_chain_open's */
    pluck_logit_bias biases[CHAIN_STAGES][CHAIN_BIASES];
    pluck_token_sequence breakers[CHAIN_STAGES][CHAIN_BREAKERS];
    int32_t tails[CHAIN_STAGES][CHAIN_BREAKERS][CHAIN_TAIL];
    int32_t spared[CHAIN_STAGES][CHAIN_TAIL]; /* from penalties, DRY or XTC */
} random_chain;

/* Fills *c, which must not move afterwards. Biases, breakers and histories use `pool` tokens: 0 to
 * pool - 1, spread over the vocabulary by random_chain_token. */
void random_chain_make(random_chain *c, uint64_t seed, int32_t n_vocab);

/* Opens a pair of a chain that has been made, with one more stage at place `at`. */
void random_chain_open(pair *p, random_chain *c, const pluck_stage *stage, int32_t at);

/* A token that the chain's edits are likely to change. */
int32_t random_chain_token(rows_random *r, int32_t n_vocab);

/* A random row for up to CHAIN_VOCAB tokens: of any kind and dtype, with a mask or not, whole or a list;
 * valid until the next. */
pluck_row random_chain_row(rows_random *r, int32_t n_vocab);

/* Four calls of a pair, on rows that `next` makes; after each both accept a token. Ends early at a call
 * that is not the same. Adds to the numbers of calls and of those that are the same. */
void random_chain_calls(pair *p, rows_random *r, int32_t n_vocab,
                        pluck_row (*next)(rows_random *r, int32_t n_vocab), int *calls, int *same);

#endif
