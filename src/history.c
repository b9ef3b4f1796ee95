/*
 * history.c: see history.h.
 *
 * The table uses open addressing with linear probing. A deletion closes the gap (Knuth 6.4,
 * algorithm R), so deletions do not slow it down. It doubles when it gets too full, within memory
 * that is reserved for a full ring.
 */
#include "arithmetic.h"

#include "history.h"

#include <string.h>

#include "common.h"
#include "contract.h"
#include "hash.h"
#include "ngrams.h"
#include "pluck.h"
#include "radix.h"

enum { MIN_SLOT_BITS = 4 };

/* The least number of slots for each token. Edits of a list look up the counts of many tokens that
 * are not in the history; if at most a quarter of the slots is taken, most of these lookups end at
 * the first slot. */
static int32_t spread_of(history_kind kind) {
    return kind == HISTORY_COUNTS ? 4 : 2;
}

/* The number of slots for a full ring. */
static int32_t slots_for(int32_t capacity, history_kind kind) {
    int32_t n = 1 << MIN_SLOT_BITS;
    while (n < spread_of(kind) * capacity) n *= 2;
    return n;
}

/* To walk the vocabulary costs about as much as to find one token in so many. */
enum { DENSE = 10 };

/* Whether the tokens in the ring can be so many that counts are kept by token, too. */
static bool keeps_by_token(int32_t capacity, history_kind kind, int32_t n_vocab) {
    return kind == HISTORY_COUNTS && n_vocab > 0 && capacity >= n_vocab / DENSE;
}

bool pk_history_is_dense(const history *h) {
    return h->n_vocab > 0 && h->n_distinct > h->n_vocab / DENSE;
}

size_t pk_history_size(int32_t capacity, history_kind kind, int32_t n_vocab) {
    if (kind == HISTORY_NGRAMS) {
        const size_t n = (size_t)capacity + pk_ngrams_ints(capacity, slots_for(capacity, kind));
        return sizeof(history) + n * sizeof(int32_t);
    }
    const size_t n_arrays = kind == HISTORY_REPEATS ? 6 : 3;
    const size_t by_token = keeps_by_token(capacity, kind, n_vocab) ? (size_t)n_vocab + GROUP : 0;
    return sizeof(history) +
           (n_arrays * (size_t)capacity + (size_t)slots_for(capacity, kind) + by_token) *
               sizeof(int32_t);
}

/* Makes 2^slot_bits slots the table, all of them free. */
static void free_slots(history *h, int32_t slot_bits) {
    h->slot_bits = slot_bits;
    memset(history_slots(h), 0xff, sizeof(int32_t) << slot_bits); /* -1 */
}

void pk_history_init(history *h, int32_t capacity, history_kind kind, int32_t n_vocab) {
    PLUCK_ASSERT(capacity >= 1 && capacity <= PLUCK_MAX_LAST_N);
    *h = (history){.kind = kind,
                   .capacity = capacity,
                   .n_slots = slots_for(capacity, kind),
                   .n_vocab = keeps_by_token(capacity, kind, n_vocab) ? n_vocab : 0,
                   .salt = salt_of(h)};
    if (h->n_vocab > 0)
        memset(history_by_token(h), 0, ((size_t)h->n_vocab + GROUP) * sizeof(int32_t));
    pk_history_clear(h);
}

void pk_history_set_ngram(history *h, int32_t ngram) {
    pk_ngrams_begin(h, ngram);
}

void pk_history_clear(history *h) {
    for (int32_t place = 0; h->n_vocab > 0 && place < h->n_distinct; place++)
        history_by_token(h)[history_tokens(h)[place]] = 0;
    h->size = h->first = h->n_distinct = h->n_places = h->n_lags = h->n_new = 0;
    h->free_place = -1;
    if (h->kind == HISTORY_NGRAMS)
        pk_ngrams_clear(h);
    else
        free_slots(h, MIN_SLOT_BITS);
}

static int32_t home_of(const history *h, int32_t token) {
    return (int32_t)(hash_token(token, h->salt) >> (32 - h->slot_bits));
}

/* The slot of a token, or the free slot where it belongs. */
static int32_t find(const history *h, int32_t token) {
    const int32_t *slots = history_slots(h), *tokens = history_tokens(h);
    const int32_t mask = (1 << h->slot_bits) - 1;
    int32_t i = home_of(h, token);
    while (slots[i] != -1 && tokens[slots[i]] != token) i = (i + 1) & mask;
    return i;
}

/* Doubles the table. */
static void grow(history *h) {
    PLUCK_ASSERT(2 << h->slot_bits <= h->n_slots);
    free_slots(h, h->slot_bits + 1);
    for (int32_t place = 0; place < h->n_places; place++) {
        const int32_t token = history_tokens(h)[place];
        if (token != -1) history_slots(h)[find(h, token)] = place;
    }
}

/* Takes a place for a token that is not in the history yet. */
static int32_t take_place(history *h) {
    int32_t place = h->free_place;
    if (place == -1)
        place = h->n_places++;
    else
        h->free_place = history_counts(h)[place];
    PLUCK_ASSERT(place >= 0 && place < h->capacity && h->n_places <= h->capacity);
    if (h->kind == HISTORY_REPEATS) history_longest(h)[place] = -1;
    return place;
}

/* Adds one to the count of a token; returns its place. */
static int32_t count_up(history *h, int32_t token) {
    PLUCK_ASSERT(h->n_vocab == 0 || token < h->n_vocab);
    if (h->n_vocab > 0) history_by_token(h)[token]++;
    int32_t i = find(h, token);
    if (history_slots(h)[i] != -1) {
        const int32_t place = history_slots(h)[i];
        history_counts(h)[place]++;
        return place;
    }
    if (spread_of(h->kind) * (h->n_distinct + 1) > 1 << h->slot_bits) {
        grow(h);
        i = find(h, token);
    }
    const int32_t place = take_place(h);
    history_slots(h)[i] = place;
    history_tokens(h)[place] = token;
    history_counts(h)[place] = 1;
    h->n_distinct++;
    return place;
}

/* Frees slot number `hole`, and moves later entries that would no longer be found. */
static void close_gap(history *h, int32_t hole) {
    int32_t *slots = history_slots(h);
    const int32_t mask = (1 << h->slot_bits) - 1;
    for (int32_t i = (hole + 1) & mask; slots[i] != -1; i = (i + 1) & mask) {
        const int32_t home = home_of(h, history_tokens(h)[slots[i]]);
        /* Entry i may fill the hole if its home is not cyclically in (hole, i]. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            slots[hole] = slots[i];
            hole = i;
        }
    }
    slots[hole] = -1;
}

/* Frees a place. HISTORY_COUNTS: the last token moves to it. */
static void leave_place(history *h, int32_t place) {
    int32_t *tokens = history_tokens(h), *counts = history_counts(h);
    if (h->kind == HISTORY_REPEATS) {
        tokens[place] = -1;
        counts[place] = h->free_place;
        h->free_place = place;
        return;
    }
    const int32_t last = --h->n_places;
    if (place == last) return;
    PLUCK_ASSERT(history_slots(h)[find(h, tokens[last])] == last);
    history_slots(h)[find(h, tokens[last])] = place;
    tokens[place] = tokens[last];
    counts[place] = counts[last];
}

static void count_down(history *h, int32_t token) {
    if (h->n_vocab > 0) history_by_token(h)[token]--;
    const int32_t i = find(h, token);
    const int32_t place = history_slots(h)[i];
    PLUCK_ASSERT(h->n_places < 1 << h->slot_bits); /* every search needs a free slot to end */
    PLUCK_ASSERT(place >= 0 && history_counts(h)[place] > 0);
    if (--history_counts(h)[place] > 0) return;
    close_gap(h, i);
    leave_place(h, place);
    h->n_distinct--;
}

/* pk_history_push and pk_history_pop of a history that keeps n-grams. */
static void push_ngram(history *h, int32_t token) {
    if (h->size == h->capacity) {
        pk_ngrams_drop_oldest(h);
        history_ring(h)[h->first] = token;
        h->first = history_index(h, 1);
    } else {
        history_ring(h)[history_index(h, h->size++)] = token;
    }
    pk_ngrams_add_newest(h);
}

static void pop_ngram(history *h, int32_t dropped) {
    pk_ngrams_drop_newest(h);
    if (dropped == -1) {
        h->size--;
        return;
    }
    h->first = history_index(h, -1);
    history_ring(h)[h->first] = dropped;
    pk_ngrams_add_oldest(h);
}

void pk_history_push(history *h, int32_t token) {
    PLUCK_ASSERT(token >= 0 && h->size >= 0 && h->size <= h->capacity);
    PLUCK_ASSERT(h->first >= 0 && h->first < h->capacity);
    if (h->kind == HISTORY_NGRAMS) {
        push_ngram(h, token);
        return;
    }
    if (h->n_new < h->capacity) h->n_new++;
    int32_t at = h->first;
    if (h->size < h->capacity) {
        at = history_index(h, h->size++);
    } else {
        const int32_t oldest = history_ring(h)[at];
        h->first = history_index(h, 1);
        if (oldest == token) return;
        count_down(h, oldest);
    }
    history_ring(h)[at] = token;
    const int32_t place = count_up(h, token);
    PLUCK_ASSERT(h->n_distinct <= h->size && h->n_distinct <= h->n_places);
    PLUCK_ASSERT(h->kind == HISTORY_REPEATS || h->n_distinct == h->n_places);
    PLUCK_ASSERT(history_tokens(h)[place] == token && history_slots(h)[find(h, token)] == place);
    if (h->kind == HISTORY_REPEATS) history_places(h)[at] = place;
}

void pk_history_pop(history *h, int32_t dropped) {
    PLUCK_ASSERT(h->size > 0 && (dropped == -1 || h->size == h->capacity));
    if (h->kind == HISTORY_NGRAMS) {
        pop_ngram(h, dropped);
        return;
    }
    const int32_t at = history_index(h, h->size - 1);
    const int32_t newest = history_ring(h)[at];
    /* Lags that know of the token are of no use any more, nor are marks of a token that comes back. */
    if (h->n_new == 0 || dropped != -1) h->n_new = h->capacity;
    if (h->n_new < h->capacity) h->n_new--;
    if (dropped == -1)
        h->size--;
    else
        h->first = at;
    if (newest == dropped) return;
    count_down(h, newest);
    if (dropped == -1) return;
    history_ring(h)[at] = dropped;
    const int32_t place = count_up(h, dropped);
    if (h->kind == HISTORY_REPEATS) history_places(h)[at] = place;
}

int32_t pk_history_back(const history *h, int32_t back) {
    PLUCK_ASSERT(back >= 0 && back < h->size);
    return history_ring(h)[history_index(h, h->size - 1 - back)];
}

void pk_history_recent(const history *h, int32_t n, int32_t *tokens) {
    PLUCK_ASSERT(n >= 0 && n <= h->size);
    const int32_t from = history_index(h, h->size - n);
    const int32_t before = h->capacity - from < n ? h->capacity - from : n;
    memcpy(tokens, history_ring(h) + from, (size_t)before * sizeof *tokens);
    memcpy(tokens + before, history_ring(h), (size_t)(n - before) * sizeof *tokens);
}

/* to[0], to[1], ... = last[0], last[-1], ... */
static void copy_reversed(const int32_t *restrict last, int32_t n, int32_t *restrict to) {
    for (ptrdiff_t i = 0; i < n; i++) to[i] = last[-i];
}

void pk_history_reversed(const history *h, int32_t n, int32_t *tokens) {
    PLUCK_ASSERT(n >= 0 && n <= h->size);
    const int32_t at = history_index(h, h->size - 1);
    const int32_t before = at + 1 < n ? at + 1 : n; /* those before the ring wraps */
    copy_reversed(history_ring(h) + at, before, tokens);
    copy_reversed(history_ring(h) + h->capacity - 1, n - before, tokens + before);
}

int32_t pk_history_place(const history *h, int32_t token) {
    return history_slots(h)[find(h, token)];
}

int32_t pk_history_count(const history *h, int32_t token) {
    const int32_t place = pk_history_place(h, token);
    return place == -1 ? 0 : history_counts(h)[place];
}

void pk_history_ascending(const history *h, int32_t *tokens, int32_t *counts) {
    PLUCK_ASSERT(h->kind == HISTORY_COUNTS);
    const size_t n = (size_t)h->n_distinct;
    memcpy(tokens, history_tokens(h), n * sizeof *tokens);
    pk_radix_sort(tokens, NULL, h->n_distinct, counts);
    const int32_t *by_token = history_by_token(h);
    for (size_t i = 0; i < n; i++)
        counts[i] = by_token ? by_token[tokens[i]] : pk_history_count(h, tokens[i]);
}
