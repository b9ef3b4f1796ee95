/* view_edit.c: edits of single candidates, and lists that a stage writes. See view.h. */
#include "arithmetic.h"

#include "view_impl.h"

/* x after an edit; -inf if the edit masks the token. */
static float edited(const view *v, edit_fn fn, const void *ctx, int32_t k, float x) {
    const double logit = v->infinite ? INFINITY : (double)x * v->scale;
    const double after = fn(ctx, k, logit);
    if (v->infinite) return after == -INFINITY ? -INFINITY : 0.0f;
    return (float)(after / v->scale);
}

/* ---- in the row ---- */

bool pk_view_edits_row(const view *v) {
    return v->whole && v->order == ORDER_ID;
}

/* Makes the edits in one group, starting with the k-th id; returns the index of the first id after
 * them. */
static int32_t edit_group(view *v, const int32_t *ids, int32_t n, int32_t k, edit_fn fn,
                          const void *ctx, int32_t *n_lost) {
    const int32_t g = ids[k] / GROUP;
    float *patch = pk_row_patch(&v->row, g);
    for (; k < n && ids[k] / GROUP == g; k++) {
        float *x = &patch[ids[k] % GROUP];
        /* A NaN is left for the scan to report. */
        if (*x == -INFINITY || isnan(*x)) continue;
        *x = edited(v, fn, ctx, k, *x);
        *n_lost += *x == -INFINITY;
    }
    return k;
}

static void edit_row(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx,
                     bool drop) {
    PLUCK_ASSERT(cut_is_open(v->cut) && !v->adapted);
    const bool scanned = v->mass.max_stamp == v->values;
    if (!scanned) {
        pk_row_expect_edits(&v->row, n);
        pk_row_prefetch(&v->row, ids, n);
    }
    const mass_source before = pk_view_source(v);
    int32_t lost = 0;
    for (int32_t k = 0; k < n;) {
        PLUCK_ASSERT(ids[k] >= 0 && ids[k] < v->n_vocab);
        const int32_t g = ids[k] / GROUP;
        k = edit_group(v, ids, n, k, fn, ctx, &lost);
        if (scanned) pk_mass_refresh(&v->mass, &before, g);
    }
    if (drop) v->n_counted -= lost;
    view_changed_values(v);
    if (!scanned) return;
    v->n -= lost;
    PLUCK_ASSERT(v->n >= 0);
    pk_mass_refreshed(&v->mass, &before, v->values, v->weights);
    /* The next scan handles that. */
    if (v->n == 0 || v->mass.max == INFINITY) view_changed_values(v);
}

/* ---- in a list ---- */

/* The position of an id among ids that ascend; -1 if it is not there. */
static int32_t find_id(const int32_t *ids, int32_t n, int32_t id) {
    int32_t low = 0, high = n;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && ids[low] == id ? low : -1;
}

static void edit_list(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx) {
    list *l = &v->list;
    /* The set of the ids modulo 4096. It shows for most candidates that no search is needed. */
    uint64_t residues[64] = {0};
    for (int32_t k = 0; k < n; k++) {
        PLUCK_ASSERT(k == 0 || ids[k] > ids[k - 1]);
        residues[ids[k] / 64 % 64] |= (uint64_t)1 << (ids[k] % 64);
    }
    int32_t kept = 0, hits = 0;
    for (int32_t i = 0; i < l->n; i++) {
        const int32_t id = l->ids[i];
        float x = l->x[i];
        if (residues[id / 64 % 64] >> (id % 64) & 1) {
            const int32_t k = find_id(ids, n, id);
            if (k >= 0) {
                hits++;
                x = edited(v, fn, ctx, k, x);
                if (x == -INFINITY) continue;
            }
        }
        l->ids[kept] = id;
        l->x[kept++] = x;
    }
    if (hits == 0) return;
    pk_list_truncate(l, kept);
    view_changed_values(v);
    l->lies = l->lies == ORDER_ID ? ORDER_ID : ORDER_AS_IT_LIES;
    v->order = l->lies;
}

pluck_status pk_view_edit(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx) {
    PLUCK_ASSERT(n >= 0 && !v->adapted);
    if (n == 0) return PLUCK_OK;
    /* If the order depends on the values, the list is sorted before the values change. */
    const bool laid_down = v->whole ? v->order == ORDER_ID
                                    : pk_list_lies(&v->list, v->order, v->centre) ||
                                          v->order == ORDER_AS_IT_LIES || v->order == ORDER_ID;
    if (!laid_down) TRY(pk_view_materialise(v));
    if (v->whole)
        edit_row(v, ids, n, fn, ctx, false);
    else
        edit_list(v, ids, n, fn, ctx);
    return PLUCK_OK;
}

/* ---- dropping the top ---- */

static double leave(const void *ctx, int32_t k, double logit) {
    (void)ctx;
    (void)k;
    (void)logit;
    return -INFINITY;
}

/* The last in descending order of the list's x >= low: the lowest x, and its highest id. */
static int32_t last_above(const list *l, float low) {
    int32_t last = -1;
    for (int32_t i = 0; i < l->n; i++) {
        if (l->x[i] < low) continue;
        if (last < 0 || l->x[i] < l->x[last] || (l->x[i] == l->x[last] && l->ids[i] > l->ids[last]))
            last = i;
    }
    return last;
}

/* Drops all x >= low but the last from a list. */
static void drop_from_list(view *v, float low) {
    list *l = &v->list;
    const int32_t last = last_above(l, low);
    PLUCK_ASSERT(last >= 0);
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

void pk_view_drop_top(view *v, float low) {
    if (!v->whole) {
        drop_from_list(v, low);
        return;
    }
    const int32_t n_top = pk_view_collect(v, low, NAN);
    const list *l = &v->list;
    const int32_t last = last_above(l, low);
    PLUCK_ASSERT(last >= 0);
    int32_t *ids = pk_lease_ints(v->scratch, LEASE_IDS, (size_t)n_top);
    int32_t n = 0;
    for (int32_t i = 0; i < n_top; i++)
        if (i != last) ids[n++] = l->ids[i];
    edit_row(v, ids, n, leave, NULL, true);
    pk_lease_return(v->scratch, LEASE_IDS);
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
