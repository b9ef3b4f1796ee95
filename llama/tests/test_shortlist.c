/*
 * test_shortlist.c: the short list of an array holds every token that top-k can keep, and is
 * refused for arrays that are not rows in order of id.
 */
#include "rows/rows.h"
#include "shortlist.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX = 151936 };

static llama_token_data array[MAX];
static float row[MAX], logits[MAX], spare[MAX], sorted[MAX];
static int32_t ids[MAX];

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x > y ? -1 : x < y;
}

static void fill(rows_kind kind, uint64_t seed, int32_t n) {
    rows_fill(kind, seed, row, n);
    for (int32_t i = 0; i < n; i++) {
        array[i] = (llama_token_data){i, row[i], 0.5f};
        sorted[i] = row[i];
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
}

/* Checks the short list for k and returns its length. */
static int32_t check(int32_t n, int32_t k) {
    int32_t kept = plk_shortlist(array, n, k, ids, logits, spare);
    if (kept == 0) return 0;
    assert_true(kept >= k && kept < n);
    int32_t at = 0;
    for (int32_t i = 0; i < n; i++) {
        bool listed = at < kept && ids[at] == i;
        assert_true(listed || row[i] <= sorted[k - 1]);
        if (!listed) continue;
        assert_true(logits[at] == row[i] && row[i] > -INFINITY);
        at++;
    }
    assert_int_equal(at, kept);
    /* every token that is left out is below all that are listed */
    float lowest = INFINITY;
    for (int32_t i = 0; i < kept; i++) lowest = logits[i] < lowest ? logits[i] : lowest;
    assert_true(sorted[kept - 1] == lowest && (kept == n || sorted[kept] < lowest));
    return kept;
}

static void test_rows(void **state) {
    (void)state;
    static const int32_t sizes[] = {130, 1000, 4096, 4159, 50257, 151936};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (int kind = 0; kind < ROWS_KINDS; kind++) {
            fill((rows_kind)kind, s, sizes[s]);
            check(sizes[s], 1);
            check(sizes[s], 40);
            check(sizes[s], 128);
            check(sizes[s], 1000);
        }
    }
}

static void test_is_short(void **state) {
    (void)state;
    static const rows_kind kinds[] = {ROWS_NORMAL, ROWS_PEAKED, ROWS_REAL, ROWS_HALF_MASKED};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        fill(kinds[i], 1, MAX);
        assert_in_range(check(MAX, 1), 1, 64);
        assert_in_range(check(MAX, 40), 40, 2000);
        assert_in_range(check(MAX, 1000), 1000, 20000);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const int32_t places[] = {0, 7, 63, 64, 70000, MAX - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        int32_t at = places[i];
        fill(ROWS_NORMAL, 3, MAX);
        array[at].logit = NAN;
        assert_int_equal(plk_shortlist(array, MAX, 40, ids, logits, spare), 0);
        array[at].logit = -NAN;
        assert_int_equal(plk_shortlist(array, MAX, 40, ids, logits, spare), 0);
        array[at].logit = INFINITY;
        assert_int_equal(plk_shortlist(array, MAX, 40, ids, logits, spare), 0);
        array[at].logit = row[at];
        array[at].id ^= 1;
        assert_int_equal(plk_shortlist(array, MAX, 40, ids, logits, spare), 0);
        array[at].id ^= 1;
        assert_true(plk_shortlist(array, MAX, 40, ids, logits, spare) >= 40);
    }
    /* the last group, which is short here, is checked, too */
    fill(ROWS_NORMAL, 3, 4159);
    array[4158].logit = NAN;
    assert_int_equal(plk_shortlist(array, 4159, 5, ids, logits, spare), 0);
    /* fewer than k above -inf */
    fill(ROWS_ONE_FINITE, 3, MAX);
    assert_int_equal(plk_shortlist(array, MAX, 2, ids, logits, spare), 0);
    assert_int_equal(plk_shortlist(array, MAX, 0, ids, logits, spare), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_is_short),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
