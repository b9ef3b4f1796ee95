/* effect.c: see effect.h. The answers are taken from the source of llama.cpp v0.5.0's samplers. */
#include "effect.h"

#include <math.h>

bool plk_stage_truncates(const pluck_stage *stage) {
    switch (stage->kind) {
    case PLUCK_STAGE_TOP_K:
    case PLUCK_STAGE_TYPICAL:
    case PLUCK_STAGE_TOP_P:
    case PLUCK_STAGE_MIN_P:
    case PLUCK_STAGE_TOP_A:
    case PLUCK_STAGE_EPSILON_CUTOFF:
    case PLUCK_STAGE_ETA_CUTOFF:
    case PLUCK_STAGE_P_LESS:
    case PLUCK_STAGE_P_LESS_NORM:
    case PLUCK_STAGE_TFS:
    case PLUCK_STAGE_TOP_H:
    case PLUCK_STAGE_MIN_K:
    case PLUCK_STAGE_XTC:
    case PLUCK_STAGE_INFILL:
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        return true;
    default:
        return false;
    }
}

bool plk_stage_moves(const pluck_stage *stage) {
    return plk_stage_truncates(stage) ||
           (stage->kind == PLUCK_STAGE_TEMPERATURE && stage->as.temperature.range > 0.0f);
}

bool plk_stage_masks(const pluck_stage *stage) {
    switch (stage->kind) {
    case PLUCK_STAGE_TOP_N_SIGMA:
        return true;
    case PLUCK_STAGE_TEMPERATURE:
        return stage->as.temperature.t - stage->as.temperature.range <= 0.0f;
    case PLUCK_STAGE_LOGIT_BIAS:
        for (int32_t i = 0; i < stage->as.logit_bias.n_biases; i++) {
            if (stage->as.logit_bias.biases[i].bias == -INFINITY) return true;
        }
        return false;
    default:
        return false;
    }
}

static pluck_stage_traits traits_of(const pluck_stage *stage) {
    pluck_stage_traits traits = {.name = ""};
    pluck_stage_describe(stage, &traits);
    return traits;
}

bool plk_stage_selects(const pluck_stage *stage) {
    /* a custom stage may select or not; it counts as one that does not */
    return stage->kind != PLUCK_STAGE_CUSTOM && traits_of(stage).selects;
}

plk_writes_p plk_stage_writes_p(const pluck_stage *stage) {
    switch (stage->kind) {
    case PLUCK_STAGE_TOP_P:
    case PLUCK_STAGE_TYPICAL:
    case PLUCK_STAGE_XTC:
        return PLK_P_OF_INPUT;
    case PLUCK_STAGE_TEMPERATURE:
        return stage->as.temperature.range > 0.0f ? PLK_P_OF_OUTPUT : PLK_P_NONE;
    case PLUCK_STAGE_INFILL:
    case PLUCK_STAGE_DIST:
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
    case PLUCK_STAGE_ADAPTIVE_P:
        return PLK_P_OF_OUTPUT;
    default:
        return PLK_P_NONE;
    }
}

bool plk_stage_has_state(const pluck_stage *stage) {
    pluck_stage_traits traits = traits_of(stage);
    return traits.random || traits.keeps_history;
}

void plk_effect_hide_p(plk_effect *effect) {
    effect->keeps_p = false;
    effect->softmax_first = false;
    effect->not_for_one = false;
}

/* plk_effect.plain_scale of a chain. */
static float plain_scale(const pluck_stage *stages, int32_t n_stages) {
    if (n_stages == 0) return 0.0f;
    float scale = 1.0f;
    for (int32_t i = 0; i < n_stages - 1; i++) {
        const pluck_stage_temperature *temperature = &stages[i].as.temperature;
        if (stages[i].kind != PLUCK_STAGE_TEMPERATURE || temperature->range > 0.0f ||
            temperature->t <= 0.0f)
            return 0.0f;
        scale /= temperature->t;
    }
    pluck_stage_kind last = stages[n_stages - 1].kind;
    bool draws =
        last == PLUCK_STAGE_DIST || last == PLUCK_STAGE_MIROSTAT || last == PLUCK_STAGE_MIROSTAT_V2;
    return draws ? scale : 0.0f;
}

/* Can the stage put candidates into another order? */
static bool sorts(const pluck_stage *stage) {
    if (stage->kind == PLUCK_STAGE_MIN_P) return stage->as.min_p.min_keep > 1;
    return plk_stage_moves(stage);
}

/* Does the stage always sort if there are two candidates? */
static bool surely_sorts(const pluck_stage *stage) {
    return sorts(stage) && stage->kind != PLUCK_STAGE_MIN_P && stage->kind != PLUCK_STAGE_XTC;
}

static bool truncates_before(const pluck_stage *stages, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        if (plk_stage_truncates(&stages[i])) return true;
    }
    return false;
}

/* Adds what the stage does to the array's flag to what the stages before it did. */
static void flag_of_stage(plk_effect *effect, const pluck_stage *stage) {
    switch (stage->kind) {
    case PLUCK_STAGE_TOP_K:
    case PLUCK_STAGE_TOP_P:
    case PLUCK_STAGE_INFILL:
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        effect->sorted = PLK_SORTED;
        break;
    case PLUCK_STAGE_PENALTIES:
    case PLUCK_STAGE_TYPICAL:
        effect->sorted = PLK_NOT_SORTED;
        effect->sorts_below = 0;
        effect->edits = true;
        break;
    case PLUCK_STAGE_MIN_P:
        effect->sorts_below = stage->as.min_p.min_keep;
        if (effect->sorted == PLK_NOT_SORTED && effect->sorts_below > 1)
            effect->sorted = PLK_SORTED_IF_FEW;
        break;
    case PLUCK_STAGE_DRY: /* whether the order still holds depends on the edits */
    case PLUCK_STAGE_LOGIT_BIAS:
        effect->edits = true;
        if (effect->sorted == PLK_SORTED) effect->sorted = PLK_SORTED_AS_FOUND;
        break;
    case PLUCK_STAGE_ADAPTIVE_P: /* changes the order and leaves the flag as it is */
        if (effect->sorted == PLK_SORTED_AS_FOUND) effect->sorted = PLK_SORTED_UNCHANGED;
        break;
    case PLUCK_STAGE_XTC: /* sorts if its coin says so; dynamic temperature, if there are two */
    case PLUCK_STAGE_TEMPERATURE:
        if ((effect->sorted == PLK_NOT_SORTED || effect->sorted == PLK_SORTED_IF_FEW) &&
            plk_stage_writes_p(stage) != PLK_P_NONE)
            effect->sorted = PLK_SORTED_AS_FOUND;
        break;
    default:
        break;
    }
}

/* The flag if a single candidate is left at the end. XTC and dynamic temperature do nothing to a
 * single candidate; behind a stage that drops candidates they are assumed to have received only
 * one. */
static plk_flag flag_for_one(plk_flag before, const pluck_stage *stage, bool single) {
    bool shy = stage->kind == PLUCK_STAGE_XTC || stage->kind == PLUCK_STAGE_TEMPERATURE;
    if (stage->kind == PLUCK_STAGE_PENALTIES || stage->kind == PLUCK_STAGE_TYPICAL)
        return PLK_NOT_SORTED;
    if (!sorts(stage) || (shy && single)) return before;
    return shy ? PLK_SORTED_AS_FOUND : PLK_SORTED;
}

plk_effect plk_effect_of(const pluck_stage *stages, int32_t n_stages) {
    plk_effect effect = {.keeps_p = true,
                         .sorted = PLK_SORTED_AS_FOUND,
                         .sorted_one = PLK_SORTED_UNCHANGED,
                         .sorted_single = PLK_SORTED_UNCHANGED};
    int32_t first = 0;
    while (first < n_stages && traits_of(&stages[first]).disabled) first++;
    if (first < n_stages && stages[first].kind == PLUCK_STAGE_TOP_K)
        effect.first_k = stages[first].as.top_k.k;
    effect.plain_scale = plain_scale(stages, n_stages);
    if (n_stages > 0 && stages[n_stages - 1].kind == PLUCK_STAGE_MIROSTAT)
        effect.mirostat = stages[n_stages - 1].as.mirostat;
    for (int32_t i = 0; i < n_stages; i++) {
        const pluck_stage *stage = &stages[i];
        effect.selects = effect.selects || plk_stage_selects(stage);
        effect.sorts = effect.sorts || sorts(stage);
        effect.surely_sorts = effect.surely_sorts || surely_sorts(stage);
        effect.minds_order = effect.minds_order || plk_stage_moves(stage);
        switch (plk_stage_writes_p(stage)) {
        case PLK_P_NONE:
            break;
        case PLK_P_OF_INPUT:
            effect.keeps_p = true;
            effect.softmax_first = true;
            effect.by_coin = stage->kind == PLUCK_STAGE_XTC;
            break;
        case PLK_P_OF_OUTPUT:
            effect.keeps_p = false;
            effect.softmax_first = false;
            effect.not_for_one = stage->kind == PLUCK_STAGE_TEMPERATURE;
            break;
        }
        flag_of_stage(&effect, stage);
        effect.sorted_one = flag_for_one(effect.sorted_one, stage, truncates_before(stages, i));
        effect.sorted_single = flag_for_one(effect.sorted_single, stage, true);
    }
    return effect;
}
