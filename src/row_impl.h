/* row_impl.h: inside a row; only for row*.c. */
#ifndef PLUCK_ROW_IMPL_H
#define PLUCK_ROW_IMPL_H

#include "row.h"

static inline const char *row_group_at(const logit_row *r, int32_t g) {
    return r->x + (size_t)g * GROUP * r->element;
}

static inline const uint64_t *row_allowed_at(const logit_row *r, int32_t g) {
    return r->allowed ? r->allowed + g : NULL;
}

static inline bool row_is_patched(const logit_row *r, int32_t g) {
    return r->n_patches > 0 && (r->memory.patched[g / 64] >> (g % 64) & 1);
}

static inline const float *row_patch_at(const logit_row *r, int32_t g) {
    PLUCK_ASSERT(row_is_patched(r, g));
    PLUCK_ASSERT(r->memory.patch_of[g] >= 0 && r->memory.patch_of[g] < r->n_patches);
    return r->memory.patches + (size_t)r->memory.patch_of[g] * GROUP;
}

/* Whether no group is a patch, except the last one if it is short. */
static inline bool row_tail_is_alone(const logit_row *r) {
    return r->n_patches == r->n_groups - r->n_full;
}

/* The kernels for float32 without a mask. */
static inline const row_kernels *row_f32(const logit_row *r) {
    return r->kernels->row[PLUCK_DTYPE_F32][0];
}

/* No logit of a group whose sums are moderate is below this, unless great ones hide it
 * (pk_row_least_is_hidden). */
#define LEAST_MODERATE (-2.0f * MODERATE)

/* Whether logits are not read as they lie: a number is added to each, a second row combined, or a
 * cubic applied. */
static inline bool row_is_combined(const logit_row *r) {
    return r->added || r->second.x || r->bent;
}

/* So many groups are added to at once, so that the sums are still in the first-level cache when they
 * are read. */
enum { RUN_GROUPS = 16 };

/* Consecutive groups that one kernel call can read. */
typedef struct row_run {
    const char *x;
    const uint64_t *allowed;
    const row_kernels *kernels;
    size_t element;
    int32_t first, n;              /* groups */
    float low;                     /* the value of the cut there */
    float own[RUN_GROUPS * GROUP]; /* logits that the row does not have as they are */
} row_run;

/* Writes full groups, without patches and mask, with what is added to them or combined with them;
 * there is such. At most RUN_GROUPS. */
void pk_row_combine(const logit_row *r, int32_t first, int32_t n, float *out);

/* Makes a run of full groups as they are without patches; if they are combined, of RUN_GROUPS at
 * most. */
void pk_row_run(const logit_row *r, int32_t first, int32_t n, row_run *out);

/* Finds the run of full groups that starts at *g, and moves *g past it. False at the end. */
bool pk_row_next_full(const logit_row *r, int32_t end, int32_t *g, row_run *out);

#endif /* PLUCK_ROW_IMPL_H */
