/*
 * guard.h: buffers between two protected pages, so that an access outside them ends the test.
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

/* at_end: the last byte is next to the page behind; else the first byte is next to the page before.
 * Aborts if there is no memory. */
guard guard_open(size_t size, bool at_end);
/* Makes the data read-only: a write into it ends the test. */
void guard_seal(guard *g);
void guard_close(guard *g);

#endif
