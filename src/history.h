/*
 * history.h: the last n accepted tokens, and what stages need to know of them.
 *
 * A history is a ring of capacity `last_n`, the distinct tokens with their counts, and a hash table
 * that finds a token among the distinct ones: its place. The table has a few slots for each
 * distinct token, not for each token that the ring has room for. So ten tokens in a window of a
 * million stay in the first-level cache, and clearing takes no time. There are three kinds:
 *
 * HISTORY_COUNTS: the places in use are 0 to n_distinct - 1, so that they can be walked. If the
 * ring can hold so many tokens that it is better to walk the vocabulary instead, the counts are
 * also kept by token.
 *
 * HISTORY_REPEATS: a distinct token keeps its place as long as it is in the history. For each token
 * of the ring its place is stored. Further arrays are for dry_repeats.c, which finds what repeats
 * the end of the history.
 *
 * HISTORY_NGRAMS: instead of the distinct tokens the n-grams of the ring are kept (ngrams.h).
 *
 * The memory comes from the sampler (pk_history_size bytes, need not be zero). It contains no
 * pointers, so a history is copied with memcpy.
 */
#ifndef PLUCK_HISTORY_H
#define PLUCK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum history_kind { HISTORY_COUNTS, HISTORY_REPEATS, HISTORY_NGRAMS } history_kind;

typedef struct history {
    history_kind kind;
    int32_t capacity;   /* last_n, at least 1 */
    int32_t size;       /* tokens held */
    int32_t first;      /* ring index of the oldest */
    int32_t n_distinct; /* distinct tokens held; HISTORY_NGRAMS: distinct n-grams */
    int32_t n_places;   /* places that are or were in use; HISTORY_COUNTS: n_distinct */
    int32_t free_place; /* the first free place; -1: none. HISTORY_COUNTS: -1 */
    /* HISTORY_NGRAMS: tokens of an n-gram; and of the hash its value before the oldest token, what it
     * is multiplied by for each token, the inverse of that, and its power for the first ngram - 1 */
    int32_t ngram;
    uint32_t base, factor, inverse, power;
    int32_t slot_bits; /* the table uses 2^slot_bits slots */
    int32_t n_slots;   /* slots that there is memory for */
    int32_t n_vocab;   /* HISTORY_COUNTS: the tokens whose counts are also kept by token; or 0 */
    uint32_t salt;     /* of the hash */
    int32_t n_lags;    /* HISTORY_REPEATS: size when the lags were last brought up to date */
    int32_t n_new;     /* HISTORY_REPEATS: tokens pushed since then, up to capacity */
    /* Followed by arrays of `capacity` int32 and one of n_slots; see the functions below. */
} history;

/* The size in bytes of a history of tokens below n_vocab; 0: of any tokens, whose counts are not kept
 * by token. */
size_t pk_history_size(int32_t capacity, history_kind kind, int32_t n_vocab);

/* Makes an empty history in memory of pk_history_size bytes, aligned for int32_t. */
void pk_history_init(history *h, int32_t capacity, history_kind kind, int32_t n_vocab);

/* HISTORY_NGRAMS: sets the length of an n-gram, 1 or more, of a history that is empty. */
void pk_history_set_ngram(history *h, int32_t ngram);

void pk_history_clear(history *h);
void pk_history_push(history *h, int32_t token);

/* Takes back the last push, by which `dropped` left the history; -1: it was not full. */
void pk_history_pop(history *h, int32_t dropped);

/* The token `back` places from the end: 0 is the last one pushed; back < size. */
int32_t pk_history_back(const history *h, int32_t back);

/* Writes the last n tokens, oldest first; n <= size. */
void pk_history_recent(const history *h, int32_t n, int32_t *tokens);

/* Writes the last n tokens, newest first; n <= size. */
void pk_history_reversed(const history *h, int32_t n, int32_t *tokens);

/* The place of token among the distinct ones, or -1. */
int32_t pk_history_place(const history *h, int32_t token);

/* How often token is in the history. */
int32_t pk_history_count(const history *h, int32_t token);

/* HISTORY_COUNTS: writes the distinct tokens, ascending, and their counts; both arrays have room
 * for n_distinct. Takes linear time. */
void pk_history_ascending(const history *h, int32_t *tokens, int32_t *counts);

/* Whether the distinct tokens are so many that it is better to walk the vocabulary, with the counts by
 * token, than the distinct tokens. */
bool pk_history_is_dense(const history *h);

/* The ring index of the token that comes `after` places after the oldest; -1 <= after <=
 * capacity. */
static inline int32_t history_index(const history *h, int32_t after) {
    const int32_t at = h->first + after;
    return at >= h->capacity ? at - h->capacity : at < 0 ? at + h->capacity : at;
}

static inline int32_t *history_ring(const history *h) {
    return (int32_t *)(uintptr_t)(h + 1);
}

/* By place: the distinct tokens, in any order; HISTORY_REPEATS: -1 at a free place. Valid until the
 * next push or clear. */
static inline int32_t *history_tokens(const history *h) {
    return history_ring(h) + h->capacity;
}

/* By place: how often each token occurs; HISTORY_REPEATS: at a free place, the next free one. */
static inline int32_t *history_counts(const history *h) {
    return history_tokens(h) + h->capacity;
}

/* The hash table: places; -1 in a free slot. */
static inline int32_t *history_slots(const history *h) {
    return history_counts(h) + h->capacity;
}

/* HISTORY_COUNTS, by token: how often it occurs; NULL if that is not kept. Behind the vocabulary
 * there is room for as many more as a group has. */
static inline int32_t *history_by_token(const history *h) {
    return h->n_vocab > 0 ? history_slots(h) + h->n_slots : NULL;
}

/* HISTORY_REPEATS, by ring index: the place of the token there. */
static inline int32_t *history_places(const history *h) {
    return history_slots(h) + h->n_slots;
}

/* HISTORY_REPEATS, by lag, a distance from the end: the number of tokens for which the history
 * reads the same backwards from there as from the end. */
static inline int32_t *history_lags(const history *h) {
    return history_places(h) + h->capacity;
}

/* HISTORY_REPEATS, by place: -1 between calls, or INT32_MAX for a token that is never noted. */
static inline int32_t *history_longest(const history *h) {
    return history_lags(h) + h->capacity;
}

#endif /* PLUCK_HISTORY_H */
