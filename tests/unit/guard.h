/*
 * guard.h: buffers between two pages that nobody may touch.
 */
#ifndef PLUCK_TESTS_GUARD_H
#define PLUCK_TESTS_GUARD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct guard {
    unsigned char *map;
    size_t mapped;
    void *data; /* `size` bytes: ends at the page behind, or begins at the page before */
} guard;

/* at_end: the last byte touches the page behind; else the first byte touches the page before.
 * Aborts when there is no memory. */
guard guard_open(size_t size, bool at_end);
/* Makes the data read-only: a write into it ends the test. */
void guard_seal(guard *g);
void guard_close(guard *g);

#endif
