/* survey.c: see survey.h. */
#include "arithmetic.h"

#include "survey.h"

enum {
    LEAST_GROUPS = 256, /* with fewer groups a survey would read as much as a pass */
    GLANCE = 8,         /* groups that show whether a survey is worth it */
    SAMPLE = 512,       /* groups, of which one place in STEP is read: neighbours are often alike */
    STEP = 8,
    DEEP_GROUPS = 1024, /* about as many are used to estimate a deeper top */
    DEEP_BINS = 128,
    SPAN = 32 /* nats that the bins span; what is beyond has no noticeable mass */
};

/* A deeper top aims at leaving out this part of the mass that it may: one that is too short costs
 * more than a longer one. */
static const double MARGIN = 0.75;

/* ---- the top and the sample ---- */

/* The mass of n collected values. */
static double list_mass(view *v, const float *x, int32_t n) {
    const mass_source s = pk_view_source(v);
    return pk_mass_of_values(&v->mass, &s, x, n);
}

/* Collects what is at or above t->low, unless that is many more than a top should have, because of
 * equals. */
static void collect_top(view *v, top *t) {
    if (cut_is_open(pk_view_deeper(v, t->low))) return;
    const int64_t n = pk_view_collect_few(v, t->low, view_most_listed(v));
    if (pk_view_is_much(v, n)) return;
    t->n = (int32_t)n;
    t->mass = list_mass(v, v->list.x, t->n);
}

bool pk_survey_is_possible(const view *v) {
    return v->row.n_groups >= LEAST_GROUPS;
}

top pk_survey_top(view *v, float ceiling) {
    PLUCK_ASSERT(v->whole && v->mass.max_stamp == v->values);
    const int32_t n_blocks = (v->row.n_groups + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
    top t = {0, INFINITY, 0.0};
    if (v->n <= SHORT_LIST) return t; /* all of it costs hardly more */
    t.low = pk_view_bound(v, max_i64(1, n_blocks * 2 / 3));
    if (t.low > ceiling) { /* those nearest to a centre may be much of the row */
        if (v->order == ORDER_NEAR) return (top){0, INFINITY, 0.0};
        t.low = ceiling;
    }
    if (t.low < v->cut.x) t.low = v->cut.x;
    collect_top(v, &t);
    if (t.n == 0) t.low = INFINITY;
    return t;
}

/*
 * The greatest cut, not above the ceiling, with less mass than `rest` below it, by an estimate: the
 * groups that are below it as a whole represent what is below it in the others. NaN if there are
 * too few such groups; then most groups would have to be read anyway.
 */
static float deeper_cut(const view *v, double rest, float ceiling) {
    const int32_t step = v->row.n_groups / DEEP_GROUPS + 1;
    float low = v->mass.max;
    for (int32_t g = 0; g < v->row.n_groups; g += step)
        if (v->mass.group_max[g] < low && v->mass.group_max[g] > -INFINITY)
            low = v->mass.group_max[g];
    const double span = fmin((double)v->mass.max - (double)low, SPAN / v->scale);
    const float bottom = (float)((double)v->mass.max - span);
    const float per_unit = (float)(DEEP_BINS / span);
    if (!(per_unit > 0.0f && per_unit < INFINITY)) return NAN;
    double mass[DEEP_BINS] = {0.0};
    int32_t count[DEEP_BINS] = {0}, n = 0, n_below_ceiling = 0;
    for (int32_t g = 0; g < v->row.n_groups; g += step) {
        if (v->mass.group_max[g] == -INFINITY) continue;
        n++;
        n_below_ceiling += v->mass.group_max[g] < ceiling;
        float at = (v->mass.group_max[g] - bottom) * per_unit;
        at = at > 0.0f ? at : 0.0f;
        at = at < (float)(DEEP_BINS - 1) ? at : (float)(DEEP_BINS - 1);
        mass[(int32_t)at] += v->mass.group_sum[g];
        count[(int32_t)at]++;
    }
    double below = 0.0;
    float deep = NAN;
    for (int32_t k = 0, n_below = 0; k < DEEP_BINS - 1; k++) {
        below += mass[k];
        n_below += count[k];
        if (n_below < n / 8) continue;
        if (below * step * n > rest * n_below) break;
        deep = bottom + (float)(k + 1) / per_unit;
    }
    if (!(deep > ceiling)) return deep;
    return n_below_ceiling < n / 8 ? NAN : ceiling;
}

top pk_survey_deeper(view *v, double target, float ceiling) {
    PLUCK_ASSERT(v->whole && v->mass.sum_stamp == v->weights);
    top t = {0, -INFINITY, 0.0};
    if (!pk_survey_is_possible(v) || !v->mass.grouped || !cut_is_open(v->cut)) return t;
    t.low = deeper_cut(v, MARGIN * (v->mass.sum - target), ceiling);
    if (!isnan(t.low)) collect_top(v, &t);
    return t;
}

/* Reads the i-th of n groups that are spread over the row. */
static void sample_group(const view *v, int32_t i, int32_t n, float *x) {
    const int32_t group = spread_over(i, n, v->row.n_groups);
    pk_row_group(&v->row, group, cut_at(-INFINITY), x);
}

/* A first estimate of the total mass, from GLANCE groups. */
static double glance(view *v, const top *t) {
    double mass = 0.0;
    for (int32_t i = 0; i < GLANCE; i++) {
        float x[GROUP];
        sample_group(v, i, GLANCE, x);
        for (int32_t j = 0; j < GROUP; j++) x[j] = x[j] < t->low ? x[j] : -INFINITY;
        mass += list_mass(v, x, GROUP);
    }
    return t->mass + mass * v->row.n_groups / GLANCE;
}

/* Reads the sample, and returns how many there are; of a group, one place in STEP. */
static int32_t read_sample(const view *v, float *sample) {
    const int32_t n = v->row.n_groups < SAMPLE ? v->row.n_groups : SAMPLE;
    int32_t read = 0;
    for (int32_t i = 0; i < n; i++) {
        float x[GROUP];
        sample_group(v, i, n, x);
        for (int32_t j = i % STEP; j < GROUP; j += STEP) sample[read++] = x[j];
    }
    return read;
}

/* Divides what is below the maximum, down to the least of the sample, into bins. */
static void divide(view *v, const float *sample, int32_t n) {
    survey *s = &v->survey;
    float least = v->mass.max;
    for (int32_t i = 0; i < n; i++)
        least = sample[i] < least && sample[i] > -INFINITY ? sample[i] : least;
    s->ref = v->mass.ref;
    s->scale = v->scale;
    const double nats = ((double)s->ref - (double)least) * s->scale;
    s->per_nat = SURVEY_BINS / clamp(nats, 1e-30, SPAN);
}

/* Counts the sample by bins. What is in the top goes to the last bin, whose mass is ignored. */
static void count_bins(const view *v, const top *t, const float *sample, int32_t n,
                       int32_t *count) {
    const float per_unit = (float)fmin(v->survey.scale * v->survey.per_nat, (double)FLT_MAX);
    const float last = (float)(SURVEY_BINS - 1);
    for (int32_t i = 0; i < n; i++) {
        float at = (v->mass.ref - sample[i]) * per_unit;
        at = at > 0.0f ? at : 0.0f; /* also if it is NaN, from 0 * inf */
        at = at < last && sample[i] < t->low ? at : last;
        count[(int32_t)at]++;
    }
}

/* Takes a sample, counts it by bins, and adds the bins up from the maximum down. */
static void take(view *v, const top *t) {
    PLUCK_ASSERT(v->whole && v->mass.max_stamp == v->values);
    survey *s = &v->survey;
    int32_t count[SURVEY_BINS] = {0};
    float *sample = pk_lease_floats(v->scratch, LEASE_SAMPLE, (size_t)SAMPLE * GROUP / STEP);
    const int32_t n = read_sample(v, sample);
    divide(v, sample, n);
    count_bins(v, t, sample, n, count);
    pk_lease_return(v->scratch, LEASE_SAMPLE);
    s->factor = (double)v->row.n_groups * GROUP / n;
    double weight = s->factor * exp(-0.5 / s->per_nat); /* of a candidate in the middle of a bin */
    const double step = exp(-1.0 / s->per_nat);
    s->mass[0] = 0.0;
    s->count[0] = 0.0;
    for (int32_t k = 0; k < SURVEY_BINS; k++) {
        s->mass[k + 1] = s->mass[k] + weight * count[k];
        s->count[k + 1] = s->count[k] + count[k];
        weight *= step;
    }
}

static bool has_survey(const view *v) {
    const survey *s = &v->survey;
    return s->factor > 0.0 && s->ref == v->mass.ref && s->scale == v->scale;
}

/* ---- estimates ---- */

/* The distance of x in bins. */
static double bin_of(const view *v, float x) {
    return clamp(((double)v->mass.ref - (double)x) * v->scale * v->survey.per_nat, 0.0,
                 SURVEY_BINS);
}

static float x_of(const view *v, double bin) {
    return (float)((double)v->mass.ref - bin / v->survey.per_nat / v->scale);
}

/* The value of a cumulative array between its elements, interpolated. */
static double at_bin(const double *cumulative, double bin) {
    const int32_t k = bin < SURVEY_BINS ? (int32_t)bin : SURVEY_BINS - 1;
    return cumulative[k] + (bin - k) * (cumulative[k + 1] - cumulative[k]);
}

/* The estimated total mass. */
static double mass_of_all(const view *v, const top *t) {
    return t->mass + v->survey.mass[SURVEY_BINS];
}

/* The x near which the mass from the maximum down reaches target. */
static float level_at(const view *v, const top *t, double target) {
    const double *mass = v->survey.mass;
    target -= t->mass;
    if (!(target > 0.0)) return t->low;
    int32_t low = 0, high = SURVEY_BINS; /* mass[low] < target; at high it is not, or the end */
    while (high - low > 1) {
        const int32_t middle = (low + high) / 2;
        if (mass[middle] < target)
            low = middle;
        else
            high = middle;
    }
    const double part = mass[high] - mass[low];
    const double share = part > 0.0 ? (target - mass[low]) / part : 1.0;
    return x_of(v, low + fmin(share, 1.0));
}

/* Whether so much of the sample is in the bins near x that a list of what is there would be long. Most
 * often these are equals, which are better counted. */
static bool is_crowded(const view *v, float x) {
    const double *count = v->survey.count, bin = floor(bin_of(v, x));
    const double near =
        at_bin(count, fmin(bin + 2.0, SURVEY_BINS)) - at_bin(count, fmax(bin - 1.0, 0.0));
    return near > count[SURVEY_BINS] / 8.0;
}

/*
 * The x, below or above a level, such that the mass between is certainly more than `need`: by three
 * standard errors of the sample. NaN if more than a sixth of the row would be between.
 */
static float reach(const view *v, const top *t, float from, double need, bool up) {
    const survey *s = &v->survey;
    const double start = bin_of(v, from);
    const double mass = at_bin(s->mass, start), count = at_bin(s->count, start);
    int32_t k = up ? (int32_t)ceil(start) : (int32_t)floor(start);
    while (up ? k > 0 : k < SURVEY_BINS) {
        k += up ? -1 : 1;
        const double counted = fabs(s->count[k] - count), found = fabs(s->mass[k] - mass);
        if (counted * s->factor > v->n / 6.0) return NAN;
        if (counted > 0.0 && found * (1.0 - 3.0 / sqrt(counted)) > need) {
            const float x = x_of(v, k);
            return up && x >= t->low ? INFINITY : x; /* the top is not in the bins */
        }
    }
    return up ? INFINITY : -INFINITY;
}

/* ---- sums with levels ---- */

static bool worth_a_survey(const view *v) {
    return pk_survey_is_possible(v) && cut_is_open(v->cut);
}

/* Sums the view with two levels: for a boundary with `mass` above it, and for the draw from that
 * mass. */
static void sum_with_levels(view *v, const top *t, float low, double mass,
                            const rng_stream *ahead) {
    const bool drawn = ahead && ahead->kind == PLUCK_RNG_MT19937;
    PLUCK_ASSERT(isnan(v->cut_level.x) && isnan(v->draw_level.x)); /* none is known yet */
    v->cut_level.x = low;
    if (drawn) v->draw_level.x = level_at(v, t, pk_stream_peek(ahead) * mass);
    if (v->draw_level.x >= t->low) v->draw_level.x = NAN; /* the draw is in the top */
    const mass_source s = pk_view_source(v);
    pk_mass_sum_levels(&v->mass, &s, &v->cut_level, &v->draw_level);
}

void pk_survey_sum(view *v, const top *t, double p, const rng_stream *ahead) {
    if (!worth_a_survey(v) || t->mass >= p * glance(v, t)) return;
    take(v, t);
    const double mass = p * mass_of_all(v, t);
    const float low = level_at(v, t, mass);
    if (is_crowded(v, low)) return;
    const double above = at_bin(v->survey.count, bin_of(v, low)) * v->survey.factor;
    if (above > v->n / 64.0) sum_with_levels(v, t, low, mass, ahead); /* fewer are collected */
}

/* The x at which the probability is exp(-nats) if the sum is `mass`. */
static float likely_cut(const view *v, double mass, double nats) {
    return (float)fmin((double)v->mass.ref + (log(mass) - nats) / v->scale, (double)v->mass.max);
}

void pk_survey_sum_likely(view *v, const top *t, double nats, const rng_stream *ahead) {
    if (!worth_a_survey(v)) return;
    const float first = likely_cut(v, glance(v, t), nats);
    if (first >= t->low || ((double)v->mass.ref - (double)first) * v->scale >= SPAN) return;
    take(v, t);
    const float low = likely_cut(v, mass_of_all(v, t), nats);
    sum_with_levels(v, t, low, t->mass + at_bin(v->survey.mass, bin_of(v, low)), ahead);
}

/* ---- boundaries ---- */

bool pk_survey_find(view *v, const top *t, level from, double target, bool strict, place *at) {
    PLUCK_ASSERT(v->whole && !v->adapted && v->mass.sum_stamp == v->weights);
    if (!pk_survey_is_possible(v)) return false;
    if (!has_survey(v)) take(v, t);
    const mass_source of = pk_view_source(v);
    if (!(from.x > v->cut.x)) {
        from.x = level_at(v, t, target);
        if (is_crowded(v, from.x)) return false;
        if (from.x < v->cut.x) from.x = v->cut.x;
        from.mass = pk_mass_above(&v->mass, &of, pk_view_deeper(v, from.x));
    }
    search s =
        pk_search(&v->mass, &of, &v->list, v->n_vocab, ORDER_DESCENDING, 0.0, target, strict);
    const bool up = pk_reaches(&s, from.mass);
    const float end = reach(v, t, from.x, fabs(target - from.mass), up);
    if (isnan(end)) return false;
    const float low = up ? from.x : end, high = up ? end : from.x;
    const int32_t n = pk_view_collect(v, low, high);
    if (n == 0 || 2 * (int64_t)n > v->n_vocab) return false;
    const double mass = list_mass(v, v->list.x, n);
    s.before = !up ? from.mass : high < INFINITY ? from.mass - mass : 0.0;
    /* A small difference would be mostly rounding error. */
    if (up && high < INFINITY && mass > 0.5 * from.mass) return false;
    if (pk_reaches(&s, s.before) || !pk_reaches(&s, s.before + mass)) return false;
    const double first = high < INFINITY ? ((double)v->mass.ref - (double)high) * v->scale : 0.0;
    const double last = low > -INFINITY ? ((double)v->mass.ref - (double)low) * v->scale : SPAN;
    s.first = (bins){(float)first, (float)(HISTOGRAM_BINS / fmax(last - first, 1e-30))};
    *at = pk_find_prefix(&s, n);
    PLUCK_ASSERT(at->at < n && pk_reaches(&s, at->mass));
    return true;
}
