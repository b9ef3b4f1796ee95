/* view_edit.c: edits of single candidates, and lists that a stage writes. See view.h. */
#include "arithmetic.h"

#include "view_impl.h"

#include <float.h>

/* ---- in the row ---- */

bool pk_view_edits_row(const view *v) {
    return v->whole && v->order == ORDER_ID && !v->index;
}

/* So many edits are made at once: their logits are gathered first, and written back. */
enum { AT_ONCE = 64 };

/* Whether a logit is at -inf as a float. No edit changes it, and the next stage will find it masked. */
static bool is_below(double logit) {
    return logit <= -FLOAT_END;
}

/* Whether any of n logits is below float's range. */
static bool is_any_below(const double *logit, int32_t n) {
    bool any = false;
    for (int32_t i = 0; i < n; i++) any |= is_below(logit[i]);
    return any;
}

/* Applies fn to n <= AT_ONCE logits. */
static void apply_to(edit_fn fn, const void *ctx, int32_t k, int32_t n, double scale,
                     double *logit) {
    double before[AT_ONCE];
    const bool any_below = scale > 1.0 && is_any_below(logit, n);
    if (any_below) memcpy(before, logit, (size_t)n * sizeof *logit);
    fn(ctx, k, n, logit);
    for (int32_t i = 0; any_below && i < n; i++)
        if (is_below(before[i])) logit[i] = before[i];
}

/* Where the row's value of a place can be changed. */
static float *value_at(view *v, int32_t place) {
    PLUCK_ASSERT(place >= 0 && place < v->n_vocab);
    return v->row.flat ? v->row.memory.patches + place
                       : pk_row_patch(&v->row, place / GROUP) + place % GROUP;
}

/* Makes n <= AT_ONCE edits, from the k-th on, of these values; returns how many became -inf. */
static int32_t edit_values(const view *v, float *const *at, int32_t k, int32_t n, edit_fn fn,
                           const void *ctx) {
    double logit[AT_ONCE];
    for (int32_t i = 0; i < n; i++) logit[i] = (double)*at[i] * v->scale;
    apply_to(fn, ctx, k, n, v->scale, logit);
    int32_t lost = 0;
    for (int32_t i = 0; i < n; i++) {
        const float before = *at[i], after = (float)(logit[i] / v->scale);
        /* A NaN is left for the scan to report. */
        const bool alive = before > -INFINITY;
        *at[i] = alive ? after : before;
        lost += alive & (after == -INFINITY);
    }
    return lost;
}

/* Edits n <= AT_ONCE tokens; returns how many became -inf. */
static int32_t edit_some(view *v, const int32_t *ids, int32_t k, int32_t n, edit_fn fn,
                         const void *ctx) {
    float *at[AT_ONCE];
    for (int32_t i = 0; i < n; i++) at[i] = value_at(v, ids[k + i] - v->first);
    return edit_values(v, at, k, n, fn, ctx);
}

/* The first place of an index, from `from` on, whose token is at least `id`. Looks first where it would
 * be if the tokens were spread evenly. */
static int32_t seek(const view *v, int32_t from, int32_t id) {
    const int32_t *ids = v->index, n = v->n_vocab;
    if (id <= ids[from]) return from;
    const double per_token = (double)(n - from) / (double)(v->tokens - ids[from]);
    const int32_t guess = from + (int32_t)((double)(id - ids[from]) * per_token);
    int32_t begin = guess < n ? guess : n - 1, end = begin + 1, step = 1;
    if (ids[begin] < id) {
        for (; end < n && ids[end] < id; step *= 2) {
            begin = end;
            end = step < n - end ? end + step : n;
        }
    } else {
        for (; begin > from && ids[begin] >= id; step *= 2) {
            end = begin + 1;
            begin = step < begin - from ? begin - step : from;
        }
    }
    if (end < n) end++;
    return begin + first_from(ids + begin, end - begin, id);
}

/* Edits those of n tokens that an index which ascends has. */
static void edit_indexed(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx) {
    int32_t place = 0;
    float *at[AT_ONCE] = {0};
    pk_row_expect_edits(&v->row, n);
    for (int32_t k = 0; k < n && place < v->n_vocab;) {
        int32_t count = 0; /* one after the other that are there */
        for (; k + count < n && count < AT_ONCE; count++) {
            PLUCK_ASSERT(k + count == 0 || ids[k + count] > ids[k + count - 1]);
            if (place < v->n_vocab) place = seek(v, place, ids[k + count]);
            if (place == v->n_vocab || v->index[place] != ids[k + count]) break;
            at[count] = value_at(v, place);
        }
        if (count > 0) (void)edit_values(v, at, k, count, fn, ctx);
        k += count < AT_ONCE ? count + 1 : count; /* without the one that is not */
    }
    view_changed_values(v);
}

/* After a scanned row was edited and its groups were refreshed: `lost` candidates became -inf. */
static void row_was_edited(view *v, const mass_source *before, int32_t lost) {
    v->n -= lost;
    PLUCK_ASSERT(v->n >= 0);
    pk_mass_refreshed(&v->mass, before, v->values, v->weights);
    /* The next scan handles that. */
    if (v->n == 0 || v->mass.max == INFINITY) view_changed_values(v);
}

static void edit_row(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx) {
    PLUCK_ASSERT(cut_is_open(v->cut) && !v->adapted && !v->infinite);
    const bool scanned = v->mass.max_stamp == v->values;
    if (!scanned) {
        pk_row_expect_edits(&v->row, n);
        if (!v->row.flat) pk_row_prefetch(&v->row, ids, n);
    }
    const mass_source before = pk_view_source(v);
    int32_t lost = 0;
    for (int32_t k = 0; k < n; k += AT_ONCE) {
        const int32_t count = n - k < AT_ONCE ? n - k : AT_ONCE;
        lost += edit_some(v, ids, k, count, fn, ctx);
        for (int32_t i = k; scanned && i < k + count; i++) {
            const int32_t g = ids[i] / GROUP;
            const bool last = i + 1 == n || ids[i + 1] / GROUP != g;
            if (!last) continue;
            pk_mass_refresh(&v->mass, &before, g);
            const float least = pk_row_group_min(&v->row, g);
            if (least < v->row.least) v->row.least = least;
        }
    }
    view_changed_values(v);
    if (scanned) row_was_edited(v, &before, lost);
}

static bool is_in_slice(const view *v, int32_t id) {
    return id >= v->first && id - v->first < v->n_vocab;
}

/* Makes those edits that are of tokens of the slice. */
static void edit_slice(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx) {
    PLUCK_ASSERT(v->mass.max_stamp != v->values && cut_is_open(v->cut));
    int32_t inside = 0;
    for (int32_t k = 0; k < n; k++) inside += is_in_slice(v, ids[k]);
    if (inside == 0) return;
    pk_row_expect_edits(&v->row, inside);
    for (int32_t k = 0, count; k<n; k += count> 0 ? count : 1) {
        for (count = 0; k + count < n && count < AT_ONCE && is_in_slice(v, ids[k + count]);)
            count++;
        if (count > 0) (void)edit_some(v, ids, k, count, fn, ctx);
    }
    view_changed_values(v);
}

/* fn of pk_view_edit_all for the places of a slice. */
typedef struct slice_edit {
    edit_all_fn fn;
    const void *ctx;
    int32_t first;
} slice_edit;

static void edit_places(const void *ctx, int32_t first, int32_t n, float *x) {
    const slice_edit *e = ctx;
    e->fn(e->ctx, e->first + first, n, x);
}

bool pk_view_edit_all(view *v, edit_all_fn fn, const void *ctx) {
    if (!pk_view_edits_row(v) || v->scale != 1.0) return false;
    PLUCK_ASSERT(cut_is_open(v->cut) && !v->adapted && !v->infinite);
    const slice_edit e = {fn, ctx, v->first};
    pk_row_rewrite(&v->row, edit_places, &e, v->list.x);
    view_changed_values(v);
    return true;
}

bool pk_view_add(view *v, const float *added) {
    if (!pk_view_edits_row(v) || v->scale != 1.0 || !pk_row_can_add(&v->row)) return false;
    PLUCK_ASSERT(cut_is_open(v->cut) && !v->adapted);
    pk_row_add(&v->row, added + v->first);
    view_changed_values(v);
    return true;
}

/* ---- both ---- */

/* If the order depends on the values, the list is sorted before the values change. */
static pluck_status lay_down(view *v) {
    const bool laid_down = v->whole ? v->order == ORDER_ID
                                    : pk_list_lies(&v->list, v->order, v->centre) ||
                                          v->order == ORDER_AS_IT_LIES || v->order == ORDER_ID;
    return laid_down ? PLUCK_OK : pk_view_materialise(v);
}

pluck_status pk_view_edit(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx) {
    PLUCK_ASSERT(n >= 0 && !v->adapted);
    if (n == 0) return PLUCK_OK;
    if (v->slice) {
        edit_slice(v, ids, n, fn, ctx);
        return PLUCK_OK;
    }
    TRY(lay_down(v));
    if (v->whole && v->index && v->index_ascends)
        edit_indexed(v, ids, n, fn, ctx);
    else if (v->whole && !v->index)
        edit_row(v, ids, n, fn, ctx);
    else
        pk_view_edit_listed(v, ids, n, fn, ctx);
    return PLUCK_OK;
}

pluck_status pk_view_add_each(view *v, const float *added, edit_of_fn of, edit_fn fn) {
    PLUCK_ASSERT(!pk_view_edits_row(v) && !v->adapted);
    if (v->scale != 1.0 || v->infinite) return pk_view_edit_each(v, of, fn, added);
    TRY(lay_down(v));
    pk_view_add_listed(v, added);
    return PLUCK_OK;
}

pluck_status pk_view_edit_each(view *v, edit_of_fn of, edit_fn fn, const void *ctx) {
    PLUCK_ASSERT(!pk_view_edits_row(v) && !v->adapted);
    TRY(lay_down(v));
    pk_view_edit_asking(v, of, fn, ctx);
    return PLUCK_OK;
}

/* ---- a cubic ---- */

/* Whether a list that lies by value still does by id where values have become equal. */
static bool ties_ascend(const list *l) {
    for (int32_t i = 1; i < l->n; i++)
        if (l->x[i] == l->x[i - 1] && l->ids[i] < l->ids[i - 1]) return false;
    return true;
}

pluck_status pk_view_bend(view *v, double square, double cube) {
    PLUCK_ASSERT(!v->adapted && cut_is_open(v->cut) && v->mass.max_stamp == v->values);
    if (v->infinite) return PLUCK_OK; /* equals stay where they are */
    const bool keeps_order = square >= 0.0 && cube >= 0.0;
    /* The order that values gave has to be laid down before they change. */
    const bool lost = v->order == ORDER_NEAR || (v->order == ORDER_DESCENDING && !keeps_order);
    if (lost) TRY(pk_view_materialise(v));
    list *l = &v->list;
    const float max = pk_view_max(v);
    const bend_params p = {
        .ref = max,
        .scale = (float)v->scale,
        .square = (float)square,
        .cube = (float)cube,
        .top = (float)clamp((double)max * v->scale, -(double)FLT_MAX, (double)FLT_MAX)};
    if (v->whole) {
        pk_row_bend(&v->row, &p, l->x);
    } else {
        v->kernels->array.bend(l->x, (size_t)l->n, &p, l->x);
        l->least = -FLT_MAX;
        if (l->lies == ORDER_NEAR ||
            (l->lies == ORDER_DESCENDING && !(keeps_order && ties_ascend(l))))
            l->lies = ORDER_AS_IT_LIES;
    }
    if (lost) v->order = l->lies;
    v->scale = 1.0;
    view_changed_values(v);
    if (!keeps_order) return pk_view_scan(v);
    if (v->whole)
        pk_mass_bend(&v->mass, &v->row, &p, v->values);
    else
        pk_mass_set_max(&v->mass, v->values, p.top);
    pk_view_realise_short(v);
    return PLUCK_OK;
}

/* ---- dropping the top ---- */

static int32_t id_of(const list *l, const int32_t *index, int32_t i) {
    return index ? index[l->ids[i]] : l->ids[i];
}

/* The last in descending order of the list's x >= low: the lowest x, and its highest id. `index`: of
 * the view that it was collected from. */
static int32_t last_above(const list *l, const int32_t *index, float low) {
    int32_t last = -1;
    for (int32_t i = 0; i < l->n; i++) {
        if (l->x[i] < low) continue;
        if (last < 0 || l->x[i] < l->x[last] ||
            (l->x[i] == l->x[last] && id_of(l, index, i) > id_of(l, index, last)))
            last = i;
    }
    PLUCK_ASSERT(last >= 0);
    return last;
}

int32_t pk_view_last_above(view *v, float low) {
    if (v->whole) pk_view_collect(v, low, NAN);
    return pk_view_id(v, v->list.ids[last_above(&v->list, v->index, low)]);
}

/* Drops all x >= low but the last from a list. */
static void drop_from_list(view *v, float low) {
    list *l = &v->list;
    const int32_t last = last_above(l, NULL, low);
    int32_t n = 0;
    for (int32_t i = 0; i < l->n; i++) {
        if (l->x[i] >= low && i != last) continue;
        l->ids[n] = l->ids[i];
        l->x[n++] = l->x[i];
    }
    v->n_counted -= l->n - n;
    pk_list_truncate(l, n);
    view_changed_values(v);
}

/* The same in a row. */
static void drop_from_row(view *v, float low) {
    PLUCK_ASSERT(cut_is_open(v->cut) && !v->adapted);
    const int32_t n = pk_view_collect(v, low, NAN);
    const int32_t *ids = v->list.ids, last = last_above(&v->list, v->index, low);
    const mass_source before = pk_view_source(v);
    for (int32_t i = 0; i < n;) {
        const int32_t g = ids[i] / GROUP;
        float *x = pk_row_patch(&v->row, g);
        for (; i < n && ids[i] / GROUP == g; i++)
            if (i != last) x[ids[i] % GROUP] = -INFINITY;
        pk_mass_refresh(&v->mass, &before, g);
    }
    v->n_counted -= n - 1;
    view_changed_values(v);
    row_was_edited(v, &before, n - 1);
}

void pk_view_drop_top(view *v, float low) {
    if (v->whole)
        drop_from_row(v, low);
    else
        drop_from_list(v, low);
}

pluck_status pk_view_keep_last(view *v) {
    if (pk_view_counted(v) > pk_view_alive(v)) return PLUCK_ERR_EMPTY;
    TRY(pk_view_materialise(v));
    list *l = &v->list;
    PLUCK_ASSERT(l->n > 0);
    l->ids[0] = l->ids[l->n - 1];
    l->x[0] = l->x[l->n - 1];
    return pk_view_rewritten(v, 1,
                             v->order == ORDER_DESCENDING ? ORDER_DESCENDING : ORDER_AS_IT_LIES, 1);
}

/* ---- lists that a stage writes ---- */

list *pk_view_open_list(view *v) {
    PLUCK_ASSERT(!v->whole && !v->adapted);
    v->list.least = -FLT_MAX;
    view_changed_values(v);
    return &v->list;
}

void pk_view_to_logits(view *v) {
    PLUCK_ASSERT(!v->whole && !v->adapted);
    list *l = &v->list;
    if (v->infinite)
        for (int32_t i = 0; i < l->n; i++) l->x[i] = INFINITY;
    else if (v->scale != 1.0)
        for (int32_t i = 0; i < l->n; i++) l->x[i] = (float)((double)l->x[i] * v->scale);
    v->infinite = false;
    v->scale = 1.0;
    l->least = -FLT_MAX;
    view_changed_values(v);
}

const list *pk_view_list(const view *v) {
    PLUCK_ASSERT(!v->whole && !v->adapted);
    return &v->list;
}

float *pk_view_lease_probabilities(view *v) {
    PLUCK_ASSERT(!v->whole && !v->adapted);
    const mass_source s = pk_view_source(v);
    const double sum = pk_mass_sum(&v->mass, &s);
    float *p = pk_lease_floats(v->scratch, LEASE_PROBABILITIES, (size_t)v->list.n);
    pk_mass_of(&v->mass, &s, v->list.x, (size_t)v->list.n, p);
    for (int32_t i = 0; i < v->list.n; i++) p[i] = (float)((double)p[i] / sum);
    return p;
}

void pk_view_return_probabilities(view *v) {
    pk_lease_return(v->scratch, LEASE_PROBABILITIES);
}

pluck_status pk_view_rewritten(view *v, int32_t n, candidate_order order, int64_t n_counted) {
    list *l = &v->list;
    PLUCK_ASSERT(!v->whole && !v->adapted && n >= 0 && n <= l->room);
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        PLUCK_ASSERT(!isnan(l->x[i]) && l->ids[i] >= 0 && l->ids[i] < v->n_vocab);
        l->ids[kept] = l->ids[i];
        l->x[kept] = l->x[i];
        kept += l->x[i] > -INFINITY;
    }
    pk_list_set(l, kept, order);
    v->order = order;
    v->n_counted = n_counted;
    view_changed_values(v);
    return pk_view_scan(v);
}
