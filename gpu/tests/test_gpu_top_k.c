/* test_gpu_top_k.c: batched exact top-k: the k best, sorted, the lowest id first among equals. */
#include "rig.h"

#include <math.h>
#include <stdlib.h>

/* Every kind of row for every k, dtype and batch size. */
static void finds_the_k_best(void **state) {
    static const int32_t ks[] = {1, 2, 40, 64, 65, 300, 2048};
    static const int32_t batch_sizes[] = {1, 2, 7, 64};
    const int32_t n_vocab = 6007;
    float *logits = malloc(64 * (size_t)n_vocab * sizeof *logits);
    rig_row rows[64];
    rig r;
    (void)state;
    assert_non_null(logits);
    rig_open(&r, n_vocab, 64, 2048);
    for (size_t c = 0; c < sizeof ks / sizeof *ks; c++) {
        const int32_t n = batch_sizes[c % 4];
        const pluck_stage stages[] = {
            with_top_k(ks[c] < r.max_candidates ? ks[c] : r.max_candidates)};
        const pluck_config config = with_chain(n_vocab, 1, PLUCK_RNG_PHILOX, stages, 1);
        for (int dtype = 0; dtype < 3; dtype++) {
            for (int32_t i = 0; i < n; i++) {
                float *row = logits + (size_t)i * (size_t)n_vocab;
                rows_fill((rows_kind)((i + (int)c * 5 + dtype) % ROWS_KINDS),
                          (uint64_t)(i + 50 * dtype), row, n_vocab);
                rows[i] = (rig_row){.logits = row, .config = &config};
            }
            rig_run(&r, rows, n, (pluck_dtype)dtype, dtype == 1 ? 3 : 0);
            rig_check(&r, rows);
        }
    }
    rig_close(&r);
    free(logits);
}

/* One row of each kind at the size of today's models, with a small list. */
static void full_vocabulary(void **state) {
    const int32_t n_vocab = 151936;
    const pluck_stage stages[] = {with_top_k(40)};
    const pluck_config config = with_chain(n_vocab, 1, PLUCK_RNG_PHILOX, stages, 1);
    float *logits = malloc(ROWS_KINDS * (size_t)n_vocab * sizeof *logits);
    rig_row rows[ROWS_KINDS];
    rig r;
    (void)state;
    assert_non_null(logits);
    for (int i = 0; i < ROWS_KINDS; i++) {
        float *row = logits + (size_t)i * (size_t)n_vocab;
        rows_fill((rows_kind)i, 11, row, n_vocab);
        rows[i] = (rig_row){.logits = row, .config = &config};
    }
    rig_open(&r, n_vocab, ROWS_KINDS, 64);
    rig_run(&r, rows, ROWS_KINDS, PLUCK_DTYPE_F32, 0);
    rig_check(&r, rows);
    rig_run(&r, rows, 1, PLUCK_DTYPE_BF16, 0); /* one row over many groups */
    rig_check(&r, rows);
    rig_close(&r);
    free(logits);
}

/* Masks, bias, penalties and a different k for each row; a mask that leaves fewer than k. */
static void mixed_rows(void **state) {
    enum { N = 5000, ROWS = 20 };
    pluck_logit_bias biases[ROWS][3];
    pluck_stage stages[ROWS][3];
    pluck_config configs[ROWS];
    static float logits[ROWS][N];
    static uint32_t masks[ROWS][(N + 31) / 32];
    static const int32_t history[] = {1, 2, 3, 2, 4999, 0, 17, 2};
    rig_row rows[ROWS];
    rows_random random = {3};
    rig r;
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        rows_fill((rows_kind)(i % ROWS_KINDS), (uint64_t)i, logits[i], N);
        for (int b = 0; b < 3; b++) {
            biases[i][b].token = (int32_t)rows_below(&random, N);
            biases[i][b].bias = b == 2 ? -INFINITY : 30.0f;
        }
        stages[i][0] = with_bias(biases[i], 3);
        stages[i][1] = with_penalties(8, 1.5f, 0.1f, 0.2f);
        stages[i][2] = with_top_k(1 + 7 * i);
        configs[i] = with_chain(N, 1, PLUCK_RNG_PHILOX, stages[i], 3);
        rows_mask((rows_mask_kind)(i % ROWS_MASKS), (uint64_t)i, logits[i], masks[i], N);
        rows[i] = (rig_row){.logits = logits[i],
                            .mask = i % 4 ? masks[i] : NULL,
                            .config = &configs[i],
                            .history = history,
                            .n_history = 8};
    }
    rig_open(&r, N, ROWS, 200);
    rig_run(&r, rows, ROWS, PLUCK_DTYPE_F32, 0);
    rig_check(&r, rows);
    rig_run(&r, rows, ROWS, PLUCK_DTYPE_F16, 5);
    rig_check(&r, rows);
    rig_close(&r);
}

/* Cuts without a top-k hand back the candidates left, or report that there are too many. */
static void cutoffs_hand_back_what_is_left(void **state) {
    enum { N = 8000, ROWS = 9 };
    pluck_stage stages[ROWS][4];
    pluck_config configs[ROWS];
    static float logits[ROWS][N];
    rig_row rows[ROWS];
    rig r;
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        int32_t n = 0;
        rows_fill(i == 8  ? ROWS_EQUAL
                  : i % 2 ? ROWS_PEAKED
                          : ROWS_NORMAL,
                  (uint64_t)i, logits[i], N);
        if (i % 3 == 0) stages[i][n++] = with_temp(0.7f, 0.0f, 1.0f);
        if (i % 3 != 1) stages[i][n++] = with_min_p(0.05f, 0);
        if (i % 3 != 2) stages[i][n++] = with_top_p(0.9f, 1);
        stages[i][n++] = with_typical(0.9f, 1);
        configs[i] = with_chain(N, 1, PLUCK_RNG_PHILOX, stages[i], n);
        rows[i] = (rig_row){.logits = logits[i], .config = &configs[i]};
    }
    rig_open(&r, N, ROWS, 1000);
    rig_run(&r, rows, ROWS, PLUCK_DTYPE_F32, 0);
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(pluck_gpu_plan_placement(r.plans[i]), PLUCK_GPU_CANDIDATES);
    assert_int_equal(r.results[8].status, PLUCK_GPU_ERR_OVERFLOW); /* the flat row */
    assert_int_equal(r.results[1].status, PLUCK_OK);
    rig_check(&r, rows);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_k_best), cmocka_unit_test(full_vocabulary),
        cmocka_unit_test(mixed_rows), cmocka_unit_test(cutoffs_hand_back_what_is_left)};
    if (rig_may_skip()) return RIG_NO_DEVICE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
