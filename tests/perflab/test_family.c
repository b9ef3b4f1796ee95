/*
 * test_family.c - several candidates against one baseline: Holm's method, and intervals that hold
 * together.
 */
#include "family.h"
#include "with_cmocka.h"

#include "perflab.h"
#include <math.h>

static void close_to(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-12)) fail_msg("got %.17g, expected %.17g", got, expected);
}

static void test_sign(void **state) {
    (void)state;
    const double all[10] = {1.1, 1.2, 1.3, 1.1, 1.2, 1.3, 1.1, 1.2, 1.3, 1.1};
    const double one[10] = {0.9, 1.2, 1.3, 1.1, 1.2, 1.3, 1.1, 1.2, 1.3, 1.1};
    const double half[10] = {0.9, 0.9, 0.9, 0.9, 0.9, 1.3, 1.1, 1.2, 1.3, 1.1};
    const double ties[8] = {1, 1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1};
    close_to(sign_test(all, 10), 2.0 / 1024);
    close_to(sign_test(one, 10), 22.0 / 1024);
    close_to(sign_test(half, 10), 1);
    close_to(sign_test(ties, 8), 2.0 / 64);
    close_to(sign_test(ties, 2), 1);
    close_to(sign_test(ties, 0), 1);
}

/* The step-down of Holm's paper by hand: (n - i) times the i-th smallest, never falling. */
static void test_holm(void **state) {
    (void)state;
    double p[] = {0.04, 0.01, 0.03, 0.005};
    holm_adjust(p, 4);
    close_to(p[3], 0.02);
    close_to(p[1], 0.03);
    close_to(p[2], 0.06);
    close_to(p[0], 0.06);
    double large[] = {0.6, 0.7};
    holm_adjust(large, 2);
    close_to(large[0], 1);
    close_to(large[1], 1);
    double alone[] = {0.03};
    holm_adjust(alone, 1);
    close_to(alone[0], 0.03);
    holm_adjust(NULL, 0);
}

static void test_intervals(void **state) {
    (void)state;
    double x[20];
    for (int i = 0; i < 20; i++) x[i] = 1 + i * 0.01;
    assert_int_equal(family_least(1), 6);
    assert_int_equal(family_least(2), 7);
    assert_int_equal(family_least(20), 10);
    const perflab_summary one = perflab_summarize(x, 20), same = summarize_in_family(x, 20, 1);
    close_to(same.lo, one.lo);
    close_to(same.hi, one.hi);
    /* From the binomial table: n 20, k 5 covers 98.8 %, k 4 99.7 %. */
    const perflab_summary four = summarize_in_family(x, 20, 4),
                          ten = summarize_in_family(x, 20, 10);
    close_to(four.lo, x[4]);
    close_to(four.hi, x[15]);
    close_to(ten.lo, x[3]);
    close_to(ten.hi, x[16]);
    close_to(ten.median, one.median);
    assert_false(summarize_in_family(x, 6, 2).has_interval);
    assert_true(summarize_in_family(x, 7, 2).has_interval);
}

/* Eight candidates that equal the baseline: one is called different in at most 5 % of families. */
static void test_familywise(void **state) {
    (void)state;
    enum { FAMILIES = 2000, CANDIDATES = 8, PROCESSES = 20 };
    perflab_rng rng = {11};
    int corrected = 0, plain = 0, covered = 0;
    for (int f = 0; f < FAMILIES; f++) {
        double p[CANDIDATES];
        bool any = false, adjusted = false, all = true;
        for (int c = 0; c < CANDIDATES; c++) {
            double x[PROCESSES];
            for (int i = 0; i < PROCESSES; i++) x[i] = exp(0.01 * perflab_rng_normal(&rng));
            p[c] = sign_test(x, PROCESSES);
            any = any || p[c] <= FAMILY_ALPHA;
            const perflab_summary s = summarize_in_family(x, PROCESSES, CANDIDATES);
            all = all && s.lo <= 1 && s.hi >= 1;
        }
        holm_adjust(p, CANDIDATES);
        for (int c = 0; c < CANDIDATES; c++) adjusted = adjusted || p[c] <= FAMILY_ALPHA;
        corrected += adjusted;
        plain += any;
        covered += all;
    }
    assert_true(corrected <= FAMILIES / 20);
    assert_true(covered >= FAMILIES * 95 / 100);
    assert_true(plain > FAMILIES / 5); /* without the correction the test would not be one */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sign), cmocka_unit_test(test_holm),
                                       cmocka_unit_test(test_intervals),
                                       cmocka_unit_test(test_familywise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
