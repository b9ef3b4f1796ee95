/*
 * spec.h: what the files that read a spec share.
 *
 *   spec_parse.c   the grammar, and the public functions
 *   spec_text.c    pieces of text and numbers
 *   spec_keys.c    the table of keys, and what each value sets
 *   spec_chain.c   what the keys start from, and the chain made of them
 */
#ifndef PLUCK_SPEC_H
#define PLUCK_SPEC_H

#include "common.h"
#include "stage.h"

/* A chain has these and at most a logit bias and a selecting stage beside them. */
enum { MAX_SAMPLERS = PLUCK_MAX_STAGES - 2 };

/* A spec while it is read, and the config made of it. */
struct pluck_spec {
    pluck_config config;
    uint64_t given;                            /* bit i: key i was given */
    pluck_stage parameters[N_STAGE_KINDS + 1]; /* by kind: what the keys set */
    int32_t mirostat;                          /* 0, 1 or 2 */
    pluck_stage_kind samplers[MAX_SAMPLERS];   /* in the chain's order */
    int32_t n_samplers;
    pluck_stage stages[PLUCK_MAX_STAGES];
    int32_t n_biases, n_breakers, n_tokens;
    pluck_logit_bias *biases;
    pluck_token_sequence *breakers;
    int32_t *tokens; /* of the breakers */
    /* Followed by the three arrays, each with an entry per character of the text. */
};

/* A piece of the spec. */
typedef struct text {
    const char *at;
    size_t length;
} text;

/* ---- spec_text.c ---- */

/* Takes the text up to a separator, or all of it, off the front. */
text pk_text_cut(text *rest, const char *separators);

bool pk_text_equals(text t, const char *word);

/* Length to print: a message has room for no more. */
int pk_text_shown(text t);

/* Whether a value whose parts are split by ':' and '/' lacks a part; *at is the first such
 * place. */
bool pk_text_has_gap(text value, size_t *at);

/* [+-] digits [. digits] [e [+-] digits], all of t. An integer has neither point nor exponent. Too
 * large a number becomes infinite. */
bool pk_text_number(text t, bool integer, double *out);

/* Digits alone, all of t. */
bool pk_text_natural(text t, double *out);

/* ---- spec_keys.c ---- */

/* Sets what one key=value says. */
pluck_status pk_spec_set(pluck_spec *spec, text pair, pluck_error *err);

/* ---- spec_chain.c ---- */

/* The n samplers of llama.cpp's default chain, in its order, with top-a among them. */
const pluck_stage_kind *pk_spec_default_samplers(int32_t *n);

/* Before any key is set: the stages' defaults, the default chain, a random seed. */
void pk_spec_start(pluck_spec *spec, int32_t n_vocab);

/* When all keys are set: makes the config's stages. */
void pk_spec_finish(pluck_spec *spec);

#endif /* PLUCK_SPEC_H */
