/*
 * min_k.c: with the logits of the unmasked sorted, x(1) >= ... >= x(n), and R = x(1) - x(n), keeps the k
 * most likely:
 *     k = max(the first i at which (x(i) - x(i + 1)) / (i (R + 1e-8)) is greatest,
 *             floor(tau / (R + 1e-8)))
 *
 * Source: Ding et al., "Min-k Sampling: Decoupling Truncation from Temperature Scaling via Relative
 * Logit Dynamics", 2026 (arXiv 2604.11012). Parameter: tau, finite, < 0 disables. What the drops are
 * divided by in common does not move the greatest. Asks the view for its greatest values, and unless
 * none of those behind can be steeper, for the ends of bins: between them drops are exact, and only
 * the bins that are wide enough for a steeper one are sorted. Leaves descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

enum { FIRST = 1024, MOST_BINS = 16384 };

/* The steepest drop so far, behind which rank it is, and the value that has this rank. */
typedef struct cliff {
    double drop;
    int32_t at;
    float x;
} cliff;

/* Looks at the drop from `above`, which has that rank, to `below`. */
static void look_at(cliff *c, float above, float below, int32_t rank) {
    const double here = ((double)above - (double)below) / (double)rank;
    /* The first of those that are as steep counts. */
    if (here < c->drop || (here == c->drop && rank >= c->at)) return;
    *c = (cliff){here, rank, above};
}

/* Looks at n sorted values behind `rank` others. */
static void look_at_sorted(cliff *c, const float *x, int32_t n, int32_t rank) {
    for (int32_t i = 1; i < n; i++) look_at(c, x[i - 1], x[i], rank + i);
}

/* Whether a steeper one may be among n values behind `rank` others. */
static bool may_hide(const cliff *c, const view_bin_ends *bin, int32_t rank) {
    if (bin->n < 2 || bin->least == bin->greatest) return false;
    cliff steepest = *c;
    look_at(&steepest, bin->greatest, bin->least, rank + 1);
    return steepest.at != c->at || steepest.drop > c->drop;
}

/* A stretch of x, how many values are above it and how many in it. */
typedef struct stretch {
    float low, high;
    int32_t rank, n;
} stretch;

/* Looks at the drops between n bins behind `rank` values. */
static void look_between(cliff *c, const view_bin_ends *bin, int32_t n, int32_t rank) {
    const view_bin_ends *last = NULL;
    for (int32_t i = 0; i < n; i++) {
        if (bin[i].n == 0) continue;
        if (last) look_at(c, last->least, bin[i].greatest, rank);
        last = &bin[i];
        rank += bin[i].n;
    }
}

/* The stretch of those of n bins behind `rank` values that may hide a steeper drop. */
static stretch narrow(const cliff *c, const view_bin_ends *bin, int32_t n, int32_t rank) {
    stretch s = {0.0f, 0.0f, 0, 0};
    for (int32_t i = 0; i < n; rank += bin[i++].n) {
        if (!may_hide(c, &bin[i], rank)) continue;
        if (s.n == 0) {
            s.high = bin[i].greatest;
            s.rank = rank;
        }
        s.low = bin[i].least;
        s.n = rank + bin[i].n - s.rank;
    }
    return s;
}

/* Looks behind the greatest values, at those from `least` to `last`, which has `rank` above it. */
static void look_behind(view *v, cliff *c, float least, float last, int32_t rank) {
    const int32_t alive = pk_view_alive(v);
    stretch s = {least, last, rank, alive - rank};
    /* As long as that leaves out half of them; a quarter of all are soon sorted. */
    for (int32_t n = INT32_MAX; s.n > alive / 4 && s.n < n / 2 && s.low < s.high;) {
        const int32_t n_bins = alive / 8 < MOST_BINS ? alive / 8 : MOST_BINS;
        const view_bins b = pk_view_bins_of(s.low, s.high, n_bins);
        const view_bin_ends *bin = pk_view_lease_bin_ends(v, &b);
        look_between(c, bin, n_bins, s.rank);
        n = s.n;
        s = narrow(c, bin, n_bins, s.rank);
        pk_view_return_bin_ends(v);
    }
    if (s.n == 0) return;
    int32_t n;
    const float *x = pk_view_lease_between(v, s.low, nextafterf(s.high, INFINITY), &n);
    look_at_sorted(c, x, n, s.rank);
    pk_view_return_top(v);
}

static cliff find_cliff(view *v, float least) {
    int32_t n, above = 0;
    cliff c = {0.0, 1, NAN};
    const float *x = pk_view_lease_top(v, FIRST, &n);
    look_at_sorted(&c, x, n, 0);
    const float last = x[n - 1];
    while (x[above] > last) above++;
    pk_view_return_top(v);
    /* A later one would have to be a gap of more than n times the drop. */
    const double gap = c.drop * (double)n;
    if (n == pk_view_alive(v) || gap >= (double)last - (double)least) return c;
    if (!pk_view_is_dense(v, least, last, gap)) look_behind(v, &c, least, last, above);
    return c;
}

static pluck_status apply(view *v, const stage_run *run) {
    const int32_t alive = pk_view_alive(v);
    const float least = pk_view_min(v);
    const double range = ((double)pk_view_max(v) - (double)least) * pk_view_scale(v);
    const double by_range = floor((double)run->stage->as.min_k.tau / (range + 1e-8));
    if (by_range >= (double)alive) {
        pk_view_top_k(v, alive);
        return PLUCK_OK;
    }
    const cliff c = find_cliff(v, least);
    pk_view_top_k_at(v, max_i64(c.at, (int64_t)by_range), c.x);
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
