/*
 * top_p.c: keeps the shortest prefix, in descending order, whose probabilities sum to at least p.
 *
 * Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2019. Parameters: p, >=
 * 1 disables; min_keep. Asks the view for its sum; leaves descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_mass *p = &run->stage->as.top_p;
    pk_view_keep_mass(v, (double)p->p, p->min_keep, run->ahead);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_mass *p = &stage->as.top_p;
    (void)n_vocab;
    TRY(pk_check_unit(err, "p", p->p));
    return pk_check_count(err, "min_keep", p->min_keep);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.top_p.p >= 1.0f;
}

extern const stage_kind pk_stage_top_p;
const stage_kind pk_stage_top_p = {
    .kind = PLUCK_STAGE_TOP_P,
    .name = "top_p",
    .defaults.as.top_p = {.p = 0.95f, .min_keep = 0},
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
