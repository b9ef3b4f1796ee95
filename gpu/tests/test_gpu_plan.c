/* test_gpu_plan.c: what the planner says of a chain, and the hybrid path, which must give the same
 * tokens as the CPU alone. */
#include "rig.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef struct expectation {
    pluck_gpu_placement placement;
    int32_t tail; /* stages left for the CPU */
    const char *text;
} expectation;

static void expect(const pluck_stage *stages, int32_t n, pluck_rng_kind rng, expectation want) {
    const pluck_config config = with_chain(32000, 1, rng, stages, n);
    pluck_gpu_plan *plan;
    char text[256];
    assert_int_equal(pluck_gpu_plan_create(&plan, &config, NULL), PLUCK_GPU_OK);
    assert_int_equal(pluck_gpu_plan_placement(plan), want.placement);
    assert_int_equal(pluck_gpu_plan_tail(plan) ? pluck_gpu_plan_tail(plan)->n_stages : 0,
                     want.tail);
    assert_int_equal(pluck_gpu_explain(&config, text, sizeof text), PLUCK_GPU_OK);
    assert_string_equal(text, want.text);
    pluck_gpu_plan_free(plan);
}

static void places_chains(void **state) {
    const pluck_stage greedy[] = {with_top_k(40), with_greedy()};
    const pluck_stage usual[] = {with_top_k(40), with_top_p(0.95f, 0), with_min_p(0.05f, 0),
                                 with_temp(0.5f, 0.0f, 1.0f), with_dist()};
    const pluck_stage typical[] = {with_penalties(64, 1.1f, 0.0f, 0.0f),
                                   with_temp(0.5f, 0.0f, 1.0f), with_top_k(40),
                                   with_typical(0.5f, 1), with_dist()};
    pluck_stage exempt[] = {with_penalties(64, 1.1f, 0.0f, 0.0f), with_top_k(40), with_dist()};
    pluck_stage output_only[] = {with_penalties(64, 1.1f, 0.0f, 0.0f), with_top_k(40), with_dist()};
    const int32_t spared = 7;
    exempt[0].as.penalties.exempt = &spared;
    exempt[0].as.penalties.n_exempt = 1;
    output_only[0].as.penalties.output_only = 1;
    const pluck_stage mirostat[] = {with_temp(0.5f, 0.0f, 1.0f), with_mirostat(2, 5.0f, 0.1f, 100)};
    const pluck_stage min_p[] = {with_min_p(0.25f, 0), with_xtc(0.5f, 0.1f, 0), with_dist()};
    const pluck_stage sigma[] = {with_sigma(1.0f), with_typical(0.5f, 1), with_dist()};
    const pluck_stage cuts[] = {with_top_a(0.25f, 0),       with_epsilon_cutoff(0.5f, 3),
                                with_eta_cutoff(0.125f, 0), with_p_less(false),
                                with_p_less(true),          with_dist()};
    pluck_stage cut_off[] = {with_top_a(0.0f, 9), with_epsilon_cutoff(0.0f, 9), with_p_less(false),
                             with_dist()};
    cut_off[2].as.p_less.enabled = 0;
    (void)state;
    expect(cuts, 6, PLUCK_RNG_PHILOX,
           (expectation){PLUCK_GPU_TOKEN, 0,
                         "device: top_a 0.25, epsilon_cutoff 0.5, eta_cutoff 0.125, p_less, "
                         "p_less_norm, draw -> token and log-probability back"});
    expect(cuts + 2, 4, PLUCK_RNG_MT19937,
           (expectation){PLUCK_GPU_CANDIDATES, 1,
                         "device: eta_cutoff 0.125, p_less, p_less_norm -> the candidates left "
                         "back; CPU: draw"});
    expect(cut_off, 4, PLUCK_RNG_PHILOX,
           (expectation){PLUCK_GPU_TOKEN, 0, "device: draw -> token and log-probability back"});
    expect(greedy, 2, PLUCK_RNG_MT19937,
           (expectation){PLUCK_GPU_ARGMAX, 0, "device: top_k 40, greedy -> argmax, 4 bytes back"});
    expect(usual, 5, PLUCK_RNG_PHILOX,
           (expectation){PLUCK_GPU_TOKEN, 0,
                         "device: top_k 40, top_p 0.95, min_p 0.05, temperature 0.5, draw -> "
                         "token and log-probability back"});
    expect(usual, 5, PLUCK_RNG_MT19937, /* draws in sorted order, so on the CPU */
           (expectation){PLUCK_GPU_CANDIDATES, 2,
                         "device: top_k 40, top_p 0.95, min_p 0.05 -> 40 candidates back; CPU: "
                         "temperature 0.5, draw"});
    expect(typical, 5, PLUCK_RNG_PHILOX,
           (expectation){PLUCK_GPU_CANDIDATES, 3,
                         "device: penalties (last 64), top_k 40 -> 40 candidates back; CPU: "
                         "temperature 0.5, typical 0.5, draw"});
    for (int i = 0; i < 2; i++) /* the device counts all tokens, and penalises all that it counts */
        expect(i ? exempt : output_only, 3, PLUCK_RNG_PHILOX,
               (expectation){PLUCK_GPU_ROW, 3,
                             "the row back, 128000 bytes as float32; CPU: penalties (last 64), "
                             "top_k 40, draw"});
    expect(min_p, 3, PLUCK_RNG_PHILOX,
           (expectation){PLUCK_GPU_CANDIDATES, 2,
                         "device: min_p 0.25 -> the candidates left back; CPU: xtc, draw"});
    expect(
        mirostat, 2, PLUCK_RNG_PHILOX,
        (expectation){PLUCK_GPU_ROW, 2,
                      "the row back, 128000 bytes as float32; CPU: temperature 0.5, mirostat_v2"});
    expect(sigma, 3, PLUCK_RNG_PHILOX, /* what it masks is still counted */
           (expectation){
               PLUCK_GPU_ROW, 3,
               "the row back, 128000 bytes as float32; CPU: top_n_sigma 1, typical 0.5, draw"});
}

static void refuses_bad_input(void **state) {
    const pluck_logit_bias bias = {32000, 1.0f};
    const pluck_stage stages[] = {with_bias(&bias, 1), with_greedy()};
    pluck_config config = with_chain(32000, 1, PLUCK_RNG_PHILOX, stages, 2);
    pluck_gpu_plan *plan = NULL;
    pluck_gpu_error error = {0};
    (void)state;
    assert_int_equal(pluck_gpu_plan_create(&plan, &config, &error), PLUCK_GPU_ERR_TOKEN);
    assert_non_null(strstr(error.message, "stage 0 (logit_bias)"));
    config.n_vocab = 2000000; /* libpluck accepts it */
    assert_int_equal(pluck_gpu_plan_create(&plan, &config, &error), PLUCK_GPU_ERR_SIZE);
    assert_int_equal(pluck_gpu_plan_create(&plan, NULL, &error), PLUCK_GPU_ERR_NULL);
    assert_int_equal(pluck_gpu_plan_top_k(&plan, 100, 2049, &error), PLUCK_GPU_ERR_SIZE);
    assert_null(plan);
}

/* The planner refuses what libpluck refuses, and names the stage; also if the stage is one that the
 * CPU would run. */
static void refuses_what_libpluck_refuses(void **state) {
    const pluck_logit_bias nan_bias = {1, NAN};
    const int32_t breaker[] = {1};
    const pluck_token_sequence empty = {breaker, 0};
    pluck_stage no_breakers = with_dry(1.0f, 1.75f, 2, 64), empty_breaker = no_breakers;
    no_breakers.as.dry.n_breakers = empty_breaker.as.dry.n_breakers = 1;
    empty_breaker.as.dry.breakers = &empty;
    const struct {
        pluck_stage stage;
        pluck_gpu_status status;
    } bad[] = {{with_bias(NULL, 3), PLUCK_GPU_ERR_NULL},
               {with_bias(&nan_bias, 1), PLUCK_GPU_ERR_CONFIG},
               {with_bias(&nan_bias, -1), PLUCK_GPU_ERR_SIZE},
               {with_penalties(64, 0.0f, 0.0f, 0.0f), PLUCK_GPU_ERR_CONFIG},
               {with_penalties(64, 1.0f, NAN, 0.0f), PLUCK_GPU_ERR_CONFIG},
               {with_penalties(PLUCK_MAX_LAST_N + 1, 1.1f, 0.0f, 0.0f), PLUCK_GPU_ERR_CONFIG},
               {with_penalties(-1, 1.1f, 0.0f, 0.0f), PLUCK_GPU_ERR_CONFIG},
               {no_breakers, PLUCK_GPU_ERR_NULL},
               {empty_breaker, PLUCK_GPU_ERR_SIZE},
               {with_sigma(NAN), PLUCK_GPU_ERR_CONFIG},
               {with_top_p(1.5f, 0), PLUCK_GPU_ERR_CONFIG},
               {with_top_p(NAN, 0), PLUCK_GPU_ERR_CONFIG},
               {with_min_p(-0.1f, 0), PLUCK_GPU_ERR_CONFIG},
               {with_min_p(0.1f, -1), PLUCK_GPU_ERR_CONFIG},
               {with_top_a(-0.1f, 0), PLUCK_GPU_ERR_CONFIG},
               {with_epsilon_cutoff(NAN, 0), PLUCK_GPU_ERR_CONFIG},
               {with_eta_cutoff(0.1f, -1), PLUCK_GPU_ERR_CONFIG},
               {with_typical(2.0f, 1), PLUCK_GPU_ERR_CONFIG},
               {with_xtc(2.0f, 0.1f, 0), PLUCK_GPU_ERR_CONFIG},
               {with_temp(NAN, 0.0f, 1.0f), PLUCK_GPU_ERR_CONFIG},
               {with_temp(1.0f, -1.0f, 1.0f), PLUCK_GPU_ERR_CONFIG},
               {(pluck_stage){.kind = (pluck_stage_kind)999}, PLUCK_GPU_ERR_CONFIG}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const pluck_stage stages[] = {with_top_k(40), bad[i].stage, with_dist()};
        const pluck_config config = with_chain(1000, 1, PLUCK_RNG_PHILOX, stages, 3);
        pluck_gpu_plan *plan = NULL;
        pluck_sampler *sampler = NULL;
        pluck_gpu_error error = {0};
        char text[100];
        assert_int_equal(pluck_gpu_plan_create(&plan, &config, &error), bad[i].status);
        assert_int_equal(error.status, bad[i].status);
        assert_non_null(strstr(error.message, "stage 1"));
        assert_null(plan);
        assert_int_equal(pluck_gpu_explain(&config, text, sizeof text), bad[i].status);
        assert_int_not_equal(pluck_sampler_create(&sampler, &config), PLUCK_OK);
    }
}

/* Biases of one token add up as they do in libpluck: -inf masks also if the others overflow. */
static void biases_add_up_as_in_the_library(void **state) {
    enum { N = 500, SETS = 4 };
    static const pluck_logit_bias biases[SETS][4] = {
        {{7, FLT_MAX}, {7, FLT_MAX}, {7, -INFINITY}, {8, 2.0f}},
        {{7, -INFINITY}, {7, FLT_MAX}, {7, FLT_MAX}, {8, 2.0f}},
        {{7, FLT_MAX}, {8, 3.0f}, {7, FLT_MAX}, {8, -INFINITY}},
        {{7, 1.5f}, {7, 2.5f}, {8, -1.0f}, {7, -3.0f}}};
    static float logits[N];
    rig r;
    (void)state;
    rows_fill(ROWS_NORMAL, 3, logits, N);
    logits[7] = logits[8] = 20.0f;
    rig_open(&r, N, 1, 0);
    for (int s = 0; s < 2 * SETS; s++) {
        const pluck_stage stages[] = {with_bias(biases[s / 2], 4),
                                      s % 2 ? with_dist() : with_greedy()};
        const pluck_config config = with_chain(N, 5, PLUCK_RNG_PHILOX, stages, 2);
        const rig_row row = {.logits = logits, .config = &config, .seed = 5};
        pluck_sampler *sampler;
        pluck_draw want, got;
        rig_run(&r, &row, 1, PLUCK_DTYPE_F32, 0);
        assert_int_equal(pluck_sampler_create(&sampler, &config), PLUCK_OK);
        assert_int_equal(pluck_sample_row(sampler, &(pluck_row){.logits = logits}, &want),
                         PLUCK_OK);
        assert_int_equal(pluck_gpu_finish_row(r.batch, r.ticket, 0, NULL, &got), PLUCK_OK);
        assert_int_equal(got.token, want.token);
        if (s / 2 < 2) assert_int_equal(want.token, 8); /* token 7 is masked */
        pluck_sampler_free(sampler);
    }
    rig_close(&r);
}

/* The hybrid path beside the CPU alone, with either generator, over a few tokens of history. */
static void same_tokens_either_way(void **state) {
    enum { N = 6000, STEPS = 12, CHAINS = 5 };
    const pluck_stage stages[CHAINS][5] = {
        {with_top_k(40), with_typical(0.8f, 1), with_temp(0.8f, 0.0f, 1.0f), with_dist()},
        {with_temp(0.7f, 0.0f, 1.0f), with_top_p(0.9f, 1), with_xtc(0.5f, 0.1f, 0), with_dist()},
        {with_min_p(0.02f, 0), with_typical(0.9f, 1), with_dist()},
        {with_top_k(100), with_mirostat(2, 3.0f, 0.1f, 100)},
        {with_top_k(50), with_top_p(0.9f, 0), with_temp(1.0f, 0.5f, 1.0f), with_dist()}};
    static const int32_t lengths[CHAINS] = {4, 4, 3, 2, 4};
    static float logits[N];
    rig r;
    (void)state;
    rig_open(&r, N, 1, 2048);
    for (int c = 0; c < 2 * CHAINS; c++) {
        const pluck_config config =
            with_chain(N, 7, c < CHAINS ? PLUCK_RNG_PHILOX : PLUCK_RNG_MT19937, stages[c % CHAINS],
                       lengths[c % CHAINS]);
        pluck_sampler *whole, *tail = NULL;
        assert_int_equal(pluck_sampler_create(&whole, &config), PLUCK_OK);
        for (int step = 0; step < STEPS; step++) {
            const rig_row row = {.logits = logits, .config = &config, .seed = 7};
            rows_fill((rows_kind)(step % 3 ? ROWS_PEAKED : ROWS_NORMAL), (uint64_t)step, logits, N);
            rig_run(&r, &row, 1, PLUCK_DTYPE_F32, 0);
            rig_finish(&r, logits, whole, &tail);
        }
        pluck_sampler_free(whole);
        pluck_sampler_free(tail);
    }
    rig_close(&r);
}

/* Whole chains on the device beside the library: the same token, its probability and how many are
 * left, for the same seed and position. */
static void same_tokens_as_the_library(void **state) {
    enum { N = 6000, ROWS = 64, CHAINS = 5 };
    const pluck_stage stages[CHAINS][6] = {
        {with_top_k(40), with_top_p(0.95f, 0), with_min_p(0.05f, 0),
         with_xtc(0.0f, 0.1f, 0) /* disabled, but numbered */, with_temp(0.8f, 0.0f, 1.0f),
         with_dist()},
        {with_top_p(0.95f, 0), with_dist()},
        {with_min_p(0.05f, 0), with_temp(1.5f, 0.0f, 1.0f), with_dist()},
        {with_sigma(1.5f), with_dist()},
        {with_temp(1.2f, 0.0f, 1.0f), with_dist()}};
    static const int32_t lengths[CHAINS] = {6, 2, 3, 2, 2};
    static float logits[ROWS][N];
    rig_row rows[ROWS];
    rig r;
    (void)state;
    rig_open(&r, N, ROWS, 0);
    for (int c = 0; c < CHAINS; c++) {
        const pluck_config config = with_chain(N, 11, PLUCK_RNG_PHILOX, stages[c], lengths[c]);
        pluck_sampler *sampler;
        assert_int_equal(pluck_sampler_create(&sampler, &config), PLUCK_OK);
        for (int i = 0; i < ROWS; i++) {
            rows_fill(i % 2 ? ROWS_PEAKED : ROWS_NORMAL, (uint64_t)i, logits[i], N);
            rows[i] = (rig_row){
                .logits = logits[i], .config = &config, .seed = 11, .position = (uint64_t)i << 33};
        }
        rig_run(&r, rows, ROWS, PLUCK_DTYPE_F32, 0);
        for (int i = 0; i < ROWS; i++) {
            pluck_draw want, got;
            assert_int_equal(pluck_sampler_seek(sampler, rows[i].position), PLUCK_OK);
            assert_int_equal(pluck_sample_row(sampler, &(pluck_row){.logits = logits[i]}, &want),
                             PLUCK_OK);
            assert_int_equal(pluck_gpu_finish_row(r.batch, r.ticket, i, NULL, &got), PLUCK_OK);
            assert_int_equal(got.token, want.token);
            assert_int_equal(got.n_candidates, want.n_candidates);
            assert_true(fabsf(got.probability - want.probability) <= 1e-5f * want.probability);
        }
        pluck_sampler_free(sampler);
    }
    rig_close(&r);
}

/* Bad calls are refused and leave the context usable. */
static void refuses_bad_calls(void **state) {
    enum { N = 1000 };
    const pluck_stage stages[] = {with_mirostat(2, 3.0f, 0.1f, 100)};
    const pluck_config row_config = with_chain(N, 1, PLUCK_RNG_PHILOX, stages, 1);
    pluck_gpu_batch_config bad = {.n_vocab = N, .max_rows = 2000};
    static float logits[2 * N];
    pluck_gpu_call call;
    pluck_gpu_plan *plan;
    pluck_gpu_row row;
    pluck_gpu_batch *batch = NULL;
    pluck_gpu_error error;
    uint64_t ticket;
    rig r;
    (void)state;
    rig_open(&r, N, 2, 0);
    assert_int_equal(pluck_gpu_batch_create(&batch, r.device, &bad, &error), PLUCK_GPU_ERR_SIZE);
    assert_int_equal(pluck_gpu_batch_create(&batch, NULL, &bad, &error), PLUCK_GPU_ERR_NULL);
    memset(&call, 0, sizeof call);
    assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_ERR_NULL);
    call.logits.data = (void *)rig_upload(&r, logits, sizeof logits);
    call.logits.n_rows = 3;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_ERR_SIZE);
    call.logits.n_rows = 1;
    call.logits.dtype = (pluck_dtype)9;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_ERR_DTYPE);
    call.logits.dtype = PLUCK_DTYPE_F32;
    call.logits.offset = 2;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_ERR_POINTER);
    call.logits.offset = 4 * (N + 1); /* one element too far */
    assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_ERR_POINTER);
    call.logits.offset = 0;
    assert_int_equal(pluck_gpu_plan_create(&plan, &row_config, NULL), PLUCK_GPU_OK);
    memset(&row, 0, sizeof row);
    row.plan = plan;
    call.rows = &row;
    assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_ERR_CHAIN);
    call.rows = NULL;
    assert_int_equal(pluck_gpu_wait(r.batch, 77, NULL), PLUCK_GPU_ERR_TICKET);
    assert_int_equal(pluck_gpu_enqueue(r.batch, &call, &ticket), PLUCK_GPU_OK);
    assert_int_equal(pluck_gpu_wait(r.batch, ticket, NULL), PLUCK_GPU_OK);
    pluck_gpu_plan_free(plan);
    r.device->api->memory_free(r.device, (gpu_memory)call.logits.data);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(places_chains),
                                       cmocka_unit_test(refuses_bad_input),
                                       cmocka_unit_test(refuses_what_libpluck_refuses),
                                       cmocka_unit_test(biases_add_up_as_in_the_library),
                                       cmocka_unit_test(same_tokens_either_way),
                                       cmocka_unit_test(same_tokens_as_the_library),
                                       cmocka_unit_test(refuses_bad_calls)};
    if (rig_may_skip()) return RIG_NO_DEVICE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
