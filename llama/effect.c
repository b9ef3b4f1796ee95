/* effect.c: see effect.h; each answer was read off llama.cpp v0.5.0's samplers. */
#include "effect.h"

#include <math.h>

bool plk_stage_truncates(const pluck_stage *stage) {
    switch (stage->kind) {
    case PLUCK_STAGE_TOP_K:
    case PLUCK_STAGE_TYPICAL:
    case PLUCK_STAGE_TOP_P:
    case PLUCK_STAGE_MIN_P:
    case PLUCK_STAGE_XTC:
    case PLUCK_STAGE_INFILL:
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        return true;
    default:
        return false;
    }
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

bool plk_stage_selects(const pluck_stage *stage) {
    return stage->kind >= PLUCK_STAGE_GREEDY;
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
    switch (stage->kind) {
    case PLUCK_STAGE_PENALTIES:
    case PLUCK_STAGE_DRY:
    case PLUCK_STAGE_XTC:
    case PLUCK_STAGE_DIST:
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
    case PLUCK_STAGE_ADAPTIVE_P:
        return true;
    default:
        return false;
    }
}

/* Is the stage one of those before top-k in llama.cpp's usual chain, with nothing to do? */
static bool does_nothing(const pluck_stage *stage) {
    switch (stage->kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        return stage->as.logit_bias.n_biases == 0;
    case PLUCK_STAGE_PENALTIES:
        return stage->as.penalties.last_n == 0 ||
               (stage->as.penalties.repeat == 1.0f && stage->as.penalties.freq == 0.0f &&
                stage->as.penalties.present == 0.0f);
    case PLUCK_STAGE_DRY:
        return stage->as.dry.multiplier == 0.0f;
    case PLUCK_STAGE_TOP_N_SIGMA:
        return stage->as.top_n_sigma.n <= 0.0f;
    default:
        return false;
    }
}

plk_effect plk_effect_of(const pluck_stage *stages, int32_t n_stages) {
    plk_effect effect = {.keeps_p = true, .sorted = PLK_SORTED_AS_FOUND};
    int32_t first = 0;
    while (first < n_stages && does_nothing(&stages[first])) first++;
    if (first < n_stages && stages[first].kind == PLUCK_STAGE_TOP_K)
        effect.first_k = stages[first].as.top_k.k;
    for (int32_t i = 0; i < n_stages; i++) {
        const pluck_stage *stage = &stages[i];
        effect.selects = effect.selects || plk_stage_selects(stage);
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
        switch (stage->kind) {
        case PLUCK_STAGE_TOP_K:
        case PLUCK_STAGE_TOP_P:
        case PLUCK_STAGE_INFILL:
        case PLUCK_STAGE_MIROSTAT:
        case PLUCK_STAGE_MIROSTAT_V2:
            effect.sorted = PLK_SORTED;
            break;
        case PLUCK_STAGE_PENALTIES:
        case PLUCK_STAGE_TYPICAL:
            effect.sorted = PLK_NOT_SORTED;
            effect.sorts_below = 0;
            effect.edits = true;
            break;
        case PLUCK_STAGE_MIN_P:
            effect.sorts_below = stage->as.min_p.min_keep;
            if (effect.sorted == PLK_NOT_SORTED && effect.sorts_below > 1)
                effect.sorted = PLK_SORTED_AS_FOUND;
            break;
        case PLUCK_STAGE_DRY: /* depends on what it found */
        case PLUCK_STAGE_LOGIT_BIAS:
            effect.edits = true;
            if (effect.sorted == PLK_SORTED) effect.sorted = PLK_SORTED_AS_FOUND;
            break;
        case PLUCK_STAGE_ADAPTIVE_P: /* changes the order and says nothing of it */
            if (effect.sorted == PLK_SORTED_AS_FOUND) effect.sorted = PLK_SORTED_UNCHANGED;
            break;
        case PLUCK_STAGE_XTC: /* depends on the coin; dynamic temperature on the size */
        case PLUCK_STAGE_TEMPERATURE:
            if (effect.sorted == PLK_NOT_SORTED && plk_stage_writes_p(stage) != PLK_P_NONE)
                effect.sorted = PLK_SORTED_AS_FOUND;
            break;
        default:
            break;
        }
    }
    return effect;
}
