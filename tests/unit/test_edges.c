/*
 * test_edges.c: combinations that the random chains of the other tests are unlikely to reach: state
 * of the view that one stage leaves and that must not mislead a later one.
 */
#include "check.h"

#include <math.h>
#include <stdlib.h>

#include "prefix.h"
#include "workspace.h"

enum { LARGE = 151936, SMALL = 100 };

/* A large nucleus of a whole row is kept by a cut, not collected. Once only the maximum is kept,
 * that cut no longer applies: neither edits nor adaptive-p's values may be compared with it. */
static void maximum_behind_a_cut(void **state) {
    (void)state;
    float *logits = malloc(LARGE * sizeof *logits);
    assert_non_null(logits);
    rows_fill(ROWS_NORMAL, 3, logits, LARGE);
    int32_t best = 0;
    for (int32_t i = 1; i < LARGE; ++i) best = logits[i] > logits[best] ? i : best;
    const pluck_logit_bias down = {best, -100.0f};
    pluck_stage bias = {.kind = PLUCK_STAGE_LOGIT_BIAS, .as.logit_bias = {&down, 1}};
    const pluck_stage behind[] = {bias, with_adaptive(0.5f, 0.9f), with_greedy()};
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; ++i) {
        const pluck_stage stages[] = {with_temp(2.0f, 0.0f, 1.0f), with_top_p(0.9f, 0),
                                      with_temp(0.0f, 0.0f, 1.0f), behind[i], with_dist()};
        const pluck_config config = with_chain(LARGE, 1, PLUCK_RNG_MT19937, stages, 5);
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
        const pluck_row row = {.logits = logits};
        pluck_draw draw = {.token = -1};
        assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_OK);
        assert_int_equal(draw.token, best);
        assert_int_equal(draw.n_candidates, 1);
        assert_true(draw.probability == 1.0f);
        pluck_sampler_free(s);
    }
    free(logits);
}

static bool select_at(void *ctx, pluck_custom_view *left) {
    left->selected = *(const int32_t *)ctx;
    return true;
}

/* A token that a custom stage selects at +inf has all the probability. */
static void custom_choice_at_infinity(void **state) {
    (void)state;
    float logits[SMALL];
    rows_fill(ROWS_NORMAL, 5, logits, SMALL);
    logits[0] = INFINITY;
    int32_t at = 0;
    const pluck_stage custom = {.kind = PLUCK_STAGE_CUSTOM,
                                .as.custom = {.apply = select_at, .ctx = &at}};
    const pluck_config config = with_chain(SMALL, 1, PLUCK_RNG_MT19937, &custom, 1);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    const pluck_row row = {.logits = logits};
    pluck_draw draw = {.token = -1};
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_OK);
    assert_int_equal(draw.token, 0);
    assert_true(draw.logit == INFINITY);
    assert_true(draw.probability == 1.0f);
    pluck_sampler_free(s);
}

static bool lift_first_select_second(void *ctx, pluck_custom_view *left) {
    (void)ctx;
    left->logits[0] = INFINITY;
    left->descending = false;
    left->selected = 1;
    return true;
}

/* A token that it selects while another is at +inf has probability 0, and keeps its own logit. */
static void custom_choice_beside_infinity(void **state) {
    (void)state;
    float logits[SMALL];
    rows_fill(ROWS_NORMAL, 5, logits, SMALL);
    const pluck_stage custom = {.kind = PLUCK_STAGE_CUSTOM,
                                .as.custom = {.apply = lift_first_select_second}};
    const pluck_config config = with_chain(SMALL, 1, PLUCK_RNG_MT19937, &custom, 1);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    const pluck_row row = {.logits = logits};
    pluck_draw draw = {.token = -1};
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_OK);
    assert_int_equal(draw.token, 1);
    assert_true(draw.logit == logits[1]);
    assert_true(draw.probability == 0.0f);
    pluck_sampler_free(s);
}

/* -inf masks a token whatever else is added to it, even if the rest alone would overflow. */
static void bias_overflow_and_mask(void **state) {
    (void)state;
    float logits[SMALL];
    rows_fill(ROWS_NORMAL, 7, logits, SMALL);
    const pluck_logit_bias biases[] = {{3, 3e38f}, {3, 3e38f}, {3, -INFINITY}};
    const pluck_stage stages[] = {
        {.kind = PLUCK_STAGE_LOGIT_BIAS, .as.logit_bias = {NULL, 0}},
        {.kind = PLUCK_STAGE_LOGIT_BIAS, .as.logit_bias = {biases, 3}},
        with_dist(),
    };
    const pluck_config config = with_chain(SMALL, 1, PLUCK_RNG_MT19937, stages, 3);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    const pluck_row row = {.logits = logits};
    pluck_draw draw = {.token = -1};
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_OK);
    assert_int_equal(draw.n_candidates, SMALL - 1);
    pluck_sampler_free(s);
}

/* A value so far below the others that its distance overflows, in the bin that
 * is searched further. */
static void distance_beyond_float(void **state) {
    (void)state;
    enum { N = 300 };
    float logits[N];
    int32_t ids[N];
    const float top = 3e38f, next = nextafterf(top, 0.0f);
    for (int32_t i = 0; i < N; ++i) {
        ids[i] = i;
        logits[i] = next;
    }
    logits[7] = top;
    logits[9] = -3.4e38f;
    pluck_workspace *ws = NULL;
    assert_int_equal(pluck_workspace_create(&ws, N, NULL), PLUCK_OK);
    const pluck_row row = {.logits = logits, .n = N, .ids = ids};
    view *v = &ws->view;
    assert_int_equal(pk_workspace_begin(ws, N, &row, false), PLUCK_OK);
    v->scale = 32.5 / ((double)top - (double)next); /* all but one lie 32.5 nats down */
    assert_int_equal(pk_view_scan(v), PLUCK_OK);
    const mass_source of = pk_view_source(v);
    const double sum = pk_mass_sum(&v->mass, &of);
    /* If the mass is not reached, the result is the last candidate that has any mass. */
    const search s = pk_search(&v->mass, &of, &v->list, N, ORDER_DESCENDING, 0.0, 2.0 * sum, false);
    const place found = pk_find_prefix(&s, N);
    assert_int_equal(found.at, N - 1);
    pluck_workspace_free(ws);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maximum_behind_a_cut),
        cmocka_unit_test(custom_choice_at_infinity),
        cmocka_unit_test(custom_choice_beside_infinity),
        cmocka_unit_test(bias_overflow_and_mask),
        cmocka_unit_test(distance_beyond_float),
    };
    return cmocka_run_group_tests_name("edges", tests, NULL, NULL);
}
