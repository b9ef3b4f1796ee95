/*
 * dist.c: draws from P = softmax(logits): selects the first candidate, in order, whose cumulative
 * probability reaches u. Always uses one u, even if one candidate is left.
 *
 * Source: llama.cpp's dist. Parameter: seed. Asks the view for its sum.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    pk_select(run, v, pk_draw(v, run));
    return PLUCK_OK;
}

static uint32_t seed(const pluck_stage *stage) {
    return stage->as.dist.seed;
}

extern const stage_kind pk_stage_dist;
const stage_kind pk_stage_dist = {
    .kind = PLUCK_STAGE_DIST,
    .name = "dist",
    .defaults.as.dist = {.seed = PLUCK_SEED_RANDOM},
    .state = VIEW_SUMMED,
    .takes_cut = true,
    .apply = apply,
    .random = true,
    .selects = true,
    .seed = seed,
};
