/*
 * test_kernels.c: every kernel that this CPU can run, on every dtype and at odd addresses. Results
 * must equal the scalar kernel's to the last bit, and sums in long double within rounding.
 */
#include "check.h"
#include "kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { GROUPS = 37, COUNT = GROUPS * GROUP, ROOM = COUNT + GROUP };

typedef struct bench {
    float x[COUNT]; /* the values as floats, after rounding to the dtype */
    unsigned char bytes[4 * COUNT + 64];
    const void *row; /* the same in the dtype, at the address of an odd element */
    float max[GROUPS];
} bench;

static const rows_kind kinds[] = {ROWS_NORMAL, ROWS_PEAKED,      ROWS_REAL,     ROWS_TIES,
                                  ROWS_EQUAL,  ROWS_HALF_MASKED, ROWS_DENORMAL, ROWS_FAR};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void load(bench *b, rows_kind kind, pluck_dtype dtype, uint64_t seed) {
    rows_fill(kind, seed, b->x, COUNT);
    unsigned char *at = b->bytes + (1 + seed % 7) * rows_element_size(dtype);
    rows_store(dtype, b->x, at, COUNT);
    b->row = at;
    const pluck_row row = {.logits = at, .dtype = dtype};
    for (int32_t i = 0; i < COUNT; ++i) b->x[i] = (float)oracle_element(&row, i);
}

static void real_max(const bench *b, float max[GROUPS]) {
    for (int g = 0; g < GROUPS; ++g) {
        max[g] = -INFINITY;
        for (int i = 0; i < GROUP; ++i) max[g] = fmaxf(max[g], b->x[g * GROUP + i]);
    }
}

static bool runnable(const kernel_table *t) {
    return (t->needs & ~pk_cpu_features()) == 0;
}

static const kernel_table *scalar(void) {
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    for (int i = 0; i < n; ++i) {
        if (strcmp(tables[i]->isa, "scalar") == 0) return tables[i];
    }
    fail_msg("there is no scalar table");
    return NULL;
}

static void assert_same_bits(const void *a, const void *b, size_t size, const char *isa,
                             const char *op) {
    if (memcmp(a, b, size) != 0) fail_msg("%s differs from scalar in %s", isa, op);
}

static void assert_near(double got, double want, double tolerance, const char *isa,
                        const char *op) {
    if (fabs(got - want) > tolerance) {
        fail_msg("%s %s: %.17g, wanted %.17g", isa, op, got, want);
    }
}

/* --- one operation each: of table t against scalar s and the definition --- */

static void check_max(const row_kernels *t, const row_kernels *s, bench *b, const char *isa) {
    float want[GROUPS];
    float scalar_max[GROUPS];
    real_max(b, want);
    bool finite = true;
    for (int i = 0; i < COUNT; ++i) finite = finite && isfinite(b->x[i]);
    assert_int_equal(t->group_max(b->row, NULL, GROUPS, b->max), finite);
    assert_int_equal(s->group_max(b->row, NULL, GROUPS, scalar_max), finite);
    for (int g = 0; g < GROUPS; ++g) assert_true(b->max[g] == want[g] && scalar_max[g] == want[g]);
    (void)isa;
}

static void check_census(const row_kernels *t, bench *b) {
    int64_t masked = 5, want = 5;
    float least = 40.0f, want_least = 0.0f;
    for (int i = 0; i < COUNT; ++i) {
        want += b->x[i] == -INFINITY;
        if (b->x[i] > -INFINITY) want_least = fminf(want_least, b->x[i]);
    }
    assert_true(t->group_census(b->row, NULL, GROUPS, &masked, &least));
    assert_true(masked == want && fminf(least, 0.0f) == want_least);
}

static void check_sums(const row_kernels *t, const row_kernels *s, bench *b, double scale,
                       const char *isa) {
    float top = -INFINITY;
    for (int g = 0; g < GROUPS; ++g) top = fmaxf(top, b->max[g]);
    const exp_params p = pk_exp_params(top, scale);
    double sum[GROUPS], moment_sum[GROUPS], moment[GROUPS];
    double other[GROUPS], other_moment[GROUPS], squares[GROUPS];
    t->group_sumexp(b->row, NULL, GROUPS, &p, sum);
    s->group_sumexp(b->row, NULL, GROUPS, &p, other);
    assert_same_bits(sum, other, sizeof sum, isa, "group_sumexp");
    t->group_moment(b->row, NULL, GROUPS, &p, moment_sum, moment);
    s->group_moment(b->row, NULL, GROUPS, &p, other, other_moment);
    assert_same_bits(moment_sum, other, sizeof other, isa, "group_moment");
    assert_same_bits(moment, other_moment, sizeof other, isa, "group_moment");
    t->group_squares(b->row, NULL, GROUPS, &p, moment_sum, squares);
    s->group_squares(b->row, NULL, GROUPS, &p, other, other_moment);
    assert_same_bits(moment_sum, other, sizeof other, isa, "group_squares");
    assert_same_bits(squares, other_moment, sizeof other, isa, "group_squares");
    for (int g = 0; g < GROUPS; ++g) {
        long double e = 0.0L;
        long double m = 0.0L;
        long double q = 0.0L;
        for (int i = g * GROUP; i < (g + 1) * GROUP; ++i) {
            if (b->x[i] == -INFINITY) continue;
            const long double d = (long double)b->x[i] - (long double)top;
            const long double y = expl(d * (long double)scale);
            e += y;
            m += y * d;
            q += y * y;
        }
        /* x - ref is rounded once; below 2^-126 a term may be left out. */
        assert_near(sum[g], (double)e, 2e-6 * (double)e + 1e-36, isa, "group_sumexp");
        assert_near(moment[g], (double)m, 2e-6 * (double)-m + 1e-33, isa, "group_moment");
        assert_near(squares[g], (double)q, 4e-6 * (double)q + 1e-36, isa, "group_squares");
        assert_true(sum[g] == moment_sum[g]);
    }
    assert_true(t->least(b->row, NULL, GROUPS) == s->least(b->row, NULL, GROUPS));
}

static void check_stats(const row_kernels *t, const row_kernels *s, bench *b, const char *isa) {
    const float shift = 1.25f;
    group_totals got = {3.0, 4.0};
    group_totals other = {3.0, 4.0};
    t->group_stats(b->row, NULL, GROUPS, shift, &got);
    s->group_stats(b->row, NULL, GROUPS, shift, &other);
    assert_true(got.sum == other.sum && got.sum_squares == other.sum_squares);
    long double sum = 3.0L, absolute = 0.0L, squares = 4.0L;
    for (int i = 0; i < COUNT; ++i) {
        if (b->x[i] == -INFINITY) continue;
        const long double d = (long double)b->x[i] - (long double)shift;
        sum += d;
        absolute += fabsl(d);
        squares += d * d;
    }
    assert_near(got.sum, (double)sum, 1e-6 * (double)absolute, isa, "group_stats");
    assert_near(got.sum_squares, (double)squares, 1e-6 * (double)squares, isa, "group_stats");
}

static void check_collect(const row_kernels *t, bench *b, float cut, float below) {
    static int32_t ids[ROOM];
    static float logits[ROOM];
    const int32_t n = t->group_collect(b->row, NULL, GROUPS, b->max, 1000, cut, below, ids, logits);
    int32_t at = 0;
    for (int32_t i = 0; i < COUNT; ++i) {
        if (cut == -INFINITY ? !(b->x[i] > cut) : !(b->x[i] >= cut)) continue;
        if (b->x[i] >= below) continue;
        assert_true(at < n);
        assert_int_equal(ids[at], 1000 + i);
        assert_memory_equal(&logits[at], &b->x[i], sizeof(float));
        ++at;
    }
    assert_int_equal(at, n);
}

/* Sums and counts of the logits at or above a cut, against the definition. */
static void check_above(const row_kernels *t, const row_kernels *s, bench *b, float cut,
                        const char *isa) {
    float top = -INFINITY;
    for (int g = 0; g < GROUPS; ++g) top = fmaxf(top, b->max[g]);
    const exp_params p = pk_exp_params(top, 0.7);
    double sum[GROUPS], other[GROUPS];
    t->group_sumexp_above(b->row, NULL, GROUPS, b->max, cut, &p, sum);
    s->group_sumexp_above(b->row, NULL, GROUPS, b->max, cut, &p, other);
    assert_same_bits(sum, other, sizeof sum, isa, "group_sumexp_above");
    int64_t n = 0;
    for (int g = 0; g < GROUPS; ++g) {
        long double want = 0.0L;
        for (int i = g * GROUP; i < (g + 1) * GROUP; ++i) {
            if (!(b->x[i] >= cut) || b->x[i] == -INFINITY) continue;
            want += expl(((long double)b->x[i] - (long double)top) * 0.7L);
            ++n;
        }
        assert_near(sum[g], (double)want, 2e-6 * (double)want + 1e-36, isa, "group_sumexp_above");
    }
    assert_int_equal(t->group_count_above(b->row, NULL, GROUPS, b->max, cut), n);

    /* The pass that sums the whole row must give the same masses. */
    const float at[2] = {cut, top};
    double above[2] = {0.0, 0.0}, above_other[2] = {0.0, 0.0}, want[2] = {0.0, 0.0};
    t->group_sumexp_levels(b->row, NULL, GROUPS, at, 2, &p, sum, above);
    s->group_sumexp_levels(b->row, NULL, GROUPS, at, 2, &p, other, above_other);
    assert_same_bits(above, above_other, sizeof above, isa, "group_sumexp_levels");
    s->group_sumexp(b->row, NULL, GROUPS, &p, other);
    assert_same_bits(sum, other, sizeof sum, isa, "group_sumexp_levels");
    for (int g = 0; g < GROUPS; ++g) {
        for (int i = g * GROUP; i < (g + 1) * GROUP; ++i) {
            const double e = exp(((double)b->x[i] - (double)top) * 0.7);
            for (int j = 0; j < 2; ++j)
                if (b->x[i] >= at[j]) want[j] += e;
        }
    }
    for (int j = 0; j < 2; ++j)
        assert_near(above[j], want[j], 2e-6 * want[j] + 1e-36, isa, "group_sumexp_levels");
    double alone = 0.0;
    t->group_sumexp_levels(b->row, NULL, GROUPS, at, 1, &p, sum, &alone);
    assert_same_bits(&alone, above, sizeof alone, isa, "group_sumexp_levels");
    assert_same_bits(sum, other, sizeof sum, isa, "group_sumexp_levels");
}

static void check_adapt(const row_kernels *t, const row_kernels *s, bench *b, const char *isa) {
    float top = -INFINITY;
    for (int g = 0; g < GROUPS; ++g) top = fmaxf(top, b->max[g]);
    long double total = 0.0L;
    for (int i = 0; i < COUNT; ++i) {
        if (b->x[i] != -INFINITY) total += expl((long double)b->x[i] - (long double)top);
    }
    const adapt_params p = {pk_exp_params(top, 1.0), (float)(1.0L / total), 0.3f, 1.0f / 0.3f,
                            10.0f};
    double sum[GROUPS];
    double other[GROUPS];
    t->group_adapt(b->row, NULL, GROUPS, &p, sum);
    s->group_adapt(b->row, NULL, GROUPS, &p, other);
    assert_same_bits(sum, other, sizeof sum, isa, "group_adapt");
    for (int g = 0; g < GROUPS; ++g) {
        long double want = 0.0L;
        for (int i = g * GROUP; i < (g + 1) * GROUP; ++i) {
            if (b->x[i] == -INFINITY) continue;
            const long double prob = expl((long double)b->x[i] - (long double)top) / total;
            const long double d = fabsl(prob - (long double)0.3f) / (long double)0.3f;
            want += expl(-10.0L * d * d / (1.0L + d));
        }
        assert_near(sum[g], (double)want, 1e-5 * (double)want + 1e-30, isa, "group_adapt");
    }
}

static void check_widen(const row_kernels *t, bench *b) {
    static float out[COUNT];
    t->widen(b->row, NULL, GROUPS, out);
    assert_memory_equal(out, b->x, sizeof out);
}

static void row_kernels_agree(void **state) {
    (void)state;
    static bench b;
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    const kernel_table *s = scalar();
    for (int i = 0; i < n; ++i) {
        const kernel_table *t = tables[i];
        if (!runnable(t)) {
            print_message("%s: not on this CPU\n", t->isa);
            continue;
        }
        for (int d = 0; d < KERNEL_DTYPES; ++d) {
            for (int k = 0; k < KINDS; ++k) {
                load(&b, kinds[k], (pluck_dtype)d, (uint64_t)(k + 8 * d));
                check_max(t->row[d][0], s->row[d][0], &b, t->isa);
                check_census(t->row[d][0], &b);
                check_sums(t->row[d][0], s->row[d][0], &b, 1.0, t->isa);
                check_sums(t->row[d][0], s->row[d][0], &b, 1.0 / 1.5, t->isa);
                check_stats(t->row[d][0], s->row[d][0], &b, t->isa);
                check_collect(t->row[d][0], &b, -INFINITY, NAN);
                check_collect(t->row[d][0], &b, -FLT_MAX, NAN);
                check_collect(t->row[d][0], &b, b.x[17], NAN);
                check_collect(t->row[d][0], &b, -INFINITY, b.x[17]);
                check_collect(t->row[d][0], &b, INFINITY, NAN);
                check_above(t->row[d][0], s->row[d][0], &b, fmaxf(b.x[17], -FLT_MAX), t->isa);
                check_above(t->row[d][0], s->row[d][0], &b, 0.0f, t->isa);
                check_above(t->row[d][0], s->row[d][0], &b, INFINITY, t->isa);
                check_adapt(t->row[d][0], s->row[d][0], &b, t->isa);
                check_widen(t->row[d][0], &b);
            }
        }
    }
}

/* Bits of a mask: none, all, or some of a group. */
static uint64_t mask_bits(rows_random *r) {
    switch (rows_below(r, 5)) {
    case 0:
        return 0;
    case 1:
        return ~(uint64_t)0;
    case 2:
        return (uint64_t)1 << rows_below(r, 64);
    default:
        return rows_next(r);
    }
}

/* A masked kernel gives what the plain one gives on floats with -inf in place of masked logits,
 * whatever those are. The bf16 kernels assign elements to lanes differently, so their sums are
 * compared with those of the plain bf16 kernel. */
static void check_masked(const kernel_table *t, int d, const bench *b, uint64_t seed) {
    static float want_x[COUNT], got_x[COUNT], values[COUNT];
    static unsigned char raw[4 * COUNT + 64], want_raw[4 * COUNT + 64];
    uint64_t allowed[GROUPS];
    rows_random r = {seed};
    const size_t element = rows_element_size((pluck_dtype)d);
    memcpy(values, b->x, sizeof values);
    memcpy(want_x, b->x, sizeof want_x);
    int64_t want_masked = 0;
    for (int g = 0; g < GROUPS; ++g) {
        allowed[g] = mask_bits(&r);
        for (int i = 0; i < GROUP; ++i) {
            const bool masked = !(allowed[g] >> i & 1);
            if (masked) want_x[g * GROUP + i] = -INFINITY;
            if (masked) values[g * GROUP + i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : 1e4f;
            want_masked += want_x[g * GROUP + i] == -INFINITY;
        }
    }
    rows_store((pluck_dtype)d, values, raw + element, COUNT);
    rows_store((pluck_dtype)d, want_x, want_raw + element, COUNT);
    const void *x = raw + element, *wanted = want_raw + element;
    const row_kernels *m = t->row[d][1], *p = t->row[d][0];
    m->widen(x, allowed, GROUPS, got_x);
    assert_same_bits(got_x, want_x, sizeof got_x, t->isa, "widen, masked");
    int64_t masked = 0;
    float least[2] = {INFINITY, INFINITY};
    assert_true(m->group_census(x, allowed, GROUPS, &masked, &least[0]) && masked == want_masked);
    (void)p->group_census(wanted, NULL, GROUPS, &masked, &least[1]);
    assert_true(fminf(least[0], 0.0f) == fminf(least[1], 0.0f));
    float max[GROUPS], want_max[GROUPS];
    (void)m->group_max(x, allowed, GROUPS, max);
    (void)p->group_max(wanted, NULL, GROUPS, want_max);
    assert_memory_equal(max, want_max, sizeof max);
    float top = -INFINITY;
    for (int g = 0; g < GROUPS; ++g) top = fmaxf(top, max[g]);
    if (top == -INFINITY) top = 0.0f;
    const exp_params e = pk_exp_params(top, 0.7);
    const adapt_params a = {e, 0.001f, 0.3f, 1.0f / 0.3f, 10.0f};
    double sum[GROUPS], want[GROUPS], moment[GROUPS], want_moment[GROUPS];
    m->group_sumexp(x, allowed, GROUPS, &e, sum);
    p->group_sumexp(wanted, NULL, GROUPS, &e, want);
    assert_same_bits(sum, want, sizeof sum, t->isa, "group_sumexp, masked");
    m->group_moment(x, allowed, GROUPS, &e, sum, moment);
    p->group_moment(wanted, NULL, GROUPS, &e, want, want_moment);
    assert_same_bits(sum, want, sizeof sum, t->isa, "group_moment, masked");
    for (int g = 0; g < GROUPS; ++g) assert_true(moment[g] == want_moment[g]);
    m->group_squares(x, allowed, GROUPS, &e, sum, moment);
    p->group_squares(wanted, NULL, GROUPS, &e, want, want_moment);
    assert_same_bits(sum, want, sizeof sum, t->isa, "group_squares, masked");
    for (int g = 0; g < GROUPS; ++g) assert_true(moment[g] == want_moment[g]);
    assert_true(m->least(x, allowed, GROUPS) == p->least(wanted, NULL, GROUPS));
    m->group_adapt(x, allowed, GROUPS, &a, sum);
    p->group_adapt(wanted, NULL, GROUPS, &a, want);
    assert_same_bits(sum, want, sizeof sum, t->isa, "group_adapt, masked");
    const float cut = fmaxf(b->x[17], -FLT_MAX);
    m->group_sumexp_above(x, allowed, GROUPS, max, cut, &e, sum);
    p->group_sumexp_above(wanted, NULL, GROUPS, max, cut, &e, want);
    assert_same_bits(sum, want, sizeof sum, t->isa, "group_sumexp_above, masked");
    const float at[2] = {cut, top};
    double above[2] = {0.0, 0.0}, want_above[2] = {0.0, 0.0};
    m->group_sumexp_levels(x, allowed, GROUPS, at, 2, &e, sum, above);
    p->group_sumexp_levels(wanted, NULL, GROUPS, at, 2, &e, want, want_above);
    assert_same_bits(sum, want, sizeof sum, t->isa, "group_sumexp_levels, masked");
    assert_same_bits(above, want_above, sizeof above, t->isa, "group_sumexp_levels, masked");
    group_totals totals = {0}, want_totals = {0};
    m->group_stats(x, allowed, GROUPS, 0.5f, &totals);
    p->group_stats(wanted, NULL, GROUPS, 0.5f, &want_totals);
    assert_same_bits(&totals, &want_totals, sizeof totals, t->isa, "group_stats, masked");
    assert_int_equal(m->group_count_above(x, allowed, GROUPS, max, cut),
                     p->group_count_above(wanted, NULL, GROUPS, max, cut));
    static int32_t ids[ROOM], want_ids[ROOM];
    static float found[ROOM], want_found[ROOM];
    const float lows[] = {-INFINITY, cut};
    for (int i = 0; i < 2; ++i) {
        const int32_t n = m->group_collect(x, allowed, GROUPS, max, 7, lows[i], NAN, ids, found);
        assert_int_equal(
            n, p->group_collect(wanted, NULL, GROUPS, max, 7, lows[i], NAN, want_ids, want_found));
        assert_memory_equal(ids, want_ids, (size_t)n * sizeof *ids);
        assert_memory_equal(found, want_found, (size_t)n * sizeof *found);
    }
}

static void masked_kernels_agree(void **state) {
    (void)state;
    static bench b;
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    for (int i = 0; i < n; ++i) {
        if (!runnable(tables[i])) continue;
        for (int d = 0; d < KERNEL_DTYPES; ++d)
            for (int k = 0; k < KINDS; ++k)
                for (uint64_t seed = 0; seed < 20; ++seed) {
                    load(&b, kinds[k], (pluck_dtype)d, seed);
                    check_masked(tables[i], d, &b, 1000 * seed + (uint64_t)k);
                }
    }
}

/* NaN and infinities are found at every position, also if they could cancel. */
static void strangers_are_found(void **state) {
    (void)state;
    static bench b;
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    for (int i = 0; i < n; ++i) {
        if (!runnable(tables[i])) continue;
        for (int d = 0; d < KERNEL_DTYPES; ++d) {
            const row_kernels *t = tables[i]->row[d][0];
            for (int at = 0; at < 3 * GROUP; ++at) {
                static float x[COUNT];
                rows_fill(ROWS_NORMAL, 3, x, COUNT);
                x[at] = at % 3 == 0 ? NAN : at % 3 == 1 ? INFINITY : -INFINITY;
                if (at % 2) x[(at + 8) % COUNT] = -x[at];
                rows_store((pluck_dtype)d, x, b.bytes, COUNT);
                assert_false(t->group_max(b.bytes, NULL, GROUPS, b.max));
                int64_t left = 0;
                assert_int_equal(t->group_census(b.bytes, NULL, GROUPS, &left, b.max), at % 3 != 0);
            }
        }
    }
}

static void array_kernels_agree(void **state) {
    (void)state;
    enum { N = 203 };
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    const kernel_table *s = scalar();
    float x[N], positive[N], got[N], want[N];
    for (int i = 0; i < n; ++i) {
        const kernel_table *t = tables[i];
        if (!runnable(t)) continue;
        for (size_t length = 0; length <= N; length += length < 40 ? 1 : 163) {
            rows_fill(ROWS_NORMAL, length + 1, x, N);
            x[100] = -INFINITY;
            for (int j = 0; j < N; ++j) positive[j] = fabsf(x[j]);
            const exp_params p = pk_exp_params(20.0f, 0.75);
            const adapt_params a = {p, 0.01f, 0.3f, 1.0f / 0.3f, 10.0f};
            const size_t size = length * sizeof(float);
#define BOTH(op, ...)                                                                              \
    memset(got, 0x7f, sizeof got);                                                                 \
    memset(want, 0x7f, sizeof want);                                                               \
    t->array.op(__VA_ARGS__, got);                                                                 \
    s->array.op(__VA_ARGS__, want);                                                                \
    assert_same_bits(got, want, sizeof got, t->isa, #op);
            BOTH(shifted_exp, x, length, &p)
            for (size_t j = 0; j < length; ++j) {
                const double y = exp(((double)x[j] - 20.0) * 0.75);
                assert_near((double)got[j], y, 3e-6 * y + 1e-37, t->isa, "shifted_exp");
            }
            BOTH(exp, x, length)
            BOTH(log, positive, length)
            BOTH(scale, x, length, 0.3f)
            for (size_t j = 0; j < length; ++j) assert_true(got[j] == x[j] * 0.3f);
            const bend_params bent = {p.ref, 0.7f, 0.3f, 0.05f, p.ref};
            BOTH(bend, x, length, &bent)
            const bend_params square = {p.ref, 0.7f, 0.3f, 0.0f, p.ref};
            BOTH(bend, x, length, &square)
            BOTH(adapt, x, length, &a, 5.0f)
#undef BOTH
            /* In place. */
            t->array.exp(x, length, got);
            memcpy(want, x, sizeof want);
            t->array.exp(want, length, want);
            assert_memory_equal(got, want, size);
        }
    }
}

static void the_registry_describes_itself(void **state) {
    (void)state;
    pluck_kernel_info info;
    int kernels = 0;
    int chosen = 0;
    int scalars = 0;
    for (int32_t i = 0; pluck_kernel_describe(i, &info); ++i, ++kernels) {
        assert_non_null(info.op);
        assert_non_null(info.dtype);
        if (info.chosen) {
            assert_true(info.supported);
            assert_string_equal(info.isa, pluck_isa());
            ++chosen;
        }
        if (strcmp(info.isa, "scalar") == 0) {
            assert_true(info.supported);
            ++scalars;
        }
    }
    assert_true(kernels > 10);
    assert_int_equal(chosen, scalars); /* one choice per operation and dtype */
    assert_false(pluck_kernel_describe(-1, &info));
    assert_false(pluck_kernel_describe(kernels, &info));
    assert_false(pluck_kernel_describe(0, NULL));
    assert_string_equal(pk_kernels()->isa, pluck_isa());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_kernels_agree),
        cmocka_unit_test(masked_kernels_agree),
        cmocka_unit_test(strangers_are_found),
        cmocka_unit_test(array_kernels_agree),
        cmocka_unit_test(the_registry_describes_itself),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
