/*
 * test_exempt.c: tokens that penalties, DRY and XTC leave alone, and penalties of the output alone:
 * worked examples, keys of a spec, bad parameters by name. (The random chains hold them against the
 * oracle.)
 */
#include "check.h"

#include "pluck_blocks.h"

#include <math.h>
#include <string.h>

enum { N = 4 };

/* The logits that a spec's chain leaves of a row, after a prompt and an output. */
static void leaves(const char *spec, const float *row, const char *prompt, const char *output,
                   const int32_t *ids, const float *logits, int32_t n) {
    pluck_sampler *s = NULL;
    pluck_error error;
    if (pluck_sampler_from_spec(&s, spec, N, &error) != PLUCK_OK) fail_msg("%s", error.message);
    for (; *prompt; prompt++) {
        const int32_t token = *prompt - '0';
        assert_int_equal(pluck_accept_prompt(s, &token, 1), PLUCK_OK);
    }
    for (; *output; output++) assert_int_equal(pluck_accept(s, *output - '0'), PLUCK_OK);
    int32_t token;
    assert_int_equal(pluck_sample(s, row, &token), PLUCK_OK);
    pluck_candidates left;
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(s), &left), PLUCK_OK);
    assert_int_equal(left.n, n);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(left.ids[i], ids[i]);
        if (fabsf(left.logits[i] - logits[i]) > 1e-6f)
            fail_msg("%s: token %d is at %g, not %g", spec, ids[i], (double)left.logits[i],
                     (double)logits[i]);
    }
    pluck_sampler_free(s);
}

static const int32_t in_order[N] = {0, 1, 2, 3};
#define LEAVES(spec, prompt, output, ...)                                                          \
    leaves(spec, (const float[N]){2, 1, -1, 0.5f}, prompt, output, in_order,                       \
           (const float[N]){__VA_ARGS__}, N)

static void penalties(void **state) {
    (void)state;
#define TWO "samplers=penalties;penalty_repeat=2;penalty_freq=0.25;penalty_present=0.5"
    LEAVES(TWO, "", "0012", 2 / 2.f - 1, 0.5f - 0.75f, -2 - 0.75f, 0.5f);
    LEAVES(TWO ";penalty_exempt=0:3", "", "0012", 2, 0.5f - 0.75f, -2 - 0.75f, 0.5f);
    LEAVES(TWO ";penalty_exempt=2:1:0", "", "0012", 2, 1, -1, 0.5f);
    /* An exempt token takes its place in the window: two of the last three are 0. */
    LEAVES(TWO ";penalty_exempt=2;penalty_last_n=3", "", "1002", 0, 1, -1, 0.5f);
    /* Few candidates look themselves up, and many are looked for. */
    leaves("samplers=top_k:penalties;top_k=2;penalty_repeat=2;penalty_exempt=1",
           (const float[N]){2, 1, -1, 0.5f}, "", "0123", in_order, (const float[]){1, 1}, 2);
    leaves("samplers=top_k:penalties;top_k=3;penalty_repeat=2;penalty_exempt=1",
           (const float[N]){2, 1, -1, 0.5f}, "", "01", (const int32_t[]){0, 1, 3},
           (const float[]){1, 1, 0.5f}, 3);
}

/* vLLM: repetition over prompt and output, frequency and presence over the output. */
static void output_only(void **state) {
    (void)state;
    LEAVES(TWO ";penalty_output_only=1", "0012", "", 1, 0.5f, -2, 0.5f);
    LEAVES(TWO ";penalty_output_only=1", "02", "002", 1 - 1, 1, -2 - 0.75f, 0.5f);
    LEAVES(TWO ";penalty_output_only=1;penalty_exempt=0", "02", "002", 2, 1, -2.75f, 0.5f);
    LEAVES(TWO ";penalty_output_only=0", "02", "002", 1 - 1.25f, 1, -2 - 1, 0.5f);
    LEAVES("samplers=penalties;penalty_freq=1;penalty_output_only=1", "0123", "3", 2, 1, -1, -0.5f);
    pluck_spec *spec = NULL;
    assert_int_equal(pluck_spec_parse(&spec, TWO ";penalty_output_only=1", N, NULL), PLUCK_OK);
    const pluck_config *c = pluck_spec_config(spec);
    assert_int_equal(c->n_stages, 3);
    assert_true(c->stages[0].as.penalties.repeat == 2 && c->stages[0].as.penalties.freq == 0);
    assert_true(c->stages[1].as.penalties.repeat == 1 && c->stages[1].as.penalties.freq == 0.25f);
    pluck_spec_free(spec);
}

/* 0 1 0: token 1 would continue a repeat of one. */
static void dry(void **state) {
    (void)state;
#define DRY "samplers=dry;dry_multiplier=1;dry_allowed_length=1"
    LEAVES(DRY, "", "010", 2, 0, -1, 0.5f);
    LEAVES(DRY ";dry_exempt=1", "", "010", 2, 1, -1, 0.5f);
    LEAVES(DRY ";dry_exempt=0:3", "", "010", 2, 0, -1, 0.5f);
    const int32_t exempt = 1, tokens[] = {0, 1, 0, 2, 0};
    pluck_stage_dry p = {.multiplier = 1, .base = 2, .allowed_length = 1, .last_n = 5};
    int32_t scratch[10], found[5], lengths[5];
    assert_int_equal(pluck_dry_repeats(tokens, 5, &p, scratch, found, lengths), 2);
    p.exempt = &exempt;
    p.n_exempt = 1;
    assert_int_equal(pluck_dry_repeats(tokens, 5, &p, scratch, found, lengths), 1);
    assert_int_equal(found[0], 2);
}

/* Of 8, 4, 2 and 1 fifteenths, the first two or three are above the threshold. */
static void xtc(void **state) {
    (void)state;
    const float row[N] = {logf(8), logf(4), logf(2), 0};
#define XTC               "samplers=xtc;xtc_probability=1;xtc_threshold="
#define KEEPS(spec, from) leaves(spec, row, "", "", in_order + (from), row + (from), N - (from))
    KEEPS(XTC "0.2", 1);
    KEEPS(XTC "0.1", 2);
    KEEPS(XTC "0.2;xtc_spared=0", 0);
    KEEPS(XTC "0.2;xtc_spared=1", 1); /* the last above the threshold stays anyway */
    KEEPS(XTC "0.1;xtc_spared=1", 0);
    KEEPS(XTC "0.1;xtc_spared=3:2", 2);
    KEEPS(XTC "0.1;xtc_spared=3:0", 0);
    KEEPS(XTC "0", 3);
    KEEPS(XTC "0;xtc_spared=3", 3);
    KEEPS(XTC "0;xtc_spared=2", 0);
    KEEPS(XTC "0.1;min_keep=3;xtc_spared=2", 0);
    /* Of equals the last id is the last, in a list as well. */
    const float ties[N] = {0, 0, 0, -99};
    leaves(XTC "0.2;xtc_spared=2", ties, "", "", in_order + 2, ties + 2, 2);
    leaves(XTC "0.2;xtc_spared=1", ties, "", "", in_order, ties, 4);
    leaves("samplers=top_k:xtc;top_k=3;xtc_probability=1;xtc_threshold=0.2;xtc_spared=2", ties, "",
           "", in_order + 2, ties + 2, 1);
    /* A spared token that is masked does not count, and a masked last one goes with the others. */
    KEEPS("logit_bias=0-inf;" XTC "0.2;xtc_spared=0", 2);
    leaves("logit_bias=3-inf;" XTC "0;xtc_spared=2", row, "", "", in_order, row, 3);
}

/* The coin is flipped before: a draw after it uses the same number whether or not it is spared. */
static void coin_first(void **state) {
    (void)state;
    const float row[N] = {logf(8), logf(4), logf(2), 0};
    static const char *const specs[] = {XTC "0.2;rng=philox;seed=5",
                                        XTC "0.2;rng=philox;seed=5;xtc_spared=0"};
    for (int i = 0; i < 2; i++) {
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_from_spec(&s, specs[i], N, NULL), PLUCK_OK);
        int32_t token;
        for (int k = 0; k < 3; k++) assert_int_equal(pluck_sample(s, row, &token), PLUCK_OK);
        size_t size = 0;
        unsigned char state_bytes[256];
        assert_int_equal(pluck_sampler_save(s, state_bytes, sizeof state_bytes, &size), PLUCK_OK);
        assert_int_equal(state_bytes[24 + 8], 3); /* the position of XTC's stream */
        pluck_sampler_free(s);
    }
}

static void refuse(pluck_stage stage, pluck_status want, const char *message) {
    const pluck_config c = with_chain(N, 1, PLUCK_RNG_MT19937, &stage, 1);
    pluck_error error = {PLUCK_OK, ""};
    assert_int_equal(pluck_config_check(&c, &error), want);
    if (!strstr(error.message, message)) fail_msg("'%s' lacks '%s'", error.message, message);
}

static void bad_parameters(void **state) {
    (void)state;
    static const int32_t outside[] = {1, N};
    pluck_stage s = with_penalties(4, 2, 0, 0);
    s.as.penalties.output_only = 2;
    refuse(s, PLUCK_ERR_PARAM, "output_only is 2; allowed: 0 or 1");
    s = with_penalties(4, 2, 0, 0);
    s.as.penalties.n_exempt = -1;
    refuse(s, PLUCK_ERR_SIZE, "(penalties): n_exempt is -1; allowed: 0 and above");
    s.as.penalties.n_exempt = 2;
    refuse(s, PLUCK_ERR_NULL, "exempt is NULL, n_exempt is 2");
    s.as.penalties.exempt = outside;
    refuse(s, PLUCK_ERR_TOKEN, "token 4 of exempt is outside the vocabulary of 4");
    s = with_dry(1, 2, 1, 9);
    s.as.dry.exempt = outside;
    s.as.dry.n_exempt = 2;
    refuse(s, PLUCK_ERR_TOKEN, "(dry): token 4 of exempt is outside the vocabulary of 4");
    s = with_xtc(1, 0.1f, 0);
    s.as.xtc.spared = outside;
    s.as.xtc.n_spared = 2;
    refuse(s, PLUCK_ERR_TOKEN, "(xtc): token 4 of spared is outside the vocabulary of 4");
}

static void bad_keys(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        pluck_status status;
        const char *message;
    } bad[] = {
        {"penalty_output_only=2", PLUCK_ERR_SPEC_RANGE, "out of range; allowed: 0 or 1"},
        {"penalty_exempt=", PLUCK_ERR_SPEC_VALUE, "penalty_exempt="},
        {"penalty_exempt=4", PLUCK_ERR_TOKEN, "token 4 is outside the vocabulary of 4"},
        {"dry_exempt=1::2", PLUCK_ERR_SPEC_VALUE, "nothing at character 3"},
        {"dry_exempt=x", PLUCK_ERR_SPEC_VALUE, "wanted: token ids joined by ':'"},
        {"xtc_spared=1/2", PLUCK_ERR_SPEC_VALUE, "wanted: token ids joined by ':'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pluck_spec *spec = NULL;
        pluck_error error = {PLUCK_OK, ""};
        assert_int_equal(pluck_spec_parse(&spec, bad[i].spec, N, &error), bad[i].status);
        assert_null(spec);
        if (!strstr(error.message, bad[i].message))
            fail_msg("'%s' lacks '%s'", error.message, bad[i].message);
    }
    /* 31 penalties become 62 stages, the most there is room for beside a bias and a draw. */
#define FOUR ":penalties:penalties:penalties:penalties"
#define MANY                                                                                       \
    "penalty_output_only=1;penalty_repeat=2;penalty_freq=1;samplers=penalties:penalties:"          \
    "penalties" FOUR FOUR FOUR FOUR FOUR FOUR FOUR
    pluck_spec *spec = NULL;
    assert_int_equal(pluck_spec_parse(&spec, MANY, N, NULL), PLUCK_OK);
    assert_int_equal(pluck_spec_config(spec)->n_stages, 63);
    pluck_spec_free(spec);
    assert_int_equal(pluck_spec_parse(&spec, MANY ":penalties", N, NULL), PLUCK_ERR_SPEC_RANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(penalties),  cmocka_unit_test(output_only),
        cmocka_unit_test(dry),        cmocka_unit_test(xtc),
        cmocka_unit_test(coin_first), cmocka_unit_test(bad_parameters),
        cmocka_unit_test(bad_keys),
    };
    return cmocka_run_group_tests_name("exempt", tests, NULL, NULL);
}
