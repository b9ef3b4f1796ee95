/*
 * breakers.h: DRY's sequence breakers, found while the history is read backwards.
 *
 * llama.cpp's four default breakers are 3,769 sequences of a vocabulary of 151,936. An index finds
 * the last one in a history in time linear in the tokens read, whatever the sequences are. It is
 * one block of memory without pointers, made once.
 */
#ifndef PLUCK_BREAKERS_H
#define PLUCK_BREAKERS_H

#include <stddef.h>

#include "pluck.h"

typedef struct breakers breakers;

/* Bytes of the index of n >= 0 sequences. */
size_t pk_breakers_size(const pluck_token_sequence *sequences, int32_t n);

/* Makes the index in memory of that size, aligned for int32_t. Nothing of the sequences is needed
 * later. */
breakers *pk_breakers_make(void *memory, const pluck_token_sequence *sequences, int32_t n);

/* How many tokens come after the last breaker: the longest suffix that may count as a repeat. n if
 * there is no breaker. `reversed` is the history of n tokens, newest first. */
int32_t pk_breakers_limit(const breakers *b, const int32_t *reversed, int32_t n);

/* Leaves out the tokens that are breakers by themselves, and their values; returns how many of n
 * tokens are left, in the same order. */
int32_t pk_breakers_drop(const breakers *b, int32_t *tokens, int32_t *values, int32_t n);

/* pk_breakers_limit without an index, for sequences that are used once. places and links have room
 * for n int32 each. The time is linear in n and the number of sequences, unless the head of a
 * sequence occurs often without its tail. */
int32_t pk_breakers_limit_once(const pluck_token_sequence *sequences, int32_t n_sequences,
                               const int32_t *reversed, int32_t n, int32_t *places, int32_t *links);

#endif /* PLUCK_BREAKERS_H */
