/*
 * host.h - what is behind a perflab_ctx: its memory, its clock, what was said and compared.
 *
 * Shared by the modules' support library and by perflab itself, which must agree on its layout:
 * PERFLAB_ABI covers this file too.
 */
#ifndef PERFLAB_HOST_H
#define PERFLAB_HOST_H

#include "perflab.h"

/* Where time comes from. Injected in tests, so that no test depends on the machine's mood. */
typedef struct perflab_clock {
    uint64_t (*now)(void *self);            /* nanoseconds */
    void (*spend)(void *self, uint64_t ns); /* lets that much work pass */
    uint64_t (*lost)(void *self); /* how often the CPU was taken away so far; NULL: never */
    void *self;
} perflab_clock;

/* CLOCK_MONOTONIC. */
extern const perflab_clock perflab_real_clock;

/* How buffers are laid: see perflab_alloc. */
typedef enum perflab_layout {
    PERFLAB_LAYOUT_RANDOM,      /* a random offset in the page */
    PERFLAB_LAYOUT_END_FLUSH,   /* the end as close to the guard page as alignment lets it */
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

/* An output that a benchmark handed in; in the order they came. */
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
    perflab_rng layout_rng; /* offsets, another stream than the benchmark's input */
    perflab_block *blocks;

    perflab_kept *kept, *last_kept;

    char reason[512];
    char device_kind[16];
    char device_name[128];
    size_t compared;       /* values the validators looked at */
    size_t heap_bytes;     /* what setup took from malloc, and kept */
    size_t n_calls[2];     /* of each side in the gate */
    size_t leaked[2];      /* bytes that calls after the first took from malloc, and kept */
    double call_ns[2];     /* what the gate's last call of each side took; 0: none yet */
    double baseline_error; /* largest seen against a reference, -1: none seen */
    double candidate_error;
} perflab_host;

void perflab_host_init(perflab_host *host, perflab_layout layout, uint64_t layout_seed,
                       const perflab_clock *clock);

/* Frees all buffers. */
void perflab_host_free(perflab_host *host);

/*
 * Looks whether a write went into the slack around a buffer. Returns true if all is well, else sets
 * the reason.
 */
bool perflab_host_intact(perflab_ctx *ctx);

/*
 * Which buffer an address next to a guard page belongs to: NULL if none. *distance is negative
 * before the buffer, and counts from its end behind it.
 */
const perflab_block *perflab_host_find(const perflab_host *host, const void *address,
                                       ptrdiff_t *distance);

/* Forgets the outputs that were handed in. */
void perflab_host_forget(perflab_host *host);

/* Bytes of all buffers: what the benchmark works on. */
size_t perflab_host_bytes(const perflab_host *host);

#endif
