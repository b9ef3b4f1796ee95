/* view_order.c: top-k, the maximum and the greatest few, found without sorting. See view.h. */
#include "arithmetic.h"

#include "boundary.h"

void pk_view_realise(view *v) {
    if (v->whole || v->order == ORDER_AS_IT_LIES) return;
    /* Group sums depend on the places of the candidates. */
    float *room = v->row.memory.patches; /* of a row that is not read any more */
    const bool moved = pk_list_sort(&v->list, v->scratch, v->order, v->centre, room);
    if (moved) view_changed_weights(v);
}

void pk_view_realise_short(view *v) {
    if (!v->whole && v->list.n <= SHORT_LIST) pk_view_realise(v);
}

void pk_view_sort(view *v) {
    v->order = ORDER_DESCENDING;
    pk_view_realise_short(v);
}

/* ---- bounds from the maxima ---- */

static int32_t blocks_of(const view *v) {
    return (v->row.n_groups + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
}

float pk_view_bound(view *v, int64_t k) {
    PLUCK_ASSERT(v->whole && v->mass.max_stamp == v->values && k >= 1);
    if (k > v->row.n_groups) return -INFINITY;
    const int32_t n_blocks = blocks_of(v);
    const bool by_blocks = k <= n_blocks * 3 / 4;
    const int32_t n = by_blocks ? n_blocks : v->row.n_groups;
    PLUCK_ASSERT(k <= n);
    float *maxima = pk_lease_floats(v->scratch, LEASE_MAXIMA, (size_t)n);
    memcpy(maxima, by_blocks ? v->mass.block_max : v->mass.group_max, (size_t)n * sizeof *maxima);
    const float bound = pk_kth_greatest(maxima, n, (int32_t)k);
    pk_lease_return(v->scratch, LEASE_MAXIMA);
    return bound;
}

/* ---- top-k ---- */

/* Up to this many values pk_kth_of_few is faster than a selection. */
enum { FEW = 512 };

/* Writes the groups whose maximum reaches `first`, and these maxima; returns how many. Reads only
 * blocks whose maximum reaches it. May write up to a group past the last. */
static int32_t groups_reaching(const view *v, float first, int32_t *groups, float *max) {
    /* The maxima of four blocks are read like a group of logits. */
    enum { QUAD = GROUP / BLOCK_GROUPS, QUADS = FEW / QUAD };
    const float *of_blocks = v->mass.block_max;
    const int32_t n_blocks = blocks_of(v), n_quads = n_blocks / QUAD;
    float of_quads[QUADS];
    PLUCK_ASSERT(n_quads <= QUADS);
    for (int32_t q = 0; q < n_quads; q++) {
        const float *b = of_blocks + q * QUAD;
        const float low = b[0] > b[1] ? b[0] : b[1], high = b[2] > b[3] ? b[2] : b[3];
        of_quads[q] = low > high ? low : high;
    }
    int32_t n = v->kernels->row[PLUCK_DTYPE_F32][0]->group_collect(
        v->mass.group_max, NULL, (size_t)n_quads, of_quads, 0, first, NAN, groups, max);
    for (int32_t b = n_quads * QUAD; b < n_blocks; b++) {
        if (!(of_blocks[b] >= first)) continue;
        /* The maxima are padded to whole blocks. */
        for (int32_t g = b * BLOCK_GROUPS; g < (b + 1) * BLOCK_GROUPS; g++) {
            groups[n] = g;
            max[n] = v->mass.group_max[g];
            n += v->mass.group_max[g] >= first;
        }
    }
    return n;
}

/*
 * Which of the block maxima, in descending order, is likely to be reached by k groups and not by many
 * more; 0: none. The k-th certainly is; where blocks are fewer, or hardly more, it is a lower one:
 * if a part f of the groups is above a value, then a part (1 - f)^16 of the blocks is below it.
 */
static int32_t block_for(int32_t n_blocks, int32_t k) {
    if (k <= n_blocks * 3 / 4) return k;
    const double f = 1.4 * (double)k / (double)(n_blocks * BLOCK_GROUPS);
    if (f > 0.25) return 0;
    double below = 1.0 - f;
    for (int power = 1; power < BLOCK_GROUPS; power *= 2) below *= below;
    return (int32_t)ceil((1.0 - below) * n_blocks);
}

/*
 * Collects, from a WHOLE view without a cut, what reaches the k-th greatest group maximum: at least
 * k candidates. Only groups that reach one of the block maxima need to be looked at, which are few;
 * those that reach the bound are read one by one. Returns how many; 0 if there is no such bound.
 */
static int32_t collect_top(view *v, int32_t k) {
    const int32_t n_blocks = blocks_of(v), of_block = block_for(n_blocks, k);
    if (n_blocks > FEW || of_block == 0) return 0;
    const float first = pk_kth_of_few(v->mass.block_max, n_blocks, of_block);
    if (first == -INFINITY) return 0;
    const size_t room = (size_t)n_blocks * BLOCK_GROUPS + GROUP;
    int32_t *groups = pk_lease_ints(v->scratch, LEASE_PLACES, room);
    float *max = pk_lease_floats(v->scratch, LEASE_MAXIMA, room);
    const int32_t n_groups = groups_reaching(v, first, groups, max);
    const bool is_bounded = n_groups <= FEW && n_groups >= k;
    const float bound = is_bounded ? pk_kth_of_few(max, n_groups, k) : first;
    /* Of the maximum's equals the first k are enough. */
    const bool equals = bound == v->mass.max && !pk_view_is_shuffled(v);
    int32_t n = 0;
    for (int32_t i = 0; i < n_groups && is_bounded && !(equals && n >= k); i++)
        if (max[i] >= bound)
            n += pk_row_collect_group(&v->row, v->mass.group_max, groups[i], bound, v->list.ids + n,
                                      v->list.x + n);
    pk_lease_return(v->scratch, LEASE_MAXIMA);
    pk_lease_return(v->scratch, LEASE_PLACES);
    PLUCK_ASSERT(n >= k || !is_bounded);
    pk_list_set(&v->list, n, ORDER_ID);
    return n;
}

/* Collects at least k candidates of a WHOLE view and makes the view that list; false if they would
 * be many more than k. */
static bool collect_at_least(view *v, int64_t k) {
    const int32_t n = cut_is_open(v->cut) ? collect_top(v, (int32_t)k) : 0;
    if (n == 0) {
        const float bound = pk_view_bound(v, k);
        const int64_t most = min_i64(max_i64(4 * k, 4096), view_most_listed(v));
        if (pk_view_collect_few(v, bound, most) > most) return false;
    }
    pk_view_adopt(v);
    return true;
}

/* Makes a list of the k candidates that a cut has left unless that is much of the row. */
static void list_the_rest(view *v, int64_t k) {
    v->n = (int32_t)k;
    v->uncounted = false;
    if (pk_view_is_much(v, k)) return;
    (void)pk_view_collect(v, -INFINITY, NAN);
    pk_view_adopt(v);
    PLUCK_ASSERT(v->list.n == k);
}

/* Cuts a WHOLE view after its k-th candidate. */
static void cut_at_kth(view *v, int64_t k) {
    const boundary b = pk_boundary_find(v, ORDER_DESCENDING, k);
    pk_boundary_keep(v, ORDER_DESCENDING, &b);
    pk_view_settle(v);
    list_the_rest(v, k);
}

void pk_view_top_k(view *v, int64_t k) {
    PLUCK_ASSERT(k >= 1 && v->mass.max_stamp == v->values && !v->adapted);
    k = min_i64(k, pk_view_counted(v));
    v->n_counted = k;
    const bool is_sorted =
        !v->whole && v->order == ORDER_DESCENDING && pk_list_lies(&v->list, ORDER_DESCENDING, 0.0);
    v->order = ORDER_DESCENDING;
    if (k < pk_view_alive(v)) {
        const bool is_list = !v->whole || collect_at_least(v, k);
        const bool is_short = is_list && v->list.n <= SHORT_LIST;
        /* Sorting a short list takes less than a selection. */
        if (is_short && !is_sorted) pk_view_realise(v);
        if (!is_list) {
            cut_at_kth(v, k);
        } else if (is_sorted || is_short) {
            pk_list_truncate(&v->list, (int32_t)k);
        } else if (k < v->list.n) {
            const ordering o = pk_list_ordering(&v->list, ORDER_DESCENDING, 0.0);
            pk_list_keep_first(&v->list, v->scratch, &o, (int32_t)k);
        }
        view_changed_weights(v);
    }
    if (!is_sorted) pk_view_realise_short(v);
    PLUCK_ASSERT(v->n_counted == k && pk_view_alive(v) <= k);
}

void pk_view_top_k_at(view *v, int64_t k, float x) {
    enum { SEARCHED = 4096 }; /* fewer are found as soon */
    const bool is_known = v->whole && k > SEARCHED && k < pk_view_alive(v) && !isnan(x);
    const int64_t through = is_known ? pk_view_count_above(v, x) : 0;
    const bool has_above = x < pk_view_max(v);
    const int64_t above =
        through > k && has_above ? pk_view_count_above(v, nextafterf(x, INFINITY)) : 0;
    if (through < k || above >= k) {
        pk_view_top_k(v, k);
        return;
    }
    const row_stretch equals = {x, x, INFINITY, -INFINITY};
    const int32_t last = through > k ? pk_row_nth(&v->row, &equals, k - above) : INT32_MAX;
    const boundary b = {x, last, 0.0};
    v->n_counted = k;
    v->order = ORDER_DESCENDING;
    pk_boundary_keep(v, ORDER_DESCENDING, &b);
    pk_view_settle(v);
    list_the_rest(v, k);
    pk_view_realise_short(v);
}

void pk_view_list_top(view *v, int32_t k, int32_t most) {
    PLUCK_ASSERT(k >= 1 && k <= most && v->mass.max_stamp == v->values && v->order == ORDER_ID);
    if (v->whole && v->n <= most) {
        (void)pk_view_collect(v, -INFINITY, NAN);
        pk_view_adopt(v);
    } else if (v->whole && !collect_at_least(v, k)) {
        cut_at_kth(v, most);
        PLUCK_ASSERT(!v->whole);
    }
    v->order = ORDER_ID;
    if (v->list.n <= most) return;
    const ordering o = pk_list_ordering(&v->list, ORDER_DESCENDING, 0.0);
    pk_list_keep_first(&v->list, v->scratch, &o, most);
    view_changed_weights(v);
}

/* ---- the maximum, and the greatest ---- */

/* The lowest of the maximum's tokens in a WHOLE view whose index does not ascend. */
static pick lowest_of_maximum(const view *v, float max) {
    pick best = {INT32_MAX, max, -1.0};
    for (int32_t g = 0; g < v->row.n_groups; g++) {
        if (v->mass.group_max[g] != max) continue;
        float x[GROUP];
        pk_row_group(&v->row, g, v->cut, x);
        for (int32_t i = 0; i < GROUP; i++)
            if (x[i] == max && v->index[g * GROUP + i] < best.token)
                best.token = v->index[g * GROUP + i];
    }
    return best;
}

pick pk_view_argmax(view *v) {
    const float max = pk_view_max(v);
    if (!v->whole) {
        return (pick){pk_list_lowest_id(&v->list, max), max, -1.0};
    }
    if (pk_view_is_shuffled(v)) return lowest_of_maximum(v, max);
    int32_t b = 0;
    while (v->mass.block_max[b] != max) b++;
    int32_t g = b * BLOCK_GROUPS;
    while (v->mass.group_max[g] != max) g++;
    PLUCK_ASSERT(g < v->row.n_groups);
    float x[GROUP];
    pk_row_group(&v->row, g, v->cut, x);
    int32_t i = 0;
    while (i < GROUP - 1 && x[i] != max) i++;
    PLUCK_ASSERT(x[i] == max);
    return (pick){pk_view_id(v, g * GROUP + i), max, -1.0};
}

/* The m-th greatest of the first n x of the list. */
static float mth_of_list(view *v, int32_t n, int32_t m) {
    float *values = pk_lease_floats(v->scratch, LEASE_VALUES, (size_t)n);
    memcpy(values, v->list.x, (size_t)n * sizeof *values);
    const float least = pk_kth_greatest(values, n, m);
    pk_lease_return(v->scratch, LEASE_VALUES);
    return least;
}

float pk_view_kth(view *v, int64_t k) {
    PLUCK_ASSERT(k >= 1 && v->mass.max_stamp == v->values && !v->adapted);
    if (k == 1) return pk_view_max(v);
    if (k > pk_view_alive(v)) return -INFINITY;
    if (v->whole) return pk_boundary_find(v, ORDER_DESCENDING, k).x;
    return mth_of_list(v, v->list.n, (int32_t)k);
}

/* Collects the m greatest of a WHOLE view and as many more as are cheap to collect; if there are
 * many equals at the end, only as many of them as are needed. */
static int32_t collect_greatest(view *v, int32_t m) {
    const float bound = pk_view_bound(v, m);
    const int64_t most = max_i64(4 * (int64_t)m, 4096), few = pk_view_collect_few(v, bound, most);
    if (few <= most) return (int32_t)few;
    const boundary b = pk_boundary_find(v, ORDER_DESCENDING, m);
    const row_cut noted = v->cut;
    v->cut = (row_cut){b.x, b.id};
    const int32_t n = pk_view_collect(v, -INFINITY, NAN);
    v->cut = noted;
    return n;
}

/* The same for the values alone, without ids: equals need not be told apart. */
static int32_t collect_greatest_values(view *v, int32_t m) {
    const float bound = pk_view_bound(v, m);
    const int64_t most = max_i64(4 * (int64_t)m, 4096);
    if (bound == -INFINITY) return collect_greatest(v, m);
    const float above = nextafterf(bound, INFINITY);
    const int64_t few = bound < v->mass.max ? pk_view_collect_few(v, above, most) : 0;
    if (few > most) return collect_greatest(v, m);
    int32_t n = (int32_t)few;
    for (; n < m; n++) v->list.x[n] = bound;
    return n;
}

/* Writes the m greatest of n values, SHORT_LIST at most, descending. */
static void sort_few(const float *x, int32_t n, int32_t m, float *out) {
    int32_t to[SHORT_LIST];
    pk_places_of_few(x, n, to);
    for (int32_t i = 0; i < n; i++)
        if (to[i] < m) out[to[i]] = x[i];
}

int32_t pk_view_greatest(view *v, int32_t m, float *out) {
    PLUCK_ASSERT(m >= 1 && v->mass.max_stamp == v->values && !v->adapted);
    m = (int32_t)min_i64(m, pk_view_alive(v));
    if (!v->whole && v->list.lies == ORDER_DESCENDING) {
        memcpy(out, v->list.x, (size_t)m * sizeof *out);
        return m;
    }
    const int32_t n = v->whole ? collect_greatest_values(v, m) : v->list.n;
    if (n <= SHORT_LIST) {
        sort_few(v->list.x, n, m, out);
        return m;
    }
    const float least = mth_of_list(v, n, m);
    int32_t above = 0;
    for (int32_t i = 0; i < n; i++)
        if (v->list.x[i] > least) out[above++] = v->list.x[i];
    for (int32_t i = above; i < m; i++) out[i] = least;
    if (above > SHORT_LIST) {
        pk_sort_values(out, above, NULL);
    } else {
        float unsorted[SHORT_LIST] = {0.0f};
        memcpy(unsorted, out, (size_t)above * sizeof *out);
        sort_few(unsorted, above, above, out);
    }
    return m;
}

/* The id up to which the equals at x of the list are among its m greatest; x is the m-th. */
static int32_t last_of_equals(view *v, float x, int32_t n, int32_t m) {
    int32_t *equals = pk_lease_ints(v->scratch, LEASE_TIES, (size_t)n);
    int32_t n_equal = 0, above = 0;
    for (int32_t i = 0; i < n; i++) {
        above += v->list.x[i] > x;
        if (v->list.x[i] == x) equals[n_equal++] = i;
    }
    PLUCK_ASSERT(above < m && m - above <= n_equal);
    const int32_t at = pk_kth_lowest_id(v->list.ids, equals, n_equal, m - above);
    pk_lease_return(v->scratch, LEASE_TIES);
    return v->list.ids[at];
}

/* Collects the tokens at or above `low` of a view with an index; returns how many. */
static int32_t collect_tokens(view *v, float low) {
    const int32_t n = pk_view_collect(v, low, NAN);
    for (int32_t i = 0; i < n; i++) v->list.ids[i] = v->index[v->list.ids[i]];
    return n;
}

int32_t pk_view_top(view *v, int32_t m, int32_t *ids, float *x) {
    PLUCK_ASSERT(m >= 1 && v->mass.max_stamp == v->values && !v->adapted);
    m = (int32_t)min_i64(m, pk_view_alive(v));
    const int32_t n = v->index   ? collect_tokens(v, pk_view_kth(v, m))
                      : v->whole ? collect_greatest(v, m)
                                 : v->list.n;
    const float least = mth_of_list(v, n, m);
    const row_cut c = {least, last_of_equals(v, least, n, m)};
    int32_t found = 0;
    for (int32_t i = 0; i < n; i++) {
        if (!cut_admits(c, v->list.x[i], v->list.ids[i])) continue;
        ids[found] = v->list.ids[i];
        x[found++] = v->list.x[i];
    }
    PLUCK_ASSERT(found == m);
    int32_t *index = pk_lease_ints(v->scratch, LEASE_INDEX, (size_t)m);
    for (int32_t i = 0; i < m; i++) index[i] = i;
    const ordering o = {ids, x, ORDER_DESCENDING, 0.0};
    pk_sort_index(&o, index, m);
    pk_permute(ids, x, index, m);
    pk_lease_return(v->scratch, LEASE_INDEX);
    return m;
}

float pk_view_value(const view *v, int32_t token) {
    const int32_t at = v->whole ? pk_view_place(v, token) : pk_list_find(&v->list, token);
    if (at < 0) return -INFINITY;
    if (!v->whole) return v->list.x[at];
    float x[GROUP];
    pk_row_group(&v->row, at / GROUP, v->cut, x);
    return x[at % GROUP];
}

/* Room for a float for each token: the ids of a WHOLE view's free list, which do not belong to values
 * that are sorted without them; or the patches of a row that is not read any more. */
static float *room_of(view *v) {
    return v->whole ? (float *)(void *)v->list.ids : v->row.memory.patches;
}

/* Writes the values of a list that are at least low (-inf: all); returns how many. */
static int32_t values_above(const list *l, float low, float *x) {
    /* The padding would reach -inf, too. */
    if (low > -INFINITY) return pk_list_values_above(l, low, l->n, x);
    memcpy(x, l->x, (size_t)l->n * sizeof *x);
    return l->n;
}

/* Leases room for the values of a list. */
static float *lease_values(view *v) {
    return pk_lease_floats(v->scratch, LEASE_TOP, (size_t)v->list.n + 2 * GROUP);
}

/* Keeps those of n values from low to below high (NaN: no limit); returns how many. */
static int32_t keep_between(float *x, int32_t n, float low, float high) {
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        x[kept] = x[i];
        kept += (x[i] >= low) & !(x[i] >= high);
    }
    return kept;
}

/* What lies in order is not copied. */
static const float *lease_sorted(view *v) {
    (void)pk_lease_floats(v->scratch, LEASE_TOP, 0);
    return v->list.x;
}

static bool lies_sorted(const view *v) {
    return !v->whole && v->list.lies == ORDER_DESCENDING;
}

/* Writes at least m of the greatest values of a list, in any order, and not many more; returns how
 * many. */
static int32_t greatest_of_list(view *v, int32_t m, float *x) {
    float *room = room_of(v);
    const int32_t n = values_above(&v->list, pk_list_bound(&v->list, v->scratch, m), x);
    if (n / 4 < m) return n; /* a selection would not be worth it */
    memcpy(room, x, (size_t)n * sizeof *x);
    return keep_between(x, n, pk_kth_greatest(room, n, m), NAN);
}

const float *pk_view_lease_top(view *v, int32_t m, int32_t *n) {
    PLUCK_ASSERT(m >= 1 && v->mass.max_stamp == v->values && !v->adapted);
    m = (int32_t)min_i64(m, pk_view_alive(v));
    if (lies_sorted(v)) {
        *n = m;
        return lease_sorted(v);
    }
    if (m == pk_view_alive(v)) return pk_view_lease_between(v, -INFINITY, NAN, n);
    if (v->whole) {
        /* What is collected is not a list of candidates, only their values. */
        *n = collect_greatest_values(v, m);
        pk_sort_values(v->list.x, *n, room_of(v));
        return lease_sorted(v);
    }
    float *x = lease_values(v);
    *n = greatest_of_list(v, m, x);
    pk_sort_values(x, *n, room_of(v));
    return x;
}

const float *pk_view_lease_between(view *v, float low, float high, int32_t *n) {
    PLUCK_ASSERT(v->mass.max_stamp == v->values && !v->adapted);
    if (lies_sorted(v)) {
        const int32_t above = isnan(high) ? 0 : pk_list_count(&v->list, high);
        *n = pk_list_count(&v->list, low) - above;
        return lease_sorted(v) + above;
    }
    if (v->whole) {
        *n = pk_view_collect(v, low, high);
        pk_sort_values(v->list.x, *n, room_of(v));
        return lease_sorted(v);
    }
    float *x = lease_values(v);
    *n = values_above(&v->list, low, x);
    if (!isnan(high)) *n = keep_between(x, *n, low, high);
    pk_sort_values(x, *n, room_of(v));
    return x;
}

void pk_view_return_top(view *v) {
    pk_lease_return(v->scratch, LEASE_TOP);
}
