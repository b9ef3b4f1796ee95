/*
 * spec.c: from text to a config.
 *
 * spec     = "" | pair { ( ";" | "," ) pair }
 * pair     = key "=" value
 * Keys and their ranges are one table; names of samplers another. Numbers are parsed here, so that
 * the locale does not matter.
 */
#include "arithmetic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"
#include "fpenv.h"

/* What the keys set, at llama.cpp's defaults (common_params_sampling of v0.5.0). */
typedef struct settings {
    double seed, rng, min_keep;
    double temp, dynatemp_range, dynatemp_exponent;
    double top_k, top_p, min_p, typ_p, top_n_sigma;
    double top_a;
    double xtc_probability, xtc_threshold;
    double penalty_last_n, penalty_repeat, penalty_freq, penalty_present;
    double dry_multiplier, dry_base, dry_allowed_length, dry_penalty_last_n;
    double mirostat, mirostat_tau, mirostat_eta;
    double adaptive_target, adaptive_decay;
} settings;

static const settings defaults = {
    .seed = PLUCK_SEED_RANDOM,
    .temp = 0.8,
    .dynatemp_exponent = 1.0,
    .top_k = 40,
    .top_p = 0.95,
    .min_p = 0.05,
    .typ_p = 1.0,
    .top_n_sigma = -1.0,
    .xtc_threshold = 0.1,
    .penalty_last_n = 64,
    .penalty_repeat = 1.0,
    .dry_base = 1.75,
    .dry_allowed_length = 2,
    .dry_penalty_last_n = 64,
    .mirostat_tau = 5.0,
    .mirostat_eta = 0.1,
    .adaptive_target = -1.0,
    .adaptive_decay = 0.9,
};

typedef enum value_kind {
    KIND_REAL,
    KIND_INTEGER,
    KIND_RNG,
    KIND_SAMPLERS,
    KIND_BIAS,
    KIND_BREAKERS
} value_kind;

typedef struct key {
    const char *name, *alias; /* alias: llama.cpp's other spelling, or NULL */
    value_kind kind;
    size_t offset; /* in settings, of numbers */
    double low, high;
    const char *range; /* in words */
} key;

#define REAL(name, alias, member, low, high, range)                                                \
    { name, alias, KIND_REAL, offsetof(settings, member), low, high, range }
#define WHOLE(name, alias, member, low, high, range)                                               \
    { name, alias, KIND_INTEGER, offsetof(settings, member), low, high, range }

static const key keys[] = {
    WHOLE("seed", NULL, seed, 0, 4294967295.0, "0 to 4294967295"),
    {"rng", NULL, KIND_RNG, offsetof(settings, rng), 0, 0, "mt19937 or philox"},
    WHOLE("min_keep", NULL, min_keep, 0, 16777216, "0 to 16777216"),
    {"samplers", NULL, KIND_SAMPLERS, 0, 0, 0, "names of samplers joined by ':'"},
    {"logit_bias", NULL, KIND_BIAS, 0, 0, 0, "TOKEN+BIAS or TOKEN-BIAS joined by ':'"},
    REAL("temp", "temperature", temp, -1e30, 1e30, "a finite number up to 1e30"),
    REAL("dynatemp_range", NULL, dynatemp_range, 0, 1e30, "0 to 1e30"),
    REAL("dynatemp_exponent", NULL, dynatemp_exponent, 0, 1e30, "0 to 1e30"),
    WHOLE("top_k", NULL, top_k, -2147483648.0, 2147483647.0, "an integer, <= 0 for all"),
    REAL("top_p", NULL, top_p, 0, 1, "0 to 1"),
    REAL("min_p", NULL, min_p, 0, 1, "0 to 1"),
    REAL("top_a", NULL, top_a, 0, 1, "0 to 1"),
    REAL("typ_p", "typical_p", typ_p, 0, 1, "0 to 1"),
    REAL("top_n_sigma", NULL, top_n_sigma, -1e30, 1e30, "a finite number up to 1e30"),
    REAL("xtc_probability", NULL, xtc_probability, 0, 1, "0 to 1"),
    REAL("xtc_threshold", NULL, xtc_threshold, 0, 1, "0 to 1"),
    WHOLE("penalty_last_n", "repeat_last_n", penalty_last_n, 0, PLUCK_MAX_LAST_N, "0 to 1048576"),
    REAL("penalty_repeat", "repeat_penalty", penalty_repeat, 1e-30, 1e30, "1e-30 to 1e30"),
    REAL("penalty_freq", "frequency_penalty", penalty_freq, -1e30, 1e30, "-1e30 to 1e30"),
    REAL("penalty_present", "presence_penalty", penalty_present, -1e30, 1e30, "-1e30 to 1e30"),
    REAL("dry_multiplier", NULL, dry_multiplier, -1e30, 1e30, "-1e30 to 1e30"),
    REAL("dry_base", NULL, dry_base, -1e30, 1e30, "-1e30 to 1e30"),
    WHOLE("dry_allowed_length", NULL, dry_allowed_length, 0, 2147483647.0, "0 to 2147483647"),
    WHOLE("dry_penalty_last_n", NULL, dry_penalty_last_n, 0, PLUCK_MAX_LAST_N, "0 to 1048576"),
    {"dry_sequence_breakers", "dry_sequence_breaker", KIND_BREAKERS, 0, 0, 0,
     "token ids joined by '/', such sequences by ':'"},
    WHOLE("mirostat", NULL, mirostat, 0, 2, "0, 1 or 2"),
    REAL("mirostat_tau", "mirostat_ent", mirostat_tau, 0, 1e30, "0 to 1e30"),
    REAL("mirostat_eta", "mirostat_lr", mirostat_eta, 0, 1e30, "0 to 1e30"),
    REAL("adaptive_target", NULL, adaptive_target, -1e30, 1, "up to 1, < 0 disables"),
    REAL("adaptive_decay", NULL, adaptive_decay, 0, 1, "0 to 1"),
};

enum { N_KEYS = (int)(sizeof keys / sizeof *keys), MAX_SAMPLERS = PLUCK_MAX_STAGES - 2 };

/* Characters of a spec: what is sized by them stays far from overflow, where pointers have 32 bits
 * too. */
enum { MAX_TEXT = 1 << 26 };

/* Names in `samplers`. 0: named, but not to be had from text. */
static const struct {
    const char *name;
    pluck_stage_kind kind;
} sampler_names[] = {
    {"penalties", PLUCK_STAGE_PENALTIES},
    {"dry", PLUCK_STAGE_DRY},
    {"top_n_sigma", PLUCK_STAGE_TOP_N_SIGMA},
    {"top-n-sigma", PLUCK_STAGE_TOP_N_SIGMA},
    {"top_k", PLUCK_STAGE_TOP_K},
    {"top-k", PLUCK_STAGE_TOP_K},
    {"typ_p", PLUCK_STAGE_TYPICAL},
    {"typical_p", PLUCK_STAGE_TYPICAL},
    {"typical", PLUCK_STAGE_TYPICAL},
    {"typ-p", PLUCK_STAGE_TYPICAL},
    {"top_p", PLUCK_STAGE_TOP_P},
    {"top-p", PLUCK_STAGE_TOP_P},
    {"nucleus", PLUCK_STAGE_TOP_P},
    {"min_p", PLUCK_STAGE_MIN_P},
    {"min-p", PLUCK_STAGE_MIN_P},
    {"top_a", PLUCK_STAGE_TOP_A},
    {"xtc", PLUCK_STAGE_XTC},
    {"temperature", PLUCK_STAGE_TEMPERATURE},
    {"temp", PLUCK_STAGE_TEMPERATURE},
    {"adaptive_p", PLUCK_STAGE_ADAPTIVE_P},
    {"adaptive-p", PLUCK_STAGE_ADAPTIVE_P},
    {"infill", PLUCK_STAGE_INFILL},
};

static const pluck_stage_kind default_order[] = {
    PLUCK_STAGE_PENALTIES, PLUCK_STAGE_DRY,         PLUCK_STAGE_TOP_N_SIGMA, PLUCK_STAGE_TOP_K,
    PLUCK_STAGE_TOP_A,     PLUCK_STAGE_TYPICAL,     PLUCK_STAGE_TOP_P,       PLUCK_STAGE_MIN_P,
    PLUCK_STAGE_XTC,       PLUCK_STAGE_TEMPERATURE,
};

struct pluck_spec {
    settings values;
    bool given[N_KEYS];
    pluck_stage_kind order[MAX_SAMPLERS];
    int32_t n_order;
    int32_t n_vocab;
    pluck_config config;
    pluck_stage stages[PLUCK_MAX_STAGES];
    int32_t n_biases, n_breakers, n_tokens;
    pluck_logit_bias *biases;
    pluck_token_sequence *breakers;
    int32_t *tokens;
    /* Followed by the three arrays, each with an entry per character of the text. */
};

/* A piece of the spec. */
typedef struct text {
    const char *at;
    size_t length;
} text;

/* Sets the error and returns its status. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static pluck_status
fail(pluck_error *err, pluck_status status, const char *format, ...) {
    if (!err) return status;
    err->status = status;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

/* Length to print: a message has room for no more. */
static int shown(text t) {
    return t.length < 64 ? (int)t.length : 64;
}

static bool equals(text t, const char *name) {
    return name && strlen(name) == t.length && memcmp(t.at, name, t.length) == 0;
}

/* Cuts the piece up to a separator off the front of *rest. */
static text cut(text *rest, const char *separators) {
    text piece = {rest->at, 0};
    while (piece.length < rest->length && !strchr(separators, piece.at[piece.length]))
        piece.length++;
    const size_t used = piece.length + (piece.length < rest->length);
    rest->at += used;
    rest->length -= used;
    return piece;
}

/* Where a list's parts are split by a separator and one of them is missing: the first such place.
 */
static bool find_gap(text list, size_t *at) {
    bool awaited = list.length > 0;
    for (*at = 0; *at < list.length; ++*at) {
        const bool separator = strchr(":/", list.at[*at]) != NULL;
        if (separator && awaited) return true;
        awaited = separator;
    }
    return awaited;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* [+-] digits [. digits] [e [+-] digits], all of t. Too large a number becomes infinite. */
static bool parse_number(text t, bool integer, double *out) {
    size_t i = 0;
    bool negative = false;
    if (i < t.length && (t.at[i] == '+' || t.at[i] == '-')) negative = t.at[i++] == '-';
    uint64_t mantissa = 0;
    int64_t exponent = 0, digits = 0;
    for (bool point = false; i < t.length; i++) {
        if (t.at[i] == '.' && !point && !integer) {
            point = true;
            continue;
        }
        if (!is_digit(t.at[i])) break;
        digits++;
        if (mantissa < 100000000000000000u) {
            mantissa = 10 * mantissa + (uint64_t)(t.at[i] - '0');
            exponent -= point;
        } else {
            exponent += !point;
        }
    }
    if (digits == 0) return false;
    if (!integer && i < t.length && (t.at[i] == 'e' || t.at[i] == 'E')) {
        i++;
        bool down = false;
        if (i < t.length && (t.at[i] == '+' || t.at[i] == '-')) down = t.at[i++] == '-';
        int64_t e = 0;
        if (i >= t.length) return false;
        for (; i < t.length && is_digit(t.at[i]); i++)
            e = e < 100000 ? 10 * e + (t.at[i] - '0') : e;
        exponent += down ? -e : e;
    }
    if (i < t.length) return false;
    double value = (double)mantissa;
    /* Powers up to 10^22 are exact, and so is the result for the numbers people write. */
    const bool divide = exponent < 0;
    for (int64_t left = divide ? -exponent : exponent; left > 0 && value != 0.0; left -= 22) {
        const double power = left < 22 ? pow(10.0, (double)left) : 1e22;
        value = divide ? value / power : value * power;
        if (!(value < INFINITY)) break;
    }
    *out = negative ? -value : value;
    return true;
}

static pluck_status bad_value(const key *k, text value, pluck_error *err) {
    return fail(err, PLUCK_ERR_SPEC_VALUE, "%s=%.*s: not a value of this key; wanted: %s", k->name,
                shown(value), value.at, k->range);
}

static pluck_status set_number(pluck_spec *s, const key *k, text value, pluck_error *err) {
    double x;
    if (!parse_number(value, k->kind == KIND_INTEGER, &x)) return bad_value(k, value, err);
    if (!(x >= k->low && x <= k->high))
        return fail(err, PLUCK_ERR_SPEC_RANGE, "%s=%.*s is out of range; allowed: %s", k->name,
                    shown(value), value.at, k->range);
    *(double *)(void *)((char *)&s->values + k->offset) = x;
    return PLUCK_OK;
}

static pluck_status set_rng(pluck_spec *s, const key *k, text value, pluck_error *err) {
    if (equals(value, "mt19937"))
        s->values.rng = PLUCK_RNG_MT19937;
    else if (equals(value, "philox"))
        s->values.rng = PLUCK_RNG_PHILOX;
    else
        return bad_value(k, value, err);
    return PLUCK_OK;
}

static pluck_status set_samplers(pluck_spec *s, const key *k, text value, pluck_error *err) {
    s->n_order = 0;
    while (value.length > 0) {
        const text name = cut(&value, ":");
        pluck_stage_kind kind = (pluck_stage_kind)0;
        for (size_t i = 0; i < sizeof sampler_names / sizeof *sampler_names; i++)
            if (equals(name, sampler_names[i].name)) kind = sampler_names[i].kind;
        if ((int)kind == 0)
            return fail(err, PLUCK_ERR_SPEC_VALUE,
                        "%s: no sampler is called '%.*s'; there are penalties, dry, top_n_sigma, "
                        "top_k, top_a, typ_p, top_p, min_p, xtc, temperature, adaptive_p",
                        k->name, shown(name), name.at);
        if (kind == PLUCK_STAGE_INFILL)
            return fail(err, PLUCK_ERR_SPEC_VALUE,
                        "%s: infill reads a vocabulary, which text cannot give", k->name);
        if (s->n_order == MAX_SAMPLERS)
            return fail(err, PLUCK_ERR_SPEC_RANGE, "%s: more than %d names", k->name,
                        (int)MAX_SAMPLERS);
        s->order[s->n_order++] = kind;
    }
    return PLUCK_OK;
}

/* A token id of the vocabulary. */
static pluck_status parse_token(const pluck_spec *s, const key *k, text t, int32_t *out,
                                pluck_error *err) {
    double id;
    if (t.length == 0 || !is_digit(t.at[0]) || !parse_number(t, true, &id))
        return bad_value(k, t, err);
    if (id >= (double)s->n_vocab)
        return fail(err, PLUCK_ERR_TOKEN, "%s: token %.*s is outside the vocabulary of %d", k->name,
                    shown(t), t.at, (int)s->n_vocab);
    *out = (int32_t)id;
    return PLUCK_OK;
}

static pluck_status set_biases(pluck_spec *s, const key *k, text value, pluck_error *err) {
    if (value.length == 0) return bad_value(k, value, err);
    while (value.length > 0) {
        const text pair = cut(&value, ":");
        text id = {pair.at, 0};
        while (id.length < pair.length && is_digit(id.at[id.length])) id.length++;
        const text number = {pair.at + id.length, pair.length - id.length};
        if (id.length == 0) return bad_value(k, pair, err);
        int32_t token;
        TRY(parse_token(s, k, id, &token, err));
        double bias = -INFINITY;
        const bool is_signed = number.length > 0 && (number.at[0] == '+' || number.at[0] == '-');
        if (!equals(number, "-inf") && (!is_signed || !parse_number(number, false, &bias)))
            return bad_value(k, pair, err);
        if (!equals(number, "-inf") && !(fabs(bias) <= 1e30))
            return fail(err, PLUCK_ERR_SPEC_RANGE,
                        "%s: bias %.*s is out of range; allowed: -1e30 to "
                        "1e30, or -inf",
                        k->name, shown(number), number.at);
        s->biases[s->n_biases++] = (pluck_logit_bias){token, (float)bias};
    }
    return PLUCK_OK;
}

static pluck_status set_breakers(pluck_spec *s, const key *k, text value, pluck_error *err) {
    if (equals(value, "none")) return PLUCK_OK;
    if (value.length == 0) return bad_value(k, value, err);
    while (value.length > 0) {
        text sequence = cut(&value, ":");
        pluck_token_sequence *b = &s->breakers[s->n_breakers++];
        *b = (pluck_token_sequence){s->tokens + s->n_tokens, 0};
        while (sequence.length > 0) {
            if (b->n_tokens == PLUCK_MAX_BREAKER)
                return fail(err, PLUCK_ERR_SPEC_RANGE, "%s: a sequence of more than %d tokens",
                            k->name, (int)PLUCK_MAX_BREAKER);
            const text token = cut(&sequence, "/");
            TRY(parse_token(s, k, token, &s->tokens[s->n_tokens], err));
            s->n_tokens++;
            b->n_tokens++;
        }
    }
    return PLUCK_OK;
}

static pluck_status set_pair(pluck_spec *s, text pair, pluck_error *err) {
    text value = pair;
    const text name = cut(&value, "=");
    if (name.length == pair.length || name.length == 0)
        return fail(err, PLUCK_ERR_SPEC_SYNTAX, "'%.*s' is not key=value", shown(pair), pair.at);
    int32_t i = 0;
    while (i < N_KEYS && !equals(name, keys[i].name) && !equals(name, keys[i].alias)) i++;
    if (i == N_KEYS)
        return fail(err, PLUCK_ERR_SPEC_KEY, "unknown key '%.*s' in '%.*s'", shown(name), name.at,
                    shown(pair), pair.at);
    const key *k = &keys[i];
    if (s->given[i])
        return fail(err, PLUCK_ERR_SPEC_DUPLICATE, "%.*s: %s stands twice", shown(pair), pair.at,
                    k->name);
    s->given[i] = true;
    size_t gap;
    if (find_gap(value, &gap))
        return fail(err, PLUCK_ERR_SPEC_VALUE,
                    "%s=%.*s: nothing stands at character %zu of the value; wanted: %s", k->name,
                    shown(value), value.at, gap + 1, k->range);
    switch (k->kind) {
    case KIND_REAL:
    case KIND_INTEGER:
        return set_number(s, k, value, err);
    case KIND_RNG:
        return set_rng(s, k, value, err);
    case KIND_SAMPLERS:
        return set_samplers(s, k, value, err);
    case KIND_BIAS:
        return set_biases(s, k, value, err);
    case KIND_BREAKERS:
        return set_breakers(s, k, value, err);
    }
    return PLUCK_ERR_SPEC_KEY;
}

/* The parameters of one stage of the chain. */
static pluck_stage make_stage(const pluck_spec *s, pluck_stage_kind kind) {
    const settings *v = &s->values;
    const int32_t min_keep = (int32_t)v->min_keep;
    pluck_stage stage = {.kind = kind};
    switch (kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        stage.as.logit_bias = (pluck_stage_logit_bias){s->biases, s->n_biases};
        break;
    case PLUCK_STAGE_PENALTIES:
        stage.as.penalties =
            (pluck_stage_penalties){(int32_t)v->penalty_last_n, (float)v->penalty_repeat,
                                    (float)v->penalty_freq, (float)v->penalty_present};
        break;
    case PLUCK_STAGE_DRY:
        stage.as.dry = (pluck_stage_dry){
            (float)v->dry_multiplier,       (float)v->dry_base, (int32_t)v->dry_allowed_length,
            (int32_t)v->dry_penalty_last_n, s->breakers,        s->n_breakers};
        break;
    case PLUCK_STAGE_TOP_N_SIGMA:
        stage.as.top_n_sigma.n = (float)v->top_n_sigma;
        break;
    case PLUCK_STAGE_TOP_K:
        stage.as.top_k.k = (int32_t)v->top_k;
        break;
    case PLUCK_STAGE_TYPICAL:
        stage.as.typical = (pluck_stage_mass){(float)v->typ_p, min_keep};
        break;
    case PLUCK_STAGE_TOP_P:
        stage.as.top_p = (pluck_stage_mass){(float)v->top_p, min_keep};
        break;
    case PLUCK_STAGE_MIN_P:
        stage.as.min_p = (pluck_stage_mass){(float)v->min_p, min_keep};
        break;
    case PLUCK_STAGE_TOP_A:
        stage.as.top_a = (pluck_stage_top_a){(float)v->top_a, min_keep};
        break;
    case PLUCK_STAGE_XTC:
        stage.as.xtc = (pluck_stage_xtc){(float)v->xtc_probability, (float)v->xtc_threshold,
                                         min_keep, PLUCK_SEED_RANDOM};
        break;
    case PLUCK_STAGE_TEMPERATURE:
        stage.as.temperature = (pluck_stage_temperature){(float)v->temp, (float)v->dynatemp_range,
                                                         (float)v->dynatemp_exponent};
        break;
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        stage.as.mirostat = (pluck_stage_mirostat){(float)v->mirostat_tau, (float)v->mirostat_eta,
                                                   100, PLUCK_SEED_RANDOM};
        break;
    case PLUCK_STAGE_ADAPTIVE_P:
        stage.as.adaptive_p = (pluck_stage_adaptive_p){(float)v->adaptive_target,
                                                       (float)v->adaptive_decay, PLUCK_SEED_RANDOM};
        break;
    case PLUCK_STAGE_DIST:
        stage.as.dist.seed = PLUCK_SEED_RANDOM;
        break;
    default:
        break;
    }
    return stage;
}

static void add_stage(pluck_spec *s, pluck_stage_kind kind) {
    s->stages[s->config.n_stages++] = make_stage(s, kind);
}

static void build_chain(pluck_spec *s) {
    s->config = (pluck_config){
        .n_vocab = s->n_vocab,
        .seed = (uint32_t)s->values.seed,
        .rng = (pluck_rng_kind)(int)s->values.rng,
        .stages = s->stages,
    };
    if (s->n_biases > 0) add_stage(s, PLUCK_STAGE_LOGIT_BIAS);
    if (s->values.mirostat > 0.0) {
        add_stage(s, PLUCK_STAGE_TEMPERATURE);
        s->stages[s->config.n_stages - 1].as.temperature.range = 0.0f;
        add_stage(s, s->values.mirostat > 1.0 ? PLUCK_STAGE_MIROSTAT_V2 : PLUCK_STAGE_MIROSTAT);
        return;
    }
    bool adaptive = s->values.adaptive_target >= 0.0;
    for (int32_t i = 0; i < s->n_order; i++) {
        if (s->order[i] == PLUCK_STAGE_ADAPTIVE_P)
            adaptive = true;
        else
            add_stage(s, s->order[i]);
    }
    add_stage(s, adaptive ? PLUCK_STAGE_ADAPTIVE_P : PLUCK_STAGE_DIST);
}

static PK_APART pluck_status parse(pluck_spec **out, const char *spec, int32_t n_vocab,
                                   pluck_error *err) {
    if (!out || !spec) return fail(err, PLUCK_ERR_NULL, "out or spec is NULL");
    if (pluck_workspace_size(n_vocab) == 0)
        return fail(err, PLUCK_ERR_VOCAB, "n_vocab=%d is out of range; allowed: 1 to 16777216",
                    (int)n_vocab);
    const size_t entries = strlen(spec) + 1;
    if (entries > MAX_TEXT)
        return fail(err, PLUCK_ERR_SIZE, "the spec has %d characters or more", (int)MAX_TEXT);
    const size_t arrays = sizeof(pluck_token_sequence) + sizeof(pluck_logit_bias) + sizeof(int32_t);
    pluck_spec *s = malloc(round_up(sizeof *s, 16) + entries * arrays);
    if (!s) return fail(err, PLUCK_ERR_MEMORY, "out of memory");
    memset(s, 0, sizeof *s);
    char *at = (char *)s + round_up(sizeof *s, 16);
    s->breakers = (pluck_token_sequence *)(void *)at;
    s->biases = (pluck_logit_bias *)(void *)(at + entries * sizeof *s->breakers);
    s->tokens = (int32_t *)(void *)(s->biases + entries);
    s->values = defaults;
    s->n_vocab = n_vocab;
    s->n_order = (int32_t)(sizeof default_order / sizeof *default_order);
    memcpy(s->order, default_order, sizeof default_order);
    text rest = {spec, strlen(spec)};
    pluck_status status = PLUCK_OK;
    while (rest.length > 0 && status == PLUCK_OK) {
        const text all = rest;
        const text pair = cut(&rest, ";,");
        if (pair.length == 0)
            status =
                fail(err, PLUCK_ERR_SPEC_SYNTAX, "nothing stands before the '%c' at character %zu",
                     *pair.at, (size_t)(pair.at - spec) + 1);
        else
            status = set_pair(s, pair, err);
        if (status == PLUCK_OK && rest.length == 0 && pair.length < all.length)
            status = fail(err, PLUCK_ERR_SPEC_SYNTAX, "nothing stands after the last '%c'",
                          all.at[pair.length]);
    }
    if (status != PLUCK_OK) {
        free(s);
        return status;
    }
    build_chain(s);
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
    if (!out) return fail(err, PLUCK_ERR_NULL, "out is NULL");
    pluck_spec *parsed = NULL;
    TRY(pluck_spec_parse(&parsed, spec, n_vocab, err));
    const pluck_status status = pluck_sampler_create(out, &parsed->config);
    pluck_spec_free(parsed);
    if (status != PLUCK_OK) return fail(err, status, "%s", pluck_status_string(status));
    return PLUCK_OK;
}
