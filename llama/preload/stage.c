/* stage.c: the state of single stages. See node.h. */
#define _DEFAULT_SOURCE
#include "segments.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

pluck_status plk_stage_fit(pluck_stage *stage, int32_t n_vocab, pluck_logit_bias **kept) {
    *kept = NULL;
    if (stage->kind != PLUCK_STAGE_LOGIT_BIAS || stage->as.logit_bias.n_biases == 0)
        return PLUCK_OK;
    int32_t n = stage->as.logit_bias.n_biases;
    *kept = malloc(sizeof **kept * (size_t)n);
    if (!*kept) return PLUCK_ERR_MEMORY;
    int32_t m = 0;
    for (int32_t i = 0; i < n; i++) {
        pluck_logit_bias bias = stage->as.logit_bias.biases[i];
        if (bias.token >= 0 && bias.token < n_vocab) (*kept)[m++] = bias;
    }
    stage->as.logit_bias = (pluck_stage_logit_bias){*kept, m};
    return PLUCK_OK;
}

static pluck_status create_single(pluck_sampler **out, const plk_node *node, int32_t n_vocab) {
    pluck_stage stage = node->stage;
    pluck_logit_bias *kept;
    pluck_status status = plk_stage_fit(&stage, n_vocab, &kept);
    if (status != PLUCK_OK) return status;
    pluck_config config = {.n_vocab = n_vocab,
                           .seed = PLUCK_SEED_RANDOM,
                           .stages = &stage,
                           .n_stages = 1,
                           .workspace = plk_shared_workspace(n_vocab)};
    status = config.workspace ? pluck_sampler_create(out, &config) : PLUCK_ERR_MEMORY;
    free(kept);
    return status;
}

int32_t plk_stage_vocab(const plk_node *node) {
    if (node->home) return node->home->plan->n_vocab;
    return node->own ? node->own_vocab : 0;
}

int32_t plk_stage_seen(const plk_node *node) {
    if (node->stage.kind != PLUCK_STAGE_PENALTIES && node->stage.kind != PLUCK_STAGE_DRY) return 0;
    int32_t in_plan = node->home ? node->home->plan->n_vocab : 0;
    return node->n_seen > in_plan ? node->n_seen : in_plan;
}

pluck_status plk_stage_extract(pluck_sampler **out, const plk_node *node, int32_t n_vocab) {
    pluck_sampler *made;
    pluck_status status = create_single(&made, node, n_vocab);
    if (status != PLUCK_OK) return status;
    const pluck_sampler *from = node->own;
    int32_t from_stage = 0;
    if (node->home) {
        from = node->home->plan->segments[node->home_segment].sampler;
        from_stage = node->home_stage;
    }
    if (from && plk_stage_has_state(&node->stage))
        status = pluck_sampler_copy_stage(made, 0, from, from_stage);
    if (status == PLUCK_OK)
        *out = made;
    else
        pluck_sampler_free(made);
    return status;
}

pluck_status plk_stage_own(plk_node *node, int32_t n_vocab) {
    if (node->own && node->own_vocab >= n_vocab) return PLUCK_OK;
    if (node->n_vocab_must > 0) {
        if (n_vocab > node->n_vocab_must) return PLUCK_ERR_VOCAB;
        n_vocab = node->n_vocab_must;
    }
    pluck_sampler *made;
    pluck_status status = plk_stage_extract(&made, node, n_vocab);
    if (status != PLUCK_OK) return status;
    pluck_sampler_free(node->own);
    node->own = made;
    node->own_vocab = n_vocab;
    return PLUCK_OK;
}

pluck_status plk_stage_accept(plk_node *node, llama_token token) {
    if (!plk_stage_has_state(&node->stage) || node->handed_back) return PLUCK_OK;
    if (token < 0) return PLUCK_ERR_TOKEN;
    int32_t need = token + 1;
    if (!node->own)
        need = need < node->n_vocab_hint ? node->n_vocab_hint : need;
    else if (need > node->own_vocab) /* no hint, or one that is too small: grow generously */
        need = need < 8388608 ? 2 * need : need;
    pluck_status status = plk_stage_own(node, need);
    if (status == PLUCK_OK) status = pluck_accept(node->own, token);
    if (status == PLUCK_OK && token >= node->n_seen) node->n_seen = token + 1;
    return status;
}

/* Replaces *sampler by one with the parameters of `node` and the same state. On error *sampler is
 * freed and NULL. */
static pluck_status with_params_of(pluck_sampler **sampler, const plk_node *node, int32_t n_vocab) {
    pluck_sampler *made;
    pluck_status status = create_single(&made, node, n_vocab);
    if (status == PLUCK_OK && plk_stage_has_state(&node->stage)) {
        status = pluck_sampler_copy_stage(made, 0, *sampler, 0);
        if (status != PLUCK_OK) pluck_sampler_free(made);
    }
    pluck_sampler_free(*sampler);
    *sampler = status == PLUCK_OK ? made : NULL;
    return status;
}

pluck_status plk_stage_copy(plk_node *to, const plk_node *from, bool with_params) {
    if (with_params) {
        if (from->params) atomic_fetch_add(&from->params->n_users, 1);
        plk_params_release(to->params);
        to->params = from->params;
        to->stage = from->stage;
        to->seed_is_random = from->seed_is_random;
        to->n_vocab_must = from->n_vocab_must;
        to->n_vocab_hint = from->n_vocab_hint;
    }
    to->handed_back = from->handed_back;
    to->n_owed = from->n_owed;
    to->mirostat1 = from->mirostat1;
    to->n_seen = plk_stage_seen(from);
    pluck_sampler_free(to->own);
    to->own = NULL;
    /* llama.cpp then counts tokens that its window no longer holds: leave it to that */
    if (from->stage.kind == PLUCK_STAGE_PENALTIES &&
        from->stage.as.penalties.last_n != to->stage.as.penalties.last_n)
        return PLUCK_ERR_SIZE;
    int32_t n_vocab = plk_stage_vocab(from);
    if (n_vocab == 0) {
        /* it has not begun, and neither has the copy, unless the copy has a seed of its own */
        if (with_params || from->stage.kind != PLUCK_STAGE_DIST) return PLUCK_OK;
        n_vocab = 1;
    }
    pluck_sampler *made;
    pluck_status status = plk_stage_extract(&made, from, n_vocab);
    if (status == PLUCK_OK && !with_params) status = with_params_of(&made, to, n_vocab);
    if (status != PLUCK_OK) return status;
    to->own = made;
    to->own_vocab = n_vocab;
    return PLUCK_OK;
}

/* A seed for a stage whose random seed libllama does not report. */
static uint32_t random_seed(void) {
    uint32_t seed;
    if (getentropy(&seed, sizeof seed) != 0) seed = (uint32_t)time(NULL);
    return seed == LLAMA_DEFAULT_SEED ? 0 : seed;
}

void plk_stage_restart(plk_node *node) {
    pluck_sampler_free(node->own);
    node->own = NULL;
    node->n_owed = 0;
    node->n_seen = 0;
    node->handed_back = false;
    uint32_t *seed;
    switch (node->stage.kind) {
    case PLUCK_STAGE_DIST:
        seed = &node->stage.as.dist.seed;
        break;
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        seed = &node->stage.as.mirostat.seed;
        node->mirostat1 = (plk_mirostat1){node->n_vocab_must, 2.0f * node->stage.as.mirostat.tau};
        break;
    case PLUCK_STAGE_XTC:
        seed = &node->stage.as.xtc.seed;
        break;
    case PLUCK_STAGE_ADAPTIVE_P:
        seed = &node->stage.as.adaptive_p.seed;
        break;
    default:
        return;
    }
    if (!node->seed_is_random) return;
    uint32_t told = plk_libllama.sampler_get_seed(node->object);
    *seed = told != LLAMA_DEFAULT_SEED ? told : random_seed();
}

void plk_stage_drew(plk_node *node, int32_t n) {
    switch (node->stage.kind) {
    case PLUCK_STAGE_DIST:
        node->n_owed += n > 1 || !plk_libllama.single_takes_no_number;
        break;
    case PLUCK_STAGE_XTC:
        node->n_owed++;
        break;
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
    case PLUCK_STAGE_ADAPTIVE_P:
        node->n_owed += n > 1;
        break;
    default:
        break;
    }
}

void plk_stage_leave(plk_node *node) {
    pluck_sampler_free(node->own);
    node->own = NULL;
    node->n_owed = 0;
    node->handed_back = true;
}

void plk_stage_hand_back(plk_node *node) {
    if (node->handed_back) return;
    node->handed_back = true;
    plk_stage_catch_up(node);
}
