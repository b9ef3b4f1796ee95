/*
 * mass.h: the third layer: maxima, sums and moments of what a view holds, and places where a
 * cumulative mass is reached.
 *
 * What was computed is kept with the stamp of what it was made of. A source carries two stamps:
 * `values` changes with the candidates' values, `weights` with anything that changes a sum. A
 * number whose stamp is not the source's is computed anew by whoever asks for it; nobody has to
 * remember to invalidate it.
 *
 * The law of the mass is a parameter: exp((x - ref) * scale), or a transform of it (adapt_params).
 */
#ifndef PLUCK_MASS_H
#define PLUCK_MASS_H

#include "list.h"
#include "row.h"

/* What is weighed. */
typedef struct mass_source {
    const logit_row *row;      /* the row, or the values of a list */
    bool whole;                /* it is the row: the maxima of its groups are kept */
    row_cut cut;               /* of a row */
    double scale;              /* logit = x * scale */
    const adapt_params *adapt; /* NULL: the law is exp */
    uint32_t values, weights;  /* stamps, from 1 */
} mass_source;

typedef struct mass_cache {
    const kernel_table *kernels;
    scratch_arena *scratch;
    uint32_t max_stamp, sum_stamp; /* of `values`, of `weights` */
    float max;
    bool grouped; /* the group sums add up to the sum */
    float ref;    /* exponentials are relative to it: the maximum when they were summed */
    double sum;
    float *group_max; /* of a row; padded with -inf to whole blocks */
    float *block_max;
    double *group_sum, *group_moment;
} mass_cache;

/* A value, and the mass of what is not below it; x is NaN if none is known. */
typedef struct level {
    float x;
    double mass;
} level;

void pk_mass_begin(mass_cache *m, const kernel_table *kernels, scratch_arena *s);

/* ---- maxima ---- */

/* Maxima of a row's groups, and how many are alive. False if an allowed logit is NaN. */
bool pk_mass_scan(mass_cache *m, logit_row *r, uint32_t values, int32_t *n_alive);

/* The maximum of a list, found by its owner. */
void pk_mass_set_max(mass_cache *m, uint32_t values, float max);

static inline bool pk_mass_is_scanned(const mass_cache *m, const mass_source *s) {
    return m->max_stamp == s->values;
}

/* A group's values have changed: its maximum, and its sum if the sums are of `weights`. The caller
 * then calls pk_mass_refreshed. */
void pk_mass_refresh(mass_cache *m, const mass_source *s, int32_t group);

/* The maximum, and the sum if it was up to date, are up to date again under new stamps. */
void pk_mass_refreshed(mass_cache *m, const mass_source *before, uint32_t values, uint32_t weights);

/* ---- sums ---- */

static inline bool pk_mass_is_summed(const mass_cache *m, const mass_source *s) {
    return m->sum_stamp == s->weights;
}

/* The reference that sums of this source are relative to: that of the sum, if there is one. */
float pk_mass_ref(mass_cache *m, const mass_source *s);

/* exp((x - ref) * scale) */
exp_params pk_mass_exp(mass_cache *m, const mass_source *s);

/* The sum under the source's law. */
double pk_mass_sum(mass_cache *m, const mass_source *s);

/* The group sums as well, which a boundary found by other means does not leave behind. */
void pk_mass_sum_groups(mass_cache *m, const mass_source *s);

/* Sets a sum that was found by other means. */
void pk_mass_set_sum(mass_cache *m, const mass_source *s, double sum);

/* The sum, and the masses above the levels' x (the second one unless it is NaN), in one pass. The
 * source must be whole, its cut open. */
void pk_mass_sum_levels(mass_cache *m, const mass_source *s, level *first, level *second);

/* The sum, and the mean of x - ref under the distribution. */
double pk_mass_mean(mass_cache *m, const mass_source *s);

/* The sum, and the entropy in nats, relatively precise also when it is nearly 0. */
double pk_mass_entropy(mass_cache *m, const mass_source *s);

/* The mass of what c admits of a whole source; uses up the group sums. */
double pk_mass_above(mass_cache *m, const mass_source *s, row_cut c);

/* The masses of n values under the source's law. */
void pk_mass_of(mass_cache *m, const mass_source *s, const float *x, size_t n, float *out);

/* Their sum, under exp. */
double pk_mass_of_values(mass_cache *m, const mass_source *s, const float *x, int32_t n);

/* The sum under s->adapt from that under exp, which must be known with its group sums; `few` is
 * room for a list. `n`: how many are alive. */
void pk_mass_sum_adapted(mass_cache *m, const mass_source *s, const mass_source *under_exp,
                         int32_t n, list *few);

/* ---- groups that decide (heavy.c) ---- */

/*
 * The kernels add a group's 64 exponentials in float, which rounds a group that holds most of the
 * mass by 1e-7 of all: enough to move a boundary by a candidate where the tail is flat. So groups
 * with a noticeable part of the mass, a hundred at most, are summed once more in double. Puts right
 * the group sums (masses of what c admits) that make up *total, it, and the n masses above at[]
 * that were found beside them.
 */
void pk_mass_put_right(mass_cache *m, const mass_source *s, row_cut c, double *total,
                       const float *at, double *above, int n);

#endif /* PLUCK_MASS_H */
