/*
 * spec_keys.c: the keys of a spec. A key sets one parameter of a stage, or has a function.
 * docs/spec.md has a row for each. The ranges are those of a config, or narrower.
 */
#include "arithmetic.h"

#include "error.h"
#include "spec.h"

#include <stdio.h>

typedef struct key key;

struct key {
    const char *name, *alias; /* alias: llama.cpp's other spelling, or NULL */
    pluck_status (*set)(pluck_spec *s, const key *k, text value, pluck_error *err);
    const char *range; /* what is allowed, in words, for messages */
    double low, high;  /* the range of a number */
    /* For a number that is a parameter of a stage: which one. */
    pluck_stage_kind stage;
    size_t offset; /* in pluck_stage */
};

static pluck_status bad_value(const key *k, text value, pluck_error *err) {
    return pk_fail(err, PLUCK_ERR_SPEC_VALUE, "%s=%.*s: not a value of this key; wanted: %s",
                   k->name, pk_text_shown(value), value.at, k->range);
}

/* ---- numbers ---- */

static pluck_status read_number(const pluck_spec *s, const key *k, text value, bool integer,
                                double *out, pluck_error *err) {
    if (!pk_text_number(value, integer, out)) return bad_value(k, value, err);
    if (s->by) *out = *out == 0.0 ? s->by->zero : *out * s->by->factor;
    if (*out >= k->low && *out <= k->high) return PLUCK_OK;
    const bool scaled = s->by && s->by->factor != 1.0;
    return pk_fail(err, PLUCK_ERR_SPEC_RANGE, "%s=%.*s is out of range; allowed: %s%s",
                   s->by ? s->by->name : k->name, pk_text_shown(value), value.at, k->range,
                   scaled ? ", in the unit of the library" : "");
}

static void *parameter(pluck_spec *s, const key *k) {
    return (char *)&s->parameters[k->stage] + k->offset;
}

static pluck_status read_real(const pluck_spec *s, const key *k, text value, float *out,
                              pluck_error *err) {
    double x;
    TRY(read_number(s, k, value, false, &x, err));
    *out = (float)x;
    return PLUCK_OK;
}

static pluck_status read_whole(const pluck_spec *s, const key *k, text value, int32_t *out,
                               pluck_error *err) {
    double x;
    TRY(read_number(s, k, value, true, &x, err));
    *out = (int32_t)x;
    return PLUCK_OK;
}

static pluck_status set_real(pluck_spec *s, const key *k, text value, pluck_error *err) {
    return read_real(s, k, value, parameter(s, k), err);
}

static pluck_status set_whole(pluck_spec *s, const key *k, text value, pluck_error *err) {
    return read_whole(s, k, value, parameter(s, k), err);
}

/* -1 becomes PLUCK_SEED_RANDOM. */
static pluck_status set_seed(pluck_spec *s, const key *k, text value, pluck_error *err) {
    double x;
    TRY(read_number(s, k, value, true, &x, err));
    s->config.seed = (uint32_t)(int64_t)x;
    return PLUCK_OK;
}

/* true or false, as JSON and Python write it, or a number. */
static pluck_status read_flag(const pluck_spec *s, const key *k, text value, int32_t *out,
                              pluck_error *err) {
    double x = pk_text_equals(value, "true") || pk_text_equals(value, "True");
    if (x == 0.0 && !pk_text_equals(value, "false") && !pk_text_equals(value, "False"))
        TRY(read_number(s, k, value, true, &x, err));
    *out = (int32_t)x;
    return PLUCK_OK;
}

static pluck_status set_do_sample(pluck_spec *s, const key *k, text value, pluck_error *err) {
    int32_t samples;
    TRY(read_flag(s, k, value, &samples, err));
    s->greedy = !samples;
    return PLUCK_OK;
}

static pluck_status set_dynamic(pluck_spec *s, const key *k, text value, pluck_error *err) {
    return read_flag(s, k, value, &s->dynamic, err);
}

static pluck_status set_low(pluck_spec *s, const key *k, text value, pluck_error *err) {
    return read_real(s, k, value, &s->low, err);
}

static pluck_status set_high(pluck_spec *s, const key *k, text value, pluck_error *err) {
    return read_real(s, k, value, &s->high, err);
}

static pluck_status set_mirostat(pluck_spec *s, const key *k, text value, pluck_error *err) {
    return read_whole(s, k, value, &s->mirostat, err);
}

/* min_keep applies to every stage that has it. */
static pluck_status set_min_keep(pluck_spec *s, const key *k, text value, pluck_error *err) {
    int32_t n;
    TRY(read_whole(s, k, value, &n, err));
    s->parameters[PLUCK_STAGE_TYPICAL].as.typical.min_keep = n;
    s->parameters[PLUCK_STAGE_TOP_P].as.top_p.min_keep = n;
    s->parameters[PLUCK_STAGE_MIN_P].as.min_p.min_keep = n;
    s->parameters[PLUCK_STAGE_TOP_A].as.top_a.min_keep = n;
    s->parameters[PLUCK_STAGE_EPSILON_CUTOFF].as.epsilon_cutoff.min_keep = n;
    s->parameters[PLUCK_STAGE_ETA_CUTOFF].as.eta_cutoff.min_keep = n;
    s->parameters[PLUCK_STAGE_TFS].as.tfs.min_keep = n;
    s->parameters[PLUCK_STAGE_XTC].as.xtc.min_keep = n;
    return PLUCK_OK;
}

/* ---- names ---- */

static pluck_status set_rng(pluck_spec *s, const key *k, text value, pluck_error *err) {
    if (pk_text_equals(value, "mt19937"))
        s->config.rng = PLUCK_RNG_MT19937;
    else if (pk_text_equals(value, "philox"))
        s->config.rng = PLUCK_RNG_PHILOX;
    else
        return bad_value(k, value, err);
    return PLUCK_OK;
}

/* The names of samplers are those of their descriptors; these are llama.cpp's other spellings. */
static const struct {
    const char *name;
    pluck_stage_kind kind;
} other_names[] = {
    {"top-n-sigma", PLUCK_STAGE_TOP_N_SIGMA},
    {"top-k", PLUCK_STAGE_TOP_K},
    {"typical_p", PLUCK_STAGE_TYPICAL},
    {"typical", PLUCK_STAGE_TYPICAL},
    {"typ-p", PLUCK_STAGE_TYPICAL},
    {"top-p", PLUCK_STAGE_TOP_P},
    {"nucleus", PLUCK_STAGE_TOP_P},
    {"min-p", PLUCK_STAGE_MIN_P},
    {"tfs_z", PLUCK_STAGE_TFS},
    {"tail_free", PLUCK_STAGE_TFS},
    {"temp", PLUCK_STAGE_TEMPERATURE},
    {"adaptive-p", PLUCK_STAGE_ADAPTIVE_P},
};

static bool is_named(text name, pluck_stage_kind kind) {
    return pk_text_equals(name, pk_stage_kind(kind)->name);
}

/* Finds the kind of a sampler by name; false if there is none. */
static bool find_sampler(text name, pluck_stage_kind *kind) {
    int32_t n;
    const pluck_stage_kind *samplers = pk_spec_default_samplers(&n);
    for (int32_t i = 0; i < n; i++)
        if (is_named(name, *kind = samplers[i])) return true;
    if (is_named(name, *kind = PLUCK_STAGE_ADAPTIVE_P)) return true;
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++) {
        *kind = other_names[i].kind;
        if (pk_text_equals(name, other_names[i].name)) return true;
    }
    return false;
}

static pluck_status no_such_sampler(const key *k, text name, pluck_error *err) {
    if (is_named(name, PLUCK_STAGE_INFILL))
        return pk_fail(err, PLUCK_ERR_SPEC_VALUE,
                       "%s: infill reads a vocabulary, which text cannot give", k->name);
    char names[400] = "";
    size_t at = 0;
    int32_t n;
    const pluck_stage_kind *samplers = pk_spec_default_samplers(&n);
    for (int32_t i = 0; i < n && at < sizeof names; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s, ",
                               pk_stage_kind(samplers[i])->name);
    return pk_fail(err, PLUCK_ERR_SPEC_VALUE, "%s: no sampler is called '%.*s'; there are %s%s",
                   k->name, pk_text_shown(name), name.at, names,
                   pk_stage_kind(PLUCK_STAGE_ADAPTIVE_P)->name);
}

/* Adds the samplers that a list names. `once`: not those that are there already. */
static pluck_status add_samplers(pluck_spec *s, const key *k, text names, bool once,
                                 pluck_error *err) {
    while (names.length > 0) {
        const text name = pk_text_cut(&names, ":");
        pluck_stage_kind kind;
        if (!find_sampler(name, &kind)) return no_such_sampler(k, name, err);
        bool there = false;
        for (int32_t i = 0; i < s->n_samplers; i++) there |= s->samplers[i] == kind;
        if (there && once) continue;
        if (s->n_samplers == MAX_SAMPLERS)
            return pk_fail(err, PLUCK_ERR_SPEC_RANGE, "%s: more than %d names", k->name,
                           (int)MAX_SAMPLERS);
        s->samplers[s->n_samplers++] = kind;
    }
    return PLUCK_OK;
}

/* The samplers as an engine names them. */
static pluck_status set_engines_samplers(pluck_spec *s, const key *k, text value,
                                         pluck_error *err) {
    const preset *p = s->preset;
    TRY(add_samplers(s, k, pk_text_of(p->before), true, err));
    while (value.length > 0) {
        const text name = pk_text_cut(&value, ":");
        const char *ours = pk_preset_sampler(p, name);
        TRY(add_samplers(s, k, ours ? pk_text_of(ours) : name, true, err));
    }
    return add_samplers(s, k, pk_text_of(p->after), true, err);
}

static pluck_status set_samplers(pluck_spec *s, const key *k, text value, pluck_error *err) {
    s->n_samplers = 0;
    if (s->by) return set_engines_samplers(s, k, value, err);
    return add_samplers(s, k, value, false, err);
}

/* ---- tokens ---- */

/* Reads a token id; `part` is the part of the value that it is in, for messages. */
static pluck_status read_token(const pluck_spec *s, const key *k, text t, text part, int32_t *out,
                               pluck_error *err) {
    double id;
    if (!pk_text_natural(t, &id)) return bad_value(k, part, err);
    if (id >= (double)s->config.n_vocab)
        return pk_fail(err, PLUCK_ERR_TOKEN, "%s: token %.*s is outside the vocabulary of %d",
                       k->name, pk_text_shown(t), t.at, (int)s->config.n_vocab);
    *out = (int32_t)id;
    return PLUCK_OK;
}

/* Reads TOKEN+BIAS or TOKEN-BIAS. */
static pluck_status read_bias(const pluck_spec *s, const key *k, text pair, pluck_logit_bias *out,
                              pluck_error *err) {
    text number = pair;
    const text id = pk_text_cut(&number, "+-");
    if (id.length == pair.length) return bad_value(k, pair, err);
    number = (text){pair.at + id.length, pair.length - id.length};
    TRY(read_token(s, k, id, pair, &out->token, err));
    out->bias = -INFINITY;
    if (pk_text_equals(number, "-inf")) return PLUCK_OK;
    double bias;
    if (!pk_text_number(number, false, &bias)) return bad_value(k, pair, err);
    if (!(fabs(bias) <= 1e30))
        return pk_fail(err, PLUCK_ERR_SPEC_RANGE,
                       "%s: bias %.*s is out of range; allowed: -1e30 to 1e30, or -inf", k->name,
                       pk_text_shown(number), number.at);
    out->bias = (float)bias;
    return PLUCK_OK;
}

static pluck_status set_biases(pluck_spec *s, const key *k, text value, pluck_error *err) {
    if (value.length == 0) return bad_value(k, value, err);
    while (value.length > 0) {
        const text pair = pk_text_cut(&value, ":");
        TRY(read_bias(s, k, pair, &s->biases[s->n_biases], err));
        s->n_biases++;
    }
    return PLUCK_OK;
}

static pluck_status set_suppressed(pluck_spec *s, const key *k, text value, pluck_error *err) {
    if (value.length == 0) return bad_value(k, value, err);
    while (value.length > 0) {
        const text token = pk_text_cut(&value, ":");
        pluck_logit_bias *bias = &s->biases[s->n_biases];
        TRY(read_token(s, k, token, token, &bias->token, err));
        bias->bias = -INFINITY;
        s->n_biases++;
    }
    return PLUCK_OK;
}

/* Sequences of tokens: a sequence's joined by '/', sequences by ':'. */
static pluck_status read_sequences(pluck_spec *s, const key *k, text value,
                                   const pluck_token_sequence **out, int32_t *n, pluck_error *err) {
    if (value.length == 0) return bad_value(k, value, err);
    *out = s->sequences + s->n_sequences;
    while (value.length > 0) {
        text sequence = pk_text_cut(&value, ":");
        pluck_token_sequence *b = &s->sequences[s->n_sequences++];
        *b = (pluck_token_sequence){s->tokens + s->n_tokens, 0};
        while (sequence.length > 0) {
            if (b->n_tokens == PLUCK_MAX_BREAKER)
                return pk_fail(err, PLUCK_ERR_SPEC_RANGE, "%s: a sequence of more than %d tokens",
                               k->name, (int)PLUCK_MAX_BREAKER);
            const text token = pk_text_cut(&sequence, "/");
            TRY(read_token(s, k, token, token, &s->tokens[s->n_tokens], err));
            s->n_tokens++;
            b->n_tokens++;
        }
        ++*n;
    }
    return PLUCK_OK;
}

static pluck_status set_breakers(pluck_spec *s, const key *k, text value, pluck_error *err) {
    pluck_stage_dry *dry = &s->parameters[PLUCK_STAGE_DRY].as.dry;
    if (pk_text_equals(value, "none")) return PLUCK_OK;
    return read_sequences(s, k, value, &dry->breakers, &dry->n_breakers, err);
}

static pluck_status set_bad_words(pluck_spec *s, const key *k, text value, pluck_error *err) {
    pluck_stage_bad_words *bad = &s->parameters[PLUCK_STAGE_BAD_WORDS].as.bad_words;
    return read_sequences(s, k, value, &bad->words, &bad->n_words, err);
}

/* Tokens joined by ':'. */
static pluck_status read_tokens(pluck_spec *s, const key *k, text value, const int32_t **out,
                                int32_t *n, pluck_error *err) {
    if (value.length == 0) return bad_value(k, value, err);
    *out = s->tokens + s->n_tokens;
    while (value.length > 0) {
        const text token = pk_text_cut(&value, ":");
        TRY(read_token(s, k, token, token, &s->tokens[s->n_tokens], err));
        s->n_tokens++;
        ++*n;
    }
    return PLUCK_OK;
}

/* A function that sets a list of tokens, which is a parameter of a stage, and its length. */
#define SETS_TOKENS(function, kind, list, n)                                                       \
    static pluck_status function(pluck_spec *s, const key *k, text value, pluck_error *err) {      \
        pluck_stage *p = &s->parameters[PLUCK_STAGE_##kind];                                       \
        return read_tokens(s, k, value, &p->as.list, &p->as.n, err);                               \
    }
SETS_TOKENS(set_ends, MIN_TOKENS, min_tokens.ends, min_tokens.n_ends)
SETS_TOKENS(set_penalty_exempt, PENALTIES, penalties.exempt, penalties.n_exempt)
SETS_TOKENS(set_dry_exempt, DRY, dry.exempt, dry.n_exempt)
SETS_TOKENS(set_xtc_spared, XTC, xtc.spared, xtc.n_spared)

/* ---- presets ---- */

static pluck_status set_preset(pluck_spec *s, const key *k, text value, pluck_error *err);

/* ---- the table ---- */

#define REAL(name, alias, low, high, range, kind, member)                                          \
    {                                                                                              \
        name, alias, set_real, range, low, high, PLUCK_STAGE_##kind,                               \
            offsetof(pluck_stage, as.member)                                                       \
    }
#define WHOLE(name, alias, low, high, range, kind, member)                                         \
    {                                                                                              \
        name, alias, set_whole, range, low, high, PLUCK_STAGE_##kind,                              \
            offsetof(pluck_stage, as.member)                                                       \
    }
#define OTHER(name, alias, set, low, high, range)                                                  \
    { name, alias, set, range, low, high, (pluck_stage_kind)0, 0 }

static const key keys[] = {
    OTHER("preset", NULL, set_preset, 0, 0,
          "openai, vllm, transformers, koboldcpp, text-generation-webui or llama.cpp"),
    OTHER("seed", NULL, set_seed, -1, 4294967295.0, "0 to 4294967295, or -1 for a random one"),
    OTHER("rng", NULL, set_rng, 0, 0, "mt19937 or philox"),
    OTHER("min_keep", NULL, set_min_keep, 0, PLUCK_MAX_VOCAB, "0 to 16777216"),
    OTHER("samplers", NULL, set_samplers, 0, 0, "names of samplers joined by ':'"),
    OTHER("logit_bias", NULL, set_biases, 0, 0, "TOKEN+BIAS or TOKEN-BIAS joined by ':'"),
    OTHER("suppress_tokens", NULL, set_suppressed, 0, 0, "token ids joined by ':'"),
    REAL("temp", "temperature", -1e30, 1e30, "a finite number up to 1e30", TEMPERATURE,
         temperature.t),
    OTHER("do_sample", NULL, set_do_sample, 0, 1, "true, false, 1 or 0"),
    OTHER("dynamic_temperature", NULL, set_dynamic, 0, 1, "true, false, 1 or 0"),
    OTHER("dynatemp_low", NULL, set_low, 0, 1e30, "0 to 1e30"),
    OTHER("dynatemp_high", NULL, set_high, 0, 1e30, "0 to 1e30"),
    REAL("dynatemp_range", NULL, 0, 1e30, "0 to 1e30", TEMPERATURE, temperature.range),
    REAL("dynatemp_exponent", NULL, 0, 1e30, "0 to 1e30", TEMPERATURE, temperature.exponent),
    WHOLE("top_k", NULL, -2147483648.0, 2147483647.0, "an integer, <= 0 for all", TOP_K, top_k.k),
    REAL("top_p", NULL, 0, 1, "0 to 1", TOP_P, top_p.p),
    REAL("min_p", NULL, 0, 1, "0 to 1", MIN_P, min_p.p),
    REAL("top_a", NULL, 0, 1, "0 to 1", TOP_A, top_a.a),
    REAL("epsilon_cutoff", NULL, 0, 1, "0 to 1", EPSILON_CUTOFF, epsilon_cutoff.epsilon),
    REAL("eta_cutoff", NULL, 0, 1, "0 to 1", ETA_CUTOFF, eta_cutoff.epsilon),
    WHOLE("p_less", NULL, 0, 1, "0 or 1", P_LESS, p_less.enabled),
    WHOLE("p_less_norm", NULL, 0, 1, "0 or 1", P_LESS_NORM, p_less_norm.enabled),
    REAL("tfs", "tfs_z", 0, 1, "0 to 1", TFS, tfs.z),
    WHOLE("tfs_extra", NULL, 0, 1, "0 or 1", TFS, tfs.extra),
    REAL("top_h", NULL, 0, 1, "0 to 1", TOP_H, top_h.alpha),
    REAL("min_k", NULL, -1e30, 1e30, "a finite number up to 1e30", MIN_K, min_k.tau),
    REAL("smoothing_factor", NULL, 0, 1e9, "0 to 1e9", SMOOTHING, smoothing.factor),
    REAL("smoothing_curve", NULL, -1e9, 1e9, "-1e9 to 1e9", SMOOTHING, smoothing.curve),
    REAL("guidance_scale", NULL, -1e6, 1e6, "-1e6 to 1e6", GUIDANCE, guidance.scale),
    REAL("contrastive_alpha", NULL, 0, 1, "0 to 1", CONTRASTIVE, contrastive.alpha),
    REAL("contrastive_beta", NULL, 0, 1e6, "0 to 1e6", CONTRASTIVE, contrastive.beta),
    WHOLE("contrastive_difference", NULL, 0, 1, "0 or 1", CONTRASTIVE, contrastive.difference),
    REAL("skew", NULL, -1e30, 1e30, "-1e30 to 1e30", SKEW, skew.skew),
    REAL("typ_p", "typical_p", 0, 1, "0 to 1", TYPICAL, typical.p),
    REAL("top_n_sigma", NULL, -1e30, 1e30, "a finite number up to 1e30", TOP_N_SIGMA,
         top_n_sigma.n),
    REAL("xtc_probability", NULL, 0, 1, "0 to 1", XTC, xtc.probability),
    REAL("xtc_threshold", NULL, 0, 1, "0 to 1", XTC, xtc.threshold),
    WHOLE("penalty_last_n", "repeat_last_n", 0, PLUCK_MAX_LAST_N, "0 to 1048576", PENALTIES,
          penalties.last_n),
    REAL("penalty_repeat", "repeat_penalty", 1e-30, 1e30, "1e-30 to 1e30", PENALTIES,
         penalties.repeat),
    REAL("penalty_freq", "frequency_penalty", -1e30, 1e30, "-1e30 to 1e30", PENALTIES,
         penalties.freq),
    REAL("penalty_present", "presence_penalty", -1e30, 1e30, "-1e30 to 1e30", PENALTIES,
         penalties.present),
    WHOLE("penalty_output_only", NULL, 0, 1, "0 or 1", PENALTIES, penalties.output_only),
    OTHER("penalty_exempt", NULL, set_penalty_exempt, 0, 0, "token ids joined by ':'"),
    OTHER("dry_exempt", NULL, set_dry_exempt, 0, 0, "token ids joined by ':'"),
    OTHER("xtc_spared", NULL, set_xtc_spared, 0, 0, "token ids joined by ':'"),
    REAL("dry_multiplier", NULL, -1e30, 1e30, "-1e30 to 1e30", DRY, dry.multiplier),
    REAL("dry_base", NULL, -1e30, 1e30, "-1e30 to 1e30", DRY, dry.base),
    WHOLE("dry_allowed_length", NULL, 0, 2147483647.0, "0 to 2147483647", DRY, dry.allowed_length),
    WHOLE("dry_penalty_last_n", NULL, 0, PLUCK_MAX_LAST_N, "0 to 1048576", DRY, dry.last_n),
    OTHER("dry_sequence_breakers", "dry_sequence_breaker", set_breakers, 0, 0,
          "token ids joined by '/', such sequences by ':'"),
    OTHER("bad_words_ids", "bad_words", set_bad_words, 0, 0,
          "token ids joined by '/', such sequences by ':'"),
    WHOLE("min_tokens", "min_new_tokens", 0, 2147483647.0, "0 to 2147483647", MIN_TOKENS,
          min_tokens.min_tokens),
    OTHER("eos_token_id", NULL, set_ends, 0, 0, "token ids joined by ':'"),
    WHOLE("no_repeat_ngram_size", NULL, 0, 2147483647.0, "0 to 2147483647", NO_REPEAT_NGRAM,
          no_repeat_ngram.size),
    WHOLE("no_repeat_ngram_last_n", NULL, 0, PLUCK_MAX_LAST_N, "0 to 1048576", NO_REPEAT_NGRAM,
          no_repeat_ngram.last_n),
    OTHER("mirostat", NULL, set_mirostat, 0, 2, "0, 1 or 2"),
    REAL("mirostat_tau", "mirostat_ent", 0, 1e30, "0 to 1e30", MIROSTAT, mirostat.tau),
    REAL("mirostat_eta", "mirostat_lr", 0, 1e30, "0 to 1e30", MIROSTAT, mirostat.eta),
    REAL("adaptive_target", NULL, -1e30, 1, "up to 1, < 0 disables", ADAPTIVE_P, adaptive_p.target),
    REAL("adaptive_decay", NULL, 0, 1, "0 to 1", ADAPTIVE_P, adaptive_p.decay),
};

enum { N_KEYS = (int)(sizeof keys / sizeof *keys) };
_Static_assert((int)N_KEYS <= 64, "a bit of `given` for each key");

/* The number of the key of that name; N_KEYS if there is none. */
static int find_key(text name) {
    int i = 0;
    while (i < N_KEYS && !pk_text_equals(name, keys[i].name) &&
           !pk_text_equals(name, keys[i].alias))
        i++;
    return i;
}

static pluck_status set_preset(pluck_spec *s, const key *k, text value, pluck_error *err) {
    const preset *p = pk_preset_find(value);
    if (!p) return bad_value(k, value, err);
    if (s->given & (s->given - 1))
        return pk_fail(err, PLUCK_ERR_SPEC_VALUE,
                       "%s=%s comes after other keys, which it would undo; wanted: before them",
                       k->name, p->name);
    const uint64_t given = s->given;
    for (text rest = pk_text_of(p->defaults); rest.length > 0;)
        TRY(pk_spec_set(s, pk_text_cut(&rest, ";"), err));
    s->given = given;
    s->preset = p;
    return PLUCK_OK;
}

/* Sets a key, whose number is i. */
static pluck_status set_key(pluck_spec *s, int i, text pair, text value, pluck_error *err) {
    const key *k = &keys[i];
    if (s->given >> i & 1)
        return pk_fail(err, PLUCK_ERR_SPEC_DUPLICATE, "%.*s: %s is given twice",
                       pk_text_shown(pair), pair.at, k->name);
    s->given |= (uint64_t)1 << i;
    size_t gap;
    if (pk_text_has_gap(value, &gap))
        return pk_fail(err, PLUCK_ERR_SPEC_VALUE,
                       "%s=%.*s: there is nothing at character %lu of the value; wanted: %s",
                       k->name, pk_text_shown(value), value.at, (unsigned long)gap + 1, k->range);
    return k->set(s, k, value, err);
}

pluck_status pk_spec_set(pluck_spec *s, text pair, pluck_error *err) {
    text value = pair;
    const text name = pk_text_cut(&value, "=");
    if (name.length == pair.length || name.length == 0)
        return pk_fail(err, PLUCK_ERR_SPEC_SYNTAX, "'%.*s' is not key=value", pk_text_shown(pair),
                       pair.at);
    s->by = pk_preset_name(s->preset, name);
    const int i = find_key(s->by ? pk_text_of(s->by->key) : name);
    if (i == N_KEYS)
        return pk_fail(err, PLUCK_ERR_SPEC_KEY, "unknown key '%.*s' in '%.*s'", pk_text_shown(name),
                       name.at, pk_text_shown(pair), pair.at);
    TRY(set_key(s, i, pair, value, err));
    if (!s->by || !s->by->also) return PLUCK_OK;
    return set_key(s, find_key(pk_text_of(s->by->also)), pair, value, err);
}
