/*
 * measure.h - timing two functions side by side within one process.
 */
#ifndef PERFLAB_MEASURE_H
#define PERFLAB_MEASURE_H

#include "host.h"

/* Where the data lies when a timed call begins. */
typedef enum perflab_cache {
    PERFLAB_CACHE_HOT,     /* wherever the call before left it */
    PERFLAB_CACHE_L2,      /* out of L1, in L2 as far as it fits */
    PERFLAB_CACHE_EVICTED, /* in memory */
} perflab_cache;

/* The names "hot", "l2", "evicted". */
const char *perflab_cache_name(perflab_cache cache);
bool perflab_cache_parse(const char *name, perflab_cache *cache);

/* Fewer rounds than the least are run if one of them takes longer than all the time there is. */
enum { PERFLAB_MAX_ROUNDS = 128, PERFLAB_MIN_ROUNDS = 5 };

/* A call that takes longer is slow: it is not called just to find out how long it takes. */
#define PERFLAB_SLOW_NS 1e8

/* From so many calls in a block on, the quicker of a round's two blocks counts for the side. */
enum { PERFLAB_MANY_CALLS = 8 };

/* One of the two sides. fn NULL: this side is left out. */
typedef struct perflab_lane {
    void (*fn)(perflab_ctx *ctx);
    void (*reset)(perflab_ctx *ctx);
    perflab_ctx *ctx;
    perflab_side side; /* what ctx->side is set to before its calls */
    unsigned flags;    /* PERFLAB_RESET_PER_BLOCK */
} perflab_lane;

typedef struct perflab_plan {
    double seconds; /* time to spend in timed calls, both sides together, at least */
    perflab_cache cache;
    size_t l1_bytes, llc_bytes; /* sizes of the first and the last cache, 0: 64 KiB and 64 MiB */
    uint64_t seed;              /* draws each round's order and length */
    double known_ns[2];         /* about how long a call of each side takes; 0: not known */
    const perflab_clock *clock;
} perflab_plan;

/* Microseconds per call of the four blocks of a round, in the order they ran. */
typedef struct perflab_round {
    double us[2][2]; /* [side][first or second block of that side] */
} perflab_round;

typedef struct perflab_timing {
    double overhead_ns;   /* what reading the clock twice takes; subtracted from each interval */
    double resolution_ns; /* the clock's smallest step seen */
    double clock_share;   /* the overhead's share of the shorter side's timed intervals */
    double timed_s;       /* spent in timed calls, both sides */
    uint64_t calls[2];    /* timed calls of each side */
    double us[2];         /* microseconds per call: the median over rounds */
    double ratio;         /* the median over rounds of baseline / candidate */
    int n_rounds;
    perflab_round rounds[PERFLAB_MAX_ROUNDS];
} perflab_timing;

/*
 * Warms up, chooses how many calls a block has so that both sides get the same time, and runs
 * rounds of four blocks, ABBA or BAAB, until plan->seconds are timed. Both sides of a round see the
 * same moment of the machine.
 *
 * A block during which the system took the CPU away is thrown away and repeated, three times at
 * most; blocks are kept to about 3 ms, no longer than a scheduler's turn, so that most pass. Blocks
 * of more than 50 ms always lose it, and are not repeated.
 *
 * Slow functions, of 0.1 s to minutes a call, are called no more than plan->seconds ask for: one
 * call of each side at least, in an order that is drawn.
 *
 * A machine that is shared takes the CPU away at regular intervals. Were all rounds alike, its beat
 * could fall on the same side each time; so each round's order is drawn, and its length within a
 * quarter. Of a round's two blocks of a side the quicker counts, since a block that lost the CPU
 * says nothing of the code; the mean of both if a block has only a few calls, so that a cost that
 * comes every few calls is seen.
 */
void perflab_measure(const perflab_lane lane[2], const perflab_plan *plan, perflab_timing *timing);

#endif
