/*
 * top_n_sigma.c: masks logits below max - n * sigma, sigma the standard deviation of the logits.
 *
 * Source: Tang et al., "Top-nsigma: Not All Logits Are You Need", 2024. Parameter: n, <= 0
 * disables. Masked candidates take no part in sigma, and what is masked here stays counted. Asks
 * the view for its maximum and second moment; makes it a LIST.
 */
#include "../chain.h"

/* Outside these the squares of deviations leave the range of float, in which the kernels compute.
 */
static const double SMALL_VARIANCE = 1e-28, LARGE_VARIANCE = 1e30;

/* Mean of (x - from)^power over the alive, in double. */
static double slow_moment(const candidates *c, double from, int power) {
    const int32_t n_groups = candidates_groups(c);
    double sum = 0.0;
    for (int32_t g = 0; g < n_groups; g++) {
        float x[GROUP];
        candidates_group(c, g, x);
        for (int i = 0; i < GROUP; i++) {
            const double d = (double)x[i] - from;
            if (x[i] > -INFINITY) sum += power == 1 ? d : d * d;
        }
    }
    return sum / (double)c->n;
}

STAGE(top_n_sigma) {
    if (c->n_counted <= 1) return PLUCK_OK;
    TRY(candidates_scan(c));
    /* Moments around a value of the row that is not far out; if it turns out to be, around the
     * mean. */
    float shift = candidates_middling(c);
    group_totals t = candidates_stats(c, shift);
    double mean = t.sum / (double)c->n;
    double variance = t.sum_squares / (double)c->n - mean * mean;
    if (!(mean * mean <= 100.0 * variance)) {
        shift = (float)((double)shift + mean);
        t = candidates_stats(c, shift);
        mean = t.sum / (double)c->n;
        variance = t.sum_squares / (double)c->n - mean * mean;
    }
    if (!(variance >= SMALL_VARIANCE && variance <= LARGE_VARIANCE)) {
        mean = (double)c->max + slow_moment(c, (double)c->max, 1);
        variance = slow_moment(c, mean, 2);
    }
    const double sigma = sqrt(fmax(variance, 0.0));
    const double cut = (double)c->max - (double)run->stage->as.top_n_sigma.n * sigma;
    /* As few as the maximum itself remain: rounding must not cut it off. */
    const float x = (float)fmin(cut, (double)c->max);
    candidates_keep_above(c, (double)x < cut ? nextafterf(x, INFINITY) : x);
    return PLUCK_OK;
}
