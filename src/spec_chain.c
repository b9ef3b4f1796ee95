/* spec_chain.c: the defaults of a spec, and the chain that is made of its keys. */
#include "arithmetic.h"

#include "error.h"
#include "spec.h"

static const pluck_stage_kind default_samplers[] = {
    PLUCK_STAGE_GUIDANCE,
    PLUCK_STAGE_CONTRASTIVE,
    PLUCK_STAGE_MIN_TOKENS,
    PLUCK_STAGE_BAD_WORDS,
    PLUCK_STAGE_NO_REPEAT_NGRAM,
    PLUCK_STAGE_PENALTIES,
    PLUCK_STAGE_DRY,
    PLUCK_STAGE_TOP_N_SIGMA,
    PLUCK_STAGE_TOP_K,
    PLUCK_STAGE_TOP_A,
    PLUCK_STAGE_TFS,
    PLUCK_STAGE_TYPICAL,
    PLUCK_STAGE_TOP_P,
    PLUCK_STAGE_EPSILON_CUTOFF,
    PLUCK_STAGE_ETA_CUTOFF,
    PLUCK_STAGE_TOP_H,
    PLUCK_STAGE_MIN_P,
    PLUCK_STAGE_MIN_K,
    PLUCK_STAGE_XTC,
    PLUCK_STAGE_TEMPERATURE,
    PLUCK_STAGE_SMOOTHING,
    PLUCK_STAGE_P_LESS,
    PLUCK_STAGE_P_LESS_NORM,
};

const pluck_stage_kind *pk_spec_default_samplers(int32_t *n) {
    *n = (int32_t)(sizeof default_samplers / sizeof *default_samplers);
    return default_samplers;
}

void pk_spec_start(pluck_spec *s, int32_t n_vocab) {
    s->config = (pluck_config){
        .n_vocab = n_vocab,
        .seed = PLUCK_SEED_RANDOM,
        .rng = PLUCK_RNG_MT19937,
        .stages = s->stages,
    };
    for (int kind = 1; kind <= N_STAGE_KINDS; kind++) {
        s->parameters[kind] = pk_stage_kind((pluck_stage_kind)kind)->defaults;
        s->parameters[kind].kind = (pluck_stage_kind)kind;
    }
    s->low = s->high = 1.0f;
    s->n_samplers = (int32_t)(sizeof default_samplers / sizeof *default_samplers);
    memcpy(s->samplers, default_samplers, sizeof default_samplers);
}

static void add_stage(pluck_spec *s, pluck_stage stage) {
    PLUCK_ASSERT(s->config.n_stages < PLUCK_MAX_STAGES);
    s->stages[s->config.n_stages++] = stage;
}

/* vLLM's penalties are two stages: repetition over prompt and output, the others over the output. */
static void add_penalties(pluck_spec *s, pluck_stage stage) {
    pluck_stage repeat = stage;
    pluck_stage_penalties *p = &stage.as.penalties;
    if (p->output_only && p->repeat != 1.0f) {
        repeat.as.penalties.freq = repeat.as.penalties.present = 0.0f;
        repeat.as.penalties.output_only = 0;
        add_stage(s, repeat);
        if (p->freq == 0.0f && p->present == 0.0f) return;
        p->repeat = 1.0f;
    }
    add_stage(s, stage);
}

/* How many stages the samplers become at most. */
static int32_t most_stages(const pluck_spec *s) {
    int32_t n = s->n_samplers;
    for (int32_t i = 0; i < s->n_samplers; i++) n += s->samplers[i] == PLUCK_STAGE_PENALTIES;
    return n;
}

/* Mirostat replaces all other samplers but the plain temperature, as in llama.cpp, and what
 * combines two rows. */
static void add_mirostat(pluck_spec *s) {
    pluck_stage temperature = s->parameters[PLUCK_STAGE_TEMPERATURE];
    temperature.as.temperature.range = 0.0f;
    add_stage(s, temperature);
    pluck_stage mirostat = s->parameters[PLUCK_STAGE_MIROSTAT];
    if (s->mirostat == 2) mirostat.kind = PLUCK_STAGE_MIROSTAT_V2;
    add_stage(s, mirostat);
}

/* Whether a stage is disabled and not known to llama.cpp. It is left out, so that the chain is
 * llama.cpp's. */
static bool is_foreign_and_idle(const pluck_stage *stage) {
    pluck_stage_traits traits;
    return stage->kind >= PLUCK_STAGE_TOP_A && pluck_stage_describe(stage, &traits) &&
           traits.disabled;
}

/* Whether a kind changes or masks single tokens, so that it counts without sampling, too. */
static bool edits(pluck_stage_kind kind) {
    return kind == PLUCK_STAGE_PENALTIES || kind == PLUCK_STAGE_DRY ||
           kind == PLUCK_STAGE_MIN_TOKENS || kind == PLUCK_STAGE_BAD_WORDS ||
           kind == PLUCK_STAGE_NO_REPEAT_NGRAM;
}

static bool joins(pluck_stage_kind kind) {
    return pk_stage_kind(kind)->joins;
}

/* Adds the stage that combines two rows, if there is one; it comes before the biases. */
static pluck_status add_joining(pluck_spec *s, pluck_error *err) {
    const char *before = NULL;
    for (int32_t i = 0; i < s->n_samplers; i++) {
        const pluck_stage *stage = &s->parameters[s->samplers[i]];
        const char *name = pk_stage_kind(stage->kind)->name;
        if (joins(stage->kind) && is_foreign_and_idle(stage)) continue;
        if (joins(stage->kind)) {
            if (before)
                return pk_fail(
                    err, PLUCK_ERR_SPEC_RANGE,
                    "samplers: %s combines two rows and must come first; before it is %s", name,
                    before);
            add_stage(s, *stage);
        }
        before = name;
    }
    return PLUCK_OK;
}

static void add_samplers(pluck_spec *s) {
    for (int32_t i = 0; i < s->n_samplers; i++) {
        const pluck_stage *stage = &s->parameters[s->samplers[i]];
        if (joins(stage->kind)) continue;
        if (stage->kind == PLUCK_STAGE_ADAPTIVE_P || (s->greedy && !edits(stage->kind))) continue;
        if (stage->kind == PLUCK_STAGE_PENALTIES)
            add_penalties(s, *stage);
        else if (!is_foreign_and_idle(stage))
            add_stage(s, *stage);
    }
}

/* The kind of the stage that draws. */
static pluck_stage_kind drawing(const pluck_spec *s) {
    bool adaptive = s->parameters[PLUCK_STAGE_ADAPTIVE_P].as.adaptive_p.target >= 0.0f;
    for (int32_t i = 0; i < s->n_samplers; i++)
        adaptive |= s->samplers[i] == PLUCK_STAGE_ADAPTIVE_P;
    if (s->greedy) return PLUCK_STAGE_GREEDY;
    if (adaptive) return PLUCK_STAGE_ADAPTIVE_P;
    const bool skewed = s->parameters[PLUCK_STAGE_SKEW].as.skew.skew != 0.0f;
    return skewed ? PLUCK_STAGE_SKEW : PLUCK_STAGE_DIST;
}

/* text-generation-webui's dynamic temperature, from low to high. */
static pluck_status make_dynamic(pluck_spec *s, pluck_error *err) {
    pluck_stage_temperature *t = &s->parameters[PLUCK_STAGE_TEMPERATURE].as.temperature;
    if (!s->dynamic) return PLUCK_OK;
    if (s->low > s->high)
        return pk_fail(err, PLUCK_ERR_SPEC_RANGE, "dynatemp_low=%g is above dynatemp_high=%g",
                       (double)s->low, (double)s->high);
    t->t = (s->low + s->high) / 2.0f;
    t->range = (s->high - s->low) / 2.0f;
    return PLUCK_OK;
}

pluck_status pk_spec_finish(pluck_spec *s, pluck_error *err) {
    pluck_stage *parameters = s->parameters;
    if (parameters[PLUCK_STAGE_PENALTIES].as.penalties.output_only && most_stages(s) > MAX_SAMPLERS)
        return pk_fail(err, PLUCK_ERR_SPEC_RANGE,
                       "samplers: more than %d stages; penalty_output_only=1 makes two of each "
                       "penalties",
                       (int)MAX_SAMPLERS);
    TRY(make_dynamic(s, err));
    parameters[PLUCK_STAGE_LOGIT_BIAS].as.logit_bias =
        (pluck_stage_logit_bias){s->biases, s->n_biases};
    TRY(add_joining(s, err));
    if (s->n_biases > 0) add_stage(s, parameters[PLUCK_STAGE_LOGIT_BIAS]);
    if (s->mirostat > 0 && !s->greedy) {
        add_mirostat(s);
        return PLUCK_OK;
    }
    add_samplers(s);
    add_stage(s, parameters[drawing(s)]);
    return PLUCK_OK;
}
