/*
 * breakers.h: finds DRY's sequence breakers while the history is read backwards.
 *
 * llama.cpp's four default breakers become 3,769 sequences in a vocabulary of 151,936 tokens. An
 * index finds the last breaker of a history in time linear in the tokens read, for any sequences.
 * It is made once, as one block of memory without pointers.
 */
#ifndef PLUCK_BREAKERS_H
#define PLUCK_BREAKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "pluck.h"

typedef struct breakers breakers;

/* The size in bytes of the index of n >= 0 sequences. */
size_t pk_breakers_size(const pluck_token_sequence *sequences, int32_t n);

/* Makes the index in memory of that size, aligned for int32_t. The sequences are not needed
 * afterwards. */
breakers *pk_breakers_make(void *memory, const pluck_token_sequence *sequences, int32_t n);

/* The state of a search for the last breaker. Start it as {0}. */
typedef struct breaker_search {
    int32_t state;
    int32_t limit; /* tokens read that come after the breaker; all tokens read if none is found */
} breaker_search;

/* Reads n more tokens of a history, from newer to older: newest[0], newest[-1], ... Returns whether
 * it has found the last breaker; search->limit is then the length of the longest suffix that may
 * count as a repeat. */
bool pk_breakers_find(const breakers *b, breaker_search *search, const int32_t *newest, int32_t n);

/* Whether token is a breaker by itself. */
bool pk_breakers_single(const breakers *b, int32_t token);

/* The same limit without an index, for sequences that are used only once. `reversed` is the history
 * of n tokens, newest first. Returns n if there is no breaker. places and links have room for n
 * int32 each. The time is linear in n and the number of sequences, unless the head of a sequence
 * often occurs without its tail. */
int32_t pk_breakers_limit_once(const pluck_token_sequence *sequences, int32_t n_sequences,
                               const int32_t *reversed, int32_t n, int32_t *places, int32_t *links);

#endif /* PLUCK_BREAKERS_H */
