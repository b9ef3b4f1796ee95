/*
 * typical.c: keeps the shortest prefix, ordered by the distance |-log P - H| of the surprise from
 * the entropy H, whose probabilities sum to more than p. Leaves that order.
 *
 * Source: Meister et al., "Locally Typical Sampling", 2022. Parameters: p, >= 1 disables; min_keep.
 * No logarithm is needed: with lse = log sum exp, -log P = lse - logit and H = lse - sum(P logit),
 * so the distance is that of the logit from sum(P logit), the mean logit under the distribution.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_mass *p = &run->stage->as.typical;
    pk_view_by_id(v);
    pk_view_keep_near(v, pk_view_mean(v), (double)p->p, p->min_keep);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_mass *p = &stage->as.typical;
    (void)n_vocab;
    TRY(pk_check_unit(err, "p", p->p));
    return pk_check_count(err, "min_keep", p->min_keep);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.typical.p >= 1.0f;
}

extern const stage_kind pk_stage_typical;
const stage_kind pk_stage_typical = {
    .kind = PLUCK_STAGE_TYPICAL,
    .name = "typ_p",
    .defaults.as.typical = {.p = 1.0f, .min_keep = 0},
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
