/* view_begin.c: makes the view of a row, of a slice of one, or of what slices sent. See
 * view_impl.h. */
#include "arithmetic.h"

#include "view_impl.h"

bool pk_view_row_allows(const pluck_row *row, int32_t n_vocab, int32_t id) {
    if (!row->allowed) return true;
    const int32_t n = row->n_allowed > 0 && row->n_allowed < n_vocab ? row->n_allowed : n_vocab;
    return id < n && (row->allowed[id / 32] >> (id % 32) & 1);
}

/* Whether a stretch of a list row can be taken as it is: all ids are below n_vocab, all x moderate or
 * above (so none is NaN), and they descend from `above` if that is said. */
static bool is_plain(const int32_t *ids, const float *x, int32_t n, int32_t n_vocab,
                     bool descending, float above) {
    int bad = descending && n > 0 && x[0] > above;
    for (int32_t i = 0; i < n; i++) bad |= (uint32_t)ids[i] >= (uint32_t)n_vocab;
    for (int32_t i = 0; i < n; i++) bad |= !(x[i] >= -MODERATE);
    for (int32_t i = 1; descending && i < n; i++) bad |= x[i] > x[i - 1];
    return !bad;
}

/* Appends a stretch of a list row, without what is masked. *above: the x before it, then its last.
 * Lowers *least to the least x below -MODERATE. */
static pluck_status append(view *v, const pluck_row *row, const int32_t *ids, const float *x,
                           int32_t count, float *above, float *least) {
    list *l = &v->list;
    if (!row->allowed && is_plain(ids, x, count, v->n_vocab, row->descending, *above)) {
        memcpy(l->ids + l->n, ids, (size_t)count * sizeof *ids);
        memcpy(l->x + l->n, x, (size_t)count * sizeof *x);
        l->n += count;
        *above = x[count - 1];
        return PLUCK_OK;
    }
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] < 0 || ids[i] >= v->n_vocab) return PLUCK_ERR_TOKEN;
        if (!pk_view_row_allows(row, v->n_vocab, ids[i])) continue;
        if (isnan(x[i])) return PLUCK_ERR_NAN;
        if (row->descending && x[i] > *above) return PLUCK_ERR_ORDER;
        *above = x[i];
        if (x[i] == -INFINITY) continue;
        *least = x[i] < *least ? x[i] : *least;
        l->ids[l->n] = ids[i];
        l->x[l->n++] = x[i];
    }
    return PLUCK_OK;
}

/* Copies a list row in, without what is masked. */
static pluck_status begin_list(view *v, const pluck_row *row) {
    if (row->n < 1 || row->n > v->n_vocab) return PLUCK_ERR_ROW;
    const size_t element = dtype_size(row->dtype);
    const char *logits = row->logits;
    float above = INFINITY, least = -MODERATE;
    for (int32_t first = 0; first < row->n; first += GROUP) {
        const int32_t count = row->n - first < GROUP ? row->n - first : GROUP;
        char raw[GROUP * sizeof(float)] = {0};
        float x[GROUP];
        memcpy(raw, logits + (size_t)first * element, (size_t)count * element);
        v->kernels->row[row->dtype][0]->widen(raw, NULL, 1, x);
        TRY(append(v, row, row->ids + first, x, count, &above, &least));
    }
    v->whole = false;
    v->n_counted = row->n;
    v->order = row->descending ? ORDER_DESCENDING : ORDER_AS_IT_LIES;
    pk_list_set(&v->list, v->list.n, v->order);
    v->list.least = least;
    return v->list.n > 0 ? PLUCK_OK : PLUCK_ERR_EMPTY;
}

/* If the mask allows few tokens, makes a list of them: reading single tokens is then cheaper than
 * reading groups. */
static pluck_status begin_few(view *v) {
    const int32_t n = pk_row_few(&v->row, v->row.n_groups / 4, v->list.ids);
    if (n < 0) return PLUCK_OK;
    float x[GROUP];
    int32_t kept = 0, group = -1;
    for (int32_t i = 0; i < n; i++) {
        const int32_t id = v->list.ids[i];
        if (id / GROUP != group) pk_row_group(&v->row, group = id / GROUP, cut_at(-INFINITY), x);
        if (isnan(x[id % GROUP])) return PLUCK_ERR_NAN;
        v->list.ids[kept] = id;
        v->list.x[kept] = x[id % GROUP];
        kept += x[id % GROUP] > -INFINITY;
    }
    v->whole = false;
    pk_list_set(&v->list, kept, ORDER_ID);
    return kept > 0 ? PLUCK_OK : PLUCK_ERR_EMPTY;
}

/* Sets everything but the candidates. */
static pluck_status begin(view *v, const view_memory *memory, int32_t n_vocab,
                          const pluck_row *row) {
    if (row->dtype != PLUCK_DTYPE_F32 && row->dtype != PLUCK_DTYPE_F16 &&
        row->dtype != PLUCK_DTYPE_BF16)
        return PLUCK_ERR_ROW;
    if (row->second && (int)row->second_dtype >= KERNEL_DTYPES) return PLUCK_ERR_ROW;
    if (row->allowed && row->n_allowed < 0) return PLUCK_ERR_SIZE;
    pk_scratch_reset(memory->scratch);
    v->kernels = pk_kernels();
    v->scratch = memory->scratch;
    v->n_vocab = n_vocab;
    v->list.ids = memory->ids;
    v->list.x = memory->x;
    v->list.room = memory->room;
    v->list.n = 0;
    if (v->list_row.kernels != v->kernels) /* in the first call */
        v->list_row = pk_row_of_values(v->kernels, v->list.x, 0);
    pk_mass_begin(&v->mass, v->kernels, v->scratch);
    v->mass.group_max = memory->group_max;
    v->mass.block_max = memory->block_max;
    v->mass.group_sum = memory->group_sum;
    v->mass.group_moment = memory->group_moment;
    v->second = (second_row){.x = row->second, .dtype = row->second_dtype};
    v->survey.factor = 0.0;
    v->cut = cut_at(-INFINITY);
    v->uncounted = v->infinite = v->adapted = false;
    v->n = 0;
    v->n_counted = n_vocab;
    v->order = ORDER_ID;
    v->scale = 1.0;
    v->values = v->weights = 1;
    v->cut_level = v->draw_level = (level){NAN, 0.0};
    v->whole = true;
    v->slice = false;
    v->first = 0;
    return PLUCK_OK;
}

static void open_row(view *v, const view_memory *memory, const pluck_row *row) {
    pk_row_open(&v->row, &memory->row, v->kernels, row->logits, row->dtype, v->n_vocab,
                row->allowed, row->n_allowed);
}

pluck_status pk_view_begin(view *v, const view_memory *memory, int32_t n_vocab,
                           const pluck_row *row) {
    TRY(begin(v, memory, n_vocab, row));
    if (row->ids) return begin_list(v, row);
    if (row->n != 0 && row->n != n_vocab) return PLUCK_ERR_ROW;
    open_row(v, memory, row);
    return row->allowed ? begin_few(v) : PLUCK_OK;
}

pluck_status pk_view_begin_slice(view *v, const view_memory *memory, int32_t first,
                                 const pluck_row *row) {
    PLUCK_ASSERT(!row->ids && row->n >= 1 && first % (GROUP * BLOCK_GROUPS) == 0);
    TRY(begin(v, memory, row->n, row));
    open_row(v, memory, row);
    v->slice = true;
    v->first = first;
    return PLUCK_OK;
}

void pk_view_begin_merged(view *v, const view_memory *memory, int32_t n_vocab) {
    const pluck_row none = {.dtype = PLUCK_DTYPE_F32};
    const pluck_status status = begin(v, memory, n_vocab, &none);
    PLUCK_ASSERT(status == PLUCK_OK);
    (void)status;
    v->whole = false;
}
