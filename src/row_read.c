/* row_read.c: reads a row with the kernels: maxima, sums, counts, collections. See row.h. */
#include "arithmetic.h"

#include "row_impl.h"

#include <float.h>

/* ---- runs of full groups, patched or not ---- */

/* A run of the logits alone. */
static void row_run_as_is(const logit_row *r, int32_t first, int32_t n, row_run *out) {
    out->x = row_group_at(r, first);
    out->allowed = row_allowed_at(r, first);
    out->kernels = r->of;
    out->element = r->element;
    out->first = first;
    out->n = n;
}

void pk_row_run(const logit_row *r, int32_t first, int32_t n, row_run *out) {
    PLUCK_ASSERT(first >= 0 && n > 0 && first + n <= r->n_full);
    row_run_as_is(r, first, n, out);
    if (!row_is_combined(r)) return;
    pk_row_combine(r, first, n, out->own);
    out->x = (const char *)out->own;
    out->kernels = r->kernels->row[PLUCK_DTYPE_F32][r->allowed ? 1 : 0];
    out->element = sizeof *out->own;
}

bool pk_row_next_full(const logit_row *r, int32_t end, int32_t *g, row_run *out) {
    PLUCK_ASSERT(end <= r->n_full);
    if (*g >= end) return false;
    const int32_t left = end - *g;
    const int32_t n = row_is_combined(r) && left > RUN_GROUPS ? RUN_GROUPS : left;
    pk_row_run(r, *g, n, out);
    *g += n;
    return true;
}

/* ---- one number for each group: first of the row, then of the patches ---- */

/* How many tokens are alive in the row's own values of the patched groups. */
static int64_t alive_behind_patches(const logit_row *r) {
    int64_t n = 0;
    row_run own;
    if (row_tail_is_alone(r)) return 0;
    for (int32_t g = pk_row_next_patched(r, 0); g < r->n_full; g = pk_row_next_patched(r, g + 1)) {
        int64_t masked = 0;
        float least = INFINITY;
        if (!r->finite) {
            pk_row_run(r, g, 1, &own);
            (void)own.kernels->group_census(own.x, own.allowed, 1, &masked, &least);
        } else if (r->allowed) {
            masked = GROUP - __builtin_popcountll(r->allowed[g]);
        }
        n += GROUP - masked;
    }
    return n;
}

/* Copies each patch's number to that of its group. */
#define SCATTER(from, to)                                                                          \
    for (int32_t g_ = pk_row_next_patched(r, 0); g_ < r->n_groups;                                 \
         g_ = pk_row_next_patched(r, g_ + 1))                                                      \
    (to)[g_] = (from)[r->memory.patch_of[g_]]

/* How many tokens are alive in the full groups without patches; -1 if one of them is NaN. Lowers *least
 * to the least of them. */
static int64_t census(const logit_row *r, float *least) {
    int64_t masked = 0;
    row_run part;
    for (int32_t g = 0; pk_row_next_full(r, r->n_full, &g, &part);)
        if (!part.kernels->group_census(part.x, part.allowed, (size_t)part.n, &masked, least))
            return -1;
    return (int64_t)r->n_full * GROUP - masked;
}

/* The maxima of n groups, and with p their sums; returns whether all logits are moderate. */
static bool read_max(const row_kernels *k, const void *x, const uint64_t *allowed, int32_t n,
                     const exp_params *p, float *max, double *sum) {
    return p ? k->group_max_sumexp(x, allowed, (size_t)n, p, max, sum)
             : k->group_max(x, allowed, (size_t)n, max);
}

/* Writes the maxima, and with p the sums, of the patches in their order, and adds the number of those
 * that are not alive. False if one is NaN. */
static bool read_patches(logit_row *r, const exp_params *p, float *max, double *sum,
                         int64_t *masked) {
    const size_t n = (size_t)r->n_patches;
    if (read_max(row_f32(r), r->memory.patches, NULL, r->n_patches, p, max, sum)) {
        if (r->least > LEAST_MODERATE) r->least = LEAST_MODERATE;
        return true;
    }
    return row_f32(r)->group_census(r->memory.patches, NULL, n, masked, &r->least);
}

/* The same, by the groups that the patches are of. */
static bool max_of_patches(logit_row *r, scratch_arena *s, const exp_params *p, float *max,
                           double *sum, int64_t *masked) {
    if (row_tail_is_alone(r)) return read_patches(r, p, max + r->n_full, sum + r->n_full, masked);
    float *patch_max = pk_lease_floats(s, LEASE_MAXIMA, (size_t)r->n_patches);
    double *patch_sum = pk_lease_doubles(s, LEASE_SUMS, (size_t)r->n_patches);
    const bool sound = read_patches(r, p, patch_max, patch_sum, masked);
    SCATTER(patch_max, max);
    if (p) SCATTER(patch_sum, sum);
    pk_lease_return(s, LEASE_SUMS);
    pk_lease_return(s, LEASE_MAXIMA);
    return sound;
}

/* The maxima of full groups that are mixed with a second row of the same dtype, without a copy of
 * them; those in which something is not moderate are computed first. Returns whether all is. */
static bool read_mixed_max(const logit_row *r, float *max) {
    bool moderate = true;
    row_run part;
    for (int32_t g = 0; g < r->n_full; g += RUN_GROUPS) {
        const int32_t n = r->n_full - g < RUN_GROUPS ? r->n_full - g : RUN_GROUPS;
        const char *y = r->second.x + (size_t)g * GROUP * r->element;
        if (r->of->group_mix_max(row_group_at(r, g), y, row_allowed_at(r, g), (size_t)n,
                                 &r->second.mix, max + g))
            continue;
        pk_row_run(r, g, n, &part);
        moderate &= read_max(part.kernels, part.x, part.allowed, n, NULL, max + g, NULL);
    }
    return moderate;
}

/* The maxima, and with p the sums, of the full groups; returns whether all logits are moderate. */
static bool read_full_max(const logit_row *r, const exp_params *p, float *max, double *sum) {
    if (!p && r->second.x && r->second.dtype == r->dtype && !r->bent) return read_mixed_max(r, max);
    bool moderate = true;
    row_run part;
    for (int32_t g = 0; pk_row_next_full(r, r->n_full, &g, &part);)
        moderate &= read_max(part.kernels, part.x, part.allowed, part.n, p, max + part.first,
                             sum + part.first);
    return moderate;
}

bool pk_row_max(logit_row *r, scratch_arena *s, const exp_params *p, float *max, double *sum,
                int32_t *n_alive) {
    int64_t alive = r->n_allowed;
    const bool moderate = read_full_max(r, p, max, sum);
    r->least = moderate ? LEAST_MODERATE : INFINITY;
    if (!moderate) alive = census(r, &r->least);
    if (alive < 0) return false;
    r->finite = alive == r->n_allowed;
    if (r->n_patches > 0) {
        int64_t masked = 0;
        if (!max_of_patches(r, s, p, max, sum, &masked)) return false;
        alive += (int64_t)r->n_patches * GROUP - masked - alive_behind_patches(r);
    }
    PLUCK_ASSERT(alive >= 0 && alive <= r->n);
    *n_alive = (int32_t)alive;
    return true;
}

/* Writes one sum of each group: of e(x), or with a (not NULL) of the adaptive weights. */
static void read_sum(const row_kernels *k, const void *x, const uint64_t *allowed, int32_t n,
                     const exp_params *p, const adapt_params *a, double *sum) {
    if (a)
        k->group_adapt(x, allowed, (size_t)n, a, sum);
    else
        k->group_sumexp(x, allowed, (size_t)n, p, sum);
}

static void sum_one(const logit_row *r, scratch_arena *s, const exp_params *p,
                    const adapt_params *a, double *sum) {
    row_run part;
    for (int32_t g = 0; pk_row_next_full(r, r->n_full, &g, &part);)
        read_sum(part.kernels, part.x, part.allowed, part.n, p, a, sum + part.first);
    if (r->n_patches == 0) return;
    if (row_tail_is_alone(r)) {
        read_sum(row_f32(r), r->memory.patches, NULL, 1, p, a, sum + r->n_full);
        return;
    }
    double *patch_sum = pk_lease_doubles(s, LEASE_SUMS, (size_t)r->n_patches);
    read_sum(row_f32(r), r->memory.patches, NULL, r->n_patches, p, a, patch_sum);
    SCATTER(patch_sum, sum);
    pk_lease_return(s, LEASE_SUMS);
}

void pk_row_sumexp(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum) {
    sum_one(r, s, p, NULL, sum);
}

void pk_row_adapt(const logit_row *r, scratch_arena *s, const adapt_params *p, double *sum) {
    sum_one(r, s, NULL, p, sum);
}

/* Writes two sums of each group: of e(x), and of e(x) (x - ref) or e(x)^2. */
static void sum_two(const logit_row *r, scratch_arena *s, bool squares, const exp_params *p,
                    double *sum, double *other) {
    row_run part;
    for (int32_t g = 0; pk_row_next_full(r, r->n_full, &g, &part);)
        (squares ? part.kernels->group_squares : part.kernels->group_moment)(
            part.x, part.allowed, (size_t)part.n, p, sum + part.first, other + part.first);
    if (r->n_patches == 0) return;
    const size_t n_patches = (size_t)r->n_patches;
    double *patch_sum = pk_lease_doubles(s, LEASE_SUMS, n_patches);
    double *patch_other = pk_lease_doubles(s, LEASE_MOMENTS, n_patches);
    const row_kernels *f32 = row_f32(r);
    (squares ? f32->group_squares : f32->group_moment)(r->memory.patches, NULL, n_patches, p,
                                                       patch_sum, patch_other);
    SCATTER(patch_sum, sum);
    SCATTER(patch_other, other);
    pk_lease_return(s, LEASE_MOMENTS);
    pk_lease_return(s, LEASE_SUMS);
}

void pk_row_moment(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum,
                   double *moment) {
    sum_two(r, s, false, p, sum, moment);
}

void pk_row_squares(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum,
                    double *squares) {
    sum_two(r, s, true, p, sum, squares);
}

/* ---- one number for all groups, or ids in order: run by run ---- */

/* Makes a run of a group that has been computed. */
static void run_of_copy(const logit_row *r, const float *x, row_run *out) {
    out->x = (const char *)x;
    out->allowed = NULL;
    out->kernels = row_f32(r);
    out->element = sizeof *x;
}

/* Makes a run of one group, patched or not. */
static void run_of_group(const logit_row *r, int32_t g, row_run *out) {
    if (row_is_patched(r, g))
        run_of_copy(r, row_patch_at(r, g), out);
    else
        pk_row_run(r, g, 1, out);
}

/* Whether a kernel would read group g. max: NULL if it reads all. */
static bool is_read(const float *max, int32_t g, float low) {
    return !max || max[g] >= low;
}

/*
 * Finds the run that starts at group *g, and moves *g past it. max: the maxima of the groups, if the
 * kernel does not read those below the cut; else NULL. If logits are combined, a run has only
 * groups that are read, or only such that are not, for which nothing needs to be computed.
 */
static bool next_run(const logit_row *r, const float *max, row_cut c, int32_t *g, row_run *out) {
    if (*g >= r->n_groups) return false;
    const int32_t first = *g;
    PLUCK_ASSERT(c.through >= 0 && !isnan(c.x));
    const int32_t split = c.through < r->n ? c.through / GROUP : r->n_groups;
    out->first = first;
    out->low = first > split ? nextafterf(c.x, INFINITY) : c.x;
    out->n = 1;
    *g = first + 1;
    if (first == split) {
        pk_row_group(r, first, c, out->own);
        run_of_copy(r, out->own, out);
        return true;
    }
    int32_t end = pk_row_next_patched(r, first);
    if (end == first) {
        run_of_copy(r, row_patch_at(r, first), out);
        return true;
    }
    if (first < split && end > split) end = split;
    const bool read = is_read(max, first, out->low);
    if (row_is_combined(r)) {
        const int32_t most = read ? RUN_GROUPS : end - first;
        int32_t n = 1;
        while (n < most && first + n < end && is_read(max, first + n, out->low) == read) n++;
        end = first + n;
    }
    *g = end;
    if (read)
        pk_row_run(r, first, end - first, out);
    else
        row_run_as_is(r, first, end - first, out);
    return true;
}

void pk_row_sumexp_above(const logit_row *r, const float *max, row_cut c, const exp_params *p,
                         double *sum) {
    PLUCK_ASSERT(!cut_is_open(c));
    row_run part;
    for (int32_t g = 0; next_run(r, max, c, &g, &part);)
        part.kernels->group_sumexp_above(part.x, part.allowed, (size_t)part.n, max + part.first,
                                         part.low, p, sum + part.first);
}

void pk_row_sumexp_levels(const logit_row *r, const float *at, int n_levels, const exp_params *p,
                          double *sum, double *above) {
    PLUCK_ASSERT(n_levels == 1 || n_levels == 2);
    row_run part;
    above[0] = above[1] = 0.0;
    for (int32_t g = 0; next_run(r, NULL, cut_at(-INFINITY), &g, &part);)
        part.kernels->group_sumexp_levels(part.x, part.allowed, (size_t)part.n, at, n_levels, p,
                                          sum + part.first, above);
}

group_totals pk_row_stats(const logit_row *r, float shift) {
    group_totals totals = {0};
    row_run part;
    for (int32_t g = 0; next_run(r, NULL, cut_at(-INFINITY), &g, &part);)
        part.kernels->group_stats(part.x, part.allowed, (size_t)part.n, shift, &totals);
    return totals;
}

float pk_row_min(const logit_row *r) {
    float least = INFINITY;
    row_run part;
    for (int32_t g = 0; next_run(r, NULL, cut_at(-INFINITY), &g, &part);) {
        const float of = part.kernels->least(part.x, part.allowed, (size_t)part.n);
        least = of < least ? of : least;
    }
    return least;
}

/* How many groups to collect before the next look at how many candidates there are. */
static int32_t stretch(int32_t n, int32_t most) {
    const int32_t groups = (most - n) / (2 * GROUP);
    return groups < 16 ? 16 : groups;
}

/* Collects from `count` groups of a run, from its i-th on. */
static int32_t collect_run(const row_run *part, int32_t i, int32_t count, const float *max,
                           float below, int32_t *ids, float *x) {
    const int32_t first = part->first + i;
    return part->kernels->group_collect(part->x + (size_t)i * GROUP * part->element,
                                        part->allowed ? part->allowed + i : NULL, (size_t)count,
                                        max + first, first * GROUP, part->low, below, ids, x);
}

int32_t pk_row_collect(const logit_row *r, const float *max, row_cut c, float below, int32_t *ids,
                       float *x) {
    int32_t n = 0;
    row_run part;
    for (int32_t g = 0; next_run(r, max, c, &g, &part);)
        n += collect_run(&part, 0, part.n, max, below, ids + n, x + n);
    PLUCK_ASSERT(n <= r->n);
    return n;
}

int64_t pk_row_collect_few(const logit_row *r, const float *max, row_cut c, int32_t most,
                           int32_t *ids, float *x) {
    PLUCK_ASSERT(!cut_is_open(c));
    int32_t n = 0;
    bool counted = false;
    row_run part;
    for (int32_t g = 0; next_run(r, max, c, &g, &part);) {
        for (int32_t i = 0, count; i < part.n; i += count) {
            count = stretch(n, most);
            count = count < part.n - i ? count : part.n - i;
            n += collect_run(&part, i, count, max, NAN, ids + n, x + n);
            /* If it goes on like this there are too many, and counting is cheaper. */
            const int64_t seen = part.first + i + count;
            if (counted || (int64_t)n * r->n_groups <= (int64_t)most * seen) continue;
            const int64_t all = pk_row_count_above(r, max, c);
            if (all > most) return all;
            counted = true;
        }
    }
    PLUCK_ASSERT(n <= most);
    return n;
}

int32_t pk_row_collect_group(const logit_row *r, const float *max, int32_t g, float low,
                             int32_t *ids, float *x) {
    PLUCK_ASSERT(g >= 0 && g < r->n_groups && low > -INFINITY);
    row_run one;
    run_of_group(r, g, &one);
    return one.kernels->group_collect(one.x, one.allowed, 1, max + g, g * GROUP, low, NAN, ids, x);
}

float pk_row_group_max(const logit_row *r, int32_t g) {
    PLUCK_ASSERT(g >= 0 && g < r->n_groups);
    row_run one;
    float max;
    run_of_group(r, g, &one);
    (void)one.kernels->group_max(one.x, one.allowed, 1, &max);
    return max;
}

float pk_row_group_min(const logit_row *r, int32_t g) {
    PLUCK_ASSERT(g >= 0 && g < r->n_groups);
    row_run one;
    run_of_group(r, g, &one);
    return one.kernels->least(one.x, one.allowed, 1);
}

int64_t pk_row_count_above(const logit_row *r, const float *max, row_cut c) {
    PLUCK_ASSERT(!cut_is_open(c));
    int64_t n = 0;
    row_run part;
    for (int32_t g = 0; next_run(r, max, c, &g, &part);)
        n += part.kernels->group_count_above(part.x, part.allowed, (size_t)part.n, max + part.first,
                                             part.low);
    return n;
}
