/* row.c: see row.h. What keeps some candidates alone is in row_keep.c. */
#include "arithmetic.h"

#include "row_impl.h"

#include <float.h>

static bool is_patched(const logit_row *r, int32_t g) {
    return r->n_patches > 0 && (r->memory.patched[g / 64] >> (g % 64) & 1);
}

int32_t pk_row_next_patched(const logit_row *r, int32_t g) {
    PLUCK_ASSERT(g >= 0 && g <= r->n_groups);
    if (r->n_patches == 0) return r->n_groups;
    const uint64_t *patched = r->memory.patched;
    for (int32_t word = g / 64; word <= (r->n_groups - 1) / 64; word++) {
        uint64_t bits = patched[word];
        if (word == g / 64) bits &= ~(uint64_t)0 << (g % 64);
        if (bits) return word * 64 + __builtin_ctzll(bits);
    }
    return r->n_groups;
}

static const row_kernels *f32_of(const logit_row *r) {
    return r->kernels->row[PLUCK_DTYPE_F32][0];
}

static const float *patch_at(const logit_row *r, int32_t g) {
    PLUCK_ASSERT(is_patched(r, g));
    PLUCK_ASSERT(r->memory.patch_of[g] >= 0 && r->memory.patch_of[g] < r->n_patches);
    return r->memory.patches + (size_t)r->memory.patch_of[g] * GROUP;
}

/* ---- opening ---- */

/* Word g of a mask of n bits; bits from n on are 0. */
static uint64_t mask_word(const uint32_t *allowed, int32_t n, int32_t g) {
    const int64_t left = (int64_t)n - (int64_t)g * GROUP;
    if (left <= 0) return 0;
    uint64_t bits = allowed[2 * g];
    if (left > 32) bits |= (uint64_t)allowed[2 * g + 1] << 32;
    return left < GROUP ? bits & (((uint64_t)1 << left) - 1) : bits;
}

/* Copies the mask, because the caller's may be short, may end within a word, and may be gone when
 * the candidates are read. */
static void copy_mask(logit_row *r, const uint32_t *allowed, int32_t n_allowed) {
    const int32_t n = n_allowed > 0 && n_allowed < r->n ? n_allowed : r->n;
    uint64_t *words = r->memory.allowed;
    r->n_allowed = 0;
    for (int32_t g = 0; g < r->n_groups; g++) {
        words[g] = mask_word(allowed, n, g);
        if (g < r->n_full) r->n_allowed += __builtin_popcountll(words[g]);
    }
    r->allowed = words;
}

void pk_row_open(logit_row *r, const row_memory *memory, const kernel_table *kernels, const void *x,
                 pluck_dtype dtype, int32_t n, const uint32_t *allowed, int32_t n_allowed) {
    PLUCK_ASSERT(n > 0 && n <= PLUCK_MAX_VOCAB && x && (int)dtype < KERNEL_DTYPES);
    *r = (logit_row){
        .kernels = kernels,
        .plain = kernels->row[dtype][0],
        .of = kernels->row[dtype][allowed ? 1 : 0],
        .x = x,
        .dtype = dtype,
        .element = dtype_size(dtype),
        .n = n,
        .n_groups = (int32_t)(round_up((size_t)n, GROUP) / GROUP),
        .n_full = n / GROUP,
        .memory = *memory,
    };
    r->n_allowed = (int64_t)r->n_full * GROUP;
    if (allowed) copy_mask(r, allowed, n_allowed);
    memset(memory->patched, 0, (size_t)(r->n_groups / 64 + 1) * sizeof *memory->patched);
    if (r->n_full < r->n_groups) (void)pk_row_patch(r, r->n_full);
    if (r->n_allowed < (int64_t)r->n_full * GROUP) return;
    /* A mask that masks nothing outside the patch is dropped. */
    r->allowed = NULL;
    r->of = r->plain;
}

logit_row pk_row_of_values(const kernel_table *kernels, const float *x, int32_t n) {
    const int32_t n_groups = (int32_t)(round_up((size_t)n, GROUP) / GROUP);
    for (int32_t i = n; CHECKS && i < n_groups * GROUP; i++) PLUCK_ASSERT(x[i] == -INFINITY);
    const row_kernels *f32 = kernels->row[PLUCK_DTYPE_F32][0];
    return (logit_row){
        .kernels = kernels,
        .plain = f32,
        .of = f32,
        .x = (const char *)x,
        .element = sizeof *x,
        .n = n_groups * GROUP,
        .n_groups = n_groups,
        .n_full = n_groups,
        .n_allowed = (int64_t)n_groups * GROUP,
    };
}

int32_t pk_row_few(const logit_row *r, int32_t most, int32_t *ids) {
    if (!r->allowed || r->n_allowed > most) return -1;
    int32_t n = 0;
    for (int32_t g = 0; g < r->n_groups; g++) {
        uint64_t bits = r->allowed[g];
        PLUCK_ASSERT(n <= most);
        if (n + __builtin_popcountll(bits) > most) return -1;
        for (; bits; bits &= bits - 1) ids[n++] = g * GROUP + __builtin_ctzll(bits);
    }
    return n;
}

/* ---- patches ---- */

/* Writes the last group if it is short, padded with -inf. */
static void widen_short(const logit_row *r, int32_t g, float *out) {
    const int64_t left = (int64_t)r->n - (int64_t)g * GROUP;
    PLUCK_ASSERT(left > 0 && left < GROUP);
    const uint64_t bits = r->allowed     ? r->allowed[g]
                          : left < GROUP ? ((uint64_t)1 << left) - 1
                                         : ~(uint64_t)0;
    char padded[GROUP * sizeof(float)] = {0};
    memcpy(padded, group_at(r, g), (size_t)left * r->element);
    r->plain->widen(padded, NULL, 1, out);
    for (int i = 0; i < GROUP; i++)
        if (!(bits >> i & 1)) out[i] = -INFINITY;
}

/* Writes the row's own values of a group, -inf if masked. */
static void widen_group(const logit_row *r, int32_t g, float *out) {
    if (g < r->n_full)
        r->of->widen(group_at(r, g), allowed_at(r, g), 1, out);
    else
        widen_short(r, g, out);
}

float *pk_row_patch(logit_row *r, int32_t g) {
    PLUCK_ASSERT(g >= 0 && g < r->n_groups && r->memory.patches);
    if (r->flat) return r->memory.patches + (size_t)g * GROUP;
    if (is_patched(r, g)) return r->memory.patches + (size_t)r->memory.patch_of[g] * GROUP;
    PLUCK_ASSERT(r->n_patches < r->n_groups);
    float *patch = r->memory.patches + (size_t)r->n_patches * GROUP;
    widen_group(r, g, patch);
    r->memory.patched[g / 64] |= (uint64_t)1 << (g % 64);
    r->memory.patch_of[g] = r->n_patches++;
    return patch;
}

/* All groups are patches now, in the order of their ids. */
static void become_flat(logit_row *r) {
    float *flat = r->memory.patches;
    memset(r->memory.patched, 0, (size_t)(r->n_groups / 64 + 1) * sizeof *r->memory.patched);
    r->x = (const char *)flat;
    r->element = sizeof *flat;
    r->plain = r->of = f32_of(r);
    r->dtype = PLUCK_DTYPE_F32;
    r->finite = false;
    r->n_full = r->n_groups;
    r->allowed = NULL;
    r->n_allowed = (int64_t)r->n_groups * GROUP;
    r->n_patches = 0;
    r->flat = true;
}

void pk_row_expect_edits(logit_row *r, int32_t n) {
    const bool tail_alone = r->n_patches == r->n_groups - r->n_full;
    if (r->flat || !tail_alone || n <= r->n_groups / 2) return;
    float *flat = r->memory.patches;
    if (r->n_patches > 0 && r->n_full > 0)
        memcpy(flat + (size_t)r->n_full * GROUP, flat, GROUP * sizeof *flat);
    r->of->widen(r->x, r->allowed, (size_t)r->n_full, flat);
    become_flat(r);
}

void pk_row_bend(logit_row *r, const bend_params *p, float *room) {
    const array_kernels *k = &r->kernels->array;
    float *flat = r->memory.patches;
    if (r->flat) {
        k->bend(flat, (size_t)r->n_groups * GROUP, p, flat);
        return;
    }
    k->bend(flat, (size_t)r->n_patches * GROUP, p, room);
    const bool as_is = r->dtype == PLUCK_DTYPE_F32 && !r->allowed;
    if (as_is) k->bend((const float *)(const void *)r->x, (size_t)r->n_full * GROUP, p, flat);
    for (int32_t first = 0; first < r->n_full && !as_is; first += BLOCK_GROUPS) {
        const int32_t left = r->n_full - first;
        const size_t n = (size_t)(left < BLOCK_GROUPS ? left : BLOCK_GROUPS);
        float *to = flat + (size_t)first * GROUP;
        r->of->widen(group_at(r, first), allowed_at(r, first), n, to);
        k->bend(to, n * GROUP, p, to);
    }
    for (int32_t g = pk_row_next_patched(r, 0); g < r->n_groups; g = pk_row_next_patched(r, g + 1))
        memcpy(flat + (size_t)g * GROUP, room + (size_t)r->memory.patch_of[g] * GROUP,
               GROUP * sizeof *flat);
    become_flat(r);
}

void pk_row_group(const logit_row *r, int32_t g, row_cut c, float *x) {
    PLUCK_ASSERT(g >= 0 && g < r->n_groups);
    if (is_patched(r, g))
        memcpy(x, patch_at(r, g), GROUP * sizeof *x);
    else
        widen_group(r, g, x);
    if (cut_is_open(c)) return;
    for (int i = 0; i < GROUP; i++)
        if (!cut_admits(c, x[i], g * GROUP + i)) x[i] = -INFINITY;
}

void pk_row_prefetch(const logit_row *r, const int32_t *ids, int32_t n) {
    const size_t size = GROUP * r->element;
    for (int32_t k = 0; k < n; k++) {
        PLUCK_ASSERT(ids[k] >= 0 && ids[k] < r->n_groups * GROUP);
        const char *x = group_at(r, ids[k] / GROUP);
        for (size_t at = 0; at < size; at += 64) __builtin_prefetch(x + at);
    }
}

int32_t pk_row_group_masked(const logit_row *r, int32_t g) {
    float x[GROUP];
    int32_t n = 0;
    pk_row_group(r, g, cut_at(-INFINITY), x);
    for (int i = 0; i < GROUP; i++) n += x[i] == -INFINITY;
    return n;
}

/* ---- one number for each group: first of the row, then of the patches ---- */

/* How many tokens are alive in the row's own values of the patched groups. */
static int64_t alive_behind_patches(const logit_row *r) {
    int64_t n = 0;
    for (int32_t g = pk_row_next_patched(r, 0); g < r->n_full; g = pk_row_next_patched(r, g + 1)) {
        int64_t masked = 0;
        if (!r->finite)
            (void)r->of->group_census(group_at(r, g), allowed_at(r, g), 1, &masked);
        else if (r->allowed)
            masked = GROUP - __builtin_popcountll(r->allowed[g]);
        n += GROUP - masked;
    }
    return n;
}

/* Copies each patch's number to that of its group. */
#define SCATTER(from, to)                                                                          \
    for (int32_t g_ = pk_row_next_patched(r, 0); g_ < r->n_groups;                                 \
         g_ = pk_row_next_patched(r, g_ + 1))                                                      \
    (to)[g_] = (from)[r->memory.patch_of[g_]]

bool pk_row_max(logit_row *r, scratch_arena *s, float *max, int32_t *n_alive) {
    const size_t full = (size_t)r->n_full;
    int64_t alive = r->n_allowed;
    r->finite = r->of->group_max(r->x, r->allowed, full, max);
    if (!r->finite) {
        int64_t masked = 0;
        if (!r->of->group_census(r->x, r->allowed, full, &masked)) return false;
        alive = (int64_t)full * GROUP - masked;
        r->finite = alive == r->n_allowed;
    }
    if (r->n_patches > 0) {
        const size_t n_patches = (size_t)r->n_patches;
        float *patch_max = pk_lease_floats(s, LEASE_MAXIMA, n_patches);
        int64_t masked = 0;
        bool sound = f32_of(r)->group_max(r->memory.patches, NULL, n_patches, patch_max);
        if (!sound) sound = f32_of(r)->group_census(r->memory.patches, NULL, n_patches, &masked);
        SCATTER(patch_max, max);
        pk_lease_return(s, LEASE_MAXIMA);
        if (!sound) return false;
        alive += (int64_t)n_patches * GROUP - masked - alive_behind_patches(r);
    }
    PLUCK_ASSERT(alive >= 0 && alive <= r->n);
    *n_alive = (int32_t)alive;
    return true;
}

void pk_row_sumexp(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum) {
    r->of->group_sumexp(r->x, r->allowed, (size_t)r->n_full, p, sum);
    if (r->n_patches == 0) return;
    double *patch_sum = pk_lease_doubles(s, LEASE_SUMS, (size_t)r->n_patches);
    f32_of(r)->group_sumexp(r->memory.patches, NULL, (size_t)r->n_patches, p, patch_sum);
    SCATTER(patch_sum, sum);
    pk_lease_return(s, LEASE_SUMS);
}

/* The sums of a kernel that gives two of each group: `of` for the row's dtype, `patches` for
 * float32. */
typedef void (*two_sums)(const void *x, const uint64_t *allowed, size_t n_groups,
                         const exp_params *p, double *sum, double *other);

static void sum_two(const logit_row *r, scratch_arena *s, two_sums of, two_sums patches,
                    const exp_params *p, double *sum, double *other) {
    of(r->x, r->allowed, (size_t)r->n_full, p, sum, other);
    if (r->n_patches == 0) return;
    const size_t n_patches = (size_t)r->n_patches;
    double *patch_sum = pk_lease_doubles(s, LEASE_SUMS, n_patches);
    double *patch_other = pk_lease_doubles(s, LEASE_MOMENTS, n_patches);
    patches(r->memory.patches, NULL, n_patches, p, patch_sum, patch_other);
    SCATTER(patch_sum, sum);
    SCATTER(patch_other, other);
    pk_lease_return(s, LEASE_MOMENTS);
    pk_lease_return(s, LEASE_SUMS);
}

void pk_row_moment(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum,
                   double *moment) {
    sum_two(r, s, r->of->group_moment, f32_of(r)->group_moment, p, sum, moment);
}

void pk_row_squares(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum,
                    double *squares) {
    sum_two(r, s, r->of->group_squares, f32_of(r)->group_squares, p, sum, squares);
}

void pk_row_adapt(const logit_row *r, scratch_arena *s, const adapt_params *p, double *sum) {
    r->of->group_adapt(r->x, r->allowed, (size_t)r->n_full, p, sum);
    if (r->n_patches == 0) return;
    double *patch_sum = pk_lease_doubles(s, LEASE_SUMS, (size_t)r->n_patches);
    f32_of(r)->group_adapt(r->memory.patches, NULL, (size_t)r->n_patches, p, patch_sum);
    SCATTER(patch_sum, sum);
    pk_lease_return(s, LEASE_SUMS);
}

/* ---- one number for all groups, or ids in order: run by run ---- */

/* A run: consecutive groups that one kernel call can read, and the value of their cut. */
typedef struct run {
    const void *x;
    const uint64_t *allowed;
    const row_kernels *kernels;
    int32_t first, n; /* groups */
    float low;
    float split[GROUP]; /* the group with the id at which the cut changes */
} run;

/* Finds the run that starts at group *g, and moves *g past it. */
static bool next_run(const logit_row *r, row_cut c, int32_t *g, run *out) {
    if (*g >= r->n_groups) return false;
    const int32_t first = *g;
    PLUCK_ASSERT(c.through >= 0 && !isnan(c.x));
    const int32_t split = c.through < r->n ? c.through / GROUP : r->n_groups;
    out->first = first;
    out->low = first > split ? nextafterf(c.x, INFINITY) : c.x;
    out->n = 1;
    *g = first + 1;
    if (first == split) {
        pk_row_group(r, first, c, out->split);
        out->x = out->split;
        out->allowed = NULL;
        out->kernels = f32_of(r);
        return true;
    }
    int32_t end = pk_row_next_patched(r, first);
    if (end == first) {
        out->x = patch_at(r, first);
        out->allowed = NULL;
        out->kernels = f32_of(r);
        return true;
    }
    if (first < split && end > split) end = split;
    out->x = group_at(r, first);
    out->allowed = allowed_at(r, first);
    out->kernels = r->of;
    out->n = end - first;
    *g = end;
    return true;
}

void pk_row_sumexp_above(const logit_row *r, const float *max, row_cut c, const exp_params *p,
                         double *sum) {
    PLUCK_ASSERT(!cut_is_open(c));
    run part;
    for (int32_t g = 0; next_run(r, c, &g, &part);)
        part.kernels->group_sumexp_above(part.x, part.allowed, (size_t)part.n, max + part.first,
                                         part.low, p, sum + part.first);
}

void pk_row_sumexp_levels(const logit_row *r, const float *at, int n_levels, const exp_params *p,
                          double *sum, double *above) {
    PLUCK_ASSERT(n_levels == 1 || n_levels == 2);
    run part;
    above[0] = above[1] = 0.0;
    for (int32_t g = 0; next_run(r, cut_at(-INFINITY), &g, &part);)
        part.kernels->group_sumexp_levels(part.x, part.allowed, (size_t)part.n, at, n_levels, p,
                                          sum + part.first, above);
}

group_totals pk_row_stats(const logit_row *r, float shift) {
    group_totals totals = {0};
    run part;
    for (int32_t g = 0; next_run(r, cut_at(-INFINITY), &g, &part);)
        part.kernels->group_stats(part.x, part.allowed, (size_t)part.n, shift, &totals);
    return totals;
}

float pk_row_min(const logit_row *r) {
    float least = INFINITY;
    run part;
    for (int32_t g = 0; next_run(r, cut_at(-INFINITY), &g, &part);) {
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
static int32_t collect_run(const logit_row *r, const run *part, int32_t i, int32_t count,
                           const float *max, float below, int32_t *ids, float *x) {
    const int32_t first = part->first + i;
    return part->kernels->group_collect((const char *)part->x + (size_t)i * GROUP * r->element,
                                        part->allowed ? part->allowed + i : NULL, (size_t)count,
                                        max + first, first * GROUP, part->low, below, ids, x);
}

int32_t pk_row_collect(const logit_row *r, const float *max, row_cut c, float below, int32_t *ids,
                       float *x) {
    int32_t n = 0;
    run part;
    for (int32_t g = 0; next_run(r, c, &g, &part);)
        n += collect_run(r, &part, 0, part.n, max, below, ids + n, x + n);
    PLUCK_ASSERT(n <= r->n);
    return n;
}

int64_t pk_row_collect_few(const logit_row *r, const float *max, row_cut c, int32_t most,
                           int32_t *ids, float *x) {
    PLUCK_ASSERT(!cut_is_open(c));
    int32_t n = 0;
    bool counted = false;
    run part;
    for (int32_t g = 0; next_run(r, c, &g, &part);) {
        for (int32_t i = 0, count; i < part.n; i += count) {
            count = stretch(n, most);
            count = count < part.n - i ? count : part.n - i;
            n += collect_run(r, &part, i, count, max, NAN, ids + n, x + n);
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
    if (is_patched(r, g))
        return f32_of(r)->group_collect(patch_at(r, g), NULL, 1, max + g, g * GROUP, low, NAN, ids,
                                        x);
    return r->of->group_collect(group_at(r, g), allowed_at(r, g), 1, max + g, g * GROUP, low, NAN,
                                ids, x);
}

int64_t pk_row_count_above(const logit_row *r, const float *max, row_cut c) {
    PLUCK_ASSERT(!cut_is_open(c));
    int64_t n = 0;
    run part;
    for (int32_t g = 0; next_run(r, c, &g, &part);)
        n += part.kernels->group_count_above(part.x, part.allowed, (size_t)part.n, max + part.first,
                                             part.low);
    return n;
}
