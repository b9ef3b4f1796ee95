/* view_impl.h: inside a view; for view*.c, survey.c and boundary.c alone, and the workspace that holds one. */
#ifndef PLUCK_VIEW_IMPL_H
#define PLUCK_VIEW_IMPL_H

#include "view.h"

enum { SURVEY_BINS = 512 };

/* A sample of a row's groups, counted by distance below the reference of sums (survey.h). */
typedef struct survey {
    double mass[SURVEY_BINS + 1];  /* estimated, of the bins before */
    double count[SURVEY_BINS + 1]; /* in the sample, of the bins before */
    double factor;                 /* candidates for each one counted; 0: none was taken */
    float ref;
    double scale;
} survey;

struct view {
    const kernel_table *kernels;
    scratch_arena *scratch;
    int32_t n_vocab;
    bool whole; /* the candidates are the row's; the list is free to collect into */
    logit_row row;
    list list;
    logit_row list_row; /* the list's values, as of the last source */
    mass_cache mass;
    survey survey;

    row_cut cut;    /* WHOLE: what it does not admit is out */
    bool uncounted; /* n and n_counted are still those before the cut */
    int32_t n;      /* WHOLE: alive, once scanned */
    int64_t n_counted;

    candidate_order order;
    double centre; /* of ORDER_NEAR */
    double scale;
    bool infinite; /* a LIST of tokens at +inf; their x is 0 */

    /* Whoever changes values or candidates bumps both; whoever changes what a sum is made of,
     * `weights`. Nothing else says that a number is out of date. */
    uint32_t values, weights;

    /* Levels near boundaries that are looked for next (survey.h): a stage's own, and that of the
     * draw that follows at once. */
    level cut_level, draw_level;

    /* Adaptive weights are part of the sums, but still to be applied to the values. */
    bool adapted;
    adapt_params adapt;
    float adapt_peak;
};

/* ---- view.c ---- */

/* Memory of a view: set once. */
typedef struct view_memory {
    row_memory row;
    int32_t *ids;
    float *x;
    int32_t room; /* of ids and x, a group less than they have */
    float *group_max, *block_max;
    double *group_sum, *group_moment;
    scratch_arena *scratch;
} view_memory;

/* The view of a row. ERR_ROW, ERR_TOKEN, ERR_ORDER, ERR_NAN, ERR_EMPTY (lists). */
pluck_status pk_view_begin(view *v, const view_memory *memory, int32_t n_vocab,
                           const pluck_row *row);

/* Maxima and the number alive; a row that holds +inf becomes the list of that. ERR_NAN, ERR_EMPTY. */
pluck_status pk_view_scan(view *v);

/* What is weighed. */
mass_source pk_view_source(view *v);

static inline void view_changed_values(view *v) {
    v->values++;
    v->weights++;
}

static inline void view_changed_weights(view *v) {
    v->weights++;
}

/* Any view as a list in its order, a noted cut and adaptive weights applied. ERR_NAN, ERR_EMPTY. */
pluck_status pk_view_materialise(view *v);

/* What a WHOLE view's cut and x >= low admit. */
row_cut pk_view_deeper(const view *v, float low);

/* Collects low <= x < high (NaN: no limit) of a WHOLE view into its free list, which then lies by
 * id; returns how many. */
int32_t pk_view_collect(view *v, float low, float high);

/* Turns a WHOLE view into the list that was collected from it. */
void pk_view_adopt(view *v);

/* Makes n and n_counted true if a noted cut has left that undone. */
void pk_view_count(view *v);

/* The lowest x that is `nats` or more above ref; +inf if even the maximum is not. */
float pk_view_x_at(view *v, float ref, double nats);

/* Whether n candidates are so much of the row that they are better left in it than collected. */
static inline bool pk_view_is_much(const view *v, int64_t n) {
    return n > v->n_vocab / 16 && n > 16384; /* a shorter list costs less than the search */
}

/* Makes a WHOLE view of what lies in a band: the row is masked, no cut is noted any more. n_counted
 * is left to the caller. */
void pk_view_bake(view *v, const row_band *band);

/* ---- view_order.c ---- */

/* Lays a list down in its order. */
void pk_view_realise(view *v);

/* The same if it is short, which every stage does that leaves a list. */
void pk_view_realise_short(view *v);

/* A value that at least k of the alive reach, as high as the group maxima tell; -inf if they don't.
 * WHOLE. */
float pk_view_bound(view *v, int64_t k);

/* ---- view_check.c ---- */

/* The invariants of a view between two stages, as assertions. */
void pk_view_check(view *v);

#endif /* PLUCK_VIEW_IMPL_H */
