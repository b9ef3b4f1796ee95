/*
 * test_rows.c: what a row may be: float32, binary16, bfloat16; at any alignment of its element;
 * between guard pages and read-only; with a mask; as a list in the caller's order, ascending or
 * descending. The same chain must give what the oracle gives for each.
 */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 12 };

static const int32_t sizes[] = {1, 2, 7, 31, 33, 64, 255, 1000, 4097};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static int32_t make_chain(int which, pluck_stage stages[6]) {
    int32_t n = 0;
    switch (which) {
    case 0:
        stages[n++] = with_greedy();
        return n;
    case 1:
        break;
    case 2:
        stages[n++] = with_top_k(40);
        stages[n++] = with_top_p(0.95f, 0);
        stages[n++] = with_min_p(0.05f, 0);
        stages[n++] = with_temp(0.8f, 0.0f, 1.0f);
        break;
    case 3:
        stages[n++] = with_min_p(0.02f, 0);
        break;
    case 4:
        stages[n++] = with_temp(1.5f, 0.0f, 1.0f);
        stages[n++] = with_top_p(0.99f, 0);
        break;
    case 5:
        stages[n++] = with_typical(0.9f, 1);
        break;
    case 6:
        stages[n++] = with_sigma(1.0f);
        break;
    case 7:
        stages[n++] = with_xtc(1.0f, 0.05f, 1);
        break;
    case 8:
        stages[n++] = with_penalties(32, 1.3f, 0.1f, 0.1f);
        stages[n++] = with_dry(0.8f, 1.75f, 1, 32);
        stages[n++] = with_top_k(20);
        break;
    case 9:
        stages[n++] = with_temp(0.9f, 0.4f, 1.0f);
        break;
    case 10:
        stages[n++] = with_mirostat(2, 4.0f, 0.1f, 100);
        return n;
    default:
        stages[n++] = with_adaptive(0.4f, 0.8f);
        return n;
    }
    stages[n++] = with_dist();
    return n;
}

/* One call of each chain on the row. */
static void run_chains(const pluck_row *row, int32_t n_vocab, uint64_t id) {
    for (int which = 0; which < CHAINS; ++which) {
        pluck_stage stages[6];
        const int32_t n_stages = make_chain(which, stages);
        const pluck_rng_kind rng = (which + (int)id) % 2 ? PLUCK_RNG_PHILOX : PLUCK_RNG_MT19937;
        const pluck_config config = with_chain(n_vocab, 77u + (uint32_t)id, rng, stages, n_stages);
        pair p;
        pair_open(&p, &config);
        p.label = "row";
        p.seed = id * 100u + (uint64_t)which;
        for (int32_t i = 0; i < 12; ++i) pair_accept(&p, (i * 3 % 5) % n_vocab);
        if (pair_step(&p, row, NULL) == CHECK_SAME) pair_step(&p, row, NULL);
        pair_close(&p);
    }
}

/* A row between guard pages: at the end, or `skew` bytes after the page in front. */
static guard guarded_row(pluck_dtype dtype, const float *logits, int32_t n, bool at_end,
                         size_t skew) {
    const size_t bytes = (size_t)n * rows_element_size(dtype);
    guard g = guard_open(bytes + skew, at_end);
    rows_store(dtype, logits, (char *)g.data + skew, n);
    guard_seal(&g);
    return g;
}

static void dtypes_and_guards(void **state) {
    (void)state;
    const rows_kind kinds[] = {ROWS_NORMAL, ROWS_PEAKED, ROWS_REAL, ROWS_TIES, ROWS_HALF_MASKED};
    float logits[4097];
    for (int s = 0; s < SIZES; ++s) {
        for (int d = 0; d < 3; ++d) {
            const int32_t n = sizes[s];
            const pluck_dtype dtype = (pluck_dtype)d;
            rows_fill(kinds[(s + d) % 5], (uint64_t)(s * 3 + d), logits, n);
            for (size_t element = 0; element < 5; ++element) {
                /* At every offset after the front page, or directly before the page behind. */
                const size_t skew = element * rows_element_size(dtype);
                guard g = guarded_row(dtype, logits, n, element == 4, element == 4 ? 0 : skew);
                const pluck_row row = {.logits = (char *)g.data + (element == 4 ? 0 : skew),
                                       .dtype = dtype,
                                       .n = s % 2 ? n : 0};
                run_chains(&row, n, (uint64_t)(s * 100 + d * 10) + element);
                guard_close(&g);
            }
        }
    }
}

static void a_large_row_of_each_dtype(void **state) {
    (void)state;
    enum { N = 151936 };
    float *logits = malloc(N * sizeof *logits);
    assert_non_null(logits);
    for (int d = 0; d < 3; ++d) {
        rows_fill(d == 0 ? ROWS_REAL : d == 1 ? ROWS_NORMAL : ROWS_PEAKED, 3, logits, N);
        guard g = guarded_row((pluck_dtype)d, logits, N, true, 0);
        const pluck_row row = {.logits = g.data, .dtype = (pluck_dtype)d};
        run_chains(&row, N, 7000u + (uint64_t)d);
        guard_close(&g);
    }
    free(logits);
}

static void masks(void **state) {
    (void)state;
    float logits[4097];
    for (int s = 0; s < SIZES; ++s) {
        for (int m = 0; m < ROWS_MASKS; ++m) {
            const int32_t n = sizes[s];
            rows_fill((rows_kind)((s * 5 + m) % ROWS_KINDS), (uint64_t)s, logits, n);
            guard g = guard_open(((size_t)n + 31) / 32 * sizeof(uint32_t), s % 2 == 0);
            rows_mask((rows_mask_kind)m, (uint64_t)(s + 50 * m), logits, g.data, n);
            /* Engines leave garbage in the logits of tokens that are not allowed. */
            for (int32_t t = 0; t < n; ++t) {
                const uint32_t *words = g.data;
                if (!(words[t / 32] >> (t % 32) & 1u)) logits[t] = t % 2 ? NAN : INFINITY;
            }
            guard_seal(&g);
            guard row_guard = guarded_row(PLUCK_DTYPE_F32, logits, n, true, 0);
            const pluck_row row = {.logits = row_guard.data, .allowed = g.data};
            run_chains(&row, n, 20000u + (uint64_t)(s * 10 + m));
            guard_close(&row_guard);
            guard_close(&g);
        }
    }
}

typedef struct listed {
    float logit;
    int32_t id;
} listed;

static int descending_order(const void *a, const void *b) {
    const listed *x = a;
    const listed *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* A list of n of n_vocab tokens: order 0 random, 1 ascending ids, 2 descending logits. */
static void run_list(int32_t n_vocab, int32_t n, int order, pluck_dtype dtype, uint64_t id) {
    int32_t *ids = malloc((size_t)n * sizeof *ids);
    float *logits = malloc((size_t)n * sizeof *logits);
    listed *entries = malloc((size_t)n * sizeof *entries);
    assert_non_null(ids);
    assert_non_null(logits);
    assert_non_null(entries);
    rows_ids(id, n_vocab, ids, n, order == 1);
    rows_fill(id % 3 ? ROWS_NORMAL : ROWS_TIES, id, logits, n);
    if (order == 2) {
        for (int32_t i = 0; i < n; ++i) entries[i] = (listed){logits[i], ids[i]};
        qsort(entries, (size_t)n, sizeof *entries, descending_order);
        for (int32_t i = 0; i < n; ++i) {
            ids[i] = entries[i].id;
            logits[i] = entries[i].logit;
        }
    }
    guard data = guarded_row(dtype, logits, n, id % 2 == 0, 0);
    guard id_guard = guard_open((size_t)n * sizeof *ids, id % 2 == 1);
    memcpy(id_guard.data, ids, (size_t)n * sizeof *ids);
    guard_seal(&id_guard);
    const pluck_row row = {.logits = data.data,
                           .dtype = dtype,
                           .n = n,
                           .ids = id_guard.data,
                           .descending = order == 2};
    run_chains(&row, n_vocab, 40000u + id);
    guard_close(&id_guard);
    guard_close(&data);
    free(entries);
    free(logits);
    free(ids);
}

static void lists(void **state) {
    (void)state;
    uint64_t id = 0;
    for (int order = 0; order < 3; ++order) {
        for (int s = 0; s < SIZES; ++s) {
            const int32_t n = sizes[s];
            /* A descending list may no longer be one after rounding, so it is float32. */
            const pluck_dtype dtype = order == 2 ? PLUCK_DTYPE_F32 : (pluck_dtype)(s % 3);
            run_list(n, n, order, dtype, id++);
            run_list(n + 5, n, order, dtype, id++);
            run_list(32000, n, order, dtype, id++);
        }
    }
}

static void a_masked_list(void **state) {
    (void)state;
    enum { N_VOCAB = 500, N = 200 };
    int32_t ids[N];
    float logits[N];
    uint32_t words[(N_VOCAB + 31) / 32];
    rows_ids(5, N_VOCAB, ids, N, false);
    rows_fill(ROWS_NORMAL, 5, logits, N);
    memset(words, 0, sizeof words);
    for (int i = 0; i < N; i += 3) words[ids[i] / 32] |= 1u << (ids[i] % 32);
    logits[1] = NAN;
    const pluck_row row = {.logits = logits, .n = N, .ids = ids, .allowed = words};
    run_chains(&row, N_VOCAB, 60000);
}

/* The whole row as a list in order of id draws what the row itself draws. */
static void a_list_of_all_is_the_row(void **state) {
    (void)state;
    enum { N = 3000 };
    static float logits[N];
    static int32_t ids[N];
    rows_fill(ROWS_PEAKED, 9, logits, N);
    for (int32_t i = 0; i < N; ++i) ids[i] = i;
    for (int which = 0; which < CHAINS; ++which) {
        pluck_stage stages[6];
        const int32_t n_stages = make_chain(which, stages);
        const pluck_config config = with_chain(N, 4, PLUCK_RNG_MT19937, stages, n_stages);
        pluck_sampler *a = NULL;
        pluck_sampler *b = NULL;
        assert_int_equal(pluck_sampler_create(&a, &config), PLUCK_OK);
        assert_int_equal(pluck_sampler_create(&b, &config), PLUCK_OK);
        const pluck_row whole = {.logits = logits};
        const pluck_row list = {.logits = logits, .n = N, .ids = ids};
        for (int i = 0; i < 50; ++i) {
            pluck_draw x;
            pluck_draw y;
            assert_int_equal(pluck_sample_row(a, &whole, &x), PLUCK_OK);
            assert_int_equal(pluck_sample_row(b, &list, &y), PLUCK_OK);
            assert_int_equal(x.token, y.token);
            assert_int_equal(x.n_candidates, y.n_candidates);
        }
        pluck_sampler_free(a);
        pluck_sampler_free(b);
    }
}

/* A mask with fewer bits than the vocabulary: no word behind it is read, and tokens beyond it are
 * masked. The tokens drawn are those with a full mask that masks the same. */
static void short_masks(void **state) {
    (void)state;
    enum { N = 9001, WORDS = (N + 31) / 32 };
    static const int32_t lengths[] = {1, 31, 32, 33, 63, 64, 65, 640, 5000, 8999, 9000};
    static float logits[N];
    rows_fill(ROWS_NORMAL, 11, logits, N);
    const pluck_stage stages[] = {with_top_p(0.9f, 0), with_dist()};
    const pluck_config config = with_chain(N, 5, PLUCK_RNG_MT19937, stages, 2);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; ++i) {
        const int32_t n = lengths[i];
        const size_t words = (size_t)(n + 31) / 32;
        guard mask = guard_open(words * sizeof(uint32_t), true);
        uint32_t whole[WORDS] = {0};
        rows_random r = {(uint64_t)n};
        for (size_t w = 0; w < words; ++w) whole[w] = (uint32_t)rows_next(&r) | 1u;
        memcpy(mask.data, whole, words * sizeof *whole); /* garbage behind bit n included */
        guard_seal(&mask);
        if (n % 32 != 0) whole[words - 1] &= (1u << n % 32) - 1;
        pluck_sampler *a = NULL, *b = NULL;
        assert_int_equal(pluck_sampler_create(&a, &config), PLUCK_OK);
        assert_int_equal(pluck_sampler_create(&b, &config), PLUCK_OK);
        const pluck_row with_short = {.logits = logits, .allowed = mask.data, .n_allowed = n};
        const pluck_row with_whole = {.logits = logits, .allowed = whole};
        for (int call = 0; call < 20; ++call) {
            pluck_draw x, y;
            assert_int_equal(pluck_sample_row(a, &with_short, &x), PLUCK_OK);
            assert_int_equal(pluck_sample_row(b, &with_whole, &y), PLUCK_OK);
            assert_int_equal(x.token, y.token);
            assert_int_equal(x.n_candidates, y.n_candidates);
            assert_true(x.token < n);
        }
        const pluck_row negative = {.logits = logits, .allowed = whole, .n_allowed = -1};
        pluck_draw untouched = {.token = -7};
        assert_int_equal(pluck_sample_row(a, &negative, &untouched), PLUCK_ERR_SIZE);
        assert_int_equal(untouched.token, -7);
        pluck_sampler_free(a);
        pluck_sampler_free(b);
        guard_close(&mask);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_masks),
        cmocka_unit_test(dtypes_and_guards),
        cmocka_unit_test(a_large_row_of_each_dtype),
        cmocka_unit_test(masks),
        cmocka_unit_test(lists),
        cmocka_unit_test(a_masked_list),
        cmocka_unit_test(a_list_of_all_is_the_row),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
