/*
 * rng.h: the random streams, mt19937 as llama.cpp uses it and Philox4x32-10.
 *
 * A stream can go back to any position it has been at. For mt19937 no word needs to be kept for
 * that: each step changes one word of the state and can be undone from the others. (Advancing 624
 * words at once, as textbooks do, would also make every 312th draw slow.)
 */
#ifndef PLUCK_RNG_H
#define PLUCK_RNG_H

#include <stdint.h>

#include "pluck.h"

enum { MT_WORDS = 624 };

typedef struct rng_stream {
    pluck_rng_kind kind;
    union {
        struct {
            uint32_t state[MT_WORDS];
            uint32_t next; /* index of the word that the next step replaces */
        } mt;
        struct {
            uint32_t key[2]; /* seed, stream number */
        } philox;
    } as;
    uint64_t position; /* words or draws since the seed */
    uint64_t begun;    /* where a rollback goes back to */
} rng_stream;

/* Seeds a stream. number: the stream's number in the sampler, from 0; only Philox uses it. */
void pk_stream_seed(rng_stream *stream, pluck_rng_kind kind, uint32_t seed, uint32_t number);

void pk_stream_begin(rng_stream *stream);
void pk_stream_rollback(rng_stream *stream);

/* Goes to another position, back or forth. For mt19937 it takes the time that drawing takes. */
void pk_stream_go_to(rng_stream *stream, uint64_t position);

uint32_t pk_stream_word(rng_stream *stream); /* mt19937 only */

/* A double in [0, 1): libstdc++'s uniform_real_distribution<double>; for Philox a multiple of
 * 2^-53. */
double pk_stream_double(rng_stream *stream);

/* What pk_stream_double will return next. */
double pk_stream_peek(const rng_stream *stream);

/* A float in [0, 1): libstdc++'s uniform_real_distribution<float>; for Philox a multiple of
 * 2^-24. */
float pk_stream_float(rng_stream *stream);

/* Philox4x32-10: out = the block of `counter` under `key`. */
void pk_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A seed made from the clock, an address and a counter: it differs from call to call, but is not
 * secret. */
uint32_t pk_random_seed(void);

#endif /* PLUCK_RNG_H */
