/*
 * measure.h - timing two functions side by side within one process.
 */
#ifndef PERFLAB_MEASURE_H
#define PERFLAB_MEASURE_H

#include "host.h"

/* Where the data lies when a timed call begins. */
typedef enum perflab_cache {
    PERFLAB_CACHE_HOT,     /* where the call before left it */
    PERFLAB_CACHE_L2,      /* not in L1; in L2 as far as it fits */
    PERFLAB_CACHE_EVICTED, /* in no cache, only in memory */
} perflab_cache;

/* The names "hot", "l2", "evicted". */
const char *perflab_cache_name(perflab_cache cache);
bool perflab_cache_parse(const char *name, perflab_cache *cache);

/* Limits on the number of rounds. If the minimum would not fit, a slow function gets fewer. */
enum { PERFLAB_MAX_ROUNDS = 128, PERFLAB_MIN_ROUNDS = 5 };

/* A call that takes longer is slow: it is not called only to find out how long it takes. */
#define PERFLAB_SLOW_NS 1e8

/* With this many calls in a block or more, only the faster of a side's two blocks counts. */
enum { PERFLAB_MANY_CALLS = 8 };

/* One of the two sides. If fn is NULL, this side is left out. */
typedef struct perflab_lane {
    void (*fn)(perflab_ctx *ctx);
    void (*reset)(perflab_ctx *ctx);
    perflab_ctx *ctx;
    perflab_side side; /* what ctx->side is set to before its calls */
    unsigned flags;    /* PERFLAB_RESET_PER_BLOCK */
} perflab_lane;

typedef struct perflab_plan {
    double seconds; /* least time to spend in timed calls, both sides together */
    perflab_cache cache;
    size_t l1_bytes, llc_bytes; /* sizes of L1 and of the last cache; 0: 64 KiB and 64 MiB */
    uint64_t seed;              /* of each round's order and length */
    double known_ns[2];         /* roughly how long a call of each side takes; 0: not known */
    const perflab_clock *clock;
} perflab_plan;

/* Microseconds per call of the four blocks of a round, in the order they ran. */
typedef struct perflab_round {
    double us[2][2]; /* [side][first or second block of that side] */
} perflab_round;

typedef struct perflab_timing {
    double overhead_ns;   /* cost of reading the clock twice; subtracted from each interval */
    double resolution_ns; /* the smallest step of the clock that was seen */
    double clock_share;   /* the overhead's share of the timed intervals; the larger of the sides */
    double timed_s;       /* spent in timed calls, both sides */
    uint64_t calls[2];    /* timed calls of each side */
    double us[2];         /* microseconds per call: the median over rounds */
    double ratio;         /* the median over rounds of baseline / candidate */
    int n_rounds;
    perflab_round rounds[PERFLAB_MAX_ROUNDS];
} perflab_timing;

/*
 * Warms up, chooses how many calls a block has so that both sides get the same time, and runs
 * rounds of four blocks, ABBA or BAAB, until plan->seconds are timed. Within a round both sides run
 * under the same conditions.
 *
 * A block during which the thread lost its CPU is discarded and repeated, at most three times.
 * Blocks take about 3 ms, no longer than a scheduler's time slice, so that most are undisturbed. A
 * block of more than 50 ms nearly always loses its CPU, and is not repeated.
 *
 * Slow functions, which take from 0.1 s to minutes, are called only as often as plan->seconds asks
 * for: each side at least once, in random order.
 *
 * On a shared machine the CPU is lost at regular intervals, which could hit the same side in every
 * round. So each round's order is random, and so is its length, by up to a quarter. Of a side's two
 * blocks in a round the faster counts, since a block that lost its CPU says nothing about the code.
 * If a block has only a few calls, the mean of both counts instead, so that a cost that occurs only
 * every few calls is not lost.
 */
void perflab_measure(const perflab_lane lane[2], const perflab_plan *plan, perflab_timing *timing);

#endif
