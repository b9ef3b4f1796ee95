/*
 * test_second.c: guidance and contrastive, which combine the row with a second one: random chains
 * behind them against the oracle, on rows of any kind, dtype and mask and on lists; what the second
 * row must not have; where the stages may be; and what the first paper's formula gives by hand.
 */
#include "random_chain.h"
#include "rows/trials.h"

#include <math.h>
#include <string.h>

enum { MOST_VOCAB = 3000 };

static float logits[MOST_VOCAB], others[MOST_VOCAB];
static uint32_t mask[MOST_VOCAB / 32 + 1];
static int32_t ids[MOST_VOCAB];
static char raw[MOST_VOCAB * sizeof(float)], raw_others[MOST_VOCAB * sizeof(float)];

/* A second row: like the first, unlike it, or with tokens at -inf. */
static void fill_others(rows_random *r, int32_t n_vocab) {
    const uint32_t how = rows_below(r, 4);
    if (how == 0)
        rows_fill((rows_kind)rows_below(r, ROWS_REAL + 1), rows_next(r) >> 40, others, n_vocab);
    for (int32_t i = 0; i < n_vocab; i++) {
        if (how > 0) others[i] = 0.7f * logits[i] + (float)rows_gauss(r);
        if (!isfinite(others[i])) others[i] = -3.0f;
        if (how == 3 && rows_below(r, 5) == 0) others[i] = -INFINITY;
    }
    /* One that both rows allow. */
    int32_t best = 0;
    for (int32_t i = 0; i < n_vocab; i++)
        if (logits[i] > logits[best]) best = i;
    if (others[best] == -INFINITY) others[best] = 0.0f;
}

static pluck_row random_rows(rows_random *r, int32_t n_vocab) {
    const rows_kind kind = rows_below(r, 3) ? (rows_kind)rows_below(r, ROWS_REAL + 1)
                                            : (rows_kind)rows_below(r, ROWS_KINDS);
    const pluck_dtype dtype = (pluck_dtype)rows_below(r, 3);
    const pluck_dtype second = rows_below(r, 2) ? dtype : (pluck_dtype)rows_below(r, 3);
    rows_fill(kind, rows_next(r) >> 40, logits, n_vocab);
    fill_others(r, n_vocab);
    rows_store(dtype, logits, raw, n_vocab);
    rows_store(second, others, raw_others, n_vocab);
    pluck_row row = {.logits = raw, .dtype = dtype, .second = raw_others, .second_dtype = second};
    if (rows_below(r, 3) == 0) {
        rows_mask((rows_mask_kind)rows_below(r, ROWS_MASKS), rows_next(r), logits, mask, n_vocab);
        row.allowed = mask;
    }
    if (rows_below(r, 4) == 0) {
        row.n = 1 + (int32_t)rows_below(r, (uint32_t)n_vocab);
        rows_ids(rows_next(r), n_vocab, ids, row.n, rows_below(r, 2));
        row.ids = ids;
    }
    return row;
}

static pluck_stage random_stage(rows_random *r) {
    static const float scales[] = {1.5f, 3.0f, 0.0f, -0.5f, 0.3f, 1.1f, 1.0f};
    static const float alphas[] = {0.1f, 0.1f, 0.0f, 1.0f, 1e-3f, 1e-6f};
    if (rows_below(r, 2)) return with_guidance(scales[rows_below(r, 7)]);
    return with_contrastive(alphas[rows_below(r, 6)], 0.5f * (float)rows_below(r, 4),
                            rows_below(r, 4) == 0);
}

static void run_chain(uint64_t seed, int *calls, int *same) {
    rows_random r = {seed};
    const int32_t n_vocab = 1 + (int32_t)rows_below(&r, rows_below(&r, 3) ? 300 : MOST_VOCAB);
    static random_chain chain;
    random_chain_make(&chain, seed, n_vocab);
    const pluck_stage first = random_stage(&r);
    pair p;
    random_chain_open(&p, &chain, &first, 0);
    p.label = "second row";
    p.seed = seed;
    for (int i = 0; i < 20; i++) pair_accept(&p, random_chain_token(&r, n_vocab));
    random_chain_calls(&p, &r, n_vocab, random_rows, calls, same);
    pair_close(&p);
}

static void random_chains(void **state) {
    (void)state;
    int calls = 0, same = 0;
    for (int32_t i = trials_of(4000); i > 0; i--) run_chain((uint64_t)i, &calls, &same);
    print_message("%d calls, %d the same\n", calls, same);
    assert_true(same >= 0.9 * calls);
}

/* ---- by hand ---- */

static pluck_sampler *sampler_of(int32_t n_vocab, const pluck_stage *stages, int32_t n) {
    const pluck_config config = with_chain(n_vocab, 1, PLUCK_RNG_PHILOX, stages, n);
    pluck_sampler *s;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    return s;
}

/* The candidates that a chain without a draw leaves. */
static pluck_candidates left_by(pluck_sampler *s, const pluck_row *row) {
    pluck_candidates c;
    assert_int_equal(pluck_sample_row(s, row, NULL), PLUCK_OK);
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(s), &c), PLUCK_OK);
    return c;
}

/* Conditional probabilities of 1/2, 1/4, 1/8, 1/8 and unconditional ones of 1/4 each: with a scale
 * of 3 the logits are ln(1/4) + 3 ln(2, 1, 1/2, 1/2), whatever is added to a whole row. */
static void guidance_by_hand(void **state) {
    (void)state;
    const float c[4] = {-1.0f, -2.0f, -3.0f, -3.0f}, u[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    const double want[4] = {1.0, -2.0, -5.0, -5.0}; /* in units of ln 2 */
    float x[4], y[4];
    for (int i = 0; i < 4; i++) {
        x[i] = c[i] * logf(2.0f) + 7.5f;
        y[i] = u[i] - 2.25f;
    }
    const pluck_stage stage = with_guidance(3.0f);
    pluck_sampler *s = sampler_of(4, &stage, 1);
    const pluck_row row = {.logits = x, .second = y};
    const pluck_candidates left = left_by(s, &row);
    assert_int_equal(left.n, 4);
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)left.logits[i] - want[i] * log(2.0)) < 2e-6);
    pluck_sampler_free(s);
}

/* The same behind it, where the logits count: a token at ln 2 is halved, one at -2 ln 2 doubled. */
static void guidance_and_penalties(void **state) {
    (void)state;
    const float x[4] = {-logf(2.0f), -2.0f * logf(2.0f), -3.0f * logf(2.0f), -3.0f * logf(2.0f)};
    const float y[4] = {0};
    const pluck_stage stages[] = {with_guidance(3.0f), with_penalties(8, 2.0f, 0.0f, 0.0f),
                                  with_dist()};
    pluck_sampler *s = sampler_of(4, stages, 3);
    for (int32_t t = 0; t < 2; t++) assert_int_equal(pluck_accept(s, t), PLUCK_OK);
    const double want[4] = {0.5, -4.0, -5.0, -5.0};
    const pluck_row row = {.logits = x, .second = y};
    pluck_draw draw;
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_OK);
    pluck_candidates left;
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(s), &left), PLUCK_OK);
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)left.logits[i] - want[i] * log(2.0)) < 2e-6);
    pluck_sampler_free(s);
}

/* The expert's 4 is implausible with alpha = 0.1: ln 0.1 = -2.30. */
static void contrastive_by_hand(void **state) {
    (void)state;
    const float e[5] = {6.0f, 5.0f, 4.0f, 3.5f, 3.0f}, a[5] = {5.0f, 2.0f, 4.5f, -20.0f, -90.0f};
    const pluck_row row = {.logits = e, .second = a};
    const pluck_stage half = with_contrastive(0.1f, 0.5f, false);
    pluck_sampler *s = sampler_of(5, &half, 1);
    pluck_candidates left = left_by(s, &row);
    assert_int_equal(left.n, 3);
    assert_int_equal(left.n_masked, 2);
    const float want[3] = {6.5f, 6.5f, 3.75f}, difference[3] = {1.0f, 3.0f, -0.5f};
    for (int i = 0; i < 3; i++) assert_true(left.ids[i] == i && left.logits[i] == want[i]);
    pluck_sampler_free(s);
    const pluck_stage li = with_contrastive(0.1f, 0.0f, true);
    s = sampler_of(5, &li, 1);
    left = left_by(s, &row);
    assert_int_equal(left.n, 3);
    for (int i = 0; i < 3; i++) assert_true(left.logits[i] == difference[i]);
    pluck_sampler_free(s);
}

/* ---- what the rows hold ---- */

/* A mask and -inf in the row leave the same logits; -inf in the second row masks. */
static void masks_are_infinities(void **state) {
    (void)state;
    const pluck_stage stage = with_guidance(2.0f);
    rows_random r = {5};
    for (int round = 0; round < 40; round++) {
        const int32_t n = 60 + (int32_t)rows_below(&r, MOST_VOCAB - 60);
        pluck_sampler *one = sampler_of(n, &stage, 1), *other = sampler_of(n, &stage, 1);
        rows_fill(ROWS_NORMAL, rows_next(&r) >> 40, logits, n);
        rows_fill(ROWS_NORMAL, rows_next(&r) >> 40, others, n);
        others[n / 2] = -INFINITY;
        rows_mask(ROWS_MASK_HALF, rows_next(&r), logits, mask, n);
        pluck_row row = {.logits = logits, .second = others, .allowed = mask};
        const pluck_candidates a = left_by(one, &row);
        static float masked[MOST_VOCAB];
        for (int32_t i = 0; i < n; i++)
            masked[i] = mask[i / 32] >> (i % 32) & 1 ? logits[i] : -INFINITY;
        row.allowed = NULL;
        row.logits = masked;
        const pluck_candidates b = left_by(other, &row);
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.ids, b.ids, (size_t)a.n * sizeof *a.ids);
        assert_memory_equal(a.logits, b.logits, (size_t)a.n * sizeof *a.logits);
        for (int32_t i = 0; i < a.n; i++) assert_int_not_equal(a.ids[i], n / 2);
        pluck_sampler_free(one);
        pluck_sampler_free(other);
    }
}

static pluck_status sample_with(const pluck_stage *stages, int32_t n, const pluck_row *row) {
    pluck_sampler *s = sampler_of(70, stages, n);
    pluck_draw draw;
    const pluck_status status = pluck_sample_row(s, row, &draw);
    pluck_sampler_free(s);
    return status;
}

static void bad_second_rows(void **state) {
    (void)state;
    const pluck_stage chains[2][2] = {{with_guidance(1.5f), with_dist()},
                                      {with_contrastive(1e-6f, 1.0f, false), with_dist()}};
    const pluck_stage off[2] = {with_guidance(1.0f), with_dist()};
    float x[70], y[70];
    for (int32_t i = 0; i < 70; i++) x[i] = y[i] = 0.1f * (float)(i % 9);
    const int32_t last[3] = {69, 3, 5}, first[3] = {0, 3, 5};
    for (int chain = 0; chain < 2; chain++)
        for (int32_t at = 0; at < 70; at += 69)
            for (int list = 0; list < 2; list++) {
                pluck_row row = {.logits = x, .second = y};
                row.n = list ? 3 : 0;
                row.ids = !list ? NULL : at ? last : first;
                uint32_t allowed[3] = {~0u, ~0u, ~0u};
                for (int bad = 0; bad < 2; bad++) {
                    y[at] = bad ? NAN : INFINITY;
                    assert_int_equal(sample_with(chains[chain], 2, &row), PLUCK_ERR_NAN);
                    assert_int_equal(sample_with(off, 2, &row), PLUCK_OK);
                    allowed[at / 32] &= ~(1u << at % 32);
                    row.allowed = allowed;
                    assert_int_equal(sample_with(chains[chain], 2, &row), PLUCK_OK);
                    row.allowed = NULL;
                    allowed[at / 32] = ~0u;
                }
                y[at] = 0.0f;
                row.second_dtype = (pluck_dtype)3;
                assert_int_equal(sample_with(chains[chain], 2, &row), PLUCK_ERR_ROW);
                row.second = NULL;
                assert_int_equal(sample_with(chains[chain], 2, &row), PLUCK_ERR_SECOND_ROW);
                assert_int_equal(sample_with(off, 2, &row), PLUCK_OK);
            }
    for (int32_t i = 0; i < 70; i++) y[i] = -INFINITY;
    const pluck_row row = {.logits = x, .second = y};
    assert_int_equal(sample_with(chains[0], 2, &row), PLUCK_ERR_EMPTY);
}

/* Tokens at +inf in the row stay alone, as equals. */
static void infinite_logits(void **state) {
    (void)state;
    float x[70] = {0}, y[70];
    for (int32_t i = 0; i < 70; i++) y[i] = (float)i;
    x[3] = x[7] = x[68] = INFINITY;
    y[7] = -INFINITY;
    const pluck_row row = {.logits = x, .second = y};
    for (int kind = 0; kind < 2; kind++) {
        const pluck_stage stage = kind ? with_contrastive(0.1f, 1.0f, false) : with_guidance(0.5f);
        pluck_sampler *s = sampler_of(70, &stage, 1);
        const pluck_candidates left = left_by(s, &row);
        assert_int_equal(left.n, 2);
        assert_true(left.ids[0] == 3 && left.ids[1] == 68);
        assert_true(left.probabilities[0] == 0.5f && left.logits[0] == INFINITY);
        pluck_sampler_free(s);
    }
}

/* ---- where the stages are ---- */

static void refuse(const pluck_stage *stages, int32_t n, const char *words) {
    const pluck_config config = with_chain(70, 1, PLUCK_RNG_PHILOX, stages, n);
    pluck_sampler *s = NULL;
    pluck_error error;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_ERR_STAGE);
    assert_int_equal(pluck_config_check(&config, &error), PLUCK_ERR_STAGE);
    if (!strstr(error.message, words)) fail_msg("'%s' lacks '%s'", error.message, words);
}

static void they_come_first(void **state) {
    (void)state;
    const pluck_stage late[] = {with_top_k(0), with_top_k(5), with_guidance(2.0f), with_dist()};
    const pluck_stage both[] = {with_guidance(2.0f), with_contrastive(0.1f, 1.0f, false),
                                with_dist()};
    refuse(late, 4, "stage 2 (guidance) combines two rows and must come first; before it is top_k");
    refuse(both, 3, "stage 1 (contrastive) combines two rows and must come first");
    const pluck_stage idle[] = {with_temp(1.0f, 0.0f, 1.0f), with_guidance(1.0f),
                                with_contrastive(0.1f, 1.0f, false), with_dist()};
    float x[70] = {0};
    const pluck_row row = {.logits = x, .second = x};
    assert_int_equal(sample_with(idle, 4, &row), PLUCK_OK);
}

/* ---- specs ---- */

static const pluck_config *parse(pluck_spec **spec, const char *text) {
    pluck_error error;
    if (pluck_spec_parse(spec, text, 70, &error) != PLUCK_OK)
        fail_msg("%s: %s", text, error.message);
    return pluck_spec_config(*spec);
}

static void refuse_spec(const char *text, const char *words) {
    pluck_sampler *s = NULL;
    pluck_error error;
    assert_int_equal(pluck_sampler_from_spec(&s, text, 70, &error), PLUCK_ERR_SPEC_RANGE);
    if (!strstr(error.message, words)) fail_msg("'%s' lacks '%s'", error.message, words);
}

static void in_specs(void **state) {
    (void)state;
    static const char *const first[] = {
        "guidance_scale=1.5;logit_bias=3+1;top_k=4",
        "samplers=guidance:top_k;guidance_scale=1.5",
        "samplers=contrastive:guidance;guidance_scale=1.5",
        "preset=transformers;guidance_scale=1.5;suppress_tokens=4",
        "preset=text-generation-webui;guidance_scale=1.5;sampler_priority=top_k",
        "mirostat=2;guidance_scale=1.5;logit_bias=3+1",
        "do_sample=0;guidance_scale=1.5"};
    pluck_spec *spec;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        const pluck_config *config = parse(&spec, first[i]);
        assert_int_equal(config->stages[0].kind, PLUCK_STAGE_GUIDANCE);
        assert_true(config->stages[0].as.guidance.scale == 1.5f);
        for (int32_t j = 1; j < config->n_stages; j++)
            assert_int_not_equal(config->stages[j].kind, PLUCK_STAGE_CONTRASTIVE);
        assert_int_equal(pluck_config_check(config, NULL), PLUCK_OK);
        pluck_spec_free(spec);
    }
    const pluck_config *config = parse(&spec, "contrastive_beta=.5;contrastive_alpha=.2");
    assert_int_equal(config->stages[0].kind, PLUCK_STAGE_CONTRASTIVE);
    assert_true(config->stages[0].as.contrastive.beta == 0.5f);
    assert_true(config->stages[0].as.contrastive.alpha == 0.2f);
    pluck_spec_free(spec);
    config = parse(&spec, "preset=vllm;contrastive_difference=1");
    assert_int_equal(config->stages[0].kind, PLUCK_STAGE_CONTRASTIVE);
    assert_int_equal(config->stages[0].as.contrastive.difference, 1);
    pluck_spec_free(spec);
    config = parse(&spec, "guidance_scale=1;contrastive_alpha=.3");
    assert_int_equal(config->stages[0].kind, PLUCK_STAGE_PENALTIES);
    pluck_spec_free(spec);
    refuse_spec("guidance_scale=1e7", "allowed: -1e6 to 1e6");
    refuse_spec("contrastive_alpha=1.1", "allowed: 0 to 1");
    refuse_spec("contrastive_beta=-1", "allowed: 0 to 1e6");
    refuse_spec("contrastive_difference=2", "allowed: 0 or 1");
    refuse_spec("samplers=top_k:guidance;guidance_scale=2",
                "samplers: guidance combines two rows and must come first; before it is top_k");
    refuse_spec("guidance_scale=2;contrastive_beta=1",
                "contrastive combines two rows and must come first; before it is guidance");
}

static void bad_parameters(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_guidance(NAN),
                                  with_guidance(1.1e6f),
                                  with_guidance(-INFINITY),
                                  with_contrastive(-0.1f, 1.0f, false),
                                  with_contrastive(NAN, 1.0f, false),
                                  with_contrastive(0.1f, -1.0f, false),
                                  with_contrastive(0.1f, INFINITY, false)};
    static const char *const words[] = {"scale is nan; allowed: -1e6 to 1e6",
                                        "scale is 1.1e+06",
                                        "scale is -inf",
                                        "alpha is -0.1; allowed: 0 to 1",
                                        "alpha is nan",
                                        "beta is -1; allowed: 0 to 1e6",
                                        "beta is inf"};
    pluck_error error;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        const pluck_config config = with_chain(70, 1, PLUCK_RNG_PHILOX, &stages[i], 1);
        assert_int_equal(pluck_config_check(&config, &error), PLUCK_ERR_PARAM);
        if (!strstr(error.message, words[i])) fail_msg("'%s' lacks '%s'", error.message, words[i]);
    }
    pluck_stage odd = with_contrastive(0.1f, 1.0f, false);
    odd.as.contrastive.difference = 2;
    const pluck_config config = with_chain(70, 1, PLUCK_RNG_PHILOX, &odd, 1);
    assert_int_equal(pluck_config_check(&config, &error), PLUCK_ERR_PARAM);
    assert_non_null(strstr(error.message, "difference is 2; allowed: 0 or 1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_chains),
        cmocka_unit_test(guidance_by_hand),
        cmocka_unit_test(guidance_and_penalties),
        cmocka_unit_test(contrastive_by_hand),
        cmocka_unit_test(masks_are_infinities),
        cmocka_unit_test(bad_second_rows),
        cmocka_unit_test(infinite_logits),
        cmocka_unit_test(they_come_first),
        cmocka_unit_test(in_specs),
        cmocka_unit_test(bad_parameters),
    };
    return cmocka_run_group_tests_name("second row", tests, NULL, NULL);
}
