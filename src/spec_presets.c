/*
 * spec_presets.c: presets, each an engine's parameters as data: its names and units, its defaults as
 * a spec, its order. docs/spec.md names the versions that these are of, docs/engines.md what is
 * taken of each engine.
 *
 * A preset's `samplers` name every sampler of the library, the engine's own in its order. So no sampler's
 * key is without effect.
 */
#include "arithmetic.h"

#include "error.h"
#include "spec.h"

#define COUNT(array) (int32_t)(sizeof(array) / sizeof *(array))

/* All tokens count in engines without a window. A sampler's memory grows with it, so it is not the
 * greatest. */
#define NO_WINDOW "penalty_last_n=65536;dry_penalty_last_n=65536"

/* Samplers that an engine lacks, by where they come: those that combine two rows, those that mask
 * tokens, and cuts. */
#define JOINS     "guidance:contrastive"
#define BANS      "bad_words:min_tokens:no_repeat_ngram"
#define RARE_CUTS "top_n_sigma:tfs:top_a:min_k:p_less:p_less_norm"

static const preset_name openai_names[] = {
    {"frequency_penalty", "penalty_freq", NULL, 1, 0},
    {"presence_penalty", "penalty_present", NULL, 1, 0},
};

static const preset_name vllm_names[] = {
    {"repetition_penalty", "penalty_repeat", NULL, 1, 0},
    {"stop_token_ids", "eos_token_id", NULL, 1, 0},
};

static const preset_name transformers_names[] = {
    {"repetition_penalty", "penalty_repeat", NULL, 1, 0},
};

static const preset_name koboldcpp_names[] = {
    {"typical", "typ_p", NULL, 1, 0},
    {"rep_pen", "penalty_repeat", NULL, 1, 0},
    {"rep_pen_range", "penalty_last_n", NULL, 1, 0},
    {"sampler_seed", "seed", NULL, 1, 0},
    {"sampler_order", "samplers", NULL, 1, 0},
};

static const preset_sampler koboldcpp_samplers[] = {
    {"0", "top_k"},     {"1", "top_a"}, {"2", "top_p:min_p"},
    {"3", "tfs"},       {"4", "typ_p"}, {"5", "temperature:quadratic_sampling"},
    {"6", "penalties"},
};

static const preset_name textgen_names[] = {
    {"repetition_penalty", "penalty_repeat", NULL, 1, 0},
    {"repetition_penalty_range", "penalty_last_n", "dry_penalty_last_n", 1, 65536},
    {"epsilon_cutoff", "epsilon_cutoff", NULL, 1e-4, 0},
    {"eta_cutoff", "eta_cutoff", NULL, 1e-4, 0},
    {"adaptive_target", "adaptive_target", NULL, 1, -1},
    {"mirostat_mode", "mirostat", NULL, 1, 0},
    {"custom_token_bans", "suppress_tokens", NULL, 1, 0},
    {"sampler_priority", "samplers", NULL, 1, 0},
};

static const preset_sampler textgen_samplers[] = {
    {"repetition_penalty", "penalties"},
    {"presence_penalty", "penalties"},
    {"frequency_penalty", "penalties"},
    {"dynamic_temperature", "temperature"},
    {"mirostat", ""},
    {"encoder_repetition_penalty", ""},
};

static const preset presets[] = {
    {.name = "llama.cpp", .defaults = ""},
    {.name = "openai",
     .defaults =
         "temp=1;top_p=1;top_k=0;min_p=0;penalty_output_only=1;" NO_WINDOW ";samplers=" JOINS
         ":" BANS ":penalties:dry:temperature:quadratic_sampling:top_p:top_k:min_p:typ_p"
         ":epsilon_cutoff:eta_cutoff:top_h:" RARE_CUTS ":xtc",
     .names = openai_names,
     .n_names = COUNT(openai_names)},
    {.name = "vllm",
     .defaults =
         "temp=1;top_p=1;top_k=0;min_p=0;penalty_output_only=1;" NO_WINDOW ";samplers=" JOINS
         ":" BANS ":penalties:dry:temperature:quadratic_sampling:min_p:top_k:top_p:typ_p"
         ":epsilon_cutoff:eta_cutoff:top_h:" RARE_CUTS ":xtc",
     .names = vllm_names,
     .n_names = COUNT(vllm_names)},
    {.name = "transformers",
     .defaults = "do_sample=0;temp=1;top_k=50;top_p=1;min_p=0;" NO_WINDOW ";samplers=" JOINS
                 ":penalties:no_repeat_ngram:bad_words:min_tokens:dry:temperature"
                 ":quadratic_sampling:top_h:top_k:top_p:min_p:typ_p:epsilon_cutoff:eta_cutoff"
                 ":" RARE_CUTS ":xtc",
     .names = transformers_names,
     .n_names = COUNT(transformers_names)},
    {.name = "koboldcpp",
     .defaults =
         "temp=0.7;top_k=100;top_p=0.92;min_p=0;penalty_last_n=320;dry_penalty_last_n=320;"
         "xtc_threshold=0.2;samplers=" JOINS ":" BANS ":dry:penalties:top_k:top_a:tfs:typ_p:top_p"
         ":min_p:temperature:quadratic_sampling:epsilon_cutoff:eta_cutoff:top_h:min_k"
         ":top_n_sigma:p_less:p_less_norm:xtc",
     .names = koboldcpp_names,
     .n_names = COUNT(koboldcpp_names),
     .samplers = koboldcpp_samplers,
     .n_samplers = COUNT(koboldcpp_samplers),
     .before = JOINS ":" BANS ":dry",
     .after = "xtc"},
    {.name = "text-generation-webui",
     .defaults =
         "temp=1;top_k=0;top_p=1;min_p=0;tfs_extra=1;penalty_last_n=1024;"
         "dry_penalty_last_n=1024;samplers=" JOINS ":bad_words:min_tokens:penalties:dry:top_n_sigma"
         ":temperature:quadratic_sampling:top_k:top_p:typ_p:epsilon_cutoff:eta_cutoff:tfs"
         ":top_a:min_p:top_h:min_k:p_less:p_less_norm:xtc:no_repeat_ngram",
     .names = textgen_names,
     .n_names = COUNT(textgen_names),
     .samplers = textgen_samplers,
     .n_samplers = COUNT(textgen_samplers),
     .before = JOINS ":bad_words:min_tokens",
     .after = ""},
};

const preset *pk_preset_find(text name) {
    for (int32_t i = 0; i < COUNT(presets); i++)
        if (pk_text_equals(name, presets[i].name)) return &presets[i];
    return NULL;
}

const preset_name *pk_preset_name(const preset *p, text name) {
    for (int32_t i = 0; p && i < p->n_names; i++)
        if (pk_text_equals(name, p->names[i].name)) return &p->names[i];
    return NULL;
}

const char *pk_preset_sampler(const preset *p, text name) {
    for (int32_t i = 0; i < p->n_samplers; i++)
        if (pk_text_equals(name, p->samplers[i].name)) return p->samplers[i].samplers;
    return NULL;
}
