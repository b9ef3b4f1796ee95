/* clock.h: the monotonic clock. A file that includes it defines _POSIX_C_SOURCE 200809L or more
 * first. */
#ifndef PLUCK_LLAMA_CLOCK_H
#define PLUCK_LLAMA_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since some fixed time. */
static inline int64_t plk_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The same in microseconds. */
static inline int64_t plk_now_us(void) {
    return plk_now_ns() / 1000;
}

#endif
