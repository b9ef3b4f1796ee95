/* list.c: see list.h. */
#include "arithmetic.h"

#include "list.h"

#include <float.h>

#include "kernels/kernels.h"

/* Up to this many values pk_kth_of_few is faster than a selection. */
enum { FEW = 512 };

/* A longer list is sorted by moving its candidates, a shorter one by moving its positions. */
enum { LONG_LIST = 2048 };

/* Asserts that the entries are in the order they are said to be. Equals of a caller may be in any
 * order. */
static void check_lies(const list *l) {
    if (!CHECKS) return;
    for (int32_t i = 1; i < l->n; i++) {
        PLUCK_ASSERT(l->lies != ORDER_ID || l->ids[i - 1] < l->ids[i]);
        PLUCK_ASSERT(l->lies != ORDER_DESCENDING || l->x[i - 1] >= l->x[i]);
    }
}

void pk_list_set(list *l, int32_t n, candidate_order lies) {
    PLUCK_ASSERT(n >= 0 && n <= l->room && lies != ORDER_NEAR);
    l->lies = lies;
    l->least = -FLT_MAX;
    pk_list_truncate(l, n);
    check_lies(l);
}

void pk_list_truncate(list *l, int32_t n) {
    PLUCK_ASSERT(n >= 0 && n <= l->room);
    l->n = n;
    const size_t end = round_up((size_t)n, GROUP);
    for (size_t i = (size_t)n; i < end; i++) l->x[i] = -INFINITY;
}

bool pk_list_lies(const list *l, candidate_order order, double centre) {
    return l->lies == order && (order != ORDER_NEAR || l->centre == centre);
}

ordering pk_list_ordering(const list *l, candidate_order order, double centre) {
    return (ordering){l->ids, l->x, order, centre};
}

void pk_places_of_few(const float *x, int32_t n, int32_t *to) {
    uint8_t taken[SHORT_LIST] = {0}; /* by values of that rank, which come before */
    PLUCK_ASSERT(n >= 0 && n <= SHORT_LIST);
    pk_kernels()->array.rank(x, (size_t)n, to);
    for (int32_t i = 0; i < n; i++) to[i] += taken[to[i]]++;
}

/* Whether the values lie in descending order. */
static bool descends(const list *l) {
    int rises = 0;
    for (int32_t i = 1; i < l->n; i++) rises |= l->x[i] > l->x[i - 1];
    return rises == 0;
}

/* Sorts a short list that lies by id in descending order. Returns whether anything moved. */
static bool sort_short(list *l) {
    int32_t ids[SHORT_LIST], to[SHORT_LIST];
    float x[SHORT_LIST];
    if (descends(l)) return false;
    pk_places_of_few(l->x, l->n, to);
    for (int32_t i = 0; i < l->n; i++) {
        ids[to[i]] = l->ids[i];
        x[to[i]] = l->x[i];
    }
    memcpy(l->ids, ids, (size_t)l->n * sizeof *ids);
    memcpy(l->x, x, (size_t)l->n * sizeof *x);
    return true;
}

/* Sorts a list of any length. Returns whether anything moved. */
static bool sort_any(list *l, scratch_arena *s, candidate_order order, double centre, float *room) {
    const ordering o = pk_list_ordering(l, order, centre);
    int32_t *index = pk_lease_ints(s, LEASE_INDEX, (size_t)l->n);
    for (int32_t i = 0; i < l->n; i++) index[i] = i;
    const bool moves = !pk_is_sorted(&o, index, l->n);
    PLUCK_ASSERT(room || l->n <= LONG_LIST);
    if (moves && l->n > LONG_LIST) {
        pk_sort_candidates(order, centre, l->ids, l->x, l->n, index, room);
    } else if (moves) {
        pk_sort_index(&o, index, l->n);
        pk_permute(l->ids, l->x, index, l->n);
    }
    pk_lease_return(s, LEASE_INDEX);
    return moves;
}

bool pk_list_sort(list *l, scratch_arena *s, candidate_order order, double centre, float *room) {
    PLUCK_ASSERT(order != ORDER_AS_IT_LIES);
    if (pk_list_lies(l, order, centre)) return false;
    const bool by_rank = l->n <= SHORT_LIST && order == ORDER_DESCENDING && l->lies == ORDER_ID;
    const bool moves = by_rank ? sort_short(l) : sort_any(l, s, order, centre, room);
    l->lies = order;
    l->centre = centre;
    check_lies(l);
    return moves;
}

/* Writes the maxima of n groups of a list from a group on; the padding makes whole groups. */
static void maxima_of_groups(const list *l, int32_t first, int32_t n, float *max) {
    (void)pk_kernels()->row[PLUCK_DTYPE_F32][0]->group_max(l->x + (size_t)first * GROUP, NULL,
                                                           (size_t)n, max);
}

static int32_t groups_of(const list *l) {
    return (l->n + GROUP - 1) / GROUP;
}

/* So many groups are looked at before those among them that reach a value. */
enum { AT_ONCE = 32 };

float pk_list_max(const list *l) {
    PLUCK_ASSERT(l->n > 0);
    check_lies(l);
    if (l->lies == ORDER_DESCENDING) return l->x[0];
    float greatest = -INFINITY, max[AT_ONCE];
    for (int32_t first = 0; first < groups_of(l); first += AT_ONCE) {
        const int32_t n = groups_of(l) - first < AT_ONCE ? groups_of(l) - first : AT_ONCE;
        maxima_of_groups(l, first, n, max);
        for (int32_t g = 0; g < n; g++) greatest = max[g] > greatest ? max[g] : greatest;
    }
    return greatest;
}

float pk_list_min(const list *l) {
    PLUCK_ASSERT(l->n > 0);
    check_lies(l);
    if (l->lies == ORDER_DESCENDING) return l->x[l->n - 1];
    float least = INFINITY;
    for (int32_t i = 0; i < l->n; i++) least = l->x[i] < least ? l->x[i] : least;
    return least;
}

int32_t pk_list_count(const list *l, float low) {
    int32_t n = 0;
    for (int32_t i = 0; i < l->n; i++) n += l->x[i] >= low;
    return n;
}

int32_t pk_find_id(const int32_t *ids, int32_t n, int32_t id) {
    int32_t first = 0;
    for (; first + GROUP <= n; first += GROUP) {
        int32_t found = 0;
        for (int32_t i = first; i < first + GROUP; i++) found |= -(ids[i] == id);
        if (found) break;
    }
    for (int32_t i = first; i < n; i++)
        if (ids[i] == id) return i;
    return -1;
}

int32_t pk_list_find(const list *l, int32_t id) {
    return pk_find_id(l->ids, l->n, id);
}

/* A list is searched and filtered by the span: those that hold nothing, which are most, cost little.
 * The padding makes whole spans. */
enum { SPAN = 16 };

static bool span_reaches(const float *x, float low) {
    int reaches = 0;
    for (int i = 0; i < SPAN; i++) reaches |= x[i] >= low;
    return reaches != 0;
}

/* Moves what reaches `low` of the group with this first place to the n-th place on; returns n plus how
 * many these are. */
static int32_t keep_of_group(list *l, int32_t begin, float low, int32_t n) {
    const int32_t end = begin + GROUP < l->n ? begin + GROUP : l->n;
    for (int32_t first = begin; first < end; first += SPAN) {
        if (!span_reaches(l->x + first, low)) continue;
        for (int32_t i = first; i < first + SPAN && i < end; i++) {
            l->ids[n] = l->ids[i];
            l->x[n] = l->x[i];
            n += l->x[n] >= low;
        }
    }
    return n;
}

/* The groups of a list that reach a value, one after the other. */
typedef struct reaching {
    const list *l;
    float low;
    int32_t next;
    float max[AT_ONCE]; /* of the groups around `next` */
} reaching;

/* The first place of the next group that reaches the value; -1 if none does. */
static int32_t next_reaching(reaching *r) {
    const int32_t n_groups = groups_of(r->l);
    while (r->next < n_groups) {
        const int32_t g = r->next++, left = n_groups - g < AT_ONCE ? n_groups - g : AT_ONCE;
        if (g % AT_ONCE == 0) maxima_of_groups(r->l, g, left, r->max);
        if (r->max[g % AT_ONCE] >= r->low) return g * GROUP;
    }
    return -1;
}

int32_t pk_list_lowest_id(const list *l, float x) {
    reaching r = {.l = l, .low = x};
    int32_t best = -1;
    for (int32_t group; (group = next_reaching(&r)) >= 0;)
        for (int32_t first = group; first < group + GROUP; first += SPAN) {
            if (!span_reaches(l->x + first, x)) continue;
            for (int32_t i = first; i < first + SPAN && i < l->n; i++)
                if (l->x[i] == x && (best < 0 || l->ids[i] < best)) best = l->ids[i];
        }
    PLUCK_ASSERT(best >= 0);
    return best;
}

int32_t pk_list_values_above(const list *l, float low, int32_t most, float *out) {
    reaching r = {.l = l, .low = low};
    int32_t n = 0;
    for (int32_t group; n <= most && (group = next_reaching(&r)) >= 0;)
        for (int32_t i = group; i < group + GROUP; i++) { /* the padding reaches nothing */
            out[n] = l->x[i];
            n += l->x[i] >= low;
        }
    return n;
}

void pk_list_keep_above(list *l, float low) {
    reaching r = {.l = l, .low = low};
    int32_t n = 0;
    for (int32_t first; (first = next_reaching(&r)) >= 0;) n = keep_of_group(l, first, low, n);
    pk_list_truncate(l, n);
}

/* Keeps x > low, and of x = low the ids up to last_id. */
static void keep_descending_through(list *l, float low, int32_t last_id) {
    int32_t n = 0;
    for (int32_t first = 0; first < l->n; first += SPAN) {
        if (!span_reaches(l->x + first, low)) continue;
        const int32_t end = first + SPAN < l->n ? first + SPAN : l->n;
        for (int32_t i = first; i < end; i++) {
            const int32_t id = l->ids[i];
            const float x = l->x[i];
            l->ids[n] = id;
            l->x[n] = x;
            n += (x > low) | ((x == low) & (id <= last_id));
        }
    }
    pk_list_truncate(l, n);
}

void pk_list_keep_through(list *l, const ordering *o, double key, int32_t last_id) {
    if (o->order == ORDER_DESCENDING) { /* the key of x is -x */
        keep_descending_through(l, (float)-key, last_id);
        return;
    }
    const bool near = o->order == ORDER_NEAR;
    int32_t n = 0;
    for (int32_t i = 0; i < l->n; i++) {
        const int32_t id = l->ids[i];
        const float x = l->x[i];
        const double k =
            near ? fabs((double)x - o->centre) : 0.0; /* pk_order_key, without a call */
        l->ids[n] = id;
        l->x[n] = x;
        n += (k < key) | ((k == key) & (id <= last_id));
    }
    pk_list_truncate(l, n);
}

float pk_list_bound(const list *l, scratch_arena *s, int32_t k) {
    const int32_t n_groups = groups_of(l);
    if (k > n_groups) return -INFINITY;
    float *max = pk_lease_floats(s, LEASE_MAXIMA, (size_t)n_groups);
    maxima_of_groups(l, 0, n_groups, max);
    const float bound = pk_kth_greatest(max, n_groups, k);
    pk_lease_return(s, LEASE_MAXIMA);
    return bound;
}

/* Keeps the first k in descending order: selects by value, then by id among equals. */
static void keep_greatest(list *l, scratch_arena *s, int32_t k) {
    /* Only those of a long list that may be among them. */
    if (k <= groups_of(l) / 4) pk_list_keep_above(l, pk_list_bound(l, s, k));
    PLUCK_ASSERT(l->n >= k);
    if (l->n == k) return;
    float kth;
    if (l->n <= FEW) {
        kth = pk_kth_of_few(l->x, l->n, k);
    } else {
        float *values = pk_lease_floats(s, LEASE_VALUES, (size_t)l->n);
        memcpy(values, l->x, (size_t)l->n * sizeof *values);
        kth = pk_kth_greatest(values, l->n, k);
        pk_lease_return(s, LEASE_VALUES);
    }
    int32_t above = 0, equal = 0;
    int32_t *ties = pk_lease_ints(s, LEASE_TIES, (size_t)l->n);
    for (int32_t i = 0; i < l->n; i++) {
        above += l->x[i] > kth;
        if (l->x[i] == kth) ties[equal++] = i;
    }
    PLUCK_ASSERT(above < k && above + equal >= k);
    const int32_t last_id = l->lies == ORDER_ID
                                ? l->ids[ties[k - above - 1]]
                                : l->ids[pk_kth_lowest_id(l->ids, ties, equal, k - above)];
    pk_lease_return(s, LEASE_TIES);
    keep_descending_through(l, kth, last_id);
    PLUCK_ASSERT(l->n == k);
}

/* The position of the k-th in any order: selects by its key rounded to float, then sorts those that
 * are equal to that. */
static int32_t kth_in_order(const list *l, scratch_arena *s, const ordering *o, int32_t k) {
    int32_t before = 0, n_ties = 0;
    float *values = pk_lease_floats(s, LEASE_VALUES, (size_t)l->n);
    for (int32_t i = 0; i < l->n; i++) values[i] = -(float)pk_order_key(o, i);
    const float kth = pk_kth_greatest(values, l->n, k);
    pk_lease_return(s, LEASE_VALUES);
    int32_t *ties = pk_lease_ints(s, LEASE_TIES, (size_t)l->n);
    for (int32_t i = 0; i < l->n; i++) {
        const float value = -(float)pk_order_key(o, i);
        before += value > kth;
        ties[n_ties] = i;
        n_ties += value == kth;
    }
    PLUCK_ASSERT(before < k && before + n_ties >= k);
    bool equal = true; /* not only when rounded */
    for (int32_t i = 1; i < n_ties; i++)
        equal &= pk_order_key(o, ties[i]) == pk_order_key(o, ties[0]);
    if (!equal) pk_sort_index(o, ties, n_ties);
    const int32_t at =
        equal ? pk_kth_lowest_id(l->ids, ties, n_ties, k - before) : ties[k - before - 1];
    pk_lease_return(s, LEASE_TIES);
    return at;
}

void pk_list_keep_first(list *l, scratch_arena *s, const ordering *o, int32_t k) {
    PLUCK_ASSERT(k >= 1 && k < l->n);
    if (o->order == ORDER_DESCENDING) {
        keep_greatest(l, s, k);
        return;
    }
    const int32_t last = kth_in_order(l, s, o, k);
    pk_list_keep_through(l, o, pk_order_key(o, last), l->ids[last]);
}
