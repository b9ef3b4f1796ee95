/*
 * test_errors.c: every call that must fail, with its status. It must change nothing: after each one
 * the sampler draws exactly what a clone made before draws.
 */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 100 };

static float good[N];

typedef struct fixture {
    pluck_sampler *s;
    pluck_sampler *before; /* a clone from before the bad call */
} fixture;

static const pluck_stage rich[] = {
    {.kind = PLUCK_STAGE_PENALTIES, .as.penalties = {.last_n = 16, .repeat = 1.2f, .freq = 0.1f}},
    {.kind = PLUCK_STAGE_DRY, .as.dry = {.multiplier = 0.8f, .base = 1.75f, .last_n = 32}},
    {.kind = PLUCK_STAGE_XTC, .as.xtc = {.probability = 0.5f, .threshold = 0.05f, .seed = 9}},
    {.kind = PLUCK_STAGE_ADAPTIVE_P, .as.adaptive_p = {0.3f, 0.5f, PLUCK_SEED_RANDOM}},
    {.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.99f, 0}},
    {.kind = PLUCK_STAGE_MIROSTAT_V2, .as.mirostat = {5.0f, 0.1f, 100, PLUCK_SEED_RANDOM}},
};
enum { RICH = sizeof rich / sizeof rich[0] };

static void open_fixture(fixture *f, int rng) {
    const pluck_config config = with_chain(N, 9, (pluck_rng_kind)rng, rich, RICH);
    f->s = f->before = NULL;
    assert_int_equal(pluck_sampler_create(&f->s, &config), PLUCK_OK);
    for (int i = 0; i < 20; ++i) {
        int32_t token;
        assert_int_equal(pluck_sample(f->s, good, &token), PLUCK_OK);
        assert_int_equal(pluck_accept(f->s, token), PLUCK_OK);
    }
    /* One draw is left unaccepted: adaptive-p waits for it. */
    int32_t token;
    assert_int_equal(pluck_sample(f->s, good, &token), PLUCK_OK);
}

static void mark(fixture *f) {
    pluck_sampler_free(f->before);
    f->before = NULL;
    assert_int_equal(pluck_sampler_clone(&f->before, f->s), PLUCK_OK);
}

static void assert_unharmed(fixture *f) {
    for (int i = 0; i < 6; ++i) {
        int32_t x = -1;
        int32_t y = -2;
        assert_int_equal(pluck_sample(f->s, good, &x), PLUCK_OK);
        assert_int_equal(pluck_sample(f->before, good, &y), PLUCK_OK);
        assert_int_equal(x, y);
        assert_int_equal(pluck_accept(f->s, x), PLUCK_OK);
        assert_int_equal(pluck_accept(f->before, y), PLUCK_OK);
    }
}

static void close_fixture(fixture *f) {
    pluck_sampler_free(f->s);
    pluck_sampler_free(f->before);
}

/* Samples a bad row: checks the status, that nothing is written or changed, and that
 * there is no result. */
static void refuse_row(fixture *f, const pluck_row *row, pluck_status want) {
    mark(f);
    pluck_draw draw;
    memset(&draw, 0x5a, sizeof draw);
    pluck_draw untouched = draw;
    const pluck_status status = pluck_sample_row(f->s, row, &draw);
    if (status != want) {
        fail_msg("%s, wanted %s", pluck_status_name(status), pluck_status_name(want));
    }
    assert_memory_equal(&draw, &untouched, sizeof draw);
    pluck_candidates c;
    if (row && want != PLUCK_ERR_WORKSPACE) {
        const pluck_status read = pluck_workspace_candidates(pluck_sampler_workspace(f->s), &c);
        assert_true(read == PLUCK_ERR_NO_RESULT || read == PLUCK_OK);
    }
    assert_unharmed(f);
}

static void bad_rows(void **state) {
    (void)state;
    for (int rng = 0; rng < 2; ++rng) {
        fixture f;
        open_fixture(&f, rng);
        float bad[N];
        refuse_row(&f, NULL, PLUCK_ERR_NULL);
        refuse_row(&f, &(pluck_row){.logits = NULL}, PLUCK_ERR_NULL);
        for (int at = 0; at < N; at += 33) {
            memcpy(bad, good, sizeof bad);
            bad[at] = NAN;
            refuse_row(&f, &(pluck_row){.logits = bad}, PLUCK_ERR_NAN);
            bad[(at + 1) % N] = INFINITY;
            refuse_row(&f, &(pluck_row){.logits = bad}, PLUCK_ERR_NAN);
        }
        for (int i = 0; i < N; ++i) bad[i] = -INFINITY;
        refuse_row(&f, &(pluck_row){.logits = bad}, PLUCK_ERR_EMPTY);
        const uint32_t none[4] = {0, 0, 0, 0xfffffff0u};
        refuse_row(&f, &(pluck_row){.logits = good, .allowed = none}, PLUCK_ERR_EMPTY);
        memcpy(bad, good, sizeof bad);
        bad[40] = -INFINITY;
        const uint32_t only_40[4] = {0, 1u << 8, 0, 0};
        refuse_row(&f, &(pluck_row){.logits = bad, .allowed = only_40}, PLUCK_ERR_EMPTY);
        refuse_row(&f, &(pluck_row){.logits = good, .n = N - 1}, PLUCK_ERR_ROW);
        refuse_row(&f, &(pluck_row){.logits = good, .n = N + 1}, PLUCK_ERR_ROW);
        refuse_row(&f, &(pluck_row){.logits = good, .n = -1}, PLUCK_ERR_ROW);
        refuse_row(&f, &(pluck_row){.logits = good, .dtype = (pluck_dtype)3}, PLUCK_ERR_ROW);
        refuse_row(&f, &(pluck_row){.logits = good, .dtype = (pluck_dtype)-1}, PLUCK_ERR_ROW);
        close_fixture(&f);
    }
}

static void bad_lists(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f, 0);
    int32_t ids[N];
    float logits[N];
    for (int i = 0; i < N; ++i) {
        ids[i] = i;
        logits[i] = (float)(N - i);
    }
    pluck_row row = {.logits = logits, .n = N, .ids = ids};
    row.n = 0;
    refuse_row(&f, &row, PLUCK_ERR_ROW);
    row.n = N + 1;
    refuse_row(&f, &row, PLUCK_ERR_ROW);
    row.n = -5;
    refuse_row(&f, &row, PLUCK_ERR_ROW);
    row.n = 50;
    ids[49] = N;
    refuse_row(&f, &row, PLUCK_ERR_TOKEN);
    ids[49] = -1;
    refuse_row(&f, &row, PLUCK_ERR_TOKEN);
    ids[49] = 49;
    row.descending = true;
    logits[30] = 1000.0f;
    refuse_row(&f, &row, PLUCK_ERR_ORDER);
    logits[30] = NAN;
    refuse_row(&f, &row, PLUCK_ERR_NAN);
    row.descending = false;
    refuse_row(&f, &row, PLUCK_ERR_NAN);
    for (int i = 0; i < N; ++i) logits[i] = -INFINITY;
    refuse_row(&f, &row, PLUCK_ERR_EMPTY);
    close_fixture(&f);
}

static void bad_workspaces(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f, 0);
    pluck_workspace *small = NULL;
    assert_int_equal(pluck_workspace_create(&small, N - 1, NULL), PLUCK_OK);
    refuse_row(&f, &(pluck_row){.logits = good, .workspace = small}, PLUCK_ERR_WORKSPACE);
    pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, rich, RICH);
    config.workspace = small;
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_ERR_WORKSPACE);
    assert_null(s);

    pluck_candidates c;
    assert_int_equal(pluck_workspace_candidates(small, &c), PLUCK_ERR_NO_RESULT);
    assert_int_equal(pluck_workspace_candidates(NULL, &c), PLUCK_ERR_NULL);
    assert_int_equal(pluck_workspace_candidates(small, NULL), PLUCK_ERR_NULL);
    pluck_workspace_free(small);

    pluck_workspace *w = NULL;
    assert_int_equal(pluck_workspace_create(NULL, N, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_workspace_create(&w, 0, NULL), PLUCK_ERR_VOCAB);
    assert_int_equal(pluck_workspace_create(&w, -1, NULL), PLUCK_ERR_VOCAB);
    assert_int_equal(pluck_workspace_create(&w, 16777217, NULL), PLUCK_ERR_VOCAB);
    assert_null(w);
    close_fixture(&f);
}

/* After a failed call the result of an earlier call cannot be read. */
static void no_result_after_a_failure(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f, 1);
    float bad[N];
    memcpy(bad, good, sizeof bad);
    bad[7] = NAN;
    pluck_candidates c;
    pluck_workspace *w = pluck_sampler_workspace(f.s);
    assert_int_equal(pluck_workspace_candidates(w, &c), PLUCK_OK);
    int32_t token;
    assert_int_equal(pluck_sample(f.s, bad, &token), PLUCK_ERR_NAN);
    assert_int_equal(pluck_workspace_candidates(w, &c), PLUCK_ERR_NO_RESULT);
    assert_int_equal(pluck_sample(f.s, good, &token), PLUCK_OK);
    assert_int_equal(pluck_workspace_candidates(w, &c), PLUCK_OK);
    close_fixture(&f);
}

static void bad_tokens_and_nulls(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f, 0);
    int32_t token = -9;
    const int32_t bad[] = {-1, N, INT32_MAX, INT32_MIN};
    for (int i = 0; i < 4; ++i) {
        mark(&f);
        assert_int_equal(pluck_accept(f.s, bad[i]), PLUCK_ERR_TOKEN);
        assert_unharmed(&f);
        mark(&f);
        const int32_t prompt[] = {1, 2, bad[i], 3};
        assert_int_equal(pluck_accept_prompt(f.s, prompt, 4), PLUCK_ERR_TOKEN);
        assert_int_equal(pluck_accept_prompt(f.s, prompt, -1), PLUCK_ERR_SIZE);
        assert_int_equal(pluck_accept_prompt(f.s, NULL, 1), PLUCK_ERR_NULL);
        assert_int_equal(pluck_accept_prompt(NULL, prompt, 2), PLUCK_ERR_NULL);
        assert_unharmed(&f);
    }
    mark(&f);
    assert_int_equal(pluck_accept(NULL, 1), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sample(NULL, good, &token), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sample(f.s, NULL, &token), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sample(f.s, good, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sample_row(NULL, &(pluck_row){.logits = good}, NULL), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sampler_clone(NULL, f.s), PLUCK_ERR_NULL);
    pluck_sampler *copy = NULL;
    assert_int_equal(pluck_sampler_clone(&copy, NULL), PLUCK_ERR_NULL);
    assert_null(copy);
    assert_int_equal(token, -9);
    assert_unharmed(&f);
    close_fixture(&f);
}

static void chains_that_select_nothing(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_xtc(0.5f, 0.05f, 0), with_top_k(5)};
    for (int32_t n = 0; n <= 2; ++n) {
        const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, stages, n);
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
        int32_t token = -3;
        assert_int_equal(pluck_sample(s, good, &token), PLUCK_ERR_NO_DRAW);
        assert_int_equal(token, -3);
        assert_int_equal(pluck_sample_row(s, &(pluck_row){.logits = good}, NULL), PLUCK_OK);
        pluck_sampler_free(s);
    }
}

/* --- creation --- */

static void refuse_stage(pluck_stage stage, pluck_status want) {
    const pluck_stage stages[] = {with_top_k(3), stage, with_dist()};
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 3);
    pluck_sampler *s = NULL;
    const pluck_status status = pluck_sampler_create(&s, &config);
    if (status != want || s) {
        char text[512];
        check_describe(&config, text, sizeof text);
        pluck_sampler_free(s);
        fail_msg("%s, wanted %s: %s", pluck_status_name(status), pluck_status_name(want), text);
    }
}

static void bad_parameters(void **state) {
    (void)state;
    const pluck_status bad = PLUCK_ERR_PARAM;
    const float not_finite[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; ++i) {
        const float x = not_finite[i];
        refuse_stage(with_penalties(4, x, 0.0f, 0.0f), bad);
        refuse_stage(with_penalties(4, 1.1f, x, 0.0f), bad);
        refuse_stage(with_penalties(4, 1.1f, 0.0f, x), bad);
        refuse_stage(with_dry(x, 1.75f, 2, 64), bad);
        refuse_stage(with_dry(0.8f, x, 2, 64), bad);
        refuse_stage(with_temp(x, 0.0f, 1.0f), bad);
        refuse_stage(with_temp(1.0f, 0.5f, x), bad);
        refuse_stage(with_mirostat(1, x, 0.1f, 100), bad);
        refuse_stage(with_mirostat(2, 5.0f, x, 100), bad);
        refuse_stage(with_top_p(x, 0), bad);
        refuse_stage(with_min_p(x, 0), bad);
        refuse_stage(with_typical(x, 0), bad);
        refuse_stage(with_xtc(x, 0.1f, 0), bad);
        refuse_stage(with_xtc(0.5f, x, 0), bad);
        refuse_stage(with_adaptive(0.5f, x), bad);
        refuse_stage(with_top_a(x, 0), bad);
        refuse_stage(with_epsilon_cutoff(x, 0), bad);
        refuse_stage(with_eta_cutoff(x, 0), bad);
        refuse_stage(with_tfs(x, 0, 0), bad);
        refuse_stage(with_top_h(x), bad);
        refuse_stage(with_min_k(x), bad);
        refuse_stage(with_smoothing(x, 1.0f), bad);
        refuse_stage(with_smoothing(0.3f, x), bad);
        refuse_stage(with_skew(x), bad);
    }
    refuse_stage(with_epsilon_cutoff(1.5f, 0), bad);
    refuse_stage(with_epsilon_cutoff(0.5f, -1), bad);
    refuse_stage(with_eta_cutoff(-0.5f, 0), bad);
    refuse_stage((pluck_stage){.kind = PLUCK_STAGE_P_LESS, .as.p_less = {2}}, bad);
    refuse_stage((pluck_stage){.kind = PLUCK_STAGE_P_LESS_NORM, .as.p_less = {-1}}, bad);
    refuse_stage(with_tfs(1.1f, 0, 0), bad);
    refuse_stage(with_tfs(0.5f, -1, 0), bad);
    refuse_stage(with_tfs(0.5f, 0, 2), bad);
    refuse_stage(with_top_h(-0.1f), bad);
    refuse_stage(with_no_repeat_ngram(-1, 10), bad);
    refuse_stage(with_no_repeat_ngram(2, -1), bad);
    const int32_t ends[] = {1, N};
    refuse_stage(with_min_tokens(-1, ends, 1), bad);
    refuse_stage(with_min_tokens(1, ends, 2), PLUCK_ERR_TOKEN);
    refuse_stage(with_min_tokens(1, ends, -1), PLUCK_ERR_SIZE);
    refuse_stage(with_min_tokens(1, NULL, 1), PLUCK_ERR_NULL);
    const pluck_token_sequence words[] = {{ends, 1}, {ends, 2}, {ends, 0}, {NULL, 1}};
    refuse_stage(with_bad_words(words, 2), PLUCK_ERR_TOKEN);
    refuse_stage(with_bad_words(words + 2, 1), PLUCK_ERR_SIZE);
    refuse_stage(with_bad_words(words + 3, 1), PLUCK_ERR_NULL);
    refuse_stage(with_bad_words(words, -1), PLUCK_ERR_SIZE);
    refuse_stage(with_bad_words(NULL, 1), PLUCK_ERR_NULL);
    refuse_stage(with_smoothing(-0.1f, 1.0f), bad);
    refuse_stage(with_smoothing(0.1f, 2e9f), bad);
    refuse_stage(with_sigma(NAN), bad);
    refuse_stage(with_adaptive(NAN, 0.9f), bad);
    refuse_stage(with_adaptive(1.5f, 0.9f), bad);
    refuse_stage(with_adaptive(0.5f, -0.1f), bad);
    refuse_stage(with_adaptive(0.5f, 1.1f), bad);
    refuse_stage(with_penalties(-1, 1.1f, 0.0f, 0.0f), bad);
    refuse_stage(with_penalties(1048577, 1.1f, 0.0f, 0.0f), bad);
    refuse_stage(with_penalties(4, 0.0f, 0.0f, 0.0f), bad);
    refuse_stage(with_penalties(4, -1.0f, 0.0f, 0.0f), bad);
    refuse_stage(with_penalties(4, FLT_TRUE_MIN, 0.0f, 0.0f), bad);
    refuse_stage(with_dry(0.8f, 1.75f, -1, 64), bad);
    refuse_stage(with_dry(0.8f, 1.75f, 2, -1), bad);
    refuse_stage(with_dry(0.8f, 1.75f, 2, 1048577), bad);
    refuse_stage(with_top_p(-0.1f, 0), bad);
    refuse_stage(with_top_p(1.1f, 0), bad);
    refuse_stage(with_top_p(0.5f, -1), bad);
    refuse_stage(with_typical(-0.1f, 0), bad);
    refuse_stage(with_min_p(1.1f, 0), bad);
    refuse_stage(with_xtc(-0.1f, 0.1f, 0), bad);
    refuse_stage(with_xtc(1.1f, 0.1f, 0), bad);
    refuse_stage(with_xtc(0.5f, -0.1f, 0), bad);
    refuse_stage(with_xtc(0.5f, 1.1f, 0), bad);
    refuse_stage(with_xtc(0.5f, 0.1f, -1), bad);
    refuse_stage(with_temp(1.0f, -0.5f, 1.0f), bad);
    refuse_stage(with_temp(1.0f, 0.5f, -1.0f), bad);
    refuse_stage(with_mirostat(1, -1.0f, 0.1f, 100), bad);
    refuse_stage(with_mirostat(1, 5.0f, -0.1f, 100), bad);
    refuse_stage(with_mirostat(1, 5.0f, 0.1f, 1), bad);
    refuse_stage((pluck_stage){.kind = PLUCK_STAGE_CUSTOM}, PLUCK_ERR_NULL);
    refuse_stage((pluck_stage){.kind = PLUCK_STAGE_INFILL}, PLUCK_ERR_NULL);
    refuse_stage((pluck_stage){.kind = (pluck_stage_kind)0}, PLUCK_ERR_STAGE);
    refuse_stage((pluck_stage){.kind = (pluck_stage_kind)99}, PLUCK_ERR_STAGE);
    refuse_stage((pluck_stage){.kind = (pluck_stage_kind)-1}, PLUCK_ERR_STAGE);
}

static void bad_biases_and_breakers(void **state) {
    (void)state;
    pluck_logit_bias bias = {N, 1.0f};
    refuse_stage(with_bias(&bias, 1), PLUCK_ERR_TOKEN);
    bias.token = -1;
    refuse_stage(with_bias(&bias, 1), PLUCK_ERR_TOKEN);
    bias = (pluck_logit_bias){1, NAN};
    refuse_stage(with_bias(&bias, 1), PLUCK_ERR_PARAM);
    bias.bias = INFINITY;
    refuse_stage(with_bias(&bias, 1), PLUCK_ERR_PARAM);
    refuse_stage(with_bias(NULL, 1), PLUCK_ERR_NULL);

    int32_t tokens[65] = {0};
    pluck_token_sequence breaker = {tokens, 2};
    pluck_stage dry = with_dry(0.8f, 1.75f, 2, 64);
    dry.as.dry.n_breakers = 1;
    refuse_stage(dry, PLUCK_ERR_NULL);
    dry.as.dry.breakers = &breaker;
    tokens[1] = N;
    refuse_stage(dry, PLUCK_ERR_TOKEN);
    tokens[1] = 0;
    tokens[0] = -1;
    refuse_stage(dry, PLUCK_ERR_TOKEN);
    tokens[0] = 0;
    breaker.tokens = NULL;
    refuse_stage(dry, PLUCK_ERR_NULL);
    breaker = (pluck_token_sequence){tokens, 0};
    refuse_stage(dry, PLUCK_ERR_SIZE);
    breaker.n_tokens = 65;
    refuse_stage(dry, PLUCK_ERR_SIZE);
    breaker.n_tokens = 2;
    dry.as.dry.n_breakers = -1;
    refuse_stage(dry, PLUCK_ERR_SIZE);
    pluck_stage negative = with_bias(&bias, -1);
    refuse_stage(negative, PLUCK_ERR_SIZE);
}

static void refuse_config(const pluck_config *config, pluck_status want) {
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, config), want);
    assert_null(s);
}

static void bad_configs(void **state) {
    (void)state;
    static pluck_stage many[65];
    for (int i = 0; i < 65; ++i) many[i] = with_top_k(3);
    many[0] = with_dist();
    pluck_config c = with_chain(N, 1, PLUCK_RNG_MT19937, many, 64);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
    pluck_sampler_free(s);
    assert_int_equal(pluck_sampler_create(NULL, &c), PLUCK_ERR_NULL);
    refuse_config(NULL, PLUCK_ERR_NULL);
    c.n_stages = 65;
    refuse_config(&c, PLUCK_ERR_SIZE);
    c.n_stages = -1;
    refuse_config(&c, PLUCK_ERR_SIZE);
    c.n_stages = 2;
    c.stages = NULL;
    refuse_config(&c, PLUCK_ERR_NULL);
    c.stages = many;
    const int32_t vocabularies[] = {0, -1, 16777217, INT32_MIN};
    for (int i = 0; i < 4; ++i) {
        c.n_vocab = vocabularies[i];
        refuse_config(&c, PLUCK_ERR_VOCAB);
    }
    c.n_vocab = N;
    c.rng = (pluck_rng_kind)2;
    refuse_config(&c, PLUCK_ERR_RNG);
    c.rng = PLUCK_RNG_MT19937;
}

static void bad_logprobs(void **state) {
    (void)state;
    pluck_workspace *w = NULL;
    pluck_workspace *small = NULL;
    assert_int_equal(pluck_workspace_create(&w, N, NULL), PLUCK_OK);
    assert_int_equal(pluck_workspace_create(&small, N - 1, NULL), PLUCK_OK);
    int32_t ids[N + 1];
    float p[N + 1];
    int32_t n = -4;
    float one = 7.0f;
    const pluck_row row = {.logits = good, .n = N, .workspace = w};
    pluck_row bad = row;
#define REFUSE(status, row_, n_top, ids_, p_, token)                                               \
    assert_int_equal(pluck_top_logprobs(row_, n_top, ids_, p_, &n, token, &one), status)
    REFUSE(PLUCK_ERR_NULL, NULL, 3, ids, p, 0);
    REFUSE(PLUCK_ERR_NULL, &row, 3, NULL, p, 0);
    REFUSE(PLUCK_ERR_NULL, &row, 3, ids, NULL, 0);
    REFUSE(PLUCK_ERR_SIZE, &row, -1, ids, p, 0);
    REFUSE(PLUCK_ERR_SIZE, &row, N + 1, ids, p, 0);
    REFUSE(PLUCK_ERR_TOKEN, &row, 3, ids, p, -1);
    REFUSE(PLUCK_ERR_TOKEN, &row, 3, ids, p, N);
    bad.logits = NULL;
    REFUSE(PLUCK_ERR_NULL, &bad, 3, ids, p, 0);
    bad = row;
    bad.workspace = NULL;
    REFUSE(PLUCK_ERR_NULL, &bad, 3, ids, p, 0);
    bad.workspace = small;
    REFUSE(PLUCK_ERR_WORKSPACE, &bad, 3, ids, p, 0);
    bad = row;
    bad.n = 0;
    REFUSE(PLUCK_ERR_ROW, &bad, 3, ids, p, 0);
    bad = row;
    bad.ids = ids;
    REFUSE(PLUCK_ERR_ROW, &bad, 3, ids, p, 0);
    bad = row;
    bad.dtype = (pluck_dtype)9;
    REFUSE(PLUCK_ERR_ROW, &bad, 3, ids, p, 0);
    float logits[N];
    memcpy(logits, good, sizeof logits);
    logits[N - 1] = NAN;
    bad = row;
    bad.logits = logits;
    REFUSE(PLUCK_ERR_NAN, &bad, 3, ids, p, 0);
    for (int i = 0; i < N; ++i) logits[i] = -INFINITY;
    REFUSE(PLUCK_ERR_EMPTY, &bad, 3, ids, p, 0);
#undef REFUSE
    assert_int_equal(n, -4);
    assert_true(one == 7.0f);
    pluck_workspace_free(w);
    pluck_workspace_free(small);
}

static int make_row(void **state) {
    (void)state;
    rows_fill(ROWS_NORMAL, 4, good, N);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_rows),
        cmocka_unit_test(bad_lists),
        cmocka_unit_test(bad_workspaces),
        cmocka_unit_test(no_result_after_a_failure),
        cmocka_unit_test(bad_tokens_and_nulls),
        cmocka_unit_test(chains_that_select_nothing),
        cmocka_unit_test(bad_parameters),
        cmocka_unit_test(bad_biases_and_breakers),
        cmocka_unit_test(bad_configs),
        cmocka_unit_test(bad_logprobs),
    };
    return cmocka_run_group_tests_name("errors", tests, make_row, NULL);
}
