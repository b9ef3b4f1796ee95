/*
 * p_less.c: two cuts at a probability that the distribution itself gives. With S the sum of all P^2,
 * which is how likely two draws are to be the same, and V the size of the vocabulary they keep
 *     p-less:      P >= S
 *     p-less-norm: P >= (V S - 1) / (V - 1)
 * and the most probable candidate always.
 *
 * Source: Tan, Wu, Howard, "p-less Sampling: A Robust Hyperparameter-Free Approach for LLM
 * Decoding", 2025 (arXiv 2509.23234), and its authors' code, in which V is the length of the row:
 * masked tokens count. Parameters: enabled, 0 disables. Ask the view for the sum of squares, which
 * comes with the sum; make it a list. The order stays.
 */
#include "../arithmetic.h"

#include "../stage.h"

/* Keeps P >= least; the maximum if that is not. */
static pluck_status keep(view *v, double least) {
    /* Relative to the maximum: what ties with it stays, whatever rounding says. */
    const double nats = log(least) - pk_view_log_probability(v, pk_view_max(v));
    pk_view_keep_above(v, pk_view_x_below_max(v, fmin(nats, 0.0)));
    return PLUCK_OK;
}

static pluck_status apply_plain(view *v, const stage_run *run) {
    (void)run;
    return keep(v, pk_view_collision(v));
}

static pluck_status apply_norm(view *v, const stage_run *run) {
    const double n = (double)pk_view_vocab(v);
    const double excess = n * pk_view_collision(v) - 1.0;
    (void)run;
    /* Of equals nothing is left but rounding: all are kept. */
    return keep(v, n > 1.0 && excess > 0.0 ? excess / (n - 1.0) : 0.0);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const int32_t enabled = stage->as.p_less.enabled; /* as.p_less_norm lies there too */
    (void)n_vocab;
    return pk_check_param(enabled == 0 || enabled == 1, err, "enabled", (double)enabled, "0 or 1");
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.p_less.enabled == 0;
}

extern const stage_kind pk_stage_p_less;
const stage_kind pk_stage_p_less = {
    .kind = PLUCK_STAGE_P_LESS,
    .name = "p_less",
    .state = VIEW_SCANNED,
    .apply = apply_plain,
    .check = check,
    .disabled = disabled,
};

extern const stage_kind pk_stage_p_less_norm;
const stage_kind pk_stage_p_less_norm = {
    .kind = PLUCK_STAGE_P_LESS_NORM,
    .name = "p_less_norm",
    .state = VIEW_SCANNED,
    .apply = apply_norm,
    .check = check,
    .disabled = disabled,
};
