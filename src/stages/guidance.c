/*
 * guidance.c: classifier-free guidance. With c the log-softmax of the row and u that of the second:
 *     x = u + scale * (c - u) = c + (scale - 1) * (c - u)
 *
 * Source: Sanchez et al. 2023, "Stay on topic with Classifier-Free Guidance" (arXiv 2306.17806);
 * transformers' UnbatchedClassifierFreeGuidanceLogitsProcessor. Parameters: scale, -1e6 to 1e6; 1
 * disables. Needs a second row, and to be the first stage. Asks the view for both sums only if a
 * stage behind it reads the logits themselves; combines the rows.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    const double weight = (double)run->stage->as.guidance.scale - 1.0;
    double shift = 0.0;
    if (!pk_view_has_second(v)) return PLUCK_ERR_SECOND_ROW;
    if (run->level) {
        /* With these as the logits' sums, the sums of c and u are 0. */
        const view_log_sums sums = pk_view_log_sums(v);
        shift = sums.row + weight * (sums.row - sums.second);
        if (!isfinite(shift)) shift = 0.0; /* what is wrong, or the tokens at +inf, will be found */
    }
    return pk_view_mix(v, 1.0f, (float)weight,
                       (float)clamp(shift, -(double)FLT_MAX, (double)FLT_MAX));
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const float scale = stage->as.guidance.scale;
    (void)n_vocab;
    return pk_check_param(scale >= -1e6f && scale <= 1e6f, err, "scale", (double)scale,
                          "-1e6 to 1e6");
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.guidance.scale == 1.0f;
}

extern const stage_kind pk_stage_guidance;
const stage_kind pk_stage_guidance = {
    .kind = PLUCK_STAGE_GUIDANCE,
    .name = "guidance",
    .defaults.as.guidance = {.scale = 1.0f},
    .state = VIEW_ANY,
    .joins = true,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
