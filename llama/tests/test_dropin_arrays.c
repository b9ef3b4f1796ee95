/*
 * test_dropin_arrays.c: samplers that are applied to a program's arrays leave them as llama.cpp's
 * own do. Run with the drop-in preloaded.
 */
#include "rows/rows.h"
#include "twin.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { V = 2000 };

static const pluck_logit_bias biases[] = {{3, 4.5f}, {700, -2.0f}, {1999, 30.0f}};
static const pluck_logit_bias ends[] = {{0, -INFINITY}, {1, -INFINITY}, {V - 1, -INFINITY}};
static const pluck_logit_bias ban[] = {{1, -INFINITY}, {5, -INFINITY}, {1500, 6.0f}};

#define BIAS(list)                                                                                 \
    {                                                                                              \
        .kind = PLUCK_STAGE_LOGIT_BIAS, .as.logit_bias = { list, 3 }                               \
    }
#define PENALTIES(n, r, f, p)                                                                      \
    {                                                                                              \
        .kind = PLUCK_STAGE_PENALTIES, .as.penalties = {                                           \
            .last_n = (n),                                                                         \
            .repeat = (r),                                                                         \
            .freq = (f),                                                                           \
            .present = (p)                                                                         \
        }                                                                                          \
    }
#define TOP_N_SIGMA(n_)                                                                            \
    {                                                                                              \
        .kind = PLUCK_STAGE_TOP_N_SIGMA, .as.top_n_sigma = { n_ }                                  \
    }
#define TOP_K(k_)                                                                                  \
    {                                                                                              \
        .kind = PLUCK_STAGE_TOP_K, .as.top_k = { k_ }                                              \
    }
#define TYPICAL(p, k)                                                                              \
    {                                                                                              \
        .kind = PLUCK_STAGE_TYPICAL, .as.typical = { p, k }                                        \
    }
#define TOP_P(p, k)                                                                                \
    {                                                                                              \
        .kind = PLUCK_STAGE_TOP_P, .as.top_p = { p, k }                                            \
    }
#define MIN_P(p, k)                                                                                \
    {                                                                                              \
        .kind = PLUCK_STAGE_MIN_P, .as.min_p = { p, k }                                            \
    }
#define XTC(p, t, k)                                                                               \
    {                                                                                              \
        .kind = PLUCK_STAGE_XTC, .as.xtc = {                                                       \
            .probability = (p),                                                                    \
            .threshold = (t),                                                                      \
            .min_keep = (k),                                                                       \
            .seed = 9                                                                              \
        }                                                                                          \
    }
#define TEMP(t)                                                                                    \
    {                                                                                              \
        .kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = { t, 0.0f, 1.0f }                       \
    }
#define TEMP_EXT(t, r)                                                                             \
    {                                                                                              \
        .kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = { t, r, 1.2f }                          \
    }
#define GREEDY                                                                                     \
    { .kind = PLUCK_STAGE_GREEDY }
#define DIST(s)                                                                                    \
    {                                                                                              \
        .kind = PLUCK_STAGE_DIST, .as.dist = { s }                                                 \
    }
#define MIROSTAT(s)                                                                                \
    {                                                                                              \
        .kind = PLUCK_STAGE_MIROSTAT, .as.mirostat = { 5.0f, 0.1f, 100, s }                        \
    }
#define MIROSTAT_V2(s)                                                                             \
    {                                                                                              \
        .kind = PLUCK_STAGE_MIROSTAT_V2, .as.mirostat = { 5.0f, 0.1f, 2, s }                       \
    }
#define ADAPTIVE_P(s)                                                                              \
    {                                                                                              \
        .kind = PLUCK_STAGE_ADAPTIVE_P, .as.adaptive_p = { 0.3f, 0.9f, s }                         \
    }

static const pluck_stage singles[] = {
    BIAS(biases),
    BIAS(ban),
    PENALTIES(64, 1.2f, 0.1f, 0.2f),
    TOP_N_SIGMA(1.0f),
    TOP_K(40),
    TOP_K(1),
    TOP_K(500),
    TOP_K(100000),
    TOP_K(0),
    TYPICAL(0.9f, 1),
    TYPICAL(0.3f, 7),
    TYPICAL(1.0f, 1),
    TOP_P(0.95f, 1),
    TOP_P(0.5f, 20),
    TOP_P(0.0f, 0),
    MIN_P(0.05f, 1),
    MIN_P(0.9f, 30),
    MIN_P(0.0f, 1),
    XTC(1.0f, 0.02f, 1),
    XTC(0.5f, 0.05f, 1),
    XTC(1.0f, 0.02f, 2000),
    TEMP(0.7f),
    TEMP(0.0f),
    TEMP(-1.0f),
    TEMP(1.0f),
    TEMP_EXT(1.0f, 0.5f),
    TEMP_EXT(0.8f, 0.6f),
    GREEDY,
    DIST(42),
    MIROSTAT(42),
    MIROSTAT_V2(42),
#if TWIN_GENERATION >= 10
    ADAPTIVE_P(42),
#endif
};

typedef struct chain {
    const char *name;
    pluck_stage stages[12];
    int32_t n;
} chain;

static const chain chains[] = {
    {"default", {TOP_K(40), TOP_P(0.95f, 1), MIN_P(0.05f, 1), TEMP(0.8f), DIST(1)}, 5},
    {"penalties before",
     {PENALTIES(64, 1.1f, 0, 0), TOP_K(40), TOP_P(0.95f, 1), MIN_P(0.05f, 1), TEMP(0.8f), DIST(2)},
     6},
    {"temperature 0 at the end",
     {TOP_K(40), TOP_P(0.95f, 1), MIN_P(0.05f, 1), TEMP(0), DIST(3)},
     5},
    {"ends greedily", {TOP_K(40), TOP_P(0.9f, 1), TEMP(0.8f), GREEDY}, 4},
    {"no draw", {TOP_K(40), TOP_P(0.95f, 1), MIN_P(0.05f, 1), TEMP(0.8f)}, 4},
    {"sigma after top-k", {TOP_K(100), TOP_N_SIGMA(0.5f), DIST(4)}, 3},
    {"sigma, then top-k", {TOP_N_SIGMA(0.3f), TOP_K(500), DIST(5)}, 3},
    {"sigma alone", {TOP_N_SIGMA(1.0f), TEMP(1.3f), DIST(6)}, 3},
    {"typical", {TYPICAL(0.9f, 1), TEMP(1.2f), DIST(7)}, 3},
    {"dynamic temperature", {MIN_P(0.02f, 1), TEMP_EXT(1.0f, 0.5f), DIST(8)}, 3},
    {"dynamic temperature, no draw", {TOP_K(300), TEMP_EXT(1.0f, 0.5f), MIN_P(0.1f, 1)}, 3},
    {"xtc", {TOP_K(60), XTC(0.6f, 0.05f, 1), DIST(9)}, 3},
    {"xtc, no draw", {TOP_K(60), XTC(0.6f, 0.05f, 1)}, 2},
    {"banned tokens", {BIAS(ban), TOP_K(50), DIST(10)}, 3},
    {"banned tokens, everything kept", {BIAS(ban), TEMP(1.4f), DIST(11)}, 3},
    {"the first and last banned, everything kept", {BIAS(ends), DIST(18)}, 2},
    {"mirostat", {TEMP(1.1f), MIROSTAT(12)}, 2},
    {"mirostat v2", {TEMP(1.1f), MIROSTAT_V2(13)}, 2},
#if TWIN_GENERATION >= 10
    {"adaptive-p", {MIN_P(0.02f, 1), ADAPTIVE_P(14)}, 2},
#endif
    {"penalties last", {TOP_K(200), PENALTIES(32, 1.3f, 0.1f, 0.1f), DIST(15)}, 3},
    {"penalties, all",
     {PENALTIES(64, 1.1f, 0, 0), TYPICAL(0.95f, 1), TOP_P(0.9f, 1), MIN_P(0.02f, 1),
      XTC(0.3f, 0.1f, 1), TEMP(0.9f), DIST(16)},
     7},
    {"a draw, then another order", {DIST(17), TOP_K(300), TEMP(0.7f)}, 3},
    {"greedy, then fewer", {GREEDY, TYPICAL(0.5f, 1)}, 2},
    {"top-p, min-p, xtc, no draw",
     {TOP_K(200), TOP_P(0.9f, 1), MIN_P(0.02f, 1), XTC(0.4f, 0.03f, 1)},
     4},
    {"xtc, then fewer, no draw", {XTC(0.4f, 0.03f, 1), MIN_P(0.1f, 1)}, 2},
    {"dynamic temperature of one, no draw", {TOP_P(0.3f, 1), TEMP_EXT(1.0f, 0.5f)}, 2},
    {"sigma, then xtc", {TOP_N_SIGMA(2.5f), XTC(1.0f, 0.005f, 1), DIST(18)}, 3},
    {"temperature 0, then top-k", {TEMP(0), TOP_K(5000)}, 2},
    {"penalties, then xtc", {PENALTIES(64, 1.4f, 0.1f, 0), XTC(0.3f, 0.05f, 1)}, 2},
    {"typical, then min-p that falls back", {TYPICAL(0.3f, 1), MIN_P(0.9f, 30)}, 2},
};

static void compare_single(const pluck_stage *stage, const float *logits, int32_t n, bool sorted,
                           int what) {
    struct llama_sampler *a = twin_stage(&by_name, stage, n, NULL);
    struct llama_sampler *b = twin_stage(&by_address, stage, n, NULL);
    for (int step = 0; step < 3; step++) {
        by_name.sampler_accept(a, (step * 3 + 1) % n);
        by_address.sampler_accept(b, (step * 3 + 1) % n);
        twin_array x = sorted ? twin_array_sorted(logits, n) : twin_array_of(logits, n);
        twin_array y = sorted ? twin_array_sorted(logits, n) : twin_array_of(logits, n);
        by_name.sampler_apply(a, &x.cur);
        by_address.sampler_apply(b, &y.cur);
        char name[96];
        snprintf(name, sizeof name, "single stage %d (%s), n = %d%s", what,
                 by_address.sampler_name(b), n, sorted ? ", sorted" : "");
        assert_string_equal(by_name.sampler_name(a), by_address.sampler_name(b));
        twin_assert_same(&x.cur, &y.cur, name, step);
        twin_array_free(&x);
        twin_array_free(&y);
    }
    by_name.sampler_free(a);
    by_address.sampler_free(b);
}

static void test_singles(void **state) {
    (void)state;
    static const int32_t sizes[] = {1, 2, 7, 129, V};
    float logits[V];
    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            rows_fill(s % 2 ? ROWS_PEAKED : ROWS_NORMAL, 1 + s, logits, sizes[s]);
            compare_single(&singles[i], logits, sizes[s], false, (int)i);
            /* if a bias breaks the order, llama.cpp leaves the flag set */
            if (singles[i].kind != PLUCK_STAGE_LOGIT_BIAS)
                compare_single(&singles[i], logits, sizes[s], true, (int)i);
        }
    }
}

/* Applies chains to arrays whose ids are a subset of the vocabulary in no particular order. */
static void test_subsets(void **state) {
    (void)state;
    float logits[V];
    for (size_t c = 0; c < sizeof chains / sizeof chains[0]; c++) {
        struct llama_sampler *a = twin_chain(&by_name, chains[c].stages, chains[c].n, V, NULL);
        struct llama_sampler *b = twin_chain(&by_address, chains[c].stages, chains[c].n, V, NULL);
        for (int step = 0; step < 20; step++) {
            rows_fill(ROWS_NORMAL, 500 + (uint64_t)step, logits, V);
            twin_array x = twin_array_of(logits, V), y = twin_array_of(logits, V);
            int32_t n = 0;
            for (int32_t i = 0; i < V; i += 3, n++) {
                int32_t from = (int32_t)((int64_t)i * 7919 % V);
                x.data[n] = (llama_token_data){from, logits[from], 0.5f};
                y.data[n] = x.data[n];
            }
            x.cur.size = y.cur.size = (size_t)n;
            by_name.sampler_apply(a, &x.cur);
            by_address.sampler_apply(b, &y.cur);
            twin_assert_same(&x.cur, &y.cur, chains[c].name, step);
            twin_array_free(&x);
            twin_array_free(&y);
        }
        by_name.sampler_free(a);
        by_address.sampler_free(b);
    }
}

/* Arrays that are sorted and flagged so. */
static void test_sorted(void **state) {
    (void)state;
    float logits[V];
    for (size_t c = 0; c < sizeof chains / sizeof chains[0]; c++) {
        if (chains[c].stages[0].kind == PLUCK_STAGE_LOGIT_BIAS) continue; /* as for single stages */
        struct llama_sampler *a = twin_chain(&by_name, chains[c].stages, chains[c].n, V, NULL);
        struct llama_sampler *b = twin_chain(&by_address, chains[c].stages, chains[c].n, V, NULL);
        for (int step = 0; step < 20; step++) {
            rows_fill(step % 2 ? ROWS_PEAKED : ROWS_NORMAL, 300 + (uint64_t)step, logits, V);
            twin_array x = twin_array_sorted(logits, V), y = twin_array_sorted(logits, V);
            by_name.sampler_apply(a, &x.cur);
            by_address.sampler_apply(b, &y.cur);
            twin_assert_same(&x.cur, &y.cur, chains[c].name, step);
            by_name.sampler_accept(a, y.cur.data[0].id);
            by_address.sampler_accept(b, y.cur.data[0].id);
            twin_array_free(&x);
            twin_array_free(&y);
        }
        by_name.sampler_free(a);
        by_address.sampler_free(b);
    }
}

/* Applies both to an array of these logits, compares, and accepts what was selected. */
static void step_both(const chain *c, struct llama_sampler *a, struct llama_sampler *b,
                      const float *logits, int step) {
    twin_array x = twin_array_of(logits, V), y = twin_array_of(logits, V);
    by_name.sampler_apply(a, &x.cur);
    by_address.sampler_apply(b, &y.cur);
    twin_assert_same(&x.cur, &y.cur, c->name, step);
    llama_token token = y.cur.data[y.cur.selected >= 0 ? y.cur.selected : 0].id;
    by_name.sampler_accept(a, token);
    by_address.sampler_accept(b, token);
    twin_array_free(&x);
    twin_array_free(&y);
}

static void test_chains(void **state) {
    (void)state;
    float logits[V];
    for (size_t c = 0; c < sizeof chains / sizeof chains[0]; c++) {
        struct llama_sampler *a = twin_chain(&by_name, chains[c].stages, chains[c].n, V, NULL);
        struct llama_sampler *b = twin_chain(&by_address, chains[c].stages, chains[c].n, V, NULL);
        for (int step = 0; step < 60; step++) {
            rows_fill(step % 3 ? ROWS_PEAKED : ROWS_NORMAL, 100 + (uint64_t)step, logits, V);
            step_both(&chains[c], a, b, logits, step);
        }
        assert_int_equal(by_name.perf_sampler(a).n_sample, by_address.perf_sampler(b).n_sample);
        assert_true(by_name.perf_sampler(a).t_sample_ms > 0.0);
        by_name.perf_sampler_reset(a);
        assert_int_equal(by_name.perf_sampler(a).n_sample, 0);
        assert_true(by_name.perf_sampler(a).t_sample_ms == 0.0);
        by_name.sampler_free(a);
        by_address.sampler_free(b);
    }
}

/* Logits that a low temperature takes below float's range, which is to -inf. */
static void test_out_of_range(void **state) {
    (void)state;
    static const chain cold[] = {
        {"sigma", {TEMP(0.5f), TOP_N_SIGMA(1.0f), DIST(1)}, 3},
        {"sigma 3", {TEMP(0.01f), TOP_N_SIGMA(3.0f), DIST(1)}, 3},
        {"sigma behind top-k", {TEMP(0.5f), TOP_K(V / 4), TOP_N_SIGMA(2.0f), DIST(1)}, 4},
        {"warmed up again", {TEMP(0.5f), TEMP(4.0f), TOP_N_SIGMA(2.0f), DIST(1)}, 4},
        {"penalties", {TEMP(0.5f), PENALTIES(64, 1.1f, 0.1f, 0.2f), TOP_N_SIGMA(2.0f), DIST(1)}, 4},
        {"min-p", {TEMP(0.5f), MIN_P(0.01f, 0), DIST(1)}, 3},
        {"dist", {TEMP(0.5f), DIST(1)}, 2},
        {"dynamic temperature", {TEMP(0.5f), TEMP_EXT(1.0f, 0.5f), TOP_K(30), DIST(1)}, 4},
#if TWIN_GENERATION >= 10
        {"adaptive-p", {TEMP(0.5f), ADAPTIVE_P(1)}, 2},
#endif
    };
    float logits[V];
    for (size_t c = 0; c < sizeof cold / sizeof cold[0]; c++) {
        struct llama_sampler *a = twin_chain(&by_name, cold[c].stages, cold[c].n, V, NULL);
        struct llama_sampler *b = twin_chain(&by_address, cold[c].stages, cold[c].n, V, NULL);
        for (int step = 0; step < 20; step++) {
            rows_fill(ROWS_NORMAL, 700 + (uint64_t)step, logits, V);
            for (int32_t i = 0; i < V; i++) {
                logits[i] *= 0.3f;
                if ((i + step) % 3 == 0) logits[i] = -3e38f - 1e36f * (float)(i % 40);
            }
            step_both(&cold[c], a, b, logits, step);
        }
        by_name.sampler_free(a);
        by_address.sampler_free(b);
    }
}

/* If Pluck refuses a row, libllama handles it, and the draws after it are still the same. */
static void test_refused(void **state) {
    (void)state;
    static const chain refused[] = {
        {"dist", {DIST(1)}, 1},
        {"top-k, dist", {TOP_K(40), DIST(2)}, 2},
        {"penalties, dist", {PENALTIES(64, 1.1f, 0.1f, 0), DIST(3)}, 2},
        {"temperature, xtc, dist", {TEMP(1.1f), XTC(0.5f, 0.1f, 1), DIST(4)}, 3},
        {"greedy", {GREEDY}, 1},
    };
    float logits[V], masked[V];
    for (int32_t i = 0; i < V; i++) masked[i] = -INFINITY;
    for (size_t c = 0; c < sizeof refused / sizeof refused[0]; c++) {
        struct llama_sampler *a = twin_chain(&by_name, refused[c].stages, refused[c].n, V, NULL);
        struct llama_sampler *b = twin_chain(&by_address, refused[c].stages, refused[c].n, V, NULL);
        for (int step = 0; step < 30; step++) {
            rows_fill(ROWS_NORMAL, 900 + (uint64_t)step, logits, V);
            if (step == 22) logits[5] = NAN;
            const float *row = step == 10 ? masked : logits;
            assert_int_equal(twin_step(&by_name, a, row, V), twin_step(&by_address, b, row, V));
        }
        by_name.sampler_reset(a);
        by_address.sampler_reset(b);
        for (int step = 0; step < 10; step++) {
            rows_fill(ROWS_NORMAL, 950 + (uint64_t)step, logits, V);
            assert_int_equal(twin_step(&by_name, a, logits, V),
                             twin_step(&by_address, b, logits, V));
        }
        by_name.sampler_free(a);
        by_address.sampler_free(b);
    }
}

/* An array that is flagged as sorted and is not: Pluck leaves the chain to libllama after moving
 * libllama's streams on. The samplers here learn nothing, so only the streams can differ. */
static void test_handed_back(void **state) {
    (void)state;
    static const chain random[] = {
        {"dist behind top-k", {TOP_K(30), DIST(1)}, 2},
        {"mirostat 1",
         {TOP_K(900), {.kind = PLUCK_STAGE_MIROSTAT, .as.mirostat = {5.0f, 0.0f, 100, 2}}},
         2},
        {"mirostat 2",
         {TOP_K(900), {.kind = PLUCK_STAGE_MIROSTAT_V2, .as.mirostat = {5.0f, 0.0f, 2, 3}}},
         2},
#if TWIN_GENERATION >= 10
        {"adaptive-p",
         {TOP_K(30), {.kind = PLUCK_STAGE_ADAPTIVE_P, .as.adaptive_p = {-1.0f, 0.9f, 4}}},
         2},
#endif
    };
    float logits[V];
    for (size_t c = 0; c < sizeof random / sizeof random[0]; c++) {
        struct llama_sampler *a = twin_chain(&by_name, random[c].stages, random[c].n, V, NULL);
        struct llama_sampler *b = twin_chain(&by_address, random[c].stages, random[c].n, V, NULL);
        for (int step = 0; step < 40; step++) {
            rows_fill(ROWS_NORMAL, 400 + (uint64_t)step, logits, V);
            for (int32_t i = 0; i < V; i++) logits[i] *= 0.4f;
            if (step == 20) { /* the first candidate is likely; the others are in no order */
                twin_array x = twin_array_of(logits, V), y = twin_array_of(logits, V);
                x.data[0].logit = y.data[0].logit = 3.0f;
                x.cur.sorted = y.cur.sorted = true;
                by_name.sampler_apply(a, &x.cur);
                by_address.sampler_apply(b, &y.cur);
                assert_int_equal(x.cur.data[x.cur.selected].id, y.cur.data[y.cur.selected].id);
                twin_array_free(&x);
                twin_array_free(&y);
                continue;
            }
            llama_token token = twin_step(&by_address, b, logits, V);
            if (twin_step(&by_name, a, logits, V) != token)
                fail_msg("%s: another token at step %d", random[c].name, step);
        }
        by_name.sampler_free(a);
        by_address.sampler_free(b);
    }
}

static void test_empty(void **state) {
    (void)state;
    llama_token_data none[1];
    llama_token_data_array x = {none, 0, 7, false};
    struct llama_sampler *a = by_name.sampler_init_dist(3);
    by_name.sampler_apply(a, &x);
    assert_int_equal(x.selected, -1);
    assert_int_equal(x.size, 0);
    by_name.sampler_free(a);
}

int main(void) {
    if (!twin_begin()) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_singles), cmocka_unit_test(test_chains),
        cmocka_unit_test(test_subsets), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_empty),   cmocka_unit_test(test_handed_back),
        cmocka_unit_test(test_sorted),  cmocka_unit_test(test_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
