/*
 * host.h - what is behind a perflab_ctx: its memory, its clock, what was reported and compared.
 *
 * Used by the library that benchmarks link and by perflab itself, which must agree on the layout of
 * these structs: a change needs a new PERFLAB_ABI.
 */
#ifndef PERFLAB_HOST_H
#define PERFLAB_HOST_H

#include "perflab.h"

/* A source of time. Tests inject one, so that none depends on how busy the machine is. */
typedef struct perflab_clock {
    uint64_t (*now)(void *self);            /* nanoseconds */
    void (*spend)(void *self, uint64_t ns); /* lets that much time pass, as work does */
    uint64_t (*lost)(void *self); /* how often the thread lost its CPU so far; NULL: never */
    void *self;
} perflab_clock;

/* Real time: CLOCK_MONOTONIC. */
extern const perflab_clock perflab_real_clock;

/* Where a buffer lies in its pages: see perflab_alloc. */
typedef enum perflab_layout {
    PERFLAB_LAYOUT_RANDOM,      /* a random offset in the page */
    PERFLAB_LAYOUT_END_FLUSH,   /* the end as close to the guard page as alignment allows */
    PERFLAB_LAYOUT_START_FLUSH, /* the start right behind a guard page */
} perflab_layout;

/* One buffer: [guard page][slack][user][slack][guard page], slack filled with a canary byte. */
typedef struct perflab_block {
    struct perflab_block *next;
    unsigned char *map;
    size_t map_bytes;
    unsigned char *user;
    size_t bytes;
} perflab_block;

/* An output that a benchmark handed over; a list in that order. */
typedef struct perflab_kept {
    struct perflab_kept *next;
    const char *what;
    void *copy;
    size_t bytes;
    bool floats;
    double abs_tol, rel_tol;
} perflab_kept;

typedef struct perflab_host {
    const perflab_clock *clock;
    perflab_layout layout;
    perflab_rng layout_rng; /* draws the offsets, independently of the benchmark's input */
    perflab_block *blocks;

    perflab_kept *kept, *last_kept;

    char reason[512];
    char device_kind[16];
    char device_name[128];
    size_t compared;       /* values that validators compared */
    size_t heap_bytes;     /* bytes of malloc that setup kept */
    size_t n_calls[2];     /* calls of each side in the gate */
    size_t leaked[2];      /* bytes of malloc that calls after the first kept */
    double call_ns[2];     /* duration of the gate's last call of each side; 0: none yet */
    double baseline_error; /* the largest error against a reference; -1: none recorded */
    double candidate_error;
} perflab_host;

void perflab_host_init(perflab_host *host, perflab_layout layout, uint64_t layout_seed,
                       const perflab_clock *clock);

/* Frees all buffers and outputs. */
void perflab_host_free(perflab_host *host);

/*
 * Checks that nothing was written into the slack around a buffer. Returns false, with the reason
 * set, if something was.
 */
bool perflab_host_intact(perflab_ctx *ctx);

/*
 * The buffer whose pages, guard pages included, hold an address; NULL if there is none. *distance
 * is negative before the buffer; behind its end it counts from 1.
 */
const perflab_block *perflab_host_find(const perflab_host *host, const void *address,
                                       ptrdiff_t *distance);

/* Frees the outputs that were handed over. */
void perflab_host_forget(perflab_host *host);

/* The bytes of all buffers together: what the benchmark works on. */
size_t perflab_host_bytes(const perflab_host *host);

#endif
