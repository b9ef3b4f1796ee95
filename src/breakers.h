/*
 * breakers.h: DRY's sequence breakers, found while the history is read backwards.
 *
 * llama.cpp's four default breakers are 3,769 sequences of a vocabulary of 151,936. An index finds
 * the last one in a history in time linear in the tokens read, whatever the sequences are. It is
 * one block of memory without pointers, made once.
 */
#ifndef PLUCK_BREAKERS_H
#define PLUCK_BREAKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "pluck.h"

typedef struct breakers breakers;

/* Bytes of the index of n >= 0 sequences. */
size_t pk_breakers_size(const pluck_token_sequence *sequences, int32_t n);

/* Makes the index in memory of that size, aligned for int32_t. Nothing of the sequences is needed
 * later. */
breakers *pk_breakers_make(void *memory, const pluck_token_sequence *sequences, int32_t n);

/* A search for the last breaker; zeroed before it begins. */
typedef struct breaker_search {
    int32_t state;
    int32_t limit; /* the tokens read that come after the breaker; all while none is found */
} breaker_search;

/* Reads n more tokens of a history, towards older ones: newest[0], newest[-1], ... Returns whether
 * the last breaker is found; then search->limit is the longest suffix that may count as a repeat. */
bool pk_breakers_find(const breakers *b, breaker_search *search, const int32_t *newest, int32_t n);

/* Whether token is a breaker by itself. */
bool pk_breakers_single(const breakers *b, int32_t token);

/* The limit without an index, for sequences that are used once; `reversed` is the history of n
 * tokens, newest first. n if there is no breaker. places and links have room
 * for n int32 each. The time is linear in n and the number of sequences, unless the head of a
 * sequence occurs often without its tail. */
int32_t pk_breakers_limit_once(const pluck_token_sequence *sequences, int32_t n_sequences,
                               const int32_t *reversed, int32_t n, int32_t *places, int32_t *links);

#endif /* PLUCK_BREAKERS_H */
