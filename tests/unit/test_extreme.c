/*
 * test_extreme.c: logits at the ends of float's range, where a difference or a cut may overflow:
 * each stage, alone, after a temperature so high that neighbouring floats are 40 nats apart, and
 * after low ones, which take some logits out of float's range (a second, high temperature does not
 * bring them back), on whole rows and on lists, against the oracle.
 */
#include "check.h"
#include "rows/trials.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { LARGEST = 9000 };

typedef enum extreme_kind {
    LOWEST_ALL,     /* all at -FLT_MAX */
    LOWEST_BAND,    /* -FLT_MAX to -3e38 */
    LOWEST_STEPS,   /* a few floats above -FLT_MAX: ties, and neighbours 2e31 apart */
    LOWEST_AS_MASK, /* an engine's mask: half at -FLT_MAX, the others N(0, 5) */
    HIGHEST_BAND,   /* 3e38 to FLT_MAX */
    HIGHEST_ONE,    /* one at FLT_MAX, the others N(0, 5) */
    BOTH_ENDS,      /* +-FLT_MAX, +-3e38, 0, -inf */
    ANY_MAGNITUDE,  /* random exponents, both signs */
    DEEP,           /* N(0, 5), and below that random exponents */
    EXTREME_KINDS
} extreme_kind;

static float draw_extreme(extreme_kind kind, rows_random *r) {
    static const float ends[] = {FLT_MAX, -FLT_MAX, 3e38f, -3e38f, 0.0f, -INFINITY, -2.9e38f};
    const float unit = (float)rows_below(r, 1u << 20) / (float)(1u << 20);
    switch (kind) {
    case LOWEST_ALL:
        return -FLT_MAX;
    case LOWEST_BAND:
        return -3e38f - (FLT_MAX - 3e38f) * unit;
    case LOWEST_STEPS:
        return -FLT_MAX + 0x1p104f * (float)rows_below(r, 6);
    case LOWEST_AS_MASK:
        return rows_below(r, 2) ? -FLT_MAX : (float)(5.0 * rows_gauss(r));
    case HIGHEST_BAND:
        return 3e38f + (FLT_MAX - 3e38f) * unit;
    case HIGHEST_ONE:
        return (float)(5.0 * rows_gauss(r));
    case DEEP:
        if (rows_below(r, 2)) return (float)(5.0 * rows_gauss(r));
        return -ldexpf(unit + 1.0f, (int)rows_below(r, 124) + 3);
    case BOTH_ENDS:
        return ends[rows_below(r, 7)];
    default:
        return ldexpf(unit + 1.0f, (int)rows_below(r, 253) - 126) *
               (rows_below(r, 2) ? 1.0f : -1.0f);
    }
}

static void fill_extreme(extreme_kind kind, uint64_t seed, float *logits, int32_t n) {
    rows_random r = {seed * 31u + (uint64_t)kind};
    for (int32_t i = 0; i < n; ++i) logits[i] = draw_extreme(kind, &r);
    if (kind == HIGHEST_ONE) logits[rows_below(&r, (uint32_t)n)] = FLT_MAX;
}

static const pluck_logit_bias biases[] = {{0, 3e38f}, {1, -3e38f}, {5, 7.0f}};

static int all_stages(pluck_stage *to) {
    int n = 0;
    to[n++] = with_greedy();
    to[n++] = with_dist();
    to[n++] = with_top_k(3);
    to[n++] = with_top_p(0.9f, 0);
    to[n++] = with_top_p(0.9f, 5);
    to[n++] = with_min_p(0.1f, 0);
    to[n++] = with_min_p(1e-30f, 5);
    to[n++] = with_typical(0.9f, 0);
    to[n++] = with_typical(0.5f, 4);
    to[n++] = with_sigma(1.0f);
    to[n++] = with_sigma(3.0f);
    to[n++] = with_temp(0.8f, 0.0f, 1.0f);
    to[n++] = with_temp(0.0f, 0.0f, 1.0f);
    to[n++] = with_temp(0.9f, 0.5f, 1.0f);
    to[n++] = with_xtc(1.0f, 0.1f, 0);
    to[n++] = with_penalties(64, 1.5f, 0.5f, 1.0f);
    to[n++] = with_dry(2.0f, 1.75f, 1, 64);
    to[n++] = with_mirostat(1, 5.0f, 0.1f, 100);
    to[n++] = with_mirostat(2, 5.0f, 0.1f, 100);
    to[n++] = with_mirostat(2, 0.5f, 0.1f, 100);
    to[n++] = with_adaptive(0.5f, 0.9f);
    to[n++] = with_bias(biases, 3);
    to[n++] = with_min_k(3.0f);
    to[n++] = with_smoothing(0.2f, 1.0f);
    to[n++] = with_top_a(0.2f, 0);
    return n;
}

static bool edits(const pluck_stage *s) {
    return s->kind <= PLUCK_STAGE_DRY;
}

/* Whether the greatest logit of such a row is of usual size, so that it stays in range. */
static bool has_usual_top(extreme_kind kind, int32_t n_vocab) {
    return (kind == LOWEST_AS_MASK || kind == DEEP) && n_vocab > 2;
}

/* Whether two temperatures and a stage can be compared: not if the result of an edit, scaled back to
 * the row, is out of range, and not if the greatest logit left the range before it changes again. */
static bool compares(const pluck_stage *stage, bool usual_top, const float *t) {
    if (edits(stage)) return t[0] == 1.0f || (usual_top && t[0] < 1.0f && t[0] >= 1e-6f);
    return t[1] == 1.0f || usual_top;
}

static bool selects(const pluck_stage *s) {
    pluck_stage_traits traits;
    return pluck_stage_describe(s, &traits) && traits.selects;
}

typedef struct tally {
    int cases, runs, same;
} tally;

/* The stage behind two temperatures (1: none), then a draw. */
static void run_case(const pluck_stage *stage, float t, float then, const pluck_row *row,
                     int32_t n_vocab, uint64_t id, tally *count) {
    pluck_stage stages[4] = {with_temp(t, 0.0f, 1.0f), with_temp(then, 0.0f, 1.0f), *stage,
                             with_dist()};
    const pluck_config config = with_chain(
        n_vocab, 5u, id % 2 ? PLUCK_RNG_PHILOX : PLUCK_RNG_MT19937, stages, selects(stage) ? 3 : 4);
    pair p;
    pair_open(&p, &config);
    p.label = "extreme";
    p.seed = id;
    for (int32_t i = 0; i < 20; ++i) pair_accept(&p, i % 7 % n_vocab);
    check_verdict verdict = CHECK_SAME;
    for (int call = 0; call < 3 && verdict == CHECK_SAME; ++call) {
        verdict = pair_step(&p, row, NULL);
        ++count->runs;
        count->same += verdict == CHECK_SAME;
    }
    pair_close(&p);
}

static void run_rows(int32_t n_vocab, bool list, tally *count) {
    static float logits[LARGEST];
    static int32_t ids[LARGEST];
    static const float temperatures[][2] = {{5e29f, 1.0f}, {1.0f, 1.0f},   {0.5f, 1.0f},
                                            {1e-3f, 1.0f}, {1e-15f, 1.0f}, {0.7f, 3.0f},
                                            {1e-6f, 2e5f}, {1e-25f, 1e25f}};
    enum { TEMPERATURES = sizeof temperatures / sizeof *temperatures };
    pluck_stage stages[40];
    const int n_stages = all_stages(stages);
    for (int32_t i = 0; i < n_vocab; ++i) ids[i] = n_vocab - 1 - i;
    for (int kind = 0; kind < EXTREME_KINDS; ++kind) {
        fill_extreme((extreme_kind)kind, (uint64_t)n_vocab, logits, n_vocab);
        const pluck_row row = {.logits = logits, .n = list ? n_vocab : 0, .ids = list ? ids : NULL};
        for (int i = 0; i < n_stages; ++i) {
            if (stages[i].kind == PLUCK_STAGE_LOGIT_BIAS && n_vocab < 6) continue;
            for (int t = 0; t < TEMPERATURES; ++t) {
                const float *both = temperatures[t];
                if (!compares(&stages[i], has_usual_top((extreme_kind)kind, n_vocab), both))
                    continue;
                if (n_vocab == LARGEST && !trials_include(count->cases++)) continue;
                const uint64_t id = (uint64_t)(kind * 10000 + i * 10 + t);
                run_case(&stages[i], both[0], both[1], &row, n_vocab, id, count);
            }
        }
    }
}

static void stages_at_the_ends_of_float(void **state) {
    (void)state;
    static const int32_t sizes[] = {1, 2, 33, 700, LARGEST};
    for (int i = 0; i < 10; ++i) {
        tally count = {0};
        run_rows(sizes[i / 2], i % 2 == 1, &count);
        print_message("V %d%s: %d calls, %d the same\n", sizes[i / 2], i % 2 ? ", a list" : "",
                      count.runs, count.same);
        assert_true(count.same >= count.runs - count.runs / 50);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stages_at_the_ends_of_float)};
    return cmocka_run_group_tests_name("extreme", tests, NULL, NULL);
}
