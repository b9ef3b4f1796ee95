/* view_prefix.c: keeps the candidates that have a part of the mass (nuclei, typical sets, likely
 * candidates), and draws. See view.h. */
#include "arithmetic.h"

#include "survey.h"
#include "tally.h"

#include <float.h>

/* The x that the start of the order must reach down to, so that nothing nearer to the centre on the
 * other side is left out. */
static float ceiling_of(view *v, candidate_order order) {
    if (order != ORDER_NEAR) return INFINITY;
    const double mirror = 2.0 * v->centre - (double)pk_view_max(v);
    return mirror < -(double)FLT_MAX ? -INFINITY : nextafterf((float)mirror, -INFINITY);
}

/* Whether the top has more mass than `target`. */
static bool top_reaches(const top *t, double target) {
    return t->n > 0 && t->mass > target * (1.0 + 1e-7);
}

/* Collects candidates that certainly have more mass than `target`: those that are a nats or more
 * below ref have less than n exp(-a) together. False, with nothing collected, if that would be much
 * of the row. */
static bool collect_certain(view *v, candidate_order order, double target, float ceiling) {
    /* In ORDER_NEAR a pass costs twice as much, so a longer list is worth it. */
    const int64_t longer = order == ORDER_NEAR ? v->n_vocab / 8 : 0;
    const int64_t most = max_i64(longer, view_most_listed(v));
    const double rest = (v->mass.sum - target) * (1.0 - 1e-7);
    const double nats = rest > 0.0 ? log((double)v->n / rest) : INFINITY;
    const double x = (double)v->mass.ref - fmax(nats, 0.0) / v->scale;
    float low = x < -(double)FLT_MAX ? -INFINITY : nextafterf((float)x, -INFINITY);
    if (low > ceiling) low = ceiling;
    return pk_view_collect_few(v, low, most) <= most;
}

/* Cuts a WHOLE view after a boundary that was found in the free list; of its equals, higher ids are
 * dropped. */
static void cut_behind(view *v, const place *at) {
    const boundary b = {v->list.x[at->at], v->list.ids[at->at], at->mass};
    pk_boundary_keep(v, ORDER_DESCENDING, &b);
    const mass_source s = pk_view_source(v);
    pk_mass_set_sum(&v->mass, &s, b.mass);
}

/* Forgets the levels, which are valid for one boundary of one view. */
static void forget_levels(view *v) {
    v->cut_level.x = v->draw_level.x = NAN;
}

/* Whether boundary a comes before b in the view's order. */
static bool comes_before(const view *v, const boundary *a, const boundary *b) {
    const int32_t ids[2] = {a->id, b->id};
    const float x[2] = {a->x, b->x};
    const ordering o = {ids, x, v->order, v->centre};
    return pk_order_before(&o, 0, 1);
}

/* Whether at least n candidates come at or before a boundary. */
static bool has_before(view *v, const boundary *b, int64_t n) {
    if (n <= 1) return true;
    const row_stretch nearer = pk_boundary_nearer(v, v->order, b->x);
    if (pk_boundary_count(v, nearer.low, nearer.low_end) >= n - 1) return true;
    const boundary least = pk_boundary_find(v, v->order, n);
    return !comes_before(v, b, &least);
}

/* Keeps the n first in descending order if they have the mass that is asked for; false if not. */
static bool keep_first(view *v, int64_t n, double target) {
    const boundary b = pk_boundary_find(v, ORDER_DESCENDING, n);
    const mass_source before = pk_view_source(v);
    const double mass = pk_mass_above(&v->mass, &before, (row_cut){b.x, b.id});
    if (mass < target) return false;
    pk_boundary_keep(v, ORDER_DESCENDING, &b);
    const mass_source s = pk_view_source(v);
    pk_mass_set_sum(&v->mass, &s, mass);
    return true;
}

/* Keeps a prefix of a WHOLE view without a list. */
static void keep_in_row(view *v, double target, bool strict, int64_t at_least) {
    const int64_t n = min_i64(at_least, pk_view_alive(v));
    const bool likely =
        v->order == ORDER_DESCENDING && n > pk_view_alive(v) / 32; /* that these are enough */
    if (!likely || !keep_first(v, n, target)) {
        boundary b = pk_tally_find(v, v->order, target, strict);
        const bool by_mass = likely || has_before(v, &b, n);
        if (!by_mass) b = pk_boundary_find(v, v->order, n);
        const bool tallied = pk_tally_holds(v, v->order);
        pk_boundary_keep(v, v->order, &b);
        const mass_source s = pk_view_source(v);
        if (tallied) pk_tally_kept(v);
        if (by_mass && mass_is_near(v->mass.max, v->mass.ref, v->scale))
            pk_mass_set_sum(&v->mass, &s, b.mass);
    }
    v->n_counted = max_i64(pk_view_alive(v), at_least);
}

/* Whether no prefix of this mass is short enough for a list, since none of its candidates has more mass
 * than the maximum. */
static bool must_be_much(const view *v, double target) {
    const double nats = ((double)v->mass.max - (double)v->mass.ref) * v->scale;
    return pk_view_is_much(v, (int64_t)(target * exp(-nats)));
}

/*
 * Collects from a WHOLE view candidates, down to the ceiling or further, that have more than p of
 * the sum. False: they would be too many, and the prefix has been kept without collecting them.
 */
static bool collect_prefix(view *v, double p, bool strict, int64_t at_least, float ceiling,
                           const rng_stream *ahead) {
    const mass_source s = pk_view_source(v);
    const bool even = pk_mass_is_even(&v->mass, &s);
    if (even) (void)pk_mass_sum(&v->mass, &s);
    const bool summed = pk_mass_is_summed(&v->mass, &s);
    top t = {0, INFINITY, 0.0};
    if (summed && must_be_much(v, p * v->mass.sum)) {
        if (v->order == ORDER_DESCENDING && !even) t = pk_survey_top(v, ceiling);
    } else {
        if (summed) t = pk_survey_deeper(v, p * v->mass.sum, ceiling);
        if (top_reaches(&t, p * v->mass.sum)) return true;
        t = pk_survey_top(v, ceiling);
    }
    /* Then a boundary below the top has so many above it, too. */
    const bool surveyed =
        v->order == ORDER_DESCENDING && !even && (at_least == 1 || t.n >= at_least);
    if (!summed && surveyed) pk_survey_sum(v, &t, p, ahead);
    const double target = p * pk_mass_sum(&v->mass, &s);
    const bool much = must_be_much(v, target);
    if (!much && top_reaches(&t, target)) return true;
    if (!much && !summed && isnan(v->cut_level.x)) { /* with a level there is a cheaper way */
        const top deep = pk_survey_deeper(v, target, ceiling);
        if (top_reaches(&deep, target)) return true;
    }
    place at;
    if (surveyed && pk_survey_find(v, &t, v->cut_level, target, strict, &at)) {
        cut_behind(v, &at);
        return false;
    }
    if (!much && collect_certain(v, v->order, target, ceiling)) return true;
    keep_in_row(v, target, strict, at_least);
    return false;
}

/* Drops from a long list, in descending order, what is certainly behind a prefix of this mass and of at
 * least so many. */
static void drop_tail(view *v, double target, int32_t least) {
    enum { LONG = 16384 }; /* a shorter one costs less than the attempt */
    list *l = &v->list;
    const int32_t n_groups = l->n / GROUP, k = n_groups - n_groups / 3;
    if (l->n <= LONG || least > k || l->lies == ORDER_DESCENDING) return;
    /* None has more mass than the maximum, which most often is 1. */
    if (target > n_groups) return;
    const mass_source s = pk_view_source(v);
    const float low = pk_list_bound(l, v->scratch, k);
    const int32_t most = 2 * n_groups;
    float *x = pk_lease_floats(v->scratch, LEASE_VALUES, (size_t)most + 2 * GROUP);
    const int32_t n = pk_list_values_above(l, low, most, x);
    const double mass = n > most ? 0.0 : pk_mass_of_values(&v->mass, &s, x, n);
    pk_lease_return(v->scratch, LEASE_VALUES);
    if (!(mass > target * (1.0 + 1e-7))) return;
    pk_list_keep_above(l, low);
    view_changed_weights(v);
}

/* Keeps the prefix of a list that is stored in the order. */
static void keep_walked(view *v, const search *s, int32_t least) {
    const place end = pk_walk(s, NULL, v->list.n, 0.0);
    const int32_t kept = pk_reaches(s, end.mass) ? end.at + 1 : v->list.n;
    pk_list_truncate(&v->list, kept > least ? kept : least);
}

/* Keeps the prefix of a list that is stored in another order, which it keeps. */
static void keep_found(view *v, const search *s, int32_t least) {
    list *l = &v->list;
    const place end = pk_find_prefix(s, l->n);
    if (!pk_reaches(s, end.mass)) return;
    const double key = pk_order_key(&s->o, end.at);
    const int32_t id = l->ids[end.at];
    if (least == 1 || pk_count_through(&s->o, l->n, key, id) >= least)
        pk_list_keep_through(l, &s->o, key, id);
    else if (least < l->n)
        pk_list_keep_first(l, v->scratch, &s->o, least);
}

/*
 * Keeps the shortest prefix, in v->order (descending or near), whose mass reaches p of the sum
 * (exceeds it if strict) and that has at least min_keep counted candidates.
 */
static void keep_prefix(view *v, double p, bool strict, int64_t min_keep, const rng_stream *ahead) {
    const candidate_order order = v->order;
    const int64_t at_least = min_i64(max_i64(min_keep, 1), pk_view_counted(v));
    forget_levels(v);
    double target;
    if (v->whole) {
        float ceiling = ceiling_of(v, order);
        if (at_least > 1) {
            const float bound = order == ORDER_DESCENDING ? pk_view_bound(v, at_least) : -INFINITY;
            ceiling = bound < ceiling ? bound : ceiling;
        }
        if (!collect_prefix(v, p, strict, at_least, ceiling, ahead)) return;
        target = p * v->mass.sum;
        const double ref = (double)v->mass.ref;
        pk_view_adopt(v);
        /* The list's masses are relative to its maximum. The row's may be relative to an earlier
         * maximum, which an edit has changed. */
        if (ref != (double)v->mass.max) target *= exp((ref - (double)v->mass.max) * v->scale);
    } else {
        const mass_source s = pk_view_source(v);
        target = p * pk_mass_sum(&v->mass, &s);
    }
    const int32_t least = (int32_t)min_i64(at_least, v->list.n);
    if (order == ORDER_DESCENDING) drop_tail(v, target, least);
    pk_view_realise_short(v);
    const mass_source of = pk_view_source(v);
    const search s =
        pk_search(&v->mass, &of, &v->list, v->n_vocab, order, v->centre, target, strict);
    if (pk_list_lies(&v->list, order, v->centre))
        keep_walked(v, &s, least);
    else
        keep_found(v, &s, least);
    /* The candidates nearest to a centre need not include the maximum. */
    if (order == ORDER_NEAR)
        view_changed_values(v);
    else
        view_changed_weights(v);
    v->n_counted = max_i64(v->list.n, at_least);
    pk_view_realise_short(v);
}

void pk_view_keep_mass(view *v, double p, int64_t min_keep, const rng_stream *ahead) {
    v->order = ORDER_DESCENDING;
    keep_prefix(v, p, false, min_keep, ahead);
}

void pk_view_keep_near(view *v, double centre, double p, int64_t min_keep) {
    v->order = ORDER_NEAR;
    v->centre = centre;
    keep_prefix(v, p, true, min_keep, NULL);
}

void pk_view_keep_likely(view *v, double nats, const rng_stream *ahead) {
    forget_levels(v);
    const mass_source s = pk_view_source(v);
    if (v->whole && pk_survey_is_possible(v) && !pk_mass_is_summed(&v->mass, &s)) {
        const top t = pk_survey_top(v, INFINITY);
        pk_survey_sum_likely(v, &t, nats, ahead);
    }
    const float low = pk_view_x_likely(v, -nats);
    if (low > pk_view_max(v))
        pk_view_top_k(v, 1);
    else
        pk_view_cut(v, low);
}

/* ---- draws ---- */

int32_t pk_locate(const double *part, int32_t n, double target, double *mass) {
    int32_t last = -1;
    double running = *mass;
    for (int32_t i = 0; i < n; i++) {
        if (part[i] <= 0.0) continue;
        last = i;
        *mass = running;
        running += part[i];
        if (running >= target) break;
    }
    PLUCK_ASSERT(last >= 0);
    return last;
}

/* The group in which the cumulative mass of the group sums reaches target; searches blocks, then
 * groups. */
static int32_t locate_group(view *v, int32_t n_groups, double target, double *mass) {
    const double *sum = v->mass.group_sum;
    const int32_t n_blocks = (n_groups + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
    double *block = pk_lease_doubles(v->scratch, LEASE_SUMS, (size_t)n_blocks);
    for (int32_t b = 0; b < n_blocks; b++) {
        const int32_t end = (b + 1) * BLOCK_GROUPS < n_groups ? (b + 1) * BLOCK_GROUPS : n_groups;
        block[b] = 0.0;
        for (int32_t g = b * BLOCK_GROUPS; g < end; g++) block[b] += sum[g];
    }
    const int32_t first = pk_locate(block, n_blocks, target, mass) * BLOCK_GROUPS;
    pk_lease_return(v->scratch, LEASE_SUMS);
    const int32_t count = n_groups - first < BLOCK_GROUPS ? n_groups - first : BLOCK_GROUPS;
    return first + pk_locate(sum + first, count, target, mass);
}

int32_t pk_locate_in_group(const float *x, const float *e, double target, double running) {
    int32_t last = -1;
    for (int32_t i = 0; i < GROUP; i++) {
        if (!(e[i] > 0.0f && x[i] > -INFINITY)) continue;
        last = i;
        running += (double)e[i];
        if (running >= target) break;
    }
    PLUCK_ASSERT(last >= 0);
    return last;
}

/* The candidate at which the cumulative mass reaches target, in the order in which the candidates
 * are stored. */
static pick draw_as_it_lies(view *v, double target) {
    const mass_source s = pk_view_source(v);
    double before = 0.0;
    float group_x[GROUP], group_e[GROUP];
    const float *x = group_x, *e = group_e;
    int32_t g = 0;
    pk_mass_sum_groups(&v->mass, &s);
    if (pk_mass_is_alone(&v->mass, &s)) {
        x = v->mass.alone_x;
        e = v->mass.alone_e;
    } else {
        g = locate_group(v, s.row->n_groups, target, &before);
        pk_row_group(s.row, g, s.cut, group_x);
        pk_mass_of(&v->mass, &s, group_x, GROUP, group_e);
    }
    const int32_t i = pk_locate_in_group(x, e, target, before), at = g * GROUP + i;
    return (pick){v->whole ? at : v->list.ids[at], x[i], (double)e[i] / v->mass.sum};
}

/* The candidate at a position of the list, or of what was collected to it. */
static pick pick_at(view *v, int32_t at) {
    PLUCK_ASSERT(at >= 0 && at < v->list.n);
    const float x = v->list.x[at];
    return (pick){v->list.ids[at], x, pk_view_probability(v, x)};
}

static pick pick_by_tally(view *v, candidate_order order, double target) {
    const boundary b = pk_tally_find(v, order, target, false);
    return (pick){b.id, b.x, pk_view_probability(v, b.x)};
}

/* The candidate of a row at which the cumulative mass reaches target, in an order other than that
 * of ids. */
static pick draw_from_row(view *v, candidate_order order, level from, double target) {
    const mass_source of = pk_view_source(v);
    /* A list of those nearest to a centre would be long on both sides. */
    const bool near_much = order == ORDER_NEAR && pk_view_is_much(v, pk_view_alive(v));
    if (near_much || pk_tally_holds(v, order) || pk_mass_is_even(&v->mass, &of))
        return pick_by_tally(v, order, target);
    const float ceiling = ceiling_of(v, order);
    const top t = pk_survey_top(v, ceiling);
    if (!top_reaches(&t, target)) {
        place found;
        if (order == ORDER_DESCENDING && pk_survey_find(v, &t, from, target, false, &found))
            return pick_at(v, found.at);
        if (must_be_much(v, target) || !collect_certain(v, order, target, ceiling))
            return pick_by_tally(v, order, target);
    }
    const search s =
        pk_search(&v->mass, &of, &v->list, v->n_vocab, order, v->centre, target, false);
    if (v->list.n > SHORT_LIST) return pick_at(v, pk_find_prefix(&s, v->list.n).at);
    (void)pk_list_sort(&v->list, v->scratch, order, v->centre, NULL); /* it is short */
    return pick_at(v, pk_walk(&s, NULL, v->list.n, 0.0).at);
}

pick pk_view_draw(view *v, pluck_rng_kind rng, double u) {
    const level from = v->draw_level;
    forget_levels(v); /* a later draw may be from other logits */
    if (!v->whole && v->list.n == 1) return (pick){v->list.ids[0], v->list.x[0], 1.0};
    const mass_source of = pk_view_source(v);
    PLUCK_ASSERT(u >= 0.0 && u < 1.0);
    const double target = u * pk_mass_sum(&v->mass, &of);
    const candidate_order lies = v->whole ? ORDER_ID : v->list.lies;
    candidate_order order = v->order == ORDER_AS_IT_LIES ? lies : v->order;
    if (rng == PLUCK_RNG_PHILOX) order = ORDER_ID;
    if (order == lies) return draw_as_it_lies(v, target);
    if (v->whole) return draw_from_row(v, order, from, target);
    const search s =
        pk_search(&v->mass, &of, &v->list, v->n_vocab, order, v->centre, target, false);
    return pick_at(v, pk_find_prefix(&s, v->list.n).at);
}

/* ---- adaptive weights ---- */

pluck_status pk_view_fix_order(view *v) {
    const candidate_order lies = v->whole ? ORDER_ID : v->list.lies;
    if (v->order == ORDER_AS_IT_LIES || v->order == lies) return PLUCK_OK;
    return pk_view_materialise(v);
}

adapt_params pk_view_adapt_params(view *v, double target, float width, float sharpness) {
    const mass_source s = pk_view_source(v);
    pk_mass_sum_groups(&v->mass, &s);
    return (adapt_params){
        .e = pk_mass_exp(&v->mass, &s),
        .inv_sum = (float)(1.0 / v->mass.sum),
        .target = (float)target,
        .inv_width = 1.0f / width,
        .sharpness = sharpness,
    };
}

void pk_view_adapt(view *v, const adapt_params *params, float peak) {
    PLUCK_ASSERT(!v->adapted && v->mass.sum_stamp == v->weights && v->mass.grouped);
    const mass_source before = pk_view_source(v);
    v->adapted = true;
    v->adapt = *params;
    v->adapt_peak = peak;
    view_changed_weights(v);
    const mass_source after = pk_view_source(v);
    pk_mass_sum_adapted(&v->mass, &after, &before, pk_view_alive(v), &v->list);
}
