/*
 * epsilon_cutoff.c: two cuts at a probability. With H the entropy in nats they keep
 *     epsilon: P >= epsilon
 *     eta:     P >= min(epsilon, sqrt(epsilon) * exp(-H))
 * and what is not below the min_keep-th greatest, so the most probable candidate always.
 *
 * Source: Hewitt, Manning, Liang, "Truncation Sampling as Language Model Desmoothing", 2022
 * (arXiv 2210.15191); transformers' EpsilonLogitsWarper and EtaLogitsWarper. The docstring of the
 * latter has exp(-H) under the root; the paper and the code have not. Parameters: epsilon, 0
 * disables; min_keep. Ask the view for its sum, eta for the entropy; make it a list. The order
 * stays.
 */
#include "../arithmetic.h"

#include "../stage.h"

/* Keeps what is as probable as exp(log_p), and the min_keep greatest with all that tie. */
static pluck_status keep(view *v, double log_p, int32_t min_keep) {
    const float low = pk_view_x_likely(v, log_p);
    if (min_keep > 1 && low <= pk_view_max(v) && pk_view_count_above(v, low) >= min_keep)
        pk_view_keep_above(v, low);
    else
        pk_view_keep_above(v, fminf(low, pk_view_kth(v, max_i64(min_keep, 1))));
    return PLUCK_OK;
}

static pluck_status apply_epsilon(view *v, const stage_run *run) {
    const pluck_stage_cutoff *p = &run->stage->as.epsilon_cutoff;
    return keep(v, log((double)p->epsilon), p->min_keep);
}

static pluck_status apply_eta(view *v, const stage_run *run) {
    const pluck_stage_cutoff *p = &run->stage->as.eta_cutoff;
    const double log_epsilon = log((double)p->epsilon);
    return keep(v, fmin(log_epsilon, 0.5 * log_epsilon - pk_view_entropy(v)), p->min_keep);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_cutoff *p = &stage->as.epsilon_cutoff; /* as.eta_cutoff lies there too */
    (void)n_vocab;
    TRY(pk_check_unit(err, "epsilon", p->epsilon));
    return pk_check_count(err, "min_keep", p->min_keep);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.epsilon_cutoff.epsilon <= 0.0f;
}

extern const stage_kind pk_stage_epsilon_cutoff;
const stage_kind pk_stage_epsilon_cutoff = {
    .kind = PLUCK_STAGE_EPSILON_CUTOFF,
    .name = "epsilon_cutoff",
    .state = VIEW_SUMMED,
    .takes_cut = true,
    .apply = apply_epsilon,
    .check = check,
    .disabled = disabled,
};

extern const stage_kind pk_stage_eta_cutoff;
const stage_kind pk_stage_eta_cutoff = {
    .kind = PLUCK_STAGE_ETA_CUTOFF,
    .name = "eta_cutoff",
    .state = VIEW_SCANNED,
    .apply = apply_eta,
    .check = check,
    .disabled = disabled,
};
