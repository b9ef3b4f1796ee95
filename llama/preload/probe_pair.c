/* probe_pair.c: see probe_pair.h. */
#include "probe_pair.h"

#include "hooks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making ---------------------------------------------------------------------------------- */

/* The functions that a program reaches, in a table like that of libllama's own. */
static const plk_real ours = {
#define PLK_OURS(name) .name = plk_hook_##name,
    PLK_HOOKED(PLK_OURS)
#undef PLK_OURS
};

static struct llama_sampler *make_penalties(const plk_real *api, const pluck_stage_penalties *p) {
    if (!plk_libllama.penalties_lack_n_vocab)
        return api->sampler_init_penalties(PLK_PROBE_VOCAB, p->last_n, p->repeat, p->freq,
                                           p->present);
    return api == &ours
               ? plk_hook_penalties_without_n_vocab(p->last_n, p->repeat, p->freq, p->present)
               : plk_old_penalties()(p->last_n, p->repeat, p->freq, p->present);
}

static struct llama_sampler *make_dry(const plk_real *api, const pluck_stage_dry *d) {
    enum { N_CTX = 64 };
    if (!plk_libllama.dry_has_n_ctx)
        return api->sampler_init_dry(NULL, d->multiplier, d->base, d->allowed_length, d->last_n,
                                     NULL, 0);
    return api == &ours ? plk_hook_dry_with_n_ctx(NULL, N_CTX, d->multiplier, d->base,
                                                  d->allowed_length, d->last_n, NULL, 0)
                        : plk_old_dry()(NULL, N_CTX, d->multiplier, d->base, d->allowed_length,
                                        d->last_n, NULL, 0);
}

static struct llama_sampler *make_biases(const plk_real *api, const pluck_stage_logit_bias *b) {
    llama_logit_bias biases[4];
    int32_t n = b->n_biases < 4 ? b->n_biases : 4;
    for (int32_t i = 0; i < n; i++)
        biases[i] = (llama_logit_bias){b->biases[i].token, b->biases[i].bias};
    return api->sampler_init_logit_bias(PLK_PROBE_VOCAB, n, biases);
}

#define PLK_TABLE plk_real
#include "../make_stage_template.h"

static struct llama_sampler *make(const plk_real *api, const pluck_stage *stage) {
    const pluck_stage_adaptive_p *adaptive = &stage->as.adaptive_p;
    switch (stage->kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        return make_biases(api, &stage->as.logit_bias);
    case PLUCK_STAGE_PENALTIES:
        return make_penalties(api, &stage->as.penalties);
    case PLUCK_STAGE_DRY:
        return make_dry(api, &stage->as.dry);
    case PLUCK_STAGE_ADAPTIVE_P:
        return api->sampler_init_adaptive_p(adaptive->target, adaptive->decay, adaptive->seed);
    default:
        return plk_make_stage(api, stage, PLK_PROBE_VOCAB);
    }
}

plk_pair plk_pair_make(const pluck_stage *stage) {
    return (plk_pair){make(&ours, stage), make(&plk_libllama, stage)};
}

static struct llama_sampler *make_chain(const plk_real *api, const pluck_stage *stage) {
    struct llama_sampler *chain =
        api->sampler_chain_init((struct llama_sampler_chain_params){.no_perf = true});
    api->sampler_chain_add(chain, make(api, stage));
    const pluck_stage draw = {.kind = PLUCK_STAGE_DIST, .as.dist = {5}};
    if (stage->kind < PLUCK_STAGE_GREEDY) api->sampler_chain_add(chain, make(api, &draw));
    return chain;
}

plk_pair plk_pair_chain(const pluck_stage *stage) {
    return (plk_pair){make_chain(&ours, stage), make_chain(&plk_libllama, stage)};
}

plk_pair plk_pair_clone(plk_pair pair) {
    return (plk_pair){plk_hook_sampler_clone(pair.ours), plk_libllama.sampler_clone(pair.own)};
}

void plk_pair_accept(plk_pair pair, llama_token token) {
    plk_hook_sampler_accept(pair.ours, token);
    plk_libllama.sampler_accept(pair.own, token);
}

void plk_pair_reset(plk_pair pair) {
    plk_hook_sampler_reset(pair.ours);
    plk_libllama.sampler_reset(pair.own);
}

void plk_pair_free(plk_pair pair) {
    plk_hook_sampler_free(pair.ours);
    plk_libllama.sampler_free(pair.own);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

/* A logit between -5 and 5. No two in a row are equal. */
static float logit(uint32_t number, int32_t i) {
    uint32_t x = (number * 97u + (uint32_t)i + 1u) * 2654435761u;
    x = (x ^ x >> 15) * 2246822519u;
    return (float)((x ^ x >> 13) >> 12) * (10.0f / 1048576.0f) - 5.0f + (float)i * 1e-4f;
}

static int by_logit(const void *a, const void *b) {
    const llama_token_data *x = a, *y = b;
    return (x->logit < y->logit) - (x->logit > y->logit);
}

llama_token_data_array plk_probe_array(llama_token_data *data, const llama_token *ids, int32_t n,
                                       uint32_t number, bool sorted) {
    for (int32_t i = 0; i < n; i++)
        data[i] = (llama_token_data){ids ? ids[i] : i, logit(number, i), 0.25f};
    if (sorted) qsort(data, (size_t)n, sizeof *data, by_logit);
    return (llama_token_data_array){data, (size_t)n, -1, sorted};
}

/* Pluck sums in another order than libllama, so this much difference is allowed. */
static bool is_close(float a, float b) {
    return a == b || fabsf(a - b) <= 1e-5f * (1.0f + fabsf(b));
}

bool plk_pair_agrees(plk_pair pair, const llama_token *ids, int32_t n, uint32_t number,
                     bool sorted) {
    llama_token_data data[2][PLK_PROBE_ROW];
    llama_token_data_array a = plk_probe_array(data[0], ids, n, number, sorted);
    llama_token_data_array b = plk_probe_array(data[1], ids, n, number, sorted);
    plk_hook_sampler_apply(pair.ours, &a);
    plk_libllama.sampler_apply(pair.own, &b);
    if (a.size != b.size || a.selected != b.selected || a.sorted != b.sorted) return false;
    for (size_t i = 0; i < a.size; i++) {
        const llama_token_data *x = &a.data[i], *y = &b.data[i];
        /* the order of masked candidates depends on how a sort treats equals */
        if (x->id != y->id && y->logit != -INFINITY) return false;
        if (!is_close(x->logit, y->logit) || !is_close(x->p, y->p)) return false;
    }
    return true;
}
