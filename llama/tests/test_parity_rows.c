/*
 * test_parity_rows.c: what the parity program knows about its rows in advance changes no result.
 *
 * Every chain runs twice with each oracle: once on the plain row, and once as in the parity
 * program, with the expected order and, if possible, with only the tokens that can matter.
 * Everything that the oracle reports must be the same to the last bit.
 */
#include "oracle/oracle.h"
#include "oracle_f32.h"
#include "parity_chains.h"
#include "parity_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 40, ROTATION = 12 };

static bool same_double(double a, double b) {
    return a == b ? signbit(a) == signbit(b) : isnan(a) && isnan(b);
}

static void assert_same_result(const oracle_result *a, const oracle_result *b) {
    assert_int_equal(a->status, b->status);
    if (a->status != PLUCK_OK) return;
    assert_int_equal(a->token, b->token);
    assert_int_equal(a->wild, b->wild);
    assert_int_equal(a->n_near, b->n_near);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->descending, b->descending);
    assert_true(same_double(a->u, b->u));
    assert_true(same_double(a->coin, b->coin));
    assert_true(same_double(a->probability, b->probability));
    size_t n = (size_t)a->n;
    assert_memory_equal(a->ids, b->ids, n * sizeof *a->ids);
    assert_memory_equal(a->logits, b->logits, n * sizeof *a->logits);
    assert_memory_equal(a->probabilities, b->probabilities, n * sizeof *a->probabilities);
}

/* Runs one chain; returns in how many steps the exact oracle got a list instead of the row. */
static int walk(const pluck_config *config, parity_rows *p) {
    oracle *plain = oracle_create(config, 7), *quick = oracle_create(config, 7);
    oracle_f32 *plain_f32 = oracle_f32_create(config, 7), *quick_f32 = oracle_f32_create(config, 7);
    assert_true(plain && quick && plain_f32 && quick_f32);
    int32_t accepted[STEPS];
    int narrowed = 0;
    rows_random random = {11};
    for (int32_t i = 0; i < STEPS; i++) {
        parity_rows_next(p, i, &random);
        int32_t n = parity_rows_narrow(p, config, accepted, i);
        narrowed += n > 0;
        assert_in_range(n, 0, p->n_vocab);
        pluck_row row = {.logits = p->row}, list = row;
        if (n > 0) list = (pluck_row){.logits = p->logits, .n = n, .ids = p->ids};
        oracle_result a, b;
        oracle_sample(plain, &row, &a);
        oracle_expect(quick, p->order);
        oracle_sample(quick, &list, &b);
        assert_same_result(&a, &b);
        oracle_f32_expect(quick_f32, p->order);
        float logit, same;
        int32_t token = oracle_f32_sample(plain_f32, p->row, &logit);
        assert_int_equal(oracle_f32_sample(quick_f32, p->row, &same), token);
        assert_float_equal(same, logit, 0.0f);
        /* Tokens repeat, so that penalties and DRY have something to do. */
        accepted[i] = i < ROTATION ? token : accepted[i - ROTATION];
        oracle_accept(plain, accepted[i]);
        oracle_accept(quick, accepted[i]);
        oracle_f32_accept(plain_f32, accepted[i]);
        oracle_f32_accept(quick_f32, accepted[i]);
    }
    oracle_free(plain);
    oracle_free(quick);
    oracle_f32_free(plain_f32);
    oracle_f32_free(quick_f32);
    return narrowed;
}

static void test_same_results(void **state) {
    (void)state;
    parity_rows p;
    assert_true(parity_rows_init(&p, 12000));
    int n_narrowed = 0;
    for (int i = 0; i < parity_n_chains; i++) {
        pluck_stage stages[64];
        pluck_config config;
        pluck_spec *parsed;
        if (parity_chains[i].more == PARITY_INFILL) continue; /* needs a model */
        assert_true(parity_config(&parity_chains[i], p.n_vocab, NULL, stages, &config, &parsed));
        int narrowed = walk(&config, &p);
        n_narrowed += narrowed > STEPS / 2;
        pluck_spec_free(parsed);
    }
    /* Some chains must be narrowed, others not. */
    assert_in_range(n_narrowed, 20, 50);
    parity_rows_free(&p);
}

/* A wrong order, slightly or completely, costs time but changes no result. */
static void test_wrong_orders(void **state) {
    (void)state;
    enum { V = 3000 };
    parity_rows p;
    assert_true(parity_rows_init(&p, V));
    pluck_spec *parsed;
    assert_int_equal(
        pluck_spec_parse(&parsed, "samplers=typ_p:top_p;typ_p=0.9;top_p=0.95", V, NULL), PLUCK_OK);
    const pluck_config *config = pluck_spec_config(parsed);
    oracle *plain = oracle_create(config, 7), *quick = oracle_create(config, 7);
    oracle_f32 *plain_f32 = oracle_f32_create(config, 7), *quick_f32 = oracle_f32_create(config, 7);
    rows_random random = {3};
    for (int32_t i = 0; i < 60; i++) {
        parity_rows_next(&p, i, &random);
        int32_t swaps = i % 3 == 0 ? 1 : i % 3 == 1 ? 40 : 20000;
        for (int32_t k = 0; k < swaps; k++) {
            uint32_t a = rows_below(&random, V), b = rows_below(&random, V);
            int32_t id = p.order[a];
            p.order[a] = p.order[b];
            p.order[b] = id;
        }
        pluck_row row = {.logits = p.row};
        oracle_result a, b;
        oracle_sample(plain, &row, &a);
        oracle_expect(quick, p.order);
        oracle_sample(quick, &row, &b);
        assert_same_result(&a, &b);
        oracle_f32_expect(quick_f32, p.order);
        float logit;
        int32_t token = oracle_f32_sample(plain_f32, p.row, &logit);
        assert_int_equal(oracle_f32_sample(quick_f32, p.row, &logit), token);
    }
    oracle_free(plain);
    oracle_free(quick);
    oracle_f32_free(plain_f32);
    oracle_f32_free(quick_f32);
    pluck_spec_free(parsed);
    parity_rows_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_results),
        cmocka_unit_test(test_wrong_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
