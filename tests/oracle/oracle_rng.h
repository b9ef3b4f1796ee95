/*
 * oracle_rng.h: the two generators, written from their papers.
 *
 * mt19937 after Matsumoto and Nishimura (1998, with the 2002 initialisation); Philox4x32-10 after
 * Salmon, Moraes, Dror and Shaw (2011). The conversions to uniform numbers are those of libstdc++
 * (for mt19937) and of pluck.h (for Philox).
 */
#ifndef PLUCK_TESTS_ORACLE_RNG_H
#define PLUCK_TESTS_ORACLE_RNG_H

#include <stdint.h>

typedef struct oracle_mt {
    uint32_t x[624];
    int next;
} oracle_mt;

void oracle_mt_seed(oracle_mt *mt, uint32_t seed);
uint32_t oracle_mt_next(oracle_mt *mt);

/* std::uniform_real_distribution<double>(0, 1): two words, the first the lower half. */
double oracle_mt_double(oracle_mt *mt);

/* std::uniform_real_distribution<float>(0, 1): one word. */
float oracle_mt_float(oracle_mt *mt);

void oracle_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
double oracle_philox_double(uint32_t seed, uint32_t stream, uint64_t position);
float oracle_philox_float(uint32_t seed, uint32_t stream, uint64_t position);

#endif
