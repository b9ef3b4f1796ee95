/*
 * hash.h: a hash of token ids, for tables that hold the tokens of a prompt.
 *
 * The salt is an address, so that nobody can write a prompt whose tokens all collide. No result
 * depends on the hash. The mixing is the last half of MurmurHash3's finalizer (Appleby, public
 * domain).
 */
#ifndef PLUCK_HASH_H
#define PLUCK_HASH_H

#include <stdint.h>

static inline uint32_t salt_of(const void *address) {
    return (uint32_t)((uintptr_t)address >> 4);
}

/* All 32 bits are mixed, the upper ones best. */
static inline uint32_t hash_token(int32_t token, uint32_t salt) {
    uint32_t x = (uint32_t)token ^ salt;
    x *= 0x85ebca6bu;
    x ^= x >> 13;
    return x * 0xc2b2ae35u;
}

#endif /* PLUCK_HASH_H */
