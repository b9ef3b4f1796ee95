/*
 * test_heavy.c: the sums that boundaries are found with (src/heavy.c): if some groups hold most of
 * the mass, sums and masses above a cut must equal the exponentials added up in double.
 */
#include "check.h"
#include "rows/rows.h"
#include "workspace.h"

#include <stdlib.h>

enum { V = 151936 };

/* As a share of the whole mass. The kernels' float sums alone are off by up
 * to ten times as much. */
static const double TOLERANCE = 1e-8;

/* The exponentials of x >= low among n logits, added up in double. */
static double exact_mass(const float *e, const float *x, int32_t n, float low) {
    double sum = 0.0;
    for (int32_t i = 0; i < n; ++i) sum += x[i] >= low ? (double)e[i] : 0.0;
    return sum;
}

/* The exponentials of n logits as the view has them. */
static const float *exponentials(view *v, const float *x, int32_t n) {
    static float e[V];
    const mass_source of = pk_view_source(v);
    pk_mass_of(&v->mass, &of, x, (size_t)n, e);
    return e;
}

static void assert_mass(double found, double exact, double whole, const char *what) {
    if (fabs(found - exact) > TOLERANCE * whole)
        fail_msg("%s: %.12g, but exactly %.12g of %.12g", what, found, exact, whole);
}

/* A view of a row at a temperature; if `greatest`, the list of its greatest logits. */
static view *view_of(pluck_workspace *ws, const float *x, double scale, bool greatest) {
    const pluck_row row = {.logits = x};
    assert_int_equal(pk_workspace_begin(ws, V, &row, false), PLUCK_OK);
    assert_int_equal(pk_view_scan(&ws->view), PLUCK_OK);
    pk_view_divide(&ws->view, 1.0 / scale);
    if (greatest) pk_view_top_k(&ws->view, 5000);
    return &ws->view;
}

static double sum_of(view *v) {
    const mass_source of = pk_view_source(v);
    return pk_mass_sum(&v->mass, &of);
}

static void check_row(pluck_workspace *ws, const float *x, double scale) {
    view *v = view_of(ws, x, scale, false);
    const double sum = sum_of(v);
    const float *e = exponentials(v, x, V);
    const double exact = exact_mass(e, x, V, -INFINITY);
    assert_mass(sum, exact, sum, "sum");
    static const float depths[] = {0.5f, 1.0f, 2.0f, 4.0f, 8.0f, 16.0f};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; ++i) {
        const float nats = depths[i];
        const float low = pk_view_max(v) - nats;
        const mass_source of = pk_view_source(v);
        const double above = pk_mass_above(&v->mass, &of, cut_at(low));
        const double exact_above = exact_mass(e, x, V, low);
        assert_mass(above, exact_above, sum, "mass above");
        level first = {low, 0.0}, second = {pk_view_max(v) - 0.7f * nats, 0.0};
        pk_mass_sum_levels(&v->mass, &of, &first, &second);
        assert_mass(v->mass.sum, exact, sum, "sum beside levels");
        assert_mass(first.mass, exact_above, sum, "first level");
        assert_mass(second.mass, exact_mass(e, x, V, second.x), sum, "second level");
    }
    v = view_of(ws, x, scale, false);
    (void)pk_view_mean(v);
    assert_mass(v->mass.sum, exact, v->mass.sum, "sum beside the mean");
    v = view_of(ws, x, scale, true);
    const double listed = sum_of(v);
    e = exponentials(v, v->list.x, v->list.n);
    assert_mass(listed, exact_mass(e, v->list.x, v->list.n, -INFINITY), listed, "sum of a list");
}

static void add_three(const void *ctx, int32_t k, int32_t n, double *logit) {
    (void)ctx;
    (void)k;
    for (int32_t i = 0; i < n; ++i) logit[i] += 3.0;
}

/* An edit renews the sums of the groups that it touches. */
static void check_edit(pluck_workspace *ws, float *x) {
    view *v = view_of(ws, x, 1.0, false);
    (void)sum_of(v);
    int32_t ids[50];
    for (int32_t i = 0; i < 50; ++i) ids[i] = 3000 * i + 7;
    assert_int_equal(pk_view_edit(v, ids, 50, add_three, NULL), PLUCK_OK);
    assert_true(v->mass.sum_stamp == v->weights);
    for (int32_t i = 0; i < 50; ++i) x[ids[i]] += 3.0f;
    assert_mass(v->mass.sum, exact_mass(exponentials(v, x, V), x, V, -INFINITY), v->mass.sum,
                "sum after an edit");
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
