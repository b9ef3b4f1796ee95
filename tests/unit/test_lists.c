/*
 * test_lists.c: random chains on lists of candidates that are as long as rows, against the oracle: in
 * any order and by id, of all kinds of values, equals among them, and of all types. A long list is taken
 * for a row, whose equals are not by id unless the list is.
 */
#include "random_chain.h"
#include "rows/trials.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VOCAB = 60000 };

static float values[VOCAB];
static char raw[VOCAB * sizeof(float)];
static int32_t ids[VOCAB];

static int ascending(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a;
    const int32_t y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* A list of a vocabulary; one in two has few values, so that there are equals everywhere. */
static pluck_row list_of(rows_random *r, int32_t n_vocab) {
    const uint32_t least = n_vocab < 200 ? 1 : 100;
    const int32_t n = (int32_t)(least + rows_below(r, (uint32_t)n_vocab - least + 1));
    const pluck_dtype dtype = (pluck_dtype)rows_below(r, 3);
    /* Of values as far apart as ROWS_HUGE's the second one has no mass that is not rounding. */
    rows_fill((rows_kind)rows_below(r, ROWS_HUGE), rows_next(r) >> 40, values, n);
    const float step = rows_below(r, 2) ? 1.0f : 0.125f;
    if (rows_below(r, 2))
        for (int32_t i = 0; i < n; ++i)
            values[i] = isfinite(values[i]) ? step * roundf(values[i] / step) : values[i];
    rows_store(dtype, values, raw, n);
    rows_ids(rows_next(r), n_vocab, ids, n, false);
    if (rows_below(r, 3) == 0) qsort(ids, (size_t)n, sizeof *ids, ascending);
    return (pluck_row){.logits = raw, .dtype = dtype, .n = n, .ids = ids};
}

static void run_many(uint64_t first, int chains, int32_t low, int32_t high, double least) {
    int calls = 0, same = 0;
    for (int i = 0; i < chains; ++i) {
        rows_random r = {first + (uint64_t)i};
        const int32_t n_vocab = low + (int32_t)rows_below(&r, (uint32_t)(high - low + 1));
        static random_chain chain;
        random_chain_make(&chain, first + (uint64_t)i, n_vocab);
        pair p;
        pair_open(&p, &chain.config);
        p.label = "list";
        p.seed = first + (uint64_t)i;
        random_chain_calls(&p, &r, n_vocab, list_of, &calls, &same);
        pair_close(&p);
    }
    print_message("%d chains, V %d to %d: %d calls, %d the same\n", chains, low, high, calls, same);
    assert_true(same >= least * calls);
}

static void of_hundreds(void **state) {
    (void)state;
    run_many(1000, trials_of(1200), 130, 4000, 0.95);
}

/* So long that much of a list is left as a row. */
static void of_tens_of_thousands(void **state) {
    (void)state;
    run_many(20000, trials_of(100), 30000, VOCAB, 0.85);
}

/* One stage that orders, and the draw from what it leaves. */
static void ordered(void **state) {
    (void)state;
    const pluck_stage orders[] = {
        with_top_k(20000),
        with_top_k(1 << 20),
        with_top_p(0.5f, 0),
        with_top_p(0.999f, 0),
        with_top_p(0.7f, 25000),
        with_typical(0.5f, 0),
        with_typical(0.95f, 2),
        with_xtc(1.0f, 1e-5f, 0),
        with_min_k(20.0f),
        with_tfs(0.95f, 0, 0),
        with_top_h(0.9f),
        with_min_p(1e-4f, 22000),
        with_mirostat(2, 20.0f, 0.1f, 100),
        with_mirostat(1, 12.0f, 0.1f, 100),
        with_skew(1.0f),
    };
    const int n_orders = sizeof orders / sizeof *orders;
    for (int i = 0; i < trials_of(4 * n_orders); ++i) {
        rows_random r = {(uint64_t)i + 77};
        const pluck_stage *of = &orders[i % n_orders];
        const pluck_stage stages[] = {*of, with_dist()};
        const bool selects = of->kind == PLUCK_STAGE_MIROSTAT ||
                             of->kind == PLUCK_STAGE_MIROSTAT_V2 || of->kind == PLUCK_STAGE_SKEW;
        const pluck_rng_kind rng = i / n_orders % 2 ? PLUCK_RNG_PHILOX : PLUCK_RNG_MT19937;
        const pluck_config config = with_chain(VOCAB, (uint32_t)i, rng, stages, selects ? 1 : 2);
        int calls = 0, same = 0;
        pair p;
        pair_open(&p, &config);
        p.label = "ordered list";
        p.seed = (uint64_t)i;
        random_chain_calls(&p, &r, VOCAB, list_of, &calls, &same);
        pair_close(&p);
        assert_true(calls > 0);
    }
}

/* A list may be gone when its candidates are read, but for its logits. */
static void ids_may_be_gone(void **state) {
    (void)state;
    rows_random r = {5};
    const pluck_stage stages[] = {with_dist()};
    const pluck_config config = with_chain(4000, 1, PLUCK_RNG_MT19937, stages, 1);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    for (int32_t i = 0; i < 3000; ++i) values[i] = (float)rows_gauss(&r);
    rows_ids(9, 4000, ids, 3000, false);
    int32_t *passed = malloc(3000 * sizeof *passed);
    assert_non_null(passed);
    memcpy(passed, ids, 3000 * sizeof *passed);
    pluck_draw draw;
    const pluck_row row = {.logits = values, .n = 3000, .ids = passed};
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_OK);
    free(passed);
    pluck_candidates left;
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(s), &left), PLUCK_OK);
    assert_int_equal(left.n, 3000);
    assert_memory_equal(left.ids, ids, 3000 * sizeof *ids);
    assert_int_equal(left.ids[left.selected], draw.token);
    pluck_sampler_free(s);
}

static void wrong_ids(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_greedy()};
    const pluck_config config = with_chain(4000, 1, PLUCK_RNG_MT19937, stages, 1);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    const int32_t wrong[] = {-1, 4000, INT32_MAX, INT32_MIN};
    for (int k = 0; k < 4; ++k)
        for (int32_t at = 0; at < 1000; at += 333) {
            for (int32_t i = 0; i < 1000; ++i) ids[i] = i;
            for (int32_t i = 0; i < 1000; ++i) values[i] = 0.0f;
            ids[at] = wrong[k];
            const pluck_row row = {.logits = values, .n = 1000, .ids = ids};
            pluck_draw draw;
            assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_ERR_TOKEN);
        }
    pluck_sampler_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_hundreds), cmocka_unit_test(of_tens_of_thousands),
        cmocka_unit_test(ordered),     cmocka_unit_test(ids_may_be_gone),
        cmocka_unit_test(wrong_ids),
    };
    return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
