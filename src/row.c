/* row.c: opens a row, and changes it: patches, a number added to each logit, a cubic. See row.h. What
 * reads it is in row_read.c, what keeps some candidates alone in row_keep.c. */
#include "arithmetic.h"

#include "row_impl.h"

#include <float.h>

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

void pk_row_resize_values(logit_row *r, int32_t n) {
    r->n_groups = r->n_full = (int32_t)(round_up((size_t)n, GROUP) / GROUP);
    r->n = r->n_groups * GROUP;
    r->n_allowed = r->n;
    for (int32_t i = n; CHECKS && i < r->n; i++)
        PLUCK_ASSERT(((const float *)(const void *)r->x)[i] == -INFINITY);
}

logit_row pk_row_of_values(const kernel_table *kernels, const float *x, int32_t n) {
    const row_kernels *f32 = kernels->row[PLUCK_DTYPE_F32][0];
    logit_row r = {
        .kernels = kernels,
        .plain = f32,
        .of = f32,
        .x = (const char *)x,
        .element = sizeof *x,
    };
    pk_row_resize_values(&r, n);
    return r;
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

/* Writes full groups as floats, combined, but without patches; -inf if masked. */
static void widen(const logit_row *r, int32_t first, int32_t n, float *out) {
    if (!row_is_combined(r)) {
        r->of->widen(row_group_at(r, first), row_allowed_at(r, first), (size_t)n, out);
        return;
    }
    const row_kernels *masked = r->kernels->row[PLUCK_DTYPE_F32][1];
    for (int32_t g = 0; g < n; g += RUN_GROUPS) {
        const int32_t count = n - g < RUN_GROUPS ? n - g : RUN_GROUPS;
        float *to = out + (size_t)g * GROUP;
        pk_row_combine(r, first + g, count, to);
        if (r->allowed) masked->widen(to, r->allowed + first + g, (size_t)count, to);
    }
}

/* Writes the last group if it is short, padded with -inf. */
static void widen_short(const logit_row *r, int32_t g, float *out) {
    const int64_t left = (int64_t)r->n - (int64_t)g * GROUP;
    PLUCK_ASSERT(left > 0 && left < GROUP);
    const uint64_t bits = r->allowed ? r->allowed[g] : ((uint64_t)1 << left) - 1;
    char padded[GROUP * sizeof(float)] = {0};
    memcpy(padded, row_group_at(r, g), (size_t)left * r->element);
    PLUCK_ASSERT(!row_is_combined(r)); /* the last group has been a patch since before that */
    r->kernels->row[r->dtype][1]->widen(padded, &bits, 1, out);
}

/* Writes the row's own values of a group, -inf if masked. */
static void widen_group(const logit_row *r, int32_t g, float *out) {
    if (g < r->n_full)
        widen(r, g, 1, out);
    else
        widen_short(r, g, out);
}

float *pk_row_patch(logit_row *r, int32_t g) {
    PLUCK_ASSERT(g >= 0 && g < r->n_groups && r->memory.patches);
    if (r->flat) return r->memory.patches + (size_t)g * GROUP;
    if (row_is_patched(r, g)) return r->memory.patches + (size_t)r->memory.patch_of[g] * GROUP;
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
    r->plain = r->of = row_f32(r);
    r->dtype = PLUCK_DTYPE_F32;
    r->finite = false;
    r->n_full = r->n_groups;
    r->allowed = NULL;
    r->added = NULL;
    r->second.x = NULL;
    r->bent = false;
    r->n_allowed = (int64_t)r->n_groups * GROUP;
    r->n_patches = 0;
    r->flat = true;
}

void pk_row_open_flat(logit_row *r, const row_memory *memory, const kernel_table *kernels,
                      int32_t n) {
    PLUCK_ASSERT(n > 0 && n <= PLUCK_MAX_VOCAB);
    *r = (logit_row){
        .kernels = kernels,
        .n = n,
        .n_groups = (int32_t)(round_up((size_t)n, GROUP) / GROUP),
        .memory = *memory,
    };
    become_flat(r);
}

/* Puts the patch of a short last group, the only patch, where it is in a row that is flat. */
static void place_tail(logit_row *r) {
    PLUCK_ASSERT(!r->flat && row_tail_is_alone(r));
    float *flat = r->memory.patches;
    if (r->n_patches > 0 && r->n_full > 0)
        memcpy(flat + (size_t)r->n_full * GROUP, flat, GROUP * sizeof *flat);
}

void pk_row_expect_edits(logit_row *r, int32_t n) {
    if (r->flat || !row_tail_is_alone(r) || n <= r->n_groups / 2) return;
    place_tail(r);
    widen(r, 0, r->n_full, r->memory.patches);
    become_flat(r);
}

/* Makes all groups patches, in order, whatever has been a patch. */
static void flatten(logit_row *r, float *room) {
    float *flat = r->memory.patches;
    memcpy(room, flat, (size_t)r->n_patches * GROUP * sizeof *flat);
    widen(r, 0, r->n_full, flat);
    for (int32_t g = pk_row_next_patched(r, 0); g < r->n_groups; g = pk_row_next_patched(r, g + 1))
        memcpy(flat + (size_t)g * GROUP, room + (size_t)r->memory.patch_of[g] * GROUP,
               GROUP * sizeof *flat);
    become_flat(r);
}

void pk_row_flatten(logit_row *r, float *room) {
    if (row_tail_is_alone(r))
        pk_row_expect_edits(r, r->n_groups);
    else if (!r->flat)
        flatten(r, room);
}

void pk_row_rewrite(logit_row *r, row_rewrite_fn fn, const void *ctx, float *room) {
    enum { AT_ONCE = 32 }; /* groups that stay in the first-level cache */
    if (!r->flat && row_tail_is_alone(r))
        place_tail(r);
    else if (!r->flat)
        flatten(r, room);
    float *flat = r->memory.patches;
    for (int32_t g = 0, n; g < r->n_groups; g += n) {
        n = r->n_groups - g < AT_ONCE ? r->n_groups - g : AT_ONCE;
        const int32_t full = r->n_full - g < n ? r->n_full - g : n;
        if (!r->flat && full > 0) widen(r, g, full, flat + (size_t)g * GROUP);
        fn(ctx, g * GROUP, n * GROUP, flat + (size_t)g * GROUP);
    }
    if (!r->flat) become_flat(r);
}

bool pk_row_can_add(const logit_row *r) {
    return !row_is_combined(r) && !r->flat;
}

void pk_row_add(logit_row *r, const float *added) {
    PLUCK_ASSERT(pk_row_can_add(r));
    r->added = added;
    for (int32_t g = pk_row_next_patched(r, 0); g < r->n_groups;
         g = pk_row_next_patched(r, g + 1)) {
        float *patch = r->memory.patches + (size_t)r->memory.patch_of[g] * GROUP;
        float sum[GROUP];
        row_f32(r)->widen_sum(patch, NULL, 1, added + (size_t)g * GROUP, sum);
        memcpy(patch, sum, sizeof sum);
    }
}

void pk_row_bend(logit_row *r, const bend_params *p, float *room) {
    float *patches = r->memory.patches;
    r->least = -FLT_MAX;           /* nobody looks at what becomes of the logits */
    if (r->bent) flatten(r, room); /* with the first cubic */
    const int32_t n = r->flat ? r->n_groups : r->n_patches;
    r->kernels->array.bend(patches, (size_t)n * GROUP, p, patches);
    r->bent = !r->flat;
    r->bend = *p;
}

void pk_row_group(const logit_row *r, int32_t g, row_cut c, float *x) {
    PLUCK_ASSERT(g >= 0 && g < r->n_groups);
    if (row_is_patched(r, g))
        memcpy(x, row_patch_at(r, g), GROUP * sizeof *x);
    else
        widen_group(r, g, x);
    if (cut_is_open(c)) return;
    if (g * GROUP <= c.through && c.through < g * GROUP + GROUP - 1) {
        for (int i = 0; i < GROUP; i++)
            if (!cut_admits(c, x[i], g * GROUP + i)) x[i] = -INFINITY;
        return;
    }
    /* All equals of the cut are in, or none is. */
    const float least = c.through < g * GROUP ? nextafterf(c.x, INFINITY) : c.x;
    for (int i = 0; i < GROUP; i++) x[i] = x[i] >= least ? x[i] : -INFINITY;
}

void pk_row_prefetch(const logit_row *r, const int32_t *ids, int32_t n) {
    const size_t size = GROUP * r->element;
    for (int32_t k = 0; k < n; k++) {
        PLUCK_ASSERT(ids[k] >= 0 && ids[k] < r->n_groups * GROUP);
        const char *x = row_group_at(r, ids[k] / GROUP);
        for (size_t at = 0; at < size; at += 64) __builtin_prefetch(x + at);
        if (r->added) __builtin_prefetch(r->added + ids[k]);
        if (r->second.x)
            __builtin_prefetch(r->second.x + (size_t)ids[k] * dtype_size(r->second.dtype));
    }
}

int32_t pk_row_group_masked(const logit_row *r, int32_t g) {
    float x[GROUP];
    int32_t n = 0;
    pk_row_group(r, g, cut_at(-INFINITY), x);
    for (int i = 0; i < GROUP; i++) n += x[i] == -INFINITY;
    return n;
}
