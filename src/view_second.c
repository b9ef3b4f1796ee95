/* view_second.c: the row combined with a second one. See view.h. */
#include "arithmetic.h"

#include "view_impl.h"

bool pk_view_has_second(const view *v) {
    return v->second.x != NULL;
}

/* ---- sums ---- */

/* ln of the sum of exp(x) of a row, which the maxima and sums are used for. */
static double log_sum_of_row(view *v, logit_row *r) {
    int32_t n;
    view_changed_values(v);
    const mass_source s = {.row = r,
                           .whole = true,
                           .cut = cut_at(-INFINITY),
                           .scale = 1.0,
                           .values = v->values,
                           .weights = v->weights};
    const bool sound = pk_mass_scan_sum(&v->mass, &s, r, &n);
    double log_sum = NAN;
    if (sound && isfinite(v->mass.max))
        log_sum = log(pk_mass_sum(&v->mass, &s)) + (double)v->mass.ref;
    view_changed_values(v);
    return log_sum;
}

/* The same of n values; their e is added up in double. */
static double log_sum_of_values(const view *v, const float *x, int32_t n) {
    float max = -INFINITY;
    for (int32_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    if (!isfinite(max)) return NAN;
    const exp_params p = pk_exp_params(max, 1.0);
    double sum = 0.0;
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        float e[GROUP];
        v->kernels->array.shifted_exp(x + first, (size_t)count, &p, e);
        for (int32_t i = 0; i < count; i++) sum += (double)e[i];
    }
    return log(sum) + (double)max;
}

static view_log_sums log_sums_of_list(view *v) {
    const list *l = &v->list;
    float *y = pk_lease_floats(v->scratch, LEASE_VALUES, (size_t)l->n + GROUP);
    for (int32_t first = 0; first < l->n; first += GROUP) {
        const int32_t count = l->n - first < GROUP ? l->n - first : GROUP;
        pk_row_pick_second(v->kernels, &v->second, l->ids + first, count, y + first);
    }
    const view_log_sums sums = {log_sum_of_values(v, l->x, l->n), log_sum_of_values(v, y, l->n)};
    pk_lease_return(v->scratch, LEASE_VALUES);
    return sums;
}

/* ln of the sum of exp(y) of the second row over the places of an index. */
static double log_sum_of_index(view *v) {
    const int32_t n = v->n_vocab;
    float *y = pk_lease_floats(v->scratch, LEASE_VALUES, round_up((size_t)n, GROUP));
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        pk_row_pick_second(v->kernels, &v->second, v->index + first, count, y + first);
    }
    if (v->row.n_full < v->row.n_groups) { /* a patch, which may have -inf */
        float x[GROUP], *tail = y + (size_t)v->row.n_full * GROUP;
        pk_row_group(&v->row, v->row.n_full, cut_at(-INFINITY), x);
        for (int32_t i = 0; i < GROUP; i++) tail[i] = x[i] > -INFINITY ? tail[i] : -INFINITY;
    }
    logit_row second = pk_row_of_values(v->kernels, y, n);
    const double log_sum = log_sum_of_row(v, &second);
    pk_lease_return(v->scratch, LEASE_VALUES);
    return log_sum;
}

view_log_sums pk_view_log_sums(view *v) {
    PLUCK_ASSERT(v->second.x && v->scale == 1.0 && cut_is_open(v->cut) && !v->adapted);
    if (!v->whole) return log_sums_of_list(v);
    const double of_row = log_sum_of_row(v, &v->row);
    if (isnan(of_row)) return (view_log_sums){NAN, NAN};
    if (v->index) {
        if (v->row.finite) return (view_log_sums){of_row, log_sum_of_index(v)};
        if (pk_view_materialise(v) != PLUCK_OK) return (view_log_sums){NAN, NAN};
        return log_sums_of_list(v);
    }
    if (!v->row.finite) {
        /* As if the mask had left out what is at -inf, so that neither row's sum has it. */
        const row_band above = row_band_of(cut_at(-FLT_MAX));
        (void)pk_row_keep(&v->row, &above);
    }
    logit_row second = pk_row_of_second(&v->row, &v->second);
    return (view_log_sums){of_row, log_sum_of_row(v, &second)};
}

/* ---- combining ---- */

void pk_view_mask_to_mix(view *v, float low) {
    /* More are combined in the row, whose groups are read as they lie. */
    enum { FEW = 512 };
    if (!v->whole || pk_view_count_above(v, low) <= FEW) {
        pk_view_mask_below(v, low);
        return;
    }
    const row_band band = row_band_of(cut_at(low));
    (void)pk_row_keep(&v->row, &band);
    view_changed_values(v);
}

/* Combines some of a list, GROUP at most; returns how many are left, which are moved to `kept`; -1
 * if one is NaN. */
static int32_t mix_some(view *v, int32_t first, int32_t n, const mix_params *p, int32_t kept) {
    list *l = &v->list;
    const float *x = l->x + first; /* padded to a whole group */
    float y[GROUP] = {0}, mixed[GROUP], infinite[GROUP];
    if (v->infinite) {
        for (int32_t i = 0; i < GROUP; i++) infinite[i] = INFINITY;
        x = infinite;
    }
    pk_row_pick_second(v->kernels, &v->second, l->ids + first, n, y);
    v->kernels->row[PLUCK_DTYPE_F32][0]->widen_mix(x, y, NULL, 1, p, mixed);
    bool sound = true;
    for (int32_t i = 0; i < n; i++) {
        sound &= !isnan(mixed[i]);
        l->ids[kept] = l->ids[first + i];
        l->x[kept] = v->infinite && mixed[i] == INFINITY ? 0.0f : mixed[i];
        kept += mixed[i] > -INFINITY;
    }
    return sound ? kept : -1;
}

static pluck_status mix_list(view *v, const mix_params *p) {
    list *l = &v->list;
    int32_t kept = 0;
    for (int32_t first = 0; first < l->n; first += GROUP) {
        const int32_t count = l->n - first < GROUP ? l->n - first : GROUP;
        kept = mix_some(v, first, count, p, kept);
        if (kept < 0) return PLUCK_ERR_NAN;
    }
    pk_list_truncate(l, kept);
    l->least = -FLT_MAX;
    l->lies = l->lies == ORDER_ID ? ORDER_ID : ORDER_AS_IT_LIES;
    v->order = l->lies;
    view_changed_values(v);
    return PLUCK_OK;
}

/* The ctx of mix_places. */
typedef struct index_mix {
    const view *v;
    const mix_params *p;
} index_mix;

/* Combines some groups of a row with an index. */
static void mix_places(const void *ctx, int32_t first, int32_t n, float *x) {
    const index_mix *m = ctx;
    const view *v = m->v;
    enum { AT_ONCE = 8 * GROUP };
    float y[AT_ONCE] = {0}, mixed[AT_ONCE];
    for (int32_t at = 0; at < n; at += AT_ONCE) {
        const int32_t count = n - at < AT_ONCE ? n - at : AT_ONCE;
        for (int32_t g = at; g < at + count; g += GROUP) {
            const int32_t left = v->n_vocab - first - g;
            pk_row_pick_second(v->kernels, &v->second, v->index + first + g,
                               left < GROUP ? left : GROUP, y + g - at);
        }
        v->kernels->row[PLUCK_DTYPE_F32][0]->widen_mix(x + at, y, NULL, (size_t)count / GROUP, m->p,
                                                       mixed);
        memcpy(x + at, mixed, (size_t)count * sizeof *mixed);
    }
}

pluck_status pk_view_mix(view *v, float own, float weight, float shift) {
    PLUCK_ASSERT(v->second.x && v->scale == 1.0 && !v->adapted && (own == 0.0f || own == 1.0f));
    const mix_params p = {own, weight, shift};
    if (!v->whole) return mix_list(v, &p);
    PLUCK_ASSERT(cut_is_open(v->cut) && v->order == ORDER_ID);
    if (v->index) {
        const index_mix m = {v, &p};
        pk_row_rewrite(&v->row, mix_places, &m, v->list.x);
        view_changed_values(v);
        return PLUCK_OK;
    }
    second_row second = v->second;
    second.mix = p;
    pk_row_mix(&v->row, &second);
    view_changed_values(v);
    return PLUCK_OK;
}
