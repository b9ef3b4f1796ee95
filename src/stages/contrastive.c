/*
 * contrastive.c: contrastive decoding. With e the row's logits, the expert's, and a the second
 * row's, the amateur's: masks e < ln alpha + max e, and makes the others
 *     (1 + beta) * e - beta * a = e + beta * (e - a),   or with `difference`   e - a
 *
 * Source: O'Brien, Lewis 2023, "Contrastive Decoding Improves Reasoning in Large Language Models"
 * (arXiv 2309.09117); Li et al. 2022, "Contrastive Decoding: Open-ended Text Generation as
 * Optimization" (arXiv 2210.15097) for the mask and the difference. Parameters: alpha, 0 to 1, 0
 * masks none; beta, 0 to 1e6; difference, 0 or 1. Does nothing if beta = 0 and difference = 0.
 * Needs a second row, and to be the first stage. Asks the view for its maximum; masks and combines.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_contrastive *p = &run->stage->as.contrastive;
    if (!pk_view_has_second(v)) return PLUCK_ERR_SECOND_ROW;
    if (p->alpha > 0.0f) {
        TRY(pk_view_prepare(v, VIEW_SCANNED, true));
        pk_view_mask_to_mix(v, pk_view_x_below_max(v, log((double)p->alpha)));
    }
    return p->difference ? pk_view_mix(v, 0.0f, 1.0f, 0.0f) : pk_view_mix(v, 1.0f, p->beta, 0.0f);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_contrastive *p = &stage->as.contrastive;
    (void)n_vocab;
    TRY(pk_check_unit(err, "alpha", p->alpha));
    TRY(pk_check_param(p->beta >= 0.0f && p->beta <= 1e6f, err, "beta", (double)p->beta,
                       "0 to 1e6"));
    return pk_check_param(p->difference == 0 || p->difference == 1, err, "difference",
                          (double)p->difference, "0 or 1");
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.contrastive.beta == 0.0f && !stage->as.contrastive.difference;
}

extern const stage_kind pk_stage_contrastive;
const stage_kind pk_stage_contrastive = {
    .kind = PLUCK_STAGE_CONTRASTIVE,
    .name = "contrastive",
    .defaults.as.contrastive = {.alpha = 0.1f, .beta = 0.0f, .difference = 0},
    .state = VIEW_ANY,
    .joins = true,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
