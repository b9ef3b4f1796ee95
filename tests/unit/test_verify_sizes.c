/*
 * test_verify_sizes.c: drafts of every size: proposals of few tokens and of the whole vocabulary, long
 * rows, trees of 64 tokens.
 */
#include "check.h"
#include "pluck_verify.h"
#include "rows/trials.h"

#include <math.h>
#include <string.h>

enum { N = 300 };

/* Proposals of few tokens, whose rest is found without a walk over the row, judge as the same ones of
 * the whole vocabulary do. */
static void few_tokens(void **state) {
    (void)state;
    enum { FEW = 4, SIBLINGS = 4 };
    const pluck_stage stage = with_dist();
    static float whole[SIBLINGS][N];
    rows_random r = {11};
    long turned_down[SIBLINGS + 1] = {0};
    for (uint32_t trial = 0; trial < 600; ++trial) {
        int32_t ids[SIBLINGS][FEW], tokens[SIBLINGS];
        float p[SIBLINGS][FEW];
        pluck_proposal few[SIBLINGS], dense[SIBLINGS];
        memset(whole, 0, sizeof whole);
        const bool without = trial % 2;
        for (int i = 0; i < SIBLINGS; ++i) {
            for (int k = 0; k < FEW; ++k) {
                ids[i][k] = (int32_t)((uint32_t)k * 70u + rows_below(&r, 70));
                p[i][k] = (float)(k + 1) / 10.0f;
                whole[i][ids[i][k]] = p[i][k];
            }
            /* Of each a different one, so that they are not equal. */
            tokens[i] = ids[i][i];
            few[i] = (pluck_proposal){ids[i], p[i], FEW};
            dense[i] = (pluck_proposal){NULL, whole[i], N};
            if (trial % 3 == 0 && i > 0) { /* all of the same one */
                few[i] = few[0];
                dense[i] = dense[0];
                tokens[i] = ids[0][i];
            }
        }
        float row[N] = {0};
        for (int i = 0; i < SIBLINGS; ++i) row[tokens[i]] = 3.0f;
        pluck_row rows[SIBLINGS + 1];
        for (int i = 0; i <= SIBLINGS; ++i) rows[i] = (pluck_row){.logits = row};
        const int32_t parents[SIBLINGS] = {-1, -1, -1, -1};
        pluck_sampler *s[2];
        pluck_verified got[2];
        for (int k = 0; k < 2; ++k) {
            pluck_config c = with_chain(N, trial, PLUCK_RNG_PHILOX, &stage, 1);
            c.max_rewind = 1;
            const pluck_draft draft = {.way = PLUCK_VERIFY_REJECTION,
                                       .tokens = tokens,
                                       .n_tokens = SIBLINGS,
                                       .rows = rows,
                                       .proposals = k ? dense : few,
                                       .parents = parents,
                                       .without_replacement = without};
            assert_int_equal(pluck_sampler_create(&s[k], &c), PLUCK_OK);
            assert_int_equal(pluck_verify(s[k], &draft, &got[k], NULL), PLUCK_OK);
        }
        assert_memory_equal(&got[0], &got[1], sizeof got[0]);
        check_same_state(s[0], s[1]);
        turned_down[got[0].node < 0 ? SIBLINGS : got[0].node]++;
        pluck_sampler_free(s[0]);
        pluck_sampler_free(s[1]);
    }
    for (int i = 0; i <= SIBLINGS; ++i) assert_true(turned_down[i] > 10);
}

/* What replaces a token that was turned down is drawn from all of a long row. */
static void long_rows(void **state) {
    (void)state;
    enum { LONG = 20011, BINS = 40, DRAFTED = 3 };
    static float row[LONG];
    static double p[LONG];
    double sum = 0, want[BINS] = {0}, chi = 0;
    for (int i = 0; i < LONG; ++i) {
        const int step = i / 5000;
        row[i] = (float)(i % 11) * 0.3f + (float)step;
        p[i] = exp((double)row[i]);
        sum += p[i];
    }
    const int32_t tokens[DRAFTED] = {LONG - 1, 0, 10000}, parents[DRAFTED] = {-1, -1, -1};
    for (int i = 0; i < LONG; ++i) want[i * BINS / LONG] += p[i] / sum;
    const pluck_row rows[DRAFTED + 1] = {
        {.logits = row}, {.logits = row}, {.logits = row}, {.logits = row}};
    const pluck_draft draft = {.way = PLUCK_VERIFY_REJECTION,
                               .tokens = tokens,
                               .n_tokens = DRAFTED,
                               .rows = rows,
                               .parents = parents};
    const pluck_stage stage = with_dist();
    pluck_config c = with_chain(LONG, 12, PLUCK_RNG_PHILOX, &stage, 1);
    c.max_rewind = 1;
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
    long seen[BINS] = {0};
    const long n = trials_of(10000);
    for (long i = 0; i < n; ++i) {
        pluck_verified got;
        assert_int_equal(pluck_verify(s, &draft, &got, NULL), PLUCK_OK);
        const int32_t first = got.node < 0 ? got.token : tokens[got.node];
        seen[first * BINS / LONG]++;
    }
    for (int b = 0; b < BINS; ++b) {
        const double expected = want[b] * (double)n;
        chi += ((double)seen[b] - expected) * ((double)seen[b] - expected) / expected;
    }
    if ((chi - (BINS - 1)) / sqrt(2.0 * (BINS - 1)) > 4) fail_msg("chi-squared %g", chi);
    pluck_sampler_free(s);
}

/* A tree of 64 tokens: all are siblings, or all are a line. */
static void the_greatest(void **state) {
    (void)state;
    enum { MOST = PLUCK_MAX_DRAFT };
    static float row[MOST + 1];
    pluck_row rows[MOST + 1];
    int32_t tokens[MOST], parents[MOST];
    for (int32_t i = 0; i <= MOST; ++i) rows[i] = (pluck_row){.logits = row};
    for (int32_t i = 0; i < MOST; ++i) tokens[i] = i;
    const pluck_stage stage = with_dist();
    pluck_config c = with_chain(MOST + 1, 3, PLUCK_RNG_PHILOX, &stage, 1);
    c.max_rewind = MOST;
    long seen[MOST + 1] = {0}, longest = 0;
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
    for (int trial = 0; trial < 650; ++trial) {
        for (int32_t i = 0; i < MOST; ++i) parents[i] = trial % 2 ? i - 1 : -1;
        row[0] = trial % 2 ? 99.0f : 0.0f;
        for (int32_t i = 0; i < MOST; ++i) tokens[i] = trial % 2 ? 0 : i;
        const pluck_draft draft = {.way = PLUCK_VERIFY_REJECTION,
                                   .tokens = tokens,
                                   .n_tokens = MOST,
                                   .rows = rows,
                                   .parents = parents,
                                   .without_replacement = true};
        pluck_verified got;
        assert_int_equal(pluck_verify(s, &draft, &got, NULL), PLUCK_OK);
        if (trial % 2)
            longest += got.n_accepted == MOST && got.node == MOST - 1;
        else
            seen[got.node < 0 ? MOST : tokens[got.node]]++;
    }
    assert_int_equal(longest, 325);
    /* Of 65 tokens as likely as each other 64 are drafted; all come. */
    for (int32_t t = 0; t <= MOST; ++t) assert_true(seen[t] < 25);
    assert_true(seen[MOST] > 0);
    pluck_sampler_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_tokens),
        cmocka_unit_test(long_rows),
        cmocka_unit_test(the_greatest),
    };
    return cmocka_run_group_tests_name("verify_sizes", tests, NULL, NULL);
}
