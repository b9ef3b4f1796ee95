/* tally.c: see tally.h. */
#include "arithmetic.h"

#include "survey.h"
#include "tally.h"

enum {
    LANES = 4, /* sums side by side, so that equals need not wait for each other */
    ROUNDS = 4,
    SAMPLE = 512, /* groups, of which one place in STEP is read */
    STEP = 8,
    SPAN = 32 /* nats; what is farther from the maximum has no noticeable mass */
};

/* ---- bins ---- */

/* The distance from the start of the order. */
static inline float distance_of(const tally *t, float x) {
    return t->order == ORDER_NEAR ? (float)fabs((double)x - t->centre) : t->top - x;
}

static inline int32_t bin_at(const tally *t, float distance) {
    const float last = (float)(TALLY_BINS - 1);
    float at = (distance - t->first) * t->unit * t->per_unit;
    at = at > 0.0f ? at : 0.0f;
    at = at < last ? at : last;
    return (int32_t)at;
}

/* Writes the distances of a group. */
static void find_distances(const tally *t, const float *x, float *distance) {
    if (t->order == ORDER_NEAR)
        for (int32_t i = 0; i < GROUP; i++) distance[i] = (float)fabs((double)x[i] - t->centre);
    else
        for (int32_t i = 0; i < GROUP; i++) distance[i] = t->top - x[i];
}

/* Divides distances from `first` to `last` into bins. */
static void divide(tally *t, float first, float last) {
    const float width = last - first;
    t->first = first;
    t->unit = width < 0x1p-64f ? 0x1p84f : 1.0f; /* so that the factors stay in float's range */
    t->per_unit = width > 0.0f ? (float)TALLY_BINS / (width * t->unit) : 1.0f;
}

/* The float farthest from the start of the order, downwards or upwards, that is in a bin up to b; NaN
 * if there is none. */
static float end_of_bins(const tally *t, int32_t b, bool upwards) {
    const double start = t->order == ORDER_NEAR ? t->centre : (double)FLT_MAX;
    const float middle = (float)clamp(start, -(double)FLT_MAX, (double)FLT_MAX);
    if (b < 0 || bin_at(t, distance_of(t, middle)) > b) return NAN;
    int64_t in = float_key(middle), out = float_key(upwards ? INFINITY : -INFINITY);
    while (in - out > 1 || out - in > 1) {
        const int64_t between = in + (out - in) / 2;
        if (bin_at(t, distance_of(t, key_float((int32_t)between))) <= b)
            in = between;
        else
            out = between;
    }
    return key_float((int32_t)in);
}

/* All values, those below and above a centre apart. */
static row_stretch everything(const tally *t) {
    row_stretch s = {-FLT_MAX, FLT_MAX, INFINITY, -INFINITY};
    if (t->order != ORDER_NEAR) return s;
    const float middle = (float)clamp(t->centre, -(double)FLT_MAX, (double)FLT_MAX);
    s.low_end = (double)middle <= t->centre ? middle : nextafterf(middle, -INFINITY);
    s.high_end = nextafterf(s.low_end, INFINITY);
    s.high = FLT_MAX;
    return s;
}

/* The values of the bins from `first` to `last` that are also in another stretch. */
static row_stretch stretch_of(const tally *t, int32_t first, int32_t last,
                              const row_stretch *other) {
    row_stretch s = *other;
    const float low = end_of_bins(t, last, false), in_low = end_of_bins(t, first - 1, false);
    PLUCK_ASSERT(!isnan(low));
    if (low > s.low) s.low = low;
    if (in_low <= s.low_end) s.low_end = nextafterf(in_low, -INFINITY);
    if (t->order != ORDER_NEAR) return s;
    const float high = end_of_bins(t, last, true), in_high = end_of_bins(t, first - 1, true);
    if (high < s.high) s.high = high;
    if (in_high >= s.high_end) s.high_end = nextafterf(in_high, INFINITY);
    return s;
}

/* ---- a reading ---- */

/* Adds a group's masses to their bins. */
static void add_to_bins(const int32_t *bin, const float *e, double *part) {
    double *lanes[LANES];
    for (int32_t j = 0; j < LANES; j++) lanes[j] = part + (size_t)j * TALLY_BINS;
    for (int32_t i = 0; i < GROUP; i += LANES) {
        lanes[0][bin[i]] += (double)e[i];
        lanes[1][bin[i + 1]] += (double)e[i + 1];
        lanes[2][bin[i + 2]] += (double)e[i + 2];
        lanes[3][bin[i + 3]] += (double)e[i + 3];
    }
}

/* Adds up the mass of each bin, over the candidates of a stretch (NULL: all). */
static void take(view *v, const row_stretch *of, tally *t) {
    const mass_source s = pk_view_source(v);
    const exp_params p = pk_mass_exp(&v->mass, &s);
    const float low =
        fmaxf(of ? of->low : -FLT_MAX, p.ref + 1.001f * p.floor); /* below the mass is 0 */
    double *part = pk_lease_doubles(v->scratch, LEASE_HISTOGRAM, (size_t)TALLY_BINS * LANES);
    memset(part, 0, (size_t)TALLY_BINS * LANES * sizeof *part);
    for (int32_t g = 0; g < v->row.n_groups; g++) {
        if (!(v->mass.group_max[g] >= low)) continue;
        float x[GROUP], e[GROUP];
        int32_t bin[GROUP];
        pk_row_group(&v->row, g, v->cut, x);
        find_distances(t, x, e);
        for (int32_t i = 0; i < GROUP; i++) bin[i] = bin_at(t, e[i]);
        for (int32_t i = 0; of && i < GROUP; i++) x[i] = stretch_has(of, x[i]) ? x[i] : -INFINITY;
        v->kernels->array.shifted_exp(x, GROUP, &p, e);
        add_to_bins(bin, e, part);
    }
    t->before[0] = 0.0;
    for (int32_t b = 0; b < TALLY_BINS; b++) {
        double sum = 0.0;
        for (int32_t j = 0; j < LANES; j++) sum += part[j * TALLY_BINS + b];
        t->before[b + 1] = t->before[b] + sum;
    }
    pk_lease_return(v->scratch, LEASE_HISTOGRAM);
}

bool pk_tally_holds(const view *v, candidate_order order) {
    const tally *t = &v->tally;
    return t->values == v->values && t->order == order && t->ref == v->mass.ref &&
           t->scale == v->scale && (order != ORDER_NEAR || t->centre == v->centre);
}

void pk_tally_kept(view *v) {
    PLUCK_ASSERT(v->tally.values > 0);
    v->tally.values = v->values;
}

/* Divides the whole row into bins, down to a value that hardly any is below; nothing has been added
 * up. */
static void divide_all(view *v, candidate_order order, float least, tally *t) {
    const float max = v->mass.max;
    const mass_source of = pk_view_source(v);
    t->values = 0;
    t->order = order;
    t->centre = v->centre;
    t->scale = v->scale;
    t->top = max;
    t->ref = pk_mass_ref(&v->mass, &of);
    const double deepest = fmax((double)max - SPAN / v->scale, -(double)FLT_MAX);
    const float low = (float)fmax((double)least, deepest);
    const float down = distance_of(t, low), up = distance_of(t, max);
    divide(t, 0.0f, down > up ? down : up);
}

/* Takes the tally of the whole row, which has been divided. */
static void take_all(view *v) {
    tally *t = &v->tally;
    take(v, NULL, t);
    t->values = v->values;
    PLUCK_ASSERT(fabs(t->before[TALLY_BINS] - v->mass.sum) <= 2e-5 * v->mass.sum);
}

/* ---- the candidates of a stretch ---- */

static int64_t count_stretch(const view *v, const row_stretch *of) {
    return pk_boundary_count(v, of->low, of->low_end) +
           pk_boundary_count(v, of->high_end, of->high);
}

static float just_above(float x) {
    return x < FLT_MAX ? nextafterf(x, INFINITY) : NAN;
}

/* Collects a stretch into the free list, in any order; returns how many. */
static int32_t collect_stretch(view *v, const row_stretch *of) {
    const float end = just_above(of->low_end), above = just_above(of->high);
    if (!(of->high_end <= of->high)) return pk_view_collect(v, of->low, end);
    if (!(of->low <= of->low_end)) return pk_view_collect(v, of->high_end, above);
    return pk_view_collect_two(v, of->low, end, of->high_end, above);
}

/* A value of a stretch, which has candidates. */
static float find_value(const view *v, const row_stretch *of) {
    for (int32_t g = 0; g < v->row.n_groups; g++) {
        if (!(v->mass.group_max[g] >= of->low)) continue;
        float x[GROUP];
        pk_row_group(&v->row, g, v->cut, x);
        for (int32_t i = 0; i < GROUP; i++)
            if (stretch_has(of, x[i])) return x[i];
    }
    PLUCK_ASSERT(false);
    return NAN;
}

/* Finds the nearest and the farthest distance of a stretch's candidates. */
static void find_extent(const view *v, const row_stretch *of, const tally *t, float *first,
                        float *last) {
    *first = INFINITY;
    *last = -INFINITY;
    for (int32_t g = 0; g < v->row.n_groups; g++) {
        if (!(v->mass.group_max[g] >= of->low)) continue;
        float x[GROUP], distance[GROUP];
        pk_row_group(&v->row, g, v->cut, x);
        find_distances(t, x, distance);
        for (int32_t i = 0; i < GROUP; i++) {
            const bool in = stretch_has(of, x[i]);
            const float near = in ? distance[i] : INFINITY, far = in ? distance[i] : -INFINITY;
            *first = near < *first ? near : *first;
            *last = far > *last ? far : *last;
        }
    }
}

/* ---- the boundary ---- */

static double mass_of(view *v, float x) {
    const mass_source s = pk_view_source(v);
    float e;
    pk_mass_of(&v->mass, &s, &x, 1, &e);
    return (double)e;
}

static bool reaches(double mass, double target, bool strict) {
    return strict ? mass > target : mass >= target;
}

/* The bin in which the mass, after what is before all bins, reaches the target, or the last one with
 * mass if none does. */
static int32_t bin_that_reaches(const tally *t, double before, double target, bool strict) {
    int32_t last = 0;
    for (int32_t b = 0; b < TALLY_BINS; b++) {
        if (t->before[b + 1] <= t->before[b]) continue;
        last = b;
        if (reaches(before + t->before[b + 1], target, strict)) break;
    }
    return last;
}

/* The boundary among n equals. */
static boundary among_equals(view *v, float x, int64_t n, double before, double target,
                             bool strict) {
    const row_stretch of = {x, x, INFINITY, -INFINITY};
    const double e = mass_of(v, x);
    int64_t k = 1;
    if (e > 0.0) {
        const double need = (target - before) / e;
        k = need < (double)n ? (int64_t)ceil(fmax(need, 1.0)) : n;
        if (!reaches(before + (double)k * e, target, strict) && k < n) k++;
    }
    return (boundary){x, pk_row_nth(&v->row, &of, k), before + (double)k * e};
}

/* The mass of x >= low. */
static double mass_above(view *v, float low) {
    const mass_source s = pk_view_source(v);
    return low > v->mass.max ? 0.0 : pk_mass_above(&v->mass, &s, pk_view_deeper(v, low));
}

/* The mass of the candidates that come before x. */
static double mass_before(view *v, candidate_order order, float x) {
    const row_stretch before = pk_boundary_nearer(v, order, x);
    if (!(before.low <= before.low_end)) return 0.0;
    const double mass = mass_above(v, before.low);
    if (before.low_end >= v->mass.max) return mass;
    return mass - mass_above(v, nextafterf(before.low_end, INFINITY));
}

/* The boundary among the candidates of some bins that are in a stretch, as a list, of which n have been
 * collected. */
static boundary search_bins(view *v, const tally *t, int32_t first, int32_t last, int32_t n,
                            double before, double target, bool strict) {
    const mass_source s = pk_view_source(v);
    search in = pk_search(&v->mass, &s, &v->list, v->n_vocab, t->order, t->centre, target, strict);
    const double bin = v->scale / (double)t->per_unit / (double)t->unit;
    in.before = before;
    in.first.low = (float)((double)t->first * v->scale + first * bin);
    in.first.per_unit = (float)fmin(HISTOGRAM_BINS / ((last - first + 1) * bin), (double)FLT_MAX);
    const place at = pk_find_prefix(&in, n);
    return (boundary){v->list.x[at.at], v->list.ids[at.at], at.mass};
}

/* What is known of a row without reading it: its greatest candidates, and a sample of the others, in
 * single places of many groups, since neighbours are often alike. The arrays have what is before each
 * bin, and in all: the mass that is estimated, that of the sample alone, and how many are in it. */
typedef struct row_sample {
    float *x;
    int32_t n;
    float least;
    double mass[TALLY_BINS + 1], sampled[TALLY_BINS + 1];
    int32_t count[TALLY_BINS + 1];
} row_sample;

/* Reads the sample, without the top. */
static void read_sample(view *v, const top *head, row_sample *s) {
    const int32_t n = v->row.n_groups < SAMPLE ? v->row.n_groups : SAMPLE;
    s->x = pk_lease_floats(v->scratch, LEASE_SAMPLE, (size_t)n * (GROUP / STEP) + 1);
    s->n = 0;
    s->least = v->mass.max;
    for (int32_t i = 0; i < n; i++) {
        float x[GROUP];
        pk_row_group(&v->row, spread_over(i, n, v->row.n_groups), v->cut, x);
        for (int32_t j = i % STEP; j < GROUP; j += STEP) {
            s->x[s->n] = x[j];
            s->n += x[j] > -INFINITY && x[j] < head->low;
            s->least = x[j] < s->least && x[j] > -INFINITY ? x[j] : s->least;
        }
    }
}

/* Adds the masses of n values to their bins, and with count (not NULL) how many they are. */
static void add_values(view *v, const tally *t, const float *x, int32_t n, double *mass,
                       int32_t *count) {
    const mass_source of = pk_view_source(v);
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t n_values = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        pk_mass_of(&v->mass, &of, x + first, (size_t)n_values, e);
        for (int32_t i = 0; i < n_values; i++) {
            const int32_t b = bin_at(t, distance_of(t, x[first + i]));
            mass[b + 1] += (double)e[i];
            if (count) count[b + 1]++;
        }
    }
}

/* Adds up the top, which is in the free list, and the sample, which has the rest of the sum. */
static void tally_sample(view *v, const tally *t, const top *head, row_sample *s) {
    memset(s->mass, 0, sizeof s->mass);
    memset(s->sampled, 0, sizeof s->sampled);
    memset(s->count, 0, sizeof s->count);
    add_values(v, t, s->x, s->n, s->sampled, s->count);
    add_values(v, t, v->list.x, head->n, s->mass, NULL);
    double all = 0.0;
    for (int32_t b = 0; b < TALLY_BINS; b++) all += s->sampled[b + 1];
    const double rest = fmax(v->mass.sum - head->mass, 0.0), factor = all > 0.0 ? rest / all : 0.0;
    for (int32_t b = 0; b < TALLY_BINS; b++) {
        s->sampled[b + 1] = s->sampled[b] + s->sampled[b + 1] * factor;
        s->mass[b + 1] += s->mass[b] + (s->sampled[b + 1] - s->sampled[b]);
        s->count[b + 1] += s->count[b];
    }
}

/* The value of all the sample's candidates in a bin; NaN if there are several. */
static float value_of_bin(const tally *t, const row_sample *s, int32_t bin) {
    float value = NAN;
    for (int32_t i = 0; i < s->n; i++) {
        if (bin_at(t, distance_of(t, s->x[i])) != bin) continue;
        if (!isnan(value) && s->x[i] != value) return NAN;
        value = s->x[i];
    }
    return value;
}

/* Whether the boundary is on the plateau of a value; *at becomes the boundary. */
static bool find_on_plateau(view *v, const tally *t, float x, double target, bool strict,
                            boundary *at) {
    const double before = mass_before(v, t->order, x);
    const int64_t n = pk_boundary_count(v, x, x);
    const double through = before + (double)n * mass_of(v, x);
    if (reaches(before, target, strict) || !reaches(through, target, strict)) return false;
    *at = among_equals(v, x, n, before, target, strict);
    return true;
}

/*
 * Finds the boundary near the end of a bin, from the exact mass there: it is in the bins before or
 * behind, of which the sample tells how many have, by three standard errors, more than what is between.
 * False if it does not turn out like that, or these bins are much of the row.
 */
static bool find_from_bin(view *v, const tally *t, const row_sample *s, int32_t bin, double target,
                          bool strict, boundary *at) {
    const row_stretch all = everything(t), up_to = stretch_of(t, 0, bin, &all);
    double mass = mass_above(v, up_to.low);
    if (up_to.high < v->mass.max) mass -= mass_above(v, nextafterf(up_to.high, INFINITY));
    const bool inwards = reaches(mass, target, strict);
    int32_t first = bin + 1, last = bin, counted = 0;
    double found = 0.0; /* by three standard errors */
    while (found <= fabs(target - mass)) {
        if (inwards && first == 0) break; /* it is among all of them */
        if (!inwards && last == TALLY_BINS - 1) return false;
        if (inwards)
            first--;
        else
            last++;
        counted = s->count[last + 1] - s->count[first];
        found = s->mass[last + 1] - s->mass[first];
        if (counted > 0) found -= (s->sampled[last + 1] - s->sampled[first]) * 3.0 / sqrt(counted);
    }
    if (counted > s->n / 6) return false;
    const row_stretch of = stretch_of(t, first, last, &all);
    const int32_t n = collect_stretch(v, &of);
    const mass_source source = pk_view_source(v);
    const double inside = pk_mass_of_values(&v->mass, &source, v->list.x, n);
    if (n == 0) return false;
    if (inwards) mass = first > 0 ? fmax(mass - inside, 0.0) : 0.0;
    if (reaches(mass, target, strict) || !reaches(mass + inside, target, strict)) return false;
    *at = search_bins(v, t, first, last, n, mass, target, strict);
    return true;
}

/* Divides the row for a tally, and looks whether a sample of it is enough to find the boundary. */
static bool find_by_sample(view *v, candidate_order order, double target, bool strict,
                           boundary *at) {
    row_sample s;
    tally *t = &v->tally;
    const top head = pk_survey_top(v, INFINITY);
    read_sample(v, &head, &s);
    divide_all(v, order, s.least, t);
    tally_sample(v, t, &head, &s);
    bool found = false;
    if (s.n > 0) {
        int32_t bin = 0;
        while (bin < TALLY_BINS - 1 && s.mass[bin + 1] < target) bin++;
        const int32_t n = s.count[bin + 1] - s.count[bin];
        const float x = n >= s.n / 32 ? value_of_bin(t, &s, bin) : NAN;
        if (!isnan(x))
            found = find_on_plateau(v, t, x, target, strict, at);
        else if (order == ORDER_NEAR && n <= s.n / 8) /* in descending order a survey has failed */
            found = find_from_bin(v, t, &s, bin, target, strict, at);
    }
    pk_lease_return(v->scratch, LEASE_SAMPLE);
    return found;
}

/* The boundary if all candidates have the same mass. */
static boundary find_by_count(view *v, candidate_order order, double target, bool strict) {
    const double n = (double)pk_view_alive(v), k = strict ? floor(target) + 1.0 : ceil(target);
    boundary b = pk_boundary_find(v, order, (int64_t)clamp(k, 1.0, n));
    b.mass = clamp(k, 1.0, n);
    return b;
}

static boundary find(view *v, candidate_order order, double target, bool strict) {
    PLUCK_ASSERT(v->whole && !v->adapted && v->mass.sum_stamp == v->weights);
    const double most = fmax((double)v->n_vocab / 16.0, 512.0);
    const mass_source s = pk_view_source(v);
    if (pk_mass_is_even(&v->mass, &s)) return find_by_count(v, order, target, strict);
    if (!pk_tally_holds(v, order)) {
        boundary at;
        if (find_by_sample(v, order, target, strict, &at)) return at;
        take_all(v);
    }
    const tally *t = &v->tally;
    tally deeper = {.order = order, .centre = v->centre, .top = v->mass.max};
    row_stretch of = everything(t);
    double before = 0.0;
    int32_t b;
    for (int round = 0;; round++) {
        b = bin_that_reaches(t, before, target, strict);
        const double mass = t->before[b + 1] - t->before[b];
        of = stretch_of(t, b, b, &of);
        before += t->before[b];
        /* None has less mass than one at the low end. */
        if (mass <= most * mass_of(v, of.low)) break;
        const int64_t n = count_stretch(v, &of);
        if ((double)n <= most) break;
        const float x = find_value(v, &of);
        if (pk_boundary_count(v, x, x) == n) return among_equals(v, x, n, before, target, strict);
        float first, last;
        find_extent(v, &of, t, &first, &last);
        if (round == ROUNDS || first == last) break;
        divide(&deeper, first, last);
        take(v, &of, &deeper);
        t = &deeper;
    }
    return search_bins(v, t, b, b, collect_stretch(v, &of), before, target, strict);
}

/* Asserts that the mass of a boundary is that of all at or before it, and that it is the first to reach
 * the target, except by rounding. */
static void check_boundary(view *v, candidate_order order, double target, const boundary *b) {
    if (!CHECKS) return;
    double mass = 0.0, last = 0.0;
    for (int32_t g = 0; g < v->row.n_groups; g++) {
        float x[GROUP];
        pk_row_group(&v->row, g, v->cut, x);
        for (int32_t i = 0; i < GROUP; i++) {
            const int32_t ids[2] = {g * GROUP + i, b->id};
            const float pair[2] = {x[i], b->x};
            const ordering o = {ids, pair, order, v->centre};
            if (x[i] == -INFINITY || pk_order_before(&o, 1, 0)) continue;
            mass += mass_of(v, x[i]);
            if (ids[0] == b->id) last = mass_of(v, x[i]);
        }
    }
    PLUCK_ASSERT(last > 0.0 || b->mass <= 0.0 || target <= 0.0);
    PLUCK_ASSERT(fabs(mass - b->mass) <= 1e-5 * mass + 1e-30);
    PLUCK_ASSERT(mass - last <= target + 1e-5 * mass);
}

boundary pk_tally_find(view *v, candidate_order order, double target, bool strict) {
    const boundary b = find(v, order, target, strict);
    check_boundary(v, order, target, &b);
    return b;
}
