/*
 * top_n_sigma.c: masks logits below max - n * sigma; sigma is the standard deviation of the logits.
 *
 * Source: Tang et al., "Top-nsigma: Not All Logits Are You Need", 2024. Parameter: n, <= 0
 * disables. Masked candidates are not part of sigma. Candidates that are masked here stay counted.
 * Asks the view for its maximum and its deviation; makes it a list. Keeps the order.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    if (pk_view_counted(v) <= 1) return PLUCK_OK;
    const double max = (double)pk_view_max(v);
    const double low = max - (double)run->stage->as.top_n_sigma.n * pk_view_deviation(v);
    /* The maximum itself must remain, whatever the rounding. */
    const float x = (float)fmin(low, max);
    pk_view_mask_below(v, (double)x < low ? nextafterf(x, INFINITY) : x);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const float n = stage->as.top_n_sigma.n;
    (void)n_vocab;
    return pk_check_param(!isnan(n), err, "n", (double)n, "any number");
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.top_n_sigma.n <= 0.0f;
}

extern const stage_kind pk_stage_top_n_sigma;
const stage_kind pk_stage_top_n_sigma = {
    .kind = PLUCK_STAGE_TOP_N_SIGMA,
    .name = "top_n_sigma",
    .defaults.as.top_n_sigma = {.n = -1.0f},
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
