/* survey.c: see survey.h. */
#include "survey.h"

enum {
    LEAST_GROUPS = 256, /* below, a survey would read as much as a pass */
    GLANCE = 8,         /* groups that tell whether a survey is worth it */
    SAMPLE = 64,
    DEEP_GROUPS = 1024, /* about as many are asked for a deeper top */
    DEEP_BINS = 128,
    SPAN = 32 /* nats that the bins span; what lies beyond has no mass to speak of */
};

static const double PER_NAT = SURVEY_BINS / (double)SPAN;

/* Of what may be left out, how much is aimed at: a top that misses costs more than a longer one. */
static const double MARGIN = 0.75;

/* ---- the top and the sample ---- */

top survey_top(candidates *c, float ceiling) {
    const float cut = candidates_bound(c, max_i64(1, candidates_blocks(c) * 2 / 3));
    top t = {0, cut, 0.0};
    if (!(cut <= ceiling)) return t;
    if (t.cut < c->cutoff) t.cut = c->cutoff;
    t.n = candidates_collect(c, t.cut, NAN);
    t.mass = list_mass(c, c->ws->logits, t.n);
    return t;
}

/*
 * The greatest cut, not above the ceiling, with less than `rest` of the mass below it, as far as
 * the groups tell: those that lie below it as a whole stand for what lies below it in the others.
 * NaN where they are too few to tell, which is also where most groups would have to be read.
 */
static float deeper_cut(const candidates *c, double rest, float ceiling) {
    const pluck_workspace *ws = c->ws;
    const int32_t step = c->n_groups / DEEP_GROUPS + 1;
    float low = c->max;
    for (int32_t g = 0; g < c->n_groups; g += step)
        if (ws->group_max[g] < low && ws->group_max[g] > -INFINITY) low = ws->group_max[g];
    const double span = fmin((double)c->max - (double)low, SPAN / c->scale);
    const float bottom = (float)((double)c->max - span);
    const float per_unit = (float)(DEEP_BINS / span);
    if (!(per_unit > 0.0f && per_unit < INFINITY)) return NAN;
    double mass[DEEP_BINS] = {0.0};
    int32_t count[DEEP_BINS] = {0}, n = 0, n_below_ceiling = 0;
    for (int32_t g = 0; g < c->n_groups; g += step) {
        if (ws->group_max[g] == -INFINITY) continue;
        n++;
        n_below_ceiling += ws->group_max[g] < ceiling;
        float at = (ws->group_max[g] - bottom) * per_unit;
        at = at > 0.0f ? at : 0.0f;
        at = at < (float)(DEEP_BINS - 1) ? at : (float)(DEEP_BINS - 1);
        mass[(int32_t)at] += ws->group_sum[g];
        count[(int32_t)at]++;
    }
    double below = 0.0;
    float cut = NAN;
    for (int32_t k = 0, n_below = 0; k < DEEP_BINS - 1; k++) {
        below += mass[k];
        n_below += count[k];
        if (n_below < n / 8) continue;
        if (below * step * n > rest * n_below) break;
        cut = bottom + (float)(k + 1) / per_unit;
    }
    if (!(cut > ceiling)) return cut;
    return n_below_ceiling < n / 8 ? NAN : ceiling;
}

top survey_deeper(candidates *c, double target, float ceiling) {
    top t = {0, -INFINITY, 0.0};
    if (c->n_groups < LEAST_GROUPS || !c->grouped || c->cutoff > -INFINITY) return t;
    t.cut = deeper_cut(c, MARGIN * (c->sum - target), ceiling);
    if (isnan(t.cut)) return t;
    t.n = candidates_collect(c, t.cut, NAN);
    t.mass = list_mass(c, c->ws->logits, t.n);
    return t;
}

/* The i-th of n groups spread over the row. */
static void sample_group(const candidates *c, int32_t i, int32_t n, float *x) {
    candidates_group(c, (int32_t)((2 * i + 1) * (int64_t)c->n_groups / (2 * n)), x);
}

/* The mass of all, by a first glance. */
static double glance(const candidates *c, const top *t) {
    double mass = 0.0;
    for (int32_t i = 0; i < GLANCE; i++) {
        float x[GROUP];
        sample_group(c, i, GLANCE, x);
        for (int32_t j = 0; j < GROUP; j++) x[j] = x[j] < t->cut ? x[j] : -INFINITY;
        mass += list_mass(c, x, GROUP);
    }
    return t->mass + mass * c->n_groups / GLANCE;
}

/* The bins of a group; what belongs to the top goes to the last one, where nothing weighs anything.
 */
static void survey_bins(const candidates *c, const top *t, const float *x, int32_t *bin) {
    const float per_unit = (float)(c->scale * PER_NAT), last = (float)(SURVEY_BINS - 1);
    for (int32_t j = 0; j < GROUP; j++) {
        float at = (c->ref - x[j]) * per_unit;
        at = at > 0.0f ? at : 0.0f; /* NaN, of 0 times infinity, too */
        at = at < last && x[j] < t->cut ? at : last;
        bin[j] = (int32_t)at;
    }
}

/* Counts a sample by bins, and adds up from the maximum down. */
static void take(candidates *c, const top *t) {
    survey *s = &c->ws->survey;
    int32_t count[SURVEY_BINS] = {0};
    for (int32_t i = 0; i < SAMPLE; i++) {
        float x[GROUP];
        int32_t bin[GROUP];
        sample_group(c, i, SAMPLE, x);
        survey_bins(c, t, x, bin);
        for (int32_t j = 0; j < GROUP; j++) count[bin[j]]++;
    }
    const double factor = (double)c->n_groups / SAMPLE;
    double weight = factor * exp(-0.5 / PER_NAT); /* of a candidate in the middle of a bin */
    const double step = exp(-1.0 / PER_NAT);
    s->mass[0] = 0.0;
    s->count[0] = 0.0;
    for (int32_t k = 0; k < SURVEY_BINS; k++) {
        s->mass[k + 1] = s->mass[k] + weight * count[k];
        s->count[k + 1] = s->count[k] + count[k];
        weight *= step;
    }
    s->factor = factor;
    s->ref = c->ref;
    s->scale = c->scale;
}

static bool has_survey(const candidates *c) {
    const survey *s = &c->ws->survey;
    return s->factor > 0.0 && s->ref == c->ref && s->scale == c->scale;
}

/* ---- estimates ---- */

/* Where x lies, in bins. */
static double bin_of(const candidates *c, float x) {
    return clamp(((double)c->ref - (double)x) * c->scale * PER_NAT, 0.0, SURVEY_BINS);
}

static float x_of(const candidates *c, double bin) {
    return (float)((double)c->ref - bin / PER_NAT / c->scale);
}

/* A cumulative array at a place between its elements. */
static double at_bin(const double *cumulative, double bin) {
    const int32_t k = bin < SURVEY_BINS ? (int32_t)bin : SURVEY_BINS - 1;
    return cumulative[k] + (bin - k) * (cumulative[k + 1] - cumulative[k]);
}

/* The mass of all. */
static double mass_of_all(const candidates *c, const top *t) {
    return t->mass + c->ws->survey.mass[SURVEY_BINS];
}

/* About where the mass from the maximum down reaches target. */
static float level_at(const candidates *c, const top *t, double target) {
    const double *mass = c->ws->survey.mass;
    target -= t->mass;
    if (!(target > 0.0)) return t->cut;
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
    return x_of(c, low + fmin(share, 1.0));
}

/*
 * How far from a level one has to go, down or up, to find more mass than `need` for certain: three
 * standard errors of the sample more. NaN where that would be more than a sixth of the row.
 */
static float reach(const candidates *c, const top *t, float from, double need, bool up) {
    const survey *s = &c->ws->survey;
    const double start = bin_of(c, from);
    const double mass = at_bin(s->mass, start), count = at_bin(s->count, start);
    int32_t k = up ? (int32_t)ceil(start) : (int32_t)floor(start);
    while (up ? k > 0 : k < SURVEY_BINS) {
        k += up ? -1 : 1;
        const double counted = fabs(s->count[k] - count), found = fabs(s->mass[k] - mass);
        if (counted * s->factor > c->n / 6.0) return NAN;
        if (counted > 0.0 && found * (1.0 - 3.0 / sqrt(counted)) > need) {
            const float x = x_of(c, k);
            return up && x >= t->cut ? INFINITY : x; /* the top is in no bin */
        }
    }
    return up ? INFINITY : -INFINITY;
}

/* ---- sums with levels ---- */

static bool worth_a_survey(const candidates *c, const top *t) {
    return c->n_groups >= LEAST_GROUPS && t->n > 0 && c->cutoff == -INFINITY;
}

/* Sums with the levels of a boundary above which `mass` lies, and of the draw from that. */
static void sum_with_levels(candidates *c, const top *t, float cut, double mass) {
    const bool drawn = c->ahead && c->ahead->kind == PLUCK_RNG_MT19937;
    c->cut_level.x = cut;
    if (drawn) c->draw_level.x = level_at(c, t, stream_peek(c->ahead) * mass);
    if (c->draw_level.x >= t->cut) c->draw_level.x = NAN; /* the top will tell */
    candidates_sum_levels(c);
}

void survey_sum(candidates *c, const top *t, double p) {
    if (!worth_a_survey(c, t) || t->mass >= p * glance(c, t)) return;
    take(c, t);
    const double mass = p * mass_of_all(c, t);
    const float cut = level_at(c, t, mass);
    const double above = at_bin(c->ws->survey.count, bin_of(c, cut)) * c->ws->survey.factor;
    if (above > c->n / 64.0) sum_with_levels(c, t, cut, mass); /* fewer can be collected */
}

/* Where the probability is exp(-nats), with a sum of this mass. */
static float likely_cut(const candidates *c, double mass, double nats) {
    return (float)fmin((double)c->ref + (log(mass) - nats) / c->scale, (double)c->max);
}

void survey_sum_likely(candidates *c, const top *t, double nats) {
    if (!worth_a_survey(c, t)) return;
    const float first = likely_cut(c, glance(c, t), nats);
    if (first >= t->cut || bin_of(c, first) >= SURVEY_BINS) return;
    take(c, t);
    const float cut = likely_cut(c, mass_of_all(c, t), nats);
    sum_with_levels(c, t, cut, t->mass + at_bin(c->ws->survey.mass, bin_of(c, cut)));
}

/* ---- boundaries ---- */

bool survey_find(candidates *c, const top *t, level from, double target, bool strict, int32_t *n,
                 place *at) {
    if (c->n_groups < LEAST_GROUPS) return false;
    pluck_workspace *ws = c->ws;
    if (!has_survey(c)) take(c, t);
    if (!(from.x > c->cutoff)) {
        from.x = level_at(c, t, target);
        if (from.x < c->cutoff) from.x = c->cutoff;
        from.mass = candidates_mass_above(c, from.x);
    }
    search s = search_for(c, ORDER_DESCENDING, target, strict);
    const bool up = reaches(&s, from.mass);
    const float end = reach(c, t, from.x, fabs(target - from.mass), up);
    if (isnan(end)) return false;
    const float low = up ? from.x : end, high = up ? end : from.x;
    *n = candidates_collect(c, low > c->cutoff ? low : c->cutoff, high);
    if (*n == 0 || 2 * (int64_t)*n > ws->n_vocab) return false;
    const double mass = list_mass(c, ws->logits, *n);
    s.before = !up ? from.mass : high < INFINITY ? from.mass - mass : 0.0;
    /* Of a small difference little would be left but the rounding of both. */
    if (up && high < INFINITY && mass > 0.5 * from.mass) return false;
    if (reaches(&s, s.before) || !reaches(&s, s.before + mass)) return false;
    const double first = high < INFINITY ? ((double)c->ref - (double)high) * c->scale : 0.0;
    const double last = low > -INFINITY ? ((double)c->ref - (double)low) * c->scale : SPAN;
    s.first = (bins){(float)first, (float)(HISTOGRAM_BINS / fmax(last - first, 1e-6))};
    *at = find_prefix(&s, *n, ws->ids + *n);
    return true;
}
