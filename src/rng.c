/*
 * rng.c: mt19937 (Matsumoto and Nishimura, ACM TOMACS 8(1), 1998), Philox4x32-10 (Salmon, Moraes,
 * Dror and Shaw, SC 2011), and libstdc++'s conversions to float and double.
 */
#include "arithmetic.h"

#include <math.h>
#include <stdatomic.h>
#include <time.h>

#include "rng.h"

#include "contract.h"

void pk_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c[0];
        const uint64_t b = (uint64_t)0xCD9E8D57u * c[2];
        const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b,
                                  (uint32_t)(a >> 32) ^ c[3] ^ k1, (uint32_t)a};
        for (int i = 0; i < 4; i++) c[i] = next[i];
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++) out[i] = c[i];
}

void pk_stream_seed(rng_stream *stream, pluck_rng_kind kind, uint32_t seed, uint32_t number) {
    stream->kind = kind;
    stream->position = stream->begun = 0;
    if (kind == PLUCK_RNG_PHILOX) {
        stream->as.philox.key[0] = seed;
        stream->as.philox.key[1] = number;
        return;
    }
    uint32_t *state = stream->as.mt.state;
    state[0] = seed;
    for (uint32_t i = 1; i < MT_WORDS; i++)
        state[i] = 1812433253u * (state[i - 1] ^ state[i - 1] >> 30) + i;
    stream->as.mt.next = 0;
}

void pk_stream_begin(rng_stream *stream) {
    stream->begun = stream->position;
}

void pk_stream_rollback(rng_stream *stream) {
    pk_stream_go_to(stream, stream->begun);
}

static uint32_t mt_index(uint32_t i) {
    return i < MT_WORDS ? i : i - MT_WORDS;
}

/* The upper bit of word i before it was replaced, and the lower ones of the word behind it: what a
 * step mixed into the word that is at i now. */
static uint32_t mt_mixed(const uint32_t *state, uint32_t i) {
    uint32_t y = state[i] ^ state[mt_index(i + 397)];
    const uint32_t odd = y >> 31;
    if (odd) y ^= 0x9908b0dfu;
    return y << 1 | odd;
}

/* Undoes a step. Of the word that comes back only the upper bit is used from here on; its lower ones
 * are used by whoever goes back further. Before the first step of all they are lost, and unused. */
static void mt_back(rng_stream *stream) {
    uint32_t *state = stream->as.mt.state;
    const uint32_t i = mt_index(stream->as.mt.next + MT_WORDS - 1);
    const uint32_t before = mt_index(i + MT_WORDS - 1);
    state[i] = (mt_mixed(state, i) & 0x80000000u) | (mt_mixed(state, before) & 0x7fffffffu);
    stream->as.mt.next = i;
}

uint32_t pk_stream_word(rng_stream *stream) {
    uint32_t *state = stream->as.mt.state;
    const uint32_t i = stream->as.mt.next;
    const uint32_t after = i + 1 < MT_WORDS ? i + 1 : 0;
    const uint32_t middle = i + 397 < MT_WORDS ? i + 397 : i + 397 - MT_WORDS;
    PLUCK_ASSERT(stream->kind == PLUCK_RNG_MT19937);
    stream->position++;
    const uint32_t mixed = (state[i] & 0x80000000u) | (state[after] & 0x7fffffffu);
    uint32_t y = state[i] = state[middle] ^ mixed >> 1 ^ (mixed & 1u ? 0x9908b0dfu : 0u);
    stream->as.mt.next = after;
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

void pk_stream_go_to(rng_stream *stream, uint64_t position) {
    if (stream->kind == PLUCK_RNG_MT19937) {
        for (uint64_t i = position; i < stream->position; i++) mt_back(stream);
        while (stream->position < position) (void)pk_stream_word(stream);
    }
    stream->position = position;
}

static void philox_next(rng_stream *stream, uint32_t out[4]) {
    const uint64_t position = stream->position++;
    const uint32_t counter[4] = {(uint32_t)position, (uint32_t)(position >> 32), 0, 0};
    pk_philox4x32(counter, stream->as.philox.key, out);
}

double pk_stream_double(rng_stream *stream) {
    if (stream->kind == PLUCK_RNG_PHILOX) {
        uint32_t w[4];
        philox_next(stream, w);
        return (double)(((uint64_t)w[1] << 32 | w[0]) >> 11) * 0x1p-53;
    }
    const double low = pk_stream_word(stream);
    const double high = pk_stream_word(stream);
    const double u = (low + high * 0x1p32) * 0x1p-64;
    return u < 1.0 ? u : nextafter(1.0, 0.0);
}

double pk_stream_peek(const rng_stream *stream) {
    rng_stream copy = *stream;
    return pk_stream_double(&copy);
}

float pk_stream_float(rng_stream *stream) {
    if (stream->kind == PLUCK_RNG_PHILOX) {
        uint32_t w[4];
        philox_next(stream, w);
        return (float)(w[0] >> 8) * 0x1p-24f;
    }
    const float u = (float)pk_stream_word(stream) * 0x1p-32f;
    return u < 1.0f ? u : nextafterf(1.0f, 0.0f);
}

uint32_t pk_random_seed(void) {
    /* ISO C has no source of entropy. A clock, an address and a counter make seeds that differ
     * between processes and within one; they need not be secret. */
    static atomic_uint_fast32_t count;
    struct timespec now = {0, 0};
#if defined(TIME_UTC)
    (void)timespec_get(&now, TIME_UTC);
#else /* a C library of before C11, as Windows has */
    now.tv_sec = time(NULL);
    now.tv_nsec = (long)clock();
#endif
    const uint32_t counter[4] = {(uint32_t)now.tv_nsec, (uint32_t)now.tv_sec,
                                 (uint32_t)atomic_fetch_add(&count, 1), 0};
    const uintptr_t address = (uintptr_t)&now;
    const uint32_t key[2] = {(uint32_t)address, (uint32_t)((uint64_t)address >> 32)};
    uint32_t out[4];
    pk_philox4x32(counter, key, out);
    return out[0] != PLUCK_SEED_RANDOM ? out[0] : out[1] & 0x7fffffffu;
}
