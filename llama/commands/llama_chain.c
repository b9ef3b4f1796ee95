/* llama_chain.c: see llama_chain.h. */
#include "llama_chain.h"

#include <stdlib.h>

static const char *default_breakers[] = {"\n", ":", "\"", "*"};

static struct llama_sampler *make_bias(const pluck_stage_logit_bias *bias, int32_t n_vocab) {
    size_t n = (size_t)bias->n_biases;
    llama_logit_bias *biases = malloc((n + 1) * sizeof *biases);
    if (!biases) return NULL;
    for (size_t i = 0; i < n; i++)
        biases[i] = (llama_logit_bias){bias->biases[i].token, bias->biases[i].bias};
    struct llama_sampler *result = llama_sampler_init_logit_bias(n_vocab, bias->n_biases, biases);
    free(biases);
    return result;
}

static uint32_t own_or(uint32_t seed, uint32_t fallback) {
    return seed == PLUCK_SEED_RANDOM ? fallback : seed;
}

struct llama_sampler *plk_llama_stage(const pluck_stage *stage, int32_t n_vocab, uint32_t seed,
                                      const struct llama_vocab *vocab) {
    switch (stage->kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        return make_bias(&stage->as.logit_bias, n_vocab);
    case PLUCK_STAGE_PENALTIES: {
        const pluck_stage_penalties *p = &stage->as.penalties;
        return llama_sampler_init_penalties(n_vocab, p->last_n, p->repeat, p->freq, p->present);
    }
    case PLUCK_STAGE_DRY: {
        const pluck_stage_dry *d = &stage->as.dry;
        return llama_sampler_init_dry(vocab, d->multiplier, d->base, d->allowed_length, d->last_n,
                                      vocab ? default_breakers : NULL, vocab ? 4 : 0);
    }
    case PLUCK_STAGE_TOP_N_SIGMA:
        return llama_sampler_init_top_n_sigma(stage->as.top_n_sigma.n);
    case PLUCK_STAGE_TOP_K:
        return llama_sampler_init_top_k(stage->as.top_k.k);
    case PLUCK_STAGE_TYPICAL:
        return llama_sampler_init_typical(stage->as.typical.p, (size_t)stage->as.typical.min_keep);
    case PLUCK_STAGE_TOP_P:
        return llama_sampler_init_top_p(stage->as.top_p.p, (size_t)stage->as.top_p.min_keep);
    case PLUCK_STAGE_MIN_P:
        return llama_sampler_init_min_p(stage->as.min_p.p, (size_t)stage->as.min_p.min_keep);
    case PLUCK_STAGE_XTC: {
        const pluck_stage_xtc *x = &stage->as.xtc;
        return llama_sampler_init_xtc(x->probability, x->threshold, (size_t)x->min_keep,
                                      own_or(x->seed, seed));
    }
    case PLUCK_STAGE_TEMPERATURE: {
        const pluck_stage_temperature *t = &stage->as.temperature;
        return llama_sampler_init_temp_ext(t->t, t->range, t->exponent);
    }
    case PLUCK_STAGE_INFILL:
        return vocab ? llama_sampler_init_infill(vocab) : NULL;
    case PLUCK_STAGE_GREEDY:
        return llama_sampler_init_greedy();
    case PLUCK_STAGE_DIST:
        return llama_sampler_init_dist(own_or(stage->as.dist.seed, seed));
    case PLUCK_STAGE_MIROSTAT: {
        const pluck_stage_mirostat *m = &stage->as.mirostat;
        return llama_sampler_init_mirostat(n_vocab, own_or(m->seed, seed), m->tau, m->eta, m->m);
    }
    case PLUCK_STAGE_MIROSTAT_V2: {
        const pluck_stage_mirostat *m = &stage->as.mirostat;
        return llama_sampler_init_mirostat_v2(own_or(m->seed, seed), m->tau, m->eta);
    }
    case PLUCK_STAGE_ADAPTIVE_P: {
        const pluck_stage_adaptive_p *a = &stage->as.adaptive_p;
        return llama_sampler_init_adaptive_p(a->target, a->decay, own_or(a->seed, seed));
    }
    default: /* llama.cpp has none: a custom stage, and what is numbered from top-a on */
        break;
    }
    return NULL;
}

struct llama_sampler *plk_llama_chain(const pluck_config *config, uint32_t seed,
                                      const struct llama_vocab *vocab) {
    struct llama_sampler *chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    for (int32_t i = 0; i < config->n_stages; i++) {
        struct llama_sampler *stage =
            plk_llama_stage(&config->stages[i], config->n_vocab, seed, vocab);
        if (!stage) {
            llama_sampler_free(chain);
            return NULL;
        }
        llama_sampler_chain_add(chain, stage);
    }
    return chain;
}
