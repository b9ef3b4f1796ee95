/*
 * biases.c: sorts biases by token and adds up those of the same token.
 *
 * Sorts in place by the bits of the token, from the highest down (MSD radix exchange). The time is
 * at most n times the number of bits in which tokens differ.
 */
#include "arithmetic.h"

#include <math.h>
#include <stdbool.h>

#include "fpenv.h"
#include "pluck_blocks.h"

enum { FEW = 16, BITS = 32 };

/* A part of the list that must still be sorted, by this bit of its tokens and those below. */
typedef struct part {
    int32_t first, end;
    int32_t bit; /* -1: all tokens are equal */
} part;

/* A token as an unsigned number with the same order. */
static uint32_t key_of(pluck_logit_bias b) {
    return (uint32_t)b.token ^ 0x80000000u;
}

static void insertion_sort(pluck_logit_bias *b, int32_t first, int32_t end) {
    for (int32_t i = first + 1; i < end; i++) {
        const pluck_logit_bias moved = b[i];
        int32_t at = i;
        for (; at > first && b[at - 1].token > moved.token; at--) b[at] = b[at - 1];
        b[at] = moved;
    }
}

/* Moves the biases whose bit is clear to the front; returns where the others begin. A branch on the
 * bit would be mispredicted, so there is none. */
static int32_t split(pluck_logit_bias *b, part p) {
    int32_t clear = p.first;
    for (int32_t i = p.first; i < p.end; i++) {
        const pluck_logit_bias moved = b[i];
        b[i] = b[clear];
        b[clear] = moved;
        clear += !(key_of(moved) >> p.bit & 1);
    }
    return clear;
}

/* The highest bit in which two tokens differ; -1 if all are equal. */
static int32_t highest_difference(const pluck_logit_bias *b, int32_t n) {
    uint32_t differences = 0;
    for (int32_t i = 1; i < n; i++) differences |= key_of(b[i]) ^ key_of(b[0]);
    int32_t bit = BITS - 1;
    while (bit >= 0 && !(differences >> bit & 1)) bit--;
    return bit;
}

static void sort_by_token(pluck_logit_bias *b, int32_t n) {
    part waiting[BITS + 1]; /* each by a lower bit than the one before */
    int32_t n_waiting = 1;
    waiting[0] = (part){0, n, highest_difference(b, n)};
    while (n_waiting > 0) {
        const part p = waiting[--n_waiting];
        if (p.end - p.first <= FEW) {
            insertion_sort(b, p.first, p.end);
            continue;
        }
        if (p.bit < 0) continue;
        const int32_t middle = split(b, p);
        waiting[n_waiting++] = (part){middle, p.end, p.bit - 1};
        waiting[n_waiting++] = (part){p.first, middle, p.bit - 1};
    }
}

static bool ascends(const pluck_logit_bias *b, int32_t n) {
    for (int32_t i = 1; i < n; i++)
        if (b[i].token < b[i - 1].token) return false;
    return true;
}

static PK_APART int32_t merge(pluck_logit_bias *biases, int32_t n) {
    if (!ascends(biases, n)) sort_by_token(biases, n);
    int32_t n_merged = 0;
    for (int32_t i = 0; i < n;) {
        const int32_t token = biases[i].token;
        double sum = 0.0;
        bool masked = false; /* even if another is +inf */
        for (; i < n && biases[i].token == token; i++) {
            masked |= biases[i].bias == -INFINITY;
            sum += (double)biases[i].bias;
        }
        biases[n_merged++] = (pluck_logit_bias){token, masked ? -INFINITY : (float)sum};
    }
    return n_merged;
}

int32_t pluck_merge_biases(pluck_logit_bias *biases, int32_t n) {
    if (!biases) return 0;
    PK_IN_OWN_ENV(int32_t, merge(biases, n));
}
