/*
 * hooks_init.c: the functions that make samplers. Each lets libllama make its own and notes the
 * parameters. If llama.cpp gives a meaning to a value outside libpluck's range, the nearest stage
 * with the same meaning is noted. If libpluck refuses the stage in the end, the plan leaves it to
 * libllama.
 */
#include "hooks.h"
#include "probe.h"
#include "segments.h"

#include <stdlib.h>
#include <string.h>

static int32_t clamp_size(size_t n) {
    return n > INT32_MAX ? INT32_MAX : (int32_t)n;
}

static float at_least(float x, float low) {
    return x < low ? low : x;
}

/* Does the sampler do nothing? Its name then begins with '?', except in the first generation. */
static bool is_empty(const struct llama_sampler *object, const pluck_stage *stage) {
    if (plk_libllama.generation > PLK_GENERATION_6)
        return plk_libllama.sampler_name(object)[0] == '?';
    pluck_stage_traits traits;
    return pluck_stage_describe(stage, &traits) && traits.disabled;
}

/* Notes that `object` is `stage`. NULL if out of memory or if the kind is left to libllama; the
 * object then has no node. */
static plk_node *note(struct llama_sampler *object, const pluck_stage *stage) {
    plk_node *node = plk_node_add(object);
    if (!node) return NULL;
    node->type = is_empty(object, stage) ? PLK_EMPTY : PLK_STAGE;
    node->stage = *stage;
    bool left = node->type == PLK_STAGE && plk_kept_off(stage->kind);
    if (!left && plk_node_complete(node) == PLUCK_OK) return node;
    plk_node_remove(object);
    return NULL;
}

/* The same for a stage with a seed. */
static void note_random(struct llama_sampler *object, const pluck_stage *stage, uint32_t seed,
                        int32_t n_vocab_must) {
    plk_node *node = note(object, stage);
    if (!node) return;
    node->n_vocab_must = n_vocab_must;
    node->seed_is_random = seed == LLAMA_DEFAULT_SEED;
    plk_stage_restart(node);
}

struct llama_sampler *plk_hook_sampler_init_greedy(void) {
    struct llama_sampler *object = plk_libllama.sampler_init_greedy();
    if (!PLK_FROM_INSIDE()) note(object, &(pluck_stage){.kind = PLUCK_STAGE_GREEDY});
    return object;
}

struct llama_sampler *plk_hook_sampler_init_dist(uint32_t seed) {
    struct llama_sampler *object = plk_libllama.sampler_init_dist(seed);
    if (!PLK_FROM_INSIDE())
        note_random(object, &(pluck_stage){.kind = PLUCK_STAGE_DIST, .as.dist = {seed}}, seed, 0);
    return object;
}

struct llama_sampler *plk_hook_sampler_init_top_k(int32_t k) {
    struct llama_sampler *object = plk_libllama.sampler_init_top_k(k);
    if (!PLK_FROM_INSIDE())
        note(object, &(pluck_stage){.kind = PLUCK_STAGE_TOP_K, .as.top_k = {k}});
    return object;
}

struct llama_sampler *plk_hook_sampler_init_top_p(float p, size_t min_keep) {
    struct llama_sampler *object = plk_libllama.sampler_init_top_p(p, min_keep);
    pluck_stage_mass mass = {at_least(p, 0.0f), clamp_size(min_keep)};
    if (!PLK_FROM_INSIDE())
        note(object, &(pluck_stage){.kind = PLUCK_STAGE_TOP_P, .as.top_p = mass});
    return object;
}

struct llama_sampler *plk_hook_sampler_init_min_p(float p, size_t min_keep) {
    struct llama_sampler *object = plk_libllama.sampler_init_min_p(p, min_keep);
    if (PLK_FROM_INSIDE()) return object;
    pluck_stage stage = {.kind = PLUCK_STAGE_MIN_P,
                         .as.min_p = {at_least(p, 0.0f), clamp_size(min_keep)}};
    if (p > 1.0f) { /* nothing reaches p: the first min_keep stay, or one */
        stage.kind = PLUCK_STAGE_TOP_K;
        stage.as.top_k.k = min_keep > 1 ? clamp_size(min_keep) : 1;
    }
    note(object, &stage);
    return object;
}

struct llama_sampler *plk_hook_sampler_init_typical(float p, size_t min_keep) {
    struct llama_sampler *object = plk_libllama.sampler_init_typical(p, min_keep);
    pluck_stage_mass mass = {at_least(p, 0.0f), clamp_size(min_keep)};
    if (!PLK_FROM_INSIDE())
        note(object, &(pluck_stage){.kind = PLUCK_STAGE_TYPICAL, .as.typical = mass});
    return object;
}

struct llama_sampler *plk_hook_sampler_init_temp(float t) {
    struct llama_sampler *object = plk_libllama.sampler_init_temp(t);
    pluck_stage_temperature temperature = {t, 0.0f, 1.0f};
    if (!PLK_FROM_INSIDE())
        note(object,
             &(pluck_stage){.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = temperature});
    return object;
}

struct llama_sampler *plk_hook_sampler_init_temp_ext(float t, float delta, float exponent) {
    struct llama_sampler *object = plk_libllama.sampler_init_temp_ext(t, delta, exponent);
    pluck_stage_temperature temperature = {t, at_least(delta, 0.0f), exponent};
    if (!(delta > 0.0f)) temperature.exponent = 1.0f;
    if (!PLK_FROM_INSIDE())
        note(object,
             &(pluck_stage){.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = temperature});
    return object;
}

struct llama_sampler *plk_hook_sampler_init_xtc(float p, float t, size_t min_keep, uint32_t seed) {
    struct llama_sampler *object = plk_libllama.sampler_init_xtc(p, t, min_keep, seed);
    pluck_stage_xtc xtc = {.probability = p > 1.0f ? 1.0f : p,
                           .threshold = at_least(t, 0.0f),
                           .min_keep = clamp_size(min_keep),
                           .seed = seed};
    if (!PLK_FROM_INSIDE())
        note_random(object, &(pluck_stage){.kind = PLUCK_STAGE_XTC, .as.xtc = xtc}, seed, 0);
    return object;
}

struct llama_sampler *plk_hook_sampler_init_top_n_sigma(float n) {
    struct llama_sampler *object = plk_libllama.sampler_init_top_n_sigma(n);
    if (!PLK_FROM_INSIDE())
        note(object, &(pluck_stage){.kind = PLUCK_STAGE_TOP_N_SIGMA, .as.top_n_sigma = {n}});
    return object;
}

struct llama_sampler *plk_hook_sampler_init_mirostat(int32_t n_vocab, uint32_t seed, float tau,
                                                     float eta, int32_t m) {
    struct llama_sampler *object = plk_libllama.sampler_init_mirostat(n_vocab, seed, tau, eta, m);
    pluck_stage_mirostat mirostat = {tau, eta, m, seed};
    if (!PLK_FROM_INSIDE())
        note_random(object, &(pluck_stage){.kind = PLUCK_STAGE_MIROSTAT, .as.mirostat = mirostat},
                    seed, n_vocab);
    return object;
}

struct llama_sampler *plk_hook_sampler_init_mirostat_v2(uint32_t seed, float tau, float eta) {
    struct llama_sampler *object = plk_libllama.sampler_init_mirostat_v2(seed, tau, eta);
    pluck_stage_mirostat mirostat = {tau, eta, 2, seed};
    if (!PLK_FROM_INSIDE())
        note_random(object,
                    &(pluck_stage){.kind = PLUCK_STAGE_MIROSTAT_V2, .as.mirostat = mirostat}, seed,
                    0);
    return object;
}

static struct llama_sampler *note_penalties(struct llama_sampler *object, int32_t n_vocab,
                                            int32_t last_n, float repeat, float freq,
                                            float present) {
    pluck_stage_penalties penalties = {
        .last_n = last_n > 0 ? last_n : 0, .repeat = repeat, .freq = freq, .present = present};
    plk_node *node =
        note(object, &(pluck_stage){.kind = PLUCK_STAGE_PENALTIES, .as.penalties = penalties});
    if (node) node->n_vocab_hint = n_vocab;
    return object;
}

struct llama_sampler *plk_hook_sampler_init_penalties(int32_t n_vocab, int32_t last_n, float repeat,
                                                      float freq, float present) {
    struct llama_sampler *object =
        plk_libllama.sampler_init_penalties(n_vocab, last_n, repeat, freq, present);
    if (PLK_FROM_INSIDE()) return object;
    return note_penalties(object, n_vocab, last_n, repeat, freq, present);
}

struct llama_sampler *plk_hook_penalties_without_n_vocab(int32_t last_n, float repeat, float freq,
                                                         float present) {
    plk_penalties_without_n_vocab init = plk_old_penalties();
    struct llama_sampler *object = init(last_n, repeat, freq, present);
    if (PLK_FROM_INSIDE()) return object;
    return note_penalties(object, 0, last_n, repeat, freq, present);
}

struct llama_sampler *plk_hook_sampler_init_adaptive_p(float target, float decay, uint32_t seed) {
    struct llama_sampler *object = plk_libllama.sampler_init_adaptive_p(target, decay, seed);
    float clamped = decay > 1.0f ? 1.0f : at_least(decay, 0.0f);
    pluck_stage_adaptive_p adaptive = {target, clamped, seed};
    if (!PLK_FROM_INSIDE())
        note_random(object,
                    &(pluck_stage){.kind = PLUCK_STAGE_ADAPTIVE_P, .as.adaptive_p = adaptive}, seed,
                    0);
    return object;
}

/* Parameters with arrays behind them; NULL if out of memory. */
static plk_params *new_params(void) {
    plk_params *params = calloc(1, sizeof *params);
    if (params) atomic_init(&params->n_users, 1);
    return params;
}

/* Notes a stage that points into `params`, which then belong to the node. If out of memory, the
 * object has no node. */
static void note_with(struct llama_sampler *object, const pluck_stage *stage, plk_params *params,
                      int32_t n_vocab_hint) {
    plk_node *node = note(object, stage);
    if (!node) {
        plk_params_release(params);
        return;
    }
    node->params = params;
    node->n_vocab_hint = n_vocab_hint;
}

/* Notes a DRY object that libllama has made with these parameters. */
static struct llama_sampler *note_dry(struct llama_sampler *object, const struct llama_vocab *vocab,
                                      const pluck_stage_dry *dry, const char **breakers,
                                      size_t n_breakers) {
    if (!object) return object;
    pluck_stage stage = {.kind = PLUCK_STAGE_DRY};
    if (plk_libllama.sampler_name(object)[0] == '?') {
        note(object, &stage);
        return object;
    }
    stage.as.dry = *dry;
    plk_params *params = new_params();
    /* without breakers, or with nothing to do, llama.cpp does not look at the vocabulary */
    bool works = dry->multiplier != 0.0f && dry->base >= 1.0f && dry->last_n != 0;
    bool have = works && breakers && n_breakers > 0;
    if (!params ||
        (have && plk_breakers_create(&params->breakers, vocab, (const char *const *)breakers,
                                     n_breakers) != PLUCK_OK)) {
        plk_params_release(params);
        return object;
    }
    stage.as.dry.breakers = params->breakers.sequences;
    stage.as.dry.n_breakers = params->breakers.n_sequences;
    note_with(object, &stage, params, vocab ? plk_libllama.vocab_n_tokens(vocab) : 0);
    if (have) plk_probe_breakers(object);
    return object;
}

struct llama_sampler *plk_hook_sampler_init_dry(const struct llama_vocab *vocab, float multiplier,
                                                float base, int32_t allowed_length, int32_t last_n,
                                                const char **breakers, size_t n_breakers) {
    struct llama_sampler *object = plk_libllama.sampler_init_dry(
        vocab, multiplier, base, allowed_length, last_n, breakers, n_breakers);
    if (PLK_FROM_INSIDE()) return object;
    pluck_stage_dry dry = {
        .multiplier = multiplier, .base = base, .allowed_length = allowed_length, .last_n = last_n};
    return note_dry(object, vocab, &dry, breakers, n_breakers);
}

struct llama_sampler *plk_hook_dry_with_n_ctx(const struct llama_vocab *vocab, int32_t n_ctx,
                                              float multiplier, float base, int32_t allowed_length,
                                              int32_t last_n, const char **breakers,
                                              size_t n_breakers) {
    plk_dry_with_n_ctx init = plk_old_dry();
    struct llama_sampler *object =
        init(vocab, n_ctx, multiplier, base, allowed_length, last_n, breakers, n_breakers);
    if (PLK_FROM_INSIDE()) return object;
    /* the window is last_n, or n_ctx if that is -1 or larger */
    pluck_stage_dry dry = {.multiplier = multiplier,
                           .base = base,
                           .allowed_length = allowed_length,
                           .last_n = last_n == -1 || last_n > n_ctx ? n_ctx : last_n};
    if (dry.last_n < 0) dry.last_n = 0;
    return note_dry(object, vocab, &dry, breakers, n_breakers);
}

struct llama_sampler *plk_hook_sampler_init_logit_bias(int32_t n_vocab, int32_t n_biases,
                                                       const llama_logit_bias *biases) {
    struct llama_sampler *object = plk_libllama.sampler_init_logit_bias(n_vocab, n_biases, biases);
    if (PLK_FROM_INSIDE()) return object;
    pluck_stage stage = {.kind = PLUCK_STAGE_LOGIT_BIAS};
    plk_params *params = new_params();
    size_t n = n_biases > 0 ? (size_t)n_biases : 0;
    if (params) params->biases = malloc((n + 1) * sizeof *params->biases);
    if (!params || !params->biases) {
        plk_params_release(params);
        return object;
    }
    for (size_t i = 0; i < n; i++)
        params->biases[i] = (pluck_logit_bias){biases[i].token, biases[i].bias};
    stage.as.logit_bias = (pluck_stage_logit_bias){params->biases, (int32_t)n};
    note_with(object, &stage, params, n_vocab);
    return object;
}

struct llama_sampler *plk_hook_sampler_init_infill(const struct llama_vocab *vocab) {
    struct llama_sampler *object = plk_libllama.sampler_init_infill(vocab);
    pluck_stage stage = {.kind = PLUCK_STAGE_INFILL};
    if (!PLK_FROM_INSIDE() && plk_infill_stage(&stage.as.infill, vocab) == PLUCK_OK)
        note_with(object, &stage, NULL, plk_libllama.vocab_n_tokens(vocab));
    if (!PLK_FROM_INSIDE()) plk_probe_infill(object, vocab);
    return object;
}
