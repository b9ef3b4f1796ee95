/*
 * test_stat.c - statistics, compared with published or independently computed values.
 */
#include "stat.h"

#include "verdict.h"
#include "with_cmocka.h"
#include <math.h>

static void close_to(double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance)) {
        fail_msg("got %.17g, expected %.17g", got, expected);
    }
}

/* NIST StRD, univariate: NumAcc1 (10000001, 10000003, 10000002) and Michelson-like small sets. */
static void test_nist(void **state) {
    (void)state;
    const double numacc1[] = {10000001, 10000003, 10000002};
    const perflab_summary s = perflab_summarize(numacc1, 3);
    close_to(s.mean, 10000002, 0);
    close_to(s.stddev, 1, 0);
    /* NumAcc2: 1001 values 1.2, then 1.1 and 1.3 in turn; certified mean 1.2, stddev 0.1. */
    double numacc2[1001];
    numacc2[0] = 1.2;
    for (int i = 1; i < 1001; i++) numacc2[i] = i % 2 == 1 ? 1.1 : 1.3;
    const perflab_summary t = perflab_summarize(numacc2, 1001);
    close_to(t.mean, 1.2, 1e-14);
    close_to(t.stddev, 0.1, 1e-14);
}

/* Five timings with mean 45.13 and standard deviation 0.14. */
static void test_document(void **state) {
    (void)state;
    const double base[] = {45.23, 44.98, 45.11, 45.34, 45.01};
    const perflab_summary s = perflab_summarize(base, 5);
    close_to(s.mean, 45.134, 1e-12);
    close_to(s.stddev, 0.15109599597607004, 1e-12); /* of the sample: divided by n - 1 */
    close_to(s.median, 45.11, 0);
    close_to(s.mad, 0.12, 1e-12);
    close_to(s.min, 44.98, 0);
    close_to(s.max, 45.34, 0);
    assert_false(s.has_interval);
}

/* Coverage of sign-test intervals, from tables of the binomial distribution (k counts from 1). */
static void test_sign_interval(void **state) {
    (void)state;
    static const struct {
        size_t n, k;
        double coverage;
    } table[] = {{6, 1, 0.96875},
                 {7, 1, 0.984375},
                 {8, 1, 0.9921875},
                 {9, 2, 0.9609375},
                 {10, 2, 0.978515625},
                 {15, 4, 0.96484375},
                 {20, 6, 0.958610534667969},
                 {25, 8, 0.956714749336243},
                 {50, 18, 0.967160862435732}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double coverage = 0;
        assert_int_equal(perflab_sign_interval(table[i].n, 0.95, &coverage), table[i].k);
        close_to(coverage, table[i].coverage, 1e-9);
    }
    for (size_t n = 0; n < 6; n++) assert_int_equal(perflab_sign_interval(n, 0.95, NULL), 0);
}

/* Critical values of the chi-square distribution as printed in tables. */
static void test_chi_square(void **state) {
    (void)state;
    static const struct {
        double x, degrees, tail, tolerance;
    } table[] = {{3.841458820694124, 1, 0.05, 1e-13},    {6.634896601021214, 1, 0.01, 1e-13},
                 {5.991464547107979, 2, 0.05, 1e-13},    {18.307038053275146, 10, 0.05, 1e-13},
                 {29.588298445074422, 10, 0.001, 1e-13}, {124.34211340400407, 100, 0.05, 1e-12},
                 {10, 2, 0.006737946999085467, 1e-15},   {0.5, 4, 0.97350097883925610, 1e-13}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        close_to(perflab_chi_square_tail(table[i].x, table[i].degrees), table[i].tail,
                 table[i].tolerance);
    }
    close_to(perflab_chi_square_tail(0, 3), 1, 0);
    assert_true(perflab_chi_square_tail(2000, 10) < 1e-300);
}

/* G of Sokal and Rohlf's Mendelian 315:108:101:32 against 9:3:3:1, by hand: 2 sum O ln(O/E). */
static void test_g(void **state) {
    (void)state;
    const uint64_t peas[] = {315, 108, 101, 32};
    const double ratios[] = {9.0 / 16, 3.0 / 16, 3.0 / 16, 1.0 / 16};
    double g, degrees;
    const double p = perflab_g_test(peas, ratios, 4, &g, &degrees);
    close_to(g, 0.4754452389982333, 1e-12);
    close_to(degrees, 3, 0);
    close_to(p, 0.924251903974532, 1e-12);
    /* A count in a cell of probability 0. */
    const uint64_t impossible[] = {50, 50, 1};
    const double half[] = {0.5, 0.5, 0};
    close_to(perflab_g_test(impossible, half, 3, NULL, NULL), 0, 0);
    /* Small cells are pooled: expectations 1, 1 and 98 become one cell, so there is nothing to
     * test. */
    const uint64_t lump[] = {1, 1, 98};
    const double rare[] = {0.01, 0.01, 0.98};
    close_to(perflab_g_test(lump, rare, 3, NULL, &degrees), 1, 0);
    close_to(degrees, 0, 0);
}

static void test_outliers(void **state) {
    (void)state;
    /* Iglewicz and Hoaglin's modified z-score: 0.6745 |x - median| / MAD > 3.5. */
    const double x[] = {2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3};
    const perflab_summary s = perflab_summarize(x, 10);
    close_to(s.median, 2.45, 1e-15);
    close_to(s.mad, 0.15, 1e-12);
    assert_int_equal(s.outliers, 2);
    assert_true(s.has_interval);
    close_to(s.lo, 2.1, 0);
    close_to(s.hi, 8.2, 0);
    close_to(s.confidence, 0.978515625, 1e-12);
}

static void test_edges(void **state) {
    (void)state;
    const double one[] = {3};
    assert_int_equal(perflab_summarize(one, 0).n, 0);
    close_to(perflab_summarize(one, 1).stddev, 0, 0);
    close_to(perflab_summarize(one, 1).median, 3, 0);
    const double powers[] = {1, 2, 4};
    close_to(perflab_geometric_mean(powers, 3), 2, 1e-15);
}

static perflab_summary of(double lo, double median, double hi) {
    return (perflab_summary){
        .n = 10, .has_interval = true, .lo = lo, .median = median, .hi = hi, .confidence = 0.97};
}

/* Each verdict, on both sides of the threshold and of 1, and how many more values would decide
 * it. */
static void test_verdict(void **state) {
    (void)state;
    const struct {
        perflab_summary s;
        verdict v;
    } cases[] = {{of(0.99, 1.00, 1.01), VERDICT_HELD},    {of(1.40, 1.50, 1.60), VERDICT_HELD},
                 {of(0.985, 0.99, 0.995), VERDICT_HELD},  {of(0.90, 0.95, 0.97), VERDICT_LOSS},
                 {of(0.90, 0.95, 0.99), VERDICT_LOSS},    {of(0.90, 0.95, 1.01), VERDICT_UNKNOWN},
                 {of(0.97, 1.00, 1.03), VERDICT_UNKNOWN}, {of(0.97, 0.985, 0.99), VERDICT_UNKNOWN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(verdict_of(&cases[i].s, 0.02), cases[i].v);
    }
    perflab_summary few = of(1, 1, 1);
    few.has_interval = false;
    few.n = 3;
    assert_int_equal(verdict_of(&few, 0.02), VERDICT_UNKNOWN);
    assert_int_equal(verdict_more(&few, 0.02, PERFLAB_MIN_INTERVAL), PERFLAB_MIN_INTERVAL - 3);
    /* An interval of half the width takes four times the values. */
    const perflab_summary twice = of(exp(-2 * log(1.02)), 1, exp(2 * log(1.02)));
    const size_t more = verdict_more(&twice, 0.02, PERFLAB_MIN_INTERVAL);
    assert_in_range(more, 30, 40);
    /* Close to the threshold, no number of values decides it. */
    const perflab_summary at = of(0.95, 1 / 1.0199, 1.01);
    assert_int_equal(verdict_more(&at, 0.02, PERFLAB_MIN_INTERVAL), 0);
    double threshold;
    assert_true(verdict_parse("regression", &threshold) && fabs(threshold - 0.02) < 1e-12);
    assert_true(verdict_parse("regression=5%", &threshold) && fabs(threshold - 0.05) < 1e-12);
    assert_false(verdict_parse("regression=x", &threshold));
    assert_false(verdict_parse("regressions", &threshold));
    assert_false(verdict_parse("regression=-1%", &threshold));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict),    cmocka_unit_test(test_nist),
        cmocka_unit_test(test_document),   cmocka_unit_test(test_sign_interval),
        cmocka_unit_test(test_chi_square), cmocka_unit_test(test_g),
        cmocka_unit_test(test_outliers),   cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
