/*
 * hooks_sample.c: applying samplers to a program's array, and sampling from a context's logits.
 */
#define _POSIX_C_SOURCE 200809L
#include "../clock.h"
#include "hooks.h"
#include "lend.h"
#include "segments.h"
#include "single.h"

#include <stdio.h>

/* With PLUCK_LLAMA=log: prints the plan of the first chain that is planned, once. */
static void log_plan(const plk_node *chain) {
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (!plk_libllama.log || atomic_flag_test_and_set(&told)) return;
    const plk_plan *plan = chain->plan;
    char line[512];
    size_t n = 0;
    for (int32_t s = 0; s < plan->n_segments && n < sizeof line; s++) {
        const plk_segment *segment = &plan->segments[s];
        n += (size_t)snprintf(line + n, sizeof line - n, s > 0 ? "; %s" : "%s",
                              segment->foreign ? "as it is:" : "fused:");
        for (int32_t i = 0; i < segment->n_stages && n < sizeof line; i++) {
            const plk_node *node = plan->members[segment->first + i];
            if (!node->object) continue;
            n += (size_t)snprintf(line + n, sizeof line - n, " %s",
                                  plk_libllama.sampler_name(node->object));
        }
        if (segment->foreign && n < sizeof line)
            n += (size_t)snprintf(line + n, sizeof line - n, " %s",
                                  plk_libllama.sampler_name(segment->foreign));
    }
    fprintf(stderr, "pluck: first chain: %s\n", line);
}

/* Once a context runs a sampler on a backend, its name begins with '+' or '-'. Samplers that do
 * nothing keep their names, so the first other one is checked. */
static bool is_on_backend(const plk_node *chain) {
    for (int32_t i = 0;; i++) {
        struct llama_sampler *child = plk_libllama.sampler_chain_get(chain->object, i);
        if (!child) return false;
        plk_node *node = plk_node_find(child);
        if (node && node->type == PLK_EMPTY) continue;
        if (!node || node->type != PLK_STAGE) return false;
        char first = plk_libllama.sampler_name(child)[0];
        return first == '+' || first == '-';
    }
}

static bool stays_with_libllama(plk_node *chain) {
    if (!chain->handed_back && is_on_backend(chain)) plk_plan_hand_back(chain);
    return chain->handed_back;
}

static void count_draws(const plk_plan *plan, const plk_segment *segment, int32_t n) {
    for (int32_t i = 0; i < segment->n_stages; i++)
        plk_stage_drew(plan->members[segment->first + i], n);
}

/* ---- Arrays ---------------------------------------------------------------------------------- */

static void apply_object(struct llama_sampler *smpl, llama_token_data_array *cur, plk_loan *loan);

/* A sampler that only accepts tokens has no apply. */
static void apply_child(struct llama_sampler *smpl, llama_token_data_array *cur) {
    if (smpl->iface->apply) apply_object(smpl, cur, NULL);
}

/* Pluck has refused the array that the segment was given: libllama goes on from there, and the
 * chain is its own from now on. */
static void apply_rest(plk_node *chain, int32_t first_child, llama_token_data_array *cur) {
    plk_plan_hand_back(chain);
    for (int32_t i = first_child;; i++) {
        struct llama_sampler *child = plk_libllama.sampler_chain_get(chain->object, i);
        if (!child) return;
        apply_child(child, cur);
    }
}

/* Applies the chain's segments; with a loan, the first one runs on the loan's row. Returns false,
 * having changed nothing, if the array has ids outside the plan's vocabulary. */
static bool apply_plan(plk_node *chain, llama_token_data_array *cur, plk_loan *loan) {
    const plk_plan *plan = chain->plan;
    plk_scratch *scratch = plk_thread_scratch();
    for (int32_t s = 0; s < plan->n_segments; s++) {
        const plk_segment *segment = &plan->segments[s];
        if (segment->foreign) {
            apply_child(segment->foreign, cur);
            continue;
        }
        const plk_effect *effect = cur->size == 1 ? &segment->effect_of_one : &segment->effect;
        plk_single_before(segment);
        pluck_status status = PLUCK_ERR_MEMORY;
        if (scratch && s == 0 && loan)
            status = plk_loan_apply(loan, segment->sampler, scratch, cur, &segment->effect);
        else if (scratch)
            status = plk_apply(segment->sampler, plan->n_vocab, scratch, cur, effect);
        if (status != PLUCK_OK && s == 0 && loan) plk_loan_complete(loan, cur);
        if (status == PLUCK_ERR_TOKEN && s == 0 && plk_array_bound(cur) > plan->n_vocab)
            return false;
        if (status != PLUCK_OK) {
            apply_rest(chain, segment->first_child, cur);
            return true;
        }
        plk_single_after(segment, cur->size);
        count_draws(plan, segment, cur->size > 1 ? 2 : 1);
    }
    return true;
}

/* Plans the chain for an array; false if that is not possible. If `look` is false and the plan in
 * use is for a vocabulary of the array's size, the ids are not checked; plk_apply finds those that
 * do not fit. */
static bool plan_for_array(plk_node *chain, const llama_token_data_array *cur, bool look) {
    int32_t n_vocab = chain->plan ? chain->plan->n_vocab : 0;
    if (look || (size_t)n_vocab != cur->size) {
        int32_t bound = plk_array_bound(cur);
        if (bound < 1) return false;
        if (bound > n_vocab) n_vocab = plk_chain_vocab(chain, bound);
    }
    if (plk_plan_make(chain, n_vocab, true) != PLUCK_OK) return false;
    log_plan(chain);
    return true;
}

/* Can the chain be run on the loan's row? If so, it is planned for it. */
static bool runs_on_row(plk_node *chain, const plk_loan *loan) {
    int32_t n_vocab = plk_loan_vocab(loan);
    if (plk_chain_vocab(chain, n_vocab) != n_vocab ||
        plk_plan_make(chain, n_vocab, true) != PLUCK_OK)
        return false;
    log_plan(chain);
    return chain->plan->n_segments > 0 && !chain->plan->segments[0].foreign;
}

static void apply_chain_of_ours(plk_node *chain, llama_token_data_array *cur, plk_loan *loan) {
    if (loan && !plk_loan_is_complete(loan) && runs_on_row(chain, loan)) {
        apply_plan(chain, cur, loan);
        return;
    }
    if (loan) plk_loan_complete(loan, cur);
    bool done = plan_for_array(chain, cur, false) && apply_plan(chain, cur, NULL);
    if (!done) done = plan_for_array(chain, cur, true) && apply_plan(chain, cur, NULL);
    if (!done) apply_rest(chain, 0, cur);
}

static void apply_chain(plk_node *chain, llama_token_data_array *cur, plk_loan *loan) {
    if (stays_with_libllama(chain)) {
        if (loan) plk_loan_complete(loan, cur);
        plk_libllama.sampler_apply(chain->object, cur);
        return;
    }
    int64_t begin = chain->no_perf ? 0 : plk_now_us();
    apply_chain_of_ours(chain, cur, loan);
    if (!chain->no_perf) chain->extra_us += plk_now_us() - begin;
}

static plk_effect effect_of_node(plk_node *node) {
    plk_effect effect = plk_effect_of(&node->stage, 1);
    if (node->stage.kind == PLUCK_STAGE_MIROSTAT) effect.mirostat1 = &node->mirostat1;
    return effect;
}

/* Applies a stage on its own; p and order are those that a chain of this one stage leaves. */
static bool apply_stage(plk_node *node, llama_token_data_array *cur) {
    if (node->handed_back || node->companion || plk_single_is(&node->stage, cur)) return false;
    if (node->home) plk_plan_drop(node->home, true);
    int32_t bound = plk_array_bound(cur);
    plk_scratch *scratch = plk_thread_scratch();
    plk_effect effect = effect_of_node(node);
    if (bound < 1 || !scratch || plk_stage_own(node, bound) != PLUCK_OK ||
        plk_apply(node->own, node->own_vocab, scratch, cur, &effect) != PLUCK_OK) {
        plk_stage_hand_back(node);
        return false;
    }
    plk_stage_drew(node, cur->size > 1 ? 2 : 1);
    return true;
}

static void apply_object(struct llama_sampler *smpl, llama_token_data_array *cur, plk_loan *loan) {
    plk_node *node = plk_node_find(smpl);
    if (node && node->type == PLK_CHAIN) {
        apply_chain(node, cur, loan);
        return;
    }
    if (loan) plk_loan_complete(loan, cur);
    if (!(node && node->type == PLK_STAGE && apply_stage(node, cur)))
        plk_libllama.sampler_apply(smpl, cur);
}

/* Applies a chain for a program: to a row that it was lent, or to an array that may show that this
 * program can be lent one. */
static void apply_by_program(plk_node *chain, llama_token_data_array *cur) {
    plk_loan *loan = plk_loan_of(cur);
    if (loan) {
        uint64_t serial = plk_loan_serial(loan);
        apply_chain(chain, cur, loan);
        plk_loan_settle(loan, serial, chain, cur);
        return;
    }
    const size_t n_before = cur->size;
    llama_token_data first = {-1, 0, 0}, last = first;
    if (n_before > 0) {
        first = cur->data[0];
        last = cur->data[n_before - 1];
    }
    bool ours = !stays_with_libllama(chain);
    apply_chain(chain, cur, NULL);
    if (ours) plk_lend_learn(n_before, first, last, cur->size);
}

void plk_hook_sampler_apply(struct llama_sampler *smpl, llama_token_data_array *cur) {
    plk_node *node = PLK_FROM_INSIDE() || !cur ? NULL : plk_node_find(smpl);
    if (node && node->type == PLK_CHAIN)
        apply_by_program(node, cur);
    else if (PLK_FROM_INSIDE() || !cur || !smpl)
        plk_libllama.sampler_apply(smpl, cur);
    else
        apply_object(smpl, cur, plk_loan_of(cur));
}

void plk_hook_apply_inside(struct llama_sampler *smpl, llama_token_data_array *cur) {
    plk_loan *loan = smpl ? plk_loan_of(cur) : NULL;
    if (loan) plk_loan_complete(loan, cur);
    plk_libllama.sampler_apply(smpl, cur);
}

/* ---- A context's logits ---------------------------------------------------------------------- */

/* Runs a planned chain on a row; -1 if it selects no token or has to be left to libllama. */
static llama_token sample_plan(plk_node *chain, const float *logits, int32_t n_vocab) {
    plk_plan *plan = chain->plan;
    plk_scratch *scratch = plk_thread_scratch();
    if (!scratch || plk_scratch_reserve(scratch, n_vocab, 0) != PLUCK_OK) return -1;
    if (plan->n_segments == 1 && !plan->segments[0].foreign) {
        pluck_row row = {.logits = logits, .workspace = scratch->workspace};
        pluck_draw draw;
        const plk_segment *segment = &plan->segments[0];
        plk_single_before(segment);
        if (!segment->effect.selects || plk_draw_row(segment->sampler, n_vocab, scratch, &row,
                                                     &segment->effect, &draw) != PLUCK_OK)
            return -1;
        size_t n_left = plk_single_left(segment, scratch->workspace, draw.n_candidates);
        plk_single_after(segment, n_left);
        count_draws(plan, segment, n_left > 1 ? 2 : 1);
        return draw.token;
    }
    llama_token_data *data = plk_thread_array((size_t)n_vocab);
    if (!data) return -1;
    for (int32_t i = 0; i < n_vocab; i++) data[i] = (llama_token_data){i, logits[i], 0.0f};
    llama_token_data_array cur = {data, (size_t)n_vocab, -1, false};
    apply_plan(chain, &cur, NULL);
    bool selected = cur.selected >= 0 && (size_t)cur.selected < cur.size;
    return selected ? cur.data[cur.selected].id : -1;
}

static llama_token sample_node(plk_node *node, const float *logits, int32_t n_vocab) {
    if (node->type == PLK_CHAIN) {
        if (plk_plan_make(node, n_vocab, false) != PLUCK_OK) return -1;
        log_plan(node);
        return sample_plan(node, logits, n_vocab);
    }
    if (node->home) plk_plan_drop(node->home, true);
    plk_scratch *scratch = plk_thread_scratch();
    if (!scratch || plk_stage_own(node, n_vocab) != PLUCK_OK || node->own_vocab != n_vocab ||
        plk_scratch_reserve(scratch, n_vocab, 0) != PLUCK_OK)
        return -1;
    pluck_row row = {.logits = logits, .workspace = scratch->workspace};
    pluck_draw draw;
    plk_effect effect = effect_of_node(node);
    if (!effect.selects ||
        plk_draw_row(node->own, n_vocab, scratch, &row, &effect, &draw) != PLUCK_OK)
        return -1;
    plk_stage_drew(node, draw.n_candidates);
    return draw.token;
}

llama_token plk_hook_sampler_sample(struct llama_sampler *smpl, struct llama_context *ctx,
                                    int32_t idx) {
    plk_node *node = PLK_FROM_INSIDE() ? NULL : plk_node_find(smpl);
    bool ours = node && (node->type == PLK_CHAIN
                             ? !stays_with_libllama(node)
                             : node->type == PLK_STAGE && !node->handed_back && !node->companion);
    /* If a backend has sampled or cut the row down, libllama knows what is left to do. */
    if (!ours || plk_libllama.get_sampled_token_ith(ctx, idx) != LLAMA_TOKEN_NULL ||
        plk_libllama.get_sampled_probs_ith(ctx, idx) ||
        plk_libllama.get_sampled_logits_ith(ctx, idx))
        return plk_libllama.sampler_sample(smpl, ctx, idx);
    const float *logits = plk_libllama.get_logits_ith(ctx, idx);
    const struct llama_vocab *vocab = plk_libllama.model_get_vocab(plk_libllama.get_model(ctx));
    int32_t n_vocab = plk_libllama.vocab_n_tokens(vocab);
    bool timed = node->type == PLK_CHAIN && !node->no_perf;
    int64_t begin = timed ? plk_now_us() : 0;
    llama_token token = logits ? sample_node(node, logits, n_vocab) : -1;
    if (timed) node->extra_us += plk_now_us() - begin;
    if (token < 0) {
        if (node->type == PLK_CHAIN && !node->handed_back)
            plk_plan_hand_back(node);
        else if (node->type == PLK_STAGE)
            plk_stage_hand_back(node);
        return plk_libllama.sampler_sample(smpl, ctx, idx);
    }
    plk_hook_sampler_accept(smpl, token);
    return token;
}
