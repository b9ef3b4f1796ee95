/* view.c: the states, numbers and cuts of a view. See view.h. */
#include "arithmetic.h"

#include "view_impl.h"

#include <float.h>

/* ---- the list that a row is collected into ---- */

row_cut pk_view_deeper(const view *v, float low) {
    return low > v->cut.x ? cut_at(low) : v->cut;
}

/* Sets what was collected from the row, none of it below `low`. */
static void set_collected(view *v, int32_t n, float low) {
    pk_list_set(&v->list, n, ORDER_ID);
    v->list.least = low > v->row.least ? low : v->row.least;
}

int32_t pk_view_collect(view *v, float low, float high) {
    PLUCK_ASSERT(v->whole && v->mass.max_stamp == v->values);
    const int32_t n = pk_row_collect(&v->row, v->mass.group_max, pk_view_deeper(v, low), high,
                                     v->list.ids, v->list.x);
    set_collected(v, n, pk_view_deeper(v, low).x);
    return n;
}

int32_t pk_view_collect_two(view *v, float low, float high, float from, float to) {
    PLUCK_ASSERT(high <= from);
    int32_t n = pk_view_collect(v, low, high);
    n += pk_row_collect(&v->row, v->mass.group_max, pk_view_deeper(v, from), to, v->list.ids + n,
                        v->list.x + n);
    pk_list_set(&v->list, n, ORDER_AS_IT_LIES);
    return n;
}

int64_t pk_view_collect_few(view *v, float low, int64_t most) {
    PLUCK_ASSERT(v->whole && v->mass.max_stamp == v->values);
    if (v->n <= most) return pk_view_collect(v, low, NAN);
    const row_cut c = pk_view_deeper(v, low);
    const int64_t n = cut_is_open(c) ? v->n
                                     : pk_row_collect_few(&v->row, v->mass.group_max, c,
                                                          (int32_t)most, v->list.ids, v->list.x);
    set_collected(v, n <= most ? (int32_t)n : 0, c.x);
    return n;
}

void pk_view_adopt(view *v) {
    PLUCK_ASSERT(v->whole && !v->uncounted);
    pk_view_drop_index(v);
    v->whole = false;
    v->cut = cut_at(-INFINITY);
    view_changed_weights(v);
}

/* Notes a cut beside the row; n candidates are at or above it. */
static void note_cut(view *v, row_cut c, int64_t n) {
    v->cut = c;
    v->n = (int32_t)n;
    v->uncounted = false;
    view_changed_weights(v);
}

/* Makes the row's candidates at or above `low` a list. */
static void collect_all(view *v, float low) {
    const int32_t n = pk_view_collect(v, low, NAN);
    if (v->uncounted) v->n_counted = n;
    v->uncounted = false;
    pk_view_adopt(v);
}

/* Keeps x >= low: as a cut if that is much of the row, else as a list. The caller sets n_counted,
 * unless it is not known yet. */
static void keep(view *v, float low) {
    PLUCK_ASSERT(v->mass.max_stamp == v->values && !isnan(low));
    if (!v->whole) {
        pk_list_keep_above(&v->list, low);
        view_changed_weights(v);
        PLUCK_ASSERT(v->list.n > 0);
        return;
    }
    const int64_t n = pk_view_collect_few(v, low, view_most_listed(v));
    PLUCK_ASSERT(n > 0);
    if (v->uncounted) v->n_counted = n;
    v->uncounted = false;
    if (pk_view_is_much(v, n))
        note_cut(v, pk_view_deeper(v, low), n);
    else
        pk_view_adopt(v);
}

/* ---- state ---- */

mass_source pk_view_source(view *v) {
    if (!v->whole) pk_row_resize_values(&v->list_row, v->list.n);
    return (mass_source){
        .row = v->whole ? &v->row : &v->list_row,
        .whole = v->whole,
        .cut = v->whole ? v->cut : cut_at(-INFINITY),
        .scale = v->scale,
        .adapt = v->adapted ? &v->adapt : NULL,
        .values = v->values,
        .weights = v->weights,
    };
}

/* Makes a view with +inf the list of its tokens at +inf, as equals with x = 0. */
static void collapse(view *v) {
    if (v->whole)
        collect_all(v, INFINITY);
    else
        pk_list_keep_above(&v->list, INFINITY);
    for (int32_t i = 0; i < v->list.n; i++) v->list.x[i] = 0.0f;
    v->list.least = 0.0f;
    v->infinite = true;
    view_changed_values(v);
    pk_mass_set_max(&v->mass, v->values, 0.0f);
}

/* Finds the maxima; `sums`: also the sum, if that costs no other reading of the row. */
static pluck_status scan(view *v, bool sums) {
    if (v->mass.max_stamp == v->values) return PLUCK_OK;
    PLUCK_ASSERT(!v->whole || cut_is_open(v->cut));
    if (v->whole) {
        const mass_source s = pk_view_source(v);
        const bool sound = sums ? pk_mass_scan_sum(&v->mass, &s, &v->row, &v->n)
                                : pk_mass_scan(&v->mass, &v->row, v->values, &v->n);
        if (!sound) return PLUCK_ERR_NAN;
        if (v->n == 0) {
            v->mass.max_stamp = 0;
            return PLUCK_ERR_EMPTY;
        }
    } else {
        if (v->list.n == 0) return PLUCK_ERR_EMPTY;
        pk_mass_set_max(&v->mass, v->values, pk_list_max(&v->list));
    }
    if (v->mass.max == INFINITY) collapse(v);
    return PLUCK_OK;
}

pluck_status pk_view_scan(view *v) {
    return scan(v, false);
}

pluck_status pk_view_materialise(view *v) {
    TRY(pk_view_scan(v));
    if (v->whole) collect_all(v, -INFINITY);
    pk_view_realise(v);
    if (!v->adapted) return PLUCK_OK;
    v->kernels->array.adapt(v->list.x, (size_t)v->list.n, &v->adapt, v->adapt_peak, v->list.x);
    v->adapted = v->infinite = false;
    v->scale = 1.0;
    /* The candidates keep their places, but their logits no longer descend. */
    if (v->order != ORDER_ID) v->order = ORDER_AS_IT_LIES;
    pk_list_set(&v->list, v->list.n, v->order);
    view_changed_values(v);
    return pk_view_scan(v);
}

/* Applies a cut that the next stage does not take: as a mask if much of the row is left, else as a
 * list. */
static pluck_status make_cut_real(view *v) {
    const int64_t counted = pk_view_counted(v);
    if (!pk_view_is_much(v, v->n)) return pk_view_materialise(v);
    const row_band band = row_band_of(v->cut);
    const float low = v->cut.x;
    pk_view_bake(v, &band);
    if (low > v->row.least) v->row.least = low;
    v->n_counted = counted;
    return PLUCK_OK;
}

pluck_status pk_view_prepare(view *v, view_state state, bool takes_cut) {
    if (v->adapted) TRY(pk_view_materialise(v));
    if (state >= VIEW_SCANNED) {
        TRY(scan(v, state == VIEW_SUMMED));
        pk_view_mask_out_of_range(v);
    }
    if (v->whole && !cut_is_open(v->cut) && !takes_cut) TRY(make_cut_real(v));
    if (state >= VIEW_LIST) TRY(pk_view_materialise(v));
    PLUCK_ASSERT(!v->adapted && (takes_cut || cut_is_open(v->cut)));
    PLUCK_ASSERT(state < VIEW_LIST || !v->whole);
    return PLUCK_OK;
}

int32_t pk_view_vocab(const view *v) {
    return v->index ? v->tokens : v->n_vocab;
}

bool pk_view_is_list(const view *v) {
    return !v->whole;
}

double pk_view_scale(const view *v) {
    return v->scale;
}

bool pk_view_is_infinite(const view *v) {
    return v->infinite;
}

float pk_view_max(view *v) {
    PLUCK_ASSERT(v->mass.max_stamp == v->values);
    return v->mass.max;
}

/* ---- numbers ---- */

void pk_view_count(view *v) {
    if (!v->uncounted) return;
    PLUCK_ASSERT(v->whole && v->mass.max_stamp == v->values);
    const int64_t n = pk_row_count_above(&v->row, v->mass.group_max, v->cut);
    v->n = (int32_t)n;
    v->n_counted = n;
    v->uncounted = false;
}

int64_t pk_view_counted(view *v) {
    pk_view_count(v);
    return v->n_counted;
}

int32_t pk_view_alive(view *v) {
    PLUCK_ASSERT(!v->whole || v->mass.max_stamp == v->values);
    pk_view_count(v);
    return v->whole ? v->n : v->list.n;
}

int32_t pk_view_most(view *v) {
    if (!v->whole) return v->list.n;
    return v->mass.max_stamp == v->values ? pk_view_alive(v) : v->n_vocab;
}

double pk_view_log_sum(view *v) {
    const mass_source s = pk_view_source(v);
    const double sum = pk_mass_sum(&v->mass, &s);
    return log(sum) + (double)v->mass.ref * v->scale;
}

double pk_view_probability(view *v, float x) {
    const mass_source s = pk_view_source(v);
    const double sum = pk_mass_sum(&v->mass, &s);
    float e;
    pk_mass_of(&v->mass, &s, &x, 1, &e);
    return (double)e / sum;
}

double pk_view_log_probability(view *v, float x) {
    const mass_source s = pk_view_source(v);
    const double sum = pk_mass_sum(&v->mass, &s);
    return ((double)x - (double)v->mass.ref) * v->scale - log(sum);
}

double pk_view_entropy(view *v) {
    const mass_source s = pk_view_source(v);
    return pk_mass_entropy(&v->mass, &s);
}

double pk_view_collision(view *v) {
    const mass_source s = pk_view_source(v);
    return pk_mass_squares(&v->mass, &s);
}

double pk_view_mean(view *v) {
    const mass_source s = pk_view_source(v);
    const double mean = pk_mass_mean(&v->mass, &s);
    return (double)v->mass.ref + mean;
}

bool pk_view_is_single(view *v) {
    const mass_source s = pk_view_source(v);
    const double sum = pk_mass_sum(&v->mass, &s);
    /* If the sum is well above the maximum's mass there are several, and counting is not needed. */
    const double top = exp(fmax(((double)v->mass.max - (double)v->mass.ref) * v->scale, -700.0));
    if (v->uncounted && sum > 1.5 * top) return false;
    return pk_view_counted(v) == 1;
}

float pk_view_x_at(view *v, float ref, double nats) {
    /* Checked first, because nats would be lost if added to a huge ref. */
    const float max = pk_view_max(v);
    if (((double)max - (double)ref) * v->scale < nats) return INFINITY;
    const double exact = clamp((double)ref + nats / v->scale, -(double)FLT_MAX, (double)max);
    const float x = (float)exact;
    return (double)x < exact ? nextafterf(x, INFINITY) : x;
}

float pk_view_x_below_max(view *v, double nats) {
    return pk_view_x_at(v, pk_view_max(v), nats);
}

float pk_view_x_likely(view *v, double log_p) {
    const mass_source s = pk_view_source(v);
    const double sum = pk_mass_sum(&v->mass, &s);
    return pk_view_x_at(v, v->mass.ref, log(sum) + log_p);
}

int64_t pk_view_count_above(view *v, float low) {
    PLUCK_ASSERT(v->mass.max_stamp == v->values && !v->adapted);
    if (!v->whole) return pk_list_count(&v->list, low);
    return pk_row_count_above(&v->row, v->mass.group_max, pk_view_deeper(v, low));
}

/* ---- cutting ---- */

void pk_view_keep_above(view *v, float low) {
    keep(v, low);
    v->n_counted = pk_view_alive(v);
}

void pk_view_mask_below(view *v, float low) {
    keep(v, low);
}

void pk_view_keep_above_or_first(view *v, float low, int64_t least) {
    if (least > 1 && pk_view_count_above(v, low) < least)
        pk_view_top_k(v, least);
    else
        pk_view_keep_above(v, low);
}

/* The mass of x >= low; if a level is known, from the mass between the two. */
static double mass_from_level(view *v, const mass_source *s, float low) {
    const level l = v->cut_level;
    if (isnan(l.x)) return pk_mass_above(&v->mass, s, cut_at(low));
    const bool below = low < l.x;
    const int32_t n = pk_view_collect(v, below ? low : l.x, below ? l.x : low);
    const double between = pk_mass_of_values(&v->mass, s, v->list.x, n);
    if (below) return l.mass + between;
    /* A small difference would be mostly rounding error. */
    return between < 0.5 * l.mass ? l.mass - between : pk_mass_above(&v->mass, s, cut_at(low));
}

void pk_view_cut(view *v, float low) {
    PLUCK_ASSERT(low <= pk_view_max(v));
    if (!v->whole) {
        pk_view_keep_above(v, low);
        return;
    }
    PLUCK_ASSERT(cut_is_open(v->cut));
    const mass_source s = pk_view_source(v);
    double sum = pk_mass_sum(&v->mass, &s);
    /* A bound of the mass that is cut off, which often is negligible. */
    const double nats = ((double)low - (double)v->mass.ref) * v->scale;
    const double lost = nats < -700.0 ? 0.0 : (double)v->n * exp(nats);
    if (lost > 1e-8 * sum) sum = mass_from_level(v, &s, low);
    v->cut = cut_at(low);
    v->uncounted = true;
    view_changed_weights(v);
    const mass_source after = pk_view_source(v);
    pk_mass_set_sum(&v->mass, &after, sum);
}

void pk_view_bake(view *v, const row_band *band) {
    PLUCK_ASSERT(v->whole && v->mass.max_stamp == v->values);
    v->n = (int32_t)pk_row_keep(&v->row, band);
    PLUCK_ASSERT(v->n > 0);
    v->uncounted = false;
    v->cut = cut_at(-INFINITY);
    view_changed_values(v);
    int32_t n;
    const bool sound = pk_mass_scan(&v->mass, &v->row, v->values, &n);
    PLUCK_ASSERT(sound && n == v->n);
    (void)sound;
}

void pk_view_keep_maximum(view *v) {
    PLUCK_ASSERT(!v->adapted);
    pk_view_count(v); /* the masked ones are still counted */
    const pick best = pk_view_argmax(v);
    v->list.n = 0;
    if (v->whole) pk_view_adopt(v);
    v->list.ids[0] = best.token;
    v->list.x[0] = best.x;
    pk_list_set(&v->list, 1, v->order == ORDER_NEAR ? ORDER_AS_IT_LIES : v->order);
    v->order = v->list.lies;
    view_changed_weights(v);
}

void pk_view_divide(view *v, double t) {
    PLUCK_ASSERT(t > 0.0 && !v->adapted);
    /* Beyond these ends a further change makes no difference. */
    v->scale = clamp(v->scale / t, 1e-30, 1e30);
    view_changed_weights(v);
}
