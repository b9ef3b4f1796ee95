/*
 * test_blocks.c: the building blocks of pluck_blocks.h, each against its definition in long double
 * or a simple loop, on rows of all kinds and lengths, and with input that they must refuse.
 */
#include "check.h"
#include "pluck_blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 40000 };

static float x[MOST];
static float out[MOST + 16];
static int32_t ids[MOST + 16];
static const size_t lengths[] = {1, 2, 7, 31, 33, 64, 65, 1000, 4097, MOST};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

typedef struct exact {
    size_t argmax;
    long double max, lse, entropy;
    size_t n_infinite;
} exact;

static exact exact_of(size_t n) {
    exact e = {0, -INFINITY, 0.0L, 0.0L, 0};
    for (size_t i = 0; i < n; ++i) {
        if ((long double)x[i] > e.max) {
            e.max = (long double)x[i];
            e.argmax = i;
        }
        e.n_infinite += x[i] == INFINITY;
    }
    if (e.n_infinite) {
        e.lse = INFINITY;
        e.entropy = logl((long double)e.n_infinite);
        return e;
    }
    long double sum = 0.0L;
    long double moment = 0.0L;
    for (size_t i = 0; i < n; ++i) {
        if (x[i] == -INFINITY) continue;
        const long double d = (long double)x[i] - e.max;
        sum += expl(d);
        moment += expl(d) * d;
    }
    e.lse = e.max + logl(sum);
    e.entropy = logl(sum) - moment / sum;
    return e;
}

static void check_row(size_t n, const char *kind) {
    const exact e = exact_of(n);
    size_t at = n;
    assert_int_equal(pluck_argmax(x, n, &at), PLUCK_OK);
    assert_int_equal(at, e.argmax);

    double lse = 0.0;
    assert_int_equal(pluck_logsumexp(x, n, &lse), PLUCK_OK);
    const double want = (double)e.lse;
    /* Near 0 the value is a small difference, so the rounding of its terms limits the accuracy. */
    const double allowed = 1e-6 * fmax(fabs(want), 1e-1);
    if (lse != want && !(fabs(lse - want) <= allowed)) {
        fail_msg("%s, %zu: lse %.17g, wanted %.17g", kind, n, lse, want);
    }

    double entropy = 0.0;
    assert_int_equal(pluck_entropy(x, n, &entropy), PLUCK_OK);
    if (!(fabs(entropy - (double)e.entropy) <= 1e-6 * fmax(1.0, (double)e.entropy))) {
        fail_msg("%s, %zu: entropy %.17g, wanted %.17g", kind, n, entropy, (double)e.entropy);
    }

    assert_int_equal(pluck_softmax(x, n, out), PLUCK_OK);
    for (size_t i = 0; i < n; ++i) {
        long double p = e.n_infinite ? 0.0L : expl((long double)x[i] - e.lse);
        if (x[i] == INFINITY) p = 1.0L / (long double)e.n_infinite;
        if (!(fabsl((long double)out[i] - p) <= 3e-6L * p + 1e-37L)) {
            fail_msg("%s, %zu: softmax[%zu] %.9g, wanted %.9Lg", kind, n, i, (double)out[i], p);
        }
    }
}

static void rows(void **state) {
    (void)state;
    for (int k = 0; k < ROWS_KINDS; ++k) {
        for (int l = 0; l < LENGTHS; ++l) {
            rows_fill((rows_kind)k, (uint64_t)l, x, (int32_t)lengths[l]);
            check_row(lengths[l], rows_name((rows_kind)k));
        }
    }
}

/* A million equal terms: a running float sum stops growing at 2^24 times the term. */
static void what_naive_sums_get_wrong(void **state) {
    (void)state;
    const size_t n = 33554432;
    float *many = calloc(n, sizeof *many);
    assert_non_null(many);
    double r = 0.0;
    assert_int_equal(pluck_logsumexp(many, n, &r), PLUCK_OK);
    assert_true(fabs(r - log((double)n)) < 1e-6 * r);
    assert_int_equal(pluck_entropy(many, n, &r), PLUCK_OK);
    assert_true(fabs(r - log((double)n)) < 1e-6 * r);
    free(many);
}

static void refusals(void **state) {
    (void)state;
    const float bad[3] = {1.0f, NAN, 2.0f};
    const float none[3] = {-INFINITY, -INFINITY, -INFINITY};
    double r = 5.0;
    size_t at = 9;
#define REFUSES(status, data, n)                                                                   \
    assert_int_equal(pluck_argmax(data, n, &at), status);                                          \
    assert_int_equal(pluck_logsumexp(data, n, &r), status);                                        \
    assert_int_equal(pluck_entropy(data, n, &r), status);                                          \
    assert_int_equal(pluck_softmax(data, n, out), status)
    REFUSES(PLUCK_ERR_NAN, bad, 3);
    REFUSES(PLUCK_ERR_EMPTY, none, 3);
    REFUSES(PLUCK_ERR_NULL, NULL, 3);
    REFUSES(PLUCK_ERR_SIZE, bad, 0);
#undef REFUSES
    assert_int_equal(pluck_argmax(x, 3, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_logsumexp(x, 3, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_entropy(x, 3, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_softmax(x, 3, NULL), PLUCK_ERR_NULL);
    assert_true(r == 5.0 && at == 9);
}

static void elements(void **state) {
    (void)state;
    rows_fill(ROWS_NORMAL, 1, x, 1000);
    pluck_exp(x, 1000, out);
    for (int i = 0; i < 1000; ++i) {
        assert_true(fabs((double)out[i] / exp((double)x[i]) - 1.0) < 2.4e-7);
    }
    pluck_log(out, 1000, out); /* in place */
    for (int i = 0; i < 1000; ++i) assert_true(fabs((double)(out[i] - x[i])) < 4e-6);
    pluck_scale(x, 1000, 0.7f, out);
    for (int i = 0; i < 1000; ++i) assert_true(out[i] == x[i] * 0.7f);
}

static int by_value(const void *a, const void *b) {
    const int32_t i = *(const int32_t *)a;
    const int32_t j = *(const int32_t *)b;
    if (x[i] != x[j]) return x[i] > x[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

static void top_k(void **state) {
    (void)state;
    static int32_t order[MOST];
    pluck_workspace *w = NULL;
    assert_int_equal(pluck_workspace_create(&w, MOST, NULL), PLUCK_OK);
    for (int k = 0; k < ROWS_KINDS; ++k) {
        for (int l = 0; l < LENGTHS; ++l) {
            const int32_t n = (int32_t)lengths[l];
            rows_fill((rows_kind)k, 3, x, n);
            int32_t alive = 0;
            /* If there is +inf, nothing else counts. */
            float lowest = -INFINITY;
            for (int32_t i = 0; i < n; ++i) {
                if (x[i] == INFINITY) lowest = 1e38f;
            }
            for (int32_t i = 0; i < n; ++i) {
                if (x[i] > lowest) order[alive++] = i;
            }
            qsort(order, (size_t)alive, sizeof *order, by_value);
            const int32_t tops[] = {1, 2, 40, 1000, n};
            for (int t = 0; t < 5; ++t) {
                const int32_t wanted = tops[t] < n ? tops[t] : n;
                int32_t got = -1;
                assert_int_equal(pluck_top_k(w, x, n, wanted, ids, out, &got), PLUCK_OK);
                assert_int_equal(got, wanted < alive ? wanted : alive);
                for (int32_t i = 0; i < got; ++i) {
                    assert_int_equal(ids[i], order[i]);
                    assert_true(out[i] == x[order[i]]);
                }
            }
        }
    }
    int32_t got = -1;
    assert_int_equal(pluck_top_k(w, x, 10, 11, ids, out, &got), PLUCK_ERR_SIZE);
    assert_int_equal(pluck_top_k(w, x, 10, 0, ids, out, &got), PLUCK_ERR_SIZE);
    assert_int_equal(pluck_top_k(NULL, x, 10, 1, ids, out, &got), PLUCK_ERR_NULL);
    assert_int_equal(pluck_top_k(w, x, MOST + 1, 1, ids, out, &got), PLUCK_ERR_WORKSPACE);
    pluck_workspace_free(w);
}

static void filter(void **state) {
    (void)state;
    rows_fill(ROWS_HALF_MASKED, 3, x, 1000);
    x[500] = NAN;
    x[40] = x[990] = INFINITY; /* in a whole group, and in the rest after the last */
    const float cuts[] = {-INFINITY, -3.0f, 0.0f, x[7], 1e30f, INFINITY};
    for (int c = 0; c < 6; ++c) {
        const int32_t n = pluck_filter(x, 1000, cuts[c], ids, out);
        int32_t at = 0;
        for (int32_t i = 0; i < 1000; ++i) {
            if (!(x[i] >= cuts[c]) || x[i] == -INFINITY) continue;
            assert_int_equal(ids[at], i);
            assert_true(out[at] == x[i]);
            ++at;
        }
        assert_int_equal(n, at);
    }
    /* Nothing is at or above NaN, in the loop over groups and in the loop over the rest. */
    assert_int_equal(pluck_filter(x, 1000, NAN, ids, out), 0);
    assert_int_equal(pluck_filter(x, 30, NAN, ids, out), 0);
    assert_int_equal(pluck_filter(x, 0, 0.0f, ids, out), 0);
    assert_int_equal(pluck_filter(x, -1, 0.0f, ids, out), 0);
    assert_int_equal(pluck_filter(NULL, 1000, 0.0f, ids, out), 0);
    assert_int_equal(pluck_filter(x, 1000, 0.0f, NULL, out), 0);
    assert_int_equal(pluck_filter(x, 1000, 0.0f, ids, NULL), 0);
}

static void token_data(void **state) {
    (void)state;
    static pluck_token_data data[1000];
    rows_fill(ROWS_NORMAL, 3, x, 1000);
    for (int32_t n = 0; n <= 1000; n += n < 40 ? 1 : 96) {
        memset(data, 0x7f, sizeof data);
        pluck_token_data_fill(x, n, data);
        for (int32_t i = 0; i < n; ++i) {
            assert_true(data[i].id == i && data[i].logit == x[i] && data[i].p == 0.0f);
        }
        if (n < 1000) assert_int_equal(data[n].id, 0x7f7f7f7f);
    }
}

static void ring(void **state) {
    (void)state;
    const int32_t capacities[] = {1, 2, 7, 64, 100};
    for (int c = 0; c < 5; ++c) {
        pluck_token_ring *t = NULL;
        const int32_t n = capacities[c];
        int32_t pushed[600];
        rows_random r = {(uint64_t)c};
        assert_int_equal(pluck_token_ring_create(&t, n, NULL), PLUCK_OK);
        for (int32_t i = 0; i < 600; ++i) {
            if (i == 300) {
                pluck_token_ring_clear(t);
                assert_int_equal(pluck_token_ring_size(t), 0);
            }
            pushed[i] = (int32_t)rows_below(&r, 9) * 1000003;
            assert_int_equal(pluck_token_ring_push(t, pushed[i]), PLUCK_OK);
            const int32_t held = i % 300 + 1 < n ? i % 300 + 1 : n;
            assert_int_equal(pluck_token_ring_size(t), held);
            int32_t counts[9] = {0};
            for (int32_t back = 0; back < held; ++back) {
                assert_int_equal(pluck_token_ring_back(t, back), pushed[i - back]);
                ++counts[pushed[i - back] / 1000003];
            }
            assert_int_equal(pluck_token_ring_back(t, held), -1);
            int32_t distinct = 0;
            int32_t tokens[100];
            int32_t told[100];
            const int32_t n_distinct = pluck_token_ring_distinct(t, tokens, told);
            for (int32_t k = 0; k < 9; ++k) {
                assert_int_equal(pluck_token_ring_count(t, k * 1000003), counts[k]);
                if (!counts[k]) continue;
                assert_int_equal(tokens[distinct], k * 1000003);
                assert_int_equal(told[distinct++], counts[k]);
            }
            assert_int_equal(distinct, n_distinct);
            const int32_t asked = (int32_t)rows_below(&r, 110);
            const int32_t told_n = pluck_token_ring_recent(t, asked, tokens);
            assert_int_equal(told_n, asked < held ? asked : held);
            for (int32_t k = 0; k < told_n; ++k)
                assert_int_equal(tokens[k], pushed[i + 1 - told_n + k]);
        }
        assert_int_equal(pluck_token_ring_push(t, -1), PLUCK_ERR_TOKEN);
        assert_int_equal(pluck_token_ring_count(t, 5), 0);
        pluck_token_ring_free(t);
    }
    pluck_token_ring *t = NULL;
    assert_int_equal(pluck_token_ring_recent(NULL, 3, NULL), 0);
    assert_int_equal(pluck_token_ring_create(&t, 0, NULL), PLUCK_ERR_SIZE);
    assert_int_equal(pluck_token_ring_create(&t, 1048577, NULL), PLUCK_ERR_SIZE);
    assert_int_equal(pluck_token_ring_create(NULL, 5, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_token_ring_push(NULL, 5), PLUCK_ERR_NULL);
    pluck_token_ring_free(NULL);
    assert_null(t);
}

/* A ring that gets batches of any length, against one that gets one token at a time. */
static void ring_batches(void **state) {
    (void)state;
    enum { LONGEST = 100 };
    const int32_t capacities[] = {1, 7, 64};
    for (int c = 0; c < 3; ++c) {
        pluck_token_ring *one = NULL;
        pluck_token_ring *many = NULL;
        rows_random r = {(uint64_t)c};
        assert_int_equal(pluck_token_ring_create(&one, capacities[c], NULL), PLUCK_OK);
        assert_int_equal(pluck_token_ring_create(&many, capacities[c], NULL), PLUCK_OK);
        for (int round = 0; round < 200; ++round) {
            int32_t batch[LONGEST];
            const int32_t n = (int32_t)rows_below(&r, LONGEST + 1);
            for (int32_t i = 0; i < n; ++i) {
                batch[i] = (int32_t)rows_below(&r, 12);
                assert_int_equal(pluck_token_ring_push(one, batch[i]), PLUCK_OK);
            }
            assert_int_equal(pluck_token_ring_push_n(many, batch, n), PLUCK_OK);
            int32_t tokens[2][LONGEST];
            const int32_t held = pluck_token_ring_recent(one, LONGEST, tokens[0]);
            assert_int_equal(pluck_token_ring_recent(many, LONGEST, tokens[1]), held);
            assert_memory_equal(tokens[0], tokens[1], (size_t)held * sizeof **tokens);
            for (int32_t token = 0; token < 12; ++token)
                assert_int_equal(pluck_token_ring_count(many, token),
                                 pluck_token_ring_count(one, token));
        }
        const int32_t size = pluck_token_ring_size(many);
        const int32_t newest = pluck_token_ring_back(many, 0);
        const int32_t bad[] = {3, 4, -1};
        assert_int_equal(pluck_token_ring_push_n(many, bad, 3), PLUCK_ERR_TOKEN);
        assert_int_equal(pluck_token_ring_push_n(many, bad, -1), PLUCK_ERR_SIZE);
        assert_int_equal(pluck_token_ring_push_n(many, NULL, 1), PLUCK_ERR_NULL);
        assert_int_equal(pluck_token_ring_push_n(NULL, bad, 1), PLUCK_ERR_NULL);
        assert_int_equal(pluck_token_ring_push_n(many, NULL, 0), PLUCK_OK);
        assert_int_equal(pluck_token_ring_size(many), size);
        assert_int_equal(pluck_token_ring_back(many, 0), newest);
        pluck_token_ring_free(one);
        pluck_token_ring_free(many);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),         cmocka_unit_test(what_naive_sums_get_wrong),
        cmocka_unit_test(refusals),     cmocka_unit_test(elements),
        cmocka_unit_test(top_k),        cmocka_unit_test(filter),
        cmocka_unit_test(token_data),   cmocka_unit_test(ring),
        cmocka_unit_test(ring_batches),
    };
    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
