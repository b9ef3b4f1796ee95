/*
 * test_stages.c: each stage alone, with parameters that disable it, that have an effect, and at
 * their limits, on rows of every kind and size, against the oracle. A draw follows stages that
 * select nothing.
 */
#include "check.h"
#include "rows/trials.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_CASES = 128 };

typedef struct cases {
    pluck_stage stage[MOST_CASES];
    int n;
} cases;

static void add(cases *c, pluck_stage stage) {
    assert_true(c->n < MOST_CASES);
    c->stage[c->n++] = stage;
}

static const pluck_logit_bias biases[] = {{0, 3.5f},   {0, -1.25f}, {1, -INFINITY},
                                          {5, 100.0f}, {7, 0.0f},   {30, -2.0f}};
static const int32_t breaker_tokens[] = {3, 0, 1, 2, 5};
static const pluck_token_sequence breakers[] = {{breaker_tokens, 1}, {breaker_tokens + 1, 3}};

static const int32_t ends[] = {7, 0, 7};

/* The first parameters of each kind are also used on large rows. */
static void all_cases(cases *c, int32_t n_vocab) {
    c->n = 0;
    add(c, with_greedy());
    add(c, with_dist());
    add(c, with_top_k(40));
    add(c, with_top_p(0.95f, 0));
    add(c, with_min_p(0.05f, 0));
    add(c, with_typical(0.95f, 0));
    add(c, with_sigma(1.0f));
    add(c, with_temp(0.8f, 0.0f, 1.0f));
    add(c, with_temp(0.9f, 0.5f, 1.0f));
    add(c, with_xtc(1.0f, 0.1f, 0));
    add(c, with_penalties(64, 1.1f, 0.1f, 0.2f));
    add(c, with_dry(0.8f, 1.75f, 2, 64));
    add(c, with_mirostat(1, 5.0f, 0.1f, 100));
    add(c, with_mirostat(2, 5.0f, 0.1f, 100));
    add(c, with_adaptive(0.5f, 0.9f));
    add(c, with_top_a(0.1f, 0));
    add(c, with_epsilon_cutoff(3e-4f, 0));
    add(c, with_eta_cutoff(3e-4f, 0));
    add(c, with_p_less(false));
    add(c, with_p_less(true));
    add(c, with_tfs(0.95f, 0, 0));
    add(c, with_top_h(0.4f));
    add(c, with_min_k(3.0f));
    add(c, with_smoothing(0.3f, 1.0f));
    add(c, with_skew(1.0f));
    if (n_vocab > 30) {
        add(c, with_min_tokens(25, ends, 3));
        add(c, with_bad_words(breakers, 2));
        add(c, with_no_repeat_ngram(1, 20));
        add(c, with_no_repeat_ngram(2, 1000));
        add(c, with_no_repeat_ngram(3, 24));
    }
    if (n_vocab > 40000) return;

    const int32_t ks[] = {-1, 0, 1, 2, n_vocab - 1, n_vocab, n_vocab + 1, 1000};
    for (int i = 0; i < 8; ++i) add(c, with_top_k(ks[i]));
    const float ps[] = {0.0f, 1e-7f, 0.5f, 0.999f, 0.99999994f, 1.0f};
    for (int i = 0; i < 6; ++i) {
        add(c, with_top_p(ps[i], i % 2 * 3));
        add(c, with_typical(ps[i], i % 2 * 3));
        add(c, with_min_p(ps[i], i % 2 * 3));
    }
    add(c, with_top_p(0.3f, 100000));
    add(c, with_typical(0.3f, 100000));
    add(c, with_min_p(0.3f, 100000));
    add(c, with_min_p(1e-30f, 0));
    const float sigmas[] = {-2.0f, 0.0f, 1e-3f, 4.0f, INFINITY};
    for (int i = 0; i < 5; ++i) add(c, with_sigma(sigmas[i]));
    const float cuts[] = {0.0f, 1e-12f, 0.02f, 0.3f, 1.0f};
    for (int i = 0; i < 5; ++i) {
        add(c, with_top_a(cuts[i], i % 2 * 3));
        add(c, with_epsilon_cutoff(cuts[i], i % 2 * 3));
        add(c, with_eta_cutoff(cuts[i], i % 2 * 3));
    }
    add(c, with_epsilon_cutoff(0.3f, 100000));
    const float parts[] = {0.0f, 0.5f, 0.9f, 0.999f};
    for (int i = 0; i < 4; ++i) {
        add(c, with_tfs(parts[i], i % 2 * 3, i / 2));
        add(c, with_top_h(parts[i]));
        add(c, with_smoothing(0.1f + parts[i], 0.5f + (float)i));
    }
    add(c, with_tfs(0.5f, 100000, 1));
    const float taus[] = {0.0f, 40.0f, 1e6f, 1e30f};
    for (int i = 0; i < 4; ++i) add(c, with_min_k(taus[i]));
    add(c, with_skew(-30.0f));
    add(c, with_skew(30.0f));
    add(c, with_temp(0.0f, 0.0f, 1.0f));
    add(c, with_temp(-1.0f, 0.0f, 1.0f));
    add(c, with_temp(0.01f, 0.0f, 1.0f));
    add(c, with_temp(30.0f, 0.0f, 1.0f));
    add(c, with_temp(0.0f, 1.0f, 0.0f));
    add(c, with_temp(1.0f, 2.0f, 2.5f));
    add(c, with_xtc(0.5f, 0.05f, 1));
    add(c, with_xtc(1.0f, 0.01f, 5));
    add(c, with_xtc(0.0f, 0.1f, 0));
    add(c, with_xtc(1.0f, 0.51f, 0));
    add(c, with_penalties(0, 1.5f, 1.0f, 1.0f));
    add(c, with_penalties(3, 0.7f, -0.5f, 0.0f));
    add(c, with_dry(1.2f, 1.0f, 0, 20));
    add(c, with_dry(0.0f, 1.75f, 2, 20));
    if (n_vocab > 30) {
        pluck_stage dry = with_dry(2.0f, 1.5f, 1, 40);
        dry.as.dry.breakers = breakers;
        dry.as.dry.n_breakers = 2;
        add(c, dry);
        add(c, with_bias(biases, 6));
    }
    add(c, with_mirostat(1, 0.0f, 0.5f, 2));
    add(c, with_mirostat(2, 0.5f, 0.5f, 2));
    add(c, with_mirostat(1, 30.0f, 0.1f, 1000));
    add(c, with_adaptive(-1.0f, 0.5f));
    add(c, with_adaptive(0.0f, 0.0f));
    add(c, with_adaptive(1.0f, 1.0f));
}

static bool selects(const pluck_stage *s) {
    pluck_stage_traits traits;
    return pluck_stage_describe(s, &traits) && traits.selects;
}

/* One stage on `calls` rows of one kind. The history repeats itself so that DRY finds something. */
static check_verdict run_case(const pluck_stage *stage, const float *logits, int32_t n_vocab,
                              pluck_rng_kind rng, int calls, uint64_t id) {
    const pluck_stage stages[2] = {*stage, with_dist()};
    const pluck_config config = with_chain(n_vocab, 1234u, rng, stages, selects(stage) ? 1 : 2);
    pair p;
    pair_open(&p, &config);
    p.label = "stage alone";
    p.seed = id;
    for (int32_t i = 0; i < 24; ++i) pair_accept(&p, (i * 5 % 8 + i / 12) % n_vocab);
    const pluck_row row = {.logits = logits};
    check_verdict verdict = CHECK_SAME;
    for (int call = 0; call < calls && verdict == CHECK_SAME; ++call) {
        int32_t token;
        verdict = pair_step(&p, &row, &token);
        if (verdict == CHECK_SAME && token >= 0) pair_accept(&p, token);
    }
    pair_close(&p);
    return verdict;
}

static void run_size(int32_t n_vocab, const rows_kind *kinds, int n_kinds, int calls) {
    static cases all;
    all_cases(&all, n_vocab);
    float *logits = malloc((size_t)n_vocab * sizeof *logits);
    assert_non_null(logits);
    int excused = 0;
    int runs = 0;
    for (int k = 0; k < n_kinds; ++k) {
        rows_fill(kinds[k], 7u + (uint64_t)n_vocab, logits, n_vocab);
        for (int i = 0; i < all.n; ++i) {
            /* Of large rows each stage has its share of the kinds, of the largest some stages. */
            const bool all_of_them = n_vocab <= 1000 || n_vocab == 262144;
            if (!all_of_them && !trials_include(i + k)) continue;
            const pluck_rng_kind rng = (i + k) % 2 ? PLUCK_RNG_PHILOX : PLUCK_RNG_MT19937;
            const uint64_t id = (uint64_t)kinds[k] * 1000u + (uint64_t)i;
            excused += run_case(&all.stage[i], logits, n_vocab, rng, calls, id) != CHECK_SAME;
            ++runs;
        }
    }
    print_message("V %d: %d runs, %d excused\n", n_vocab, runs, excused);
    assert_true(excused <= 2 + runs / 12);
    free(logits);
}

static void run_all_kinds(int32_t n_vocab, int calls) {
    rows_kind kinds[ROWS_KINDS];
    for (int k = 0; k < ROWS_KINDS; ++k) kinds[k] = (rows_kind)k;
    run_size(n_vocab, kinds, ROWS_KINDS, calls);
}

static void tiny_vocabularies(void **state) {
    (void)state;
    run_all_kinds(1, 4);
    run_all_kinds(2, 4);
    run_all_kinds(31, 4);
    run_all_kinds(33, 4);
    run_all_kinds(1000, 4);
}

static void vocabulary_32000(void **state) {
    (void)state;
    const rows_kind kinds[] = {ROWS_NORMAL,   ROWS_PEAKED,      ROWS_REAL,    ROWS_EQUAL,
                               ROWS_DENORMAL, ROWS_HALF_MASKED, ROWS_INFINITE};
    run_size(32000, kinds, 7, 1);
}

static void vocabulary_151936(void **state) {
    (void)state;
    run_all_kinds(151936, 1);
}

static void vocabulary_262144(void **state) {
    (void)state;
    const rows_kind kinds[] = {ROWS_TIES};
    run_size(262144, kinds, 1, 1);
}

static void vocabulary_million(void **state) {
    (void)state;
    const rows_kind kinds[] = {ROWS_PEAKED};
    run_size(1048576, kinds, 1, 1);
}

/* Mirostat's slope from any number of candidates, of a row and of a list. The taus are chosen so
 * that k depends on the slope and is neither 1 nor all. */
static void mirostat_any_m(void **state) {
    (void)state;
    enum { N = 20000 };
    static float logits[N];
    const int32_t ms[] = {4096, 4097, N - 1, N, INT32_MAX};
    int same = 0;
    int runs = 0;
    for (int k = ROWS_NORMAL; k <= ROWS_REAL; ++k) {
        rows_fill((rows_kind)k, 5, logits, N);
        const pluck_row row = {.logits = logits};
        for (int i = 0; i < trials_of(5 * 45); ++i, ++runs) {
            const int round = i / 5;
            const float tau = 3.5f + 0.1f * (float)round;
            const pluck_stage stages[] = {with_top_k(i % 2 ? 0 : 12000),
                                          with_mirostat(1, tau, 0.1f, ms[i % 5])};
            const pluck_config config = with_chain(N, 77u, PLUCK_RNG_MT19937, stages, 2);
            pair p;
            pair_open(&p, &config);
            p.label = "mirostat";
            p.seed = (uint64_t)ms[i % 5];
            same += pair_step(&p, &row, NULL) == CHECK_SAME;
            pair_close(&p);
        }
    }
    assert_true(same >= runs - runs / 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_vocabularies),  cmocka_unit_test(vocabulary_32000),
        cmocka_unit_test(vocabulary_151936),  cmocka_unit_test(vocabulary_262144),
        cmocka_unit_test(vocabulary_million), cmocka_unit_test(mirostat_any_m),
    };
    return cmocka_run_group_tests_name("stages", tests, NULL, NULL);
}
