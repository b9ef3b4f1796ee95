/*
 * sort_values.c: values alone, by the digits of their bits. With room for a second array from the
 * lowest of three digits on; without, in place, by the highest digit in which they differ, then
 * within each. Linear whatever the values are: no part goes through more than four digits.
 */
#include "arithmetic.h"

#include "order.h"

enum { DIGIT = 8, DIGITS = 1 << DIGIT, INSERTION = 24 };

/* A number that descends as x ascends. */
static uint32_t key_of(float x) {
    return (uint32_t)float_key(x) ^ 0x7fffffff;
}

static void insertion_sort(float *x, int32_t n) {
    for (int32_t i = 1; i < n; i++) {
        const float value = x[i];
        int32_t at = i;
        for (; at > 0 && x[at - 1] < value; at--) x[at] = x[at - 1];
        x[at] = value;
    }
}

/* The position of the lowest bit of the digit that holds the highest bit in which keys differ; -1 if
 * none does. */
static int shift_of(const float *x, int32_t n) {
    const uint32_t first = key_of(x[0]);
    uint32_t differ = 0;
    for (int32_t i = 1; i < n; i++) differ |= key_of(x[i]) ^ first;
    if (differ == 0) return -1;
    const int top = 31 - __builtin_clz(differ);
    return top < DIGIT ? 0 : top + 1 - DIGIT;
}

/* Moves every value to its digit's part: from[d] to before end[d]. */
static void distribute(float *x, int32_t *from, const int32_t *end, int shift) {
    for (int d = 0; d < DIGITS; d++) {
        while (from[d] < end[d]) {
            float value = x[from[d]];
            int digit = (int)(key_of(value) >> shift & (DIGITS - 1));
            while (digit != d) {
                const int32_t to = from[digit]++;
                const float next = x[to];
                x[to] = value;
                value = next;
                digit = (int)(key_of(value) >> shift & (DIGITS - 1));
            }
            x[from[d]++] = value;
        }
    }
}

static void sort_in_place(float *x, int32_t n) {
    if (n <= INSERTION) {
        insertion_sort(x, n);
        return;
    }
    const int shift = shift_of(x, n);
    if (shift < 0) return;
    int32_t from[DIGITS] = {0}, end[DIGITS];
    for (int32_t i = 0; i < n; i++) from[key_of(x[i]) >> shift & (DIGITS - 1)]++;
    int32_t sum = 0;
    for (int d = 0; d < DIGITS; d++) {
        const int32_t count = from[d];
        from[d] = sum;
        end[d] = sum += count;
    }
    distribute(x, from, end, shift);
    if (shift == 0) return;
    for (int d = 0, start = 0; d < DIGITS; start = end[d++])
        if (end[d] - start > 1) sort_in_place(x + start, end[d] - start);
}

/* ---- with room ---- */

enum { WIDE = 11, WIDES = 1 << WIDE, PASSES = 3, FEW = 512 };

/* Moves n values to where their digit at `shift` says; start[d] is the first place of digit d. */
static void move(const float *from, float *to, int32_t n, int32_t *start, int shift) {
    for (int32_t i = 0; i < n; i++) to[start[key_of(from[i]) >> shift & (WIDES - 1)]++] = from[i];
}

static void sort_with_room(float *x, int32_t n, float *room) {
    int32_t start[PASSES][WIDES] = {{0}};
    for (int32_t i = 0; i < n; i++) {
        const uint32_t key = key_of(x[i]);
        for (int p = 0; p < PASSES; p++) start[p][key >> WIDE * p & (WIDES - 1)]++;
    }
    float *from = x, *to = room;
    for (int p = 0; p < PASSES; p++) {
        if (start[p][key_of(x[0]) >> WIDE * p & (WIDES - 1)] == n) continue; /* all have the same */
        int32_t sum = 0;
        for (int d = 0; d < WIDES; d++) {
            const int32_t count = start[p][d];
            start[p][d] = sum;
            sum += count;
        }
        move(from, to, n, start[p], WIDE * p);
        float *swap = from;
        from = to;
        to = swap;
    }
    if (from != x) memcpy(x, from, (size_t)n * sizeof *x);
}

void pk_sort_values(float *x, int32_t n, float *room) {
    if (room && n >= FEW)
        sort_with_room(x, n, room);
    else
        sort_in_place(x, n);
}
