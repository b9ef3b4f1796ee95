/*
 * hooks_chain.c: what happens to samplers apart from sampling: chains are filled and emptied;
 * samplers are cloned, copied, reset and freed, and accept tokens. libllama does it to its objects
 * first, then the nodes follow.
 */
#define _POSIX_C_SOURCE 200809L
#include "../clock.h"
#include "hooks.h"
#include "lend.h"
#include "segments.h"

#include <stdio.h>

static plk_node *child_of(const plk_node *chain, int32_t i) {
    return plk_node_find(plk_libllama.sampler_chain_get(chain->object, i));
}

static plk_node *find_chain(const struct llama_sampler *object) {
    plk_node *node = plk_node_find(object);
    return node && node->type == PLK_CHAIN ? node : NULL;
}

/* Call this before a stage is used by itself: it moves the stage's state out of the chain that it
 * is in. */
static void take_out(plk_node *node) {
    if (node->type == PLK_STAGE && node->home) plk_plan_drop(node->home, true);
}

/* ---- Chains ---------------------------------------------------------------------------------- */

struct llama_sampler *plk_hook_sampler_chain_init(struct llama_sampler_chain_params params) {
    struct llama_sampler *object = plk_libllama.sampler_chain_init(params);
    if (!PLK_FROM_INSIDE()) {
        plk_node *node = plk_node_add(object);
        if (node) {
            node->type = PLK_CHAIN;
            node->no_perf = params.no_perf;
        }
    }
    return object;
}

void plk_hook_sampler_chain_add(struct llama_sampler *chain, struct llama_sampler *smpl) {
    plk_node *node = PLK_FROM_INSIDE() ? NULL : find_chain(chain);
    if (node) plk_plan_drop(node, true);
    plk_libllama.sampler_chain_add(chain, smpl);
    plk_node *child = node && node->handed_back ? plk_node_find(smpl) : NULL;
    if (child && child->type == PLK_STAGE) plk_stage_hand_back(child);
}

struct llama_sampler *plk_hook_sampler_chain_remove(struct llama_sampler *chain, int32_t i) {
    plk_node *node = PLK_FROM_INSIDE() ? NULL : find_chain(chain);
    if (node) plk_plan_drop(node, true);
    return plk_libllama.sampler_chain_remove(chain, i);
}

/* ---- Freeing, resetting ---------------------------------------------------------------------- */

void plk_hook_sampler_free(struct llama_sampler *smpl) {
    plk_node *node = plk_node_find(smpl);
    if (node && node->type == PLK_CHAIN)
        plk_plan_drop(node, false);
    else if (node && !PLK_FROM_INSIDE())
        take_out(node);
    if (smpl) plk_node_remove(smpl);
    plk_libllama.sampler_free(smpl); /* a chain frees its samplers through this */
}

static void restart(plk_node *node) {
    if (node->type == PLK_STAGE) {
        take_out(node);
        plk_stage_restart(node);
    } else if (node->type == PLK_CHAIN) {
        plk_plan_drop(node, false);
        node->handed_back = false;
        int32_t n = plk_libllama.sampler_chain_n(node->object);
        for (int32_t i = 0; i < n; i++) {
            plk_node *child = child_of(node, i);
            if (child) restart(child);
        }
    }
}

void plk_hook_sampler_reset(struct llama_sampler *smpl) {
    plk_libllama.sampler_reset(smpl);
    plk_node *node = PLK_FROM_INSIDE() ? NULL : plk_node_find(smpl);
    if (node) restart(node);
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static void accept_in_chain(plk_node *chain, llama_token token);

/* Accepts for one stage: on its own, or in a chain whose other stages do not get the token. */
static void accept_in_stage(plk_node *node, llama_token token) {
    pluck_status status = PLUCK_ERR_TOKEN;
    if (node->home) {
        const plk_segment *segment = &node->home->plan->segments[node->home_segment];
        status = pluck_accept_stage(segment->sampler, node->home_stage, token);
        if (status != PLUCK_OK) take_out(node); /* outside the plan its vocabulary can grow */
    }
    if (status != PLUCK_OK) status = plk_stage_accept(node, token);
    if (status != PLUCK_OK) plk_stage_hand_back(node);
}

static void accept_in_children(plk_node *chain, llama_token token) {
    int32_t n = plk_libllama.sampler_chain_n(chain->object);
    for (int32_t i = 0; i < n; i++) {
        plk_node *child = child_of(chain, i);
        if (child && child->type == PLK_STAGE)
            accept_in_stage(child, token);
        else if (child && child->type == PLK_CHAIN)
            accept_in_chain(child, token);
    }
}

static void accept_in_chain(plk_node *chain, llama_token token) {
    if (chain->handed_back) return;
    plk_plan *plan = chain->plan;
    if (!plan || token < 0 || token >= plan->n_vocab) {
        accept_in_children(chain, token);
        return;
    }
    for (int32_t s = 0; s < plan->n_segments; s++) {
        const plk_segment *segment = &plan->segments[s];
        if (!segment->foreign) {
            pluck_accept(segment->sampler, token);
            continue;
        }
        plk_node *child = plk_node_find(segment->foreign);
        if (child && child->type == PLK_CHAIN)
            accept_in_chain(child, token);
        else if (child && child->type == PLK_STAGE)
            accept_in_stage(child, token);
    }
}

void plk_hook_sampler_accept(struct llama_sampler *smpl, llama_token token) {
    plk_node *node = PLK_FROM_INSIDE() ? NULL : plk_node_find(smpl);
    plk_libllama.sampler_accept(smpl, token); /* foreign ones in a chain, too */
    if (!node) return;
    if (node->type == PLK_STAGE) {
        accept_in_stage(node, token);
    } else if (node->type == PLK_CHAIN) {
        int64_t begin = node->no_perf ? 0 : plk_now_us();
        accept_in_chain(node, token);
        if (!node->no_perf) node->extra_us += plk_now_us() - begin;
    }
}

/* ---- Copies ---------------------------------------------------------------------------------- */

/* Gives a clone's object a node that continues from the original's state. */
static void follow_clone(const struct llama_sampler *from_object, struct llama_sampler *object) {
    plk_node *from = plk_node_find(from_object);
    plk_node *node = from && object ? plk_node_add(object) : NULL;
    if (!node) return;
    node->type = from->type;
    if (from->type == PLK_STAGE) {
        bool differs = plk_libllama.clone_differs >> from->stage.kind & 1;
        if (plk_stage_copy(node, from, true) != PLUCK_OK || plk_node_complete(node) != PLUCK_OK)
            plk_node_remove(object);
        else if (differs) /* libllama's clone has the state that clones have in this version */
            plk_stage_leave(node);
        return;
    }
    if (from->type != PLK_CHAIN) return;
    node->no_perf = from->no_perf;
    node->handed_back = from->handed_back;
    int32_t n = plk_libllama.sampler_chain_n(object);
    for (int32_t i = 0; i < n; i++)
        follow_clone(plk_libllama.sampler_chain_get(from->object, i),
                     plk_libllama.sampler_chain_get(object, i));
}

/* Call this before a chain is copied: the program may copy its array as well. */
static void settle_before_copy(const struct llama_sampler *smpl) {
    plk_node *chain = PLK_FROM_INSIDE() ? NULL : find_chain(smpl);
    if (chain) plk_lend_before_copy(chain);
}

struct llama_sampler *plk_hook_sampler_clone(const struct llama_sampler *smpl) {
    settle_before_copy(smpl);
    struct llama_sampler *object = plk_libllama.sampler_clone(smpl);
    if (!PLK_FROM_INSIDE()) follow_clone(smpl, object);
    return object;
}

/* Takes the plans of all samplers concerned apart before a copy, so that no plan holds a node that
 * is replaced. */
static void prepare_copy(plk_node *to) {
    if (to->type != PLK_CHAIN) {
        take_out(to);
        return;
    }
    plk_plan_drop(to, true);
    int32_t n = plk_libllama.sampler_chain_n(to->object);
    for (int32_t i = 0; i < n; i++) {
        plk_node *child = child_of(to, i);
        if (child) prepare_copy(child);
    }
}

/* Follows a copy that libllama has made over `object`: samplers with a copy_state function got the
 * state alone, others were replaced by a clone with its parameters. */
static void follow_copy(const struct llama_sampler *from_object, struct llama_sampler *object) {
    plk_node *from = plk_node_find(from_object);
    plk_node *to = plk_node_find(object);
    bool replaced = !object->iface->copy_state;
    if (!from || (to && to->type != from->type)) {
        plk_node_remove(object);
        return;
    }
    if (!to) { /* libllama replaced what the object holds, so its node was no longer valid */
        follow_clone(from_object, object);
        return;
    }
    if (to->type == PLK_STAGE) {
        if (plk_stage_copy(to, from, replaced) != PLUCK_OK) plk_stage_hand_back(to);
    } else if (to->type == PLK_CHAIN) {
        to->no_perf = from->no_perf;
        to->extra_us = from->extra_us;
        to->handed_back = from->handed_back;
        int32_t n = plk_libllama.sampler_chain_n(object);
        for (int32_t i = 0; i < n; i++)
            follow_copy(plk_libllama.sampler_chain_get(from->object, i),
                        plk_libllama.sampler_chain_get(object, i));
    }
}

void plk_hook_sampler_copy(const struct llama_sampler *src, struct llama_sampler *dst) {
    settle_before_copy(src);
    plk_node *to = PLK_FROM_INSIDE() ? NULL : plk_node_find(dst);
    if (to && src && src != dst) prepare_copy(to);
    plk_libllama.sampler_copy(src, dst);
    if (to && src && src != dst) follow_copy(src, dst);
}

/* ---- Performance counters -------------------------------------------------------------------- */

struct llama_perf_sampler_data plk_hook_perf_sampler(const struct llama_sampler *chain) {
    struct llama_perf_sampler_data data = plk_libllama.perf_sampler(chain);
    const plk_node *node = PLK_FROM_INSIDE() ? NULL : find_chain(chain);
    if (node) data.t_sample_ms += 1e-3 * (double)node->extra_us;
    return data;
}

void plk_hook_perf_sampler_print(const struct llama_sampler *chain) {
    const plk_node *node = PLK_FROM_INSIDE() ? NULL : find_chain(chain);
    ggml_log_callback log = NULL;
    void *user_data = NULL;
    if (node) plk_libllama.log_get(&log, &user_data);
    if (!log) {
        plk_libllama.perf_sampler_print(chain);
        return;
    }
    struct llama_perf_sampler_data data = plk_hook_perf_sampler(chain);
    char line[128];
    snprintf(line, sizeof line,
             "llama_perf_sampler_print:    samplers time = %10.2f ms / %5d runs\n",
             data.t_sample_ms, data.n_sample);
    log(GGML_LOG_LEVEL_INFO, line, user_data);
}

void plk_hook_perf_sampler_reset(struct llama_sampler *chain) {
    plk_libllama.perf_sampler_reset(chain);
    plk_node *node = find_chain(chain);
    if (node) node->extra_us = 0;
}

/* ---- Backend sampling ------------------------------------------------------------------------ */

bool plk_hook_set_sampler(struct llama_context *ctx, llama_seq_id seq_id,
                          struct llama_sampler *smpl) {
    plk_node *node = find_chain(smpl);
    if (node && !node->handed_back) plk_plan_hand_back(node);
    return plk_libllama.set_sampler(ctx, seq_id, smpl);
}
