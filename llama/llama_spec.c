/*
 * llama_spec.c: specs for a model. libpluck parses the text; this file completes the stages that
 * need the vocabulary, and adds those that cannot be described without it.
 */
#include "pluck_llama.h"

#include "vocab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const default_breakers[] = {"\n", ":", "\"", "*"};

/* A chain being put together, and the memory it points into until the sampler has copied it. */
typedef struct draft {
    pluck_stage stages[PLUCK_MAX_STAGES];
    int32_t n_stages;
    plk_breakers breakers;
    pluck_logit_bias *biases;
    int32_t n_biases;
} draft;

static pluck_status fail(pluck_error *err, pluck_status status, const char *what) {
    if (err) {
        err->status = status;
        snprintf(err->message, sizeof err->message, "%s", what);
    }
    return status;
}

static pluck_status insert_stage(draft *d, int32_t at, const pluck_stage *stage, pluck_error *err) {
    if (d->n_stages == PLUCK_MAX_STAGES)
        return fail(err, PLUCK_ERR_SIZE, "the chain has more than 64 stages");
    memmove(&d->stages[at + 1], &d->stages[at], sizeof d->stages[0] * (size_t)(d->n_stages - at));
    d->stages[at] = *stage;
    d->n_stages++;
    return PLUCK_OK;
}

static pluck_status add_biases(draft *d, const struct llama_vocab *vocab,
                               const pluck_llama_text *text, pluck_error *err) {
    for (int32_t i = 0; i < text->n_biases; i++) {
        float bias = text->biases[i].bias;
        if (isnan(bias) || bias == INFINITY)
            return fail(err, PLUCK_ERR_PARAM, "a bias by text is NaN or +inf");
        int32_t *tokens;
        int32_t n;
        const char *words = text->biases[i].text;
        pluck_status status = plk_tokenize(vocab, words, strlen(words), &tokens, &n);
        if (status != PLUCK_OK) return fail(err, status, "a bias by text could not be tokenised");
        pluck_logit_bias *larger =
            realloc(d->biases, sizeof *larger * (size_t)(d->n_biases + n + 1));
        if (larger) {
            d->biases = larger;
            for (int32_t t = 0; t < n; t++)
                d->biases[d->n_biases++] = (pluck_logit_bias){tokens[t], bias};
        }
        free(tokens);
        if (!larger) return fail(err, PLUCK_ERR_MEMORY, "out of memory");
    }
    if (d->n_biases == 0) return PLUCK_OK;
    pluck_stage stage = {.kind = PLUCK_STAGE_LOGIT_BIAS};
    stage.as.logit_bias = (pluck_stage_logit_bias){d->biases, d->n_biases};
    return insert_stage(d, 0, &stage, err);
}

/* Does the spec, which libpluck has parsed already, set the key? */
static bool names_key(const char *spec, const char *key) {
    size_t length = strlen(key);
    while (*spec) {
        if (strncmp(spec, key, length) == 0 && spec[length] == '=') return true;
        spec += strcspn(spec, ";,");
        spec += *spec != '\0';
    }
    return false;
}

/* Gives the breakers of `text` to every DRY stage that has none, unless the spec sets the key: a
 * spec that says "none" means it. */
static pluck_status complete_dry(draft *d, const char *spec, const struct llama_vocab *vocab,
                                 const pluck_llama_text *text, pluck_error *err) {
    if (names_key(spec, "dry_sequence_breakers") || names_key(spec, "dry_sequence_breaker"))
        return PLUCK_OK;
    const char *const *strings = default_breakers;
    size_t n_strings = sizeof default_breakers / sizeof default_breakers[0];
    if (text && text->dry_breakers) {
        strings = text->dry_breakers;
        n_strings = text->n_dry_breakers > 0 ? (size_t)text->n_dry_breakers : 0;
    }
    for (int32_t i = 0; i < d->n_stages; i++) {
        pluck_stage_dry *dry = &d->stages[i].as.dry;
        if (d->stages[i].kind != PLUCK_STAGE_DRY || dry->n_breakers > 0 || dry->multiplier == 0.0f)
            continue;
        if (!d->breakers.sequences) {
            pluck_status status = plk_breakers_create(&d->breakers, vocab, strings, n_strings);
            if (status != PLUCK_OK)
                return fail(err, status, "DRY's breakers could not be tokenised");
        }
        dry->breakers = d->breakers.sequences;
        dry->n_breakers = d->breakers.n_sequences;
    }
    return PLUCK_OK;
}

static pluck_status add_infill(draft *d, const struct llama_vocab *vocab, pluck_error *err) {
    pluck_stage stage = {.kind = PLUCK_STAGE_INFILL};
    pluck_status status = plk_infill_stage(&stage.as.infill, vocab);
    if (status != PLUCK_OK)
        return fail(err, status, "infill: the vocabulary has no token to end with");
    int32_t at = 0;
    pluck_stage_traits traits = {.selects = false};
    while (at < d->n_stages && pluck_stage_describe(&d->stages[at], &traits) && !traits.selects)
        at++;
    return insert_stage(d, at, &stage, err);
}

static pluck_status build(pluck_sampler **out, const char *spec, const pluck_config *parsed,
                          draft *d, const struct llama_vocab *vocab, const pluck_llama_text *text,
                          pluck_error *err) {
    if (parsed->n_stages > PLUCK_MAX_STAGES)
        return fail(err, PLUCK_ERR_SIZE, "the chain has more than 64 stages");
    d->n_stages = parsed->n_stages;
    if (d->n_stages > 0)
        memcpy(d->stages, parsed->stages, sizeof d->stages[0] * (size_t)d->n_stages);
    pluck_status status = complete_dry(d, spec, vocab, text, err);
    if (status == PLUCK_OK && text && text->infill) status = add_infill(d, vocab, err);
    if (status == PLUCK_OK && text) status = add_biases(d, vocab, text, err);
    if (status != PLUCK_OK) return status;
    pluck_config config = *parsed;
    config.stages = d->stages;
    config.n_stages = d->n_stages;
    status = pluck_sampler_create(out, &config);
    return status == PLUCK_OK ? status : fail(err, status, pluck_status_string(status));
}

pluck_status pluck_llama_sampler_from_spec(pluck_sampler **out, const char *spec,
                                           const struct llama_vocab *vocab,
                                           const pluck_llama_text *text, pluck_error *err) {
    if (!out || !spec || !vocab)
        return fail(err, PLUCK_ERR_NULL, pluck_status_string(PLUCK_ERR_NULL));
    pluck_spec *parsed;
    pluck_status status = pluck_spec_parse(&parsed, spec, llama_vocab_n_tokens(vocab), err);
    if (status != PLUCK_OK) return status;
    draft *d = calloc(1, sizeof *d);
    if (!d) {
        pluck_spec_free(parsed);
        return fail(err, PLUCK_ERR_MEMORY, "out of memory");
    }
    status = build(out, spec, pluck_spec_config(parsed), d, vocab, text, err);
    plk_breakers_free(&d->breakers);
    free(d->biases);
    free(d);
    pluck_spec_free(parsed);
    return status;
}
