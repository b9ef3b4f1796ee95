/* view_spread.c: how the alive are spread: deviation, the least, and which are out of float's range. See view.h. */
#include "arithmetic.h"

#include "view_impl.h"

/* With variances outside these, squares leave the range of float, in which the kernels compute. */
static const double SMALL_VARIANCE = 1e-28, LARGE_VARIANCE = 1e30;

/* An x near the middle of the alive: the median of a few. */
static float middling(const mass_source *s) {
    float x[GROUP], alive[GROUP] = {0.0f};
    int32_t n = 0;
    for (int32_t g = 0; n == 0; g++) {
        PLUCK_ASSERT(g < s->row->n_groups);
        pk_row_group(s->row, g, s->cut, x);
        for (int i = 0; i < GROUP; i++) {
            if (x[i] == -INFINITY) continue;
            int32_t at = n++;
            for (; at > 0 && alive[at - 1] > x[i]; at--) alive[at] = alive[at - 1];
            alive[at] = x[i];
        }
    }
    return alive[n / 2];
}

/* The mean of (x - from)^power over the alive, in double. */
static double slow_moment(const mass_source *s, double n, double from, int power) {
    double sum = 0.0;
    for (int32_t g = 0; g < s->row->n_groups; g++) {
        float x[GROUP];
        pk_row_group(s->row, g, s->cut, x);
        for (int i = 0; i < GROUP; i++) {
            if (x[i] == -INFINITY) continue;
            const double d = (double)x[i] - from;
            sum += power == 1 ? d : d * d;
        }
    }
    return sum / n;
}

double pk_view_deviation(view *v) {
    const mass_source s = pk_view_source(v);
    PLUCK_ASSERT(cut_is_open(s.cut));
    const double n = (double)pk_view_alive(v), max = (double)pk_view_max(v);
    /* Takes the moments around a value near the middle; if that is too far from the mean, again
     * around the mean. */
    float shift = middling(&s);
    group_totals t = pk_row_stats(s.row, shift);
    double mean = t.sum / n;
    double variance = t.sum_squares / n - mean * mean;
    if (!(mean * mean <= 100.0 * variance)) {
        shift = (float)((double)shift + mean);
        t = pk_row_stats(s.row, shift);
        mean = t.sum / n;
        variance = t.sum_squares / n - mean * mean;
    }
    if (!(variance >= SMALL_VARIANCE && variance <= LARGE_VARIANCE)) {
        mean = max + slow_moment(&s, n, max, 1);
        variance = slow_moment(&s, n, mean, 2);
    }
    return sqrt(fmax(variance, 0.0));
}

float pk_view_min(view *v) {
    PLUCK_ASSERT(v->mass.max_stamp == v->values && !v->adapted);
    const mass_source s = pk_view_source(v);
    PLUCK_ASSERT(cut_is_open(s.cut));
    const float least = pk_row_min(s.row);
    PLUCK_ASSERT(least <= v->mass.max);
    return least;
}

/* ---- logits out of float's range ---- */

/* No x that is left is lower. */
static float least_of(const view *v) {
    if (!v->whole) return v->list.least;
    return v->cut.x > v->row.least ? v->cut.x : v->row.least;
}

/* Whether the logit of x is out of float's range. */
static bool is_out_of_range(const view *v, float x) {
    return fabs((double)x) * v->scale >= FLOAT_END;
}

/* The least x whose logit is in float's range. */
static float least_in_range(const view *v) {
    float x = (float)(-FLOAT_END / v->scale);
    while (is_out_of_range(v, x)) x = nextafterf(x, INFINITY);
    return x;
}

/* Whether there may be, besides the maximum and its equals, a logit out of range. */
static bool may_be_out_of_range(const view *v) {
    const float least = least_of(v);
    return least < v->mass.max && (is_out_of_range(v, least) || is_out_of_range(v, v->mass.max));
}

bool pk_view_is_in_range(const view *v, double scale) {
    const double most = fmax(fabs((double)v->mass.max), fabs((double)least_of(v)));
    return scale <= 1.0 || v->infinite || most * scale < FLOAT_END;
}

void pk_view_mask_out_of_range(view *v) {
    if (v->scale <= 1.0 || v->infinite) return;
    if (!may_be_out_of_range(v)) return;
    /* So far only a bound may have been known. */
    if (v->whole)
        v->row.least = pk_row_min(&v->row);
    else
        v->list.least = pk_list_min(&v->list);
    if (!may_be_out_of_range(v)) return;
    const float max = pk_view_max(v), low = is_out_of_range(v, max) ? max : least_in_range(v);
    pk_view_mask_below(v, low);
    if (!v->whole) v->list.least = low;
}
