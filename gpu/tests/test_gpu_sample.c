/* test_gpu_sample.c: whole chains on the device against the oracle, and goodness
 * of fit of the draw. */
#include "rig.h"
#include "rows/trials.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fills a chain of truncations and temperatures in random order, then dist. */
static int32_t random_chain(rows_random *random, pluck_stage *stages) {
    int32_t n = 0;
    const uint32_t length = rows_below(random, 6);
    for (uint32_t i = 0; i < length; i++) {
        switch (rows_below(random, 6)) {
        case 0:
            stages[n++] =
                with_top_k((int32_t)rows_below(random, rows_below(random, 2) ? 60 : 3000));
            break;
        case 1:
            stages[n++] = with_top_p((float)rows_uniform(random),
                                     rows_below(random, 4) ? 0 : (int32_t)rows_below(random, 80));
            break;
        case 2:
            stages[n++] = with_min_p((float)pow(rows_uniform(random), 3),
                                     rows_below(random, 4) ? 0 : (int32_t)rows_below(random, 80));
            break;
        case 3:
            stages[n++] = with_sigma((float)(rows_uniform(random) * 4.0));
            break;
        default:
            stages[n++] = with_temp((float)(0.2 + 1.8 * rows_uniform(random)), 0.0f, 1.0f);
            break;
        }
    }
    stages[n++] = with_dist();
    return n;
}

/* Random chains, rows, masks and edits, mixed within each batch. */
static void random_chains(void **state) {
    enum { N = 5003, ROWS = 64, ROUNDS = 12 };
    static pluck_stage stages[ROWS][8];
    static pluck_config configs[ROWS];
    static float logits[ROWS][N];
    static uint32_t masks[ROWS][(N + 31) / 32];
    static const int32_t history[] = {5, 6, 7, 5, 5, 4000, 5002, 0};
    static const int32_t batch_sizes[] = {64, 1, 7, 2};
    rig_row rows[ROWS];
    rows_random random = {1234};
    int32_t checked = 0;
    rig r;
    (void)state;
    rig_open(&r, N, ROWS, 128);
    for (int round = 0; round < ROUNDS; round++) {
        const int32_t n_rows = batch_sizes[round % 4];
        for (int i = 0; i < n_rows; i++) {
            int32_t n = 0;
            rows_fill((rows_kind)rows_below(&random, ROWS_KINDS), rows_next(&random), logits[i], N);
            if (rows_below(&random, 3) == 0) stages[i][n++] = with_penalties(8, 1.2f, 0.3f, 0.1f);
            n += random_chain(&random, stages[i] + n);
            rows[i] =
                rig_random_row(&random, logits[i], N, history, stages[i], n, &configs[i], masks[i]);
        }
        rig_run(&r, rows, n_rows, (pluck_dtype)(round % 3), round % 5 == 4 ? 1 : 0);
        rig_check(&r, rows);
        checked += n_rows;
    }
    /* If more than a tenth were excused, the comparison would show little. */
    assert_true(r.n_excused * 10 < checked);
    rig_close(&r);
}

/* The chains that people use, at full size, on the three rows that are always measured. */
static void usual_chains(void **state) {
    enum { N = 151936, CHAINS = 9 };
    pluck_stage stages[CHAINS][5];
    pluck_config configs[CHAINS];
    float *logits = malloc(3 * (size_t)N * sizeof *logits);
    rig_row rows[3 * CHAINS];
    int32_t n[CHAINS] = {0};
    rig r;
    (void)state;
    assert_non_null(logits);
    stages[0][n[0]++] = with_dist();
    stages[1][n[1]++] = with_top_k(40);
    stages[1][n[1]++] = with_top_p(0.95f, 0);
    stages[1][n[1]++] = with_min_p(0.05f, 0);
    stages[1][n[1]++] = with_temp(0.8f, 0.0f, 1.0f);
    stages[2][n[2]++] = with_top_p(0.95f, 0);
    stages[3][n[3]++] = with_min_p(0.05f, 0);
    stages[4][n[4]++] = with_sigma(1.0f);
    stages[5][n[5]++] = with_temp(1.5f, 0.0f, 1.0f);
    stages[5][n[5]++] = with_top_p(0.99f, 0);
    stages[6][n[6]++] = with_top_p(0.95f, 0);
    stages[6][n[6]++] = with_min_p(0.05f, 0);
    stages[6][n[6]++] = with_temp(0.8f, 0.0f, 1.0f);
    stages[7][n[7]++] = with_sigma(3.0f);
    stages[7][n[7]++] = with_top_k(1000);
    stages[8][n[8]++] = with_top_k(3000);
    stages[8][n[8]++] = with_top_p(0.999f, 0);
    stages[8][n[8]++] = with_temp(2.0f, 0.0f, 1.0f);
    for (int kind = 0; kind < 3; kind++)
        rows_fill((rows_kind)kind, 5, logits + (size_t)kind * N, N);
    for (int i = 0; i < 3 * CHAINS; i++) {
        const int c = i / 3;
        if (i % 3 == 0) {
            if (c > 0) stages[c][n[c]++] = with_dist();
            configs[c] = with_chain(N, 99, PLUCK_RNG_PHILOX, stages[c], n[c]);
        }
        rows[i] = (rig_row){.logits = logits + (size_t)(i % 3) * N,
                            .config = &configs[c],
                            .seed = 99,
                            .position = (uint64_t)i};
    }
    rig_open(&r, N, 3 * CHAINS, 1024);
    rig_run(&r, rows, 3 * CHAINS, PLUCK_DTYPE_F32, 0);
    rig_check(&r, rows);
    rig_run(&r, rows, 3 * CHAINS, PLUCK_DTYPE_BF16, 0);
    rig_check(&r, rows);
    rig_close(&r);
    free(logits);
}

/* Up to 10^6 draws over 50 tokens have the right frequencies by the chi-squared test; and each is
 * libpluck's own draw for the same seed and position, except for one in a million at most. */
static void goodness_of_fit(void **state) {
    enum { N = 50, ROWS = 1000 };
    const int calls = !rig_is_emulated()      ? trials_of(1000)
                      : rig_device()->wg > 16 ? 2
                                              : 20; /* lanes in plain C are slow */
    const pluck_stage stages[] = {with_dist()};
    const pluck_config config = with_chain(N, 77, PLUCK_RNG_PHILOX, stages, 1);
    pluck_sampler *sampler;
    int32_t different = 0;
    float logits[N];
    double p[N], total = 0.0, chi2 = 0.0;
    static int32_t counts[N];
    pluck_gpu_row params[ROWS];
    pluck_gpu_plan *plan;
    pluck_gpu_call call;
    gpu_memory memory;
    rig r;
    (void)state;
    rows_fill(ROWS_NORMAL, 8, logits, N);
    for (int t = 0; t < N; t++) total += p[t] = exp((double)(logits[t] /= 3.0f));
    rig_open(&r, N, ROWS, 0);
    assert_int_equal(pluck_gpu_plan_create(&plan, &config, NULL), PLUCK_GPU_OK);
    assert_int_equal(pluck_sampler_create(&sampler, &config), PLUCK_OK);
    /* All rows are equal. A stride may not be smaller than a row, so the row is
     * repeated in memory. */
    {
        float *repeated = malloc(ROWS * sizeof logits);
        assert_non_null(repeated);
        for (int i = 0; i < ROWS; i++) memcpy(repeated + (size_t)i * N, logits, sizeof logits);
        memory = rig_upload(&r, repeated, ROWS * sizeof logits);
        free(repeated);
    }
    memset(&call, 0, sizeof call);
    memset(params, 0, sizeof params);
    call.logits.data = (void *)memory;
    call.logits.n_rows = ROWS;
    call.rows = params;
    for (int c = 0; c < calls; c++) {
        const pluck_gpu_result *results;
        uint64_t ticket;
        for (int i = 0; i < ROWS; i++) {
            params[i].plan = plan;
            params[i].seed = 77;
            params[i].position = (uint64_t)c * ROWS + (uint64_t)i;
        }
        assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_OK);
        assert_int_equal(pluck_gpu_wait(r.batch, ticket, &results), PLUCK_GPU_OK);
        for (int i = 0; i < ROWS; i++) {
            int32_t token;
            assert_int_equal(results[i].status, 0);
            counts[results[i].token]++;
            assert_int_equal(pluck_sampler_seek(sampler, params[i].position), PLUCK_OK);
            assert_int_equal(pluck_sample(sampler, logits, &token), PLUCK_OK);
            different += token != results[i].token;
        }
    }
    for (int t = 0; t < N; t++) {
        const double expected = p[t] / total * ROWS * calls;
        chi2 += (counts[t] - expected) * (counts[t] - expected) / expected;
    }
    /* 49 degrees of freedom: above 98 once in 25,000. The seed is fixed, so every
     * run gives the same. */
    assert_true(chi2 < 98.0);
    assert_true(different <= 1);
    pluck_sampler_free(sampler);
    r.device->api->memory_free(r.device, memory);
    pluck_gpu_plan_free(plan);
    rig_close(&r);
}

/* Squares of these logits overflow or vanish in float, or cancel; in every place of a chain where a
 * deviation is computed. */
static void deviations_of_any_magnitude(void **state) {
    enum { N = 5003, CHAINS = 5, KINDS = 6 };
    static const float scales[KINDS] = {1e-42f, 1e-20f, 1.0f, 1e-3f, 1e18f, 5e36f};
    static const float offsets[KINDS] = {0.0f, 1e-17f, 1e4f, 3000.0f, -1e20f, 0.0f};
    static float logits[KINDS][N];
    pluck_stage stages[CHAINS][5];
    pluck_config configs[CHAINS * KINDS];
    rig_row rows[CHAINS * KINDS];
    int32_t n[CHAINS] = {0};
    rows_random random = {77};
    rig r;
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) /* a few far below: other scales in other tiles */
        for (int t = 0; t < N; t++)
            logits[kind][t] = scales[kind] * (float)rows_gauss(&random) +
                              offsets[kind] * (t % 1000 == 999 ? 2.0f : 1.0f);
    stages[0][n[0]++] = with_sigma(1.5f); /* survey */
    stages[1][n[1]++] = with_sigma(1.5f); /* select */
    stages[1][n[1]++] = with_top_k(100);
    stages[2][n[2]++] = with_top_k(4000); /* reduce */
    stages[2][n[2]++] = with_sigma(0.5f);
    stages[3][n[3]++] = with_top_k(200); /* finish */
    stages[3][n[3]++] = with_sigma(0.7f);
    stages[4][n[4]++] = with_sigma(2.5f); /* both */
    stages[4][n[4]++] = with_sigma(0.6f);
    rig_open(&r, N, CHAINS * KINDS, 128);
    for (int c = 0; c < CHAINS; c++) stages[c][n[c]++] = with_dist();
    for (int i = 0; i < CHAINS * KINDS; i++) {
        const int kind = i / CHAINS, c = i % CHAINS;
        pluck_stage *own = stages[c];
        configs[i] = with_chain(N, 5, PLUCK_RNG_PHILOX, own, n[c]);
        rows[i] = (rig_row){
            .logits = logits[kind], .config = &configs[i], .seed = 5, .position = (uint64_t)i};
    }
    rig_run(&r, rows, CHAINS * KINDS, PLUCK_DTYPE_F32, 0);
    rig_check(&r, rows);
    assert_true(r.n_excused == 0);
    rig_close(&r);
}

/* The same call a hundred times over gives the same bytes, alone and among other rows. */
static void runs_are_identical(void **state) {
    enum { N = 20000, ROWS = 7 };
    const pluck_stage stages[3][4] = {{with_top_k(50), with_temp(1.3f, 0.0f, 1.0f), with_dist()},
                                      {with_top_p(0.98f, 0), with_dist()},
                                      {with_sigma(2.0f), with_dist()}};
    static const int32_t lengths[3] = {3, 2, 2};
    pluck_config configs[3];
    static float logits[ROWS][N];
    pluck_gpu_result first[ROWS];
    rig_row rows[ROWS];
    rig r;
    (void)state;
    for (int c = 0; c < 3; c++)
        configs[c] = with_chain(N, 3, PLUCK_RNG_PHILOX, stages[c], lengths[c]);
    for (int i = 0; i < ROWS; i++) {
        rows_fill((rows_kind)i, 21, logits[i], N);
        rows[i] =
            (rig_row){.logits = logits[i], .config = &configs[i % 3], .seed = 3, .position = 9};
    }
    rig_open(&r, N, ROWS, 0);
    for (int run = 0; run < (rig_is_emulated() ? 5 : trials_of(100)); run++) {
        rig_run(&r, rows, ROWS, PLUCK_DTYPE_F32, 0);
        if (run == 0) memcpy(first, r.results, sizeof first);
        assert_memory_equal(first, r.results, sizeof first);
    }
    for (int i = 0; i < ROWS; i++) {
        rig_run(&r, rows + i, 1, PLUCK_DTYPE_F32, 0);
        assert_memory_equal(first + i, r.results, sizeof *first);
    }
    rig_close(&r);
}

/* NaN and empty rows among good ones, along every route. */
static void bad_rows_fail_alone(void **state) {
    enum { N = 5000, ROUTES = 5 };
    pluck_stage stages[ROUTES][3];
    pluck_config configs[ROUTES];
    static float logits[3][N];
    rig_row rows[3 * ROUTES];
    rig r;
    (void)state;
    rows_fill(ROWS_NORMAL, 1, logits[0], N);
    memcpy(logits[1], logits[0], sizeof logits[0]);
    logits[1][N - 1] = NAN;
    for (int t = 0; t < N; t++) logits[2][t] = -INFINITY;
    stages[0][0] = with_top_k(30);
    stages[1][0] = with_top_p(0.9f, 0);
    stages[2][0] = with_min_p(0.1f, 0);
    stages[3][0] = with_top_p(0.9f, 20);
    stages[4][0] = with_sigma(2.0f);
    for (int c = 0; c < ROUTES; c++) {
        stages[c][1] = with_dist();
        configs[c] = with_chain(N, 1, PLUCK_RNG_PHILOX, stages[c], 2);
        for (int i = 0; i < 3; i++)
            rows[3 * c + i] = (rig_row){.logits = logits[i], .config = &configs[c], .seed = 1};
    }
    rig_open(&r, N, 3 * ROUTES, 0);
    for (int again = 0; again < 2; again++) { /* a failed row leaves nothing behind */
        rig_run(&r, rows, 3 * ROUTES, PLUCK_DTYPE_F32, 0);
        for (int c = 0; c < ROUTES; c++) {
            assert_int_equal(r.results[3 * c].status, 0);
            assert_int_equal(r.results[3 * c + 1].status, PLUCK_ERR_NAN);
            assert_int_equal(r.results[3 * c + 2].status, PLUCK_ERR_EMPTY);
        }
        rig_check(&r, rows);
    }
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_chains),       cmocka_unit_test(usual_chains),
        cmocka_unit_test(goodness_of_fit),     cmocka_unit_test(runs_are_identical),
        cmocka_unit_test(bad_rows_fail_alone), cmocka_unit_test(deviations_of_any_magnitude),
    };
    if (rig_may_skip()) return RIG_NO_DEVICE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
