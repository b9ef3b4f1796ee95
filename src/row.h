/*
 * row.h: the first layer: a row of logits as it was handed in.
 *
 * The logits lie where the caller has them, in their own type, and are never written to. What
 * differs from them is an operand of whoever reads: the mask, as one word of bits for each group of
 * 64 logits, and patches, float copies of the groups that an edit or the end of the row touches. A
 * cut says what part of the row is looked at. Only row.c calls the kernels that read rows.
 *
 * "x" here and in the code is a value of the row, before any scale; "alive" is an x above -inf that
 * is not masked.
 */
#ifndef PLUCK_ROW_H
#define PLUCK_ROW_H

#include <float.h>

#include "kernels/kernels.h"
#include "scratch.h"

/* What is at or above a value: x > cut.x, and x = cut.x if its id is not above `through`. */
typedef struct row_cut {
    float x;
    int32_t through;
} row_cut;

/* Every x >= x; with -INFINITY everything that is alive. */
static inline row_cut cut_at(float x) {
    return (row_cut){x, INT32_MAX};
}

static inline bool cut_admits(row_cut c, float x, int32_t id) {
    return x > c.x || (x == c.x && id <= c.through && x > -INFINITY);
}

/* Whether a cut leaves anything out that is alive. */
static inline bool cut_is_open(row_cut c) {
    return c.x == -INFINITY;
}

/* Memory of a row, with room for n_vocab tokens. */
typedef struct row_memory {
    uint64_t *allowed; /* a word per group */
    uint64_t *patched; /* a bit per group */
    int32_t *patch_of; /* number of a patched group's patch */
    float *patches;    /* GROUP each; room for all groups */
} row_memory;

typedef struct logit_row {
    const kernel_table *kernels;
    const row_kernels *plain; /* of its dtype: without the mask, which a list has none of */
    const row_kernels *of;    /* with the mask if there is one */
    const char *x;
    pluck_dtype dtype;
    size_t element;           /* bytes of a logit */
    int32_t n;                /* logits */
    int32_t n_groups, n_full; /* the last group may be short: it is patched then */
    const uint64_t *allowed;  /* NULL: no mask */
    int64_t n_allowed;        /* in the full groups */
    row_memory memory;
    int32_t n_patches;
    bool flat;   /* all groups are patches, in the order of their ids: x is memory.patches */
    bool finite; /* no allowed logit of a group that is not patched is -inf; known once scanned */
} logit_row;

/* Opens a row of n logits. `allowed` (NULL: all) has n_allowed bits; tokens beyond are not allowed,
 * bits beyond n do not count. */
void pk_row_open(logit_row *r, const row_memory *memory, const kernel_table *kernels, const void *x,
                 pluck_dtype dtype, int32_t n, const uint32_t *allowed, int32_t n_allowed);

/* The values of a list as a row: n floats, padded with -inf to whole groups. */
logit_row pk_row_of_values(const kernel_table *kernels, const float *x, int32_t n);

/* The allowed tokens, ascending, if there are at most `most`; else -1. Room for most + GROUP. */
int32_t pk_row_few(const logit_row *r, int32_t most, int32_t *ids);

/* Expects edits of about n groups: many are better made in a copy of the whole row. */
void pk_row_expect_edits(logit_row *r, int32_t n);

/* The float copy of a group, made of what the row holds if there is none yet; -inf where masked. */
float *pk_row_patch(logit_row *r, int32_t group);

/* A group as floats: GROUP of them, -inf where masked, padded, or not admitted by the cut. */
void pk_row_group(const logit_row *r, int32_t group, row_cut c, float *x);

/* Asks for the groups of these ids, all at once: the row may be far away. */
void pk_row_prefetch(const logit_row *r, const int32_t *ids, int32_t n);

/* Maximum of each group, and the number alive. False if an allowed logit is NaN. */
bool pk_row_max(logit_row *r, scratch_arena *s, float *max, int32_t *n_alive);

/* Sum of e(x) of each group. */
void pk_row_sumexp(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum);

/* Of what the cut admits alone. max: of the groups. */
void pk_row_sumexp_above(const logit_row *r, const float *max, row_cut c, const exp_params *p,
                         double *sum);

/* Sum of e(x) of each group, and its total over x >= at[i] in above[i], of one level or two. */
void pk_row_sumexp_levels(const logit_row *r, const float *at, int n_levels, const exp_params *p,
                          double *sum, double *above);

/* Sum of e(x), and of e(x) * (x - ref), of each group. */
void pk_row_moment(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum,
                   double *moment);

/* Sum of the adaptive weight of each group. */
void pk_row_adapt(const logit_row *r, scratch_arena *s, const adapt_params *p, double *sum);

/* Sum and sum of squares of x - shift over the alive. */
group_totals pk_row_stats(const logit_row *r, float shift);

/* Ids, ascending, and x of what the cut admits and is below `below` (NaN: no limit); returns how
 * many. May write up to 16 entries past the last. */
int32_t pk_row_collect(const logit_row *r, const float *max, row_cut c, float below, int32_t *ids,
                       float *x);

/* The same of one group. */
int32_t pk_row_collect_group(const logit_row *r, const float *max, int32_t group, float low,
                             int32_t *ids, float *x);

/* How many the cut admits. */
int64_t pk_row_count_above(const logit_row *r, const float *max, row_cut c);

/* What lies in low <= x <= high; of what is not in in_low <= x <= in_high as well only the ids up to
 * `through`. */
typedef struct row_band {
    float low, high, in_low, in_high;
    int32_t through;
} row_band;

/* A cut as a band. */
static inline row_band row_band_of(row_cut c) {
    const bool divides = c.through < INT32_MAX;
    return (row_band){c.x, FLT_MAX, divides ? nextafterf(c.x, INFINITY) : c.x, FLT_MAX, c.through};
}

/* Masks what is not in a band, which does not begin at -inf: from then on the row has no other
 * candidates. Returns how many are alive. */
int64_t pk_row_keep(logit_row *r, const row_band *b);

/* How many of a group are masked, padded or -inf. */
int32_t pk_row_group_masked(const logit_row *r, int32_t group);

/* The first patched group at or after g; n_groups if there is none. */
int32_t pk_row_next_patched(const logit_row *r, int32_t g);

#endif /* PLUCK_ROW_H */
