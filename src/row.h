/*
 * row.h: the first layer: a row of logits as it was handed in.
 *
 * The logits stay where the caller has them, in their own type, and are never written to. Changes
 * are kept beside them, and whoever reads the row takes all: the mask, one word of bits for each
 * group; what is added to each logit, the second row that it is combined with, or a cubic, which
 * are done a few groups at a time as they are read; and the patches, float copies of the groups
 * with edits, and of a last group that is shorter than 64. A cut says which part of the row is
 * read. Only row*.c calls the kernels that read rows.
 *
 * "x", here and in the code, is a value of the row, before any scale. "alive": x is above -inf and
 * not masked.
 */
#ifndef PLUCK_ROW_H
#define PLUCK_ROW_H

#include <float.h>

#include "kernels/kernels.h"
#include "scratch.h"

/* From here on a number rounds to infinity as a float. */
#define FLOAT_END 0x1.ffffffp127

/* Admits x > cut.x, and x == cut.x if its id is at most `through`. */
typedef struct row_cut {
    float x;
    int32_t through;
} row_cut;

/* The cut that admits every value at or above x; with -INFINITY, everything that is alive. */
static inline row_cut cut_at(float x) {
    return (row_cut){x, INT32_MAX};
}

static inline bool cut_admits(row_cut c, float x, int32_t id) {
    return x > c.x || (x == c.x && id <= c.through && x > -INFINITY);
}

/* Whether a cut admits everything that is alive. */
static inline bool cut_is_open(row_cut c) {
    return c.x == -INFINITY;
}

/* A second row of logits, by token, and how each is combined with the row's own. */
typedef struct second_row {
    const char *x; /* NULL: there is none */
    pluck_dtype dtype;
    mix_params mix;
} second_row;

/* Memory of a row, with room for n_vocab tokens. */
typedef struct row_memory {
    uint64_t *allowed; /* one word for each group */
    uint64_t *patched; /* one bit for each group */
    int32_t *patch_of; /* for a patched group, the number of its patch */
    float *patches;    /* GROUP values each; room for all groups */
} row_memory;

typedef struct logit_row {
    const kernel_table *kernels;
    const row_kernels *plain; /* for its dtype, without a mask */
    const row_kernels *of;    /* with the mask if there is one, else plain */
    const char *x;
    pluck_dtype dtype;
    size_t element;           /* bytes of a logit */
    int32_t n;                /* logits */
    int32_t n_groups, n_full; /* n_full is one less if the last group is short, and so a patch */
    const uint64_t *allowed;  /* NULL: no mask */
    int64_t n_allowed;        /* tokens allowed in the full groups */
    const float *added;       /* a number for each place of the groups; NULL: nothing is added */
    second_row second;        /* combined with the row; then nothing is added */
    bool bent;                /* and the cubic is applied to what there is then */
    bend_params bend;
    row_memory memory;
    int32_t n_patches;
    bool flat;   /* all groups are patches, in order of id, so that x is memory.patches */
    bool finite; /* no allowed logit outside the patches is -inf; known after a scan */
    float least; /* no x that is alive is lower; known after a scan */
} logit_row;

/* Opens a row of n logits. `allowed` has n_allowed bits (NULL: all tokens are allowed); tokens
 * beyond them are not allowed, bits beyond n are ignored. */
void pk_row_open(logit_row *r, const row_memory *memory, const kernel_table *kernels, const void *x,
                 pluck_dtype dtype, int32_t n, const uint32_t *allowed, int32_t n_allowed);

/* Opens a row of the n values that have been written to the memory's patches, padded with -inf to
 * whole groups: it is flat. */
void pk_row_open_flat(logit_row *r, const row_memory *memory, const kernel_table *kernels,
                      int32_t n);

/* A row of the values of a list: n floats, padded with -inf to whole groups. */
logit_row pk_row_of_values(const kernel_table *kernels, const float *x, int32_t n);

/* The same after the list's length has changed. */
void pk_row_resize_values(logit_row *r, int32_t n);

/* Writes the allowed tokens, ascending, and returns how many there are; -1 if there are more than
 * `most`. ids has room for most + GROUP. */
int32_t pk_row_few(const logit_row *r, int32_t most, int32_t *ids);

/* Prepares for edits in about n groups: if they are many, makes a copy of the whole row. */
void pk_row_expect_edits(logit_row *r, int32_t n);

/* Makes all groups patches, in the order of their ids. `room`: for a float for each token, not kept. */
void pk_row_flatten(logit_row *r, float *room);

/* Changes the n logits from place `first` on in place; -inf stays. */
typedef void (*row_rewrite_fn)(const void *ctx, int32_t first, int32_t n, float *x);

/* Hands all logits to fn, a few groups at a time; all groups become patches, in the order of their ids.
 * `room`: for a float for each token, not kept. */
void pk_row_rewrite(logit_row *r, row_rewrite_fn fn, const void *ctx, float *room);

/* Whether numbers can be added to all logits: nothing has been added yet, and the groups are not all
 * patches. */
bool pk_row_can_add(const logit_row *r);

/* Adds added[id] to each logit, patches included; -inf masks. `added` has whole groups, and stays as
 * long as the row is read. */
void pk_row_add(logit_row *r, const float *added);

/* Combines each logit with that of the second row, which stays as long as the row is read. Nothing
 * has been added, and only a short last group is a patch. */
void pk_row_mix(logit_row *r, const second_row *second);

/* The second row as a row of its own, with the same mask; for what is asked before pk_row_mix. The
 * two share memory: what changes one must not be done to the other. */
logit_row pk_row_of_second(const logit_row *r, const second_row *second);

/* Writes the second row's logits of n tokens, GROUP at most. */
void pk_row_pick_second(const kernel_table *k, const second_row *second, const int32_t *ids,
                        int32_t n, float *out);

/* Applies the cubic to all logits, as they are read; the second time all groups become patches, in
 * the order of their ids. `room`: for a float for each token, not kept. */
void pk_row_bend(logit_row *r, const bend_params *p, float *room);

/* The patch of a group, -inf at masked tokens. Makes it from the row if there is none yet. */
float *pk_row_patch(logit_row *r, int32_t group);

/* Writes a group as GROUP floats: -inf if masked, beyond the end, or not admitted by the cut. */
void pk_row_group(const logit_row *r, int32_t group, row_cut c, float *x);

/* The maximum of a group; without meaning if an allowed logit of it is NaN. */
float pk_row_group_max(const logit_row *r, int32_t group);

/* The least of a group's alive; +inf if there are none. */
float pk_row_group_min(const logit_row *r, int32_t group);

/* Prefetches the groups of these ids together, since the row may not be in the cache. */
void pk_row_prefetch(const logit_row *r, const int32_t *ids, int32_t n);

/* Writes the maximum of each group, and how many tokens are alive; with p (not NULL) also the sum of
 * e(x) of each group, in the same reading. False if an allowed logit is NaN. */
bool pk_row_max(logit_row *r, scratch_arena *s, const exp_params *p, float *max, double *sum,
                int32_t *n_alive);

/* Whether logits up to this maximum may have hidden one below what pk_row_max says is the least: a sum
 * of both is moderate. */
static inline bool pk_row_least_is_hidden(float max) {
    return max > MODERATE / 1024.0f;
}

/* Writes the sum of e(x) of each group; e is that of kernels.h. */
void pk_row_sumexp(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum);

/* The same of what the cut admits. max: the maxima of the groups. */
void pk_row_sumexp_above(const logit_row *r, const float *max, row_cut c, const exp_params *p,
                         double *sum);

/* Writes the sum of e(x) of each group, and to above[i] the total over x >= at[i], for one or two
 * levels. */
void pk_row_sumexp_levels(const logit_row *r, const float *at, int n_levels, const exp_params *p,
                          double *sum, double *above);

/* Writes the sums of e(x) and of e(x) * (x - ref) of each group. */
void pk_row_moment(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum,
                   double *moment);

/* Writes the sum of e(x), and of e(x)^2, of each group. */
void pk_row_squares(const logit_row *r, scratch_arena *s, const exp_params *p, double *sum,
                    double *squares);

/* Writes the sum of the adaptive weights of each group. */
void pk_row_adapt(const logit_row *r, scratch_arena *s, const adapt_params *p, double *sum);

/* The sum, and the sum of squares, of x - shift over the alive. */
group_totals pk_row_stats(const logit_row *r, float shift);

/* The least x of the alive; +inf if there are none. */
float pk_row_min(const logit_row *r);

/* Collects what the cut admits and is below `below` (NaN: no limit): writes ids, ascending, and x;
 * returns how many. May write up to 16 entries past the last. */
int32_t pk_row_collect(const logit_row *r, const float *max, row_cut c, float below, int32_t *ids,
                       float *x);

/* Collects all that the cut, which is not open, admits if that is at most `most`. Returns how many
 * there are. */
int64_t pk_row_collect_few(const logit_row *r, const float *max, row_cut c, int32_t most,
                           int32_t *ids, float *x);

/* The same of one group. */
int32_t pk_row_collect_group(const logit_row *r, const float *max, int32_t group, float low,
                             int32_t *ids, float *x);

/* How many the cut admits. */
int64_t pk_row_count_above(const logit_row *r, const float *max, row_cut c);

/* Admits low <= x <= high; if x is not also in in_low <= x <= in_high, only ids up to `through`. */
typedef struct row_band {
    float low, high, in_low, in_high;
    int32_t through;
} row_band;

/* A cut as a band. */
static inline row_band row_band_of(row_cut c) {
    const bool divides = c.through < INT32_MAX;
    return (row_band){c.x, FLT_MAX, divides ? nextafterf(c.x, INFINITY) : c.x, FLT_MAX, c.through};
}

/* Masks what a band, whose low is above -inf, does not admit. Returns how many are still alive. */
int64_t pk_row_keep(logit_row *r, const row_band *b);

/* The values low <= x <= low_end and high_end <= x <= high; one of the two may be empty. */
typedef struct row_stretch {
    float low, low_end, high_end, high;
} row_stretch;

static inline bool stretch_has(const row_stretch *t, float x) {
    return (x >= t->low && x <= t->low_end) || (x >= t->high_end && x <= t->high);
}

/* The k-th token by id (k from 1) with a value of a stretch, of which there are so many. */
int32_t pk_row_nth(const logit_row *r, const row_stretch *t, int64_t k);

/* How many of a group's 64 places are not alive: masked, -inf, or beyond the end. */
int32_t pk_row_group_masked(const logit_row *r, int32_t group);

/* The first patched group at or after g; n_groups if there is none. */
int32_t pk_row_next_patched(const logit_row *r, int32_t g);

#endif /* PLUCK_ROW_H */
