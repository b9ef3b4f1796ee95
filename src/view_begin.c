/* view_begin.c: makes the view of a row, of a slice of one, or of what slices sent. See
 * view_impl.h. */
#include "arithmetic.h"

#include "view_impl.h"

bool pk_view_row_allows(const pluck_row *row, int32_t n_vocab, int32_t id) {
    if (!row->allowed) return true;
    const int32_t n = row->n_allowed > 0 && row->n_allowed < n_vocab ? row->n_allowed : n_vocab;
    return id < n && (row->allowed[id / 32] >> (id % 32) & 1);
}

/* A list row is taken in stretches of so many entries. */
enum { STRETCH = 16 * GROUP };

/* Writes n <= STRETCH logits of a row as floats, and raises *max to the greatest; returns whether all are
 * moderate. */
static bool take_values(const view *v, const pluck_row *row, int32_t first, int32_t n, float *out,
                        float *max) {
    const size_t element = dtype_size(row->dtype);
    const char *x = (const char *)row->logits + (size_t)first * element;
    const row_kernels *k = v->kernels->row[row->dtype][0];
    const row_kernels *f32 = v->kernels->row[PLUCK_DTYPE_F32][0];
    const int32_t full = n / GROUP, rest = n % GROUP;
    float maxima[STRETCH / GROUP];
    k->widen(x, NULL, (size_t)full, out);
    bool moderate = f32->group_max(out, NULL, (size_t)full, maxima);
    if (rest > 0) {
        char raw[GROUP * sizeof(float)];
        float last[GROUP];
        for (int32_t i = 0; i < GROUP; i++) /* padded with one of them */
            memcpy(raw + (size_t)i * element,
                   x + (size_t)(full * GROUP + (i < rest ? i : 0)) * element, element);
        k->widen(raw, NULL, 1, last);
        moderate &= f32->group_max(last, NULL, 1, &maxima[full]);
        memcpy(out + full * GROUP, last, (size_t)rest * sizeof *out);
    }
    for (int32_t g = 0; g < full + (rest > 0); g++) *max = maxima[g] > *max ? maxima[g] : *max;
    return moderate;
}

/* Copies n ids; returns whether all are tokens. The highest bit of a number tells whether it is below 0. */
static bool take_ids(const int32_t *restrict ids, int32_t n, int32_t n_vocab,
                     int32_t *restrict to) {
    uint32_t outside = 0;
    for (int32_t i = 0; i < n; i++) {
        outside |= (uint32_t)ids[i] | ((uint32_t)n_vocab - 1 - (uint32_t)ids[i]);
        to[i] = ids[i];
    }
    return outside >> 31 == 0;
}

/* Whether x descends from `above`. */
static bool descends(const float *x, int32_t n, float above) {
    int bad = x[0] > above;
    for (int32_t i = 1; i < n; i++) bad |= x[i] > x[i - 1];
    return !bad;
}

/* What is known of the entries of a list row up to now. */
typedef struct taken {
    float last;  /* the x of the last */
    float least; /* the least x if it is not moderate; else -MODERATE, or what is left of that */
    float max;   /* the greatest x; without meaning if there was a NaN, or one that is masked */
    bool whole;  /* all of them are in the list, and moderate */
} taken;

/* Appends n entries of a list row from `first` on, without what is masked. */
static pluck_status append(view *v, const pluck_row *row, int32_t first, int32_t n, taken *t) {
    list *l = &v->list;
    const int32_t *ids = row->ids + first;
    const float *x = l->x + l->n; /* what is kept is moved down */
    const bool moderate = take_values(v, row, first, n, l->x + l->n, &t->max);
    if (moderate && !row->allowed && take_ids(ids, n, v->n_vocab, l->ids + l->n) &&
        (!row->descending || descends(x, n, t->last))) {
        l->n += n;
        t->last = x[n - 1];
        return PLUCK_OK;
    }
    t->whole = false;
    for (int32_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= v->n_vocab) return PLUCK_ERR_TOKEN;
        if (!pk_view_row_allows(row, v->n_vocab, ids[i])) continue;
        if (isnan(x[i])) return PLUCK_ERR_NAN;
        if (row->descending && x[i] > t->last) return PLUCK_ERR_ORDER;
        t->last = x[i];
        if (x[i] == -INFINITY) continue;
        t->least = x[i] < t->least ? x[i] : t->least;
        l->ids[l->n] = ids[i];
        l->x[l->n++] = x[i];
    }
    return PLUCK_OK;
}

/* Copies a list row in, without what is masked. */
static pluck_status begin_list(view *v, const pluck_row *row) {
    taken t = {.last = INFINITY, .least = -MODERATE, .max = -INFINITY, .whole = true};
    for (int32_t first = 0; first < row->n; first += STRETCH) {
        const int32_t n = row->n - first < STRETCH ? row->n - first : STRETCH;
        TRY(append(v, row, first, n, &t));
    }
    v->whole = false;
    v->n_counted = row->n;
    v->order = row->descending ? ORDER_DESCENDING : ORDER_AS_IT_LIES;
    pk_list_set(&v->list, v->list.n, v->order);
    v->list.least = t.least;
    if (t.whole) pk_mass_set_max(&v->mass, v->values, t.max);
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
    v->row.memory = memory->row;
    v->list.ids = memory->ids;
    v->list.x = memory->x;
    v->list.room = memory->room;
    v->index_memory = memory->index;
    v->index = NULL;
    v->list.n = 0;
    /* In the first call, and behind one that has let the list change places (view_index.c). */
    if (v->list_row.kernels != v->kernels || v->list_row.x != (const char *)v->list.x)
        v->list_row = pk_row_of_values(v->kernels, v->list.x, 0);
    pk_mass_begin(&v->mass, v->kernels, v->scratch);
    v->mass.group_max = memory->group_max;
    v->mass.block_max = memory->block_max;
    v->mass.group_sum = memory->group_sum;
    v->mass.group_moment = memory->group_moment;
    v->second = (second_row){.x = row->second, .dtype = row->second_dtype};
    v->survey.factor = 0.0;
    v->tally.values = 0;
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
                           const pluck_row *row, bool may_index) {
    TRY(begin(v, memory, n_vocab, row));
    if (row->ids && (row->n < 1 || row->n > n_vocab)) return PLUCK_ERR_ROW;
    if (row->ids && may_index && pk_view_can_index(row))
        return pk_view_begin_index(v, &memory->row, row);
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
