/*
 * test_spec.c: chains as text. A spec must draw what the same chain as an array draws. A wrong spec
 * is refused with its own status and a message that names the key, the value and what is allowed.
 */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 400, DRAWS = 60 };

static float logits[4][N];

static void draw(pluck_sampler *s, int32_t *tokens) {
    for (int i = 0; i < DRAWS; ++i) {
        assert_int_equal(pluck_sample(s, logits[i % 4], &tokens[i]), PLUCK_OK);
        assert_int_equal(pluck_accept(s, tokens[i]), PLUCK_OK);
    }
}

/* The spec (which must give seed=7) and the stages draw the same. */
static void same(const char *spec, pluck_rng_kind rng, const pluck_stage *stages, int32_t n) {
    const pluck_config config = with_chain(N, 7, rng, stages, n);
    pluck_sampler *a = NULL;
    pluck_sampler *b = NULL;
    pluck_error error;
    const pluck_status status = pluck_sampler_from_spec(&a, spec, N, &error);
    if (status != PLUCK_OK) fail_msg("%s: %s", spec, error.message);
    assert_int_equal(pluck_sampler_create(&b, &config), PLUCK_OK);
    int32_t x[DRAWS];
    int32_t y[DRAWS];
    draw(a, x);
    draw(b, y);
    if (memcmp(x, y, sizeof x) != 0) fail_msg("%s draws something else", spec);
    pluck_sampler_free(a);
    pluck_sampler_free(b);
}
#define SAME(spec, ...)                                                                            \
    do {                                                                                           \
        const pluck_stage stages_[] = {__VA_ARGS__};                                               \
        same(spec, PLUCK_RNG_MT19937, stages_, (int32_t)(sizeof stages_ / sizeof stages_[0]));     \
    } while (0)

static void defaults_and_order(void **state) {
    (void)state;
    SAME("seed=7", with_top_k(40), with_top_p(0.95f, 0), with_min_p(0.05f, 0),
         with_temp(0.8f, 0.0f, 1.0f), with_dist());
    SAME("temp=1.5,min_p=0,top_p=1;top_k=0;seed=7", with_temp(1.5f, 0.0f, 1.0f), with_dist());
    /* The order of the keys does not matter; the stages keep llama.cpp's order. */
    SAME("temp=1.3;top_n_sigma=2;typ_p=0.9;top_p=0.8;min_keep=3;min_p=0.1;top_k=50;seed=7",
         with_sigma(2.0f), with_top_k(50), with_typical(0.9f, 3), with_top_p(0.8f, 3),
         with_min_p(0.1f, 3), with_temp(1.3f, 0.0f, 1.0f), with_dist());
    SAME("samplers=temp:min-p:top_k;seed=7;top_k=9;temp=2", with_temp(2.0f, 0.0f, 1.0f),
         with_min_p(0.05f, 0), with_top_k(9), with_dist());
    SAME("samplers=;seed=7", with_dist());
    SAME("temp=0;seed=7;top_k=0", with_top_p(0.95f, 0), with_min_p(0.05f, 0),
         with_temp(0.0f, 0.0f, 1.0f), with_dist());
}

static void each_key(void **state) {
    (void)state;
    SAME("samplers=penalties;penalty_last_n=20;repeat_penalty=1.2;frequency_penalty=0.2;"
         "presence_penalty=0.3;seed=7",
         with_penalties(20, 1.2f, 0.2f, 0.3f), with_dist());
    SAME("samplers=penalties;repeat_last_n=20;penalty_repeat=1.2;penalty_freq=0.2;"
         "penalty_present=0.3;seed=7",
         with_penalties(20, 1.2f, 0.2f, 0.3f), with_dist());
    SAME("samplers=xtc;xtc_probability=0.5;xtc_threshold=0.02;seed=7", with_xtc(0.5f, 0.02f, 0),
         with_dist());
    SAME("samplers=temperature;temperature=1;dynatemp_range=0.5;dynatemp_exponent=1.2;seed=7",
         with_temp(1.0f, 0.5f, 1.2f), with_dist());
    SAME("mirostat=1;mirostat_tau=4;mirostat_lr=0.2;temp=1.1;seed=7", with_temp(1.1f, 0.0f, 1.0f),
         with_mirostat(1, 4.0f, 0.2f, 100));
    SAME("mirostat=2;mirostat_ent=4;mirostat_eta=0.2;temp=1.1;seed=7", with_temp(1.1f, 0.0f, 1.0f),
         with_mirostat(2, 4.0f, 0.2f, 100));
    SAME("samplers=top_k;adaptive_target=0.4;adaptive_decay=0.7;seed=7", with_top_k(40),
         with_adaptive(0.4f, 0.7f));

    const pluck_logit_bias biases[] = {{3, 4.5f}, {9, -INFINITY}, {3, -1.0f}};
    SAME("logit_bias=3+4.5:9-inf:3-1;samplers=;seed=7", with_bias(biases, 3), with_dist());

    const int32_t tokens[] = {1, 2, 3};
    const pluck_token_sequence breakers[] = {{tokens, 1}, {tokens + 1, 2}};
    pluck_stage dry = with_dry(0.8f, 1.5f, 1, 30);
    dry.as.dry.breakers = breakers;
    dry.as.dry.n_breakers = 2;
    SAME("samplers=dry;dry_multiplier=0.8;dry_base=1.5;dry_allowed_length=1;dry_penalty_last_n=30;"
         "dry_sequence_breakers=1:2/3;seed=7",
         dry, with_dist());

    const pluck_stage plain[] = {with_dist()};
    same("rng=philox;samplers=;seed=7", PLUCK_RNG_PHILOX, plain, 1);
}

/* Checks which of four tokens with probabilities of 4/15, 1/15, 8/15 and 2/15 a
 * spec's chain leaves; `told`: after a prompt of 0 1 2 and an output of 0 1. */
static void leaves(const char *spec, bool told, const int32_t *ids, int32_t n) {
    const float row[4] = {logf(4.0f), 0.0f, logf(8.0f), logf(2.0f)};
    const int32_t prompt[] = {0, 1, 2};
    pluck_sampler *s = NULL;
    pluck_error error;
    if (pluck_sampler_from_spec(&s, spec, 4, &error) != PLUCK_OK) fail_msg("%s", error.message);
    if (told) {
        assert_int_equal(pluck_accept_prompt(s, prompt, 3), PLUCK_OK);
        assert_int_equal(pluck_accept(s, 0), PLUCK_OK);
        assert_int_equal(pluck_accept(s, 1), PLUCK_OK);
    }
    int32_t token;
    assert_int_equal(pluck_sample(s, row, &token), PLUCK_OK);
    pluck_candidates left;
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(s), &left), PLUCK_OK);
    assert_int_equal(left.n, n);
    assert_memory_equal(left.ids, ids, (size_t)n * sizeof *ids);
    pluck_sampler_free(s);
}
#define LEAVES_IF(told, spec, ...)                                                                 \
    do {                                                                                           \
        const int32_t ids_[] = {__VA_ARGS__};                                                      \
        leaves(spec, told, ids_, (int32_t)(sizeof ids_ / sizeof ids_[0]));                         \
    } while (0)
#define LEAVES(...)       LEAVES_IF(false, __VA_ARGS__)
#define LEAVES_AFTER(...) LEAVES_IF(true, __VA_ARGS__)

/* P >= a * (8/15)^2: in units of 1/225, the P are 60, 15, 120, 30, and the square is 64. */
static void top_a(void **state) {
    (void)state;
    LEAVES("samplers=top_a;top_a=0.2", 0, 1, 2, 3);
    LEAVES("samplers=top_a;top_a=0.4", 0, 2, 3);
    LEAVES("samplers=top_a;top_a=0.5", 0, 2);
    LEAVES("samplers=top_a;top_a=1", 2);
    LEAVES("samplers=top_a;top_a=0.5;min_keep=3", 2, 0, 3);
    LEAVES("samplers=top_a", 0, 1, 2, 3);
    /* Its place in the chain is after top_k: of the two left, 2/3 and 1/3, one
     * is dropped at a = 1. */
    LEAVES("top_k=2;top_a=1;top_p=1;min_p=0", 2);
    LEAVES("samplers=top_a:top_k;top_k=2;top_a=0.4", 2, 0);
}

/* 8, 4, 2 and 1 fifteenths: the squares sum to 85/225 = 0.378, and H is 1.137 nats. */
static void probability_cuts(void **state) {
    (void)state;
    LEAVES("samplers=epsilon_cutoff;epsilon_cutoff=0.13", 0, 2, 3);
    LEAVES("samplers=epsilon_cutoff;epsilon_cutoff=0.9;min_keep=2", 0, 2);
    LEAVES("samplers=eta_cutoff;eta_cutoff=0.25", 0, 2);
    LEAVES("samplers=eta_cutoff;eta_cutoff=0.01", 0, 1, 2, 3);
    LEAVES("samplers=p_less;p_less=1", 2);
    LEAVES("samplers=p_less_norm;p_less_norm=1", 0, 2);
    LEAVES("samplers=p_less:p_less_norm:epsilon_cutoff:eta_cutoff", 0, 1, 2, 3);
    /* Their places in the chain: p-less sees what the temperature left, 64, 16, 4 and 1 of 85, the
     * cut-offs what top_k did, 2/3 and 1/3, which makes eta 0.374 rather than 0.227. */
    LEAVES("top_k=0;top_p=1;min_p=0;temp=0.5;p_less_norm=1", 2);
    LEAVES("top_k=2;top_p=1;min_p=0;epsilon_cutoff=0.3", 2, 0);
    LEAVES("top_k=2;top_p=1;min_p=0;eta_cutoff=0.5", 2);
}

/* 8, 4, 2 and 1 fifteenths, H = 1.137 nats, logits ln 2 apart. */
static void cuts_by_shape(void **state) {
    (void)state;
    LEAVES("samplers=tfs;tfs=0.7", 2);
    LEAVES("samplers=tfs_z;tfs_z=0.7;tfs_extra=1", 2, 0);
    LEAVES("samplers=tail_free;tfs=0.7;min_keep=3", 2, 0, 3);
    LEAVES("samplers=top_h;top_h=0.6", 2, 0);
    LEAVES("samplers=min_k;min_k=7", 2, 0, 3);
    LEAVES("samplers=quadratic_sampling:min_p;smoothing_factor=1;min_p=0.2", 0, 2);
    LEAVES("samplers=quadratic_sampling:min_p;smoothing_factor=1;smoothing_curve=3;min_p=0.1", 0,
           2);
    LEAVES("samplers=tfs:top_h:min_k:quadratic_sampling", 0, 1, 2, 3);
    LEAVES("top_k=0;top_p=1;min_p=0;tfs=0.7;tfs_extra=1", 2, 0);
    LEAVES("top_k=0;top_p=1;min_p=0;top_h=0.6", 2, 0);
    LEAVES("top_k=0;top_p=1;min_p=0;min_k=7", 2, 0, 3);
    LEAVES("samplers=;skew=2", 2, 0, 3, 1);
}

static void bans(void **state) {
    (void)state;
    LEAVES_AFTER("samplers=no_repeat_ngram;no_repeat_ngram_size=3", 0, 1, 3);
    LEAVES_AFTER("samplers=no_repeat_ngram;no_repeat_ngram_size=4", 0, 1, 2, 3);
    LEAVES_AFTER("samplers=no_repeat_ngram;no_repeat_ngram_size=1", 3);
    LEAVES_AFTER("samplers=no_repeat_ngram;no_repeat_ngram_size=3;no_repeat_ngram_last_n=4", 0, 1,
                 2, 3);
    LEAVES_AFTER("samplers=bad_words;bad_words_ids=3", 0, 1, 2);
    LEAVES_AFTER("samplers=bad_words;bad_words=0/1/2:1/3:0/3:2/1/0", 0, 1);
    LEAVES_AFTER("samplers=min_tokens;min_tokens=3;eos_token_id=2:0", 1, 3);
    LEAVES_AFTER("samplers=min_tokens;min_new_tokens=2;eos_token_id=2", 0, 1, 2, 3);
    LEAVES_AFTER("top_k=0;top_p=1;min_p=0;min_tokens=9;eos_token_id=2;bad_words_ids=3", 0, 1);
}

static void refuse(const char *spec, pluck_status want, const char *first, const char *second) {
    pluck_sampler *s = NULL;
    pluck_spec *parsed = NULL;
    pluck_error error = {PLUCK_OK, ""};
    const pluck_status status = pluck_sampler_from_spec(&s, spec, N, &error);
    if (status != want) {
        pluck_sampler_free(s);
        fail_msg("'%s': %s, wanted %s", spec, pluck_status_name(status), pluck_status_name(want));
    }
    assert_null(s);
    assert_int_equal(error.status, want);
    if (!strstr(error.message, first) || !strstr(error.message, second)) {
        fail_msg("'%s': '%s' names '%s' or '%s' not", spec, error.message, first, second);
    }
    assert_int_equal(pluck_spec_parse(&parsed, spec, N, NULL), want);
    assert_null(parsed);
}

static void refusals(void **state) {
    (void)state;
    refuse("top_k", PLUCK_ERR_SPEC_SYNTAX, "top_k", "");
    refuse("temp=1;", PLUCK_ERR_SPEC_SYNTAX, ";", "");
    refuse("temp=1;;top_k=3", PLUCK_ERR_SPEC_SYNTAX, "before the ';'", "character 8");
    refuse(";temp=1", PLUCK_ERR_SPEC_SYNTAX, "before the ';'", "character 1");
    refuse("temp=1,;", PLUCK_ERR_SPEC_SYNTAX, "before the ';'", "character 8");
    refuse(",", PLUCK_ERR_SPEC_SYNTAX, "before the ','", "character 1");
    refuse("temprature=1", PLUCK_ERR_SPEC_KEY, "temprature", "");
    refuse(" temp=1", PLUCK_ERR_SPEC_KEY, "temp", "");
    refuse("=1", PLUCK_ERR_SPEC_SYNTAX, "", "");
    refuse("TEMP=1", PLUCK_ERR_SPEC_KEY, "TEMP", "");
    refuse("top_k=", PLUCK_ERR_SPEC_VALUE, "top_k", "");
    refuse("top_k=40x", PLUCK_ERR_SPEC_VALUE, "top_k", "40x");
    refuse("top_k=4.5", PLUCK_ERR_SPEC_VALUE, "top_k", "4.5");
    refuse("temp=0x1p3", PLUCK_ERR_SPEC_VALUE, "temp", "0x1p3");
    refuse("temp=nan", PLUCK_ERR_SPEC_VALUE, "temp", "nan");
    refuse("temp=inf", PLUCK_ERR_SPEC_VALUE, "temp", "inf");
    refuse("temp=1 ", PLUCK_ERR_SPEC_VALUE, "temp", "");
    refuse("temp=1e999", PLUCK_ERR_SPEC_RANGE, "temp", "1e999");
    refuse("top_p=7", PLUCK_ERR_SPEC_RANGE, "top_p=7", "0 to 1");
    refuse("min_p=-0.1", PLUCK_ERR_SPEC_RANGE, "min_p", "0 to 1");
    refuse("top_k=99999999999999999999", PLUCK_ERR_SPEC_RANGE, "top_k", "99999999999999999999");
    refuse("penalty_last_n=-1", PLUCK_ERR_SPEC_RANGE, "penalty_last_n", "-1");
    refuse("seed=4294967296", PLUCK_ERR_SPEC_RANGE, "seed", "4294967295");
    refuse("mirostat=3", PLUCK_ERR_SPEC_RANGE, "mirostat", "3");
    refuse("adaptive_target=1.5", PLUCK_ERR_SPEC_RANGE, "adaptive_target", "1.5");
    refuse("top_a=1.5", PLUCK_ERR_SPEC_RANGE, "top_a=1.5", "0 to 1");
    refuse("epsilon_cutoff=-1e-9", PLUCK_ERR_SPEC_RANGE, "epsilon_cutoff", "0 to 1");
    refuse("eta_cutoff=2", PLUCK_ERR_SPEC_RANGE, "eta_cutoff=2", "0 to 1");
    refuse("p_less=2", PLUCK_ERR_SPEC_RANGE, "p_less=2", "0 or 1");
    refuse("p_less_norm=yes", PLUCK_ERR_SPEC_VALUE, "p_less_norm", "0 or 1");
    refuse("tfs=1.1", PLUCK_ERR_SPEC_RANGE, "tfs=1.1", "0 to 1");
    refuse("tfs=1;tfs_z=1", PLUCK_ERR_SPEC_DUPLICATE, "tfs_z", "twice");
    refuse("tfs_extra=2", PLUCK_ERR_SPEC_RANGE, "tfs_extra=2", "0 or 1");
    refuse("eos_token_id=400", PLUCK_ERR_TOKEN, "eos_token_id", "400");
    refuse("bad_words_ids=1:2/400", PLUCK_ERR_TOKEN, "bad_words_ids", "400");
    refuse("top_h=-1", PLUCK_ERR_SPEC_RANGE, "top_h", "0 to 1");
    refuse("smoothing_factor=-1", PLUCK_ERR_SPEC_RANGE, "smoothing_factor", "0 to 1e9");
    refuse("rng=mt", PLUCK_ERR_SPEC_VALUE, "rng", "philox");
    refuse("samplers=top_k:nothing", PLUCK_ERR_SPEC_VALUE, "samplers", "nothing");
    refuse("samplers=top-a", PLUCK_ERR_SPEC_VALUE, "top-a", "top_k, top_a, tfs, typ_p, ");
    refuse("temp=1;temperature=1", PLUCK_ERR_SPEC_DUPLICATE, "temp", "twice");
    refuse("top_k=1,top_k=1", PLUCK_ERR_SPEC_DUPLICATE, "top_k", "twice");
    refuse("logit_bias=400+1", PLUCK_ERR_TOKEN, "logit_bias", "400");
    refuse("logit_bias=3:4", PLUCK_ERR_SPEC_VALUE, "logit_bias", "");
    refuse("logit_bias=3+nan", PLUCK_ERR_SPEC_VALUE, "logit_bias", "");
    refuse("dry_sequence_breakers=1:400", PLUCK_ERR_TOKEN, "dry_sequence_breakers", "400");
    refuse("dry_sequence_breakers=1:", PLUCK_ERR_SPEC_VALUE, "dry_sequence_breakers", "1:");
    refuse("dry_sequence_breakers=1/", PLUCK_ERR_SPEC_VALUE, "dry_sequence_breakers", "1/");
    refuse("logit_bias=3+1:", PLUCK_ERR_SPEC_VALUE, "logit_bias", "3+1:");
    refuse("samplers=top_k:", PLUCK_ERR_SPEC_VALUE, "samplers", "top_k:");
}

/* A list with a part missing: first, last or between; the message names the place. */
static void missing_parts(void **state) {
    (void)state;
    static const struct {
        const char *spec, *place;
    } gaps[] = {
        {"dry_sequence_breakers=1/:2", "character 3 "},
        {"dry_sequence_breakers=1:/2", "character 3 "},
        {"dry_sequence_breakers=/1", "character 1 "},
        {"dry_sequence_breakers=:1", "character 1 "},
        {"dry_sequence_breakers=1//2", "character 3 "},
        {"dry_sequence_breakers=1::2", "character 3 "},
        {"dry_sequence_breakers=12/3/", "character 6 "},
        {"dry_sequence_breakers=12:", "character 4 "},
        {"dry_sequence_breakers=:", "character 1 "},
        {"dry_sequence_breakers=/", "character 1 "},
        {"logit_bias=:3+1", "character 1 "},
        {"logit_bias=3+1::4+1", "character 5 "},
        {"logit_bias=3+1:", "character 5 "},
        {"samplers=:top_k", "character 1 "},
        {"samplers=top_k::dry", "character 7 "},
        {"samplers=top_k:", "character 7 "},
        {"samplers=:", "character 1 "},
    };
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; ++i) {
        refuse(gaps[i].spec, PLUCK_ERR_SPEC_VALUE, "there is nothing at", gaps[i].place);
    }
    refuse("logit_bias=", PLUCK_ERR_SPEC_VALUE, "logit_bias", "TOKEN+BIAS");
    refuse("dry_sequence_breakers=", PLUCK_ERR_SPEC_VALUE, "dry_sequence_breakers", "token ids");
    refuse("rng=", PLUCK_ERR_SPEC_VALUE, "rng", "philox");
}

/* Numbers as other languages write them, and other near misses. */
static void not_numbers(void **state) {
    (void)state;
    static const char *const values[] = {
        "",    "+",    "-",    ".",     "+.",   "--1",   "+-1",      "1..2",     "1.2.3",    "1e",
        "1e+", "1e+-", "e5",   ".e5",   "0x10", "0X1P3", "1e5.5",    "1_000",    "1 000",    " 1",
        "1 ",  "\t1",  "1\n",  "1\r\n", "1f",   "1.0f",  "\"1\"",    "50%",      "1/2",      "1:2",
        "nan", "NaN",  "-nan", "inf",   "-inf", "+inf",  "Infinity", "infinity", "\xd9\xa1",
    };
    char spec[64];
    for (size_t i = 0; i < sizeof values / sizeof values[0]; ++i) {
        (void)snprintf(spec, sizeof spec, "temp=%s", values[i]);
        refuse(spec, PLUCK_ERR_SPEC_VALUE, "temp=", "finite");
        (void)snprintf(spec, sizeof spec, "top_k=%s", values[i]);
        refuse(spec, PLUCK_ERR_SPEC_VALUE, "top_k=", "integer");
    }
    refuse("top_k=1.0", PLUCK_ERR_SPEC_VALUE, "1.0", "integer");
    refuse("top_k=1e1", PLUCK_ERR_SPEC_VALUE, "1e1", "integer");
    refuse("seed=-2", PLUCK_ERR_SPEC_RANGE, "seed=-2", "-1 for a random one");
    /* Token ids have no sign, biases must have one. */
    refuse("logit_bias=+3+1", PLUCK_ERR_SPEC_VALUE, "logit_bias", "+3+1");
    refuse("logit_bias=-3+1", PLUCK_ERR_SPEC_VALUE, "logit_bias", "-3+1");
    refuse("logit_bias=3", PLUCK_ERR_SPEC_VALUE, "logit_bias", "3");
    refuse("logit_bias=3.5", PLUCK_ERR_SPEC_VALUE, "logit_bias", "3.5");
    refuse("logit_bias=3+", PLUCK_ERR_SPEC_VALUE, "logit_bias", "3+");
    refuse("logit_bias=3+-1", PLUCK_ERR_SPEC_VALUE, "logit_bias", "3+-1");
    refuse("logit_bias=3+inf", PLUCK_ERR_SPEC_VALUE, "logit_bias", "3+inf");
    refuse("logit_bias=3--inf", PLUCK_ERR_SPEC_VALUE, "logit_bias", "3--inf");
    refuse("logit_bias=3+1/4", PLUCK_ERR_SPEC_VALUE, "logit_bias", "3+1/4");
    refuse("logit_bias=3+1e31", PLUCK_ERR_SPEC_RANGE, "+1e31", "1e30");
    refuse("logit_bias=3-1e999", PLUCK_ERR_SPEC_RANGE, "-1e999", "-inf");
    refuse("logit_bias=99999999999999999999+1", PLUCK_ERR_TOKEN, "99999999999999999999", "400");
    refuse("dry_sequence_breakers=-1", PLUCK_ERR_SPEC_VALUE, "dry_sequence_breakers", "-1");
    refuse("dry_sequence_breakers=+1", PLUCK_ERR_SPEC_VALUE, "dry_sequence_breakers", "+1");
    refuse("dry_sequence_breakers=1/0x2", PLUCK_ERR_SPEC_VALUE, "0x2", "token ids");
    refuse("dry_sequence_breakers=1/ 2", PLUCK_ERR_SPEC_VALUE, "= 2:", "token ids");
    refuse("dry_sequence_breakers=none:1", PLUCK_ERR_SPEC_VALUE, "none", "token ids");
    refuse("dry_sequence_breakers=4294967297", PLUCK_ERR_TOKEN, "4294967297", "400");
    refuse("samplers=top_k: dry", PLUCK_ERR_SPEC_VALUE, "' dry'", "");
    refuse("samplers=top_k/dry", PLUCK_ERR_SPEC_VALUE, "top_k/dry", "");
    refuse("samplers=infill", PLUCK_ERR_SPEC_VALUE, "infill", "vocabulary");
    refuse("rng=MT19937", PLUCK_ERR_SPEC_VALUE, "rng", "mt19937");
    refuse("temp==1", PLUCK_ERR_SPEC_VALUE, "=1", "finite");
    refuse("temp=1 top_k=2", PLUCK_ERR_SPEC_VALUE, "1 top_k=2", "finite");
    /* Valid spellings of a number: all of these are 8. */
    static const char *const eights[] = {
        "8",   "+8",    "8.",    "8.0",   "08",
        "8e0", "0.8e1", "80E-1", ".8e+1", "800000000000000000000e-20"};
    for (size_t i = 0; i < sizeof eights / sizeof eights[0]; ++i) {
        (void)snprintf(spec, sizeof spec, "mirostat_tau=%s;mirostat=2", eights[i]);
        pluck_spec *parsed = NULL;
        assert_int_equal(pluck_spec_parse(&parsed, spec, N, NULL), PLUCK_OK);
        const pluck_config *config = pluck_spec_config(parsed);
        assert_true(config->stages[config->n_stages - 1].as.mirostat.tau == 8.0f);
        pluck_spec_free(parsed);
    }
}

/* Writes `first`, then n times `more`. */
static void repeat(char *out, size_t size, const char *first, const char *more, int n) {
    size_t at = (size_t)snprintf(out, size, "%s", first);
    for (int i = 0; i < n && at < size; ++i)
        at += (size_t)snprintf(out + at, size - at, "%s", more);
    assert_true(at < size);
}

/* The longest chain and the longest breaker that are allowed, and one longer. */
static void limits(void **state) {
    (void)state;
    char spec[1200];
    repeat(spec, sizeof spec, "samplers=dry", ":dry", 61);
    pluck_spec *parsed = NULL;
    assert_int_equal(pluck_spec_parse(&parsed, spec, N, NULL), PLUCK_OK);
    assert_int_equal(pluck_spec_config(parsed)->n_stages, 63);
    pluck_spec_free(parsed);
    repeat(spec, sizeof spec, "samplers=dry", ":dry", 62);
    refuse(spec, PLUCK_ERR_SPEC_RANGE, "samplers", "62");
    repeat(spec, sizeof spec, "dry_sequence_breakers=1", "/2", 63);
    parsed = NULL;
    assert_int_equal(pluck_spec_parse(&parsed, spec, N, NULL), PLUCK_OK);
    assert_int_equal(pluck_spec_config(parsed)->stages[1].as.dry.breakers[0].n_tokens, 64);
    pluck_spec_free(parsed);
    repeat(spec, sizeof spec, "dry_sequence_breakers=1", "/2", 64);
    refuse(spec, PLUCK_ERR_SPEC_RANGE, "dry_sequence_breakers", "64");
}

/* Very long values do not overflow the message. */
static void long_texts(void **state) {
    (void)state;
    static char spec[5000];
    memset(spec, '9', sizeof spec - 1);
    memcpy(spec, "top_k=", 6);
    pluck_error error;
    memset(&error, 0x7f, sizeof error);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_from_spec(&s, spec, N, &error), PLUCK_ERR_SPEC_RANGE);
    assert_non_null(memchr(error.message, '\0', sizeof error.message));
    memset(spec, 'k', 3000);
    assert_int_equal(pluck_sampler_from_spec(&s, spec, N, &error), PLUCK_ERR_SPEC_SYNTAX);
    assert_non_null(memchr(error.message, '\0', sizeof error.message));

    const size_t too_long = (size_t)1 << 26;
    char *huge = malloc(too_long + 1);
    assert_non_null(huge);
    memset(huge, 'k', too_long);
    huge[too_long] = '\0';
    refuse(huge, PLUCK_ERR_SIZE, "67108864", "characters");
    free(huge);
}

static void nulls(void **state) {
    (void)state;
    pluck_sampler *s = NULL;
    pluck_spec *spec = NULL;
    pluck_error error;
    assert_int_equal(pluck_sampler_from_spec(NULL, "", N, &error), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sampler_from_spec(&s, NULL, N, &error), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sampler_from_spec(&s, "", 0, &error), PLUCK_ERR_VOCAB);
    assert_int_equal(pluck_spec_parse(NULL, "", N, &error), PLUCK_ERR_NULL);
    assert_int_equal(pluck_spec_parse(&spec, NULL, N, &error), PLUCK_ERR_NULL);
    assert_null(pluck_spec_config(NULL));
    pluck_spec_free(NULL);
}

/* If the seed is not given, or is -1, it is random. */
static void random_seeds(void **state) {
    (void)state;
    static const char *const specs[] = {"", "seed=-1", "seed=4294967295"};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; ++i) {
        pluck_spec *spec = NULL;
        assert_int_equal(pluck_spec_parse(&spec, specs[i], N, NULL), PLUCK_OK);
        assert_int_equal(pluck_spec_config(spec)->seed, PLUCK_SEED_RANDOM);
        pluck_spec_free(spec);
    }
}

/* The spec's chain must be this one, parameter by parameter. */
static void makes(const char *spec, const pluck_stage *stages, int32_t n) {
    pluck_spec *parsed = NULL;
    assert_int_equal(pluck_spec_parse(&parsed, spec, N, NULL), PLUCK_OK);
    const pluck_config config = with_chain(N, PLUCK_SEED_RANDOM, PLUCK_RNG_MT19937, stages, n);
    char got[1000];
    char want[1000];
    check_describe(pluck_spec_config(parsed), got, sizeof got);
    check_describe(&config, want, sizeof want);
    assert_string_equal(got, want);
    pluck_spec_free(parsed);
}
#define MAKES(spec, ...)                                                                           \
    do {                                                                                           \
        const pluck_stage stages_[] = {__VA_ARGS__};                                               \
        makes(spec, stages_, (int32_t)(sizeof stages_ / sizeof stages_[0]));                       \
    } while (0)

/* The defaults are those of llama.cpp v0.5.0 (common_params_sampling); top-a, which it does not
 * have, is disabled. One key min_keep sets that of every stage that has one. */
static void parameters(void **state) {
    (void)state;
    MAKES("", with_penalties(64, 1.0f, 0.0f, 0.0f), with_dry(0.0f, 1.75f, 2, 64), with_sigma(-1.0f),
          with_top_k(40), with_typical(1.0f, 0), with_top_p(0.95f, 0), with_min_p(0.05f, 0),
          with_xtc(0.0f, 0.1f, 0), with_temp(0.8f, 0.0f, 1.0f), with_dist());
    MAKES("samplers=xtc:top_a:min_p:top_p:typ_p;min_keep=3;top_a=0.2", with_xtc(0.0f, 0.1f, 3),
          with_top_a(0.2f, 3), with_min_p(0.05f, 3), with_top_p(0.95f, 3), with_typical(1.0f, 3),
          with_dist());
    MAKES("mirostat=1;dynatemp_range=0.5", with_temp(0.8f, 0.0f, 1.0f),
          with_mirostat(1, 5.0f, 0.1f, 100));
    MAKES("mirostat=2", with_temp(0.8f, 0.0f, 1.0f), with_mirostat(2, 5.0f, 0.1f, 100));
    MAKES("samplers=adaptive_p:top_k", with_top_k(40), with_adaptive(-1.0f, 0.9f));
    MAKES("samplers=;adaptive_target=0", with_adaptive(0.0f, 0.9f));
}

int main(void) {
    for (int i = 0; i < 4; ++i) rows_fill((rows_kind)(i % 3), (uint64_t)i, logits[i], N);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_order),
        cmocka_unit_test(each_key),
        cmocka_unit_test(refusals),
        cmocka_unit_test(missing_parts),
        cmocka_unit_test(not_numbers),
        cmocka_unit_test(limits),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(nulls),
        cmocka_unit_test(top_a),
        cmocka_unit_test(probability_cuts),
        cmocka_unit_test(cuts_by_shape),
        cmocka_unit_test(bans),
        cmocka_unit_test(random_seeds),
        cmocka_unit_test(parameters),
    };
    return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
