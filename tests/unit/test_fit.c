/*
 * test_fit.c: goodness of fit. A million draws of a chain are compared with its exact probabilities
 * by the chi-square test. Seeds are fixed, so every run gives the same result. Cells that expect
 * fewer than 10 draws are joined. The bounds are the 1e-7 quantiles on both sides; a wrong sampler
 * is far outside.
 */
#include "check.h"
#include "rows/trials.h"

#include <math.h>

enum { V = 60 };

/* The quantile of the chi-square distribution by Wilson and Hilferty; z of the normal one. */
static double chi_square_quantile(int freedom, double z) {
    const double a = 2.0 / (9.0 * freedom);
    const double root = 1.0 - a + z * sqrt(a);
    return root <= 0.0 ? 0.0 : freedom * root * root * root;
}

static void assert_fits(const char *name, const double *expected, const int *counted, int n,
                        double draws) {
    double statistic = 0.0;
    double rest_expected = 0.0;
    double rest_counted = 0.0;
    int cells = 0;
    for (int i = 0; i < n; ++i) {
        const double e = expected[i] * draws;
        if (e == 0.0) assert_int_equal(counted[i], 0);
        if (e < 10.0) {
            rest_expected += e;
            rest_counted += counted[i];
            continue;
        }
        statistic += (counted[i] - e) * (counted[i] - e) / e;
        ++cells;
    }
    if (rest_expected >= 10.0) {
        statistic +=
            (rest_counted - rest_expected) * (rest_counted - rest_expected) / rest_expected;
        ++cells;
    } else {
        assert_true(rest_counted <= 60.0);
    }
    if (cells < 2) return;
    const double low = chi_square_quantile(cells - 1, -5.2);
    const double high = chi_square_quantile(cells - 1, 5.2);
    if (statistic < low || statistic > high) {
        fail_msg("%s: chi-square %.1f with %d cells, expected %.1f to %.1f", name, statistic, cells,
                 low, high);
    }
}

/* Adds `weight` times the exact distribution of a chain to p. */
static void add_exact(const pluck_stage *stages, int32_t n_stages, const float *logits,
                      double weight, double *p) {
    const pluck_config config = with_chain(V, 1, PLUCK_RNG_MT19937, stages, n_stages);
    oracle *o = oracle_create(&config, 1);
    assert_non_null(o);
    const pluck_row row = {.logits = logits};
    oracle_result r;
    assert_int_equal(oracle_sample(o, &row, &r), PLUCK_OK);
    for (int32_t i = 0; i < r.n; ++i) p[r.ids[i]] += weight * r.probabilities[i];
    oracle_free(o);
}

static void draw_and_test(const char *name, const pluck_stage *stages, int32_t n_stages,
                          const float *logits, const double *p) {
    const int32_t draws = trials_of(1000000);
    for (int rng = 0; rng < 2; ++rng) {
        const pluck_config config =
            with_chain(V, 20240517u + (uint32_t)rng, (pluck_rng_kind)rng, stages, n_stages);
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
        int counted[V] = {0};
        int pairs[4] = {0};
        int32_t token = 0;
        for (int i = 0; i < draws; ++i) {
            const int32_t before = token;
            assert_int_equal(pluck_sample(s, logits, &token), PLUCK_OK);
            ++counted[token];
            if (i % 2) ++pairs[2 * (before % 2) + token % 2];
        }
        assert_fits(name, p, counted, V, draws);

        /* Two draws in a row are independent. */
        double odd = 0.0;
        for (int i = 1; i < V; i += 2) odd += p[i];
        const double both[4] = {(1 - odd) * (1 - odd), (1 - odd) * odd, odd * (1 - odd), odd * odd};
        assert_fits(name, both, pairs, 4, 0.5 * draws);
        pluck_sampler_free(s);
    }
}

static void fit(const char *name, const pluck_stage *stages, int32_t n_stages) {
    float logits[V];
    rows_fill(ROWS_NORMAL, 31, logits, V);
    for (int i = 0; i < V; ++i) logits[i] *= 0.3f;
    double p[V] = {0.0};
    add_exact(stages, n_stages, logits, 1.0, p);
    draw_and_test(name, stages, n_stages, logits, p);
}

static void plain(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_dist()};
    fit("dist", stages, 1);
}

static void default_chain(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_top_k(40), with_top_p(0.95f, 0), with_min_p(0.05f, 0),
                                  with_temp(0.8f, 0.0f, 1.0f), with_dist()};
    fit("default chain", stages, 5);
}

static void typical(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_typical(0.9f, 0), with_dist()};
    fit("typical", stages, 2);
}

static void hot_nucleus(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_temp(1.5f, 0.0f, 1.0f), with_top_p(0.99f, 0), with_dist()};
    fit("temperature and top-p", stages, 3);
}

static void mirostat(void **state) {
    (void)state;
    /* With a learning rate of 0 all draws have the same distribution. */
    const pluck_stage v2[] = {with_mirostat(2, 3.0f, 0.0f, 100)};
    fit("mirostat v2", v2, 1);
    const pluck_stage v1[] = {with_mirostat(1, 3.0f, 0.0f, 100)};
    fit("mirostat v1", v1, 1);
}

static void adaptive(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_adaptive(0.2f, 0.9f)};
    fit("adaptive-p", stages, 1);
}

static void xtc(void **state) {
    (void)state;
    float logits[V];
    rows_fill(ROWS_NORMAL, 32, logits, V);
    for (int i = 0; i < V; ++i) logits[i] *= 0.3f;
    const pluck_stage always[] = {with_xtc(1.0f, 0.05f, 0), with_dist()};
    const pluck_stage often[] = {with_xtc(0.3f, 0.05f, 0), with_dist()};
    double p[V] = {0.0};
    add_exact(always, 2, logits, (double)0.3f, p);
    add_exact(always + 1, 1, logits, 1.0 - (double)0.3f, p);
    draw_and_test("xtc", often, 2, logits, p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),       cmocka_unit_test(default_chain), cmocka_unit_test(typical),
        cmocka_unit_test(hot_nucleus), cmocka_unit_test(mirostat),      cmocka_unit_test(adaptive),
        cmocka_unit_test(xtc),
    };
    return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
