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
    double inner, outer;     /* keys */
    int64_t before, through; /* how many keys are up to inner, which are too few, and up to outer */
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

/* How many have x >= low. */
static int64_t count_above(const view *v, float low) {
    if (low > v->mass.max) return 0;
    return pk_row_count_above(&v->row, v->mass.group_max, pk_view_deeper(v, low));
}

int64_t pk_boundary_count(const view *v, float low, float high) {
    if (!(low <= high)) return 0;
    const int64_t n = count_above(v, low);
    return high >= v->mass.max ? n : n - count_above(v, nextafterf(high, INFINITY));
}

/* How many candidates have keys up to `key`. */
static int64_t count_within(const view *v, const shell *s, double key) {
    return pk_boundary_count(v, lowest_within(s, key), highest_within(s, key));
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
        const int32_t g = spread_over(i, n_groups, v->row.n_groups);
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

/* Whether n / 32 values beside a place, on one side of it, are its equals. */
static bool is_among_equals(const float *values, const int32_t *index, int32_t n, int32_t at) {
    const int32_t wide = n / 32 > 2 ? n / 32 : 2;
    const float x = values[index[at]];
    return (at >= wide && values[index[at - wide]] == x) ||
           (at + wide < n && values[index[at + wide]] == x);
}

/* Looks at a sample. The part of it that comes before the boundary is that of the shell's, which is
 * known. `early` and `late` are three standard errors away, times `down` and `up`. */
static opinion ask_sample(view *v, const shell *s, int64_t k, double down, double up) {
    /* Of a short row a smaller part is enough, since what is left of it is collected sooner. */
    const int32_t most = v->row.n_groups / 16 + 1;
    const int32_t n_groups = most < SAMPLE_GROUPS ? most : SAMPLE_GROUPS;
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
        const double all = (double)(s->through - s->before);
        const double part = all > 0.0 ? clamp((double)(k - s->before) / all, 0.0, 1.0) : 1.0;
        const double error = 3.0 * sqrt(part * (1.0 - part) / n) + 1.0 / n;
        const double parts[3] = {part - down * error, part, part + up * error};
        int32_t at[3];
        for (int i = 0; i < 3; i++)
            at[i] = (int32_t)clamp(ceil(parts[i] * n) - 1.0, 0.0, (double)n - 1.0);
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
static void try_key(const view *v, shell *s, double key, int64_t k) {
    if (!(key > s->inner && key < s->outer)) return;
    const int64_t within = count_within(v, s, key);
    if (within >= k) {
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
static bool close_in(view *v, shell *s, int64_t k) {
    const double most = fmax((double)v->n_vocab / 6.0, 512.0);
    double down = 1.0, up = 1.0;
    for (int round = 0;; round++) {
        opinion told = ask_sample(v, s, k, down, up);
        if (told.expected <= most) return true;
        if (round > 8) told.late = halfway(s->inner, s->outer); /* samples did not help */
        const double inner = s->inner, outer = s->outer;
        if (!isnan(told.plateau)) {
            try_key(v, s, told.plateau, k);
            try_key(v, s, key_before(s, told.plateau), k);
        }
        try_key(v, s, told.late, k);
        try_key(v, s, told.early, k);
        if (s->inner >= key_before(s, s->outer)) return false;
        if (s->inner == told.late) up *= 4.0;
        if (s->outer == told.early) down *= 4.0;
        if (s->inner == inner && s->outer == outer) try_key(v, s, halfway(inner, outer), k);
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

/* The k-th of the candidates that were collected, nearest to the centre first: found among those with
 * the k-th distance as a float. */
static int32_t nth_nearest(view *v, const shell *s, int32_t k) {
    const ordering o = pk_list_ordering(&v->list, s->order, s->centre);
    const int32_t n = v->list.n;
    float *values = pk_lease_floats(v->scratch, LEASE_VALUES, (size_t)n);
    for (int32_t i = 0; i < n; i++) values[i] = -(float)pk_order_key(&o, i);
    const float kth = pk_kth_greatest(values, n, k);
    pk_lease_return(v->scratch, LEASE_VALUES);
    int32_t *index = pk_lease_ints(v->scratch, LEASE_INDEX, (size_t)n);
    int32_t n_alike = 0;
    for (int32_t i = 0; i < n; i++) {
        const float value = -(float)pk_order_key(&o, i);
        k -= value > kth;
        index[n_alike] = i;
        n_alike += value == kth;
    }
    PLUCK_ASSERT(k >= 1 && k <= n_alike);
    if (!pk_is_sorted(&o, index, n_alike)) pk_sort_index(&o, index, n_alike);
    const int32_t at = index[k - 1];
    pk_lease_return(v->scratch, LEASE_INDEX);
    return at;
}

/* The k-th in descending order; they were collected by id. */
static int32_t nth_greatest(view *v, int32_t k) {
    const float *x = v->list.x;
    const int32_t n = v->list.n;
    float *values = pk_lease_floats(v->scratch, LEASE_VALUES, (size_t)n);
    memcpy(values, x, (size_t)n * sizeof *values);
    const float kth = pk_kth_greatest(values, n, k);
    pk_lease_return(v->scratch, LEASE_VALUES);
    for (int32_t i = 0; i < n; i++) k -= x[i] > kth;
    PLUCK_ASSERT(k >= 1 && v->list.lies == ORDER_ID);
    int32_t at = -1;
    while (k > 0) k -= x[++at] == kth;
    return at;
}

static boundary search_list(view *v, const shell *s, int64_t k) {
    (void)collect_shell(v, s);
    k -= s->before;
    PLUCK_ASSERT(k >= 1 && k <= v->list.n);
    const int32_t at =
        s->order == ORDER_NEAR ? nth_nearest(v, s, (int32_t)k) : nth_greatest(v, (int32_t)k);
    return (boundary){v->list.x[at], v->list.ids[at], 0.0};
}

/* Of the candidates with the shell's only key, which may be the whole row, the one that is the k-th of
 * all, by ascending id. */
static boundary count_equals(const view *v, const shell *s, int64_t k) {
    row_stretch equals = {lowest_within(s, s->outer), 0.0f, INFINITY, -INFINITY};
    if (s->order != ORDER_NEAR) {
        equals.low_end = equals.low;
    } else {
        const float in_low = edge(s, s->outer, true, false),
                    in_high = edge(s, s->outer, true, true);
        const float high = highest_within(s, s->outer);
        /* If nothing is nearer, all of them are on one stretch. */
        equals.low_end = isnan(in_low) ? high : nextafterf(in_low, -INFINITY);
        if (!isnan(in_low)) equals.high_end = nextafterf(in_high, INFINITY);
        if (!isnan(in_low)) equals.high = high;
    }
    const int32_t id = pk_row_nth(&v->row, &equals, k - s->before);
    float x[GROUP];
    pk_row_group(&v->row, id / GROUP, v->cut, x);
    return (boundary){x[id % GROUP], id, 0.0};
}

boundary pk_boundary_find(view *v, candidate_order order, int64_t k) {
    PLUCK_ASSERT(v->whole && v->mass.max_stamp == v->values && !v->adapted && k >= 1);
    shell s = {.order = order, .centre = v->centre};
    s.inner = order == ORDER_NEAR ? -1.0 : -INFINITY;
    s.outer = order == ORDER_NEAR ? INFINITY : (double)FLT_MAX;
    pk_view_count(v);
    s.through = v->n;
    PLUCK_ASSERT(k <= s.through);
    return close_in(v, &s, k) ? search_list(v, &s, k) : count_equals(v, &s, k);
}

row_stretch pk_boundary_nearer(const view *v, candidate_order order, float x) {
    const shell s = {.order = order, .centre = v->centre};
    if (order != ORDER_NEAR)
        return (row_stretch){nextafterf(x, INFINITY), FLT_MAX, INFINITY, -INFINITY};
    const double key = key_of(&s, x);
    const float low = edge(&s, key, true, false), high = edge(&s, key, true, true);
    if (isnan(low)) return (row_stretch){INFINITY, -INFINITY, INFINITY, -INFINITY};
    return (row_stretch){low, high, INFINITY, -INFINITY};
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
