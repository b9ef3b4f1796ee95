/*
 * mass.h: the third layer: maxima, sums and moments of a view's candidates.
 *
 * Each number is kept with the stamp of what it was computed from. A source has two stamps:
 * `values` changes with the candidates' values, `weights` with anything that changes a sum. If a
 * number's stamp is not the source's, it is computed again when it is asked for, so nobody needs to
 * invalidate it.
 *
 * The mass of a candidate is e = exp((x - ref) * scale), or a transform of it (adapt_params).
 */
#ifndef PLUCK_MASS_H
#define PLUCK_MASS_H

#include "list.h"
#include "row.h"

/* The candidates whose masses are computed. */
typedef struct mass_source {
    const logit_row *row;      /* the row, or the values of a list */
    bool whole;                /* it is the row, so the maxima of its groups are kept */
    row_cut cut;               /* if it is the row */
    double scale;              /* logit = x * scale */
    const adapt_params *adapt; /* NULL: the mass is e */
    uint32_t values, weights;  /* stamps, from 1 */
} mass_source;

typedef struct mass_cache {
    const kernel_table *kernels;
    scratch_arena *scratch;
    uint32_t max_stamp, sum_stamp; /* the source's `values`, `weights` at the time */
    float max;
    bool grouped; /* the group sums add up to the sum */
    float ref;    /* the reference of the sums: the maximum at the time they were computed */
    double sum;
    float *group_max; /* of the row, padded with -inf to whole blocks */
    float *block_max;
    double *group_sum, *group_moment;
    /* If a source is one group alone: its values, and their masses; valid if the stamp is the
     * source's `weights`. */
    uint32_t alone_stamp;
    float alone_x[GROUP], alone_e[GROUP];
    /* Whether all candidates of the row have the same mass, with this scale. */
    uint32_t even_stamp; /* the source's `values` when it was looked for */
    bool even;
    double even_scale;
} mass_cache;

/* A value and the mass at and above it. x is NaN if none is known. */
typedef struct level {
    float x;
    double mass;
} level;

void pk_mass_begin(mass_cache *m, const kernel_table *kernels, scratch_arena *s);

/* ---- maxima ---- */

/* Finds the maxima of a row's groups, and how many tokens are alive. False if an allowed logit is
 * NaN. */
bool pk_mass_scan(mass_cache *m, logit_row *r, uint32_t values, int32_t *n_alive);

/* The same; also finds the sum of a source that is the row r, in the same reading. The reference is
 * the maximum of a few groups; if that is too far from the maximum of all, there is no sum. */
bool pk_mass_scan_sum(mass_cache *m, const mass_source *s, logit_row *r, int32_t *n_alive);

/* The same relative to a given reference; the group sums are neither put right nor added up. For a
 * source that is a slice of a row. */
bool pk_mass_scan_groups(mass_cache *m, const mass_source *s, logit_row *r, float ref,
                         int32_t *n_alive);

/* The groups that pk_mass_scan_sum looks at for its reference: number i, from 0, of n_groups. */
enum { MASS_GLANCES = 8 };
static inline int32_t mass_glance_at(int32_t i, int32_t n_groups) {
    return spread_over(i, MASS_GLANCES, n_groups);
}

/* Whether sums with a reference are as exact as with the maximum; they cannot overflow. */
static inline bool mass_is_near(float max, float ref, double scale) {
    return fabs(((double)max - (double)ref) * scale) <= 20.0;
}

/* Sets the maximum of a list. */
void pk_mass_set_max(mass_cache *m, uint32_t values, float max);

/* The maxima of a row's groups and their maximum, of values to which a cubic that keeps their order
 * has been applied. */
void pk_mass_bend(mass_cache *m, const logit_row *r, const bend_params *p, uint32_t values);

static inline bool pk_mass_is_scanned(const mass_cache *m, const mass_source *s) {
    return m->max_stamp == s->values;
}

/* Computes a group's maximum again after its values changed, and its sum if the sums are up to
 * date. After the last group the caller calls pk_mass_refreshed. */
void pk_mass_refresh(mass_cache *m, const mass_source *s, int32_t group);

/* Computes the maximum from those of the groups, and the sum if it was up to date; they are up to
 * date under the new stamps. */
void pk_mass_refreshed(mass_cache *m, const mass_source *before, uint32_t values, uint32_t weights);

/* ---- sums ---- */

static inline bool pk_mass_is_summed(const mass_cache *m, const mass_source *s) {
    return m->sum_stamp == s->weights;
}

/* The reference of this source's masses: that of the sum, if it is up to date. */
float pk_mass_ref(mass_cache *m, const mass_source *s);

/* The parameters of e = exp((x - ref) * scale). */
exp_params pk_mass_exp(mass_cache *m, const mass_source *s);

/* The sum of the masses. */
double pk_mass_sum(mass_cache *m, const mass_source *s);

/* Whether all candidates of a source, which is a row, are so close to each other that the mass of each
 * is 1: then sums count, and no exponentials are needed. Reads the row only if it looks like that. */
bool pk_mass_is_even(mass_cache *m, const mass_source *s);

/* Makes sure that the group sums are up to date too; after pk_mass_set_sum they are not. */
void pk_mass_sum_groups(mass_cache *m, const mass_source *s);

/* Whether alone_x and alone_e are what the source is. */
static inline bool pk_mass_is_alone(const mass_cache *m, const mass_source *s) {
    return m->alone_stamp == s->weights;
}

/* Sets a sum that was found in another way. */
void pk_mass_set_sum(mass_cache *m, const mass_source *s, double sum);

/* Computes the sum, and the masses of the levels (of the second one unless its x is NaN), in one
 * pass. The source must be whole and its cut open. */
void pk_mass_sum_levels(mass_cache *m, const mass_source *s, level *first, level *second);

/* The mean of x - ref under the distribution. Computes the sum too. */
double pk_mass_mean(mass_cache *m, const mass_source *s);

/* The entropy in nats, with a small relative error even if it is nearly 0. Computes the sum too. */
double pk_mass_entropy(mass_cache *m, const mass_source *s);

/* The sum, and the sum of squared probabilities. */
double pk_mass_squares(mass_cache *m, const mass_source *s);

/* The mass of what c admits of a whole source. Overwrites the group sums. */
double pk_mass_above(mass_cache *m, const mass_source *s, row_cut c);

/* Writes the masses of n values. */
void pk_mass_of(mass_cache *m, const mass_source *s, const float *x, size_t n, float *out);

/* The sum of e over n values. */
double pk_mass_of_values(mass_cache *m, const mass_source *s, const float *x, int32_t n);

/* Computes the sum under s->adapt from that of e, which must be up to date with its group sums.
 * `few` is a list to collect into. `n`: how many are alive. */
void pk_mass_sum_adapted(mass_cache *m, const mass_source *s, const mass_source *under_exp,
                         int32_t n, list *few);

/* ---- heavy groups (heavy.c) ---- */

/*
 * The kernels add the 64 exponentials of a group in float. If a group has most of the mass, that
 * rounds it by 1e-7 of the total, which can move a boundary in a flat tail by a candidate. So
 * groups with a noticeable part of the mass, a hundred at most, are summed again in double. This
 * corrects the group sums (masses of what c admits), their total, and the n masses above at[] that
 * were computed in the same pass.
 */
void pk_mass_put_right(mass_cache *m, const mass_source *s, row_cut c, double *total,
                       const float *at, double *above, int n);

/* From this on the sum of a group is heavy, if the total is `total`. */
static inline double mass_heavy(double total) {
    return total * (1.0 / 128);
}

/* The sum of a group's masses in double. */
double pk_mass_exact(const float *e);

#endif /* PLUCK_MASS_H */
