/*
 * ngrams.h: which tokens have followed the last tokens of a history before, kept up to date while
 * tokens are accepted and taken back.
 *
 * An n-gram is a context of size - 1 tokens and the token behind it. Each distinct n-gram of the
 * ring has an entry. Two hash tables find an entry by its n-gram, and the first of a chain of entries
 * by their context. An n-gram that occurs several times has one entry, and its occurrences are linked
 * by where they end, so that both ends of the ring can lose and get back a token in time for one n-gram.
 * What is found is compared token by token: the hash decides nothing.
 *
 * For histories of kind HISTORY_NGRAMS; the functions are called by history.c and stages.
 */
#ifndef PLUCK_NGRAMS_H
#define PLUCK_NGRAMS_H

#include "history.h"

/* int32 that are needed besides the ring, if each table has n_slots. */
size_t pk_ngrams_ints(int32_t capacity, int32_t n_slots);

/* Sets the length of an n-gram, 1 or more; the history is empty. */
void pk_ngrams_begin(history *h, int32_t ngram);

/* Called by pk_history_clear. */
void pk_ngrams_clear(history *h);

/* Called by pk_history_push and pk_history_pop, after a token was added, and before one is removed.
 * They add the n-gram that ends with the newest token, or remove it; add the one that begins with the
 * oldest token, or remove it. Nothing happens if the history is shorter than an n-gram. */
void pk_ngrams_add_newest(history *h);
void pk_ngrams_drop_newest(history *h);
void pk_ngrams_add_oldest(history *h);
void pk_ngrams_drop_oldest(history *h);

/* Writes the tokens that followed the last size - 1 tokens before, each once, in no particular
 * order; returns how many. tokens has room for the history's capacity. */
int32_t pk_ngrams_following(const history *h, int32_t *tokens);

#endif /* PLUCK_NGRAMS_H */
