/*
 * test_measure.c - measuring on a simulated clock with recorded noise: A/A comparisons, planted
 * speedups, the cost of the clock, and how many calls and how much time a process takes.
 */
#include "facts.h"
#include "measure.h"
#include "simclock.h"
#include "stat.h"
#include "with_cmocka.h"

#include <math.h>
#include <stdlib.h>

enum { PROCESSES = 10 };

static noise_trace *recorded;

/* The cost of a call of each side, in nanoseconds. */
static uint64_t cost[2];
static size_t n_resets;

static void first(perflab_ctx *ctx) {
    perflab_spend(ctx, cost[0]);
}

static void second(perflab_ctx *ctx) {
    perflab_spend(ctx, cost[1]);
}

static void reset(perflab_ctx *ctx) {
    perflab_spend(ctx, 777777);
    n_resets++;
}

static perflab_cache cache = PERFLAB_CACHE_HOT;

static perflab_timing one_process(const noise_trace *n, uint64_t seed, bool with_reset,
                                  unsigned flags, double seconds) {
    static perflab_timing t;
    simclock sim;
    perflab_host host;
    perflab_ctx ctx = {.size = 1, .host = &host};
    simclock_start(&sim, n, seed);
    perflab_host_init(&host, PERFLAB_LAYOUT_RANDOM, seed, &sim.clock);
    void (*again)(perflab_ctx *) = with_reset ? reset : NULL;
    const perflab_lane lanes[2] = {{first, again, &ctx, PERFLAB_BASELINE, flags},
                                   {second, again, &ctx, PERFLAB_CANDIDATE, flags}};
    const perflab_plan plan = {
        .seconds = seconds, .cache = cache, .seed = seed, .clock = &sim.clock};
    perflab_measure(lanes, &plan, &t);
    perflab_host_free(&host);
    return t;
}

/* Summarises the ratio over ten processes. */
static perflab_summary comparison(uint64_t number) {
    double ratio[PROCESSES];
    for (uint64_t i = 0; i < PROCESSES; i++) {
        ratio[i] = one_process(recorded, number * 1000 + i, false, 0, 0.2).ratio;
    }
    return perflab_summarize(ratio, PROCESSES);
}

/* At most 5 % of 200 comparisons of the same code may be called a difference; 2 % is the design. */
static void test_same_code(void **state) {
    (void)state;
    size_t called = 0, without_one = 0;
    cost[0] = cost[1] = 20000;
    for (uint64_t i = 0; i < 200; i++) {
        const perflab_summary s = comparison(i);
        const resolution said = resolve(&s);
        called += said == RESOLUTION_FASTER || said == RESOLUTION_SLOWER;
        without_one += said != RESOLUTION_UNRESOLVED;
    }
    print_message("A/A: %zu of 200 called a difference; %zu intervals exclude 1\n", called,
                  without_one);
    assert_true(called <= 10);
    /* The noise must be there: without it all intervals would be [1, 1]. */
    const perflab_summary s = comparison(3);
    assert_true(s.hi - s.lo > 0);
}

static void test_planted(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 20; i++) {
        cost[0] = 21000;
        cost[1] = 10500;
        const perflab_summary twice = comparison(1000 + i);
        assert_int_equal(resolve(&twice), RESOLUTION_FASTER);
        assert_true(fabs(twice.median - 2) < 0.04);
        cost[1] = 20000;
        const perflab_summary little = comparison(2000 + i);
        assert_int_equal(resolve(&little), RESOLUTION_FASTER);
        assert_true(fabs(little.median - 1.05) < 0.02);
        cost[1] = 22050;
        const perflab_summary loss = comparison(3000 + i);
        assert_int_equal(resolve(&loss), RESOLUTION_SLOWER);
    }
}

/* A clock without noise, so that the exact results are known. */
static noise_trace silence(void) {
    static double factor[2] = {1, 1};
    const noise_trace n = {.factor = factor, .rows = 1, .columns = 2, .step_ns = 1e6};
    return n;
}

static void test_clock_cost(void **state) {
    (void)state;
    const noise_trace quiet = silence();
    /* Calls of 30 ns, each timed alone after a reset, with a clock that costs 25 ns. */
    cost[0] = 60;
    cost[1] = 30;
    n_resets = 0;
    const perflab_timing t = one_process(&quiet, 1, true, 0, 0.002);
    assert_true(fabs(t.overhead_ns - 25) <= 1);
    assert_true(fabs(t.us[0] - 0.060) < 0.001);
    assert_true(fabs(t.us[1] - 0.030) < 0.001);
    assert_true(fabs(t.ratio - 2) < 0.04);
    assert_true(t.clock_share > 0.3 && t.clock_share < 0.5);
    assert_true(n_resets >= t.calls[0] + t.calls[1]);
}

static void test_amounts(void **state) {
    (void)state;
    const noise_trace quiet = silence();
    cost[0] = 30000;
    cost[1] = 1000;
    const perflab_timing t = one_process(&quiet, 2, false, 0, 1);
    assert_true(t.timed_s >= 1);
    assert_true(t.n_rounds >= PERFLAB_MIN_ROUNDS && t.n_rounds <= PERFLAB_MAX_ROUNDS);
    /* Both sides get about the same time, whatever a call costs. */
    const double share = (double)t.calls[1] * t.us[1] / ((double)t.calls[0] * t.us[0]);
    assert_true(share > 0.7 && share < 1.4);
    assert_true(fabs(t.ratio - 30) < 0.1);
    /* One reset per block, not per call. */
    n_resets = 0;
    const perflab_timing u = one_process(&quiet, 3, true, PERFLAB_RESET_PER_BLOCK, 0.1);
    assert_true(n_resets < u.calls[1] / 10);
    /* A call that exceeds the whole plan is made once; the other side still gets many calls. */
    cost[0] = 300000000;
    const perflab_timing v = one_process(&quiet, 4, false, 0, 0.1);
    assert_int_equal(v.n_rounds, 1);
    assert_int_equal(v.calls[0], 1);
    assert_true(v.calls[1] > 100);
}

/* Cold modes time each call alone after moving the buffers, whose contents stay the same. */
static void test_caches(void **state) {
    (void)state;
    const noise_trace quiet = silence();
    cost[0] = 50000;
    cost[1] = 25000;
    for (int mode = PERFLAB_CACHE_HOT; mode <= PERFLAB_CACHE_EVICTED; mode++) {
        cache = (perflab_cache)mode;
        const perflab_timing t = one_process(&quiet, 5, false, 0, 0.02);
        assert_true(fabs(t.ratio - 2) < 0.01);
        assert_true(fabs(t.us[0] - 50) < 0.1);
        /* One reading of the clock for each call, or for each block of many. */
        const double share = 25 / (mode == PERFLAB_CACHE_HOT ? 25000.0 * 2 : 25025.0);
        assert_true(mode == PERFLAB_CACHE_HOT ? t.clock_share < share
                                              : fabs(t.clock_share - share) < 1e-4);
        perflab_cache parsed;
        assert_true(perflab_cache_parse(perflab_cache_name(cache), &parsed) && parsed == cache);
    }
    cache = PERFLAB_CACHE_HOT;
    assert_false(perflab_cache_parse("lukewarm", &cache));
}

static void test_resolution(void **state) {
    (void)state;
    perflab_summary s = {.has_interval = false, .median = 3, .lo = 2, .hi = 4};
    assert_int_equal(resolve(&s), RESOLUTION_NONE);
    s.has_interval = true;
    assert_int_equal(resolve(&s), RESOLUTION_FASTER);
    s = (perflab_summary){.has_interval = true, .median = 1.01, .lo = 1.005, .hi = 1.015};
    assert_int_equal(resolve(&s), RESOLUTION_NEGLIGIBLE);
    s = (perflab_summary){.has_interval = true, .median = 1.1, .lo = 0.99, .hi = 1.2};
    assert_int_equal(resolve(&s), RESOLUTION_UNRESOLVED);
    s = (perflab_summary){.has_interval = true, .median = 0.9, .lo = 0.85, .hi = 0.95};
    assert_int_equal(resolve(&s), RESOLUTION_SLOWER);
}

static int load(void **state) {
    (void)state;
    recorded = noise_read(getenv("PERFLAB_NOISE"));
    return recorded == NULL;
}

static int unload(void **state) {
    (void)state;
    noise_free(recorded);
    return 0;
}

/* A function of a second or of a minute is called only as often as the time asks for. */
static void test_slow(void **state) {
    (void)state;
    const noise_trace silent = silence();
    /* One call shows that it is slow, one is timed. */
    cost[0] = 60000000000u;
    cost[1] = 30000000000u;
    perflab_timing t = one_process(&silent, 1, false, 0, 1);
    assert_int_equal(t.calls[0], 1);
    assert_int_equal(t.calls[1], 1);
    assert_true(fabs(t.ratio - 2) < 1e-6);
    cost[0] = cost[1] = 150000000;
    t = one_process(&silent, 1, false, 0, 1);
    assert_in_range(t.calls[0], 3, 5);
    assert_true(fabs(t.ratio - 1) < 1e-6);
    /* If there is time for them, whole rounds are made. */
    cost[0] = cost[1] = 20000000;
    t = one_process(&silent, 1, false, 0, 1);
    assert_true(t.n_rounds >= PERFLAB_MIN_ROUNDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow),      cmocka_unit_test(test_same_code),
        cmocka_unit_test(test_planted),   cmocka_unit_test(test_clock_cost),
        cmocka_unit_test(test_amounts),   cmocka_unit_test(test_caches),
        cmocka_unit_test(test_resolution)};
    return cmocka_run_group_tests(tests, load, unload);
}
