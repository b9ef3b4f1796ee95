/*
 * top_a.c: keeps candidates with P >= a * (max P)^2.
 *
 * Source: BlinkDL's top-a (RWKV-LM); koboldcpp's and text-generation-webui's top_a. Parameters: a,
 * <= 0 disables; min_keep: if fewer would remain, the min_keep greatest are kept, in descending
 * order. The most likely candidate is always kept. Asks the view for its sum; makes it a list.
 * Keeps the order.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_top_a *p = &run->stage->as.top_a;
    const double log_max = pk_view_log_probability(v, pk_view_max(v));
    /* Relative to the maximum: log P - log max P >= log a + log max P. */
    const double nats = fmin(log((double)p->a) + log_max, 0.0);
    pk_view_keep_above_or_first(v, pk_view_x_below_max(v, nats), p->min_keep);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_top_a *p = &stage->as.top_a;
    (void)n_vocab;
    TRY(pk_check_unit(err, "a", p->a));
    return pk_check_count(err, "min_keep", p->min_keep);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.top_a.a <= 0.0f;
}

extern const stage_kind pk_stage_top_a;
const stage_kind pk_stage_top_a = {
    .kind = PLUCK_STAGE_TOP_A,
    .name = "top_a",
    .defaults.as.top_a = {.a = 0.0f, .min_keep = 0},
    .state = VIEW_SUMMED,
    .takes_cut = true,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
