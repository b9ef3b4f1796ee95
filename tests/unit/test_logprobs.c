/*
 * test_logprobs.c: the top log-probabilities of a row against the oracle's sorted ones.
 */
#include "check.h"

#include <math.h>
#include <stdlib.h>

typedef struct reference {
    int32_t *ids;
    double *logprobs;
    int32_t n;
} reference;

/* Checks the first n_top of one row and the logprob of a token near rank `rank`. */
static void check_row(const pluck_row *row, const reference *want, int32_t n_top, int32_t rank) {
    guard ids_guard = guard_open((size_t)n_top * sizeof(int32_t), true);
    guard top_guard = guard_open((size_t)n_top * sizeof(float), true);
    const int32_t *ids = ids_guard.data;
    const float *logprobs = top_guard.data;
    const int32_t token = want->ids[rank < want->n ? rank : want->n - 1];
    const double token_want = want->logprobs[rank < want->n ? rank : want->n - 1];
    int32_t n = -1;
    float one = NAN;
    assert_int_equal(
        pluck_top_logprobs(row, n_top, ids_guard.data, top_guard.data, &n, token, &one), PLUCK_OK);
    assert_int_equal(n, n_top < want->n ? n_top : want->n);
    for (int32_t i = 0; i < n; ++i) {
        assert_int_equal(ids[i], want->ids[i]);
        const double tolerance = 2e-6 * fmax(1.0, fabs(want->logprobs[i]));
        if (fabs((double)logprobs[i] - want->logprobs[i]) > tolerance) {
            fail_msg("rank %d: %.9g, wanted %.9g", i, (double)logprobs[i], want->logprobs[i]);
        }
    }
    assert_true(fabs((double)one - token_want) <= 2e-6 * fmax(1.0, fabs(token_want)));
    guard_close(&ids_guard);
    guard_close(&top_guard);
}

static void run(int32_t n_vocab, bool all_kinds) {
    float *logits = malloc((size_t)n_vocab * sizeof *logits);
    void *stored = malloc((size_t)n_vocab * sizeof *logits);
    uint32_t *words = malloc(((size_t)n_vocab + 31) / 32 * sizeof *words);
    reference want = {malloc((size_t)n_vocab * sizeof(int32_t)),
                      malloc((size_t)n_vocab * sizeof(double)), 0};
    pluck_workspace *workspace = NULL;
    assert_int_equal(pluck_workspace_create(&workspace, n_vocab, NULL), PLUCK_OK);
    assert_true(logits && stored && words && want.ids && want.logprobs);
    for (int k = 0; k < (all_kinds ? (int)ROWS_KINDS : 3); ++k) {
        rows_fill((rows_kind)k, 3u + (uint64_t)n_vocab, logits, n_vocab);
        const pluck_dtype dtype = (pluck_dtype)(k % 3);
        rows_store(dtype, logits, stored, n_vocab);
        pluck_row row = {.logits = stored, .dtype = dtype, .n = n_vocab, .workspace = workspace};
        if (k % 4 == 3) {
            rows_mask(ROWS_MASK_FEW, (uint64_t)k, logits, words, n_vocab);
            row.allowed = words;
        }
        want.n = oracle_logprobs(&row, n_vocab, want.ids, want.logprobs);
        const int32_t tops[] = {0, 1, 5, 20, 200, n_vocab};
        for (int i = 0; i < 6; ++i) {
            if (tops[i] <= n_vocab) check_row(&row, &want, tops[i], i * 37);
        }
    }
    pluck_workspace_free(workspace);
    free(want.ids);
    free(want.logprobs);
    free(words);
    free(stored);
    free(logits);
}

static void small_rows(void **state) {
    (void)state;
    run(1, true);
    run(2, true);
    run(33, true);
    run(1000, true);
}

static void large_rows(void **state) {
    (void)state;
    run(32000, true);
    run(151936, false);
}

static void a_masked_token(void **state) {
    (void)state;
    const float logits[4] = {1.0f, -INFINITY, 2.0f, 3.0f};
    const uint32_t allowed = 7u; /* not token 3 */
    pluck_workspace *workspace = NULL;
    assert_int_equal(pluck_workspace_create(&workspace, 4, NULL), PLUCK_OK);
    const pluck_row row = {.logits = logits, .n = 4, .allowed = &allowed, .workspace = workspace};
    float logprob = 0.0f;
    int32_t n = -1;
    int32_t ids[4];
    float top[4];
    assert_int_equal(pluck_top_logprobs(&row, 4, ids, top, &n, 1, &logprob), PLUCK_OK);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 2);
    assert_int_equal(ids[1], 0);
    assert_true(logprob == -INFINITY);
    assert_int_equal(pluck_top_logprobs(&row, 0, NULL, NULL, NULL, 3, &logprob), PLUCK_OK);
    assert_true(logprob == -INFINITY);
    pluck_workspace_free(workspace);
}

/* Reading logprobs between two draws changes neither. */
static void leaves_the_sampler_alone(void **state) {
    (void)state;
    enum { N = 500 };
    float logits[N];
    rows_fill(ROWS_NORMAL, 2, logits, N);
    const pluck_stage stages[] = {with_top_p(0.9f, 0), with_dist()};
    const pluck_config config = with_chain(N, 8, PLUCK_RNG_MT19937, stages, 2);
    pluck_sampler *a = NULL;
    pluck_sampler *b = NULL;
    assert_int_equal(pluck_sampler_create(&a, &config), PLUCK_OK);
    assert_int_equal(pluck_sampler_create(&b, &config), PLUCK_OK);
    const pluck_row row = {.logits = logits, .n = N, .workspace = pluck_sampler_workspace(a)};
    for (int i = 0; i < 100; ++i) {
        int32_t x;
        int32_t y;
        float p;
        assert_int_equal(pluck_top_logprobs(&row, 0, NULL, NULL, NULL, i, &p), PLUCK_OK);
        assert_int_equal(pluck_sample(a, logits, &x), PLUCK_OK);
        assert_int_equal(pluck_sample(b, logits, &y), PLUCK_OK);
        assert_int_equal(x, y);
    }
    pluck_sampler_free(a);
    pluck_sampler_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_rows),
        cmocka_unit_test(large_rows),
        cmocka_unit_test(a_masked_token),
        cmocka_unit_test(leaves_the_sampler_alone),
    };
    return cmocka_run_group_tests_name("logprobs", tests, NULL, NULL);
}
