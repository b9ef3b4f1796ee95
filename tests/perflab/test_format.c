/*
 * test_format.c - numbers as text: digits, units, and no two that contradict each other.
 */
#include "format.h"
#include "perflab.h"
#include "with_cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *ratio(double median, double lo, double hi) {
    static char out[FORMAT_ROOM];
    const perflab_summary s = {.n = 10, .median = median, .has_interval = true, .lo = lo, .hi = hi};
    format_ratio(out, &s);
    return out;
}

static const char *time_of(double us) {
    static char out[FORMAT_ROOM];
    format_time(out, us);
    return out;
}

static void test_ratio(void **state) {
    (void)state;
    assert_string_equal(ratio(1.0249, 1.0221, 1.0279), "1.025x [1.022, 1.028]");
    assert_string_equal(ratio(1.02, 1.0001, 1.04), "1.02x [1.00, 1.04]");
    assert_string_equal(ratio(8.11, 3.1, 13.28), "8.1x [3.1, 13.3]");
    assert_string_equal(ratio(0.0031, 0.003, 0.0032), "0.0031x [0.0030, 0.0032]");
    assert_string_equal(ratio(2, 2, 2), "2.000x [2.000, 2.000]");
    assert_string_equal(ratio(140, 120, 160), "140x [120, 160]");
    const perflab_summary few = {.n = 3, .median = 1.234567};
    char out[FORMAT_ROOM];
    format_ratio(out, &few);
    assert_string_equal(out, "1.23x (n=3, no interval)");
    format_ratio(out, &(perflab_summary){0});
    assert_string_equal(out, "-");
}

/*
 * Random numbers as text: the median lies in the interval, only 0 is printed as 0, and if the
 * interval excludes 1 by more than a tenth of its width, so does its text.
 */
static void test_no_contradiction(void **state) {
    (void)state;
    perflab_rng rng = {7};
    for (int i = 0; i < 100000; i++) {
        const double median = exp(8 * perflab_rng_normal(&rng));
        const double lo = median * exp(-0.1 * exp(3 * perflab_rng_normal(&rng)));
        const double hi = median * exp(0.1 * exp(3 * perflab_rng_normal(&rng)));
        const perflab_summary s = {
            .n = 10, .median = median, .has_interval = true, .lo = lo, .hi = hi};
        char m[32], l[32], h[32];
        if (median < 1e-6 || median > 1e9 || lo < 1e-9) continue;
        format_ratio_parts(m, l, h, &s);
        const double x = strtod(m, NULL), a = strtod(l, NULL), b = strtod(h, NULL);
        assert_true(a <= x && x <= b);
        assert_true(x > 0);
        const double width = hi - lo;
        assert_true(fabs(x - median) <= 0.06 * width + 0.06 * median);
        if (lo > 1 + 0.06 * width && median < 1e3) assert_true(a >= 1);
        if (hi < 1 - 0.06 * width && median > 1e-3) assert_true(b <= 1);
    }
}

static void test_time(void **state) {
    (void)state;
    assert_string_equal(time_of(0.00203), "2.03 ns");
    assert_string_equal(time_of(0.0002), "0.200 ns");
    assert_string_equal(time_of(45.23), "45.2 us");
    assert_string_equal(time_of(999.9), "1.00 ms");
    assert_string_equal(time_of(999.4), "999 us");
    assert_string_equal(time_of(8910), "8.91 ms");
    assert_string_equal(time_of(41.2e6), "41.2 s");
    char out[FORMAT_ROOM];
    const perflab_summary s = {.n = 10, .mean = 0.002, .stddev = 0.000012};
    format_times(out, &s);
    assert_string_equal(out, "2.000 +- 0.012 ns");
    const perflab_summary still = {.n = 10, .mean = 0.002, .stddev = 0};
    format_times(out, &still);
    assert_string_equal(out, "2.0000 +- 0.0000 ns");
}

static void test_rate(void **state) {
    (void)state;
    char out[FORMAT_ROOM];
    format_rate(out, 100, 1e6, 0);
    assert_string_equal(out, "10.0 GB/s");
    format_rate(out, 100, 0, 2500);
    assert_string_equal(out, "25.0 Mop/s");
    format_rate(out, 100, 0, 0);
    assert_string_equal(out, "");
    format_span(out, 40);
    assert_string_equal(out, "40 s");
    format_span(out, 2400);
    assert_string_equal(out, "40 min");
    format_span(out, 9000);
    assert_string_equal(out, "2.5 h");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ratio),
                                       cmocka_unit_test(test_no_contradiction),
                                       cmocka_unit_test(test_time), cmocka_unit_test(test_rate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
