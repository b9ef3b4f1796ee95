/* test_gpu_argmax.c: batched argmax, bare and with parameters. */
#include "rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int32_t batch_sizes[] = {1, 2, 7, 64};

/* Every kind of row, every dtype and batch size, aligned rows and rows that are not. */
static void finds_the_maximum(void **state) {
    const int32_t n_vocab = 3001;
    const pluck_stage stages[] = {with_greedy()};
    const pluck_config config = with_chain(n_vocab, 1, PLUCK_RNG_PHILOX, stages, 1);
    float *logits = malloc(64 * (size_t)n_vocab * sizeof *logits);
    rig_row rows[64];
    rig r;
    (void)state;
    assert_non_null(logits);
    rig_open(&r, n_vocab, 64, 0);
    for (int dtype = 0; dtype < 3; dtype++) {
        for (size_t b = 0; b < sizeof batch_sizes / sizeof *batch_sizes; b++) {
            const int32_t n = batch_sizes[b];
            for (int32_t i = 0; i < n; i++) {
                float *row = logits + (size_t)i * (size_t)n_vocab;
                rows_fill((rows_kind)((i + (int)b * 3) % ROWS_KINDS), (uint64_t)(i + 100 * dtype),
                          row, n_vocab);
                rows[i] = (rig_row){.logits = row, .config = &config};
            }
            rig_run(&r, rows, n, (pluck_dtype)dtype, b % 2 ? 7 : 0);
            rig_check(&r, rows);
        }
    }
    rig_close(&r);
    free(logits);
}

/* Vocabularies around the sizes of vectors, words and tiles. */
static void any_vocabulary(void **state) {
    static const int32_t sizes[] = {1, 2, 3, 31, 33, 255, 1023, 1024, 1025, 32000, 151936};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const pluck_stage stages[] = {with_greedy()};
        const pluck_config config = with_chain(sizes[s], 1, PLUCK_RNG_PHILOX, stages, 1);
        float *logits = malloc(2 * (size_t)sizes[s] * sizeof *logits);
        rig_row rows[2];
        rig r;
        assert_non_null(logits);
        rig_open(&r, sizes[s], 2, 0);
        for (int32_t i = 0; i < 2; i++) {
            float *row = logits + (size_t)i * (size_t)sizes[s];
            rows_fill(ROWS_NORMAL, s * 2 + (uint64_t)i, row, sizes[s]);
            rows[i] = (rig_row){.logits = row, .config = &config};
        }
        for (int dtype = 0; dtype < 3; dtype++) {
            rig_run(&r, rows, 2, (pluck_dtype)dtype, 0);
            rig_check(&r, rows);
        }
        rig_close(&r);
        free(logits);
    }
}

/* A row that cannot be sampled fails alone; equal maxima fall to the lowest id; -0 equals 0. */
static void bad_rows_fail_alone(void **state) {
    enum { N = 5000, ROWS = 6 };
    const pluck_stage stages[] = {with_greedy()};
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_PHILOX, stages, 1);
    static float logits[ROWS][N];
    static uint32_t mask[(N + 31) / 32];
    rig_row rows[ROWS];
    rig r;
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        rows_fill(ROWS_NORMAL, (uint64_t)i, logits[i], N);
        rows[i] = (rig_row){.logits = logits[i], .config = &config};
    }
    logits[1][4321] = NAN;
    for (int t = 0; t < N; t++) logits[2][t] = -INFINITY;
    logits[3][10] = logits[3][4999] = 100.0f;
    for (int t = 0; t < N; t++) logits[4][t] = t % 2 ? 0.0f : -0.0f;
    memset(mask, 0xFF, sizeof mask); /* a masked NaN does not matter */
    logits[5][77] = NAN;
    mask[77 / 32] &= ~(1u << (77 % 32));
    rows[5].mask = mask;
    rig_open(&r, N, ROWS, 0);
    rig_run(&r, rows, ROWS, PLUCK_DTYPE_F32, 0);
    assert_int_equal(r.results[0].status, 0);
    assert_int_equal(r.results[1].status, PLUCK_ERR_NAN);
    assert_int_equal(r.results[1].token, -1);
    assert_int_equal(r.results[2].status, PLUCK_ERR_EMPTY);
    assert_int_equal(r.results[3].token, 10);
    assert_int_equal(r.results[4].token, 0);
    assert_int_equal(r.results[5].status, 0);
    rig_check(&r, rows);
    rig_close(&r);
}

/* Bias, penalties and masks reach the argmax, each row its own. */
static void edits_and_masks(void **state) {
    enum { N = 4000, ROWS = 16 };
    pluck_logit_bias biases[ROWS][5];
    pluck_stage stages[ROWS][3];
    pluck_config configs[ROWS];
    static float logits[ROWS][N];
    static uint32_t masks[ROWS][(N + 31) / 32];
    int32_t history[ROWS][40];
    rig_row rows[ROWS];
    rows_random random = {7};
    rig r;
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        rows_fill((rows_kind)(i % ROWS_KINDS), (uint64_t)i, logits[i], N);
        for (int b = 0; b < 5; b++) {
            biases[i][b].token = (int32_t)rows_below(&random, N);
            biases[i][b].bias = b == 4 ? -INFINITY : (float)rows_gauss(&random) * 20.0f;
        }
        biases[i][3].token = biases[i][2].token; /* adds up */
        for (int h = 0; h < 40; h++)
            history[i][h] =
                (int32_t)(h % 3 ? rows_below(&random, N) : (uint32_t)biases[i][h % 5].token);
        stages[i][i % 2] = with_bias(biases[i], 5);
        stages[i][1 - i % 2] = with_penalties(30, 1.3f, 0.5f, 1.0f);
        stages[i][2] = with_greedy();
        configs[i] = with_chain(N, 1, PLUCK_RNG_PHILOX, stages[i], 3);
        rows_mask((rows_mask_kind)(i % ROWS_MASKS), (uint64_t)i, logits[i], masks[i], N);
        rows[i] = (rig_row){.logits = logits[i],
                            .mask = i % 3 ? masks[i] : NULL,
                            .config = &configs[i],
                            .history = history[i],
                            .n_history = 40};
    }
    rig_open(&r, N, ROWS, 0);
    rig_run(&r, rows, ROWS, PLUCK_DTYPE_F32, 0);
    rig_check(&r, rows);
    rig_run(&r, rows, ROWS, PLUCK_DTYPE_BF16, 0);
    rig_check(&r, rows);
    rig_close(&r);
}

/* Without parameters for the rows: the call an engine makes for plain greedy decoding. */
static void bare_call(void **state) {
    enum { N = 9001, ROWS = 7 };
    static float logits[ROWS][N];
    pluck_gpu_result mine[ROWS];
    pluck_gpu_call call;
    uint64_t ticket;
    rig r;
    (void)state;
    for (int i = 0; i < ROWS; i++) rows_fill((rows_kind)i, (uint64_t)i, logits[i], N);
    rig_open(&r, N, ROWS, 0);
    memset(&call, 0, sizeof call);
    call.logits.data = (void *)rig_upload(&r, logits, sizeof logits);
    call.logits.n_rows = ROWS - 2;
    call.logits.offset = 2 * N * sizeof(float); /* from the third row on */
    call.results = mine;
    call.stream = r.stream;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_OK);
    assert_int_equal(pluck_gpu_wait(r.batch, ticket, NULL), PLUCK_GPU_OK);
    for (int i = 0; i < ROWS - 2; i++) {
        int32_t best = 0;
        for (int32_t t = 1; t < N; t++)
            if (logits[i + 2][t] > logits[i + 2][best]) best = t;
        assert_int_equal(mine[i].status, 0);
        assert_int_equal(mine[i].token, best);
    }
    r.device->api->memory_free(r.device, (gpu_memory)call.logits.data);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_maximum), cmocka_unit_test(any_vocabulary),
        cmocka_unit_test(bad_rows_fail_alone), cmocka_unit_test(edits_and_masks),
        cmocka_unit_test(bare_call)};
    if (rig_may_skip()) return RIG_NO_DEVICE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
