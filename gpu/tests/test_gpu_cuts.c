/* test_gpu_cuts.c: cuts at a probability that is known after a sum (top-a, epsilon and eta cut-off,
 * p-less, p-less-norm) against the oracle and the library. */
#include "rig.h"
#include "rows/trials.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CUTS = 5 };

/* One of the cuts with random parameters; min_keep is at most `most`. */
static pluck_stage random_cut(rows_random *random, int cut, int32_t most) {
    const int32_t min_keep = most > 0 ? (int32_t)rows_below(random, (uint32_t)most + 1) : 0;
    const float part = (float)pow(10.0, -6.0 * rows_uniform(random));
    switch (cut) {
    case 0:
        return with_top_a(part, min_keep);
    case 1:
        return with_epsilon_cutoff(part, min_keep);
    case 2:
        return with_eta_cutoff(part, min_keep);
    default:
        return with_p_less(cut == 4);
    }
}

/* Where in a chain the cut is: what comes before and after it decides which kernels run. */
enum { PLACES = 9 };

static int32_t place_cut(rows_random *random, int place, int cut, pluck_stage *stages) {
    int32_t n = 0;
    if (place == 1 || place == 4) stages[n++] = with_temp(0.6f, 0.0f, 1.0f);
    if (place == 2) stages[n++] = with_top_k(40);
    if (place == 3) stages[n++] = with_min_p(1e-4f, 0);
    if (place == 4) stages[n++] = with_sigma(3.0f);
    if (place == 5) stages[n++] = with_top_k(1500);
    if (place == 6) stages[n++] = with_top_p(0.97f, 0);
    stages[n++] = random_cut(random, cut, place == 7 ? 600 : place == 5 ? 5 : 0);
    if (place == 7) stages[n++] = with_top_p(0.9f, 2);
    if (place == 8) { /* two of them: the second sees what the first left */
        stages[n++] = with_temp(1.7f, 0.0f, 1.0f);
        stages[n++] = random_cut(random, (cut + 2) % CUTS, 3);
        stages[n++] = with_top_k(300);
    }
    if (place % 3 == 0) stages[n++] = with_temp(1.3f, 0.0f, 1.0f);
    stages[n++] = with_dist();
    return n;
}

/* Each cut in each place, each row with its own parameters, mask and history, over all kinds of row
 * and in each dtype. */
static void everywhere_in_a_chain(void **state) {
    enum { N = 5003, ROWS = PLACES * CUTS };
    static pluck_stage stages[ROWS][8];
    static pluck_config configs[ROWS];
    static float logits[ROWS][N];
    static uint32_t masks[ROWS][(N + 31) / 32];
    static const int32_t history[] = {5, 6, 7, 5, 5, 4000, 5002, 0};
    const int rounds = trials_of(20);
    rig_row rows[ROWS];
    rows_random random = {4321};
    int32_t checked = 0;
    rig r;
    (void)state;
    rig_open(&r, N, ROWS, 128);
    for (int round = 0; round < rounds; round++) {
        const int32_t n_rows = round % 4 == 3 ? 1 + (int32_t)rows_below(&random, 7) : ROWS;
        for (int i = 0; i < n_rows; i++) {
            int32_t n = 0;
            rows_fill((rows_kind)((i + round) % ROWS_KINDS), rows_next(&random), logits[i], N);
            if (i % 4 == 1) stages[i][n++] = with_penalties(8, 1.2f, 0.3f, 0.1f);
            n += place_cut(&random, i / CUTS, i % CUTS, stages[i] + n);
            rows[i] =
                rig_random_row(&random, logits[i], N, history, stages[i], n, &configs[i], masks[i]);
        }
        rig_run(&r, rows, n_rows, (pluck_dtype)(round % 3), round % 2 ? 1 : 0);
        rig_check(&r, rows);
        checked += n_rows;
    }
    assert_true(checked > 0 && r.n_excused * 8 < checked);
    rig_close(&r);
}

/* The values that people use, at full size, on the three rows that are always measured and on flat
 * ones, where the list of what may stay overflows. */
static void usual_values(void **state) {
    enum { N = 151936, CHAINS = 6, KINDS = 4 };
    const pluck_stage cuts[CHAINS] = {with_top_a(0.2f, 0),           with_epsilon_cutoff(3e-4f, 0),
                                      with_eta_cutoff(2e-3f, 0),     with_p_less(false),
                                      with_epsilon_cutoff(1e-6f, 0), with_p_less(true)};
    static pluck_stage stages[CHAINS * KINDS][3];
    pluck_config configs[CHAINS * KINDS];
    rig_row rows[CHAINS * KINDS];
    float *logits = malloc(KINDS * (size_t)N * sizeof *logits);
    rig r;
    (void)state;
    assert_non_null(logits);
    for (int kind = 0; kind < KINDS; kind++) {
        float *row = logits + (size_t)kind * N;
        rows_fill((rows_kind)(kind % 3), 5, row, N);
        for (int t = 0; t < N && kind == 3; t++) row[t] *= 0.15f;
    }
    for (int i = 0; i < CHAINS * KINDS; i++) {
        stages[i][0] = cuts[i % CHAINS];
        stages[i][1] = with_temp(0.8f, 0.0f, 1.0f);
        stages[i][2] = with_dist();
        configs[i] = with_chain(N, 99, PLUCK_RNG_PHILOX, stages[i], 3);
        rows[i] = (rig_row){.logits = logits + (size_t)(i / CHAINS) * N,
                            .config = &configs[i],
                            .seed = 99,
                            .position = (uint64_t)i};
    }
    rig_open(&r, N, CHAINS * KINDS, 0);
    rig_run(&r, rows, CHAINS * KINDS, PLUCK_DTYPE_F32, 0);
    rig_check(&r, rows);
    if (!rig_is_emulated()) {
        rig_run(&r, rows, CHAINS * KINDS, PLUCK_DTYPE_BF16, 0);
        rig_check(&r, rows);
    }
    rig_close(&r);
    free(logits);
}

/* Rows whose sums are delicate: many equal tokens so far down that their weights have few bits, two
 * tokens only, steps at powers of two. The same token and count as the library's. */
static void delicate_sums(void **state) {
    enum { N = 20000, ROWS = 4, CHAINS = 5 };
    const pluck_stage cuts[CHAINS] = {with_top_a(1e-5f, 0), with_epsilon_cutoff(1e-5f, 0),
                                      with_eta_cutoff(1e-4f, 0), with_p_less(false),
                                      with_p_less(true)};
    static float logits[ROWS][N];
    static pluck_stage stages[CHAINS][2];
    pluck_config configs[CHAINS];
    rig_row rows[ROWS * CHAINS];
    rig r;
    (void)state;
    for (int t = 0; t < N; t++) {
        logits[0][t] = t == 777 ? 27.7f : (float)(t % 3) * 1e-3f;
        logits[1][t] = t == 5 ? 1.0f : t == 19999 ? 0.25f : -INFINITY;
        logits[2][t] = -(float)((t * 7919) % 40) * 0.69314718f;
        logits[3][t] = (float)((t * 7919) % 1000) * 1e-6f; /* nearly equal */
    }
    for (int c = 0; c < CHAINS; c++) {
        stages[c][0] = cuts[c];
        stages[c][1] = with_dist();
        configs[c] = with_chain(N, 3, PLUCK_RNG_PHILOX, stages[c], 2);
        for (int i = 0; i < ROWS; i++)
            rows[c * ROWS + i] = (rig_row){
                .logits = logits[i], .config = &configs[c], .seed = 3, .position = (uint64_t)i};
    }
    rig_open(&r, N, ROWS * CHAINS, 0);
    rig_run(&r, rows, ROWS * CHAINS, PLUCK_DTYPE_F32, 0);
    rig_check(&r, rows);
    for (int i = 0; i < ROWS * CHAINS; i++) {
        pluck_sampler *sampler;
        pluck_draw want = {0};
        if (i % ROWS == 3) continue; /* which of the nearly equal stay, rounding decides */
        assert_int_equal(pluck_sampler_create(&sampler, rows[i].config), PLUCK_OK);
        assert_int_equal(pluck_sampler_seek(sampler, rows[i].position), PLUCK_OK);
        assert_int_equal(pluck_sample_row(sampler, &(pluck_row){.logits = rows[i].logits}, &want),
                         PLUCK_OK);
        assert_int_equal(r.results[i].token, want.token);
        assert_int_equal(r.results[i].n_candidates, want.n_candidates);
        pluck_sampler_free(sampler);
    }
    rig_close(&r);
}

/* Epsilon and eta keep all that tie with the min_keep-th, top-a and min-p the first min_keep: of many
 * candidates, and of the few that a top-k leaves. */
static void ties_with_the_last(void **state) {
    enum { N = 3000, TIED = 700, FEW = 200, CUT_OFF = 4, CHAINS = 2 * CUT_OFF };
    pluck_stage stages[CHAINS][3] = {{with_epsilon_cutoff(0.9f, 300)},
                                     {with_eta_cutoff(0.9f, 300)},
                                     {with_top_a(1.0f, 300)},
                                     {with_epsilon_cutoff(0.9f, 2000)}};
    static const int32_t counts[CHAINS] = {TIED + 1, TIED + 1, 300, TIED + 1, FEW, FEW, 30, FEW};
    static float logits[N];
    pluck_config configs[CHAINS];
    rig_row rows[CHAINS];
    rig r;
    (void)state;
    for (int t = 0; t < N; t++) logits[t] = t % 4 == 1 && t / 4 < TIED ? 1.0f : -INFINITY;
    logits[2999] = 30.0f;
    for (int c = 0; c < CHAINS; c++) {
        const bool few = c >= CUT_OFF;
        if (few) {
            stages[c][0] = with_top_k(FEW);
            stages[c][1] = stages[c - CUT_OFF][0];
            stages[c][1].as.top_a.min_keep = c == 7 ? 2000 : 30; /* all have it in this place */
        }
        stages[c][few ? 2 : 1] = with_dist();
        configs[c] = with_chain(N, 3, PLUCK_RNG_PHILOX, stages[c], few ? 3 : 2);
        rows[c] = (rig_row){.logits = logits, .config = &configs[c], .seed = 3};
    }
    rig_open(&r, N, CHAINS, 0);
    rig_run(&r, rows, CHAINS, PLUCK_DTYPE_F32, 0);
    rig_check(&r, rows);
    for (int c = 0; c < CHAINS; c++) assert_int_equal(r.results[c].n_candidates, counts[c]);
    rig_close(&r);
}

/* What is left goes back to the CPU, which ends the chain as it would have ended the whole. */
static void hand_back_what_is_left(void **state) {
    enum { N = 6000, CHAINS = 7 };
    const pluck_stage fronts[CHAINS][2] = {{with_top_a(0.1f, 0)},
                                           {with_epsilon_cutoff(2e-3f, 20)},
                                           {with_eta_cutoff(3e-3f, 0)},
                                           {with_temp(0.8f, 0.0f, 1.0f), with_p_less(false)},
                                           {with_p_less(true)},
                                           {with_top_k(60), with_epsilon_cutoff(1e-2f, 3)},
                                           {with_min_p(1e-3f, 0), with_eta_cutoff(1e-3f, 0)}};
    static const int32_t lengths[CHAINS] = {1, 1, 1, 2, 1, 2, 2};
    static float logits[N];
    rig r;
    (void)state;
    rig_open(&r, N, 1, 2048);
    for (int c = 0; c < CHAINS; c++) {
        pluck_stage stages[4];
        pluck_config config;
        pluck_sampler *whole, *tail = NULL;
        memcpy(stages, fronts[c], sizeof fronts[c]);
        stages[lengths[c]] = with_typical(0.9f, 1);
        stages[lengths[c] + 1] = with_dist();
        config = with_chain(N, 7, PLUCK_RNG_MT19937, stages, lengths[c] + 2);
        assert_int_equal(pluck_sampler_create(&whole, &config), PLUCK_OK);
        for (int step = 0; step < 6; step++) {
            const rig_row row = {.logits = logits, .config = &config, .seed = 7};
            rows_fill((rows_kind)(step % 2 ? ROWS_PEAKED : ROWS_NORMAL), (uint64_t)step, logits, N);
            rig_run(&r, &row, 1, PLUCK_DTYPE_F32, 0);
            rig_check(&r, &row);
            assert_int_equal(pluck_gpu_plan_placement(r.plans[0]), PLUCK_GPU_CANDIDATES);
            rig_finish(&r, logits, whole, &tail);
        }
        pluck_sampler_free(whole);
        pluck_sampler_free(tail);
    }
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everywhere_in_a_chain), cmocka_unit_test(usual_values),
        cmocka_unit_test(delicate_sums), cmocka_unit_test(ties_with_the_last),
        cmocka_unit_test(hand_back_what_is_left)};
    if (rig_may_skip()) return RIG_NO_DEVICE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
