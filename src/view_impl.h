/* view_impl.h: the inside of a view, for view*.c, survey.c, boundary.c and the workspace. */
#ifndef PLUCK_VIEW_IMPL_H
#define PLUCK_VIEW_IMPL_H

#include "view.h"

enum { SURVEY_BINS = 512 };

/* A sample of a row's groups, counted by distance below the reference of sums (survey.h). */
typedef struct survey {
    double mass[SURVEY_BINS + 1];  /* estimated mass of the bins before this one */
    double count[SURVEY_BINS + 1]; /* number of samples in the bins before this one */
    double factor;                 /* candidates for each sample; 0: there is no survey */
    float ref;
    double scale;
    double per_nat; /* bins */
} survey;

enum { TALLY_BINS = 512 };

/* The mass of a row's candidates by their distance from the start of an order (tally.h): first, unit
 * and per_unit say how distances are divided into bins. */
typedef struct tally {
    uint32_t values; /* the stamp of the values; 0: there is no tally */
    candidate_order order;
    double centre, scale;
    float top, ref;
    float first, unit, per_unit;
    double before[TALLY_BINS + 1]; /* the mass before each bin, and of all */
} tally;

struct view {
    const kernel_table *kernels;
    scratch_arena *scratch;
    int32_t n_vocab;
    /* WHOLE: the row is the tokens from `first` on, n_vocab of them. Edits name tokens of the whole
     * vocabulary; all else counts from 0. */
    bool slice;
    int32_t first; /* 0 unless it is a slice */
    bool whole;    /* WHOLE: the candidates are the row's, and the list is free to collect into */
    /* WHOLE, and the row has the values of a list, n_vocab of them: the token of each place, and how
     * many tokens there are. NULL: it has not. What says "id" counts places then, but for edits and
     * what is picked. If the index does not ascend the view is shuffled: between two stages its
     * order is that of places or descending, and no equals of its cut are left out. */
    const int32_t *index;
    bool index_ascends;
    int32_t tokens;
    int32_t *index_memory; /* for the index */
    logit_row row;
    list list;
    logit_row list_row; /* the list's values as a row, made with the last source */
    mass_cache mass;
    survey survey;
    tally tally;

    second_row second; /* as handed in; its `mix` is not used */

    row_cut cut;    /* WHOLE: what it does not admit has been dropped */
    bool uncounted; /* n and n_counted are still those before the cut */
    int32_t n;      /* WHOLE: how many are alive; known after a scan */
    int64_t n_counted;

    candidate_order order;
    double centre; /* of ORDER_NEAR */
    double scale;
    bool infinite; /* a LIST of tokens at +inf; their x is 0 */

    /* Stamps (mass.h). A change of values or candidates increments both; a change that affects only
     * sums increments `weights`. Nothing else marks numbers as out of date. */
    uint32_t values, weights;

    /* Levels near the boundaries that will be searched next (survey.h): for this stage, and for the
     * draw that follows at once. */
    level cut_level, draw_level;

    /* The sums have the adaptive weights, but the values have not been changed yet. */
    bool adapted;
    adapt_params adapt;
    float adapt_peak;
};

/* ---- view_begin.c ---- */

/* The memory of a view, set once. */
typedef struct view_memory {
    row_memory row;
    int32_t *ids;
    float *x;
    int32_t room; /* entries of ids and x, which have a group more */
    int32_t *index;
    float *group_max, *block_max;
    double *group_sum, *group_moment;
    scratch_arena *scratch;
} view_memory;

/* Makes the view of a row. `may_index`: that of a list may be WHOLE. Errors: ERR_ROW, ERR_TOKEN,
 * ERR_ORDER, ERR_NAN, ERR_EMPTY (lists). */
pluck_status pk_view_begin(view *v, const view_memory *memory, int32_t n_vocab,
                           const pluck_row *row, bool may_index);

/* Makes the view of a slice of a row, n logits from token `first` on, as WHOLE whatever its mask
 * allows. `first` is a multiple of 1024. Errors: ERR_ROW, ERR_SIZE. */
pluck_status pk_view_begin_slice(view *v, const view_memory *memory, int32_t first,
                                 const pluck_row *row);

/* Makes the view of a row's candidates that slices of it collected. The caller writes them to the
 * list, by id, and calls pk_list_set; the rest of the vocabulary counts as masked. */
void pk_view_begin_merged(view *v, const view_memory *memory, int32_t n_vocab);

/* ---- view_index.c ---- */

/* Whether a list that is handed in can be a row. */
bool pk_view_can_index(const pluck_row *row);

/* Makes the view of such a list. Errors: ERR_TOKEN. */
pluck_status pk_view_begin_index(view *v, const row_memory *memory, const pluck_row *row);

/* The token of a place of a WHOLE view; the place of a token, -1 if there is none. */
int32_t pk_view_id(const view *v, int32_t place);
int32_t pk_view_place(const view *v, int32_t id);

/* Whether the places of a WHOLE view are not in the order of their tokens. */
static inline bool pk_view_is_shuffled(const view *v) {
    return v->index && !v->index_ascends;
}

/* Writes, in the list that was collected from a WHOLE view, the tokens of the places. */
void pk_view_drop_index(view *v);

/* ---- view_edit_list.c ---- */

/* pk_view_edit and its like for a list, or a row whose index is walked. */
void pk_view_edit_listed(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx);
void pk_view_edit_asking(view *v, edit_of_fn of, edit_fn fn, const void *ctx);
void pk_view_add_listed(view *v, const float *added);

/* ---- view_prefix.c ---- */

/* What pk_view_pick finds; of a WHOLE view, its place. */
pick pk_view_draw(view *v, pluck_rng_kind rng, double u);

/* ---- view.c ---- */

/* Finds the maxima and how many are alive. A row with +inf becomes the list of its tokens at +inf.
 * Errors: ERR_NAN, ERR_EMPTY. */
pluck_status pk_view_scan(view *v);

/* The view's candidates as a source of masses. */
mass_source pk_view_source(view *v);

static inline void view_changed_values(view *v) {
    v->values++;
    v->weights++;
}

static inline void view_changed_weights(view *v) {
    v->weights++;
}

/* Makes any view a list that is stored in its order, with the cut and the adaptive weights applied.
 * Errors: ERR_NAN, ERR_EMPTY. */
pluck_status pk_view_materialise(view *v);

/* The cut that admits what both a WHOLE view's cut and x >= low admit. */
row_cut pk_view_deeper(const view *v, float low);

/* Collects low <= x < high (NaN: no limit) of a WHOLE view into its free list, ordered by id;
 * returns how many. */
int32_t pk_view_collect(view *v, float low, float high);

/* The same for low <= x < high and for from <= x < to, in no order. */
int32_t pk_view_collect_two(view *v, float low, float high, float from, float to);

/* Collects x >= low if there are at most `most`; if there are more, the free list is empty. Returns
 * how many there are. */
int64_t pk_view_collect_few(view *v, float low, int64_t most);

/* Turns a WHOLE view into the list that was collected from it. */
void pk_view_adopt(view *v);

/* Brings n and n_counted up to date after a cut. */
void pk_view_count(view *v);

/* The lowest x whose logit is at least that of ref plus `nats`; +inf if not even the maximum's
 * is. */
float pk_view_x_at(view *v, float ref, double nats);

/* How many candidates are collected at most: more are better left in the row. */
static inline int64_t view_most_listed(const view *v) {
    return max_i64(v->n_vocab / 16, 16384); /* a shorter list costs less than the search */
}

static inline bool pk_view_is_much(const view *v, int64_t n) {
    return n > view_most_listed(v);
}

/* Keeps what a band admits in a WHOLE view: masks the rest of the row and removes the cut. The
 * caller sets n_counted. */
void pk_view_bake(view *v, const row_band *band);

/* ---- view_order.c ---- */

/* Makes a scanned view that is WHOLE, or a list of the tokens at +inf, the list of at least its k
 * greatest candidates and at most its `most` greatest, by id. 1 <= k <= most. */
void pk_view_list_top(view *v, int32_t k, int32_t most);

/* Stores a list in its order. */
void pk_view_realise(view *v);

/* Stores a list in its order if it is short; every stage that leaves a list does this. */
void pk_view_realise_short(view *v);

/* A value that at least k of the alive reach, as high as the group maxima show; -inf if they show
 * none. The view is WHOLE. */
float pk_view_bound(view *v, int64_t k);

/* ---- view_prefix.c ---- */

/* The first part at which the running mass reaches target, or the last part with mass if none does.
 * *mass, at first what comes before the parts, becomes the mass before that one. */
int32_t pk_locate(const double *part, int32_t n, double target, double *mass);

/* The place in a group, with values x and masses e, at which the running mass reaches target, or the
 * last one with mass if it is not. */
int32_t pk_locate_in_group(const float *x, const float *e, double target, double running);

/* ---- view_spread.c ---- */

/* Whether pk_view_mask_out_of_range would have nothing to do for this scale; may say no if so. */
bool pk_view_is_in_range(const view *v, double scale);

/* Masks the candidates whose logit a low temperature took out of float's range, as llama.cpp has them
 * at -inf; they stay counted. If that is true of the greatest, it and its equals alone are left. The
 * view is scanned. Costs nothing unless there may be such logits. */
void pk_view_mask_out_of_range(view *v);

/* ---- view_check.c ---- */

/* Asserts the invariants of a view between two stages. */
void pk_view_check(view *v);

#endif /* PLUCK_VIEW_IMPL_H */
