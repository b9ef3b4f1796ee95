/* output_rows.c: see output_rows.h. */
#include "output_rows.h"

#include <string.h>

/* Exchanges words. Compilers vectorise the loop, since the blocks are known not to overlap. */
void output_rows_swap(void *restrict a, void *restrict b, size_t bytes) {
    char *x = a;
    char *y = b;
    size_t at = 0;
    for (; at + sizeof(uint64_t) <= bytes; at += sizeof(uint64_t)) {
        uint64_t from_x;
        uint64_t from_y;
        memcpy(&from_x, x + at, sizeof from_x);
        memcpy(&from_y, y + at, sizeof from_y);
        memcpy(x + at, &from_y, sizeof from_y);
        memcpy(y + at, &from_x, sizeof from_x);
    }
    for (; at < bytes; at++) {
        const char kept = x[at];
        x[at] = y[at];
        y[at] = kept;
    }
}

static bool test_and_set(uint8_t *bits, int32_t i) {
    const uint8_t bit = (uint8_t)(1u << (i % 8));
    const bool was = (bits[i / 8] & bit) != 0;
    bits[i / 8] |= bit;
    return was;
}

/* Forces a call of the C library's memcpy: if the compiler knows a bound of the size, it uses rep
 * movsq instead, which takes twice as long here. */
static void *(*const volatile copy)(void *, const void *, size_t) = memcpy;

/* Moves the rows of the cycle through `start`, one block of columns after the other, so that what
 * is overwritten has just been read and is in the cache. Of 1 to 128 KB, 4 KB was the fastest on
 * Zen 4, for 16 rows of 600 KB. */
static void rotate_cycle(char *rows, size_t row_bytes, const int32_t *order, int32_t start,
                         void *held) {
    enum { COLUMNS = 4096 };
    for (size_t column = 0; column < row_bytes; column += COLUMNS) {
        const size_t part = row_bytes - column < COLUMNS ? row_bytes - column : COLUMNS;
        char *base = rows + column;
        copy(held, base + (size_t)start * row_bytes, part);
        int32_t at = start;
        for (; order[at] != start; at = order[at]) {
            copy(base + (size_t)at * row_bytes, base + (size_t)order[at] * row_bytes, part);
        }
        copy(base + (size_t)at * row_bytes, held, part);
    }
}

bool output_rows_permute(void *rows, size_t row_bytes, int32_t n_rows, const int32_t *order,
                         void *scratch, uint8_t *visited) {
    const size_t bitmap = ((size_t)n_rows + 7) / 8;
    memset(visited, 0, bitmap);
    for (int32_t i = 0; i < n_rows; i++)
        if (order[i] < 0 || order[i] >= n_rows || test_and_set(visited, order[i])) return false;
    memset(visited, 0, bitmap);
    for (int32_t start = 0; start < n_rows; start++) {
        if (order[start] == start || test_and_set(visited, start)) continue;
        for (int32_t at = order[start]; at != start; at = order[at])
            (void)test_and_set(visited, at);
        rotate_cycle(rows, row_bytes, order, start, scratch);
    }
    return true;
}
