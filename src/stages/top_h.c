/*
 * top_h.c: keeps the longest prefix, in descending order, whose entropy is at most alpha * H, where H
 * is the entropy of all candidates, and a prefix's entropy is that of its probabilities divided by
 * their sum.
 *
 * Source: "Top-H Decoding: Adapting the Creativity and Coherence with Bounded Entropy in Text
 * Generation", 2025 (arXiv 2509.02510). transformers' top_h looks at the 100 most likely alone, and
 * adds up -P log P without dividing by the sum. A prefix's entropy grows with its length, since what
 * is added is never more likely than what is there; so the first that is too much ends it.
 * Parameters: alpha, >= 1 disables. Asks the view for the entropy, then for its greatest values; if
 * these do not tell, for the masses of bins, and for the values of the one in which the limit is
 * passed. Leaves descending order.
 */
#include "../arithmetic.h"

#include "../stage.h"

enum { LEAST = 256, MOST = 4096, STEP = 8, BLOCK = 64, BINS = 512 };

/* What is further down than NOTHING is no candidate to speak of; than RARE, none that has a bin to
 * itself. */
static const double NOTHING = -700.0, RARE = -45.0;

/* Values so near to each other have the same probability in double. */
static const double SAME = 0x1p-60;

/* A prefix: its mass and first moment, relative to the greatest, and the last of it. */
typedef struct prefix_sums {
    double mass, moment, nats, part;
} prefix_sums;

static double entropy_of(const prefix_sums *p) {
    return log(p->mass) - p->moment / p->mass;
}

static void extend(prefix_sums *p, double nats) {
    p->part = exp_step(p->part, p->nats, nats - p->nats);
    p->nats = nats;
    p->mass += p->part;
    p->moment += p->part * nats;
}

/* How many of n equals, which come next, a prefix can have and keep no more than `limit` nats. They
 * are added if it can have all. */
static int32_t how_many_equals(prefix_sums *p, double nats, int32_t n, double limit) {
    const double part = exp(nats);
    int32_t fit = 0, not = n + 1;
    if (nats <= NOTHING) return 0;
    for (int32_t try = n; fit < not -1; try = fit + (not -fit) / 2) {
        const prefix_sums with = {.mass = p->mass + (double)try * part,
                                  .moment = p->moment + (double)try * part * nats,
                                  .nats = nats,
                                  .part = part};
        if (entropy_of(&with) > limit) {
            not = try;
            continue;
        }
        fit = try;
        if (try == n) *p = with;
    }
    return fit;
}

/* Sorted values, and what their nats are computed from. */
typedef struct sorted {
    const float *x;
    int32_t n;
    double max, scale;
} sorted;

static double nats_of(const sorted *s, int32_t i) {
    return ((double)s->x[i] - s->max) * s->scale;
}

/* The first from i on that is not the same as i. */
static int32_t end_of_equals(const sorted *s, int32_t i) {
    int32_t low = i, high = s->n;
    while (high - low > 1) {
        const int32_t middle = low + (high - low) / 2;
        if (s->x[middle] == s->x[i])
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* How many of the values a prefix can have and keep no more than `limit` nats. */
static int32_t how_many(const sorted *s, prefix_sums p, double limit) {
    int32_t i = 0;
    while (i < s->n) {
        const int32_t end = i < s->n - BLOCK ? i + BLOCK : s->n;
        if (s->x[i] == s->x[end - 1]) {
            const int32_t n = end_of_equals(s, i) - i,
                          fit = how_many_equals(&p, nats_of(s, i), n, limit);
            i += fit;
            if (fit < n) return i;
            continue;
        }
        /* A logarithm for each is saved: most of them are in blocks that fit as a whole. */
        const prefix_sums start = p;
        for (int32_t j = i; j < end; j++) extend(&p, nats_of(s, j));
        if (p.nats > NOTHING && entropy_of(&p) <= limit) {
            i = end;
            continue;
        }
        for (p = start; i < end; i++) {
            extend(&p, nats_of(s, i));
            if (p.nats <= NOTHING || entropy_of(&p) > limit) return i;
        }
    }
    return i;
}

/* How many candidates are kept, and the x of the last of them, or one below which all others are; NaN:
 * not known. */
typedef struct kept {
    int32_t n;
    float x;
} kept;

/* Adds those of the view's values from low to below high (NaN: no limit) to n others, whose sums are
 * *p and which are at least high. */
static kept add_between(view *v, float low, float high, int32_t n, const prefix_sums *p,
                        double limit) {
    sorted s = {.max = (double)pk_view_max(v), .scale = pk_view_scale(v)};
    s.x = pk_view_lease_between(v, low, high, &s.n);
    const int32_t fit = how_many(&s, *p, limit);
    const kept all = {n + fit, fit > 0 ? s.x[fit - 1] : high};
    pk_view_return_top(v);
    return all;
}

/* Finds the bin in which the limit is passed, and looks at its values. */
static kept find_by_bins(view *v, double limit) {
    prefix_sums p = {.part = 1.0};
    const float max = pk_view_max(v), least = pk_view_min(v), rare = pk_view_x_below_max(v, RARE);
    const float low = least > rare ? least : rare;
    if (((double)max - (double)least) * pk_view_scale(v) <= SAME)
        return (kept){how_many_equals(&p, 0.0, pk_view_alive(v), limit), max == least ? max : NAN};
    view_bin_mass bins[BINS];
    const view_bins b = pk_view_bins_of(low, max, BINS);
    pk_view_bin_masses(v, &b, bins);
    for (int32_t i = 0; i < BINS; i++) {
        prefix_sums next = p;
        next.mass += bins[i].mass;
        next.moment += bins[i].moment;
        if (bins[i].mass > 0.0 && entropy_of(&next) > limit) {
            const float floor = pk_view_bin_floor(&b, i);
            const float ceiling = i > 0 ? pk_view_bin_floor(&b, i - 1) : NAN;
            const int32_t above = i > 0 ? (int32_t)pk_view_count_above(v, ceiling) : 0;
            return add_between(v, floor, ceiling, above, &p, limit);
        }
        p = next;
    }
    /* The limit is as good as the entropy of all. */
    p = (prefix_sums){.part = 1.0};
    return add_between(v, -INFINITY, NAN, 0, &p, limit);
}

/* Looks at some of the greatest values; -1 if these do not tell. */
static int32_t find_among(view *v, int32_t m, double limit) {
    const prefix_sums p = {.part = 1.0};
    sorted s = {.max = (double)pk_view_max(v), .scale = pk_view_scale(v)};
    s.x = pk_view_lease_top(v, m, &s.n);
    const int32_t fit = how_many(&s, p, limit), n = s.n;
    pk_view_return_top(v);
    return fit < n || n == pk_view_alive(v) ? fit : -1;
}

static kept find(view *v, double limit) {
    /* No fewer than exp(limit) candidates have so much entropy. */
    const double likely = clamp(2.0 * exp(limit), (double)LEAST, 1e9);
    for (int32_t m = (int32_t)likely; m <= MOST || pk_view_alive(v) <= MOST; m *= STEP) {
        const int32_t found = find_among(v, m, limit);
        if (found >= 0) return (kept){found, NAN};
    }
    return find_by_bins(v, limit);
}

static pluck_status apply(view *v, const stage_run *run) {
    const double limit = (double)run->stage->as.top_h.alpha * pk_view_entropy(v);
    const kept k = find(v, limit);
    pk_view_top_k_at(v, max_i64(k.n, 1), k.x);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    (void)n_vocab;
    return pk_check_unit(err, "alpha", stage->as.top_h.alpha);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.top_h.alpha >= 1.0f;
}

extern const stage_kind pk_stage_top_h;
const stage_kind pk_stage_top_h = {
    .kind = PLUCK_STAGE_TOP_H,
    .name = "top_h",
    .defaults.as.top_h = {.alpha = 1.0f},
    .state = VIEW_SCANNED,
    .apply = apply,
    .check = check,
    .disabled = disabled,
};
