/*
 * test_joint_kernels.c: the kernels that do two things in one reading of a row, on every instruction
 * set that this CPU has, every dtype, with a mask and without: widen_sum against an addition for each
 * element, widen_mix against its definition, group_max_sumexp and group_mix_max against the two
 * that they join.
 *
 * A bend of whole groups gives the bits of a bend of single logits. Penalties of all tokens give those
 * of their definition.
 */
#include "check.h"
#include "kernels/fma.h"
#include "kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* mingw-w64's fmaf rounds twice. */
#if defined(_WIN32)
#define fused fma_by_odd
#else
#define fused fmaf
#endif

enum { GROUPS = 37, COUNT = GROUPS * GROUP };

/* A row in its dtype and as floats, a mask, and numbers to add to it. */
typedef struct sample {
    unsigned char bytes[4 * COUNT + 8];
    const void *row;
    float x[COUNT], added[COUNT];
    uint64_t allowed[GROUPS];
} sample;

static void make(sample *s, rows_kind kind, pluck_dtype dtype, uint64_t seed) {
    rows_random r = {seed};
    rows_fill(kind, seed, s->x, COUNT);
    s->row = s->bytes + rows_element_size(dtype); /* at an odd element */
    rows_store(dtype, s->x, s->bytes + rows_element_size(dtype), COUNT);
    const pluck_row row = {.logits = s->row, .dtype = dtype};
    static const float odd[] = {-INFINITY, INFINITY, FLT_MAX, -FLT_MAX, -0.0f};
    for (int32_t i = 0; i < COUNT; i++) {
        s->x[i] = (float)oracle_element(&row, i);
        s->added[i] = rows_below(&r, 8) ? (float)rows_gauss(&r) : odd[rows_below(&r, 5)];
    }
    for (int g = 0; g < GROUPS; g++)
        s->allowed[g] = g % 5 == 0 ? 0 : g % 5 == 1 ? ~UINT64_C(0) : rows_next(&r);
}

static bool is_allowed(const sample *s, bool masked, int32_t i) {
    return !masked || (s->allowed[i / GROUP] >> (i % GROUP) & 1);
}

static void check_widen_sum(const row_kernels *k, const sample *s, bool masked) {
    static float out[COUNT];
    k->widen_sum(s->row, s->allowed, GROUPS, s->added, out);
    for (int32_t i = 0; i < COUNT; i++) {
        const float x = s->x[i], y = s->added[i];
        float want = x + y;
        if (!is_allowed(s, masked, i) || x == -INFINITY || (y == -INFINITY && !isnan(x)))
            want = -INFINITY;
        if (isnan(want))
            assert_true(isnan(out[i]));
        else
            assert_memory_equal(&out[i], &want, sizeof want);
    }
}

/* mix_params by their definition; products are exact in double, and rounded once. */
static float mixed(const mix_params *p, float x, float y) {
    if (isnan(x) || x == -INFINITY) return x;
    if (isnan(y) || y == INFINITY) return NAN;
    if (y == -INFINITY || x == INFINITY) return y == -INFINITY ? y : x;
    const float d = x - y, base = fused(p->own, x, -p->shift), z = fused(p->weight, d, base);
    return z > FLT_MAX ? FLT_MAX : z < -FLT_MAX ? -FLT_MAX : z;
}

static void check_mix(const kernel_table *t, int dtype, bool masked, const sample *s) {
    static const mix_params params[] = {
        {1.0f, 0.5f, 0.0f}, {1.0f, -2.0f, 3.5f}, {0.0f, 1.0f, 0.0f}};
    static unsigned char second[4 * COUNT + 8];
    static float y[COUNT], out[COUNT];
    const row_kernels *k = t->row[dtype][masked];
    rows_store((pluck_dtype)dtype, s->added, second, COUNT);
    const pluck_row row = {.logits = second, .dtype = (pluck_dtype)dtype};
    for (int32_t i = 0; i < COUNT; i++) y[i] = (float)oracle_element(&row, i);
    for (size_t m = 0; m < sizeof params / sizeof *params; m++) {
        k->widen_mix(s->row, second, s->allowed, GROUPS, &params[m], out);
        for (int32_t i = 0; i < COUNT; i++) {
            const float want =
                is_allowed(s, masked, i) ? mixed(&params[m], s->x[i], y[i]) : -INFINITY;
            if (isnan(want))
                assert_true(isnan(out[i]));
            else
                assert_true(out[i] == want);
        }
        float max[GROUPS], want_max[GROUPS];
        for (int g = 0; g < GROUPS; g++) {
            const uint64_t *bits = masked ? s->allowed + g : NULL;
            const char *at =
                (const char *)s->row + (size_t)g * GROUP * rows_element_size(row.dtype);
            const unsigned char *other = second + (size_t)g * GROUP * rows_element_size(row.dtype);
            if (!k->group_mix_max(at, other, bits, 1, &params[m], max)) continue;
            t->row[PLUCK_DTYPE_F32][0]->group_max(out + (size_t)g * GROUP, NULL, 1, want_max);
            assert_true(max[0] == want_max[0]);
        }
        if (k->group_mix_max(s->row, second, s->allowed, GROUPS, &params[m], max)) {
            t->row[PLUCK_DTYPE_F32][0]->group_max(out, NULL, GROUPS, want_max);
            assert_memory_equal(max, want_max, sizeof max);
        }
    }
}

static void check_max_sumexp(const row_kernels *k, const sample *s) {
    float max[GROUPS], want_max[GROUPS], ref = -INFINITY;
    double sum[GROUPS], want[GROUPS];
    const bool finite = k->group_max(s->row, s->allowed, GROUPS, want_max);
    for (int g = 0; g < GROUPS; g++) ref = fmaxf(ref, want_max[g]);
    if (!(ref > -INFINITY)) ref = 0.0f;
    for (int below = 0; below < 2; below++) { /* also with a reference that is below the maximum */
        const exp_params p = pk_exp_params(ref - 3.0f * (float)below, 0.9);
        k->group_sumexp(s->row, s->allowed, GROUPS, &p, want);
        assert_int_equal(k->group_max_sumexp(s->row, s->allowed, GROUPS, &p, max, sum), finite);
        assert_memory_equal(max, want_max, sizeof max);
        assert_memory_equal(sum, want, sizeof sum);
    }
}

static void each_is_two(void **state) {
    (void)state;
    static const rows_kind kinds[] = {ROWS_NORMAL, ROWS_TIES, ROWS_HALF_MASKED, ROWS_DENORMAL,
                                      ROWS_FAR};
    static sample s;
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    for (int i = 0; i < n; i++) {
        if (tables[i]->needs & ~pk_cpu_features()) continue;
        for (int d = 0; d < KERNEL_DTYPES; d++)
            for (int masked = 0; masked < 2; masked++)
                for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
                    make(&s, kinds[kind], (pluck_dtype)d, 7 * kind + 1);
                    check_widen_sum(tables[i]->row[d][masked], &s, masked);
                    check_max_sumexp(tables[i]->row[d][masked], &s);
                    check_mix(tables[i], d, masked, &s);
                    for (int32_t j = 0; j < COUNT; j++) s.added[j] = s.x[j] * 0.5f + 1.0f;
                    check_mix(tables[i], d, masked, &s);
                }
    }
}

/* +inf with a bias of -inf is masked; NaN stays NaN. */
static void infinities(void **state) {
    (void)state;
    static const float x[] = {INFINITY, -INFINITY, NAN, 1.0f, INFINITY, NAN};
    static const float y[] = {-INFINITY, INFINITY, -INFINITY, -INFINITY, 1.0f, 1.0f};
    float row[GROUP] = {0}, added[GROUP] = {0}, out[GROUP];
    memcpy(row, x, sizeof x);
    memcpy(added, y, sizeof y);
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    for (int i = 0; i < n; i++) {
        if (tables[i]->needs & ~pk_cpu_features()) continue;
        tables[i]->row[PLUCK_DTYPE_F32][0]->widen_sum(row, NULL, 1, added, out);
        assert_true(out[0] == -INFINITY && out[1] == -INFINITY && isnan(out[2]));
        assert_true(out[3] == -INFINITY && out[4] == INFINITY && isnan(out[5]));
        for (int k = 6; k < GROUP; k++) assert_true(out[k] == 0.0f);
    }
}

/* A square without a cube takes a shorter way for whole groups: the same bits as one by one. */
static void squares(void **state) {
    (void)state;
    static const rows_kind kinds[] = {ROWS_NORMAL,   ROWS_TIES,     ROWS_HALF_MASKED,
                                      ROWS_INFINITE, ROWS_DENORMAL, ROWS_HUGE};
    static const bend_params params[] = {{3.0f, 1.0f, 0.3f, 0.0f, 3.0f},
                                         {3.0f, 1.6f, 1.0f, 0.0f, 4.8f},
                                         {1e15f, 1e4f, 0.5f, 0.0f, 1e19f},
                                         {0.0f, 1.0f, 1.5f, 0.0f, 0.0f},
                                         {2.0f, 1.0f, 0.3f, 0.0f, 3e38f}};
    static sample s;
    static float out[COUNT];
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    for (int i = 0; i < n; i++) {
        if (tables[i]->needs & ~pk_cpu_features()) continue;
        for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
            make(&s, kinds[kind], PLUCK_DTYPE_F32, kind + 1);
            if (kind == 0) s.x[70] = -2e19f; /* beyond what is squared as it is */
            for (size_t m = 0; m < sizeof params / sizeof *params; m++) {
                tables[i]->array.bend(s.x, COUNT, &params[m], out);
                for (int32_t at = 0; at < COUNT; at++) {
                    float one;
                    tables[i]->array.bend(&s.x[at], 1, &params[m], &one);
                    assert_memory_equal(&one, &out[at], sizeof one);
                }
            }
        }
    }
}

/* What a token that occurs `count` times becomes, by the definition. */
static float penalised(float x, int32_t count, const penalty_params *p) {
    if (count == 0 || x == -INFINITY) return x;
    const double logit = (double)x, repeat = (double)p->repeat;
    const double scaled = logit <= 0.0 ? logit * repeat : logit / repeat;
    return (float)(scaled - ((double)count * (double)p->freq + (double)p->present));
}

static void penalties_of(const kernel_table *table, const float *x, const int32_t *counts,
                         const penalty_params *p) {
    static float out[COUNT];
    for (size_t n = COUNT; n > 0; n = n > 40 ? n - 37 : n - 1) {
        memcpy(out, x, sizeof out);
        table->array.penalise(out, counts, n, p);
        for (size_t i = 0; i < COUNT; i++) {
            const float expected = i < n ? penalised(x[i], counts[i], p) : x[i];
            if (isnan(expected))
                assert_true(isnan(out[i]));
            else
                assert_memory_equal(&out[i], &expected, sizeof expected);
        }
    }
}

static void penalties(void **state) {
    (void)state;
    static const rows_kind kinds[] = {ROWS_NORMAL,   ROWS_TIES,     ROWS_HALF_MASKED,
                                      ROWS_INFINITE, ROWS_DENORMAL, ROWS_HUGE};
    static const float repeats[] = {1.0f, 1.1f, 0x1.fffffep0f, 0x1.000002p0f,
                                    0.3f, 3.0f, 0x1p-125f,     0x1.8p126f};
    static const float others[] = {0.0f, 0.1f, -2.5f, 1e-40f, 3e38f};
    static sample s;
    static int32_t counts[COUNT];
    rows_random r = {7};
    int n = 0;
    const kernel_table *const *tables = pk_kernel_tables(&n);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds * 8; k++) {
        make(&s, kinds[k / 8], PLUCK_DTYPE_F32, k + 1);
        s.x[70] = NAN;
        const penalty_params p = {repeats[k % 8], others[rows_below(&r, 5)],
                                  others[rows_below(&r, 5)]};
        const penalty_params only = {p.repeat, 0.0f, 0.0f};
        const uint32_t density = 1 + rows_below(&r, 30);
        for (int i = 0; i < COUNT; i++)
            counts[i] = rows_below(&r, density) == 0 ? (int32_t)rows_below(&r, 1048577) : 0;
        for (int i = 0; i < n; i++) {
            if (tables[i]->needs & ~pk_cpu_features()) continue;
            penalties_of(tables[i], s.x, counts, &p);
            penalties_of(tables[i], s.x, counts, &only);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_is_two), cmocka_unit_test(infinities),
                                       cmocka_unit_test(squares), cmocka_unit_test(penalties)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
