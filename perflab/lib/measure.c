/*
 * measure.c - ABBA rounds of equal time.
 *
 * Calls that need no reset are timed in blocks of many, so that the cost of reading the clock does
 * not matter. A call that needs a reset, or its data moved out of a cache, is timed alone, and the
 * cost of reading the clock, which is measured first, is subtracted.
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
    unsigned char *sweep; /* memory to walk over, to displace data from a cache */
    size_t sweep_bytes;
    perflab_rng rng;
    bool few[2]; /* a block of this side had only a few calls */
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

/* Moves the data out of all caches: by lines if the CPU can, else by walking twice the last one. */
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

/* Moves the data into L2 and out of L1: reads it all, then walks over three times L1. */
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

/* Nanoseconds that `calls` calls take, without the cost of the clock; *raw includes it. */
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
    /* The clock resolves nothing shorter than this. */
    const double least = b->timing->resolution_ns / 2;
    return net > least ? net : least;
}

/* Repeats a block until one keeps its CPU throughout; takes the fourth as it is. */
static double time_whole_block(const bench *b, const perflab_lane *lane, uint64_t calls,
                               double *raw) {
    const perflab_clock *clock = b->plan->clock;
    for (int attempt = 0;; attempt++) {
        const uint64_t before = clock->lost != NULL ? clock->lost(clock->self) : 0;
        const double ns = time_block(b, lane, calls, raw);
        const uint64_t after = clock->lost != NULL ? clock->lost(clock->self) : 0;
        if (after == before || attempt == 3 || *raw > 5e7) return ns;
    }
}

/* Warms a lane up and returns how many of its calls fill `ns` nanoseconds. */
static uint64_t choose_calls(const bench *b, const perflab_lane *lane, double ns, double *call_ns) {
    uint64_t calls = 1;
    double raw;
    if (*call_ns >= PERFLAB_SLOW_NS) return 1;
    *call_ns = time_block(b, lane, 1, &raw); /* first touch: pages, lazy binding */
    if (*call_ns >= PERFLAB_SLOW_NS) return 1;
    for (;;) {
        const double spent = time_whole_block(b, lane, calls, &raw);
        /* Long enough for a good estimate: the clock's resolution is at most 0.1 % of it. */
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

/* Runs one round. n_blocks is 4, or 2 for half a round, in which each block counts as two. */
static void run_round(bench *b, const uint64_t calls[2], int n_blocks, perflab_round *round,
                      double raw[2]) {
    static const int abba[2][4] = {{0, 1, 1, 0}, {1, 0, 0, 1}};
    const int *order = abba[perflab_rng_u64(&b->rng) % 2];
    const double stretch = 0.75 + 0.5 * perflab_rng_uniform(&b->rng);
    int seen[2] = {0, 0};
    for (int i = 0; i < n_blocks; i++) {
        const int side = order[i];
        if (b->lane[side].fn == NULL) continue;
        double r;
        const uint64_t n = (uint64_t)((double)calls[side] * stretch + 0.5);
        const uint64_t made = n == 0 ? 1 : n;
        const double ns = time_whole_block(b, &b->lane[side], made, &r);
        round->us[side][seen[side]++] = ns / 1000 / (double)made;
        if (n_blocks == 2) round->us[side][1] = round->us[side][0];
        raw[side] += r;
        b->timing->calls[side] += made;
        if (made < PERFLAB_MANY_CALLS) b->few[side] = true;
    }
}

/* The microseconds per call of a side in a round. */
static double round_us(const bench *b, const perflab_round *r, int side) {
    const double x = r->us[side][0];
    const double y = r->us[side][1];
    if (b->few[0] || b->few[1]) return (x + y) / 2;
    return x < y ? x : y;
}

static void conclude(bench *b, const double raw[2]) {
    perflab_timing *t = b->timing;
    double value[PERFLAB_MAX_ROUNDS];
    const int n = t->n_rounds;
    for (int side = 0; side < 2; side++) {
        if (b->lane[side].fn == NULL) continue;
        for (int i = 0; i < n; i++) value[i] = round_us(b, &t->rounds[i], side);
        t->us[side] = perflab_median(value, (size_t)n);
        const bool alone = one_by_one(b, &b->lane[side]);
        const double intervals = alone ? (double)t->calls[side] : 2.0 * n;
        const double share = t->overhead_ns * intervals / raw[side];
        if (share > t->clock_share) t->clock_share = share;
    }
    t->timed_s = (raw[0] + raw[1]) * 1e-9;
    if (b->lane[0].fn == NULL || b->lane[1].fn == NULL) return;
    for (int i = 0; i < n; i++) {
        value[i] = round_us(b, &t->rounds[i], 0) / round_us(b, &t->rounds[i], 1);
    }
    t->ratio = perflab_median(value, (size_t)n);
}

/* So many that a block takes 3 ms; 24 to 84, which leaves room if blocks turn out too short. */
static int planned_rounds(double seconds) {
    const double rounds = seconds / (4 * 0.003);
    return rounds < 24 ? 24 : rounds > 84 ? 84 : (int)rounds;
}

void perflab_measure(const perflab_lane lane[2], const perflab_plan *plan, perflab_timing *timing) {
    bench b = {.lane = lane, .plan = plan, .timing = timing, .rng = {plan->seed}};
    const int sides = (lane[0].fn != NULL) + (lane[1].fn != NULL);
    uint64_t calls[2] = {0, 0};
    double raw[2] = {0, 0};
    memset(timing, 0, sizeof *timing);
    if (sides == 0) return;
    calibrate_clock(&b);
    prepare_sweep(&b);
    const int planned = planned_rounds(plan->seconds);
    const double block = plan->seconds * 1e9 / (planned * 2 * sides);
    double call_ns[2] = {plan->known_ns[0], plan->known_ns[1]};
    double pair = 0; /* seconds that a call of each side takes, if one of them is slow */
    bool slow = false;
    for (int side = 0; side < 2; side++) {
        if (lane[side].fn == NULL) continue;
        calls[side] = choose_calls(&b, &lane[side], block, &call_ns[side]);
        pair += call_ns[side] * 1e-9;
        slow = slow || call_ns[side] >= PERFLAB_SLOW_NS;
    }
    const bool half = slow && pair >= plan->seconds;
    const bool long_rounds = slow && 2 * pair * PERFLAB_MIN_ROUNDS > 2 * plan->seconds;
    const int least = long_rounds ? 1 : PERFLAB_MIN_ROUNDS;
    while (timing->n_rounds < PERFLAB_MAX_ROUNDS) {
        const double timed = (raw[0] + raw[1]) * 1e-9;
        if (timed >= plan->seconds && timing->n_rounds >= least) break;
        if (half && timing->n_rounds == 1) break;
        /* If blocks turned out too short, lengthen them so that the rounds suffice. */
        const int n = timing->n_rounds;
        if (!slow && n == planned && timed < plan->seconds / 2) {
            for (int side = 0; side < 2; side++)
                calls[side] *= 1 + (uint64_t)(plan->seconds / timed);
        }
        run_round(&b, calls, half ? 2 : 4, &timing->rounds[n], raw);
        timing->n_rounds++;
    }
    conclude(&b, raw);
    free(b.sweep);
}
