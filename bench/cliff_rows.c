/*
 * cliff_rows.c: the table of shapes, and the functions that fill their rows.
 */
#include "cliff_rows.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows ---- */

static void normal_of(rows_random *r, float *x, int32_t n, double deviation) {
    for (int32_t i = 0; i < n; i++) x[i] = (float)(deviation * rows_gauss(r));
}

static void normal_5(rows_random *r, float *x, int32_t n) {
    normal_of(r, x, n, 5);
}

static void normal_2(rows_random *r, float *x, int32_t n) {
    normal_of(r, x, n, 2.2);
}

static void normal_1(rows_random *r, float *x, int32_t n) {
    normal_of(r, x, n, 1);
}

static void normal_tenth(rows_random *r, float *x, int32_t n) {
    normal_of(r, x, n, 0.1);
}

static void peaked(rows_random *r, float *x, int32_t n) {
    rows_fill(ROWS_PEAKED, rows_next(r), x, n);
}

static void real_first(rows_random *r, float *x, int32_t n) {
    (void)r;
    rows_fill(ROWS_REAL, 0, x, n);
}

static void real_middle(rows_random *r, float *x, int32_t n) {
    (void)r;
    rows_fill(ROWS_REAL, 3, x, n);
}

static void real_last(rows_random *r, float *x, int32_t n) {
    (void)r;
    rows_fill(ROWS_REAL, 7, x, n);
}

/* `alive` normal logits; all others are `rest`. */
static void few_among(rows_random *r, float *x, int32_t n, int32_t alive, float rest) {
    for (int32_t i = 0; i < n; i++) x[i] = rest;
    for (int32_t i = 0; i < alive; i++) {
        x[rows_below(r, (uint32_t)n)] = (float)(5 * rows_gauss(r));
    }
}

static void few_among_billion(rows_random *r, float *x, int32_t n) {
    few_among(r, x, n, 20, -1e9f);
}

static void few_among_lowest(rows_random *r, float *x, int32_t n) {
    few_among(r, x, n, 20, -FLT_MAX);
}

static void few_among_inf(rows_random *r, float *x, int32_t n) {
    few_among(r, x, n, 20, -INFINITY);
}

static void hundreds_among_billion(rows_random *r, float *x, int32_t n) {
    few_among(r, x, n, n / 300, -1e9f);
}

static void half_of(rows_random *r, float *x, int32_t n, float rest) {
    normal_5(r, x, n);
    for (int32_t i = 0; i < n; i++) x[i] = rows_below(r, 2) ? x[i] : rest;
}

static void half_billion(rows_random *r, float *x, int32_t n) {
    half_of(r, x, n, -1e9f);
}

static void half_inf(rows_random *r, float *x, int32_t n) {
    half_of(r, x, n, -INFINITY);
}

static void runs_inf(rows_random *r, float *x, int32_t n) {
    normal_5(r, x, n);
    for (int32_t i = 0; i < n; i++) x[i] = i / 700 % 2 ? -INFINITY : x[i];
}

static void some_plus_inf(rows_random *r, float *x, int32_t n) {
    normal_5(r, x, n);
    for (int32_t i = 0; i < n; i += 1000) x[rows_below(r, (uint32_t)n)] = INFINITY;
}

static void all_equal(rows_random *r, float *x, int32_t n) {
    (void)r;
    for (int32_t i = 0; i < n; i++) x[i] = 1.5f;
}

static void all_zero(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = rows_below(r, 2) ? 0.0f : -0.0f;
}

static void two_values(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = rows_below(r, 2) ? 1.0f : 0.0f;
}

static void two_values_rare(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = rows_below(r, 1000) ? 0.0f : 7.0f;
}

static int ascending(const void *a, const void *b) {
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return (x > y) - (x < y);
}

static void sorted_up(rows_random *r, float *x, int32_t n) {
    normal_5(r, x, n);
    qsort(x, (size_t)n, sizeof *x, ascending);
}

static void sorted_down(rows_random *r, float *x, int32_t n) {
    sorted_up(r, x, n);
    for (int32_t i = 0; i < n / 2; i++) {
        const float held = x[i];
        x[i] = x[n - 1 - i];
        x[n - 1 - i] = held;
    }
}

static void shuffle(rows_random *r, float *x, int32_t n) {
    for (int32_t i = n - 1; i > 0; i--) {
        const uint32_t j = rows_below(r, (uint32_t)i + 1);
        const float held = x[i];
        x[i] = x[j];
        x[j] = held;
    }
}

static void even(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = -10.0f + 20.0f * (float)i / (float)n;
    shuffle(r, x, n);
}

static void even_narrow(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = (float)i / (float)n;
    shuffle(r, x, n);
}

static void even_sorted(rows_random *r, float *x, int32_t n) {
    (void)r;
    for (int32_t i = 0; i < n; i++) x[i] = 10.0f - 20.0f * (float)i / (float)n;
}

static void denormal(rows_random *r, float *x, int32_t n) {
    rows_fill(ROWS_DENORMAL, rows_next(r), x, n);
}

static void ties_of(rows_random *r, float *x, int32_t n, double deviation) {
    normal_of(r, x, n, deviation);
    for (int32_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)rows_to_bf16(x[i]) << 16;
        memcpy(&x[i], &bits, sizeof bits);
    }
}

static void ties_3(rows_random *r, float *x, int32_t n) {
    ties_of(r, x, n, 3);
}

static void ties_1(rows_random *r, float *x, int32_t n) {
    ties_of(r, x, n, 1);
}

static void whole_numbers(rows_random *r, float *x, int32_t n) {
    normal_5(r, x, n);
    for (int32_t i = 0; i < n; i++) x[i] = rintf(x[i]);
}

/* So far from 0 that float32 rounds to multiples of 1/16. */
static void offset(rows_random *r, float *x, int32_t n) {
    normal_5(r, x, n);
    for (int32_t i = 0; i < n; i++) x[i] += 1e6f;
}

static void huge_spread(rows_random *r, float *x, int32_t n) {
    normal_of(r, x, n, 1e4);
}

static void any_magnitude(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        const float size = ldexpf(1.0f + (float)rows_uniform(r), (int)rows_below(r, 253) - 126);
        x[i] = rows_below(r, 2) ? size : -size;
    }
}

static void outlier_far(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = (float)(-200 + 30 * rows_gauss(r));
    x[rows_below(r, (uint32_t)n)] = 0;
}

static void outlier_near(rows_random *r, float *x, int32_t n) {
    normal_1(r, x, n);
    x[rows_below(r, (uint32_t)n)] = 12;
}

static void plateaus(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = -2.0f * (float)(i / 777 % 10);
    (void)r;
}

static void peak_and_plateau(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = 0;
    for (int32_t i = 0; i < 100; i++) {
        x[rows_below(r, (uint32_t)n)] = (float)(log(n / 100.0) + 0.5 * rows_gauss(r));
    }
}

static void heavy_tail(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = (float)(12 - log(1.0 + i));
    shuffle(r, x, n);
}

static void heavy_tail_sorted(rows_random *r, float *x, int32_t n) {
    (void)r;
    for (int32_t i = 0; i < n; i++) x[i] = (float)(12 - log(1.0 + i));
}

static void near_equal(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = 1.0f + (float)rows_below(r, 64) * FLT_EPSILON;
}

static void exponential(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = (float)(-3 * log(1 - rows_uniform(r)));
}

static void two_humps(rows_random *r, float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        x[i] = (float)((rows_below(r, 2) ? 0 : -20) + rows_gauss(r));
    }
}

static void smooth(rows_random *r, float *x, int32_t n) {
    (void)r;
    for (int32_t i = 0; i < n; i++) x[i] = (float)(8 * sin(i * 0.001));
}

/* All large logits are side by side. */
static void one_cluster(rows_random *r, float *x, int32_t n) {
    normal_1(r, x, n);
    const int32_t start = n / 3;
    for (int32_t i = start; i < start + 500 && i < n; i++) x[i] += 15;
}

/* One large logit in each group, so that no group can be skipped. */
static void one_in_each_group(rows_random *r, float *x, int32_t n) {
    normal_1(r, x, n);
    for (int32_t i = 0; i < n; i += 64) {
        const int32_t at = i + (int32_t)rows_below(r, 64);
        if (at < n) x[at] += 15;
    }
}

/* ---- the table ---- */

#define MASKED(name_, mask_, part_, small_)                                                        \
    { .name = (name_), .fill = normal_5, .mask = (mask_), .part = (part_), .small = (small_) }
#define LISTED(name_, list_, part_, small_)                                                        \
    { .name = (name_), .fill = normal_5, .list = (list_), .part = (part_), .small = (small_) }

const cliff_shape cliff_shapes[] = {
    {"normal", normal_5, .ordinary = true, .small = true},
    {"normal, deviation 2.2", normal_2, .ordinary = true, .small = true},
    {"normal, deviation 1", normal_1, .ordinary = true, .small = true},
    {"normal, deviation 0.1", .fill = normal_tenth},
    {"peaked", peaked, .ordinary = true, .small = true},
    {"real, first", real_first, .ordinary = true, .small = true},
    {"real, middle", real_middle, .ordinary = true},
    {"real, last", real_last, .ordinary = true},
    {"20 alive among -1e9", few_among_billion, .small = true},
    {"20 alive among -FLT_MAX", few_among_lowest, .small = true},
    {"20 alive among -inf", few_among_inf, .small = true},
    {"1 in 300 alive among -1e9", .fill = hundreds_among_billion},
    {"half at -1e9", half_billion, .small = true},
    {"half at -inf", .fill = half_inf},
    {"runs at -inf", .fill = runs_inf},
    {"1 in 1000 at +inf", some_plus_inf, .small = true},
    {"all equal", all_equal, .small = true},
    {"all 0 or -0", .fill = all_zero},
    {"two values, half and half", two_values, .small = true},
    {"two values, the greater rare", .fill = two_values_rare},
    {"sorted up", sorted_up, .small = true},
    {"sorted down", sorted_down, .small = true},
    {"evenly spread", even, .small = true},
    {"evenly spread, narrow", .fill = even_narrow},
    {"evenly spread, sorted down", .fill = even_sorted},
    {"denormals", denormal, .small = true},
    {"bf16 ties, deviation 3", ties_3, .small = true},
    {"bf16 ties, deviation 1", .fill = ties_1},
    {"whole numbers", whole_numbers, .small = true},
    {"offset by 1e6", .fill = offset},
    {"huge spread", .fill = huge_spread},
    {"any magnitude", .fill = any_magnitude},
    {"one outlier, far", outlier_far, .small = true},
    {"one outlier, near", .fill = outlier_near},
    {"plateaus", plateaus, .small = true},
    {"peak and plateau", peak_and_plateau, .small = true},
    {"heavy tail", heavy_tail, .small = true},
    {"heavy tail, sorted", .fill = heavy_tail_sorted},
    {"nearly equal", near_equal, .small = true},
    {"exponential", .fill = exponential},
    {"two humps", .fill = two_humps},
    {"smooth", .fill = smooth},
    {"one cluster", .fill = one_cluster},
    {"one in each group", one_in_each_group, .small = true},
    MASKED("mask, 1 in 1000, scattered", MASK_SCATTERED, 0.001, false),
    MASKED("mask, 1 %, scattered", MASK_SCATTERED, 0.01, true),
    MASKED("mask, 10 %, scattered", MASK_SCATTERED, 0.1, false),
    MASKED("mask, half, scattered", MASK_SCATTERED, 0.5, true),
    MASKED("mask, 90 %, scattered", MASK_SCATTERED, 0.9, false),
    MASKED("mask, 99 %, scattered", MASK_SCATTERED, 0.99, true),
    MASKED("mask, all but 1 in 1000, scattered", MASK_SCATTERED, 0.999, false),
    MASKED("mask, 1 %, in runs", MASK_RUNS, 0.01, false),
    MASKED("mask, half, in runs", MASK_RUNS, 0.5, true),
    MASKED("mask, 99 %, in runs", MASK_RUNS, 0.99, false),
    MASKED("mask, JSON string", MASK_STRING, 0, true),
    MASKED("mask, [a-z_]*", MASK_IDENTIFIER, 0, true),
    {"mask, JSON string, real", real_middle, .mask = MASK_STRING},
    {"mask, [a-z_]*, real", real_middle, .mask = MASK_IDENTIFIER},
    LISTED("list, 1 in 6, in any order", LIST_SHUFFLED, 0.165, true),
    LISTED("list, 1 in 6, by id", LIST_BY_ID, 0.165, false),
    LISTED("list, 1 in 6, by logit", LIST_BY_LOGIT, 0.165, true),
    LISTED("list, most, in any order", LIST_SHUFFLED, 0.825, false),
    LISTED("list, most, by id", LIST_BY_ID, 0.825, false),
    LISTED("list, 1 in 500, in any order", LIST_SHUFFLED, 0.002, false),
};
const int n_cliff_shapes = sizeof cliff_shapes / sizeof cliff_shapes[0];
