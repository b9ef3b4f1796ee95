/*
 * test_math.c: exp and log of every kernel table that this CPU can run, within 2 ulp of libm's
 * results in double: many points for every exponent and sign, all special values, and with
 * PLUCK_TEST_EXHAUSTIVE=1 in the environment all 2^32 floats (some minutes). And the cubic, the
 * least of a row and the ranks of values by their definitions.
 */
#include "check.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4096 };

static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The distance between neighbouring floats at `want`. */
static double ulp_at(double want) {
    int exponent = 0;
    if (fabs(want) < 0x1p-126) return 0x1p-149;
    frexp(want, &exponent);
    return ldexp(1.0, exponent - 24);
}

/* The distance of `got` from `want` in ulps; infinite if one is special and the other is not. */
static double distance(float got, double want) {
    if (isnan(want)) return isnan(got) ? 0.0 : INFINITY;
    if (isinf(want) || fabs(want) >= 0x1.ffffffp127) {
        return (double)got == (want > 0 ? INFINITY : -INFINITY) ? 0.0 : INFINITY;
    }
    if (isinf(got) || isnan(got)) return INFINITY;
    return fabs((double)got - want) / ulp_at(want);
}

typedef void (*map)(const float *x, size_t n, float *out);

static double exp_of(float x) {
    return exp((double)x);
}
static double log_of(float x) {
    return log((double)x);
}

/* What is compared with the reference, and how it fares. */
typedef struct contestant {
    map f;
    const char *isa;
    double most; /* the greatest error */
    float where;
} contestant;

/* Raises each one's greatest error to that over bits first, first + step, ... */
static void compare(contestant *all, int n_all, double (*reference)(float), uint64_t first,
                    uint64_t last, uint64_t step) {
    float x[BATCH], y[BATCH];
    double right[BATCH];
    for (uint64_t bits = first; bits <= last;) {
        size_t n = 0;
        for (; n < BATCH && bits <= last; ++n, bits += step) {
            x[n] = from_bits((uint32_t)bits);
            right[n] = reference(x[n]);
        }
        for (contestant *c = all; c < all + n_all; ++c) {
            c->f(x, n, y);
            for (size_t i = 0; i < n; ++i) {
                const double d = distance(y[i], right[i]);
                if (d > c->most) {
                    c->most = d;
                    c->where = x[i];
                }
            }
        }
    }
}

static void assert_within_2_ulp(const char *name, const contestant *c) {
    print_message("%s %s: at most %.3f ulp (at %.9g)\n", name, c->isa, c->most, (double)c->where);
    if (!(c->most <= 2.0))
        fail_msg("%s %s: %g ulp at %.9g", name, c->isa, c->most, (double)c->where);
}

static void check_all(const char *name, double (*reference)(float), bool is_log) {
    enum { MOST = 8 };
    const bool exhaustive = getenv("PLUCK_TEST_EXHAUSTIVE") != NULL;
    int n_tables = 0, n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n_tables);
    contestant all[MOST];
    for (int i = 0; i < n_tables; ++i) {
        const kernel_table *t = tables[i];
        if (t->needs & ~pk_cpu_features()) continue;
        assert_true(n < MOST);
        all[n++] = (contestant){.f = is_log ? t->array.log : t->array.exp, .isa = t->isa};
    }
    /* 2^23 / 251: about 33,000 points in each of 512 binades. */
    compare(all, n, reference, 0, 0xffffffffu, exhaustive ? 1 : 251);
    for (int i = 0; i < n; ++i) assert_within_2_ulp(name, &all[i]);
}

static void exp_within_2_ulp(void **state) {
    (void)state;
    check_all("exp", exp_of, false);
}

static void log_within_2_ulp(void **state) {
    (void)state;
    check_all("log", log_of, true);
}

/* Every float of the binades that exp is used on most, and where its pieces join. */
static void dense_where_it_matters(void **state) {
    (void)state;
    const kernel_table *t = pk_kernels();
    contestant e = {.f = t->array.exp, .isa = t->isa}, l = {.f = t->array.log, .isa = t->isa};
    compare(&e, 1, exp_of, 0xbf000000u, 0xbf800000u, 1);
    compare(&e, 1, exp_of, 0xc2800000u, 0xc2d80000u, 3);
    compare(&l, 1, log_of, 0x3f000000u, 0x40000000u, 3);
    compare(&l, 1, log_of, 0x00000000u, 0x00800000u, 3);
    assert_within_2_ulp("exp", &e);
    assert_within_2_ulp("log", &l);
}

static void special_values(void **state) {
    (void)state;
    const float x[] = {0.0f,  -0.0f,  INFINITY, -INFINITY, NAN,    1.0f,      -1.0f,
                       88.7f, 88.73f, -103.9f,  -104.1f,   -87.4f, 0x1p-149f, -0x1p-149f};
    enum { N = sizeof x / sizeof x[0] };
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    for (int i = 0; i < n; ++i) {
        if (tables[i]->needs & ~pk_cpu_features()) continue;
        float e[N];
        float l[N];
        tables[i]->array.exp(x, N, e);
        tables[i]->array.log(x, N, l);
        for (int j = 0; j < N; ++j) {
            assert_true(distance(e[j], exp_of(x[j])) <= 2.0);
            assert_true(distance(l[j], log_of(x[j])) <= 2.0);
        }
        assert_true(e[0] == 1.0f && e[3] == 0.0f && l[5] == 0.0f);
    }
}

/* The kernels of the other tables give the same bits, as test_kernels.c shows. */
static void the_cubic_and_the_least(void **state) {
    (void)state;
    enum { N = 3 * GROUP };
    float x[N], y[N], least = INFINITY;
    for (int i = 0; i < N; ++i) x[i] = i % 7 == 3 ? -INFINITY : 20.0f - (float)(i * 29 % N) * 0.3f;
    for (int i = 0; i < N; ++i) least = x[i] > -INFINITY && x[i] < least ? x[i] : least;
    const kernel_table *k = pk_kernels();
    assert_true(k->row[PLUCK_DTYPE_F32][0]->least(x, NULL, N / GROUP) == least);
    const bend_params p = {20.0f, 0.7f, 0.3f, 0.05f, 21.0f};
    k->array.bend(x, N, &p, y);
    for (int i = 0; i < N; ++i) {
        const double d = ((double)x[i] - 20.0) * (double)0.7f;
        const double want = 21.0 + d * d * ((double)0.05f * d - (double)0.3f);
        if (x[i] == -INFINITY)
            assert_true(y[i] == -INFINITY);
        else
            assert_true(fabs((double)y[i] - want) <= 1e-5 * (20.0 + fabs(want)));
    }
}

/* On every table, for each number of values. */
static void ranks_count_the_greater(void **state) {
    (void)state;
    enum { MOST = 130, ROOM = 3 * GROUP };
    float x[ROOM];
    int32_t rank[ROOM];
    int n_tables = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n_tables);
    for (int32_t n = 0; n <= MOST; n++) {
        for (int i = 0; i < ROOM; i++) x[i] = i < n ? (float)(i * 37 % 23) - 11.0f : -INFINITY;
        if (n > 5) x[2] = -INFINITY, x[4] = 0.0f, x[5] = -0.0f;
        for (int t = 0; t < n_tables; t++) {
            if (tables[t]->needs & ~pk_cpu_features()) continue;
            tables[t]->array.rank(x, (size_t)n, rank);
            for (int32_t i = 0; i < n; i++) {
                int32_t greater = 0;
                for (int32_t j = 0; j < n; j++) greater += x[j] > x[i];
                assert_int_equal(rank[i], greater);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_within_2_ulp),        cmocka_unit_test(log_within_2_ulp),
        cmocka_unit_test(dense_where_it_matters),  cmocka_unit_test(special_values),
        cmocka_unit_test(the_cubic_and_the_least), cmocka_unit_test(ranks_count_the_greater),
    };
    return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}
