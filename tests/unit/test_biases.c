/*
 * test_biases.c: merging biases to one for each token, against a sum over the list for each token.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "pluck_blocks.h"

enum { MOST = 3000 };

static pluck_logit_bias given[MOST], merged[MOST];

static void check_merge(int32_t n) {
    memcpy(merged, given, sizeof merged);
    const int32_t left = pluck_merge_biases(merged, n);
    assert_in_range(left, n > 0, n);
    int32_t in_list = 0;
    for (int32_t i = 0; i < left; i++) {
        if (i > 0) assert_true(merged[i - 1].token < merged[i].token);
        double sum = 0.0, magnitude = 0.0;
        bool masked = false;
        for (int32_t k = 0; k < n; k++) {
            if (given[k].token != merged[i].token) continue;
            in_list++;
            masked |= given[k].bias == -INFINITY;
            sum += (double)given[k].bias;
            magnitude += fabs((double)given[k].bias);
        }
        if (masked || fabs(sum) > (double)FLT_MAX)
            assert_true(merged[i].bias == (masked || sum < 0.0 ? -INFINITY : INFINITY));
        else
            assert_true(fabs((double)merged[i].bias - sum) <=
                        0x1p-24 * fabs(sum) + 0x1p-50 * magnitude + 0x1p-149);
    }
    assert_int_equal(in_list, n);
    /* Merging again changes nothing. */
    static pluck_logit_bias again[MOST];
    memcpy(again, merged, sizeof again);
    assert_int_equal(pluck_merge_biases(again, left), left);
    assert_memory_equal(again, merged, (size_t)left * sizeof *again);
}

static int32_t token_of(int shape, int32_t i, int32_t n, rows_random *r) {
    switch (shape) {
    case 0:
        return (int32_t)rows_below(r, 10);
    case 1:
        return (int32_t)rows_below(r, 151936);
    case 2:
        return i % (n / 2 + 1) * 3; /* two ascending halves */
    case 3:
        return n - i;
    case 4:
        return i;
    case 5:
        return 77;
    default:
        return (int32_t)rows_next(r); /* any, also below 0 */
    }
}

static void merges(void **state) {
    (void)state;
    rows_random r = {8};
    const int32_t counts[] = {0, 1, 2, 15, 16, 17, 33, 500, MOST};
    for (int c = 0; c < 9; c++)
        for (int shape = 0; shape < 7; shape++) {
            const int32_t n = counts[c];
            for (int32_t i = 0; i < n; i++) {
                given[i].token = token_of(shape, i, n, &r);
                given[i].bias = (float)rows_gauss(&r) * 10.0f;
                if (rows_below(&r, 50) == 0) given[i].bias = -INFINITY;
                if (rows_below(&r, 50) == 0) given[i].bias = rows_below(&r, 2) ? FLT_MAX : -FLT_MAX;
            }
            check_merge(n);
        }
}

/* -inf masks whatever is added to it, even +inf (which creation refuses). */
static void masks(void **state) {
    (void)state;
    const float sets[][3] = {{FLT_MAX, FLT_MAX, -INFINITY},
                             {-INFINITY, FLT_MAX, FLT_MAX},
                             {FLT_MAX, -INFINITY, FLT_MAX},
                             {-INFINITY, -INFINITY, 1.0f},
                             {INFINITY, -INFINITY, 1.0f}};
    for (int s = 0; s < 5; s++) {
        pluck_logit_bias b[3];
        for (int i = 0; i < 3; i++) b[i] = (pluck_logit_bias){5, sets[s][i]};
        assert_int_equal(pluck_merge_biases(b, 3), 1);
        assert_int_equal(b[0].token, 5);
        assert_true(b[0].bias == -INFINITY);
    }
    pluck_logit_bias high[2] = {{5, FLT_MAX}, {5, FLT_MAX}};
    assert_int_equal(pluck_merge_biases(high, 2), 1);
    assert_true(high[0].bias == INFINITY);
    assert_int_equal(pluck_merge_biases(NULL, 3), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(merges), cmocka_unit_test(masks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
