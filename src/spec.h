/*
 * spec.h: what the files that read a spec share.
 *
 *   spec_parse.c   the grammar, and the public functions
 *   spec_text.c    pieces of text and numbers
 *   spec_keys.c    the table of keys, and what each value sets
 *   spec_presets.c other engines' names, units, defaults and orders
 *   spec_chain.c   what the keys start from, and the chain made of them
 */
#ifndef PLUCK_SPEC_H
#define PLUCK_SPEC_H

#include "common.h"
#include "stage.h"

/* The most names in samplers=. A chain also has a stage that selects, and perhaps a logit bias. */
enum { MAX_SAMPLERS = PLUCK_MAX_STAGES - 2 };

/* A piece of the spec. */
typedef struct text {
    const char *at;
    size_t length;
} text;

/* An engine's name of a parameter: the key that it sets, and another one or NULL. A number is
 * multiplied by `factor`; if it is 0, it becomes `zero`. */
typedef struct preset_name {
    const char *name, *key, *also;
    double factor, zero;
} preset_name;

/* An engine's name of samplers, and their names here, joined by ':'. */
typedef struct preset_sampler {
    const char *name, *samplers;
} preset_sampler;

/* What preset=NAME sets. */
typedef struct preset {
    const char *name;
    const char *defaults; /* a spec without presets */
    const preset_name *names;
    int32_t n_names;
    const preset_sampler *samplers;
    int32_t n_samplers;
    const char *before, *after; /* samplers around those that the engine's own key names */
} preset;

/* A spec while it is parsed, and the config that is made of it. */
struct pluck_spec {
    pluck_config config;
    uint64_t given;                            /* bit i: key i was given */
    pluck_stage parameters[N_STAGE_KINDS + 1]; /* by kind: what the keys set */
    const preset *preset;                      /* NULL: none */
    const preset_name *by;                     /* the engine's name of the pair that is read */
    int32_t mirostat;                          /* 0, 1 or 2 */
    int32_t greedy;                            /* 1: do_sample=0 */
    int32_t dynamic;                           /* 1: temperatures from low to high */
    float low, high;
    pluck_stage_kind samplers[MAX_SAMPLERS]; /* in the chain's order */
    int32_t n_samplers;
    pluck_stage stages[PLUCK_MAX_STAGES];
    int32_t n_biases, n_sequences, n_tokens;
    pluck_logit_bias *biases;
    pluck_token_sequence *sequences; /* breakers and bad words */
    int32_t *tokens;                 /* of the sequences, and ends */
    /* Followed by the three arrays, each with an entry for each character of the text. */
};

/* ---- spec_text.c ---- */

/* Removes the text up to the next separator, and the separator, from *rest, and returns the text;
 * all of it if there is no separator. */
text pk_text_cut(text *rest, const char *separators);

bool pk_text_equals(text t, const char *word);

text pk_text_of(const char *word);

/* The length to print in a message, which has no room for a long text. */
int pk_text_shown(text t);

/* Whether a part is missing in a value whose parts are separated by ':' and '/'; *at is then the
 * first place where one is missing. */
bool pk_text_has_gap(text value, size_t *at);

/* Reads all of t as a number: [+-] digits [. digits] [e [+-] digits]. An integer has neither point
 * nor exponent. A number that is too large becomes infinite. */
bool pk_text_number(text t, bool integer, double *out);

/* Reads all of t as a number that has only digits. */
bool pk_text_natural(text t, double *out);

/* ---- spec_keys.c ---- */

/* Applies one key=value. */
pluck_status pk_spec_set(pluck_spec *spec, text pair, pluck_error *err);

/* ---- spec_presets.c ---- */

/* A preset by name, and an engine's name in it; NULL if there is none. */
const preset *pk_preset_find(text name);
const preset_name *pk_preset_name(const preset *p, text name);

/* What an engine's name of a sampler stands for; NULL: it is not one of the engine's own names. */
const char *pk_preset_sampler(const preset *p, text name);

/* ---- spec_chain.c ---- */

/* The n samplers of llama.cpp's default chain, in its order, with those that it lacks added. */
const pluck_stage_kind *pk_spec_default_samplers(int32_t *n);

/* Sets the stages' defaults, the default chain and a random seed, before any key is applied. */
void pk_spec_start(pluck_spec *spec, int32_t n_vocab);

/* Makes the config's stages, after all keys are applied. Errors: ERR_SPEC_RANGE. */
pluck_status pk_spec_finish(pluck_spec *spec, pluck_error *err);

#endif /* PLUCK_SPEC_H */
