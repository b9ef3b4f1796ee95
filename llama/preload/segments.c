/* segments.c: see segments.h. */
#include "segments.h"

#include "single.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RUN = PLUCK_MAX_STAGES };

int32_t plk_chain_vocab(const plk_node *chain, int32_t at_least) {
    int32_t n = plk_libllama.sampler_chain_n(chain->object);
    for (int32_t i = 0; i < n; i++) {
        const plk_node *node = plk_node_find(plk_libllama.sampler_chain_get(chain->object, i));
        if (!node || node->type != PLK_STAGE) continue;
        if (node->n_vocab_must > at_least) at_least = node->n_vocab_must;
        if (plk_stage_seen(node) > at_least) at_least = plk_stage_seen(node);
    }
    return at_least;
}

/* ---- Cutting a chain into segments ----------------------------------------------------------- */

/* Can the stage be run by libpluck on rows of n_vocab? */
static bool is_ours(plk_node *node, int32_t n_vocab) {
    if (!node || node->type != PLK_STAGE || node->handed_back || node->home) return false;
    if (node->n_vocab_must > 0 && node->n_vocab_must != n_vocab) return false;
    if (plk_stage_seen(node) > n_vocab) return false;
    pluck_stage stage = node->stage;
    pluck_logit_bias *kept;
    if (plk_stage_fit(&stage, n_vocab, &kept) != PLUCK_OK) return false;
    pluck_config config = {
        .n_vocab = n_vocab, .seed = PLUCK_SEED_RANDOM, .stages = &stage, .n_stages = 1};
    bool good = pluck_config_check(&config, NULL) == PLUCK_OK;
    free(kept);
    return good;
}

static plk_segment *add_segment(plk_plan *plan, int32_t first_child) {
    plk_segment *segment = &plan->segments[plan->n_segments++];
    *segment = (plk_segment){.first = plan->n_members, .first_child = first_child};
    return segment;
}

/* The last of stage[0..n) that writes probabilities; -1 if none does. */
static int32_t last_writer(plk_node *const *stage, int32_t n) {
    int32_t last = n - 1;
    while (last >= 0 && plk_stage_writes_p(&stage[last]->stage) == PLK_P_NONE) last--;
    return last;
}

/* Marks where a run of stages stage[0..n) must be cut so that an array gets the right
 * probabilities. XTC (depending on its coin) and dynamic temperature (with one candidate) may leave
 * the probabilities of the stages before them, so those are cut in the same way. */
static void mark_cuts_for_p(plk_node *const *stage, int32_t n, bool *cut) {
    for (int32_t last = last_writer(stage, n); last >= 0; last = last_writer(stage, n)) {
        const pluck_stage *writer = &stage[last]->stage;
        bool of_input = plk_stage_writes_p(writer) == PLK_P_OF_INPUT;
        bool perhaps = writer->kind == PLUCK_STAGE_XTC || writer->kind == PLUCK_STAGE_TEMPERATURE;
        cut[last] = of_input || (perhaps && last_writer(stage, last) >= 0);
        for (int32_t i = last + 1; i < n && (perhaps || !of_input); i++)
            cut[last + 1] = cut[last + 1] || stage[i]->stage.kind != PLUCK_STAGE_GREEDY;
        if (!perhaps) return;
        n = last;
    }
}

/* Adaptive-p leaves the array's `sorted` as it is, whatever order it makes. Min-p and XTC may leave
 * a single candidate, which is in any order. In these cases the flag depends on what the `n` stages
 * before left or, for XTC, on whether they left more than one. Is that unknown without running them
 * separately? */
static bool flag_is_open(plk_node *const *stage, int32_t n) {
    pluck_stage stages[MAX_RUN];
    for (int32_t i = 0; i < n; i++) stages[i] = stage[i]->stage;
    plk_effect effect = plk_effect_of(stages, n);
    if (stage[n]->stage.kind == PLUCK_STAGE_XTC)
        return effect.minds_order && effect.sorted != PLK_SORTED;
    bool known = effect.sorted != PLK_SORTED_AS_FOUND && effect.sorted != PLK_SORTED_IF_FEW;
    return (effect.sorts || effect.minds_order) && !known;
}

/* May the stage come before mirostat 1 in a segment? Mirostat 1 computes k from the logits that it
 * is given. */
static bool is_plain_temperature(const pluck_stage *stage) {
    return stage->kind == PLUCK_STAGE_TEMPERATURE && stage->as.temperature.range <= 0.0f &&
           stage->as.temperature.t > 0.0f;
}

/* Turns a run of n stages into segments. child[i]: which of the chain's samplers stage i is. */
static void add_run(plk_plan *plan, plk_node *const *stage, const int32_t *child, int32_t n) {
    bool cut[MAX_RUN] = {false};
    mark_cuts_for_p(stage, n, cut);
    plk_segment *segment = NULL;
    bool moved = false, masked = false, shaped = false;
    for (int32_t i = 0; i < n; i++) {
        /* Truncation drops masked candidates first, but XTC drops the likeliest. A candidate that
         * is masked behind a stage that sorts stays where the sort put it. */
        bool unlike = (moved && plk_stage_masks(&stage[i]->stage)) ||
                      (masked && stage[i]->stage.kind == PLUCK_STAGE_XTC);
        bool selected = i > 0 && plk_stage_selects(&stage[i - 1]->stage);
        bool hides = stage[i]->stage.kind == PLUCK_STAGE_ADAPTIVE_P ||
                     stage[i]->stage.kind == PLUCK_STAGE_MIN_P ||
                     stage[i]->stage.kind == PLUCK_STAGE_XTC;
        bool open =
            segment && hides && flag_is_open(stage + i - segment->n_stages, segment->n_stages);
        bool cut_here = (i > 0 && cut[i]) || unlike || open;
        plan->has_cuts = plan->has_cuts || cut_here;
        if (!segment || selected || (stage[i]->stage.kind == PLUCK_STAGE_MIROSTAT && shaped) ||
            (cut_here && plan->for_arrays)) {
            segment = add_segment(plan, child[i]);
            moved = masked = shaped = false;
        }
        shaped = shaped || !is_plain_temperature(&stage[i]->stage);
        moved = moved || plk_stage_moves(&stage[i]->stage);
        masked = masked || plk_stage_masks(&stage[i]->stage);
        plan->members[plan->n_members++] = stage[i];
        segment->n_stages++;
    }
}

static void cut_chain(plk_plan *plan, const plk_node *chain, int32_t n, plk_node **run,
                      int32_t *run_child) {
    int32_t n_run = 0;
    for (int32_t i = 0; i < n; i++) {
        struct llama_sampler *object = plk_libllama.sampler_chain_get(chain->object, i);
        plk_node *node = plk_node_find(object);
        if (node && node->type == PLK_EMPTY) continue;
        int32_t n_stages = node && node->companion ? 2 : 1;
        if (is_ours(node, plan->n_vocab) && n_run + n_stages <= MAX_RUN) {
            for (int32_t k = 0; k < n_stages; k++) {
                run[n_run] = k ? node->companion : node;
                run_child[n_run++] = i;
            }
            continue;
        }
        add_run(plan, run, run_child, n_run);
        n_run = 0;
        add_segment(plan, i)->foreign = object;
    }
    add_run(plan, run, run_child, n_run);
}

/* ---- Making and dropping --------------------------------------------------------------------- */

static void free_plan(plk_plan *plan) {
    for (int32_t i = 0; i < plan->n_segments; i++) {
        pluck_sampler_free(plan->segments[i].sampler);
        pluck_sampler_free(plan->segments[i].stream);
    }
    free(plan->segments);
    free(plan->members);
    free(plan);
}

/* Finds what the segment does to an array. A companion does what the older libllama does for two
 * candidates or more. */
static void find_effects(plk_segment *segment, plk_node *const *members, const pluck_stage *all) {
    segment->effect = plk_effect_of(all, segment->n_stages);
    pluck_stage stages[MAX_RUN];
    int32_t n = 0;
    for (int32_t i = 0; i < segment->n_stages; i++) {
        if (members[i]->object) stages[n++] = all[i];
    }
    segment->effect_of_one = plk_effect_of(stages, n);
    if (n < segment->n_stages) { /* if a companion was left out */
        plk_flag *flag = &segment->effect_of_one.sorted;
        if (*flag == PLK_SORTED_AS_FOUND) *flag = PLK_SORTED_UNCHANGED;
        segment->effect_of_one.sorted_one = segment->effect_of_one.sorted_single = *flag;
    }
    plk_node *last = members[segment->n_stages - 1];
    if (last->stage.kind == PLUCK_STAGE_MIROSTAT)
        segment->effect.mirostat1 = segment->effect_of_one.mirostat1 = &last->mirostat1;
}

static pluck_status create_segment(plk_segment *segment, plk_node *const *members,
                                   int32_t n_vocab) {
    pluck_stage stages[MAX_RUN];
    pluck_logit_bias *kept[MAX_RUN] = {NULL};
    const int32_t n = segment->n_stages;
    pluck_status status = PLUCK_OK;
    for (int32_t i = 0; i < n && status == PLUCK_OK; i++) {
        stages[i] = members[i]->stage;
        status = plk_stage_fit(&stages[i], n_vocab, &kept[i]);
    }
    if (status == PLUCK_OK) find_effects(segment, members, stages);
    pluck_config config = {.n_vocab = n_vocab,
                           .seed = PLUCK_SEED_RANDOM,
                           .stages = stages,
                           .n_stages = n,
                           .workspace = plk_shared_workspace(n_vocab)};
    if (status == PLUCK_OK)
        status =
            config.workspace ? pluck_sampler_create(&segment->sampler, &config) : PLUCK_ERR_MEMORY;
    for (int32_t i = 0; i < n; i++) free(kept[i]);
    if (status != PLUCK_OK) return status;
    for (int32_t i = 0; i < n && status == PLUCK_OK; i++) {
        if (members[i]->own && plk_stage_has_state(&members[i]->stage))
            status = pluck_sampler_copy_stage(segment->sampler, i, members[i]->own, 0);
    }
    if (status == PLUCK_OK) status = plk_single_prepare(segment);
    return status;
}

/* Does the segment write a new probability to every candidate that it leaves? */
static bool overwrites_p(const plk_plan *plan, const plk_segment *segment) {
    for (int32_t i = 0; i < segment->n_stages; i++) {
        const pluck_stage *stage = &plan->members[segment->first + i]->stage;
        if (stage->kind != PLUCK_STAGE_TEMPERATURE && plk_stage_writes_p(stage) == PLK_P_OF_OUTPUT)
            return true;
    }
    return false;
}

/* Nobody sees probabilities that a later segment overwrites, so they need not be llama.cpp's. */
static void forget_unseen_p(plk_plan *plan) {
    bool unseen = false;
    for (int32_t s = plan->n_segments - 1; s >= 0; s--) {
        plk_segment *segment = &plan->segments[s];
        if (segment->foreign) {
            unseen = false;
            continue;
        }
        if (unseen) plk_effect_hide_p(&segment->effect);
        if (unseen) plk_effect_hide_p(&segment->effect_of_one);
        unseen = unseen || overwrites_p(plan, segment);
    }
}

/* From here on the states of the stages are in the plan. */
static void move_in(plk_node *chain, plk_plan *plan) {
    chain->plan = plan;
    for (int32_t s = 0; s < plan->n_segments; s++) {
        const plk_segment *segment = &plan->segments[s];
        for (int32_t i = 0; i < segment->n_stages; i++) {
            plk_node *node = plan->members[segment->first + i];
            pluck_sampler_free(node->own);
            node->own = NULL;
            node->home = chain;
            node->home_segment = s;
            node->home_stage = i;
        }
    }
}

pluck_status plk_plan_make(plk_node *chain, int32_t n_vocab, bool for_arrays) {
    plk_plan *old = chain->plan;
    if (old && old->n_vocab == n_vocab && (old->for_arrays == for_arrays || !old->has_cuts))
        return PLUCK_OK;
    if (old) plk_plan_drop(chain, true);
    int32_t n = plk_libllama.sampler_chain_n(chain->object);
    plk_plan *plan = calloc(1, sizeof *plan);
    size_t room = n > 0 ? 2 * (size_t)n : 1; /* a sampler may have a companion */
    plk_node **run = malloc(room * sizeof *run);
    int32_t *run_child = malloc(room * sizeof *run_child);
    pluck_status status = PLUCK_ERR_MEMORY;
    if (plan && run && run_child) {
        plan->n_vocab = n_vocab;
        plan->for_arrays = for_arrays;
        plan->segments = calloc(room, sizeof *plan->segments);
        plan->members = calloc(room, sizeof *plan->members);
    }
    if (plan && plan->segments && plan->members) {
        cut_chain(plan, chain, n, run, run_child);
        status = PLUCK_OK;
        for (int32_t s = 0; s < plan->n_segments && status == PLUCK_OK; s++) {
            plk_segment *segment = &plan->segments[s];
            if (segment->n_stages > 0)
                status = create_segment(segment, &plan->members[segment->first], n_vocab);
        }
    }
    free(run);
    free(run_child);
    if (status == PLUCK_OK) forget_unseen_p(plan);
    if (status == PLUCK_OK)
        move_in(chain, plan);
    else if (plan)
        free_plan(plan);
    return status;
}

void plk_plan_drop(plk_node *chain, bool keep_state) {
    plk_plan *plan = chain->plan;
    if (!plan) return;
    for (int32_t i = 0; i < plan->n_members; i++) {
        plk_node *node = plan->members[i];
        if (keep_state && plk_stage_has_state(&node->stage)) {
            pluck_sampler *own;
            if (plk_stage_extract(&own, node, plan->n_vocab) == PLUCK_OK) {
                node->n_seen = plk_stage_seen(node);
                node->own = own;
                node->own_vocab = plan->n_vocab;
            } else {
                plk_stage_hand_back(node);
            }
        }
        node->home = NULL;
    }
    chain->plan = NULL;
    free_plan(plan);
}

void plk_plan_hand_back(plk_node *chain) {
    int32_t n = plk_libllama.sampler_chain_n(chain->object);
    for (int32_t i = 0; i < n; i++) {
        plk_node *node = plk_node_find(plk_libllama.sampler_chain_get(chain->object, i));
        if (node && node->type == PLK_STAGE)
            plk_stage_hand_back(node);
        else if (node && node->type == PLK_CHAIN && !node->handed_back)
            plk_plan_hand_back(node);
    }
    plk_plan_drop(chain, false);
    chain->handed_back = true;
}
