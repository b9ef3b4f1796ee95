/*
 * view_check.c: the invariants of a view between two stages. Checked builds assert them after every
 * stage: each number that is kept must be what is found by computing it again.
 */
#include "arithmetic.h"

#include "view_impl.h"

/* Asserts that a list has ids of the vocabulary, each once, values above -inf, and a padded end. */
static void check_list(view *v) {
    const list *l = &v->list;
    PLUCK_ASSERT(l->n >= 0 && l->n <= l->room);
    int32_t *seen = pk_lease_ints(v->scratch, LEASE_SEEN, (size_t)v->n_vocab / 32 + 1);
    memset(seen, 0, ((size_t)v->n_vocab / 32 + 1) * sizeof *seen);
    for (int32_t i = 0; i < l->n; i++) {
        const int32_t id = l->ids[i];
        PLUCK_ASSERT(id >= 0 && id < v->n_vocab);
        PLUCK_ASSERT(l->x[i] > -INFINITY);
        seen[id / 32] |= (int32_t)((uint32_t)1 << (id % 32));
    }
    pk_lease_return(v->scratch, LEASE_SEEN);
    for (size_t i = (size_t)l->n; i < round_up((size_t)l->n, GROUP); i++)
        PLUCK_ASSERT(l->x[i] == -INFINITY);
    if (v->infinite)
        for (int32_t i = 0; i < l->n; i++) PLUCK_ASSERT(l->x[i] == 0.0f);
}

/* Asserts that a list is stored in the order it is said to be in. */
static void check_order(const view *v) {
    const list *l = &v->list;
    if (l->lies == ORDER_AS_IT_LIES) return;
    const ordering o = pk_list_ordering(l, l->lies, l->centre);
    for (int32_t i = 1; i < l->n; i++) {
        /* In a caller's order equals may be in any order. */
        if (l->lies == ORDER_DESCENDING)
            PLUCK_ASSERT(l->x[i - 1] >= l->x[i]);
        else
            PLUCK_ASSERT(pk_order_before(&o, i - 1, i));
    }
    (void)o;
    PLUCK_ASSERT(v->order != ORDER_ID || l->lies == ORDER_ID);
}

/* Asserts that each group which is said to have a patch has one, that masked tokens are -inf in it,
 * and that the right kernels are used for the mask. */
static void check_row(const logit_row *r) {
    int32_t n_patches = 0;
    for (int32_t g = pk_row_next_patched(r, 0); g < r->n_groups;
         g = pk_row_next_patched(r, g + 1)) {
        const int32_t patch = r->memory.patch_of[g];
        PLUCK_ASSERT(patch >= 0 && patch < r->n_patches);
        n_patches++;
        const float *x = r->memory.patches + (size_t)patch * GROUP;
        /* A mask without any bit for this group is not used: the patch itself was masked. */
        const bool masked = r->allowed && g < r->n_full && r->allowed[g] != 0;
        for (int32_t i = 0; masked && i < GROUP; i++)
            PLUCK_ASSERT(r->allowed[g] >> i & 1 || x[i] == -INFINITY);
        (void)x;
    }
    PLUCK_ASSERT(n_patches == r->n_patches);
    PLUCK_ASSERT(r->flat ? r->n_patches == 0 && r->n_full == r->n_groups
                         : r->n_full == r->n_groups || n_patches > 0);
    int64_t n_allowed = 0;
    for (int32_t g = 0; g < r->n_full; g++)
        n_allowed += r->allowed ? __builtin_popcountll(r->allowed[g]) : GROUP;
    PLUCK_ASSERT(n_allowed == r->n_allowed);
    /* Without a mask the plain kernels are used, which are faster. */
    PLUCK_ASSERT((r->of == r->plain) == !r->allowed);
}

/* The mass of one candidate. */
static double mass_of(const view *v, const mass_source *s, float x) {
    const double nats = ((double)x - (double)v->mass.ref) * s->scale;
    if (!s->adapt) return nats > -700.0 ? exp(nats) : 0.0;
    const double below = ((double)x - (double)s->adapt->e.ref) * s->scale;
    const double p = (below > -700.0 ? exp(below) : 0.0) * (double)s->adapt->inv_sum;
    const double d = fabs(p - (double)s->adapt->target) * (double)s->adapt->inv_width;
    return exp(-(double)s->adapt->sharpness * d * d / (1.0 + d));
}

/* Computes a group's maximum, and its mass relative to the sum's reference. */
static void check_group(view *v, const mass_source *s, int32_t g, double *mass, float *max,
                        int32_t *n) {
    float x[GROUP];
    pk_row_group(s->row, g, cut_at(-INFINITY), x);
    float group_max = -INFINITY;
    double group_mass = 0.0;
    for (int32_t i = 0; i < GROUP; i++) {
        group_max = x[i] > group_max ? x[i] : group_max;
        if (s->whole && !cut_admits(s->cut, x[i], g * GROUP + i)) continue;
        if (x[i] == -INFINITY) continue;
        PLUCK_ASSERT(x[i] >= (s->whole ? v->row.least : v->list.least));
        *n += 1;
        group_mass += mass_of(v, s, x[i]);
    }
    if (s->whole) PLUCK_ASSERT(v->mass.group_max[g] == group_max);
    if (v->mass.sum_stamp == v->weights && v->mass.grouped)
        PLUCK_ASSERT(fabs(v->mass.group_sum[g] - group_mass) <= 1e-5 * group_mass + 1e-30);
    *mass += group_mass;
    *max = group_max > *max ? group_max : *max;
}

/* Asserts that the maxima of blocks are those of their groups, which are padded to whole blocks. */
static void check_blocks(const view *v) {
    for (int32_t first = 0; first < v->row.n_groups; first += BLOCK_GROUPS) {
        float max = -INFINITY;
        for (int32_t g = first; g < first + BLOCK_GROUPS; g++) {
            PLUCK_ASSERT(g < v->row.n_groups || v->mass.group_max[g] == -INFINITY);
            max = v->mass.group_max[g] > max ? v->mass.group_max[g] : max;
        }
        PLUCK_ASSERT(v->mass.block_max[first / BLOCK_GROUPS] == max);
    }
}

/* Asserts that the values and masses that are kept of a source of one group are its own. */
static void check_alone(const view *v, const mass_source *s) {
    if (!pk_mass_is_alone(&v->mass, s)) return;
    PLUCK_ASSERT(s->row->n_groups == 1 && v->mass.sum_stamp == v->weights && v->mass.grouped);
    float x[GROUP];
    pk_row_group(s->row, 0, s->cut, x);
    for (int32_t i = 0; i < GROUP; i++) PLUCK_ASSERT(x[i] == v->mass.alone_x[i]);
    PLUCK_ASSERT(pk_mass_exact(v->mass.alone_e) == v->mass.sum);
}

/* Asserts the maximum, the number alive and the sum, if their stamps say that they hold. */
static void check_mass(view *v) {
    if (v->mass.max_stamp != v->values) return;
    const mass_source s = pk_view_source(v);
    double mass = 0.0;
    float max = -INFINITY;
    int32_t n = 0;
    for (int32_t g = 0; g < s.row->n_groups; g++) check_group(v, &s, g, &mass, &max, &n);
    if (v->whole) check_blocks(v);
    PLUCK_ASSERT(v->mass.max == max && max > -INFINITY && max < INFINITY);
    PLUCK_ASSERT(n >= 1 && (!v->uncounted || n <= v->n));
    PLUCK_ASSERT(v->uncounted || n == (v->whole ? v->n : v->list.n));
    check_alone(v, &s);
    if (v->mass.sum_stamp != v->weights) return;
    PLUCK_ASSERT(fabs(v->mass.sum - mass) <= 2e-5 * mass);
    if (!v->mass.grouped) return;
    double sum = 0.0;
    for (int32_t g = 0; g < s.row->n_groups; g++) sum += v->mass.group_sum[g];
    PLUCK_ASSERT(fabs(v->mass.sum - sum) <= 1e-9 * sum);
}

void pk_view_check(view *v) {
    PLUCK_ASSERT(v->scratch->n_leases == 0); /* every lease has been returned */
    PLUCK_ASSERT(v->values >= 1 && v->weights >= v->values);
    PLUCK_ASSERT(v->mass.max_stamp <= v->values && v->mass.sum_stamp <= v->weights);
    PLUCK_ASSERT(v->scale >= 1e-30 && v->scale <= 1e30);
    PLUCK_ASSERT(!v->uncounted || (v->whole && !cut_is_open(v->cut)));
    PLUCK_ASSERT(v->uncounted || v->n_counted >= (v->whole ? v->n : v->list.n));
    PLUCK_ASSERT(v->whole ? !v->infinite : cut_is_open(v->cut));
    PLUCK_ASSERT(v->n_counted >= 0 && v->n_counted <= v->n_vocab);
    PLUCK_ASSERT(v->order != ORDER_NEAR || !isnan(v->centre));
    PLUCK_ASSERT(!v->index || v->whole);
    PLUCK_ASSERT(!pk_view_is_shuffled(v) ||
                 (v->order != ORDER_NEAR && v->cut.through == INT32_MAX));
    if (v->whole) {
        check_row(&v->row);
    } else {
        check_list(v);
        check_order(v);
    }
    check_mass(v);
}
