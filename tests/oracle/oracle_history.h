/*
 * oracle_history.h: all tokens accepted so far, and what penalties and DRY make of the last ones.
 */
#ifndef PLUCK_TESTS_ORACLE_HISTORY_H
#define PLUCK_TESTS_ORACLE_HISTORY_H

#include "pluck.h"

typedef struct oracle_history {
    int32_t *tokens; /* oldest first */
    bool *prompt;    /* whether each is of a prompt */
    int32_t n;
    int32_t capacity;
} oracle_history;

bool oracle_history_push(oracle_history *h, int32_t token, bool prompt);
bool oracle_history_copy(oracle_history *to, const oracle_history *from);
void oracle_history_free(oracle_history *h);

/* How often each token occurs among the last last_n, those of prompts left out if output_only says
 * so: counts has n_vocab entries. */
void oracle_history_counts(const oracle_history *h, int32_t last_n, bool output_only,
                           int32_t n_vocab, int32_t *counts);

/*
 * For each token the length of the longest repetition that the token would continue, -1 for none:
 * lengths has n_vocab entries. Returns false if DRY does not change the row (too little history, or
 * a breaker too near the end). Tokens that are breakers by themselves get -1.
 */
bool oracle_history_repeats(const oracle_history *h, const pluck_stage_dry *dry, int32_t n_vocab,
                            int32_t *lengths);

/* DRY's penalty for one repetition of that length. */
double oracle_dry_penalty(const pluck_stage_dry *dry, int32_t length);

#endif
