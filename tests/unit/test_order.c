/*
 * test_order.c: the sorts of positions and of candidates (src/order.h) against the definition of each order, for
 * lengths on both sides of the limits between its methods, on values that tie, whose distances
 * differ by less than float's precision, and that are the worst case of a comparison sort.
 */
#include "check.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 6000 };

typedef enum shape {
    RANDOM,
    FEW_VALUES,
    ZEROS,
    EQUAL,
    ASCENDING,
    ORGAN_PIPE,
    FAR,
    BFLOAT,
    CLIPPED,
    CLUSTERS,
    TINY,
    SHAPES
} shape;

static float value(shape s, rows_random *r, int32_t i, int32_t n) {
    switch (s) {
    case FEW_VALUES:
        return (float)rows_below(r, 5) - 2.0f;
    case ZEROS:
        return rows_below(r, 2) ? 0.0f : -0.0f;
    case EQUAL:
        return 3.0f;
    case ASCENDING:
        return (float)i;
    case ORGAN_PIPE:
        return (float)(i < n / 2 ? i : n - i);
    case FAR: /* some near the centre, the others nearly equally far from it */
        return rows_below(r, 10) == 0 ? 1e9f : (float)rows_gauss(r);
    case BFLOAT: /* of both signs, with few bits */
        return rintf((float)(40.0 * rows_gauss(r))) / 8.0f;
    case CLIPPED: /* zeros of both signs below the others */
        return rows_below(r, 2) ? (float)rows_uniform(r) : value(ZEROS, r, i, n);
    case CLUSTERS: /* 300 narrow ones, so that many distances are the same when rounded */
        return (float)rows_below(r, 300) + 1e-4f * (float)rows_uniform(r);
    case TINY: /* so near to each other that their distances are out of range */
        return (float)(1e-39 * rows_gauss(r));
    default:
        return (float)(5.0 * rows_gauss(r));
    }
}

static int32_t ids[MOST], positions[MOST];
static float x[MOST];

static void check_sort(candidate_order order, shape s, int32_t n, uint64_t seed) {
    static bool seen[MOST];
    rows_random r = {seed};
    for (int32_t i = 0; i < n; ++i) {
        x[i] = value(s, &r, i, n);
        ids[i] = positions[i] = i;
    }
    for (int32_t i = n - 1; i > 0; --i) { /* the ids are in no order */
        const int32_t j = (int32_t)rows_below(&r, (uint32_t)i + 1);
        const int32_t held = ids[i];
        ids[i] = ids[j];
        ids[j] = held;
    }
    const ordering o = {ids, x, order, s == FAR ? 1e9 : 0.37};
    pk_sort_index(&o, positions, n);
    memset(seen, 0, sizeof seen);
    for (int32_t i = 0; i < n; ++i) {
        assert_in_range(positions[i], 0, n - 1);
        assert_false(seen[positions[i]]);
        seen[positions[i]] = true;
        if (i > 0) assert_true(pk_order_before(&o, positions[i - 1], positions[i]));
    }
    assert_true(pk_is_sorted(&o, positions, n));

    /* The candidates themselves come to the same places. */
    static int32_t moved_ids[MOST], room_ids[MOST];
    static float moved_x[MOST], room_x[MOST];
    memcpy(moved_ids, ids, sizeof ids);
    memcpy(moved_x, x, sizeof x);
    pk_sort_candidates(order, o.centre, moved_ids, moved_x, n, room_ids, room_x);
    for (int32_t i = 0; i < n; ++i) {
        assert_int_equal(moved_ids[i], ids[positions[i]]);
        assert_memory_equal(&moved_x[i], &x[positions[i]], sizeof *x);
    }
}

static void sorts(void **state) {
    (void)state;
    static const int32_t lengths[] = {1, 2, 16, 17, 63, 64, 65, 500, 1023, 1024, 1025, MOST};
    static const candidate_order orders[] = {ORDER_ID, ORDER_DESCENDING, ORDER_NEAR};
    for (size_t o = 0; o < sizeof orders / sizeof *orders; ++o)
        for (int s = 0; s < SHAPES; ++s)
            for (size_t k = 0; k < sizeof lengths / sizeof *lengths; ++k)
                check_sort(orders[o], (shape)s, lengths[k], 7 * k + (uint64_t)s);
}

static int descending(const void *a, const void *b) {
    const float l = *(const float *)a, r = *(const float *)b;
    return (l < r) - (l > r);
}

/* The k-th greatest by digits, and by halving, and values sorted in place, against a sort. */
static void selections(void **state) {
    (void)state;
    static float sorted[MOST], used[MOST];
    static const int32_t lengths[] = {1, 2, 3, 100, 512, MOST};
    for (int s = 0; s < SHAPES; ++s)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; ++l) {
            const int32_t n = lengths[l];
            rows_random r = {(uint64_t)s + 10 * l};
            for (int32_t i = 0; i < n; ++i) sorted[i] = x[i] = value((shape)s, &r, i, n);
            qsort(sorted, (size_t)n, sizeof *sorted, descending);
            for (int32_t k = 1; k <= n; k += 1 + n / 7) {
                memcpy(used, x, (size_t)n * sizeof *used);
                assert_true(pk_kth_greatest(used, n, k) == sorted[k - 1]);
                assert_true(pk_kth_of_few(x, n, k) == sorted[k - 1]);
            }
            memcpy(used, x, (size_t)n * sizeof *used);
            pk_sort_values(used, n, NULL);
            for (int32_t i = 0; i < n; ++i) assert_true(used[i] == sorted[i]);
            static float room[MOST];
            memcpy(used, x, (size_t)n * sizeof *used);
            pk_sort_values(used, n, room);
            for (int32_t i = 0; i < n; ++i) assert_true(used[i] == sorted[i]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sorts), cmocka_unit_test(selections)};
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
