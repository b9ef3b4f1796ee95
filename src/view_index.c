/*
 * view_index.c: a list of candidates as a row. Its values are read where the caller has them, as a
 * row's are, and so are the tokens of its places, the index, until the call ends. So every stage
 * costs what it costs on a row of as many tokens. See view_impl.h.
 */
#include "arithmetic.h"

#include "view_impl.h"

/* A shorter list costs less as a list. */
enum { LEAST_INDEXED = SHORT_LIST + 1 };

/* Whether n ids are tokens. *ascend: whether each is above the one before. The highest bit of a number
 * tells whether it is below 0, and is looked at once. */
static bool are_tokens(const int32_t *ids, int32_t n, int32_t n_vocab, bool *ascend) {
    const uint32_t last = (uint32_t)n_vocab - 1;
    uint32_t outside = (uint32_t)ids[0] | (last - (uint32_t)ids[0]), falls = 0;
    for (int32_t i = 1; i < n; i++) {
        const uint32_t id = (uint32_t)ids[i];
        outside |= id | (last - id);
        falls |= id - (uint32_t)ids[i - 1] - 1;
    }
    *ascend = falls >> 31 == 0;
    return outside >> 31 == 0;
}

/* Makes the view that of the n values that the row has been opened for, with that index. */
static void index_row(view *v, const int32_t *ids, int32_t n, bool ascends) {
    v->index = ids;
    v->index_ascends = ascends;
    v->tokens = v->n_vocab;
    v->n_vocab = n;
    v->n = 0;
    v->whole = true;
    v->order = ORDER_ID;
}

bool pk_view_can_index(const pluck_row *row) {
    return !row->allowed && !row->descending && row->n >= LEAST_INDEXED;
}

pluck_status pk_view_begin_index(view *v, const row_memory *memory, const pluck_row *row) {
    bool ascends;
    if (!are_tokens(row->ids, row->n, v->n_vocab, &ascends)) return PLUCK_ERR_TOKEN;
    pk_row_open(&v->row, memory, v->kernels, row->logits, row->dtype, row->n, NULL, 0);
    index_row(v, row->ids, row->n, ascends);
    v->n_counted = row->n;
    return PLUCK_OK;
}

void pk_view_own_index(view *v) {
    if (!v->index || v->index == v->index_memory) return;
    memcpy(v->index_memory, v->index, (size_t)v->n_vocab * sizeof *v->index);
    v->index = v->index_memory;
}

int32_t pk_view_id(const view *v, int32_t place) {
    return v->index ? v->index[place] : place;
}

int32_t pk_view_place(const view *v, int32_t id) {
    if (!v->index) return id;
    if (v->index_ascends) return find_ascending(v->index, v->n_vocab, id);
    return pk_find_id(v->index, v->n_vocab, id);
}

void pk_view_drop_index(view *v) {
    if (!v->index) return;
    list *l = &v->list;
    for (int32_t i = 0; i < l->n; i++) l->ids[i] = v->index[l->ids[i]];
    if (!v->index_ascends) {
        l->lies = ORDER_AS_IT_LIES;
        if (v->order == ORDER_ID) v->order = ORDER_AS_IT_LIES;
    }
    v->n_vocab = v->tokens;
    v->index = NULL;
}

/* ---- laying out by id ---- */

/* Makes the view the row of the whole vocabulary, with -inf where the index has no token. The list's
 * floats and the row's patches change places: from the ones to the others is a copy less. */
static void spread(view *v) {
    const float *x = v->row.memory.patches;
    float *to = v->list.x;
    const size_t end = round_up((size_t)v->tokens, GROUP);
    for (size_t i = 0; i < end; i++) to[i] = -INFINITY;
    for (int32_t i = 0; i < v->n_vocab; i++) to[v->index[i]] = x[i];
    v->list.x = v->row.memory.patches;
    v->list_row = pk_row_of_values(v->kernels, v->list.x, 0);
    v->row.memory.patches = to;
    v->n_vocab = v->tokens;
    v->index = NULL;
}

/* Sorts the index and the values. */
static void sort_index(view *v) {
    float *x = v->row.memory.patches;
    pk_view_own_index(v);
    pk_sort_by_id(v->index_memory, x, v->n_vocab, v->tokens, v->list.ids, v->list.x);
    v->index_ascends = true;
}

/* Makes a list a row with an index. */
static void index_list(view *v) {
    const list *l = &v->list;
    memcpy(v->index_memory, l->ids, (size_t)l->n * sizeof *l->ids);
    memcpy(v->row.memory.patches, l->x, round_up((size_t)l->n, GROUP) * sizeof *l->x);
    pk_row_open_flat(&v->row, &v->row.memory, v->kernels, l->n);
    index_row(v, v->index_memory, l->n, l->lies == ORDER_ID);
    view_changed_values(v);
    const pluck_status status = pk_view_scan(v);
    PLUCK_ASSERT(status == PLUCK_OK);
    (void)status;
}

void pk_view_by_id(view *v) {
    PLUCK_ASSERT(v->mass.max_stamp == v->values);
    if (!v->whole && pk_view_is_much(v, v->list.n) && !v->infinite && !v->adapted) index_list(v);
    if (!pk_view_is_shuffled(v)) return;
    pluck_status status = pk_view_prepare(v, VIEW_SCANNED, false);
    PLUCK_ASSERT(status == PLUCK_OK);
    (void)status;
    if (!v->index) return; /* there was a cut */
    pk_row_flatten(&v->row, v->list.x);
    if (v->n_vocab > v->tokens / 2)
        spread(v);
    else
        sort_index(v);
    pk_row_open_flat(&v->row, &v->row.memory, v->kernels, v->n_vocab);
    view_changed_values(v);
    status = pk_view_scan(v);
    PLUCK_ASSERT(status == PLUCK_OK);
    (void)status;
}

/* Of `n` places in the list, all with the same x, the token that is the k-th by id. */
static int32_t kth_by_id(view *v, int32_t n, int32_t k) {
    int32_t *ids = v->list.ids, *order = pk_lease_ints(v->scratch, LEASE_TIES, (size_t)n);
    for (int32_t i = 0; i < n; i++) {
        ids[i] = v->index[ids[i]];
        order[i] = i;
    }
    const int32_t id = ids[pk_kth_lowest_id(ids, order, n, k)];
    pk_lease_return(v->scratch, LEASE_TIES);
    return id;
}

/* Collects the places at x; returns how many of them come up to `last`. */
static int32_t collect_equals(view *v, float x, int32_t last) {
    const int32_t n = pk_view_collect(v, x, nextafterf(x, INFINITY));
    int32_t up_to = 0;
    while (up_to < n && v->list.ids[up_to] <= last) up_to++;
    return up_to;
}

void pk_view_settle(view *v) {
    const row_cut cut = v->cut;
    if (!pk_view_is_shuffled(v) || cut.through == INT32_MAX) return;
    v->cut = cut_at(cut.x);
    const int32_t kept = collect_equals(v, cut.x, cut.through);
    if (kept == v->list.n) return;
    const int32_t last = kth_by_id(v, v->list.n, kept);
    v->cut = cut;
    pk_view_count(v);
    const int32_t n = v->n;
    v->cut = cut_at(-INFINITY);
    pk_view_by_id(v);
    v->cut = (row_cut){cut.x, v->index ? find_ascending(v->index, v->n_vocab, last) : last};
    v->n = n;
    view_changed_weights(v);
}

/* ---- draws ---- */

/* The bins that tokens are drawn from. */
enum { BINS = 1024 };

/* The values and masses of a group of a shuffled view; false if none has a mass. Without one, x is
 * -inf. */
static bool read_group(view *v, const mass_source *s, int32_t g, float *x, float *e) {
    if (v->mass.group_max[g] < v->cut.x) return false;
    pk_row_group(&v->row, g, v->cut, x);
    pk_mass_of(&v->mass, s, x, GROUP, e);
    for (int32_t i = 0; i < GROUP; i++) e[i] = x[i] > -INFINITY ? e[i] : 0.0f;
    return true;
}

/* Adds up the masses in bins of 2^shift tokens. */
static void fill_bins(view *v, const mass_source *s, int shift, double *bins) {
    float x[GROUP], e[GROUP];
    memset(bins, 0, BINS * sizeof *bins);
    for (int32_t g = 0; g < v->row.n_groups; g++) {
        if (!read_group(v, s, g, x, e)) continue;
        const int32_t first = g * GROUP, left = v->n_vocab - first;
        for (int32_t i = 0; i < GROUP && i < left; i++)
            bins[v->index[first + i] >> shift] += (double)e[i];
    }
}

/* Writes the candidates of a bin to the list; returns how many there are. */
static int32_t collect_bin(view *v, const mass_source *s, int shift, int32_t bin) {
    list *l = &v->list;
    int32_t n = 0;
    for (int32_t first = 0; first < v->n_vocab; first += GROUP) {
        float x[GROUP], e[GROUP];
        bool has = false;
        const int32_t *ids = v->index + first, left = v->n_vocab - first;
        const int32_t count = left < GROUP ? left : GROUP;
        for (int32_t i = 0; i < count; i++) has |= ids[i] >> shift == bin;
        if (!has || !read_group(v, s, first / GROUP, x, e)) continue;
        for (int32_t i = 0; i < count; i++) {
            l->ids[n] = ids[i];
            l->x[n] = x[i];
            n += ids[i] >> shift == bin && e[i] > 0.0f;
        }
    }
    PLUCK_ASSERT(n > 0);
    pk_list_set(l, n, ORDER_AS_IT_LIES);
    return n;
}

/* The candidate of a shuffled view at which the cumulative mass, by id, reaches target. */
static pick draw_by_id(view *v, double u) {
    const mass_source s = pk_view_source(v);
    const double target = u * pk_mass_sum(&v->mass, &s);
    int shift = 0;
    while ((v->tokens - 1) >> shift >= BINS) shift++;
    double *bins = pk_lease_doubles(v->scratch, LEASE_HISTOGRAM, BINS), before = 0.0;
    fill_bins(v, &s, shift, bins);
    const int32_t bin = pk_locate(bins, BINS, target, &before), n = collect_bin(v, &s, shift, bin);
    pk_lease_return(v->scratch, LEASE_HISTOGRAM);
    int32_t *order = pk_lease_ints(v->scratch, LEASE_INDEX, (size_t)n), at = 0;
    const ordering o = pk_list_ordering(&v->list, ORDER_ID, 0.0);
    for (int32_t i = 0; i < n; i++) order[i] = i;
    pk_sort_index(&o, order, n);
    float e = 0.0f;
    for (int32_t i = 0; i < n; i++) {
        at = order[i];
        pk_mass_of(&v->mass, &s, &v->list.x[at], 1, &e);
        before += (double)e;
        if (before >= target) break;
    }
    pk_lease_return(v->scratch, LEASE_INDEX);
    return (pick){v->list.ids[at], v->list.x[at], (double)e / v->mass.sum};
}

pick pk_view_pick(view *v, pluck_rng_kind rng, double u) {
    if (rng == PLUCK_RNG_PHILOX && pk_view_is_shuffled(v)) return draw_by_id(v, u);
    pick found = pk_view_draw(v, rng, u);
    if (pk_view_is_shuffled(v) && v->order == ORDER_DESCENDING) {
        const int32_t k = collect_equals(v, found.x, found.token);
        found.token = kth_by_id(v, v->list.n, k);
    } else {
        found.token = pk_view_id(v, found.token);
    }
    return found;
}
