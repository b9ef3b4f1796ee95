/*
 * history.h: the last n accepted tokens, and what a stage wants to know of them.
 *
 * A ring of capacity `last_n`, and one of two things beside it:
 *
 * Counts: the distinct tokens and how often each occurs, in two dense arrays to be walked, and a
 * hash table from a token to its place in them. The table has two to four slots for each distinct
 * token, not for each token that the ring could hold: ten tokens in a window of a million stay in
 * the first-level cache, and clearing costs nothing.
 *
 * Lags: for each distance from the end the number of tokens for which the history reads the same
 * backwards from there as from the end.
 *
 * The memory comes from the sampler (pk_history_size bytes, no need to zero it); it holds no
 * pointers, so the whole is copied by memcpy.
 */
#ifndef PLUCK_HISTORY_H
#define PLUCK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum history_kind { HISTORY_COUNTS, HISTORY_LAGS } history_kind;

typedef struct history {
    history_kind kind;
    int32_t capacity;   /* last_n, at least 1 */
    int32_t size;       /* tokens held */
    int32_t first;      /* ring index of the oldest */
    int32_t n_distinct; /* counts: how many of them */
    int32_t slot_bits;  /* counts: the table has 2^slot_bits slots */
    uint32_t salt;      /* counts: of the hash */
    int32_t n_lags;     /* lags: size when they were last brought up to date */
    int32_t n_new;      /* lags: tokens pushed since then, up to capacity */
    /* Followed by the ring; then distinct tokens, their counts, and the slots; or the lags. */
} history;

/* Bytes of a history. */
size_t pk_history_size(int32_t capacity, history_kind kind);

/* Makes an empty history of memory of pk_history_size bytes, aligned for int32_t. */
void pk_history_init(history *h, int32_t capacity, history_kind kind);

void pk_history_clear(history *h);
void pk_history_push(history *h, int32_t token);

/* The token `back` places from the end: 0 is the last one pushed; back < size. */
int32_t pk_history_back(const history *h, int32_t back);

/* Writes the last n tokens, oldest first; n <= size. */
void pk_history_recent(const history *h, int32_t n, int32_t *tokens);

/* Writes all tokens, newest first. */
void pk_history_reversed(const history *h, int32_t *tokens);

/* Counts: how often token is in the history. */
int32_t pk_history_count(const history *h, int32_t token);

/* Counts: the n_distinct tokens, in any order, and how often each occurs. Valid until the
 * next push or clear. */
static inline const int32_t *pk_history_tokens(const history *h) {
    return (const int32_t *)(h + 1) + h->capacity;
}

static inline const int32_t *pk_history_counts(const history *h) {
    return pk_history_tokens(h) + h->capacity;
}

/* Counts: writes the distinct tokens, ascending, and their counts; room for n_distinct of
 * each. Takes linear time. */
void pk_history_ascending(const history *h, int32_t *tokens, int32_t *counts);

/*
 * Lags: brought up to date and returned. [i], 0 < i < size, says for how many tokens the history
 * reads the same backwards from `i` places before the end as from the end; where that is more than
 * the size - i that there are, size - i is meant. Costs a fraction of a nanosecond for each token
 * held and each one pushed since the last call, at most what pk_suffix_lengths costs. reversed: what
 * pk_history_reversed writes. Valid until the next push or clear.
 */
const int32_t *pk_history_lags(history *h, const int32_t *reversed);

#endif /* PLUCK_HISTORY_H */
