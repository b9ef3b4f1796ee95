/* memory.c: memory from an allocator, or from malloc if its members are zero. */
#include "arithmetic.h"

#include <errno.h>
#include <stdlib.h>

#include "common.h"

void *pk_allocate(const pluck_allocator *allocator, size_t size) {
    if (allocator->allocate) return allocator->allocate(allocator->ctx, size);
    const int error_number = errno; /* the status reports a lack of memory */
    void *memory = malloc(size);
    errno = error_number;
    return memory;
}

void pk_deallocate(const pluck_allocator *allocator, void *pointer, size_t size) {
    if (!pointer) return;
    if (allocator->deallocate)
        allocator->deallocate(allocator->ctx, pointer, size);
    else
        free(pointer);
}

void *pk_take(char *base, size_t *offset, size_t n, size_t element) {
    void *at = base ? base + *offset : NULL;
    *offset += round_up(n * element, CACHE_LINE);
    return at;
}

char *pk_first_line(void *block) {
    return (char *)block + (CACHE_LINE - (uintptr_t)block % CACHE_LINE) % CACHE_LINE;
}

bool pk_allocator_is_whole(const pluck_allocator *allocator) {
    return !allocator->allocate == !allocator->deallocate;
}
