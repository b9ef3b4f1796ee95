/*
 * test_steps.c - change points: PELT against all partitions, and planted histories.
 */
#include "perflab.h"
#include "steps.h"
#include "with_cmocka.h"

#include <math.h>
#include <stdlib.h>

static double squares(const double *x, size_t from, size_t to) {
    double mean = 0, sum = 0;
    for (size_t i = from; i < to; i++) mean += x[i] / (double)(to - from);
    for (size_t i = from; i < to; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

/* The cost of the partition whose segments start at 0 and at the set bits. */
static double cost_of(const double *x, size_t n, unsigned bits, double sigma, double penalty) {
    double cost = 0;
    size_t from = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && (bits >> i & 1) == 0) continue;
        cost += squares(x, from, i) / (sigma * sigma) + penalty;
        from = i;
    }
    return cost;
}

static void test_pelt(void **state) {
    (void)state;
    perflab_rng rng = {5};
    for (int trial = 0; trial < 200; trial++) {
        double x[9];
        size_t starts[9];
        const size_t n = 1 + (size_t)trial % 9;
        for (size_t i = 0; i < n; i++) {
            x[i] = 1e6 + perflab_rng_normal(&rng) + (perflab_rng_u64(&rng) % 3 == 0 ? 4 : 0);
        }
        const double penalty = 1 + 4 * perflab_rng_uniform(&rng);
        unsigned bits = 0;
        const size_t found = steps_pelt(x, n, 1, penalty, starts);
        assert_int_equal(starts[0], 0);
        for (size_t i = 1; i < found; i++) {
            assert_true(starts[i] > starts[i - 1] && starts[i] < n);
            bits |= 1u << starts[i];
        }
        const double got = cost_of(x, n, bits, 1, penalty);
        for (unsigned other = 0; other < 1u << n; other += 2) {
            assert_true(got <= cost_of(x, n, other, 1, penalty) + 1e-6);
        }
    }
}

enum { MOST = 40, PROCESSES = 10 };

/* A history of n commits: `level` of each, with noise between and within commits. */
static size_t split(perflab_rng *rng, const double *level, size_t n, double between,
                    step_segment **out) {
    static double values[MOST][PROCESSES];
    step_point points[MOST];
    for (size_t i = 0; i < n; i++) {
        const double drift = between * perflab_rng_normal(rng);
        for (int k = 0; k < PROCESSES; k++) {
            values[i][k] = level[i] * exp(drift + 0.005 * perflab_rng_normal(rng));
        }
        points[i] = (step_point){values[i], PROCESSES};
    }
    return steps_find(points, n, out);
}

static void test_flat(void **state) {
    (void)state;
    perflab_rng rng = {1};
    double level[MOST];
    for (size_t i = 0; i < MOST; i++) level[i] = 2.5;
    int false_steps = 0;
    for (int trial = 0; trial < 200; trial++) {
        step_segment *s;
        const size_t n = 1 + (size_t)trial % MOST;
        false_steps += split(&rng, level, n, trial % 2 == 0 ? 0 : 0.004, &s) > 1;
        free(s);
    }
    assert_true(false_steps <= 10);
}

/* Steps of 5 % and more, in long and short histories, are found at their commit. */
static void test_planted(void **state) {
    (void)state;
    perflab_rng rng = {2};
    int missed = 0, misplaced = 0;
    for (int trial = 0; trial < 200; trial++) {
        double level[MOST];
        step_segment *s;
        const size_t n = 2 + (size_t)trial % (MOST - 2), at = 1 + perflab_rng_u64(&rng) % (n - 1);
        for (size_t i = 0; i < n; i++) level[i] = i < at ? 1 : 0.95;
        const size_t found = split(&rng, level, n, 0.004, &s);
        missed += found != 2;
        misplaced += found == 2 && s[1].first != at;
        if (found == 2) assert_true(s[0].level.median > s[1].level.median);
        free(s);
    }
    assert_true(missed <= 10);
    assert_true(misplaced <= 4);
}

/* A loss that is mended again is two steps; one of 1 % is none. */
static void test_shapes(void **state) {
    (void)state;
    perflab_rng rng = {3};
    double level[30];
    step_segment *s;
    for (size_t i = 0; i < 30; i++) level[i] = i >= 10 && i < 14 ? 0.7 : 1;
    assert_int_equal(split(&rng, level, 30, 0.004, &s), 3);
    assert_int_equal(s[1].first, 10);
    assert_int_equal(s[2].first, 14);
    assert_int_equal(s[2].n, 16);
    free(s);
    for (size_t i = 0; i < 30; i++) level[i] = i >= 15 ? 1.01 : 1;
    assert_int_equal(split(&rng, level, 30, 0, &s), 1);
    assert_int_equal(s[0].n, 30);
    free(s);
    assert_int_equal(steps_find(NULL, 0, &s), 0);
    assert_null(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pelt), cmocka_unit_test(test_flat),
                                       cmocka_unit_test(test_planted),
                                       cmocka_unit_test(test_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
