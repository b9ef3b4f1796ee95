/* tally.c: see tally.h. */
#include "arithmetic.h"

#include "tally.h"

enum {
    LANES = 4, /* sums side by side, so that equals need not wait for each other */
    ROUNDS = 4,
    SAMPLE = 64,
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

/* The values of a bin that are also in another stretch. */
static row_stretch stretch_of(const tally *t, int32_t b, const row_stretch *other) {
    row_stretch s = *other;
    const float low = end_of_bins(t, b, false), in_low = end_of_bins(t, b - 1, false);
    PLUCK_ASSERT(!isnan(low));
    if (low > s.low) s.low = low;
    if (in_low <= s.low_end) s.low_end = nextafterf(in_low, -INFINITY);
    if (t->order != ORDER_NEAR) return s;
    const float high = end_of_bins(t, b, true), in_high = end_of_bins(t, b - 1, true);
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
    const float low = fmaxf(of ? of->low : -FLT_MAX, p.ref + 1.001f * p.floor); /* below the mass is 0 */
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

/* The number of the i-th group of a sample. */
static int32_t sampled_group(const view *v, int32_t i) {
    return (int32_t)((2 * i + 1) * (int64_t)v->row.n_groups / (2 * SAMPLE));
}

/* The least of some groups. */
static float sampled_least(const view *v) {
    float least = v->mass.max;
    for (int32_t i = 0; i < SAMPLE; i++) {
        const float of_group = pk_row_group_min(&v->row, sampled_group(v, i));
        least = of_group < least ? of_group : least;
    }
    return least > v->cut.x ? least : v->cut.x;
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

/* Divides the whole row into bins; nothing has been added up. */
static void divide_all(view *v, candidate_order order, tally *t) {
    const float max = v->mass.max;
    const mass_source of = pk_view_source(v);
    t->values = 0;
    t->order = order;
    t->centre = v->centre;
    t->scale = v->scale;
    t->top = max;
    t->ref = pk_mass_ref(&v->mass, &of);
    const double deepest = (double)max - SPAN / v->scale;
    const float least = (float)fmax(fmax((double)sampled_least(v), deepest), -(double)FLT_MAX);
    const float down = distance_of(t, least), up = distance_of(t, max);
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

static int64_t count_range(const view *v, float low, float high) {
    if (!(low <= high)) return 0;
    const float *max = v->mass.group_max;
    const int64_t n = pk_row_count_above(&v->row, max, pk_view_deeper(v, low));
    if (high >= v->mass.max) return n;
    const row_cut above = pk_view_deeper(v, nextafterf(high, INFINITY));
    return n - pk_row_count_above(&v->row, max, above);
}

static int64_t count_stretch(const view *v, const row_stretch *of) {
    return count_range(v, of->low, of->low_end) + count_range(v, of->high_end, of->high);
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

/* The bin in which the mass, after what is before all bins, reaches the target, or the last one with
 * mass if none does. */
static int32_t bin_that_reaches(const tally *t, double before, double target, bool strict) {
    int32_t last = 0;
    for (int32_t b = 0; b < TALLY_BINS; b++) {
        if (t->before[b + 1] <= t->before[b]) continue;
        last = b;
        const double mass = before + t->before[b + 1];
        if (strict ? mass > target : mass >= target) break;
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
        const double mass = before + (double)k * e;
        if (!(strict ? mass > target : mass >= target) && k < n) k++;
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

/* Reads a sample: a value near the boundary that a good part of it has; NaN if there is none. */
static float sampled_plateau(view *v, const tally *t, double target) {
    const mass_source s = pk_view_source(v);
    float *x = pk_lease_floats(v->scratch, LEASE_VALUES, (size_t)SAMPLE * GROUP);
    double mass[TALLY_BINS] = {0.0};
    for (int32_t i = 0; i < SAMPLE; i++) {
        float e[GROUP];
        pk_row_group(&v->row, sampled_group(v, i), v->cut, x + i * GROUP);
        pk_mass_of(&v->mass, &s, x + i * GROUP, GROUP, e);
        for (int32_t j = 0; j < GROUP; j++)
            mass[bin_at(t, distance_of(t, x[i * GROUP + j]))] += (double)e[j];
    }
    double all = 0.0, found = 0.0;
    int32_t b = -1, n = 0;
    for (int32_t k = 0; k < TALLY_BINS; k++) all += mass[k];
    do found += mass[++b];
    while (b < TALLY_BINS - 1 && found < target / v->mass.sum * all);
    float value = NAN;
    for (int32_t i = 0; i < SAMPLE * GROUP && n >= 0; i++) {
        if (x[i] == -INFINITY || bin_at(t, distance_of(t, x[i])) != b) continue;
        n = n > 0 && x[i] != value ? -1 : n + 1;
        value = x[i];
    }
    pk_lease_return(v->scratch, LEASE_VALUES);
    return n >= SAMPLE * GROUP / 32 ? value : NAN;
}

/* Whether the boundary is on a plateau that a sample shows; *at becomes the boundary. */
static bool find_on_plateau(view *v, const tally *t, double target, bool strict, boundary *at) {
    const float x = sampled_plateau(v, t, target);
    if (isnan(x)) return false;
    const double before = mass_before(v, t->order, x);
    const int64_t n = count_range(v, x, x);
    const double through = before + (double)n * mass_of(v, x);
    if (!(before < target && (strict ? through > target : through >= target))) return false;
    *at = among_equals(v, x, n, before, target, strict);
    return true;
}

/* The boundary if all candidates have the same mass. */
static boundary find_by_count(view *v, candidate_order order, double target, bool strict) {
    const double n = (double)pk_view_alive(v), k = strict ? floor(target) + 1.0 : ceil(target);
    boundary b = pk_boundary_find(v, order, (int64_t)clamp(k, 1.0, n));
    b.mass = clamp(k, 1.0, n);
    return b;
}

/* The boundary among the candidates of a stretch, as a list. */
static boundary search_stretch(view *v, const row_stretch *of, const tally *t, double before,
                               double target, bool strict) {
    const int32_t n = collect_stretch(v, of);
    const mass_source s = pk_view_source(v);
    search list_search =
        pk_search(&v->mass, &s, &v->list, v->n_vocab, t->order, t->centre, target, strict);
    list_search.before = before;
    const place at = pk_find_prefix(&list_search, n);
    return (boundary){v->list.x[at.at], v->list.ids[at.at], at.mass};
}

boundary pk_tally_find(view *v, candidate_order order, double target, bool strict) {
    PLUCK_ASSERT(v->whole && !v->adapted && v->mass.sum_stamp == v->weights);
    const double most = fmax((double)v->n_vocab / 16.0, 512.0);
    const mass_source s = pk_view_source(v);
    if (pk_mass_is_even(&v->mass, &s)) return find_by_count(v, order, target, strict);
    if (!pk_tally_holds(v, order)) {
        boundary at;
        divide_all(v, order, &v->tally);
        if (find_on_plateau(v, &v->tally, target, strict, &at)) return at;
        take_all(v);
    }
    const tally *t = &v->tally;
    tally deeper = {.order = order, .centre = v->centre, .top = v->mass.max};
    row_stretch of = everything(t);
    double before = 0.0;
    for (int round = 0;; round++) {
        const int32_t b = bin_that_reaches(t, before, target, strict);
        const double mass = t->before[b + 1] - t->before[b];
        of = stretch_of(t, b, &of);
        before += t->before[b];
        /* None has less mass than one at the low end. */
        if (mass <= most * mass_of(v, of.low)) break;
        const int64_t n = count_stretch(v, &of);
        if ((double)n <= most) break;
        const float x = find_value(v, &of);
        if (count_range(v, x, x) == n) return among_equals(v, x, n, before, target, strict);
        float first, last;
        find_extent(v, &of, t, &first, &last);
        if (round == ROUNDS || first == last) break;
        divide(&deeper, first, last);
        take(v, &of, &deeper);
        t = &deeper;
    }
    return search_stretch(v, &of, t, before, target, strict);
}
