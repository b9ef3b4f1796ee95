/*
 * select.c: order without sorting. Boundaries (top-k, a nucleus) and draws in sorted order are
 * found by narrowing: a bound from the group maxima, a histogram of mass over distance, then a sort
 * of the few candidates in one bin.
 */
#include "candidates.h"

#include <float.h>

static const float NO_BOUND = -INFINITY;

/* ---- small sorts and selections ---------------------------------------------------------------
 */

/* The k-th greatest (k from 1) of x, which is permuted. Hoare's selection, median of three. */
static float kth_greatest(float *x, int64_t n, int64_t k) {
    int64_t low = 0, high = n - 1;
    const int64_t target = k - 1;
    while (low < high) {
        const float a = x[low], b = x[low + (high - low) / 2], d = x[high];
        const float pivot = a > b ? (b > d ? b : a > d ? d : a) : (a > d ? a : b > d ? d : b);
        int64_t i = low, j = high;
        while (i <= j) {
            while (x[i] > pivot) i++;
            while (x[j] < pivot) j--;
            if (i <= j) {
                const float swap = x[i];
                x[i++] = x[j];
                x[j--] = swap;
            }
        }
        if (target <= j)
            high = j;
        else if (target >= i)
            low = i;
        else
            break;
    }
    return x[target];
}

/* How candidates compare: by key ascending, then by id. */
typedef struct ordering {
    const int32_t *ids;
    const float *x;
    candidate_order order; /* ORDER_DESCENDING, ORDER_NEAR or ORDER_ID */
    double centre;
} ordering;

static double key_of(const ordering *o, int32_t i) {
    if (o->order == ORDER_DESCENDING) return -(double)o->x[i];
    if (o->order == ORDER_NEAR) return fabs((double)o->x[i] - o->centre);
    return 0.0;
}

static bool before(const ordering *o, int32_t a, int32_t b) {
    const double ka = key_of(o, a), kb = key_of(o, b);
    return ka != kb ? ka < kb : o->ids[a] < o->ids[b];
}

static void sift_down(const ordering *o, int32_t *index, int32_t root, int32_t n) {
    for (int32_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && before(o, index[child], index[child + 1])) child++;
        if (!before(o, index[root], index[child])) return;
        const int32_t swap = index[root];
        index[root] = index[child];
        index[child] = swap;
    }
}

/* Sorts positions: quicksort, finished by insertion, heapsort where the pivots are bad. */
static void sort_index(const ordering *o, int32_t *index, int32_t n) {
    int32_t depth = 2;
    for (int32_t i = n; i > 0; i /= 2) depth += 2;
    while (n > 16) {
        if (depth-- == 0) {
            for (int32_t i = n / 2; i-- > 0;) sift_down(o, index, i, n);
            for (int32_t end = n - 1; end > 0; end--) {
                const int32_t swap = index[0];
                index[0] = index[end];
                index[end] = swap;
                sift_down(o, index, 0, end);
            }
            return;
        }
        int32_t a = index[0], b = index[n / 2], d = index[n - 1];
        if (before(o, b, a)) {
            const int32_t swap = a;
            a = b;
            b = swap;
        }
        const int32_t pivot = before(o, d, a) ? a : before(o, d, b) ? d : b;
        int32_t i = 0, j = n - 1;
        while (i <= j) {
            while (before(o, index[i], pivot)) i++;
            while (before(o, pivot, index[j])) j--;
            if (i <= j) {
                const int32_t swap = index[i];
                index[i++] = index[j];
                index[j--] = swap;
            }
        }
        /* The shorter side by recursion, the longer one by going on. */
        if (j + 1 < n - i) {
            sort_index(o, index, j + 1);
            index += i;
            n -= i;
        } else {
            sort_index(o, index + i, n - i);
            n = j + 1;
        }
    }
    for (int32_t i = 1; i < n; i++) {
        const int32_t moved = index[i];
        int32_t at = i;
        for (; at > 0 && before(o, moved, index[at - 1]); at--) index[at] = index[at - 1];
        index[at] = moved;
    }
}

static bool is_sorted(const ordering *o, const int32_t *index, int32_t n) {
    for (int32_t i = 1; i < n; i++)
        if (!before(o, index[i - 1], index[i])) return false;
    return true;
}

/* Moves element index[i] to place i, following the permutation's cycles; index is used up. */
static void permute_list(int32_t *ids, float *x, int32_t *index, int32_t n) {
    for (int32_t start = 0; start < n; start++) {
        if (index[start] < 0) continue;
        const int32_t id = ids[start];
        const float value = x[start];
        int32_t at = start;
        for (;;) {
            const int32_t from = index[at];
            index[at] = -1;
            if (from == start) break;
            ids[at] = ids[from];
            x[at] = x[from];
            at = from;
        }
        ids[at] = id;
        x[at] = value;
    }
}

void candidates_realise(candidates *c) {
    pluck_workspace *ws = c->ws;
    if (c->whole || c->order == c->stored || c->order == ORDER_STORED) return;
    const ordering o = {ws->ids, ws->logits, c->order, c->centre};
    int32_t *index = (int32_t *)(void *)ws->spare;
    for (int32_t i = 0; i < c->n; i++) index[i] = i;
    if (!is_sorted(&o, index, c->n)) {
        sort_index(&o, index, c->n);
        permute_list(ws->ids, ws->logits, index, c->n);
        c->summed = false; /* sums are by place */
    }
    c->stored = c->order;
}

/* What a stage that leaves a short list does. */
static void realise_short(candidates *c) {
    if (!c->whole && c->n <= SHORT_LIST) candidates_realise(c);
}

pluck_status candidates_materialise(candidates *c) {
    TRY(candidates_scan(c));
    if (c->whole) candidates_keep_above(c, -INFINITY);
    candidates_realise(c);
    if (c->adapted) {
        pluck_workspace *ws = c->ws;
        c->kernels->array.adapt(ws->logits, (size_t)c->n, &c->adapt, ADAPTIVE_PEAK, ws->logits);
        c->adapted = c->infinite = false;
        c->scale = 1.0;
        /* The candidates stay where they are, but their logits no longer descend. */
        if (c->order != ORDER_ID) c->order = c->stored = ORDER_STORED;
        candidates_pad(c);
        candidates_changed(c);
        TRY(candidates_scan(c));
    }
    return PLUCK_OK;
}

/* ---- bounds from the maxima -------------------------------------------------------------------
 */

float candidates_bound(candidates *c, int64_t k) {
    const pluck_workspace *ws = c->ws;
    float *maxima = ws->logits;
    const int32_t n_blocks = (c->n_groups + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
    if (k > c->n_groups) return NO_BOUND;
    const bool by_blocks = k <= n_blocks * 3 / 4;
    const int32_t n = by_blocks ? n_blocks : c->n_groups;
    memcpy(maxima, by_blocks ? ws->block_max : ws->group_max, (size_t)n * sizeof *maxima);
    return kth_greatest(maxima, n, k);
}

/* ---- top-k ------------------------------------------------------------------------------------
 */

/* Keeps the candidates at or before (x, id) in descending order, in place. */
static void keep_through(candidates *c, const ordering *o, double key, int32_t last_id) {
    pluck_workspace *ws = c->ws;
    int32_t n = 0;
    for (int32_t i = 0; i < c->n; i++) {
        const double k = key_of(o, i);
        const int32_t id = ws->ids[i];
        const float x = ws->logits[i];
        ws->ids[n] = id;
        ws->logits[n] = x;
        n += k < key || (k == key && id <= last_id);
    }
    c->n = n;
    c->summed = false;
    candidates_pad(c);
}

/* The k-th lowest of n ids, which are permuted. */
static int32_t kth_lowest_id(int32_t *ids, int32_t n, int32_t k) {
    int32_t low = 0, high = n - 1;
    while (low < high) {
        const int32_t pivot = ids[low + (high - low) / 2];
        int32_t i = low, j = high;
        while (i <= j) {
            while (ids[i] < pivot) i++;
            while (ids[j] > pivot) j--;
            if (i <= j) {
                const int32_t swap = ids[i];
                ids[i++] = ids[j];
                ids[j--] = swap;
            }
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            break;
    }
    return ids[k - 1];
}

/* Keeps the k greatest of a LIST of more than k, ties by the lower id, where they lie. */
static void select_k(candidates *c, int32_t k) {
    pluck_workspace *ws = c->ws;
    memcpy(ws->spare, ws->logits, (size_t)c->n * sizeof *ws->spare);
    const float kth = kth_greatest(ws->spare, c->n, k);
    int32_t above = 0, equal = 0;
    int32_t *ties = (int32_t *)(void *)ws->spare;
    for (int32_t i = 0; i < c->n; i++) {
        above += ws->logits[i] > kth;
        if (ws->logits[i] == kth) ties[equal++] = ws->ids[i];
    }
    const int32_t last_id = kth_lowest_id(ties, equal, k - above);
    const ordering o = {ws->ids, ws->logits, ORDER_DESCENDING, 0.0};
    keep_through(c, &o, -(double)kth, last_id);
}

void candidates_top_k(candidates *c, int64_t k) {
    k = min_i64(k, c->n_counted);
    c->n_counted = k;
    if (k < c->n && !c->whole && c->order == ORDER_DESCENDING && c->stored == ORDER_DESCENDING) {
        c->n = (int32_t)k;
        c->summed = false;
        candidates_pad(c);
        return;
    }
    c->order = ORDER_DESCENDING;
    if (k < c->n) {
        if (c->whole) candidates_keep_above(c, candidates_bound(c, k));
        if (k < c->n) select_k(c, (int32_t)k);
    }
    realise_short(c);
}

/* ---- prefixes by mass -------------------------------------------------------------------------
 */

/* A place in an ordering: the prefix up to and including it has `mass`. */
typedef struct place {
    int32_t at; /* position in the list searched */
    double mass;
} place;

/* Linear bins over [low, low + HISTOGRAM_BINS / per_unit). */
typedef struct bins {
    float low, per_unit;
} bins;

/* What find_prefix searches: a list, in an order, from a mass that lies before it. */
typedef struct search {
    const candidates *c;
    ordering o;
    exp_params e;
    bins first; /* a guess of where the candidates are */
    double before, target;
    bool strict;
} search;

/* The masses of up to GROUP candidates at positions index[0..n), or first.. where index is NULL. */
static void masses(const search *s, const int32_t *index, int32_t first, int32_t n, float *e) {
    float x[GROUP];
    if (index)
        for (int32_t i = 0; i < n; i++) x[i] = s->o.x[index[i]];
    else
        memcpy(x, s->o.x + first, (size_t)n * sizeof *x);
    if (s->c->adapted)
        adaptive_masses(s->c, x, (size_t)n, e);
    else
        s->c->kernels->array.shifted_exp(x, (size_t)n, &s->e, e);
}

static bool reaches(const search *s, double mass) {
    return s->strict ? mass > s->target : mass >= s->target;
}

/* Walks n positions in the order of index; the last one with mass if the target is not reached. */
static place walk(const search *s, const int32_t *index, int32_t n, double mass) {
    place last = {index[0], mass};
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        masses(s, index + first, 0, count, e);
        for (int32_t i = 0; i < count; i++) {
            if (e[i] <= 0.0f) continue;
            mass += (double)e[i];
            last = (place){index[first + i], mass};
            if (reaches(s, mass)) return last;
        }
    }
    return last;
}

/*
 * Distances from the start of the order, in nats (by id: in ids), of up to GROUP candidates at
 * positions index[0..n), or first.. where index is NULL: at float's precision, monotone in the key.
 */
static void offsets(const search *s, const int32_t *index, int32_t first, int32_t n, float *out) {
    float x[GROUP];
    if (s->o.order == ORDER_ID) {
        for (int32_t i = 0; i < n; i++) out[i] = (float)s->o.ids[index ? index[i] : first + i];
        return;
    }
    if (index)
        for (int32_t i = 0; i < n; i++) x[i] = s->o.x[index[i]];
    else
        memcpy(x, s->o.x + first, (size_t)n * sizeof *x);
    const float ref = s->e.ref, scale = (float)s->c->scale;
    const double centre = s->o.centre;
    if (s->o.order == ORDER_DESCENDING)
        for (int32_t i = 0; i < n; i++) out[i] = (ref - x[i]) * scale;
    else
        for (int32_t i = 0; i < n; i++) out[i] = (float)fabs((double)x[i] - centre) * scale;
}

/* The bins of n offsets; one that is NaN (0 * inf) goes to bin 0. */
static void find_bins(const bins *b, const float *offset, int32_t n, int32_t *bin) {
    for (int32_t i = 0; i < n; i++) {
        float at = (offset[i] - b->low) * b->per_unit;
        at = at > 0.0f ? at : 0.0f;
        at = at < (float)(HISTOGRAM_BINS - 1) ? at : (float)(HISTOGRAM_BINS - 1);
        bin[i] = (int32_t)at;
    }
}

/* Adds the mass of each candidate to its bin. */
static void fill_bins(const search *s, const bins *b, const int32_t *index, int32_t n) {
    double *mass = s->c->ws->histogram;
    memset(mass, 0, HISTOGRAM_BINS * sizeof *mass);
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP], offset[GROUP];
        int32_t bin[GROUP];
        const int32_t *at = index ? index + first : NULL;
        masses(s, at, first, count, e);
        offsets(s, at, first, count, offset);
        find_bins(b, offset, count, bin);
        for (int32_t i = 0; i < count; i++) mass[bin[i]] += (double)e[i];
    }
}

/* Of the n candidates those in one bin: their positions to out (which may be index), and the range
 * of their offsets. Returns how many. */
static int32_t gather_bin(const search *s, const bins *b, const int32_t *index, int32_t n,
                          int32_t wanted, int32_t *out, float *low, float *high) {
    int32_t m = 0;
    *low = FLT_MAX;
    *high = -FLT_MAX;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float offset[GROUP];
        int32_t bin[GROUP];
        offsets(s, index ? index + first : NULL, first, count, offset);
        find_bins(b, offset, count, bin);
        for (int32_t i = 0; i < count; i++) {
            if (bin[i] != wanted) continue;
            out[m++] = index ? index[first + i] : first + i;
            *low = offset[i] < *low ? offset[i] : *low;
            *high = offset[i] > *high ? offset[i] : *high;
        }
    }
    return m;
}

/*
 * Where, in the order, the cumulative mass reaches the target; the last candidate with mass where
 * it never does. index has room for n positions.
 */
static place find_prefix(const search *s, int32_t n, int32_t *index) {
    bins b = s->first;
    const int32_t *in = NULL;
    double mass = s->before;
    while (n > SHORT_LIST) {
        fill_bins(s, &b, in, n);
        const double *bin_mass = s->c->ws->histogram;
        int32_t crossing = -1;
        for (int32_t i = 0; i < HISTOGRAM_BINS; i++) {
            if (bin_mass[i] <= 0.0) continue;
            if (crossing >= 0) mass += bin_mass[crossing];
            crossing = i;
            if (reaches(s, mass + bin_mass[i])) break;
        }
        if (crossing < 0) break; /* no mass at all: the walk takes the first */
        float low, high;
        n = gather_bin(s, &b, in, n, crossing, index, &low, &high);
        in = index;
        if (!(high > low)) break; /* equal at float's precision: the sort decides */
        b = (bins){low, (float)(HISTOGRAM_BINS - 1) / (high - low)};
        if (!(b.per_unit < FLT_MAX)) break;
    }
    if (!in)
        for (int32_t i = 0; i < n; i++) index[i] = i;
    if (!is_sorted(&s->o, index, n)) sort_index(&s->o, index, n);
    return walk(s, index, n, mass);
}

/* The mass of a LIST's arrays, whatever the view. */
static double list_mass(const candidates *c, const float *x, int32_t n) {
    const exp_params p = candidates_exp(c);
    double mass = 0.0;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        c->kernels->array.shifted_exp(x + first, (size_t)count, &p, e);
        double block = 0.0;
        for (int32_t i = 0; i < count; i++) block += (double)e[i];
        mass += block;
    }
    return mass;
}

/* How far below ref the order's start may reach without leaving out what is nearer on the other
 * side. */
static float ceiling_of(const candidates *c, candidate_order order) {
    if (order != ORDER_NEAR) return INFINITY;
    const double mirror = 2.0 * c->centre - (double)c->max;
    return mirror < -(double)FLT_MAX ? NO_BOUND : nextafterf((float)mirror, NO_BOUND);
}

static search search_for(const candidates *c, candidate_order order, double target, bool strict) {
    search s = {
        .c = c,
        .o = {c->ws->ids, c->ws->logits, order, c->centre},
        .e = candidates_exp(c),
        /* 32 nats: what lies beyond has no mass to speak of. */
        .first = {0.0f, (float)HISTOGRAM_BINS / 32.0f},
        .target = target,
        .strict = strict,
    };
    if (order == ORDER_ID) s.first.per_unit = (float)HISTOGRAM_BINS / (float)c->n_vocab;
    return s;
}

/* Collects the greatest candidates of a WHOLE view, some hundred, if more than `target` of the mass
 * is theirs and none of them is missing below `ceiling`; returns how many, 0 if not. */
static int32_t collect_top(candidates *c, double target, float ceiling) {
    const int32_t n_blocks = (c->n_groups + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
    const float cut = candidates_bound(c, max_i64(1, n_blocks * 2 / 3));
    if (!(cut <= ceiling) || cut < c->cutoff) return 0;
    const int32_t n = candidates_collect(c, cut, NAN);
    return list_mass(c, c->ws->logits, n) > target * (1.0 + 1e-7) ? n : 0;
}

/* Collects what has more than `target` of the mass for certain: what lies below ref - a nats weighs
 * less than n exp(-a). Returns how many. */
static int32_t collect_certain(candidates *c, double target, float ceiling) {
    const double rest = (c->sum - target) * (1.0 - 1e-7);
    const double nats = rest > 0.0 ? log((double)c->n / rest) : INFINITY;
    const double x = (double)c->ref - fmax(nats, 0.0) / c->scale;
    float cut = x < -(double)FLT_MAX ? NO_BOUND : nextafterf((float)x, NO_BOUND);
    if (cut > ceiling) cut = ceiling;
    if (cut < c->cutoff) cut = c->cutoff;
    return candidates_collect(c, cut, NAN);
}

/* ---- bands: where a boundary lies among very many ----------------------------------------------
 */

enum { SAMPLE_GROUPS = 64 };

/* A range of x that holds a boundary, very likely. */
typedef struct band {
    float low, high;
} band;

/* Offset of a bin's edge as x. */
static float edge_x(const candidates *c, const bins *b, int32_t bin) {
    return (float)((double)c->ref - (double)bin / (double)b->per_unit / c->scale);
}

/*
 * From a sample of the groups: where, in descending order, the mass reaches target. The side with
 * the smaller mass is estimated, with four standard errors of room on either side. False where the
 * band would hold more than a sixth of the candidates.
 */
static bool sample_band(const candidates *c, double target, band *out) {
    if (c->n_groups < 4 * SAMPLE_GROUPS) return false;
    const search s = search_for(c, ORDER_DESCENDING, target, false);
    const bins b = s.first;
    double mass[HISTOGRAM_BINS] = {0}, squares[HISTOGRAM_BINS] = {0};
    int32_t count[HISTOGRAM_BINS] = {0};
    for (int32_t i = 0; i < SAMPLE_GROUPS; i++) {
        float x[GROUP], e[GROUP], offset[GROUP];
        int32_t bin[GROUP];
        candidates_group(c, (int32_t)((2 * i + 1) * (int64_t)c->n_groups / (2 * SAMPLE_GROUPS)), x);
        c->kernels->array.shifted_exp(x, GROUP, &s.e, e);
        for (int32_t j = 0; j < GROUP; j++) offset[j] = (s.e.ref - x[j]) * (float)c->scale;
        find_bins(&b, offset, GROUP, bin);
        for (int32_t j = 0; j < GROUP; j++) {
            /* What is masked or cut off lies in no bin. */
            if (x[j] < c->cutoff || x[j] == -INFINITY) continue;
            mass[bin[j]] += (double)e[j];
            squares[bin[j]] += (double)e[j] * (double)e[j];
            count[bin[j]]++;
        }
    }
    const double factor = (double)c->n_groups / SAMPLE_GROUPS;
    const double rest = c->sum - target;
    /* From the end with less mass: nearest and furthest edge at which `need` may be reached. */
    const bool from_top = target < rest;
    const double need = from_top ? target : rest;
    double sum = 0.0, variance = 0.0, held = 0.0;
    int32_t near = -1, far = -1;
    for (int32_t k = 0; k < HISTOGRAM_BINS && far < 0; k++) {
        const int32_t bin = from_top ? k : HISTOGRAM_BINS - 1 - k;
        const int32_t edge = from_top ? bin : bin + 1;
        if (near < 0) held = 0.0;
        sum += factor * mass[bin];
        variance += factor * factor * squares[bin];
        held += factor * count[bin];
        const double room = 3.0 * sqrt(variance);
        if (near < 0 && sum + room > need) near = edge;
        if (near >= 0 && sum - room > need) far = from_top ? bin + 1 : bin;
    }
    if (near < 0 || far < 0 || held > (double)c->n / 6.0) return false;
    const int32_t top = from_top ? near : far, bottom = from_top ? far : near;
    *out = (band){bottom >= HISTOGRAM_BINS - 1 ? NO_BOUND : edge_x(c, &b, bottom),
                  top == 0 ? INFINITY : edge_x(c, &b, top)};
    return out->low < out->high;
}

/*
 * The boundary at `target` in descending order on a WHOLE view, by a band: the exact mass above it,
 * then the few candidates in it. False if the band does not hold it. The band lies in the LIST
 * arrays, *n long; *at is the boundary.
 */
static bool find_in_band(candidates *c, double target, bool strict, int32_t *n, place *at) {
    pluck_workspace *ws = c->ws;
    band b;
    if (!sample_band(c, target, &b)) return false;
    search s = search_for(c, ORDER_DESCENDING, target, strict);
    s.before = candidates_mass_above(c, b.high > c->cutoff ? b.high : c->cutoff);
    if (reaches(&s, s.before)) return false;
    *n = candidates_collect(c, b.low > c->cutoff ? b.low : c->cutoff, b.high);
    if (*n == 0 || 2 * (int64_t)*n > ws->n_vocab) return false;
    if (!reaches(&s, s.before + list_mass(c, ws->logits, *n))) return false;
    const double first = b.high < INFINITY ? ((double)c->ref - (double)b.high) * c->scale : 0.0;
    const double last = b.low > -INFINITY ? ((double)c->ref - (double)b.low) * c->scale : 32.0;
    s.first = (bins){(float)first, (float)(HISTOGRAM_BINS / fmax(last - first, 1e-6))};
    *at = find_prefix(&s, *n, ws->ids + *n);
    return true;
}

static double drop_tie(const void *ctx, int32_t k, double logit) {
    (void)ctx;
    (void)k;
    (void)logit;
    return -INFINITY;
}

/* Cuts a WHOLE view off behind a boundary found in a band of n. */
static pluck_status cut_behind(candidates *c, const place *at, int32_t n) {
    pluck_workspace *ws = c->ws;
    const float x = ws->logits[at->at];
    const int32_t id = ws->ids[at->at];
    /* Of those that tie with it the higher ids are out. */
    int32_t n_ties = 0;
    for (int32_t i = 0; i < n; i++)
        if (ws->logits[i] == x && ws->ids[i] > id) ws->ids[n_ties++] = ws->ids[i];
    c->summed = false;
    TRY(candidates_edit(c, ws->ids, n_ties, drop_tie, NULL, true));
    c->cutoff = x;
    c->n = candidates_count_above(c, x);
    c->sum = at->mass;
    c->summed = true;
    c->grouped = false;
    return PLUCK_OK;
}

/* Adopts a LIST that was collected from a WHOLE view. */
static void adopt_list(candidates *c, int32_t n) {
    c->whole = false;
    c->stored = ORDER_ID;
    c->n = n;
    c->summed = false;
    candidates_pad(c);
}

/* How many candidates stand at or before (key, id). */
static int32_t count_through(const ordering *o, int32_t n, double key, int32_t id) {
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++) {
        const double k = key_of(o, i);
        count += k < key || (k == key && o->ids[i] <= id);
    }
    return count;
}

/* Keeps the k first of a LIST of more than k in the order of o, where they lie. */
static void keep_first(candidates *c, const ordering *o, int32_t k) {
    if (o->order == ORDER_DESCENDING) {
        select_k(c, k);
        return;
    }
    int32_t *index = (int32_t *)(void *)c->ws->spare;
    for (int32_t i = 0; i < c->n; i++) index[i] = i;
    sort_index(o, index, c->n);
    keep_through(c, o, key_of(o, index[k - 1]), o->ids[index[k - 1]]);
}

void candidates_keep_mass(candidates *c, candidate_order order, double p, bool strict,
                          int64_t min_keep) {
    pluck_workspace *ws = c->ws;
    const double target = p * c->sum;
    const int64_t at_least = min_i64(max_i64(min_keep, 1), c->n_counted);
    if (c->whole) {
        float ceiling = ceiling_of(c, order);
        if (at_least > 1) {
            const float bound =
                order == ORDER_DESCENDING ? candidates_bound(c, at_least) : NO_BOUND;
            ceiling = bound < ceiling ? bound : ceiling;
        }
        int32_t n = collect_top(c, target, ceiling);
        place at;
        if (n == 0 && at_least == 1 && order == ORDER_DESCENDING &&
            find_in_band(c, target, strict, &n, &at)) {
            cut_behind(c, &at, n);
            c->order = order;
            c->n_counted = max_i64(c->n, at_least);
            return;
        }
        if (n == 0) n = collect_certain(c, target, ceiling);
        adopt_list(c, n);
    }
    c->order = order;
    realise_short(c);
    const search s = search_for(c, order, target, strict);
    int32_t *index = (int32_t *)(void *)ws->spare;
    const int32_t least = (int32_t)min_i64(at_least, c->n);
    if (c->stored == order) {
        for (int32_t i = 0; i < c->n; i++) index[i] = i;
        const place end = walk(&s, index, c->n, 0.0);
        int32_t kept = reaches(&s, end.mass) ? end.at + 1 : c->n;
        c->n = kept > least ? kept : least;
        candidates_pad(c);
    } else {
        const place end = find_prefix(&s, c->n, index);
        const double key = key_of(&s.o, end.at);
        const int32_t id = ws->ids[end.at];
        if (reaches(&s, end.mass)) {
            if (least == 1 || count_through(&s.o, c->n, key, id) >= least)
                keep_through(c, &s.o, key, id);
            else if (least < c->n)
                keep_first(c, &s.o, least);
        }
    }
    c->summed = false;
    if (order == ORDER_NEAR) c->scanned = false; /* the maximum may have gone */
    c->n_counted = max_i64(c->n, at_least);
    realise_short(c);
}

/* ---- selecting --------------------------------------------------------------------------------
 */

void candidates_select(candidates *c, int32_t token, float x) {
    c->selected = true;
    c->token = token;
    c->token_x = x;
    c->token_scale = c->scale;
    c->token_infinite = c->infinite;
    c->token_probability = -1.0;
    c->token_behind = false;
}

int32_t candidates_argmax(candidates *c, float *x) {
    const pluck_workspace *ws = c->ws;
    *x = c->max;
    if (!c->whole) {
        int32_t best = -1;
        for (int32_t i = 0; i < c->n; i++)
            if (ws->logits[i] == c->max && (best < 0 || ws->ids[i] < best)) best = ws->ids[i];
        return best;
    }
    int32_t g = 0;
    while (ws->group_max[g] != c->max) g++;
    float value[GROUP];
    candidates_group(c, g, value);
    int32_t i = 0;
    while (value[i] != c->max) i++;
    return g * GROUP + i;
}

int32_t candidates_greatest(candidates *c, int32_t m, float *out) {
    pluck_workspace *ws = c->ws;
    m = (int32_t)min_i64(m, c->n);
    const float *x = ws->logits;
    int32_t n = c->n;
    float *scratch = ws->spare;
    if (c->whole) {
        candidates list = *c;
        candidates_keep_above(&list, candidates_bound(c, m));
        n = list.n;
        /* A WHOLE view's patches live in `spare`; the collected list may be permuted instead. */
        scratch = ws->logits;
    } else if (c->stored == ORDER_DESCENDING) {
        memcpy(out, x, (size_t)m * sizeof *out);
        return m;
    } else {
        memcpy(scratch, x, (size_t)n * sizeof *scratch);
    }
    if (m < n) (void)kth_greatest(scratch, n, m);
    /* The selection leaves the m greatest in front; they are few. */
    for (int32_t i = 0; i < m; i++) {
        const float moved = scratch[i];
        int32_t at = i;
        for (; at > 0 && out[at - 1] < moved; at--) out[at] = out[at - 1];
        out[at] = moved;
    }
    return m;
}

/* The first part at which the running mass reaches target, the last one with mass if none does;
 * *mass becomes the mass before it. */
static int32_t locate(const double *part, int32_t n, double target, double *mass) {
    int32_t last = -1;
    double running = *mass;
    for (int32_t i = 0; i < n; i++) {
        if (part[i] <= 0.0) continue;
        last = i;
        *mass = running;
        running += part[i];
        if (running >= target) break;
    }
    return last;
}

/* Selects where the cumulative mass, in the order as the candidates lie, reaches target: by blocks,
 * groups, elements. */
static void draw_as_stored(candidates *c, double target) {
    pluck_workspace *ws = c->ws;
    candidates_group_sums(c);
    const int32_t n_groups =
        c->whole ? c->n_groups : (int32_t)(round_up((size_t)c->n, GROUP) / GROUP);
    const int32_t n_blocks = (n_groups + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
    double *block = ws->group_moment;
    for (int32_t b = 0; b < n_blocks; b++) {
        const int32_t end = (b + 1) * BLOCK_GROUPS < n_groups ? (b + 1) * BLOCK_GROUPS : n_groups;
        block[b] = 0.0;
        for (int32_t g = b * BLOCK_GROUPS; g < end; g++) block[b] += ws->group_sum[g];
    }
    double mass = 0.0;
    const int32_t b = locate(block, n_blocks, target, &mass);
    const int32_t first = b * BLOCK_GROUPS;
    const int32_t count = n_groups - first < BLOCK_GROUPS ? n_groups - first : BLOCK_GROUPS;
    const int32_t g = first + locate(ws->group_sum + first, count, target, &mass);
    float x[GROUP], e[GROUP];
    double part[GROUP];
    candidates_group(c, g, x);
    for (int i = 0; i < GROUP; i++)
        if (x[i] < c->cutoff) x[i] = -INFINITY;
    if (c->adapted) {
        adaptive_masses(c, x, GROUP, e);
    } else {
        const exp_params p = candidates_exp(c);
        c->kernels->array.shifted_exp(x, GROUP, &p, e);
    }
    for (int i = 0; i < GROUP; i++) part[i] = (double)e[i];
    const int32_t i = locate(part, GROUP, target, &mass);
    const int32_t at = g * GROUP + i;
    candidates_select(c, c->whole ? at : ws->ids[at], x[i]);
    c->token_probability = part[i] / c->sum;
}

/* Selects the candidate at a place of the LIST arrays. */
static void select_at(candidates *c, int32_t at) {
    const search s = search_for(c, ORDER_DESCENDING, 0.0, false);
    float e;
    masses(&s, &at, 0, 1, &e);
    candidates_select(c, c->ws->ids[at], c->ws->logits[at]);
    c->token_probability = (double)e / c->sum;
}

void candidates_draw(candidates *c, pluck_rng_kind rng, double u) {
    pluck_workspace *ws = c->ws;
    const double target = u * c->sum;
    const candidate_order lies = c->whole ? ORDER_ID : c->stored;
    candidate_order order = c->order == ORDER_STORED ? lies : c->order;
    if (rng == PLUCK_RNG_PHILOX) order = ORDER_ID;
    if (order == lies) {
        draw_as_stored(c, target);
        return;
    }
    int32_t n = c->n;
    int32_t *index = (int32_t *)(void *)ws->spare;
    place found;
    if (c->whole) {
        const float ceiling = ceiling_of(c, order);
        n = collect_top(c, target, ceiling);
        if (n == 0 && order == ORDER_DESCENDING && find_in_band(c, target, false, &n, &found)) {
            select_at(c, found.at);
            return;
        }
        if (n == 0) n = collect_certain(c, target, ceiling);
        if (2 * (int64_t)n <= ws->n_vocab) {
            index = ws->ids + n; /* `spare` holds patches */
        } else {
            candidates_keep_above(c, NO_BOUND);
            n = c->n;
        }
    }
    const search s = search_for(c, order, target, false);
    found = find_prefix(&s, n, index);
    select_at(c, found.at);
}
