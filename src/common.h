/* common.h: what every file of the library uses. */
#ifndef PLUCK_COMMON_H
#define PLUCK_COMMON_H

#include <math.h>
#include <string.h>

#include "contract.h"
#include "pluck.h"

/* The number of logits in a group, which kernels work on as a whole, and of groups in a block. The
 * 1024 logits of a block share one partial sum and one maximum. */
enum { GROUP = 64, BLOCK_GROUPS = 16 };

/* Returns from the enclosing function unless expr is PLUCK_OK. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        const pluck_status try_ = (expr);                                                          \
        if (try_ != PLUCK_OK) return try_;                                                         \
    } while (0)

static inline int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* exp(from + step), where e is exp(from) and step is not above 0: a few terms if it is small, with an
 * error of 3e-16 of the result. */
static inline double exp_step(double e, double from, double step) {
    if (step < -1.0 / 128) return exp(from + step);
    const double tail = 1.0 + step * (1.0 / 3) * (1.0 + step * 0.25 * (1.0 + step * 0.2));
    return e * (1.0 + step * (1.0 + step * 0.5 * tail));
}

static inline double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* The bytes of a logit. */
static inline size_t dtype_size(pluck_dtype dtype) {
    return dtype == PLUCK_DTYPE_F32 ? 4 : 2;
}

/* The least multiple of b that is a or more. */
static inline size_t round_up(size_t a, size_t b) {
    return (a + b - 1) / b * b;
}

/* The first place among n ascending numbers at which there is `least` or more; n if there is none. */
static inline int32_t first_from(const int32_t *numbers, int32_t n, int32_t least) {
    int32_t low = 0, high = n;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (numbers[middle] < least)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first place of a number among n ascending ones; -1 if it is not there. */
static inline int32_t find_ascending(const int32_t *numbers, int32_t n, int32_t number) {
    const int32_t at = first_from(numbers, n, number);
    return at < n && numbers[at] == number ? at : -1;
}

/* memory.c: memory from an allocator, or from malloc if its members are zero. */
void *pk_allocate(const pluck_allocator *allocator, size_t size);
void pk_deallocate(const pluck_allocator *allocator, void *pointer, size_t size);

/*
 * Blocks that are laid out in cache lines: once with base NULL, to compute the size, to which a line
 * is added because a block may start anywhere; then from the block's first line on. pk_take returns
 * room for n elements at *offset from base, and moves *offset past it to the next line.
 */
enum { CACHE_LINE = 64 };
void *pk_take(char *base, size_t *offset, size_t n, size_t element);
char *pk_first_line(void *block);

/* Whether the allocator has both functions, or neither. */
bool pk_allocator_is_whole(const pluck_allocator *allocator);

/* The i-th, from 0, of n places that are spread evenly over `total`. */
static inline int32_t spread_over(int32_t i, int32_t n, int32_t total) {
    return (int32_t)((2 * i + 1) * (int64_t)total / (2 * n));
}

#endif /* PLUCK_COMMON_H */
