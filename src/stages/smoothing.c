/*
 * smoothing.c: quadratic smoothing. With m the greatest logit and d = x - m,
 *     x = m - factor * k * d^2 + factor * s * d^3,   k = (3 - curve) / 2,  s = (curve - 1) / 2
 *
 * Source: kalomaze's quadratic sampling; text-generation-webui's QuadraticSamplingLogitsWarper, and
 * koboldcpp, which has it inside its temperature, after the division. Parameters: factor, 0
 * disables; curve, from 1 to 3 keeps the order. Asks the view for its maximum; a row is bent as it
 * is read.
 */
#include "../arithmetic.h"

#include "../stage.h"

static const float LARGE = 1e9f;

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_smoothing *p = &run->stage->as.smoothing;
    const double factor = (double)p->factor, curve = (double)p->curve;
    return pk_view_bend(v, factor * (3.0 - curve) / 2.0, factor * (curve - 1.0) / 2.0);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_smoothing *p = &stage->as.smoothing;
    (void)n_vocab;
    TRY(pk_check_param(p->factor >= 0.0f && p->factor <= LARGE, err, "factor", (double)p->factor,
                       "0 to 1e9"));
    return pk_check_param(p->curve >= -LARGE && p->curve <= LARGE, err, "curve", (double)p->curve,
                          "-1e9 to 1e9");
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.smoothing.factor <= 0.0f;
}

extern const stage_kind pk_stage_smoothing;
const stage_kind pk_stage_smoothing = {
    .kind = PLUCK_STAGE_SMOOTHING,
    .name = "quadratic_sampling",
    .defaults.as.smoothing = {.factor = 0.0f, .curve = 1.0f},
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
