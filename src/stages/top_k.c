/*
 * top_k.c: keeps the k candidates with the greatest logits, of equals those with lower ids.
 *
 * Source: Fan et al. 2018; llama.cpp's top-k. Parameter: k, <= 0 disables. Asks the view for its
 * maxima; makes it a list. Leaves descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    pk_view_top_k(v, run->stage->as.top_k.k);
    return PLUCK_OK;
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.top_k.k <= 0;
}

extern const stage_kind pk_stage_top_k;
const stage_kind pk_stage_top_k = {
    .kind = PLUCK_STAGE_TOP_K,
    .name = "top_k",
    .defaults.as.top_k = {.k = 40},
    .state = VIEW_SCANNED,
    .apply = apply,
    .disabled = disabled,
};
