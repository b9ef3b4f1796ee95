/*
 * measure.c - ABBA rounds of equal time.
 *
 * A call that needs no reset is timed in blocks of many, so that the clock's cost vanishes; one
 * that needs a reset, or its data moved out of a cache, is timed alone and the clock's own cost,
 * measured at the start of the process, is taken off.
 */
#include "measure.h"
#include "stat.h"

#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static const char *const cache_names[] = {"hot", "l2", "evicted"};

const char *perflab_cache_name(perflab_cache cache) {
    return cache_names[cache];
}

bool perflab_cache_parse(const char *name, perflab_cache *cache) {
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, cache_names[i]) == 0) {
            *cache = (perflab_cache)i;
            return true;
        }
    }
    return false;
}

typedef struct bench {
    const perflab_lane *lane;
    const perflab_plan *plan;
    perflab_timing *timing;
    unsigned char *sweep; /* memory to walk for the cold modes */
    size_t sweep_bytes;
} bench;

static uint64_t now(const bench *b) {
    return b->plan->clock->now(b->plan->clock->self);
}

static void calibrate_clock(bench *b) {
    enum { READS = 1001 };
    double step[READS];
    double smallest = 1e9;
    for (int i = 0; i < READS; i++) {
        const uint64_t t0 = now(b);
        const uint64_t t1 = now(b);
        step[i] = (double)(t1 - t0);
        if (t1 > t0 && step[i] < smallest) smallest = step[i];
    }
    b->timing->overhead_ns = perflab_median(step, READS);
    b->timing->resolution_ns = smallest < 1e9 ? smallest : 1;
}

/* ---- Caches ------------------------------------------------------------------------------- */

static void walk(const bench *b) {
    for (size_t i = 0; i < b->sweep_bytes; i += 64) b->sweep[i]++;
    perflab_keep(b->sweep);
}

/* Out of every cache: line by line where the CPU can, else by walking twice the last cache. */
static void evict(const bench *b, const perflab_ctx *ctx) {
#if defined(__x86_64__)
    (void)b;
    for (const perflab_block *block = ctx->host->blocks; block != NULL; block = block->next) {
        for (size_t i = 0; i < block->bytes; i += 64) _mm_clflush(block->user + i);
    }
    _mm_mfence();
#else
    (void)ctx;
    walk(b);
#endif
}

/* Into L2 and out of L1: read it all, then walk a few times L1. */
static void demote(const bench *b, const perflab_ctx *ctx) {
    unsigned char sum = 0;
    for (const perflab_block *block = ctx->host->blocks; block != NULL; block = block->next) {
        for (size_t i = 0; i < block->bytes; i += 64) sum = (unsigned char)(sum + block->user[i]);
    }
    perflab_keep(&sum);
    walk(b);
}

static void prepare_cache(const bench *b, const perflab_ctx *ctx) {
    if (b->plan->cache == PERFLAB_CACHE_L2) demote(b, ctx);
    if (b->plan->cache == PERFLAB_CACHE_EVICTED) evict(b, ctx);
}

static void prepare_sweep(bench *b) {
    const size_t l1 = b->plan->l1_bytes != 0 ? b->plan->l1_bytes : (size_t)64 << 10;
    const size_t llc = b->plan->llc_bytes != 0 ? b->plan->llc_bytes : (size_t)64 << 20;
    if (b->plan->cache == PERFLAB_CACHE_HOT) return;
    b->sweep_bytes = b->plan->cache == PERFLAB_CACHE_L2 ? 3 * l1 : 2 * llc;
    b->sweep = calloc(b->sweep_bytes, 1);
    if (b->sweep == NULL) b->sweep_bytes = 0;
}

/* ---- Blocks ------------------------------------------------------------------------------- */

static bool one_by_one(const bench *b, const perflab_lane *lane) {
    return b->plan->cache != PERFLAB_CACHE_HOT ||
           (lane->reset != NULL && (lane->flags & PERFLAB_RESET_PER_BLOCK) == 0);
}

/* Nanoseconds taken by `calls` calls, the clock's own cost taken off; *raw with it. */
static double time_block(const bench *b, const perflab_lane *lane, uint64_t calls, double *raw) {
    const double overhead = b->timing->overhead_ns;
    const bool alone = one_by_one(b, lane);
    const uint64_t intervals = alone ? calls : 1;
    double sum = 0;
    lane->ctx->side = lane->side;
    for (uint64_t i = 0; i < intervals; i++) {
        if (lane->reset != NULL) lane->reset(lane->ctx);
        prepare_cache(b, lane->ctx);
        const uint64_t t0 = now(b);
        if (alone) {
            lane->fn(lane->ctx);
        } else {
            for (uint64_t c = 0; c < calls; c++) lane->fn(lane->ctx);
        }
        const uint64_t t1 = now(b);
        sum += (double)(t1 - t0);
    }
    *raw = sum;
    const double net = sum - overhead * (double)intervals;
    /* Nothing is faster than what the clock can tell from nothing. */
    const double least = b->timing->resolution_ns / 2;
    return net > least ? net : least;
}

/* Warms a lane up and returns how many of its calls fill `ns` nanoseconds. */
static uint64_t choose_calls(const bench *b, const perflab_lane *lane, double ns) {
    uint64_t calls = 1;
    double raw;
    time_block(b, lane, 1, &raw); /* first touch: pages, lazy binding */
    for (;;) {
        const double spent = time_block(b, lane, calls, &raw);
        /* Long enough that the resolution is 0.1 % of it, and that the estimate is good. */
        const bool enough = raw >= ns / 4 && raw >= 1000 * b->timing->resolution_ns;
        if (enough || raw >= ns) {
            const double wanted = ns * (double)calls / spent;
            return wanted < 1 ? 1 : (uint64_t)wanted;
        }
        double grow = spent > 0 ? ns / 2 / spent : 10;
        if (grow > 10) grow = 10;
        if (grow < 2) grow = 2;
        calls = (uint64_t)((double)calls * grow) + 1;
    }
}

static void run_round(const bench *b, const uint64_t calls[2], perflab_round *round,
                      double raw[2]) {
    static const int abba[2][4] = {{0, 1, 1, 0}, {1, 0, 0, 1}};
    int seen[2] = {0, 0};
    for (int i = 0; i < 4; i++) {
        const int side = abba[b->plan->candidate_first][i];
        if (b->lane[side].fn == NULL) continue;
        double r;
        const double ns = time_block(b, &b->lane[side], calls[side], &r);
        round->us[side][seen[side]++] = ns / 1000 / (double)calls[side];
        raw[side] += r;
        b->timing->calls[side] += calls[side];
    }
}

static void conclude(bench *b, const double raw[2]) {
    perflab_timing *t = b->timing;
    double value[PERFLAB_MAX_ROUNDS];
    const int n = t->n_rounds;
    for (int side = 0; side < 2; side++) {
        if (b->lane[side].fn == NULL) continue;
        for (int i = 0; i < n; i++) {
            value[i] = (t->rounds[i].us[side][0] + t->rounds[i].us[side][1]) / 2;
        }
        t->us[side] = perflab_median(value, (size_t)n);
        const bool alone = one_by_one(b, &b->lane[side]);
        const double intervals = alone ? (double)t->calls[side] : 2.0 * n;
        const double share = t->overhead_ns * intervals / raw[side];
        if (share > t->clock_share) t->clock_share = share;
    }
    t->timed_s = (raw[0] + raw[1]) * 1e-9;
    if (b->lane[0].fn == NULL || b->lane[1].fn == NULL) return;
    for (int i = 0; i < n; i++) {
        const perflab_round *r = &t->rounds[i];
        value[i] = (r->us[0][0] + r->us[0][1]) / (r->us[1][0] + r->us[1][1]);
    }
    t->ratio = perflab_median(value, (size_t)n);
}

void perflab_measure(const perflab_lane lane[2], const perflab_plan *plan, perflab_timing *timing) {
    bench b = {.lane = lane, .plan = plan, .timing = timing};
    const int sides = (lane[0].fn != NULL) + (lane[1].fn != NULL);
    uint64_t calls[2] = {0, 0};
    double raw[2] = {0, 0};
    memset(timing, 0, sizeof *timing);
    if (sides == 0) return;
    calibrate_clock(&b);
    prepare_sweep(&b);
    const double block = plan->seconds * 1e9 / (PERFLAB_PLANNED_ROUNDS * 2 * sides);
    for (int side = 0; side < 2; side++) {
        if (lane[side].fn != NULL) calls[side] = choose_calls(&b, &lane[side], block);
    }
    while (timing->n_rounds < PERFLAB_MAX_ROUNDS) {
        const double timed = (raw[0] + raw[1]) * 1e-9;
        if (timed >= plan->seconds && timing->n_rounds >= PERFLAB_MIN_ROUNDS) break;
        /* Blocks turned out shorter than chosen: grow them so that the rounds suffice. */
        const int n = timing->n_rounds;
        if (n == PERFLAB_PLANNED_ROUNDS && timed < plan->seconds / 2) {
            for (int side = 0; side < 2; side++)
                calls[side] *= 1 + (uint64_t)(plan->seconds / timed);
        }
        run_round(&b, calls, &timing->rounds[n], raw);
        timing->n_rounds++;
    }
    conclude(&b, raw);
    free(b.sweep);
}
