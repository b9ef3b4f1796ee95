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

enum { PERFLAB_MAX_ROUNDS = 64, PERFLAB_PLANNED_ROUNDS = 24, PERFLAB_MIN_ROUNDS = 5 };

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
    bool candidate_first;       /* BAAB instead of ABBA */
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
 * rounds of four blocks (ABBA) until plan->seconds are timed. Both sides of a round see the same
 * moment of the machine, and a drift within it cancels.
 */
void perflab_measure(const perflab_lane lane[2], const perflab_plan *plan, perflab_timing *timing);

#endif
