/* row_keep.c: keeps some candidates of a row and masks the others. See row.h. */
#include "arithmetic.h"

#include "row_impl.h"

static bool is_kept(const row_band *b, float x, int32_t id) {
    if (x >= b->in_low && x <= b->in_high) return true;
    return x >= b->low && x <= b->high && id <= b->through;
}

/* Masks what a band does not admit in a group that is a copy; returns how many are left. */
static int32_t keep_in_copy(const row_band *b, float *x, int32_t g) {
    int32_t n = 0;
    for (int32_t i = 0; i < GROUP; i++) {
        if (!is_kept(b, x[i], g * GROUP + i)) x[i] = -INFINITY;
        n += x[i] > -INFINITY;
    }
    return n;
}

/* Sets the mask of the groups `first` to `end` - 1 to the values in a range. */
static void keep_range(const logit_row *r, int32_t first, int32_t end, float low, float high,
                       uint64_t *bits) {
    const float below = high < FLT_MAX ? nextafterf(high, INFINITY) : NAN;
    row_run part;
    for (int32_t g = first; pk_row_next_full(r, end, &g, &part);)
        part.kernels->group_mask(part.x, part.allowed, (size_t)part.n, low, below,
                                 bits + part.first);
}

int64_t pk_row_keep(logit_row *r, const row_band *b) {
    PLUCK_ASSERT(b->low > -INFINITY);
    int64_t n = 0;
    if (r->flat) {
        for (int32_t g = 0; g < r->n_groups; g++) n += keep_in_copy(b, pk_row_patch(r, g), g);
        return n;
    }
    uint64_t *bits = r->memory.allowed;
    const int32_t split = b->through < r->n ? b->through / GROUP : r->n_full;
    float x[GROUP];
    if (split < r->n_full)
        pk_row_group(r, split, cut_at(-INFINITY), x); /* read before its mask is overwritten */
    keep_range(r, 0, split, b->low, b->high, bits);
    keep_range(r, split + 1, r->n_full, b->in_low, b->in_high, bits);
    if (split < r->n_full) {
        bits[split] = 0;
        for (int32_t i = 0; i < GROUP; i++)
            if (is_kept(b, x[i], split * GROUP + i)) bits[split] |= (uint64_t)1 << i;
    }
    for (int32_t g = pk_row_next_patched(r, 0); g < r->n_groups;
         g = pk_row_next_patched(r, g + 1)) {
        n += keep_in_copy(b, r->memory.patches + (size_t)r->memory.patch_of[g] * GROUP, g);
        if (g < r->n_full) bits[g] = 0;
    }
    r->allowed = bits;
    r->of = r->kernels->row[r->dtype][1];
    r->n_allowed = 0;
    for (int32_t g = 0; g < r->n_full; g++) r->n_allowed += __builtin_popcountll(bits[g]);
    r->finite = true;
    return n + r->n_allowed;
}

/* Writes for each of n groups, which one run can have, which of its values are in a stretch. */
static void mark_run(const row_run *part, const row_stretch *t, uint64_t *bits) {
    const float end = nextafterf(t->low_end, INFINITY);
    uint64_t high[RUN_GROUPS];
    const size_t n = (size_t)part->n;
    part->kernels->group_mask(part->x, part->allowed, n, t->low, end, bits);
    if (!(t->high_end <= t->high)) return;
    part->kernels->group_mask(part->x, part->allowed, n, t->high_end, nextafterf(t->high, INFINITY),
                              high);
    for (int32_t i = 0; i < part->n; i++) bits[i] |= high[i];
}

/* The same of a group that is a copy. */
static uint64_t mark_copy(const float *x, const row_stretch *t) {
    uint64_t bits = 0;
    for (int32_t i = 0; i < GROUP; i++) bits |= (uint64_t)stretch_has(t, x[i]) << i;
    return bits;
}

int32_t pk_row_nth(const logit_row *r, const row_stretch *t, int64_t k) {
    PLUCK_ASSERT(k >= 1 && t->low > -INFINITY);
    uint64_t bits[RUN_GROUPS];
    row_run part;
    for (int32_t g = 0; g < r->n_groups;) {
        const int32_t patched = pk_row_next_patched(r, g), left = patched - g;
        const int32_t n = left < RUN_GROUPS ? left : RUN_GROUPS;
        if (left > 0) {
            pk_row_run(r, g, n, &part);
            mark_run(&part, t, bits);
        } else {
            bits[0] = mark_copy(row_patch_at(r, g), t);
        }
        const int32_t end = g + (left > 0 ? n : 1);
        for (int32_t i = 0; g < end; i++, g++) {
            const int32_t found = __builtin_popcountll(bits[i]);
            if (k <= found) {
                for (; k > 1; k--) bits[i] &= bits[i] - 1;
                return g * GROUP + __builtin_ctzll(bits[i]);
            }
            k -= found;
        }
    }
    PLUCK_ASSERT(false); /* there are so many */
    return -1;
}
