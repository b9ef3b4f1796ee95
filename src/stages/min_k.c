/*
 * min_k.c: with the logits of the unmasked sorted, x(1) >= ... >= x(n), and R = x(1) - x(n), keeps the k
 * most likely:
 *     k = max(the first i at which (x(i) - x(i + 1)) / (i (R + 1e-8)) is greatest,
 *             floor(tau / (R + 1e-8)))
 *
 * Source: Ding et al., "Min-k Sampling: Decoupling Truncation from Temperature Scaling via Relative
 * Logit Dynamics", 2026 (arXiv 2604.11012). Parameter: tau, finite, < 0 disables. What the drops are
 * divided by in common does not move the greatest. Asks the view for its greatest values, in steps
 * until what may lie behind them cannot be steeper, and for the least; leaves descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

enum { FIRST = 1024, STEP = 16 };

/* The first rank i of n sorted values at which (x(i) - x(i + 1)) / i is greatest; *drop becomes that
 * number. */
static int32_t steepest(const float *x, int32_t n, double *drop) {
    int32_t at = 1;
    *drop = 0.0;
    for (int32_t i = 1; i < n; i++) {
        const double here = ((double)x[i - 1] - (double)x[i]) / (double)i;
        if (here <= *drop) continue;
        *drop = here;
        at = i;
    }
    return at;
}

static int32_t find_cliff(view *v, float least) {
    const int32_t alive = pk_view_alive(v);
    for (int32_t m = FIRST;; m = m < alive / STEP ? m * STEP : alive) {
        int32_t n;
        double drop;
        const float *x = pk_view_lease_top(v, m, &n);
        const int32_t at = steepest(x, n, &drop);
        const double last = (double)x[n - 1];
        pk_view_return_top(v);
        /* A later one would have to be a gap of more than n times the drop. */
        const double gap = drop * (double)n;
        if (n == alive || gap >= last - (double)least) return at;
        if (pk_view_is_dense(v, (double)least, last, gap)) return at;
    }
}

static pluck_status apply(view *v, const stage_run *run) {
    const int32_t alive = pk_view_alive(v);
    const float least = pk_view_min(v);
    const double range = ((double)pk_view_max(v) - (double)least) * pk_view_scale(v);
    const double by_range = floor((double)run->stage->as.min_k.tau / (range + 1e-8));
    int64_t k = alive;
    if (by_range < (double)alive) k = max_i64(find_cliff(v, least), (int64_t)by_range);
    pk_view_top_k(v, k);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    (void)n_vocab;
    return pk_check_finite(err, "tau", stage->as.min_k.tau);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.min_k.tau < 0.0f;
}

extern const stage_kind pk_stage_min_k;
const stage_kind pk_stage_min_k = {
    .kind = PLUCK_STAGE_MIN_K,
    .name = "min_k",
    .defaults.as.min_k = {.tau = -1.0f},
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
