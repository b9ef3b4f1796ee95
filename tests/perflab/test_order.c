/*
 * test_order.c - the fitted order of growth, with noise, with a constant, and where two fit alike.
 */
#include "order.h"
#include "perflab.h"
#include "with_cmocka.h"

#include <math.h>
#include <string.h>

enum { SIZES = 11 };

static double growth(int order, double n) {
    const double f[ORDERS] = {1, log2(n), n, n * log2(n), n * n, n * n * n};
    return f[order];
}

/* Times of sizes 1000, 2000 ... with `constant` and relative noise. */
static void times(int order, double constant, double noise, perflab_rng *rng, double *size,
                  double *time) {
    for (int i = 0; i < SIZES; i++) {
        size[i] = 1000 * pow(2, i);
        time[i] = (constant + growth(order, size[i])) * exp(noise * perflab_rng_normal(rng));
    }
}

static void test_orders(void **state) {
    (void)state;
    static const char *const names[ORDERS] = {"1", "log n", "n", "n log n", "n^2", "n^3"};
    static const double exponent[ORDERS] = {0, 0.07, 1, 1.07, 2, 3};
    perflab_rng rng = {4};
    for (int order = 0; order < ORDERS; order++) {
        for (int trial = 0; trial < 20; trial++) {
            double size[SIZES], time[SIZES];
            order_fit fits[ORDERS];
            char words[48];
            /* Every second time the constant is as large as the smallest time. */
            const double constant = order > 0 && trial % 2 == 1 ? growth(order, 1000) : 0;
            times(order, constant, 0.005, &rng, size, time);
            assert_true(order_fit_all(size, time, SIZES, fits));
            order_words(fits, words);
            assert_string_equal(fits[0].name, names[order]);
            assert_string_equal(words, names[order]);
            assert_true(fabs((order == 0 ? fits[0].constant : fits[0].factor) - 1) < 0.1);
            assert_true(fits[0].error < 0.01);
            const double got = order_exponent(size, time, SIZES);
            assert_true(fabs(got - exponent[order]) < 0.05);
        }
    }
}

static void test_close(void **state) {
    (void)state;
    perflab_rng rng = {4};
    double size[SIZES], time[SIZES];
    order_fit fits[ORDERS];
    char words[48];
    /* With much noise, n and n log n cannot be told apart, and both are named. */
    int both = 0;
    for (int trial = 0; trial < 20; trial++) {
        times(2, 0, 0.3, &rng, size, time);
        assert_true(order_fit_all(size, time, SIZES, fits));
        order_words(fits, words);
        both += strcmp(words, "n or n log n") == 0 || strcmp(words, "n log n or n") == 0;
    }
    assert_true(both > 10);
    assert_false(order_fit_all(size, time, ORDER_LEAST - 1, fits));
    /* Times that fall fit no growth: the constant is left. */
    for (int i = 0; i < SIZES; i++) time[i] = 1 / size[i];
    assert_true(order_fit_all(size, time, SIZES, fits));
    assert_true(fits[0].factor == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orders), cmocka_unit_test(test_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
