/*
 * oracle_rng.c: mt19937 and Philox4x32-10 as their papers write them down, one word at a time.
 */
#include "oracle_rng.h"

#include <math.h>

void oracle_mt_seed(oracle_mt *mt, uint32_t seed) {
    mt->x[0] = seed;
    for (uint32_t i = 1; i < 624; ++i) {
        const uint32_t before = mt->x[i - 1];
        mt->x[i] = 1812433253u * (before ^ (before >> 30)) + i;
    }
    mt->next = 0;
}

uint32_t oracle_mt_next(oracle_mt *mt) {
    /* The recurrence x[k+n] = x[k+m] ^ (upper(x[k]) | lower(x[k+1])) A, in a circle of n words. */
    const int k = mt->next;
    const uint32_t y = (mt->x[k] & 0x80000000u) | (mt->x[(k + 1) % 624] & 0x7fffffffu);
    uint32_t word = mt->x[(k + 397) % 624] ^ (y >> 1);
    if (y & 1u) word ^= 0x9908b0dfu;
    mt->x[k] = word;
    mt->next = (k + 1) % 624;

    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c5680u;
    word ^= (word << 15) & 0xefc60000u;
    word ^= word >> 18;
    return word;
}

double oracle_mt_double(oracle_mt *mt) {
    const double low = oracle_mt_next(mt);
    const double high = oracle_mt_next(mt);
    const double u = (low + high * 4294967296.0) / 18446744073709551616.0;
    return u >= 1.0 ? nextafter(1.0, 0.0) : u;
}

float oracle_mt_float(oracle_mt *mt) {
    const float u = (float)oracle_mt_next(mt) / 4294967296.0f;
    return u >= 1.0f ? nextafterf(1.0f, 0.0f) : u;
}

void oracle_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = (uint64_t)0xD2511F53u * c[0];
        const uint64_t b = (uint64_t)0xCD9E8D57u * c[2];
        const uint32_t n0 = (uint32_t)(b >> 32) ^ c[1] ^ k0;
        const uint32_t n2 = (uint32_t)(a >> 32) ^ c[3] ^ k1;
        c[0] = n0;
        c[1] = (uint32_t)b;
        c[2] = n2;
        c[3] = (uint32_t)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; ++i) out[i] = c[i];
}

static void block(uint32_t seed, uint32_t stream, uint64_t position, uint32_t w[4]) {
    const uint32_t counter[4] = {(uint32_t)position, (uint32_t)(position >> 32), 0, 0};
    const uint32_t key[2] = {seed, stream};
    oracle_philox(counter, key, w);
}

double oracle_philox_double(uint32_t seed, uint32_t stream, uint64_t position) {
    uint32_t w[4];
    block(seed, stream, position, w);
    return (double)((((uint64_t)w[1] << 32) + w[0]) >> 11) * 0x1p-53;
}

float oracle_philox_float(uint32_t seed, uint32_t stream, uint64_t position) {
    uint32_t w[4];
    block(seed, stream, position, w);
    return (float)(w[0] >> 8) * 0x1p-24f;
}
