/*
 * min_p.c: keeps candidates with P >= p * max P, which is logit >= max + log p.
 *
 * Source: Nguyen et al., "Turning Up the Heat: Min-p Sampling", 2024. Parameters: p, <= 0 disables;
 * min_keep: if fewer would remain, the min_keep greatest are kept, in descending order. Asks the
 * view for its maximum; makes it a list. Keeps the order.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_mass *p = &run->stage->as.min_p;
    pk_view_keep_above_or_first(v, pk_view_x_below_max(v, log((double)p->p)), p->min_keep);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_mass *p = &stage->as.min_p;
    (void)n_vocab;
    TRY(pk_check_unit(err, "p", p->p));
    return pk_check_count(err, "min_keep", p->min_keep);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.min_p.p <= 0.0f;
}

extern const stage_kind pk_stage_min_p;
const stage_kind pk_stage_min_p = {
    .kind = PLUCK_STAGE_MIN_P,
    .name = "min_p",
    .defaults.as.min_p = {.p = 0.05f, .min_keep = 0},
    .state = VIEW_SCANNED,
    .takes_cut = true,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
