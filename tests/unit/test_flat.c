/*
 * test_flat.c: the stages that go by the shape of the sorted candidates (tail-free, top-H, min-k), on
 * rows whose values are so near to each other, or so many the same, that a few of the greatest do not tell;
 * as a row, with a mask and as lists.
 */
#include "check.h"

#include <math.h>

enum { N = 9001 };

typedef enum shape {
    PLATEAUS,  /* ten values, in runs */
    DENORMALS, /* all have the same probability */
    EQUAL,
    BILLION,    /* half at -1e9 */
    TWO_VALUES, /* half and half */
    BFLOAT,     /* of few bits, so that there are ties */
    EVEN,       /* no two the same, evenly spread */
    OUTLIER,    /* one far above the others */
    CLUSTERS,   /* two narrow ones */
    SMOOTH,     /* a wave */
    SHAPES
} shape;

static float value(shape s, rows_random *r, int32_t i) {
    switch (s) {
    case PLATEAUS:
        return -0.7f * (float)(i / 77 % 10);
    case DENORMALS:
        return (float)(1e-39 * rows_gauss(r));
    case EQUAL:
        return 2.5f;
    case BILLION:
        return rows_below(r, 2) ? (float)(2.0 * rows_gauss(r)) : -1e9f;
    case TWO_VALUES:
        return (float)rows_below(r, 2);
    case BFLOAT:
        return rintf((float)(32.0 * rows_gauss(r))) / 32.0f;
    case EVEN:
        return 12.0f * (float)(i * 4001 % N) / (float)N;
    case OUTLIER:
        return i == N / 3 ? 10.0f : (float)rows_gauss(r);
    case CLUSTERS:
        return (float)(0.01 * rows_uniform(r) - 2.0 * rows_below(r, 2));
    default:
        return (float)(4.0 * sin(i * 0.01));
    }
}

typedef enum form { ROW, MASKED, BY_ID, SHUFFLED, SHORT, FORMS } form;

typedef struct input {
    pluck_row row;
    float logits[N];
    int32_t ids[N];
    uint32_t allowed[(N + 31) / 32];
} input;

static void make(input *in, shape s, form f) {
    rows_random r = {(uint64_t)s};
    for (int32_t i = 0; i < N; ++i) in->logits[i] = value(s, &r, i);
    in->row = (pluck_row){.logits = in->logits};
    for (int32_t i = 0; i < (N + 31) / 32; ++i) {
        in->allowed[i] = (uint32_t)rows_next(&r);
        in->allowed[i] |= (uint32_t)rows_next(&r); /* three of four */
    }
    if (f == MASKED) in->row.allowed = in->allowed;
    if (f < BY_ID) return;
    int32_t n = 0;
    for (int32_t i = 0; i < N; ++i) {
        if (rows_below(&r, 20) < (f == SHORT ? 19u : 4u)) continue;
        const int32_t at = f != BY_ID ? (int32_t)rows_below(&r, (uint32_t)n + 1) : n;
        in->ids[n] = in->ids[at];
        in->ids[at] = i;
        n++;
    }
    float *moved = in->logits;
    static float by_id[N];
    for (int32_t i = 0; i < N; ++i) by_id[i] = in->logits[i];
    for (int32_t i = 0; i < n; ++i) moved[i] = by_id[in->ids[i]];
    in->row.ids = in->ids;
    in->row.n = n;
}

/* Returns how often the oracle did not have to leave it open. */
static int run(const char *label, pluck_stage stage) {
    static input in;
    const pluck_stage stages[] = {stage, with_dist()};
    int same = 0;
    for (int s = 0; s < SHAPES; ++s) {
        const pluck_config config = with_chain(N, 7, PLUCK_RNG_MT19937, stages, 2);
        pair p;
        pair_open(&p, &config);
        p.label = label;
        p.seed = (uint64_t)s;
        for (int f = 0; f < FORMS; ++f) {
            make(&in, (shape)s, (form)f);
            same += pair_step(&p, &in.row, NULL) == CHECK_SAME;
        }
        pair_close(&p);
    }
    print_message("%-12s %d of %d the same\n", label, same, SHAPES * FORMS);
    return same;
}

static void tail_free(void **state) {
    (void)state;
    assert_true(run("tfs .95", with_tfs(0.95f, 0, 0)) >= SHAPES * FORMS * 3 / 4);
    assert_true(run("tfs .5", with_tfs(0.5f, 0, 1)) >= SHAPES * FORMS * 3 / 4);
}

static void top_h(void **state) {
    (void)state;
    assert_true(run("top_h .4", with_top_h(0.4f)) >= SHAPES * FORMS * 3 / 4);
    assert_true(run("top_h .9", with_top_h(0.9f)) >= SHAPES * FORMS * 3 / 4);
    assert_true(run("top_h .99", with_top_h(0.99f)) >= SHAPES * FORMS * 3 / 4);
}

static void min_k(void **state) {
    (void)state;
    assert_true(run("min_k 3", with_min_k(3.0f)) >= SHAPES * FORMS * 3 / 4);
    assert_true(run("min_k 0", with_min_k(0.0f)) >= SHAPES * FORMS * 3 / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tail_free),
        cmocka_unit_test(top_h),
        cmocka_unit_test(min_k),
    };
    return cmocka_run_group_tests_name("flat", tests, NULL, NULL);
}
