/*
 * test_heavy.c: the sums that boundaries are found by (src/heavy.h): where some groups hold most of
 * the mass, sums and masses above a cut are what their exponentials add up to in double.
 */
#include "check.h"
#include "heavy.h"
#include "rows/rows.h"

#include <stdlib.h>

enum { V = 151936 };

/* Of the whole mass. The kernels' float sums alone are off by up to ten times as much. */
static const double TOLERANCE = 1e-8;

/* The exponentials of x >= cut among n logits, added up in double. */
static double exact_mass(const candidates *c, const float *x, int32_t n, float cut) {
    const exp_params p = candidates_exp(c);
    double sum = 0.0;
    for (int32_t i = 0; i < n; ++i) {
        float e;
        c->kernels->array.shifted_exp(&x[i], 1, &p, &e);
        sum += x[i] >= cut ? (double)e : 0.0;
    }
    return sum;
}

static void assert_mass(double found, double exact, double whole, const char *what) {
    if (fabs(found - exact) > TOLERANCE * whole)
        fail_msg("%s: %.12g, but exactly %.12g of %.12g", what, found, exact, whole);
}

/* A view of a row at a temperature; a LIST of its greatest where `list`. */
static void view_of(candidates *c, pluck_workspace *ws, const float *x, double scale, bool list) {
    const pluck_row row = {.logits = x};
    assert_int_equal(candidates_begin(c, ws, V, &row), PLUCK_OK);
    assert_int_equal(candidates_scan(c), PLUCK_OK);
    c->scale = scale;
    if (list) candidates_top_k(c, 5000);
}

static void check_row(pluck_workspace *ws, const float *x, double scale) {
    candidates c;
    view_of(&c, ws, x, scale, false);
    candidates_sum(&c);
    assert_mass(c.sum, exact_mass(&c, x, V, -INFINITY), c.sum, "sum");
    const double sum = c.sum;
    static const float depths[] = {0.5f, 1.0f, 2.0f, 4.0f, 8.0f, 16.0f};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; ++i) {
        const float nats = depths[i];
        const float cut = c.max - nats;
        assert_mass(candidates_mass_above(&c, cut), exact_mass(&c, x, V, cut), sum, "mass above");
        c.cut_level.x = cut;
        c.draw_level.x = c.max - 0.7f * nats;
        candidates_sum_levels(&c);
        assert_mass(c.sum, exact_mass(&c, x, V, -INFINITY), sum, "sum beside levels");
        assert_mass(c.cut_level.mass, exact_mass(&c, x, V, cut), sum, "first level");
        assert_mass(c.draw_level.mass, exact_mass(&c, x, V, c.draw_level.x), sum, "second level");
    }
    view_of(&c, ws, x, scale, false);
    (void)candidates_mean(&c);
    assert_mass(c.sum, exact_mass(&c, x, V, -INFINITY), c.sum, "sum beside the mean");
    view_of(&c, ws, x, scale, true);
    candidates_sum(&c);
    assert_mass(c.sum, exact_mass(&c, ws->logits, c.n, -INFINITY), c.sum, "sum of a list");
}

static double add_three(const void *ctx, int32_t k, double logit) {
    (void)ctx;
    (void)k;
    return logit + 3.0;
}

/* An edit renews the sums of the groups that it touches. */
static void check_edit(pluck_workspace *ws, float *x) {
    candidates c;
    view_of(&c, ws, x, 1.0, false);
    candidates_sum(&c);
    int32_t ids[50];
    for (int32_t i = 0; i < 50; ++i) ids[i] = 3000 * i + 7;
    assert_int_equal(candidates_edit(&c, ids, 50, add_three, NULL), PLUCK_OK);
    assert_true(c.summed);
    for (int32_t i = 0; i < 50; ++i) x[ids[i]] += 3.0f;
    assert_mass(c.sum, exact_mass(&c, x, V, -INFINITY), c.sum, "sum after an edit");
}

static void sums(void **state) {
    (void)state;
    static const rows_kind kinds[] = {ROWS_NORMAL, ROWS_PEAKED, ROWS_REAL};
    static const double scales[] = {0.5, 1.0, 1.4};
    float *x = malloc(V * sizeof *x);
    pluck_workspace *ws;
    assert_non_null(x);
    assert_int_equal(pluck_workspace_create(&ws, V, NULL), PLUCK_OK);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
        for (uint64_t seed = 0; seed < 4; ++seed) {
            rows_fill(kinds[k], seed, x, V);
            for (size_t s = 0; s < sizeof scales / sizeof *scales; ++s) check_row(ws, x, scales[s]);
            check_edit(ws, x);
        }
    }
    pluck_workspace_free(ws);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
