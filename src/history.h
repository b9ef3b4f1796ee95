/*
 * history.h: the last n accepted tokens, and how often each stands among them.
 *
 * A ring of capacity `last_n` and, where counts are wanted, an open-addressing table of at least
 * twice as many slots: a push costs a few cache lines whatever the vocabulary, and the distinct
 * tokens can be walked. Memory comes from the sampler (history_size bytes), so the whole is copied
 * by memcpy.
 */
#ifndef PLUCK_HISTORY_H
#define PLUCK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "private_names.h"

typedef struct history_slot {
    int32_t token; /* -1: free */
    int32_t count;
} history_slot;

typedef struct history {
    int32_t capacity; /* last_n, at least 1 */
    int32_t size;     /* tokens held */
    int32_t first;    /* ring index of the oldest */
    int32_t n_slots;  /* power of two; 0 without counts */
    int32_t n_distinct;
    /* Followed by capacity tokens, then n_slots slots. */
} history;

size_t history_size(int32_t capacity, bool counted);
void history_init(history *h, int32_t capacity, bool counted);
void history_clear(history *h);
void history_push(history *h, int32_t token);

/* The token `back` places from the end: 0 is the last one pushed; back < size. */
int32_t history_back(const history *h, int32_t back);

/* The last n tokens, oldest first; n <= size. In two pieces where they reach past the ring's end.
 */
static inline void history_recent(const history *h, int32_t n, int32_t *tokens) {
    const int32_t *ring = (const int32_t *)(h + 1);
    int32_t from = h->first + h->size - n;
    if (from >= h->capacity) from -= h->capacity;
    const int32_t before = h->capacity - from < n ? h->capacity - from : n;
    memcpy(tokens, ring + from, (size_t)before * sizeof *tokens);
    memcpy(tokens + before, ring, (size_t)(n - before) * sizeof *tokens);
}

/* How often token stands in the history; with counts only. */
int32_t history_count(const history *h, int32_t token);

/* Writes the distinct tokens, in any order, and their counts; room for n_distinct of each. */
void history_unordered(const history *h, int32_t *tokens, int32_t *counts);

/* The same, ascending. */
void history_distinct(const history *h, int32_t *tokens, int32_t *counts);

#endif /* PLUCK_HISTORY_H */
