/* boundary.c: see boundary.h. */
#include "arithmetic.h"

#include "boundary.h"

#include <float.h>

enum { SAMPLE_GROUPS = 16 };

/*
 * What is between the two sides: keys above `inner` and up to `outer`. Keys are those of
 * pk_order_key, as doubles: -x, or the distance from the centre.
 */
typedef struct shell {
    candidate_order order;
    double centre;
    measure what;
    double inner, outer; /* keys */
    double before,
        through; /* measures of the keys up to inner, which does not reach the target, and
                               up to outer */
} shell;

static double key_of(const shell *s, float x) {
    return s->order == ORDER_NEAR ? fabs((double)x - s->centre) : -(double)x;
}

/*
 * The lowest float (highest, if upwards) with a key up to `key`, or below it if strict; NaN if
 * there is none. Found by bisection, because near a centre far from 0 very many floats have the
 * same key.
 */
static float edge(const shell *s, double key, bool strict, bool upwards) {
    const double centre = s->order == ORDER_NEAR ? s->centre : INFINITY;
    const float middle = (float)clamp(centre, -(double)FLT_MAX, (double)FLT_MAX);
    /* `in` has such a key if any float has; `out` is beyond the last one. */
    int64_t in = float_key(middle), out = upwards ? float_key(INFINITY) : float_key(-INFINITY);
    const double nearest = key_of(s, middle);
    if (strict ? nearest >= key : nearest > key) return NAN;
    while (in - out > 1 || out - in > 1) {
        const int64_t between = in + (out - in) / 2;
        const double k = key_of(s, key_float((int32_t)between));
        if (strict ? k < key : k <= key)
            in = between;
        else
            out = between;
    }
    return key_float((int32_t)in);
}

/* The lowest and the highest float with a key up to a given one. At least one float has such a
 * key. */
static float lowest_within(const shell *s, double key) {
    if (s->order == ORDER_NEAR) return edge(s, key, false, false);
    const float x = (float)-key; /* the nearest float may be below */
    return (double)x < -key ? nextafterf(x, INFINITY) : x;
}

static float highest_within(const shell *s, double key) {
    return s->order != ORDER_NEAR ? FLT_MAX : edge(s, key, false, true);
}

/* The measure of x >= low. */
static double measure_above(view *v, const shell *s, float low) {
    if (low > v->mass.max) return 0.0;
    const mass_source of = pk_view_source(v);
    const row_cut c = pk_view_deeper(v, low);
    if (s->what == MEASURE_MASS) return pk_mass_above(&v->mass, &of, c);
    return (double)pk_row_count_above(&v->row, v->mass.group_max, c);
}

/* The measure of the candidates with keys up to `key`. */
static double measure_within(view *v, const shell *s, double key) {
    const double all = measure_above(v, s, lowest_within(s, key));
    const float high = highest_within(s, key);
    return high >= v->mass.max ? all : all - measure_above(v, s, nextafterf(high, INFINITY));
}

static bool reaches(double found, double target, bool strict) {
    return strict ? found > target : found >= target;
}

/* The greatest key of any float that is below `key`; less than all keys if there is none. */
static double key_before(const shell *s, double key) {
    if (s->order != ORDER_NEAR) {
        const float x = lowest_within(s, key);
        return key_of(s, key_of(s, x) == key ? nextafterf(x, INFINITY) : x);
    }
    const float low = edge(s, key, true, false), high = edge(s, key, true, true);
    return isnan(low) ? -1.0 : fmax(key_of(s, low), key_of(s, high));
}

/* The middle between two keys by their bits, so that about sixty halvings separate any two. */
static double halfway(double inner, double outer) {
    double ends[2] = {fmax(inner, -2.0 * (double)FLT_MAX), fmin(outer, 2.0 * (double)FLT_MAX)};
    int64_t bits[2];
    memcpy(bits, ends, sizeof bits);
    for (int i = 0; i < 2; i++) bits[i] ^= bits[i] < 0 ? INT64_MAX : 0;
    int64_t middle = bits[0] / 2 + bits[1] / 2;
    middle ^= middle < 0 ? INT64_MAX : 0;
    double key;
    memcpy(&key, &middle, sizeof key);
    return key;
}

/* ---- the sample ---- */

/* What a sample shows about the shell. */
typedef struct opinion {
    double expected;    /* estimated number of candidates in the shell */
    double early, late; /* keys: probably before the boundary, and behind it */
    double plateau;     /* a key near the boundary that a good part of the sample has; else NaN */
} opinion;

/* Writes the values of n_groups sampled groups that are in the shell; returns how many. *seen: how
 * many of the sample are alive. */
static int32_t take_sample(view *v, const shell *s, int32_t n_groups, float *values,
                           int32_t *seen) {
    int32_t n = 0;
    *seen = 0;
    for (int32_t i = 0; i < n_groups; i++) {
        const int32_t g = (int32_t)((2 * i + 1) * (int64_t)v->row.n_groups / (2 * n_groups));
        float x[GROUP];
        pk_row_group(&v->row, g, v->cut, x);
        for (int32_t j = 0; j < GROUP; j++) {
            if (x[j] == -INFINITY) continue;
            ++*seen;
            const double key = key_of(s, x[j]);
            values[n] = x[j];
            n += key > s->inner && key <= s->outer;
        }
    }
    return n;
}

/* The measure of each of n candidates. */
static void weigh(view *v, const shell *s, const float *x, int32_t n, float *weight) {
    if (s->what == MEASURE_COUNT) {
        for (int32_t i = 0; i < n; i++) weight[i] = 1.0f;
        return;
    }
    const mass_source of = pk_view_source(v);
    pk_mass_of(&v->mass, &of, x, (size_t)n, weight);
}

/* The measure of n candidates. */
static double measure_of(view *v, const shell *s, const float *x, int32_t n) {
    if (s->what == MEASURE_COUNT) return n;
    double sum = 0.0;
    for (int32_t first = 0; first < n; first += GROUP) {
        float weight[GROUP];
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        weigh(v, s, x + first, count, weight);
        for (int32_t i = 0; i < count; i++) sum += (double)weight[i];
    }
    return sum;
}

/* Where among n values in order three parts of their measure, ascending, are reached; n - 1 if they are
 * not. */
static void places_in_sample(view *v, const shell *s, const float *values, const int32_t *index,
                             int32_t n, const double *part, int32_t *at) {
    const double total = measure_of(v, s, values, n);
    double found = 0.0;
    int next = 0;
    for (int i = 0; i < 3; i++) {
        at[i] = n - 1;
        if (s->what == MEASURE_COUNT)
            at[i] = (int32_t)clamp(ceil(part[i] * total) - 1.0, 0.0, total - 1.0);
    }
    for (int32_t first = 0; s->what == MEASURE_MASS && first < n && next < 3; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float x[GROUP], weight[GROUP];
        for (int32_t i = 0; i < count; i++) x[i] = values[index[first + i]];
        weigh(v, s, x, count, weight);
        for (int32_t i = 0; i < count; i++) {
            found += (double)weight[i];
            while (next < 3 && found >= part[next] * total) at[next++] = first + i;
        }
    }
}

/* Whether n / 32 values beside a place, on one side of it, are its equals. */
static bool is_among_equals(const float *values, const int32_t *index, int32_t n, int32_t at) {
    const int32_t wide = n / 32 > 2 ? n / 32 : 2;
    const float x = values[index[at]];
    return (at >= wide && values[index[at - wide]] == x) ||
           (at + wide < n && values[index[at + wide]] == x);
}

/*
 * Looks at a sample. The part of its measure that comes before the boundary is that of the shell's,
 * which is known. `early` and `late` are three standard errors away, times `down` and `up`: more if the
 * masses differ so much that the sample is worse than its size says.
 */
static opinion ask_sample(view *v, const shell *s, double target, double down, double up) {
    const int32_t n_groups = v->row.n_groups < SAMPLE_GROUPS ? v->row.n_groups : SAMPLE_GROUPS;
    const size_t room = (size_t)n_groups * GROUP + 1;
    float *values = pk_lease_floats(v->scratch, LEASE_VALUES, room);
    int32_t *index = pk_lease_ints(v->scratch, LEASE_INDEX, room);
    int32_t seen;
    const int32_t n = take_sample(v, s, n_groups, values, &seen);
    const double middle = halfway(s->inner, s->outer);
    opinion told = {seen > 0 ? (double)n * (double)v->n / seen : 0.0, middle, middle, NAN};
    if (n > 0) {
        for (int32_t i = 0; i < n; i++) index[i] = i;
        const ordering o = {NULL, values, s->order, s->centre};
        pk_sort_index(&o, index, n);
        const double all = s->through - s->before;
        const double part = all > 0.0 ? clamp((target - s->before) / all, 0.0, 1.0) : 1.0;
        const double variance = s->what == MEASURE_COUNT ? part * (1.0 - part) : 0.25;
        const double error = 3.0 * sqrt(variance / n) + 1.0 / n;
        const double parts[3] = {part - down * error, part, part + up * error};
        int32_t at[3];
        places_in_sample(v, s, values, index, n, parts, at);
        told.early = key_of(s, values[index[at[0]]]);
        told.late = key_of(s, values[index[at[2]]]);
        for (int i = 2; i > 0; i--)
            if (is_among_equals(values, index, n, at[i]))
                told.plateau = key_of(s, values[index[at[i]]]);
    }
    pk_lease_return(v->scratch, LEASE_INDEX);
    pk_lease_return(v->scratch, LEASE_VALUES);
    return told;
}

/* ---- narrowing the shell ---- */

/* Makes a key the inner or the outer side of the shell, whichever it is. */
static void try_key(view *v, shell *s, double key, double target, bool strict) {
    if (!(key > s->inner && key < s->outer)) return;
    const double within = measure_within(v, s, key);
    if (reaches(within, target, strict)) {
        s->outer = key;
        s->through = within;
    } else {
        s->inner = key;
        s->before = within;
    }
}

/*
 * Narrows the shell around the boundary. Returns true when it is small enough to be collected,
 * false when it is a single key, so that its candidates are equals.
 */
static bool close_in(view *v, shell *s, double target, bool strict) {
    const double most = fmax((double)v->n_vocab / 6.0, 512.0);
    double down = 1.0, up = 1.0;
    for (int round = 0;; round++) {
        opinion told = ask_sample(v, s, target, down, up);
        if (told.expected <= most) return true;
        if (round > 8) told.late = halfway(s->inner, s->outer); /* samples did not help */
        const double inner = s->inner, outer = s->outer;
        if (!isnan(told.plateau)) {
            try_key(v, s, told.plateau, target, strict);
            try_key(v, s, key_before(s, told.plateau), target, strict);
        }
        try_key(v, s, told.late, target, strict);
        try_key(v, s, told.early, target, strict);
        if (s->inner >= key_before(s, s->outer)) return false;
        if (s->inner == told.late) up *= 4.0;
        if (s->outer == told.early) down *= 4.0;
        if (s->inner == inner && s->outer == outer)
            try_key(v, s, halfway(inner, outer), target, strict);
    }
}

/* ---- the last candidates ---- */

/* Collects the shell into the free list, in any order; returns how many. */
static int32_t collect_shell(view *v, const shell *s) {
    const float low = lowest_within(s, s->outer);
    const bool has_inner = s->inner > -INFINITY && (s->order != ORDER_NEAR || s->inner >= 0.0);
    if (s->order != ORDER_NEAR) {
        const float high = has_inner ? lowest_within(s, s->inner) : NAN;
        return pk_view_collect(v, low, high);
    }
    const float high = highest_within(s, s->outer);
    const float above = high < FLT_MAX ? nextafterf(high, INFINITY) : NAN;
    const float in_low = has_inner ? edge(s, s->inner, false, false) : NAN;
    if (isnan(in_low)) return pk_view_collect(v, low, above); /* nothing is nearer */
    const float in_high = edge(s, s->inner, false, true);
    return pk_view_collect_two(v, low, in_low, nextafterf(in_high, INFINITY), above);
}

/* The k-th of the candidates that were collected. */
static int32_t nth_of_list(view *v, const shell *s, int32_t k) {
    const ordering o = pk_list_ordering(&v->list, s->order, s->centre);
    int32_t *index = pk_lease_ints(v->scratch, LEASE_INDEX, (size_t)v->list.n);
    for (int32_t i = 0; i < v->list.n; i++) index[i] = i;
    pk_sort_index(&o, index, v->list.n);
    const int32_t at = index[k - 1];
    pk_lease_return(v->scratch, LEASE_INDEX);
    return at;
}

/* The last candidate of all: the boundary if the target is never reached, or only by rounding. */
static boundary last_of_all(view *v, const shell *s, double target) {
    boundary last = {0.0f, -1, target};
    for (int32_t g = 0; g < v->row.n_groups; g++) {
        float x[GROUP];
        pk_row_group(&v->row, g, v->cut, x);
        for (int32_t i = 0; i < GROUP; i++) {
            if (x[i] == -INFINITY) continue;
            if (last.id >= 0 && key_of(s, x[i]) < key_of(s, last.x)) continue;
            last.x = x[i];
            last.id = g * GROUP + i;
        }
    }
    PLUCK_ASSERT(last.id >= 0);
    return last;
}

static boundary search_list(view *v, const shell *s, double target, bool strict) {
    const int32_t n = collect_shell(v, s);
    if (n == 0) return last_of_all(v, s, s->what == MEASURE_MASS ? v->mass.sum : target);
    if (s->what == MEASURE_COUNT) {
        const double need = target - s->before;
        const int32_t k = need < 1.0 ? 1 : need < n ? (int32_t)need : n;
        const int32_t at = nth_of_list(v, s, k);
        return (boundary){v->list.x[at], v->list.ids[at], 0.0};
    }
    const mass_source of = pk_view_source(v);
    struct search list_search =
        pk_search(&v->mass, &of, &v->list, v->n_vocab, s->order, s->centre, target, strict);
    list_search.before = s->before;
    const place at = pk_find_prefix(&list_search, n);
    return (boundary){v->list.x[at.at], v->list.ids[at.at], at.mass};
}

/* The floats with the shell's outer key: low <= x <= low_end, and on the other side of a centre high_end
 * <= x <= high. */
typedef struct outer_floats {
    float low, low_end, high_end, high;
} outer_floats;

static outer_floats find_outer_floats(const shell *s) {
    outer_floats f;
    f.low = lowest_within(s, s->outer);
    if (s->order != ORDER_NEAR) {
        f.low_end = f.low;
        f.high_end = INFINITY;
        f.high = -INFINITY;
        return f;
    }
    const float in_low = edge(s, s->outer, true, false), in_high = edge(s, s->outer, true, true);
    f.high = highest_within(s, s->outer);
    /* If nothing is nearer, all of them are on one stretch. */
    f.low_end = isnan(in_low) ? f.high : nextafterf(in_low, -INFINITY);
    f.high_end = isnan(in_low) ? INFINITY : nextafterf(in_high, INFINITY);
    return f;
}

/* How many of a group have the shell's outer key; *same: how many of these are `value`. */
static int32_t count_in_group(const outer_floats *f, const float *x, float value, int32_t *same) {
    int32_t n = 0, alike = 0;
    for (int32_t i = 0; i < GROUP; i++) {
        n += (x[i] >= f->low) & (x[i] <= f->low_end);
        n += (x[i] >= f->high_end) & (x[i] <= f->high);
        alike += x[i] == value;
    }
    *same = alike;
    return n;
}

/* One value with the shell's outer key, and what each candidate of that value weighs. */
typedef struct equals {
    float value, weight;
} equals;

/* Makes x the value, if it is not yet. */
static void know_value(view *v, const shell *s, float x, equals *e) {
    if (e->value == x) return;
    e->value = x;
    weigh(v, s, &x, 1, &e->weight);
}

/* The first of a group with the shell's outer key. */
static float first_in_group(const shell *s, const float *x) {
    int32_t i = 0;
    while (x[i] == -INFINITY || key_of(s, x[i]) != s->outer) i++;
    PLUCK_ASSERT(i < GROUP);
    return x[i];
}

/* Goes on from *last through a group, to the first with the shell's outer key that reaches the
 * target. False if none does; *last is then the last with that key. */
static bool walk_group(view *v, const shell *s, int32_t g, const float *x, double target,
                       bool strict, equals *e, boundary *last) {
    for (int32_t i = 0; i < GROUP; i++) {
        if (x[i] == -INFINITY || key_of(s, x[i]) != s->outer) continue;
        know_value(v, s, x[i], e);
        *last = (boundary){x[i], g * GROUP + i, last->mass + (double)e->weight};
        if (reaches(last->mass, target, strict)) return true;
    }
    return false;
}

/* Of the candidates with the shell's only key, the first by ascending id that reaches the target.
 * They may be the whole row, so groups of equals are counted. Most often all are one value; but on both
 * sides of a centre there is one, and close to 0 many have the same distance from a centre that is
 * not. */
static boundary count_equals(view *v, const shell *s, double target, bool strict) {
    const outer_floats f = find_outer_floats(s);
    boundary last = {f.low, -1, s->before};
    equals e = {NAN, 0.0f};
    int32_t counted = -1; /* the last group that was, if none was walked since */
    for (int32_t g = 0; g < v->row.n_groups; g++) {
        if (v->mass.group_max[g] < f.low) continue;
        float x[GROUP];
        int32_t same;
        pk_row_group(&v->row, g, v->cut, x);
        int32_t n = count_in_group(&f, x, e.value, &same);
        if (n == 0) continue;
        if (same != n) {
            know_value(v, s, first_in_group(s, x), &e);
            n = count_in_group(&f, x, e.value, &same);
        }
        const double all = last.mass + (double)e.weight * n;
        if (n == same && !reaches(all, target, strict)) {
            last.mass = all;
            counted = g;
            continue;
        }
        counted = -1;
        if (walk_group(v, s, g, x, target, strict, &e, &last)) return last;
    }
    if (counted >= 0) { /* none reaches it: find the last of them */
        float x[GROUP];
        const double mass = last.mass;
        pk_row_group(&v->row, counted, v->cut, x);
        (void)walk_group(v, s, counted, x, INFINITY, false, &e, &last);
        last.mass = mass;
    }
    /* No candidate has the last key: the target is reached only by rounding. */
    return last.id >= 0 ? last : last_of_all(v, s, last.mass);
}

boundary pk_boundary_find(view *v, candidate_order order, measure what, double target,
                          bool strict) {
    PLUCK_ASSERT(v->whole && v->mass.max_stamp == v->values && !v->adapted);
    shell s = {.order = order, .centre = v->centre, .what = what};
    s.inner = order == ORDER_NEAR ? -1.0 : -INFINITY;
    s.outer = order == ORDER_NEAR ? INFINITY : (double)FLT_MAX;
    pk_view_count(v);
    s.through = what == MEASURE_MASS ? v->mass.sum : (double)v->n;
    if (!(target > 0.0)) { /* even no candidate reaches it; the first is kept anyway */
        target = DBL_MIN;
        strict = false;
    }
    return close_in(v, &s, target, strict) ? search_list(v, &s, target, strict)
                                           : count_equals(v, &s, target, strict);
}

/* ---- keeping ---- */

static void keep_descending(view *v, const boundary *b) {
    PLUCK_ASSERT(v->whole && cut_admits(v->cut, b->x, b->id));
    v->cut = (row_cut){b->x, b->id};
    v->uncounted = true;
    view_changed_weights(v);
}

/* Keeps what is nearer to the centre than the boundary, and at the same distance the ids up to
 * it. */
static void keep_near(view *v, const boundary *b) {
    const shell s = {.order = ORDER_NEAR, .centre = v->centre};
    const double key = key_of(&s, b->x);
    const float in_low = edge(&s, key, true, false), in_high = edge(&s, key, true, true);
    const row_band band = {
        .low = edge(&s, key, false, false),
        .high = edge(&s, key, false, true),
        .in_low = isnan(in_low) ? INFINITY : in_low,
        .in_high = isnan(in_high) ? -INFINITY : in_high,
        .through = b->id,
    };
    pk_view_bake(v, &band);
}

void pk_boundary_keep(view *v, candidate_order order, const boundary *b) {
    if (order == ORDER_NEAR)
        keep_near(v, b);
    else
        keep_descending(v, b);
}
