/* history.c: see history.h. Deletion closes gaps (Knuth 6.4, algorithm R), so the table never ages.
 */
#include "history.h"

#include <string.h>

static int32_t *ring(history *h) {
    return (int32_t *)(h + 1);
}

static const int32_t *ring_const(const history *h) {
    return (const int32_t *)(h + 1);
}

static history_slot *slots(history *h) {
    return (history_slot *)(ring(h) + h->capacity);
}

static const history_slot *slots_const(const history *h) {
    return (const history_slot *)(ring_const(h) + h->capacity);
}

static int32_t slots_for(int32_t capacity) {
    int32_t n = 8;
    while (n < 2 * (capacity + 1)) n *= 2;
    return n;
}

size_t history_size(int32_t capacity, bool counted) {
    return sizeof(history) + (size_t)capacity * sizeof(int32_t) +
           (counted ? (size_t)slots_for(capacity) * sizeof(history_slot) : 0);
}

void history_init(history *h, int32_t capacity, bool counted) {
    h->capacity = capacity;
    h->n_slots = counted ? slots_for(capacity) : 0;
    history_clear(h);
}

void history_clear(history *h) {
    h->size = h->first = h->n_distinct = 0;
    /* All bytes 0xff: token -1, free. */
    memset(slots(h), 0xff, (size_t)h->n_slots * sizeof(history_slot));
}

static int32_t home_of(const history *h, int32_t token) {
    return (int32_t)((uint32_t)token * 2654435769u >> 7) & (h->n_slots - 1);
}

/* The slot that holds token, or the free one where it would go. */
static int32_t find(const history *h, int32_t token) {
    const history_slot *slot = slots_const(h);
    int32_t i = home_of(h, token);
    while (slot[i].token != -1 && slot[i].token != token) i = (i + 1) & (h->n_slots - 1);
    return i;
}

static void count_up(history *h, int32_t token) {
    history_slot *slot = &slots(h)[find(h, token)];
    if (slot->token == -1) {
        *slot = (history_slot){token, 0};
        h->n_distinct++;
    }
    slot->count++;
}

static void count_down(history *h, int32_t token) {
    history_slot *slot = slots(h);
    const int32_t mask = h->n_slots - 1;
    int32_t hole = find(h, token);
    if (--slot[hole].count > 0) return;
    h->n_distinct--;
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

void history_push(history *h, int32_t token) {
    if (h->n_slots) count_up(h, token);
    if (h->size < h->capacity) {
        const int32_t at = h->first + h->size;
        ring(h)[at < h->capacity ? at : at - h->capacity] = token;
        h->size++;
        return;
    }
    const int32_t oldest = ring(h)[h->first];
    ring(h)[h->first] = token;
    h->first = h->first + 1 < h->capacity ? h->first + 1 : 0;
    if (h->n_slots) count_down(h, oldest);
}

int32_t history_back(const history *h, int32_t back) {
    const int32_t at = h->first + h->size - 1 - back;
    return ring_const(h)[at < h->capacity ? at : at - h->capacity];
}

int32_t history_count(const history *h, int32_t token) {
    const history_slot *slot = &slots_const(h)[find(h, token)];
    return slot->token == -1 ? 0 : slot->count;
}

void history_unordered(const history *h, int32_t *tokens, int32_t *counts) {
    const history_slot *slot = slots_const(h);
    int32_t n = 0;
    /* No branch on what a slot holds: it would be mispredicted every other time. */
    for (int32_t i = 0; n < h->n_distinct; i++) {
        tokens[n] = slot[i].token;
        counts[n] = slot[i].count;
        n += slot[i].token != -1;
    }
}

void history_distinct(const history *h, int32_t *tokens, int32_t *counts) {
    history_unordered(h, tokens, counts);
    const int32_t n = h->n_distinct;
    /* Shell's sort with Ciura's gaps, continued by a factor of 9/4 for long histories. */
    int32_t gaps[24] = {1, 4, 10, 23, 57, 132, 301, 701};
    int32_t n_gaps = 8;
    while (gaps[n_gaps - 1] < n / 3 && n_gaps < 24) {
        gaps[n_gaps] = gaps[n_gaps - 1] / 4 * 9;
        n_gaps++;
    }
    for (int32_t k = n_gaps - 1; k >= 0; k--)
        for (int32_t i = gaps[k]; i < n; i++) {
            const history_slot moved = {tokens[i], counts[i]};
            int32_t at = i;
            for (; at >= gaps[k] && tokens[at - gaps[k]] > moved.token; at -= gaps[k]) {
                tokens[at] = tokens[at - gaps[k]];
                counts[at] = counts[at - gaps[k]];
            }
            tokens[at] = moved.token;
            counts[at] = moved.count;
        }
}
