/*
 * radix.c: see radix.h. Sorts by digits, the least significant one first. The bits in which keys
 * differ are divided evenly among the passes: two for a vocabulary of up to 2^22.
 */
#include "arithmetic.h"

#include "radix.h"

#include <stdbool.h>
#include <string.h>

enum {
    MAX_DIGIT = 11, /* 2048 counters: 8 KB, half of the smallest level-1 cache */
    FEW_DIGIT = 6,  /* for few keys, where many counters would take longer than the keys */
    FEW = 1024,
    INSERTION = 24
};

/* An array of keys, and the array of their values, if they have any. */
typedef struct pairs {
    int32_t *keys, *values;
} pairs;

static void insertion_sort(pairs p, int32_t n) {
    for (int32_t i = 1; i < n; i++) {
        const int32_t key = p.keys[i], value = p.values ? p.values[i] : 0;
        int32_t at = i;
        for (; at > 0 && p.keys[at - 1] > key; at--) {
            p.keys[at] = p.keys[at - 1];
            if (p.values) p.values[at] = p.values[at - 1];
        }
        p.keys[at] = key;
        if (p.values) p.values[at] = value;
    }
}

/* The bits in which keys differ. *ascending: whether the keys are sorted already. */
static uint32_t differences(const int32_t *keys, int32_t n, bool *ascending) {
    uint32_t bits = 0;
    int32_t descents = 0;
    for (int32_t i = 1; i < n; i++) {
        bits |= (uint32_t)(keys[i] ^ keys[0]);
        descents += keys[i] < keys[i - 1];
    }
    *ascending = descents == 0;
    return bits;
}

/* A digit of a key; negative keys come first. */
static uint32_t digit_of(int32_t key, int shift, uint32_t mask) {
    return ((uint32_t)key ^ 0x80000000u) >> shift & mask;
}

/* One pass: sorts `from` into `to` by the digit of `width` bits at `shift`. */
static void distribute(pairs from, pairs to, int32_t n, int shift, int width) {
    int32_t starts[1 << MAX_DIGIT];
    const uint32_t mask = (1u << width) - 1;
    memset(starts, 0, sizeof *starts << width);
    for (int32_t i = 0; i < n; i++) starts[digit_of(from.keys[i], shift, mask)]++;
    int32_t sum = 0;
    for (uint32_t d = 0; d <= mask; d++) {
        const int32_t count = starts[d];
        starts[d] = sum;
        sum += count;
    }
    for (int32_t i = 0; i < n; i++) {
        const int32_t at = starts[digit_of(from.keys[i], shift, mask)]++;
        to.keys[at] = from.keys[i];
        if (from.values) to.values[at] = from.values[i];
    }
}

void pk_radix_sort(int32_t *keys, int32_t *values, int32_t n, int32_t *scratch) {
    pairs from = {keys, values}, to;
    to.keys = scratch;
    to.values = values ? scratch + n : NULL;
    if (n <= INSERTION) {
        insertion_sort(from, n);
        return;
    }
    bool ascending;
    const uint32_t bits = differences(keys, n, &ascending);
    if (ascending) return;
    int n_bits = 1;
    while (n_bits < 32 && bits >> n_bits != 0) n_bits++;
    const int widest = n < FEW ? FEW_DIGIT : MAX_DIGIT;
    const int n_passes = (n_bits + widest - 1) / widest;
    const int width = (n_bits + n_passes - 1) / n_passes;
    for (int pass = 0; pass < n_passes; pass++) {
        distribute(from, to, n, pass * width, width);
        const pairs swapped = from;
        from = to;
        to = swapped;
    }
    if (n_passes % 2 == 0) return;
    memcpy(keys, from.keys, (size_t)n * sizeof *keys);
    if (values) memcpy(values, from.values, (size_t)n * sizeof *values);
}

int32_t pk_radix_sort_distinct(int32_t *keys, int32_t n, int32_t *scratch) {
    pk_radix_sort(keys, NULL, n, scratch);
    int32_t distinct = 0;
    for (int32_t i = 0; i < n; i++)
        if (i == 0 || keys[i] != keys[distinct - 1]) keys[distinct++] = keys[i];
    return distinct;
}
