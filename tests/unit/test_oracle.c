/*
 * test_oracle.c: the oracle itself, against published constants and examples worked out by hand.
 * All other tests rely on it, so it must be tested too.
 */
#include "check.h"
#include "oracle/oracle_history.h"
#include "oracle/oracle_rng.h"

#include <math.h>

static void mt19937_reference(void **state) {
    (void)state;
    const uint32_t first[] = {3499211612u, 581869302u, 3890346734u, 3586334585u, 545404204u};
    oracle_mt mt;
    oracle_mt_seed(&mt, 5489u);
    uint32_t word = 0;
    for (int i = 0; i < 10000; ++i) {
        word = oracle_mt_next(&mt);
        if (i < 5) assert_int_equal(word, first[i]);
    }
    assert_int_equal(word, 4123659995u);
}

static void philox_reference(void **state) {
    (void)state;
    static const uint32_t ones = 0xffffffffu;
    const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{ones, ones, ones, ones}, {ones, ones}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; ++i) {
        uint32_t out[4];
        oracle_philox(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
    /* (w1 * 2^32 + w0) >> 11 of the first vector, as pluck.h defines a uniform number. */
    const double u = (double)(0xe169c58d6627e8d5u >> 11) * 0x1p-53;
    assert_true(oracle_philox_double(0, 0, 0) == u);
    assert_true(oracle_philox_float(0, 0, 0) == (float)(0x6627e8d5u >> 8) * 0x1p-24f);
}

static void uniform_numbers(void **state) {
    (void)state;
    oracle_mt mt;
    oracle_mt_seed(&mt, 5489u);
    const double want = (3499211612.0 + 581869302.0 * 4294967296.0) / 18446744073709551616.0;
    assert_true(oracle_mt_double(&mt) == want);
    assert_true(oracle_mt_float(&mt) == (float)3890346734u / 4294967296.0f);
}

/* Logits whose probabilities are 8/15, 4/15, 2/15, 1/15 for ids 2, 0, 3, 1. */
static void powers_of_two(float logits[4]) {
    const float halves[4] = {1.0f, 3.0f, 0.0f, 2.0f};
    for (int i = 0; i < 4; ++i) logits[i] = -halves[i] * logf(2.0f);
}

/* Runs the stages (no selection) and compares the ids that are left, in order. */
static void expect(const pluck_stage *stages, int32_t n_stages, const float *logits, int32_t n,
                   const int32_t *ids, int32_t n_ids, int32_t n_masked) {
    const pluck_config config = with_chain(n, 1, PLUCK_RNG_MT19937, stages, n_stages);
    oracle *o = oracle_create(&config, 1);
    assert_non_null(o);
    const pluck_row row = {.logits = logits};
    oracle_result r;
    assert_int_equal(oracle_sample(o, &row, &r), PLUCK_OK);
    assert_int_equal(r.n, n_ids);
    assert_memory_equal(r.ids, ids, (size_t)n_ids * sizeof *ids);
    assert_int_equal(r.n_masked, n_masked);
    oracle_free(o);
}

#define EXPECT(stage, masked, ...)                                                                 \
    do {                                                                                           \
        const pluck_stage stage_ = (stage);                                                        \
        const int32_t ids_[] = {__VA_ARGS__};                                                      \
        expect(&stage_, 1, logits, 4, ids_, (int32_t)(sizeof ids_ / sizeof ids_[0]), masked);      \
    } while (0)

static void truncations(void **state) {
    (void)state;
    float logits[4];
    powers_of_two(logits);
    EXPECT(with_top_k(2), 0, 2, 0);
    EXPECT(with_top_k(0), 0, 0, 1, 2, 3);
    EXPECT(with_top_k(9), 0, 2, 0, 3, 1);
    EXPECT(with_top_p(0.5f, 0), 0, 2);
    EXPECT(with_top_p(0.54f, 0), 0, 2, 0);
    EXPECT(with_top_p(0.54f, 3), 0, 2, 0, 3);
    EXPECT(with_top_p(0.0f, 0), 0, 2);
    EXPECT(with_min_p(0.2f, 0), 0, 0, 2, 3);
    EXPECT(with_min_p(0.2f, 4), 0, 2, 0, 3, 1);
    /* In units of 1/225: the greatest P squared is 64; the P of ids 2, 0, 3, 1
     * are 120, 60, 30, 15. */
    EXPECT(with_top_a(0.2f, 0), 0, 0, 1, 2, 3);
    EXPECT(with_top_a(0.4f, 0), 0, 0, 2, 3);
    EXPECT(with_top_a(0.5f, 0), 0, 0, 2);
    EXPECT(with_top_a(1.0f, 0), 0, 2);
    EXPECT(with_top_a(0.5f, 3), 0, 2, 0, 3);
    EXPECT(with_top_a(0.0f, 1), 0, 0, 1, 2, 3);
    EXPECT(with_epsilon_cutoff(0.13f, 0), 0, 0, 2, 3);
    EXPECT(with_epsilon_cutoff(0.3f, 0), 0, 2);
    EXPECT(with_epsilon_cutoff(0.9f, 0), 0, 2);
    EXPECT(with_epsilon_cutoff(0.9f, 3), 0, 0, 2, 3);
    /* exp(-H) = 0.321: with epsilon 0.25 the cut is at 0.160, with 0.01 at 0.01, with 0.5 at 0.227,
     * where the square root of epsilon exp(-H) would be 0.283, 0.057 and 0.401. */
    EXPECT(with_eta_cutoff(0.25f, 0), 0, 0, 2);
    EXPECT(with_eta_cutoff(0.5f, 0), 0, 0, 2);
    EXPECT(with_eta_cutoff(0.01f, 0), 0, 0, 1, 2, 3);
    EXPECT(with_eta_cutoff(1.0f, 0), 0, 2);
    EXPECT(with_eta_cutoff(1.0f, 2), 0, 0, 2);
    /* The squares sum to 85/225 = 0.378; (4 * 85/225 - 1) / 3 = 0.170. */
    EXPECT(with_p_less(false), 0, 2);
    EXPECT(with_p_less(true), 0, 0, 2);
    /* In units of 1/15: d is |8 - 8 + 2| = 2, then |4 - 4 + 1| = 1. */
    EXPECT(with_tfs(0.5f, 0, 0), 0, 2);
    EXPECT(with_tfs(0.7f, 0, 0), 0, 2);
    EXPECT(with_tfs(0.7f, 0, 1), 0, 2, 0);
    EXPECT(with_tfs(0.7f, 3, 0), 0, 2, 0, 3);
    EXPECT(with_tfs(0.7f, 3, 1), 0, 2, 0, 3, 1);
    EXPECT(with_tfs(1.0f, 0, 0), 0, 0, 1, 2, 3);
    /* The prefixes have 0, 0.637, 0.956 and 1.137 nats. */
    EXPECT(with_top_h(0.0f), 0, 2);
    EXPECT(with_top_h(0.5f), 0, 2);
    EXPECT(with_top_h(0.6f), 0, 2, 0);
    EXPECT(with_top_h(0.9f), 0, 2, 0, 3);
    EXPECT(with_top_h(1.0f), 0, 0, 1, 2, 3);
    /* Drops of ln 2, and a range of 3 ln 2 = 2.079. */
    EXPECT(with_min_k(0.0f), 0, 2);
    EXPECT(with_min_k(5.0f), 0, 2, 0);
    EXPECT(with_min_k(7.0f), 0, 2, 0, 3);
    EXPECT(with_min_k(9.0f), 0, 2, 0, 3, 1);
    EXPECT(with_min_k(-1.0f), 0, 0, 1, 2, 3);
    /* d is 0, -ln 2, -2 ln 2 and -3 ln 2: with a factor of 1, P of 1, 0.62, 0.15 and 0.013. */
    const pluck_stage smoothed[] = {with_smoothing(1.0f, 1.0f), with_min_p(0.2f, 0)};
    const int32_t likely[] = {0, 2};
    expect(smoothed, 2, logits, 4, likely, 2, 0);
    /* With the cube alone 1, 0.72, 0.07 and 1e-4. */
    const pluck_stage cubed[] = {with_smoothing(1.0f, 3.0f), with_min_p(0.1f, 0)};
    expect(cubed, 2, logits, 4, likely, 2, 0);
    /* H = 1.14 nats; surprises 0.63, 1.32, 2.01, 2.71 for ids 2, 0, 3, 1: distances .51 .18
     * .88 1.57 */
    EXPECT(with_typical(0.2f, 0), 0, 0);
    EXPECT(with_typical(0.5f, 0), 0, 0, 2);
    EXPECT(with_typical(0.81f, 0), 0, 0, 2, 3);
    /* Four equidistant logits: mean -1.5 ln 2, deviation sqrt(1.25) ln 2. */
    EXPECT(with_sigma(1.0f), 2, 0, 2);
    EXPECT(with_sigma(0.5f), 3, 2);
    EXPECT(with_temp(0.0f, 0.0f, 1.0f), 3, 2);
    /* 8/15 and 4/15 reach 0.25: the former is dropped. */
    EXPECT(with_xtc(1.0f, 0.25f, 0), 0, 0, 3, 1);
    EXPECT(with_xtc(1.0f, 0.1f, 0), 0, 3, 1);
    EXPECT(with_xtc(1.0f, 0.1f, 3), 0, 2, 0, 3, 1);
}

/* Logits of 5, 4.9, 4.8, 1 and 0.9: the steepest drop, for its rank, is 3.8 / 3. */
static void a_cliff(void **state) {
    (void)state;
    const float logits[5] = {4.9f, 1.0f, 5.0f, 0.9f, 4.8f};
    const pluck_stage stage = with_min_k(0.0f);
    const int32_t ids[] = {2, 0, 4};
    expect(&stage, 1, logits, 5, ids, 3, 0);
}

static void ties_go_to_the_lower_id(void **state) {
    (void)state;
    const float logits[4] = {1.0f, 2.0f, 2.0f, 1.0f};
    EXPECT(with_top_k(3), 0, 1, 2, 0);
    EXPECT(with_top_k(1), 0, 1);
    EXPECT(with_temp(0.0f, 0.0f, 1.0f), 3, 1);
}

static void infinities(void **state) {
    (void)state;
    const float logits[4] = {INFINITY, 2.0f, INFINITY, -INFINITY};
    EXPECT(with_top_k(3), 1, 0, 2);
    EXPECT(with_top_p(0.6f, 0), 0, 0, 2);
    EXPECT(with_min_p(0.5f, 0), 0, 0, 2);
}

static void edits(void **state) {
    (void)state;
    const pluck_logit_bias biases[] = {{1, 2.0f}, {1, 1.0f}, {3, -INFINITY}};
    const pluck_stage stages[] = {with_bias(biases, 3), with_penalties(4, 2.0f, 0.5f, 0.25f),
                                  with_greedy()};
    const float logits[4] = {1.0f, -1.0f, -2.0f, 9.0f};
    const pluck_config config = with_chain(4, 1, PLUCK_RNG_MT19937, stages, 3);
    oracle *o = oracle_create(&config, 1);
    assert_non_null(o);
    const int32_t accepted[] = {3, 0, 2, 2, 1}; /* the 3 is outside the window */
    for (int i = 0; i < 5; ++i) oracle_accept(o, accepted[i]);
    oracle_result r;
    const pluck_row row = {.logits = logits};
    assert_int_equal(oracle_sample(o, &row, &r), PLUCK_OK);
    /* 0: 1/2 - .75; 1: (-1 + 3)/2 - .75; 2: -2 * 2 - 2 * .5 - .25; 3: masked */
    assert_int_equal(r.n, 3);
    assert_true(r.logits[0] == -0.25 && r.logits[1] == 0.25 && r.logits[2] == -5.25);
    assert_int_equal(r.token, 1);
    oracle_free(o);
}

static void repetitions(void **state) {
    (void)state;
    /* a b c c b c y a b c: c would continue "a b c" (length 3), y "b c" (2), b "c" (1). */
    const int32_t text[] = {0, 1, 2, 2, 1, 2, 3, 0, 1, 2};
    oracle_history h = {0};
    for (int i = 0; i < 10; ++i) assert_true(oracle_history_push(&h, text[i], false));
    pluck_stage_dry dry = {.multiplier = 1.0f, .base = 1.75f, .allowed_length = 1, .last_n = 64};
    int32_t lengths[5];
    assert_true(oracle_history_repeats(&h, &dry, 5, lengths));
    const int32_t want[5] = {-1, 1, 3, 2, -1};
    assert_memory_equal(lengths, want, sizeof want);

    /* y as a breaker is 3 tokens back: no repetition may be longer. "b c" is nearer. */
    const int32_t y = 3;
    const pluck_token_sequence one = {&y, 1};
    dry.breakers = &one;
    dry.n_breakers = 1;
    assert_true(oracle_history_repeats(&h, &dry, 5, lengths));
    const int32_t broken[5] = {-1, 1, 3, -1, -1};
    assert_memory_equal(lengths, broken, sizeof broken);
    const int32_t bc[] = {1, 2};
    const pluck_token_sequence two = {bc, 2};
    dry.breakers = &two;
    assert_false(oracle_history_repeats(&h, &dry, 5, lengths));
    assert_true(fabs(oracle_dry_penalty(&dry, 3) - 1.75 * 1.75) < 1e-12);
    oracle_history_free(&h);
}

static void draws(void **state) {
    (void)state;
    /* u of the seed 5489 is 0.13547700, then 0.83500858: in id order 4/15, 5/15, 13/15, 1. */
    float logits[4];
    powers_of_two(logits);
    const pluck_stage dist = with_dist();
    const pluck_config config = with_chain(4, 5489, PLUCK_RNG_MT19937, &dist, 1);
    oracle *o = oracle_create(&config, 0);
    assert_non_null(o);
    const pluck_row row = {.logits = logits};
    oracle_result r;
    assert_int_equal(oracle_sample(o, &row, &r), PLUCK_OK);
    assert_true(fabs(r.u - 0.13547700429678) < 1e-12);
    assert_int_equal(r.token, 0);
    assert_true(fabs(r.probability - 4.0 / 15.0) < 1e-7);
    assert_int_equal(oracle_sample(o, &row, &r), PLUCK_OK);
    assert_true(fabs(r.u - 0.83500859) < 1e-6);
    assert_int_equal(r.token, 2);
    oracle_free(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mt19937_reference), cmocka_unit_test(philox_reference),
        cmocka_unit_test(uniform_numbers),   cmocka_unit_test(truncations),
        cmocka_unit_test(a_cliff),           cmocka_unit_test(ties_go_to_the_lower_id),
        cmocka_unit_test(infinities),        cmocka_unit_test(edits),
        cmocka_unit_test(repetitions),       cmocka_unit_test(draws),
    };
    return cmocka_run_group_tests_name("oracle", tests, NULL, NULL);
}
