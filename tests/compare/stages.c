/*
 * stages.c: shorthand for stages, and chains as text.
 */
#include "compare.h"

#include <stdio.h>
#include <string.h>

pluck_stage with_top_k(int32_t k) {
    return (pluck_stage){.kind = PLUCK_STAGE_TOP_K, .as.top_k = {k}};
}
pluck_stage with_top_p(float p, int32_t min_keep) {
    return (pluck_stage){.kind = PLUCK_STAGE_TOP_P, .as.top_p = {p, min_keep}};
}
pluck_stage with_top_a(float a, int32_t min_keep) {
    return (pluck_stage){.kind = PLUCK_STAGE_TOP_A, .as.top_a = {a, min_keep}};
}
pluck_stage with_epsilon_cutoff(float epsilon, int32_t min_keep) {
    return (pluck_stage){.kind = PLUCK_STAGE_EPSILON_CUTOFF,
                         .as.epsilon_cutoff = {epsilon, min_keep}};
}
pluck_stage with_eta_cutoff(float epsilon, int32_t min_keep) {
    return (pluck_stage){.kind = PLUCK_STAGE_ETA_CUTOFF, .as.eta_cutoff = {epsilon, min_keep}};
}
pluck_stage with_p_less(bool norm) {
    if (norm) return (pluck_stage){.kind = PLUCK_STAGE_P_LESS_NORM, .as.p_less_norm = {1}};
    return (pluck_stage){.kind = PLUCK_STAGE_P_LESS, .as.p_less = {1}};
}

pluck_stage with_tfs(float z, int32_t min_keep, int32_t extra) {
    return (pluck_stage){.kind = PLUCK_STAGE_TFS, .as.tfs = {z, min_keep, extra}};
}
pluck_stage with_top_h(float alpha) {
    return (pluck_stage){.kind = PLUCK_STAGE_TOP_H, .as.top_h = {alpha}};
}
pluck_stage with_min_k(float tau) {
    return (pluck_stage){.kind = PLUCK_STAGE_MIN_K, .as.min_k = {tau}};
}
pluck_stage with_smoothing(float factor, float curve) {
    return (pluck_stage){.kind = PLUCK_STAGE_SMOOTHING, .as.smoothing = {factor, curve}};
}
pluck_stage with_skew(float skew) {
    return (pluck_stage){.kind = PLUCK_STAGE_SKEW, .as.skew = {skew, PLUCK_SEED_RANDOM}};
}
pluck_stage with_min_tokens(int32_t min_tokens, const int32_t *ends, int32_t n_ends) {
    return (pluck_stage){.kind = PLUCK_STAGE_MIN_TOKENS,
                         .as.min_tokens = {min_tokens, ends, n_ends}};
}
pluck_stage with_bad_words(const pluck_token_sequence *words, int32_t n_words) {
    return (pluck_stage){.kind = PLUCK_STAGE_BAD_WORDS, .as.bad_words = {words, n_words}};
}
pluck_stage with_no_repeat_ngram(int32_t size, int32_t last_n) {
    return (pluck_stage){.kind = PLUCK_STAGE_NO_REPEAT_NGRAM, .as.no_repeat_ngram = {size, last_n}};
}
pluck_stage with_guidance(float scale) {
    return (pluck_stage){.kind = PLUCK_STAGE_GUIDANCE, .as.guidance = {scale}};
}
pluck_stage with_contrastive(float alpha, float beta, bool difference) {
    return (pluck_stage){.kind = PLUCK_STAGE_CONTRASTIVE,
                         .as.contrastive = {alpha, beta, difference}};
}
pluck_stage with_min_p(float p, int32_t min_keep) {
    return (pluck_stage){.kind = PLUCK_STAGE_MIN_P, .as.min_p = {p, min_keep}};
}
pluck_stage with_typical(float p, int32_t min_keep) {
    return (pluck_stage){.kind = PLUCK_STAGE_TYPICAL, .as.typical = {p, min_keep}};
}
pluck_stage with_sigma(float n) {
    return (pluck_stage){.kind = PLUCK_STAGE_TOP_N_SIGMA, .as.top_n_sigma = {n}};
}
pluck_stage with_temp(float t, float range, float exponent) {
    return (pluck_stage){.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {t, range, exponent}};
}
pluck_stage with_xtc(float probability, float threshold, int32_t min_keep) {
    return (pluck_stage){.kind = PLUCK_STAGE_XTC,
                         .as.xtc = {.probability = probability,
                                    .threshold = threshold,
                                    .min_keep = min_keep,
                                    .seed = PLUCK_SEED_RANDOM}};
}
pluck_stage with_penalties(int32_t last_n, float repeat, float freq, float present) {
    return (pluck_stage){
        .kind = PLUCK_STAGE_PENALTIES,
        .as.penalties = {.last_n = last_n, .repeat = repeat, .freq = freq, .present = present}};
}
pluck_stage with_dry(float multiplier, float base, int32_t allowed, int32_t last_n) {
    return (pluck_stage){
        .kind = PLUCK_STAGE_DRY,
        .as.dry = {
            .multiplier = multiplier, .base = base, .allowed_length = allowed, .last_n = last_n}};
}
pluck_stage with_bias(const pluck_logit_bias *biases, int32_t n) {
    return (pluck_stage){.kind = PLUCK_STAGE_LOGIT_BIAS, .as.logit_bias = {biases, n}};
}
pluck_stage with_mirostat(int version, float tau, float eta, int32_t m) {
    return (pluck_stage){.kind = version == 1 ? PLUCK_STAGE_MIROSTAT : PLUCK_STAGE_MIROSTAT_V2,
                         .as.mirostat = {tau, eta, m, PLUCK_SEED_RANDOM}};
}
pluck_stage with_adaptive(float target, float decay) {
    return (pluck_stage){.kind = PLUCK_STAGE_ADAPTIVE_P,
                         .as.adaptive_p = {target, decay, PLUCK_SEED_RANDOM}};
}
pluck_stage with_dist(void) {
    return (pluck_stage){.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}};
}
pluck_stage with_greedy(void) {
    return (pluck_stage){.kind = PLUCK_STAGE_GREEDY};
}

pluck_config with_chain(int32_t n_vocab, uint32_t seed, pluck_rng_kind rng,
                        const pluck_stage *stages, int32_t n_stages) {
    return (pluck_config){
        .n_vocab = n_vocab, .seed = seed, .rng = rng, .stages = stages, .n_stages = n_stages};
}

static int describe_stage(const pluck_stage *s, char *to, size_t size) {
    switch (s->kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        return snprintf(to, size, "logit_bias(%d)", s->as.logit_bias.n_biases);
    case PLUCK_STAGE_PENALTIES:
        return snprintf(to, size, "penalties(%d, %.9g, %.9g, %.9g, %d exempt%s)",
                        s->as.penalties.last_n, (double)s->as.penalties.repeat,
                        (double)s->as.penalties.freq, (double)s->as.penalties.present,
                        s->as.penalties.n_exempt,
                        s->as.penalties.output_only ? ", output only" : "");
    case PLUCK_STAGE_DRY:
        return snprintf(to, size, "dry(%.9g, %.9g, %d, %d, %d breakers, %d exempt)",
                        (double)s->as.dry.multiplier, (double)s->as.dry.base,
                        s->as.dry.allowed_length, s->as.dry.last_n, s->as.dry.n_breakers,
                        s->as.dry.n_exempt);
    case PLUCK_STAGE_TOP_N_SIGMA:
        return snprintf(to, size, "top_n_sigma(%.9g)", (double)s->as.top_n_sigma.n);
    case PLUCK_STAGE_TOP_K:
        return snprintf(to, size, "top_k(%d)", s->as.top_k.k);
    case PLUCK_STAGE_TYPICAL:
        return snprintf(to, size, "typical(%.9g, %d)", (double)s->as.typical.p,
                        s->as.typical.min_keep);
    case PLUCK_STAGE_TOP_P:
        return snprintf(to, size, "top_p(%.9g, %d)", (double)s->as.top_p.p, s->as.top_p.min_keep);
    case PLUCK_STAGE_MIN_P:
        return snprintf(to, size, "min_p(%.9g, %d)", (double)s->as.min_p.p, s->as.min_p.min_keep);
    case PLUCK_STAGE_TOP_A:
        return snprintf(to, size, "top_a(%.9g, %d)", (double)s->as.top_a.a, s->as.top_a.min_keep);
    case PLUCK_STAGE_EPSILON_CUTOFF:
    case PLUCK_STAGE_ETA_CUTOFF:
        return snprintf(to, size, "%s(%.9g, %d)",
                        s->kind == PLUCK_STAGE_ETA_CUTOFF ? "eta_cutoff" : "epsilon_cutoff",
                        (double)s->as.epsilon_cutoff.epsilon, s->as.epsilon_cutoff.min_keep);
    case PLUCK_STAGE_P_LESS:
    case PLUCK_STAGE_P_LESS_NORM:
        return snprintf(to, size, "%s(%d)",
                        s->kind == PLUCK_STAGE_P_LESS ? "p_less" : "p_less_norm",
                        s->as.p_less.enabled);
    case PLUCK_STAGE_MIN_TOKENS:
        return snprintf(to, size, "min_tokens(%d, %d ends)", s->as.min_tokens.min_tokens,
                        s->as.min_tokens.n_ends);
    case PLUCK_STAGE_BAD_WORDS:
        return snprintf(to, size, "bad_words(%d)", s->as.bad_words.n_words);
    case PLUCK_STAGE_NO_REPEAT_NGRAM:
        return snprintf(to, size, "no_repeat_ngram(%d, %d)", s->as.no_repeat_ngram.size,
                        s->as.no_repeat_ngram.last_n);
    case PLUCK_STAGE_TFS:
        return snprintf(to, size, "tfs(%.9g, %d, %d)", (double)s->as.tfs.z, s->as.tfs.min_keep,
                        s->as.tfs.extra);
    case PLUCK_STAGE_TOP_H:
        return snprintf(to, size, "top_h(%.9g)", (double)s->as.top_h.alpha);
    case PLUCK_STAGE_MIN_K:
        return snprintf(to, size, "min_k(%.9g)", (double)s->as.min_k.tau);
    case PLUCK_STAGE_SMOOTHING:
        return snprintf(to, size, "smoothing(%.9g, %.9g)", (double)s->as.smoothing.factor,
                        (double)s->as.smoothing.curve);
    case PLUCK_STAGE_GUIDANCE:
        return snprintf(to, size, "guidance(%.9g)", (double)s->as.guidance.scale);
    case PLUCK_STAGE_CONTRASTIVE:
        return snprintf(to, size, "contrastive(%.9g, %.9g%s)", (double)s->as.contrastive.alpha,
                        (double)s->as.contrastive.beta,
                        s->as.contrastive.difference ? ", difference" : "");
    case PLUCK_STAGE_SKEW:
        return snprintf(to, size, "skew(%.9g, seed %u)", (double)s->as.skew.skew, s->as.skew.seed);
    case PLUCK_STAGE_XTC:
        return snprintf(to, size, "xtc(%.9g, %.9g, %d, seed %u, %d spared)",
                        (double)s->as.xtc.probability, (double)s->as.xtc.threshold,
                        s->as.xtc.min_keep, s->as.xtc.seed, s->as.xtc.n_spared);
    case PLUCK_STAGE_TEMPERATURE:
        return snprintf(to, size, "temperature(%.9g, %.9g, %.9g)", (double)s->as.temperature.t,
                        (double)s->as.temperature.range, (double)s->as.temperature.exponent);
    case PLUCK_STAGE_INFILL:
        return snprintf(to, size, "infill");
    case PLUCK_STAGE_CUSTOM:
        return snprintf(to, size, "custom");
    case PLUCK_STAGE_GREEDY:
        return snprintf(to, size, "greedy");
    case PLUCK_STAGE_DIST:
        return snprintf(to, size, "dist(seed %u)", s->as.dist.seed);
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        return snprintf(to, size, "mirostat%s(%.9g, %.9g, %d)",
                        s->kind == PLUCK_STAGE_MIROSTAT ? "" : "_v2", (double)s->as.mirostat.tau,
                        (double)s->as.mirostat.eta, s->as.mirostat.m);
    case PLUCK_STAGE_ADAPTIVE_P:
        return snprintf(to, size, "adaptive_p(%.9g, %.9g)", (double)s->as.adaptive_p.target,
                        (double)s->as.adaptive_p.decay);
    }
    return snprintf(to, size, "unknown");
}

void check_describe(const pluck_config *config, char *text, size_t size) {
    size_t at = (size_t)snprintf(text, size, "V=%d seed=%u %s: ", config->n_vocab, config->seed,
                                 config->rng == PLUCK_RNG_PHILOX ? "philox" : "mt19937");
    for (int32_t i = 0; i < config->n_stages && at + 1 < size; ++i) {
        at += (size_t)describe_stage(&config->stages[i], text + at, size - at);
        if (at + 3 < size && i + 1 < config->n_stages) {
            memcpy(text + at, ", ", 3);
            at += 2;
        }
    }
}
