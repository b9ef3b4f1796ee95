/*
 * spec_parse.c: parses a spec into a config.
 *
 *     spec = "" | pair { ( ";" | "," ) pair }        pair = key "=" value
 */
#include "arithmetic.h"

#include "error.h"
#include "fpenv.h"
#include "spec.h"

#include <stdlib.h>

/* The most characters in a spec, so that array sizes computed from it cannot overflow, even with
 * 32-bit pointers. */
enum { MAX_TEXT = 1 << 26 };

/* Allocates a spec with room for `entries` biases, sequences and tokens. NULL: out of memory. */
static pluck_spec *allocate(size_t entries) {
    const size_t head = round_up(sizeof(pluck_spec), 16);
    pluck_spec *s =
        malloc(head + entries * (sizeof *s->sequences + sizeof *s->biases + sizeof *s->tokens));
    if (!s) return NULL;
    memset(s, 0, sizeof *s);
    char *at = (char *)s + head;
    s->sequences = (pluck_token_sequence *)(void *)at;
    s->biases = (pluck_logit_bias *)(void *)(s->sequences + entries);
    s->tokens = (int32_t *)(void *)(s->biases + entries);
    return s;
}

/* Applies all pairs of the text. */
static pluck_status set_all(pluck_spec *s, const char *spec, pluck_error *err) {
    text rest = {spec, strlen(spec)};
    while (rest.length > 0) {
        const text all = rest;
        const text pair = pk_text_cut(&rest, ";,");
        if (pair.length == 0)
            return pk_fail(err, PLUCK_ERR_SPEC_SYNTAX,
                           "there is nothing before the '%c' at character %lu", *pair.at,
                           (unsigned long)(pair.at - spec) + 1);
        TRY(pk_spec_set(s, pair, err));
        if (rest.length == 0 && pair.length < all.length)
            return pk_fail(err, PLUCK_ERR_SPEC_SYNTAX, "there is nothing after the last '%c'",
                           all.at[pair.length]);
    }
    return PLUCK_OK;
}

static PK_APART pluck_status parse(pluck_spec **out, const char *spec, int32_t n_vocab,
                                   pluck_error *err) {
    if (!out || !spec) return pk_fail(err, PLUCK_ERR_NULL, "out or spec is NULL");
    if (n_vocab < 1 || n_vocab > PLUCK_MAX_VOCAB)
        return pk_fail(err, PLUCK_ERR_VOCAB, "n_vocab=%d is out of range; allowed: 1 to %d",
                       (int)n_vocab, PLUCK_MAX_VOCAB);
    const size_t entries = strlen(spec) + 1;
    if (entries > MAX_TEXT)
        return pk_fail(err, PLUCK_ERR_SIZE, "the spec has %d characters or more", (int)MAX_TEXT);
    pluck_spec *s = allocate(entries);
    if (!s) return pk_fail(err, PLUCK_ERR_MEMORY, "out of memory");
    pk_spec_start(s, n_vocab);
    pluck_status status = set_all(s, spec, err);
    if (status == PLUCK_OK) status = pk_spec_finish(s, err);
    if (status != PLUCK_OK) {
        free(s);
        return status;
    }
    *out = s;
    return PLUCK_OK;
}

pluck_status pluck_spec_parse(pluck_spec **out, const char *spec, int32_t n_vocab,
                              pluck_error *err) {
    PK_IN_OWN_ENV(pluck_status, parse(out, spec, n_vocab, err));
}

const pluck_config *pluck_spec_config(const pluck_spec *spec) {
    return spec ? &spec->config : NULL;
}

void pluck_spec_free(pluck_spec *spec) {
    free(spec);
}

pluck_status pluck_sampler_from_spec(pluck_sampler **out, const char *spec, int32_t n_vocab,
                                     pluck_error *err) {
    if (!out) return pk_fail(err, PLUCK_ERR_NULL, "out is NULL");
    pluck_spec *parsed = NULL;
    TRY(pluck_spec_parse(&parsed, spec, n_vocab, err));
    const pluck_status status = pluck_sampler_create(out, &parsed->config);
    pluck_spec_free(parsed);
    if (status != PLUCK_OK) return pk_fail(err, status, "%s", pluck_status_string(status));
    return PLUCK_OK;
}
