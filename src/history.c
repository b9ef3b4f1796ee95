/*
 * history.c: see history.h.
 *
 * Counts. The table is open-addressed with linear probing, and a deletion closes the gap (Knuth 6.4,
 * algorithm R), so it never ages. It doubles when it is half full, within memory that is reserved
 * for the full ring.
 *
 * Lags. When a token t is pushed, the history reads the same from lag i as from the end for one
 * token more than it did before, if the token at lag i is t, and for none if it is not. One pass
 * without a branch brings all lags up to date, whatever the history holds. After many tokens, such
 * as a prompt, they are computed anew.
 */
#include "history.h"

#include <string.h>

#include "hash.h"
#include "radix.h"
#include "suffixes.h"

typedef struct history_slot {
    int32_t token; /* -1: free */
    int32_t place; /* of the token among the distinct ones */
} history_slot;

enum { MIN_SLOT_BITS = 4, MAX_PASSES = 8 };

static int32_t *ring(history *h) {
    return (int32_t *)(h + 1);
}

static const int32_t *ring_const(const history *h) {
    return (const int32_t *)(h + 1);
}

static int32_t *distinct(history *h) {
    return ring(h) + h->capacity;
}

static int32_t *counts_of(history *h) {
    return distinct(h) + h->capacity;
}

static history_slot *slots(history *h) {
    return (history_slot *)(counts_of(h) + h->capacity);
}

static const history_slot *slots_const(const history *h) {
    return (const history_slot *)(pk_history_counts(h) + h->capacity);
}

/* The slots of a full ring: at least twice its tokens. */
static size_t most_slots(int32_t capacity) {
    size_t n = (size_t)1 << MIN_SLOT_BITS;
    while (n < 2 * (size_t)capacity) n *= 2;
    return n;
}

size_t pk_history_size(int32_t capacity, history_kind kind) {
    const size_t n = (size_t)capacity;
    const size_t head = sizeof(history) + n * sizeof(int32_t);
    return kind == HISTORY_LAGS
               ? head + n * sizeof(int32_t)
               : head + 2 * n * sizeof(int32_t) + most_slots(capacity) * sizeof(history_slot);
}

/* Makes all of 2^slot_bits slots free. */
static void free_slots(history *h, int32_t slot_bits) {
    h->slot_bits = slot_bits;
    /* All bytes 0xff: token -1. */
    memset(slots(h), 0xff, sizeof(history_slot) << slot_bits);
}

void pk_history_init(history *h, int32_t capacity, history_kind kind) {
    *h = (history){.kind = kind, .capacity = capacity, .salt = salt_of(h)};
    pk_history_clear(h);
}

void pk_history_clear(history *h) {
    h->size = h->first = h->n_distinct = h->n_lags = h->n_new = 0;
    if (h->kind == HISTORY_COUNTS) free_slots(h, MIN_SLOT_BITS);
}

static int32_t home_of(const history *h, int32_t token) {
    return (int32_t)(hash_token(token, h->salt) >> (32 - h->slot_bits));
}

/* The slot that holds token, or the free one where it would go. */
static int32_t find(const history *h, int32_t token) {
    const history_slot *slot = slots_const(h);
    const int32_t mask = (1 << h->slot_bits) - 1;
    int32_t i = home_of(h, token);
    while (slot[i].token != -1 && slot[i].token != token) i = (i + 1) & mask;
    return i;
}

/* Doubles the table. */
static void grow(history *h) {
    free_slots(h, h->slot_bits + 1);
    for (int32_t place = 0; place < h->n_distinct; place++) {
        const int32_t token = distinct(h)[place];
        slots(h)[find(h, token)] = (history_slot){token, place};
    }
}

static void count_up(history *h, int32_t token) {
    int32_t i = find(h, token);
    if (slots(h)[i].token == token) {
        counts_of(h)[slots(h)[i].place]++;
        return;
    }
    const int32_t place = h->n_distinct;
    if (2 * (place + 1) > 1 << h->slot_bits) {
        grow(h);
        i = find(h, token);
    }
    slots(h)[i] = (history_slot){token, place};
    distinct(h)[place] = token;
    counts_of(h)[place] = 1;
    h->n_distinct++;
}

/* Frees slot number `hole`, and moves later ones up that would no longer be found. */
static void close_gap(history *h, int32_t hole) {
    history_slot *slot = slots(h);
    const int32_t mask = (1 << h->slot_bits) - 1;
    for (int32_t i = (hole + 1) & mask; slot[i].token != -1; i = (i + 1) & mask) {
        const int32_t home = home_of(h, slot[i].token);
        /* Entry i may fill the hole if its home is not cyclically in (hole, i]. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            slot[hole] = slot[i];
            hole = i;
        }
    }
    slot[hole].token = -1;
}

static void count_down(history *h, int32_t token) {
    const int32_t i = find(h, token);
    const int32_t place = slots(h)[i].place;
    if (--counts_of(h)[place] > 0) return;
    const int32_t last = --h->n_distinct;
    if (place != last) { /* the last one takes its place */
        const int32_t moved = distinct(h)[last];
        slots(h)[find(h, moved)].place = place;
        distinct(h)[place] = moved;
        counts_of(h)[place] = counts_of(h)[last];
    }
    close_gap(h, i);
}

/* Ring index of the token that comes `after` places after the oldest; after <= capacity. */
static int32_t ring_index(const history *h, int32_t after) {
    const int32_t at = h->first + after;
    return at < h->capacity ? at : at - h->capacity;
}

void pk_history_push(history *h, int32_t token) {
    if (h->n_new < h->capacity) h->n_new++;
    if (h->size < h->capacity) {
        ring(h)[ring_index(h, h->size++)] = token;
        if (h->kind == HISTORY_COUNTS) count_up(h, token);
        return;
    }
    const int32_t oldest = ring(h)[h->first];
    ring(h)[h->first] = token;
    h->first = ring_index(h, 1);
    if (h->kind != HISTORY_COUNTS || oldest == token) return;
    count_down(h, oldest);
    count_up(h, token);
}

int32_t pk_history_back(const history *h, int32_t back) {
    return ring_const(h)[ring_index(h, h->size - 1 - back)];
}

void pk_history_recent(const history *h, int32_t n, int32_t *tokens) {
    const int32_t from = ring_index(h, h->size - n);
    const int32_t before = h->capacity - from < n ? h->capacity - from : n;
    memcpy(tokens, ring_const(h) + from, (size_t)before * sizeof *tokens);
    memcpy(tokens + before, ring_const(h), (size_t)(n - before) * sizeof *tokens);
}

void pk_history_reversed(const history *h, int32_t *tokens) {
    const int32_t *end = ring_const(h) + ring_index(h, h->size);
    const int32_t wrapped = h->first + h->size - h->capacity; /* tokens at the ring's beginning */
    const int32_t n = wrapped > 0 ? wrapped : 0;
    for (ptrdiff_t i = 0; i < n; i++) tokens[i] = end[-1 - i];
    end = ring_const(h) + (n > 0 ? h->capacity : h->first + h->size);
    for (ptrdiff_t i = 0; i < h->size - n; i++) tokens[n + i] = end[-1 - i];
}

int32_t pk_history_count(const history *h, int32_t token) {
    const history_slot slot = slots_const(h)[find(h, token)];
    return slot.token == -1 ? 0 : pk_history_counts(h)[slot.place];
}

void pk_history_ascending(const history *h, int32_t *tokens, int32_t *counts) {
    const size_t n = (size_t)h->n_distinct;
    memcpy(tokens, pk_history_tokens(h), n * sizeof *tokens);
    pk_radix_sort(tokens, NULL, h->n_distinct, counts);
    for (size_t i = 0; i < n; i++) counts[i] = pk_history_count(h, tokens[i]);
}

/* One pass over the n lags whose tokens are newest[0], newest[-1], ... */
static void extend_lags(const int32_t *restrict newest, int32_t n, int32_t token, int32_t most,
                        int32_t *restrict lags) {
    for (ptrdiff_t i = 0; i < n; i++) {
        const int32_t same = -(newest[-i] == token);
        lags[i] = (lags[i] + (lags[i] < most)) & same;
    }
}

/* Brings the lags from before the token `back` places from the end to after it. Of tokens that have
 * left the ring since then nothing is needed: what could reach them is more than size - i. */
static void pass_lags(history *h, int32_t back, int32_t *lags) {
    const int32_t token = pk_history_back(h, back);
    const int32_t n = h->size - 1 - back; /* lags 1 to n */
    const int32_t at = ring_index(h, h->size - 2 - back);
    const int32_t before = at + 1 < n ? at + 1 : n; /* up to the ring's beginning */
    extend_lags(ring(h) + at, before, token, h->capacity, lags + 1);
    extend_lags(ring(h) + h->capacity - 1, n - before, token, h->capacity, lags + 1 + before);
}

const int32_t *pk_history_lags(history *h, const int32_t *reversed) {
    int32_t *lags = ring(h) + h->capacity;
    if (h->n_new > MAX_PASSES || h->n_new >= h->size) {
        pk_suffix_lengths(reversed, h->size, lags);
    } else {
        for (int32_t i = h->n_lags; i < h->size; i++) lags[i] = 0;
        for (int32_t back = h->n_new; back-- > 0;) pass_lags(h, back, lags);
    }
    h->n_lags = h->size;
    h->n_new = 0;
    return lags;
}
