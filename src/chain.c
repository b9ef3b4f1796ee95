/*
 * chain.c: what there is to know of each kind of stage: ranges, disabled values, state. The
 * functions themselves are in stages/.
 */
#include "chain.h"

static bool is_finite(float x) {
    return isfinite(x);
}

static pluck_status in_range(bool ok) {
    return ok ? PLUCK_OK : PLUCK_ERR_PARAM;
}

static bool unit(float x) {
    return x >= 0.0f && x <= 1.0f;
}

static bool valid_last_n(int32_t n) {
    return n >= 0 && n <= PLUCK_MAX_LAST_N;
}

/* ---- logit bias ---- */

static pluck_status check_logit_bias(const pluck_stage *stage, int32_t n_vocab) {
    const pluck_stage_logit_bias *s = &stage->as.logit_bias;
    if (s->n_biases < 0) return PLUCK_ERR_SIZE;
    if (s->n_biases > 0 && !s->biases) return PLUCK_ERR_NULL;
    for (int32_t i = 0; i < s->n_biases; i++) {
        if (s->biases[i].token < 0 || s->biases[i].token >= n_vocab) return PLUCK_ERR_TOKEN;
        TRY(in_range(s->biases[i].bias < INFINITY));
    }
    return PLUCK_OK;
}

static bool no_logit_bias(const pluck_stage *stage) {
    return stage->as.logit_bias.n_biases == 0;
}

/* ---- penalties ---- */

static pluck_status check_penalties(const pluck_stage *stage, int32_t n_vocab) {
    const pluck_stage_penalties *s = &stage->as.penalties;
    (void)n_vocab;
    return in_range(valid_last_n(s->last_n) && is_finite(s->repeat) && s->repeat > 0.0f &&
                    is_finite(1.0f / s->repeat) && is_finite(s->freq) && is_finite(s->present));
}

static bool no_penalties(const pluck_stage *stage) {
    const pluck_stage_penalties *s = &stage->as.penalties;
    return s->last_n == 0 || (s->repeat == 1.0f && s->freq == 0.0f && s->present == 0.0f);
}

static int32_t penalties_last_n(const pluck_stage *stage) {
    return stage->as.penalties.last_n;
}

static int32_t penalties_scratch(const pluck_stage *stage) {
    return 2 * (stage->as.penalties.last_n + 1);
}

/* ---- DRY ---- */

static pluck_status check_dry(const pluck_stage *stage, int32_t n_vocab) {
    const pluck_stage_dry *s = &stage->as.dry;
    TRY(in_range(is_finite(s->multiplier) && is_finite(s->base) && s->allowed_length >= 0 &&
                 valid_last_n(s->last_n)));
    if (s->n_breakers < 0) return PLUCK_ERR_SIZE;
    if (s->n_breakers > 0 && !s->breakers) return PLUCK_ERR_NULL;
    for (int32_t i = 0; i < s->n_breakers; i++) {
        const pluck_token_sequence *b = &s->breakers[i];
        if (b->n_tokens < 1 || b->n_tokens > PLUCK_MAX_BREAKER) return PLUCK_ERR_SIZE;
        if (!b->tokens) return PLUCK_ERR_NULL;
        for (int32_t j = 0; j < b->n_tokens; j++)
            if (b->tokens[j] < 0 || b->tokens[j] >= n_vocab) return PLUCK_ERR_TOKEN;
    }
    return PLUCK_OK;
}

static bool no_dry(const pluck_stage *stage) {
    const pluck_stage_dry *s = &stage->as.dry;
    return s->multiplier == 0.0f || s->base < 1.0f || s->last_n == 0;
}

static int32_t dry_last_n(const pluck_stage *stage) {
    return stage->as.dry.last_n;
}

/* ---- truncations ---- */

static pluck_status check_top_n_sigma(const pluck_stage *stage, int32_t n_vocab) {
    (void)n_vocab;
    return in_range(!isnan(stage->as.top_n_sigma.n));
}

static bool no_top_n_sigma(const pluck_stage *stage) {
    return stage->as.top_n_sigma.n <= 0.0f;
}

static bool no_top_k(const pluck_stage *stage) {
    return stage->as.top_k.k <= 0;
}

/* typical, top-p and min-p share their parameters' type and so the member of the union. */
static pluck_status check_mass(const pluck_stage *stage, int32_t n_vocab) {
    const pluck_stage_mass *s = &stage->as.top_p;
    (void)n_vocab;
    return in_range(unit(s->p) && s->min_keep >= 0);
}

static bool mass_is_one(const pluck_stage *stage) {
    return stage->as.top_p.p >= 1.0f;
}

static bool mass_is_zero(const pluck_stage *stage) {
    return stage->as.min_p.p <= 0.0f;
}

static pluck_status check_xtc(const pluck_stage *stage, int32_t n_vocab) {
    const pluck_stage_xtc *s = &stage->as.xtc;
    (void)n_vocab;
    return in_range(unit(s->probability) && unit(s->threshold) && s->min_keep >= 0);
}

static bool no_xtc(const pluck_stage *stage) {
    return stage->as.xtc.probability <= 0.0f || stage->as.xtc.threshold > 0.5f;
}

/* ---- temperature ---- */

static pluck_status check_temperature(const pluck_stage *stage, int32_t n_vocab) {
    const pluck_stage_temperature *s = &stage->as.temperature;
    (void)n_vocab;
    return in_range(is_finite(s->t) && is_finite(s->range) && s->range >= 0.0f &&
                    is_finite(s->exponent) && s->exponent >= 0.0f);
}

static bool no_temperature(const pluck_stage *stage) {
    return stage->as.temperature.t == 1.0f && stage->as.temperature.range <= 0.0f;
}

/* ---- callbacks ---- */

static pluck_status check_infill(const pluck_stage *stage, int32_t n_vocab) {
    const pluck_stage_infill *s = &stage->as.infill;
    if (!s->piece || !s->is_eog) return PLUCK_ERR_NULL;
    return s->eot >= 0 && s->eot < n_vocab ? PLUCK_OK : PLUCK_ERR_TOKEN;
}

static pluck_status check_custom(const pluck_stage *stage, int32_t n_vocab) {
    (void)n_vocab;
    return stage->as.custom.apply ? PLUCK_OK : PLUCK_ERR_NULL;
}

static void reset_custom(const pluck_stage *stage, stage_memory *memory) {
    if (stage->as.custom.reset) stage->as.custom.reset(memory->custom);
}

static void accept_custom(const pluck_stage *stage, stage_memory *memory, int32_t token) {
    if (stage->as.custom.accept) stage->as.custom.accept(memory->custom, token);
}

/* ---- draws ---- */

static pluck_status check_mirostat(const pluck_stage *stage, int32_t n_vocab) {
    const pluck_stage_mirostat *s = &stage->as.mirostat;
    (void)n_vocab;
    return in_range(is_finite(s->tau) && s->tau >= 0.0f && is_finite(s->eta) && s->eta >= 0.0f &&
                    (stage->kind != PLUCK_STAGE_MIROSTAT || s->m >= 2));
}

static void reset_mirostat(const pluck_stage *stage, stage_memory *memory) {
    memory->mu = 2.0 * (double)stage->as.mirostat.tau;
}

static pluck_status check_adaptive_p(const pluck_stage *stage, int32_t n_vocab) {
    const pluck_stage_adaptive_p *s = &stage->as.adaptive_p;
    (void)n_vocab;
    return in_range(is_finite(s->target) && s->target <= 1.0f && unit(s->decay));
}

static double decay_of(const pluck_stage *stage) {
    return fmin((double)stage->as.adaptive_p.decay, (double)0.99f);
}

static void reset_adaptive_p(const pluck_stage *stage, stage_memory *memory) {
    const double weight = 1.0 / (1.0 - decay_of(stage));
    memory->adaptive.weighted_sum = (double)stage->as.adaptive_p.target * weight;
    memory->adaptive.total_weight = weight;
    memory->adaptive.pending_token = -1;
}

static void accept_adaptive_p(const pluck_stage *stage, stage_memory *memory, int32_t token) {
    if (memory->adaptive.pending_token == token) {
        const double decay = decay_of(stage);
        memory->adaptive.weighted_sum =
            memory->adaptive.pending_probability + decay * memory->adaptive.weighted_sum;
        memory->adaptive.total_weight = 1.0 + decay * memory->adaptive.total_weight;
    }
    memory->adaptive.pending_token = -1;
}

/* ---- the table ---- */

static const stage_kind kinds[] = {
    [PLUCK_STAGE_LOGIT_BIAS] = {.name = "logit_bias",
                                .apply = stage_logit_bias,
                                .check = check_logit_bias,
                                .disabled = no_logit_bias},
    [PLUCK_STAGE_PENALTIES] = {.name = "penalties",
                               .apply = stage_penalties,
                               .check = check_penalties,
                               .disabled = no_penalties,
                               .last_n = penalties_last_n,
                               .counted = true,
                               .scratch = penalties_scratch},
    [PLUCK_STAGE_DRY] = {.name = "dry",
                         .apply = stage_dry,
                         .check = check_dry,
                         .disabled = no_dry,
                         .last_n = dry_last_n,
                         .scratch = dry_scratch},
    [PLUCK_STAGE_TOP_N_SIGMA] = {.name = "top_n_sigma",
                                 .apply = stage_top_n_sigma,
                                 .check = check_top_n_sigma,
                                 .disabled = no_top_n_sigma},
    [PLUCK_STAGE_TOP_K] = {.name = "top_k", .apply = stage_top_k, .disabled = no_top_k},
    [PLUCK_STAGE_TYPICAL] = {.name = "typ_p",
                             .apply = stage_typical,
                             .check = check_mass,
                             .disabled = mass_is_one},
    [PLUCK_STAGE_TOP_P] = {.name = "top_p",
                           .apply = stage_top_p,
                           .check = check_mass,
                           .disabled = mass_is_one},
    [PLUCK_STAGE_MIN_P] = {.name = "min_p",
                           .apply = stage_min_p,
                           .check = check_mass,
                           .disabled = mass_is_zero,
                           .takes_cut = true},
    [PLUCK_STAGE_XTC] =
        {.name = "xtc", .apply = stage_xtc, .check = check_xtc, .disabled = no_xtc, .random = true},
    [PLUCK_STAGE_TEMPERATURE] = {.name = "temperature",
                                 .apply = stage_temperature,
                                 .check = check_temperature,
                                 .disabled = no_temperature,
                                 .takes_cut = true},
    [PLUCK_STAGE_INFILL] = {.name = "infill", .apply = stage_infill, .check = check_infill},
    [PLUCK_STAGE_CUSTOM] = {.name = "custom",
                            .apply = stage_custom,
                            .check = check_custom,
                            .selects = true,
                            .reset = reset_custom,
                            .accept = accept_custom},
    [PLUCK_STAGE_GREEDY] = {.name = "greedy",
                            .apply = stage_greedy,
                            .selects = true,
                            .takes_cut = true},
    [PLUCK_STAGE_DIST] =
        {.name = "dist", .apply = stage_dist, .random = true, .selects = true, .takes_cut = true},
    [PLUCK_STAGE_MIROSTAT] = {.name = "mirostat",
                              .apply = stage_mirostat,
                              .check = check_mirostat,
                              .random = true,
                              .selects = true,
                              .reset = reset_mirostat},
    [PLUCK_STAGE_MIROSTAT_V2] = {.name = "mirostat_v2",
                                 .apply = stage_mirostat_v2,
                                 .check = check_mirostat,
                                 .random = true,
                                 .selects = true,
                                 .reset = reset_mirostat},
    [PLUCK_STAGE_ADAPTIVE_P] = {.name = "adaptive_p",
                                .apply = stage_adaptive_p,
                                .check = check_adaptive_p,
                                .random = true,
                                .selects = true,
                                .reset = reset_adaptive_p,
                                .accept = accept_adaptive_p},
};

const stage_kind *stage_kind_of(pluck_stage_kind kind) {
    const int k = (int)kind;
    return k >= 1 && k < (int)(sizeof kinds / sizeof *kinds) ? &kinds[k] : NULL;
}

bool pluck_stage_describe(const pluck_stage *stage, pluck_stage_traits *traits) {
    const stage_kind *kind = stage && traits ? stage_kind_of(stage->kind) : NULL;
    if (!kind) return false;
    *traits = (pluck_stage_traits){
        .name = kind->name,
        .disabled = kind->disabled && kind->disabled(stage),
        .random = kind->random,
        .selects = kind->selects,
        .keeps_history = kind->last_n != NULL,
    };
    return true;
}

uint32_t stage_own_seed(const pluck_stage *stage) {
    switch (stage->kind) {
    case PLUCK_STAGE_XTC:
        return stage->as.xtc.seed;
    case PLUCK_STAGE_DIST:
        return stage->as.dist.seed;
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        return stage->as.mirostat.seed;
    case PLUCK_STAGE_ADAPTIVE_P:
        return stage->as.adaptive_p.seed;
    default:
        return PLUCK_SEED_RANDOM;
    }
}
