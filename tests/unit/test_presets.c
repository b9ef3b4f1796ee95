/*
 * test_presets.c: presets of other engines: names, units, defaults and order; what is refused; keys
 * that come with them.
 */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 100 };

static pluck_spec *parse(const char *text) {
    pluck_spec *spec = NULL;
    pluck_error error = {PLUCK_OK, ""};
    if (pluck_spec_parse(&spec, text, N, &error) != PLUCK_OK)
        fail_msg("%s: %s", text, error.message);
    return spec;
}

/* The chain's stages as text: their names, those that are disabled left out. */
static void names_are(const char *text, const char *want) {
    pluck_spec *spec = parse(text);
    const pluck_config *c = pluck_spec_config(spec);
    char got[600] = "";
    size_t at = 0;
    for (int32_t i = 0; i < c->n_stages; i++) {
        pluck_stage_traits traits;
        assert_true(pluck_stage_describe(&c->stages[i], &traits));
        if (traits.disabled) continue;
        at += (size_t)snprintf(got + at, sizeof got - at, at > 0 ? " %s" : "%s", traits.name);
    }
    if (strcmp(got, want) != 0) fail_msg("%s: %s; wanted: %s", text, got, want);
    pluck_spec_free(spec);
}

/* The stage of a kind; `which` of several. */
static pluck_stage stage_of(const char *text, pluck_stage_kind kind, int which) {
    pluck_spec *spec = parse(text);
    const pluck_config *c = pluck_spec_config(spec);
    int32_t i = 0;
    while (i < c->n_stages && (c->stages[i].kind != kind || which-- > 0)) i++;
    if (i == c->n_stages) fail_msg("%s has no such stage", text);
    const pluck_stage found = c->stages[i];
    pluck_spec_free(spec);
    return found;
}

static const char *const all[] = {"llama.cpp",    "openai",    "vllm",
                                  "transformers", "koboldcpp", "text-generation-webui"};

/* Every key has its effect under every preset: no stage is left out. */
static void every_sampler_has_a_place(void **state) {
    (void)state;
    for (int p = 0; p < 6; p++) {
        char text[1200];
        (void)snprintf(
            text, sizeof text,
            "preset=%s;do_sample=true;top_k=9;top_p=.9;min_p=.1;typ_p=.9;top_n_sigma=2;temp=.5;"
            "penalty_repeat=2;dry_multiplier=1;xtc_probability=.5;top_a=.1;tfs=.9;top_h=.5;min_k=3;"
            "smoothing_factor=.1;p_less=1;p_less_norm=1;min_tokens=3;eos_token_id=2;bad_words_ids="
            "5;"
            "no_repeat_ngram_size=3;epsilon_cutoff=.5;eta_cutoff=.5",
            all[p]);
        pluck_spec *spec = parse(text);
        const pluck_config *c = pluck_spec_config(spec);
        uint64_t seen = 0;
        for (int32_t i = 0; i < c->n_stages; i++) {
            assert_int_equal(seen >> c->stages[i].kind & 1, 0);
            seen |= (uint64_t)1 << c->stages[i].kind;
        }
        assert_int_equal(c->n_stages, 22);
        pluck_spec_free(spec);
    }
}

static void orders_and_defaults(void **state) {
    (void)state;
    names_are("preset=llama.cpp", "top_k top_p min_p temperature dist");
    names_are("preset=openai", "dist");
    names_are("preset=openai;temperature=.5;top_p=.9;frequency_penalty=1;presence_penalty=1",
              "penalties temperature top_p dist");
    names_are("preset=vllm", "dist");
    names_are(
        "preset=vllm;temperature=.5;top_k=5;top_p=.9;min_p=.1;min_tokens=3;stop_token_ids=2:3;"
        "repetition_penalty=1.1;presence_penalty=.5",
        "min_tokens penalties penalties temperature min_p top_k top_p dist");
    names_are("preset=transformers", "greedy");
    names_are(
        "preset=transformers;repetition_penalty=1.2;no_repeat_ngram_size=3;top_p=.5;temperature=2",
        "penalties no_repeat_ngram greedy");
    names_are("preset=transformers;do_sample=True;temperature=.5;top_h=.4;typical_p=.9;top_p=.9;"
              "min_p=.1;epsilon_cutoff=.001",
              "temperature top_h top_k top_p min_p typ_p epsilon_cutoff dist");
    names_are("preset=koboldcpp", "top_k top_p temperature dist");
    names_are("preset=koboldcpp;rep_pen=1.1;typical=.9;tfs=.9;min_p=.1;dry_multiplier=1;"
              "xtc_probability=1;smoothing_factor=.2",
              "dry penalties top_k tfs typ_p top_p min_p temperature quadratic_sampling xtc dist");
    names_are("preset=text-generation-webui", "dist");
    names_are("preset=text-generation-webui;temperature=.5;top_k=5;min_p=.1;top_n_sigma=1;"
              "repetition_penalty=1.1;no_repeat_ngram_size=3;xtc_probability=1;tfs=.9",
              "penalties top_n_sigma temperature top_k tfs min_p xtc no_repeat_ngram dist");
    assert_int_equal(stage_of("preset=transformers;do_sample=1", PLUCK_STAGE_TOP_K, 0).as.top_k.k,
                     50);
    const pluck_stage k = stage_of("preset=koboldcpp", PLUCK_STAGE_TEMPERATURE, 0);
    assert_true(k.as.temperature.t == 0.7f);
    assert_int_equal(stage_of("preset=koboldcpp", PLUCK_STAGE_TOP_K, 0).as.top_k.k, 100);
    assert_true(stage_of("preset=koboldcpp", PLUCK_STAGE_TOP_P, 0).as.top_p.p == 0.92f);
    assert_int_equal(
        stage_of("preset=koboldcpp;rep_pen=2", PLUCK_STAGE_PENALTIES, 0).as.penalties.last_n, 320);
    assert_true(stage_of("preset=koboldcpp", PLUCK_STAGE_XTC, 0).as.xtc.threshold == 0.2f);
}

static void units(void **state) {
    (void)state;
#define WEBUI "preset=text-generation-webui;"
    assert_true(stage_of(WEBUI "epsilon_cutoff=3", PLUCK_STAGE_EPSILON_CUTOFF, 0)
                    .as.epsilon_cutoff.epsilon == 0.0003f);
    assert_true(stage_of(WEBUI "eta_cutoff=20", PLUCK_STAGE_ETA_CUTOFF, 0).as.eta_cutoff.epsilon ==
                0.002f);
    assert_true(
        stage_of("epsilon_cutoff=0.003", PLUCK_STAGE_EPSILON_CUTOFF, 0).as.epsilon_cutoff.epsilon ==
        0.003f);
    assert_int_equal(stage_of(WEBUI "tfs=.9", PLUCK_STAGE_TFS, 0).as.tfs.extra, 1);
    /* A range of 0 is none; the same range is DRY's. */
    pluck_stage s =
        stage_of(WEBUI "repetition_penalty=2;repetition_penalty_range=0", PLUCK_STAGE_PENALTIES, 0);
    assert_int_equal(s.as.penalties.last_n, 65536);
    s = stage_of(WEBUI "repetition_penalty_range=77", PLUCK_STAGE_DRY, 0);
    assert_int_equal(s.as.dry.last_n, 77);
    names_are(WEBUI "adaptive_target=0", "dist");
    names_are(WEBUI "adaptive_target=0.3", "adaptive_p");
    names_are(WEBUI "mirostat_mode=2", "mirostat_v2");
    s = stage_of(WEBUI "dynamic_temperature=true;dynatemp_low=.5;dynatemp_high=1.5",
                 PLUCK_STAGE_TEMPERATURE, 0);
    assert_true(s.as.temperature.t == 1.0f && s.as.temperature.range == 0.5f);
    names_are(WEBUI "dynamic_temperature=false;dynatemp_low=.5;dynatemp_high=1.5", "dist");
    s = stage_of(WEBUI "custom_token_bans=3:4", PLUCK_STAGE_LOGIT_BIAS, 0);
    assert_int_equal(s.as.logit_bias.n_biases, 2);
    s = stage_of("preset=vllm;repetition_penalty=2;presence_penalty=1", PLUCK_STAGE_PENALTIES, 1);
    assert_int_equal(s.as.penalties.output_only, 1);
    assert_true(s.as.penalties.repeat == 1.0f && s.as.penalties.present == 1.0f);
}

static void engines_orders(void **state) {
    (void)state;
    names_are("preset=koboldcpp;rep_pen=2;dry_multiplier=1;xtc_probability=1;min_p=.1;sampler_"
              "order=5:2:0:6",
              "dry temperature top_p min_p top_k penalties xtc dist");
    names_are(WEBUI
              "repetition_penalty=2;temperature=.5;top_k=4;top_p=.5;"
              "sampler_priority=top_k:temperature:dynamic_temperature:mirostat:presence_penalty:"
              "repetition_penalty",
              "top_k temperature penalties dist");
    /* A key of ours after the preset overrides, with our names. */
    names_are("preset=koboldcpp;samplers=top_p:top_k", "top_p top_k dist");
    names_are("preset=vllm;top_k=3;samplers=top_k", "top_k dist");
}

static void keys_without_presets(void **state) {
    (void)state;
    names_are("do_sample=0;repeat_penalty=2", "penalties greedy");
    names_are("do_sample=0;mirostat=2", "greedy");
    names_are("do_sample=false;adaptive_target=.5", "greedy");
    pluck_spec *spec = parse("suppress_tokens=5:6;logit_bias=7+1;samplers=");
    const pluck_stage *s = &pluck_spec_config(spec)->stages[0];
    assert_int_equal(s->as.logit_bias.n_biases, 3);
    assert_int_equal(s->as.logit_bias.biases[1].token, 6);
    assert_true(s->as.logit_bias.biases[1].bias == -INFINITY);
    assert_true(s->as.logit_bias.biases[2].bias == 1.0f);
    pluck_spec_free(spec);
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        pluck_status status;
        const char *message;
    } bad[] = {
        {"preset=ollama", PLUCK_ERR_SPEC_VALUE,
         "preset=ollama: not a value of this key; wanted: openai, vllm, transformers, koboldcpp, "
         "text-generation-webui or llama.cpp"},
        {"preset=", PLUCK_ERR_SPEC_VALUE, "preset=: not a value"},
        {"temp=1;preset=vllm", PLUCK_ERR_SPEC_VALUE,
         "preset=vllm comes after other keys, which it would undo; wanted: before them"},
        {"preset=vllm;preset=vllm", PLUCK_ERR_SPEC_DUPLICATE, "preset is given twice"},
        {"preset=vllm;rep_pen=2", PLUCK_ERR_SPEC_KEY, "unknown key 'rep_pen'"},
        {"rep_pen=2", PLUCK_ERR_SPEC_KEY, "unknown key 'rep_pen'"},
        {"preset=vllm;repetition_penalty=2;penalty_repeat=2", PLUCK_ERR_SPEC_DUPLICATE,
         "penalty_repeat is given twice"},
        {"preset=vllm;repetition_penalty=0", PLUCK_ERR_SPEC_RANGE,
         "repetition_penalty=0 is out of range; allowed: 1e-30 to 1e30"},
        {"preset=text-generation-webui;epsilon_cutoff=20000", PLUCK_ERR_SPEC_RANGE,
         "epsilon_cutoff=20000 is out of range; allowed: 0 to 1, in the unit of the library"},
        {"preset=text-generation-webui;repetition_penalty_range=9;dry_penalty_last_n=9",
         PLUCK_ERR_SPEC_DUPLICATE, "dry_penalty_last_n is given twice"},
        {"preset=koboldcpp;sampler_order=7", PLUCK_ERR_SPEC_VALUE, "no sampler is called '7'"},
        {"preset=koboldcpp;sampler_order=6::1", PLUCK_ERR_SPEC_VALUE, "nothing at character 3"},
        {"do_sample=yes", PLUCK_ERR_SPEC_VALUE, "wanted: true, false, 1 or 0"},
        {"do_sample=2", PLUCK_ERR_SPEC_RANGE, "allowed: true, false, 1 or 0"},
        {"dynamic_temperature=1;dynatemp_low=2", PLUCK_ERR_SPEC_RANGE,
         "dynatemp_low=2 is above dynatemp_high=1"},
        {"suppress_tokens=100", PLUCK_ERR_TOKEN, "token 100 is outside the vocabulary of 100"},
        {"suppress_tokens=", PLUCK_ERR_SPEC_VALUE, "wanted: token ids joined by ':'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pluck_spec *spec = NULL;
        pluck_error error = {PLUCK_OK, ""};
        const pluck_status status = pluck_spec_parse(&spec, bad[i].spec, N, &error);
        if (status != bad[i].status || spec) fail_msg("%s: %d", bad[i].spec, status);
        if (!strstr(error.message, bad[i].message))
            fail_msg("%s: '%s' lacks '%s'", bad[i].spec, error.message, bad[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sampler_has_a_place),
        cmocka_unit_test(orders_and_defaults),
        cmocka_unit_test(units),
        cmocka_unit_test(engines_orders),
        cmocka_unit_test(keys_without_presets),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests_name("presets", tests, NULL, NULL);
}
