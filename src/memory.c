/* memory.c: memory from an allocator whose members may all be zero. */
#include <stdlib.h>

#include "common.h"

void *pk_allocate(const pluck_allocator *allocator, size_t size) {
    return allocator->allocate ? allocator->allocate(allocator->ctx, size) : malloc(size);
}

void pk_deallocate(const pluck_allocator *allocator, void *pointer, size_t size) {
    if (!pointer) return;
    if (allocator->deallocate)
        allocator->deallocate(allocator->ctx, pointer, size);
    else
        free(pointer);
}

bool pk_allocator_is_whole(const pluck_allocator *allocator) {
    return !allocator->allocate == !allocator->deallocate;
}
