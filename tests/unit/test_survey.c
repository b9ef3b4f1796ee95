/*
 * test_survey.c: nuclei of most of a row and draws from them, which the library finds with a sample
 * of the row (src/survey.h) or a histogram of it (src/tally.h), against the oracle: on rows that the
 * sample represents, on rows made so that it is misleading, and on rows with few values, or with all
 * values close together.
 */
#include "check.h"
#include "rows/rows.h"
#include "rows/trials.h"

#include <math.h>
#include <stdio.h>

enum { N = 40001 };

/* Is the token one that the survey's sample reads: one place in eight of 512 groups? */
static bool is_sampled(int32_t id) {
    const int32_t groups = (N + 63) / 64;
    for (int32_t i = 0; i < 512; ++i)
        if ((2 * i + 1) * groups / 1024 == id / 64 && id % 8 == i % 8) return true;
    return false;
}

typedef enum shape {
    WIDE,
    BELL,
    STEEP,
    FLAT,
    HEAD_ONLY,
    SAMPLE_HIGH,
    SAMPLE_LOW,
    /* few values, or values close together */
    STEPS,
    SMOOTH,
    OUTLIER,
    TINY,
    CLOSE,
    SHAPES
} shape;

static void fill(shape s, uint64_t seed, float *logits) {
    static const double deviations[SHAPES] = {3.0, 1.5, 6.0,  0.02, 1.0,   1.0,
                                              1.0, 1.0, 0.01, 1e-6, 1e-39, 5e-10};
    rows_random r = {seed};
    for (int32_t i = 0; i < N; ++i) {
        double x = deviations[s] * rows_gauss(&r);
        if (s == HEAD_ONLY && i < N / 20) x += 5.0;
        if (s == SAMPLE_HIGH && is_sampled(i)) x += 3.0;
        if (s == SAMPLE_LOW && is_sampled(i)) x -= 8.0;
        if (s == STEPS) x = 0.5 * floor(x);
        if (s == SMOOTH) x += 4.0 * sin(1e-3 * i);
        logits[i] = (float)x;
    }
    if (s == OUTLIER) logits[seed % N] = 9.0f;
}

/* Runs a chain on all shapes. On `excused` of them a boundary may be too close to tell. */
static void run_chain(const char *label, const pluck_stage *stages, int n_stages, int excused) {
    static float logits[N];
    const pluck_row row = {.logits = logits};
    const int each = trials_of(8);
    int calls = 0, same = 0;
    for (int s = 0; s < SHAPES; ++s) {
        const pluck_config config =
            with_chain(N, 900u + (uint32_t)s, PLUCK_RNG_MT19937, stages, n_stages);
        pair p;
        pair_open(&p, &config);
        p.label = label;
        p.seed = (uint64_t)s;
        for (int call = 0; call < each; ++call, ++calls) {
            fill((shape)s, (uint64_t)(100 * s + call), logits);
            int32_t token = -1;
            const check_verdict verdict = pair_step(&p, &row, &token);
            same += verdict == CHECK_SAME;
            if (verdict != CHECK_SAME) break;
        }
        pair_close(&p);
    }
    print_message("%-40s %d calls, %d the same\n", label, calls, same);
    assert_true(same >= (SHAPES - excused) * each);
}

static void nuclei(void **state) {
    (void)state;
    static const float ps[] = {0.999f, 0.99f, 0.9f, 0.5f, 0.1f, 0.001f};
    for (size_t i = 0; i < sizeof ps / sizeof *ps; ++i) {
        char label[40];
        snprintf(label, sizeof label, "temp 1.5, top_p %g, dist", (double)ps[i]);
        const pluck_stage stages[] = {with_temp(1.5f, 0.0f, 1.0f), with_top_p(ps[i], 0),
                                      with_dist()};
        run_chain(label, stages, 3, 1);
    }
}

/* What was computed for one draw must not be used for another. */
static void several_draws(void **state) {
    (void)state;
    const pluck_stage hotter[] = {with_top_p(0.99f, 0), with_dist(), with_temp(1.02f, 0.0f, 1.0f),
                                  with_dist()};
    run_chain("top_p .99, dist, temp 1.02, dist", hotter, 4, 1);
    const pluck_stage twice[] = {with_top_p(0.97f, 0), with_dist(), with_top_p(0.6f, 0),
                                 with_dist()};
    run_chain("top_p .97, dist, top_p .6, dist", twice, 4, 1);
    const pluck_stage behind[] = {with_top_p(0.98f, 0), with_temp(0.7f, 0.0f, 1.0f), with_dist()};
    run_chain("top_p .98, temp .7, dist", behind, 3, 1);
    /* What was added up of the row is not true of edited values. */
    enum { N_BIASES = 2000 };
    pluck_logit_bias biases[N_BIASES];
    for (int32_t i = 0; i < N_BIASES; ++i) biases[i] = (pluck_logit_bias){20 * i + 3, -2.0f};
    const pluck_stage edited[] = {with_top_p(0.97f, 0), with_bias(biases, N_BIASES),
                                  with_top_p(0.9f, 0), with_dist()};
    run_chain("top_p .97, biases, top_p .9, dist", edited, 4, 1);
    /* Values that are even at one temperature are not at another. */
    const pluck_stage dynamic[] = {with_temp(1.0f, 0.5f, 1.0f), with_temp(1e-6f, 0.0f, 1.0f),
                                   with_dist()};
    run_chain("temp 1 +- .5, temp 1e-6, dist", dynamic, 3, 2);
    const pluck_stage colder[] = {with_top_p(0.97f, 0), with_temp(1e-6f, 0.0f, 1.0f),
                                  with_top_p(0.6f, 0), with_dist()};
    run_chain("top_p .97, temp 1e-6, top_p .6, dist", colder, 4, 1);
}

static void typical_sets(void **state) {
    (void)state;
    static const float ps[] = {0.999f, 0.95f, 0.5f, 0.1f}, temps[] = {0.3f, 1.0f, 2.0f};
    for (size_t i = 0; i < sizeof ps / sizeof *ps; ++i) {
        for (size_t k = 0; k < sizeof temps / sizeof *temps; ++k) {
            char label[60];
            snprintf(label, sizeof label, "temp %g, typical %g, dist", (double)temps[k],
                     (double)ps[i]);
            const pluck_stage stages[] = {with_temp(temps[k], 0.0f, 1.0f), with_typical(ps[i], 0),
                                          with_dist()};
            run_chain(label, stages, 3, 4); /* the mean of values so close is not exact */
        }
    }
}

static void mirostat(void **state) {
    (void)state;
    static const float taus[] = {3.0f, 6.0f, 7.5f, 9.0f, 12.0f};
    for (size_t i = 0; i < sizeof taus / sizeof *taus; ++i) {
        char label[40];
        snprintf(label, sizeof label, "mirostat v2, tau %g", (double)taus[i]);
        const pluck_stage stages[] = {with_mirostat(2, taus[i], 0.1f, 100)};
        run_chain(label, stages, 1, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nuclei),
        cmocka_unit_test(several_draws),
        cmocka_unit_test(typical_sets),
        cmocka_unit_test(mirostat),
    };
    return cmocka_run_group_tests_name("survey", tests, NULL, NULL);
}
