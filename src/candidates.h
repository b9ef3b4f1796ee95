/*
 * candidates.h: the lazy row.
 *
 * The candidates of a call are a view. WHOLE: the caller's logits where they lie, with the groups
 * of 64 that an edit, a mask or the end of the row touches replaced by float copies ("patches"),
 * and one scale. LIST: ids and logits of the survivors, in the workspace. A stage changes the view
 * or asks it something; what was asked is remembered until it is invalid.
 *
 *   alive     unmasked: logit above -inf. `n` counts these; a LIST holds no others.
 *   counted   what llama.cpp would count as candidates: alive and masked, less those cut off.
 *   logit     row value times scale. "x" below and in the code is the value before scale.
 *   order     the candidates' order; `stored` is the one a LIST lies in. Where they differ the list
 * is not sorted until somebody needs that: boundaries and draws are found by selection.
 *
 * candidates.c: entry, edits, maxima and sums. select.c: everything about order.
 */
#ifndef PLUCK_CANDIDATES_H
#define PLUCK_CANDIDATES_H

#include "common.h"
#include "kernels/kernels.h"
#include "rng.h"

/* Groups per block: 1024 logits share one partial sum and one maximum. */
enum { BLOCK_GROUPS = 16 };

/* Lists up to this length are kept physically sorted: then everything on them is a walk. */
enum { SHORT_LIST = 128 };

enum { HISTOGRAM_BINS = 1024, SURVEY_BINS = 512 };

typedef enum candidate_order {
    ORDER_ID,         /* ascending id */
    ORDER_DESCENDING, /* logit descending, lower id first among equals */
    ORDER_NEAR,       /* distance of x from `centre` ascending, lower id first among equals */
    ORDER_STORED      /* as the list lies, for a reason no longer known */
} candidate_order;

/* A value, and the mass of what is not below it; x is NaN where there is none. */
typedef struct level {
    float x;
    double mass;
} level;

/* A sample of the row's groups, counted by distance below ref (survey.h). */
typedef struct survey {
    double mass[SURVEY_BINS + 1];  /* estimated, of the bins before */
    double count[SURVEY_BINS + 1]; /* in the sample, of the bins before */
    double factor;                 /* candidates for each one counted; 0: none was taken */
    float ref;
    double scale;
} survey;

typedef struct candidates {
    pluck_workspace *ws;
    const kernel_table *kernels;

    bool whole;
    /* WHOLE only: the row. */
    const char *row;
    const row_kernels *row_kernels;
    int32_t n_vocab;
    size_t element; /* bytes of a logit */
    int32_t n_groups;
    int32_t n_patches;
    bool patched_masks; /* no logit is -inf but in patches and dead groups; known once scanned */
    float cutoff;       /* x below it are out; -inf as a rule, and of a LIST (candidates_cut) */
    bool uncounted;     /* n and n_counted are still those before the cut (candidates_count) */

    int64_t n_counted;
    int32_t n; /* WHOLE: known once scanned */
    candidate_order order, stored;
    double centre;
    double scale;
    bool infinite; /* a LIST of tokens at +inf; their x is stored as 0 */

    bool scanned; /* n, max and (WHOLE) the group maxima are known */
    float max;
    bool summed;  /* sum of exp((x - ref) * scale) is known */
    bool grouped; /* and the group sums */
    float ref;
    double sum;

    /* Levels near boundaries that are looked for next (survey.h): a stage's own, and that of the
     * draw that follows at once, from the stream `ahead` (NULL: another stage comes first). */
    level cut_level, draw_level;
    const rng_stream *ahead;

    /* adaptive-p's transform is part of the sums, but still to be applied to the values. */
    bool adapted;
    adapt_params adapt;

    /* The selection so far. */
    bool selected;
    int32_t token;
    float token_x;
    double token_probability; /* < 0: not asked for yet */
    double token_scale;
    bool token_infinite;
    bool token_behind; /* stages ran after it was selected: look it up among the candidates */
} candidates;

struct pluck_workspace {
    pluck_allocator allocator;
    size_t size;
    int32_t n_vocab; /* capacity */
    bool has_result; /* view holds the outcome of a call */
    bool finished;   /* and has been made readable */
    candidates view;
    int32_t *ids;     /* LIST; n_vocab and a group more, since kernels write ahead */
    float *logits;    /* LIST: x */
    float *spare;     /* WHOLE: patches; LIST: probabilities, or an index while sorting */
    float *group_max; /* padded with -inf to whole blocks */
    float *block_max;
    double *group_sum;
    double *group_moment;
    int32_t *group_patch; /* of a special group: patch number, or PATCH_DEAD */
    uint64_t *special;    /* bit per group: not in the row as it is */
    double *histogram;    /* HISTOGRAM_BINS */
    survey survey;
};

/* A group with every token masked. */
enum { PATCH_DEAD = -1 };

/* Groups of a view, and blocks of them. */
int32_t candidates_groups(const candidates *c);
int32_t candidates_blocks(const candidates *c);

/* The view of a row. Errors: ERR_ROW, ERR_TOKEN, ERR_ORDER, ERR_NAN (lists), ERR_EMPTY. */
pluck_status candidates_begin(candidates *c, pluck_workspace *ws, int32_t n_vocab,
                              const pluck_row *row);

/* Maxima and the number alive; collapses a row that holds +inf. Errors: ERR_NAN, ERR_EMPTY. */
pluck_status candidates_scan(candidates *c);

/* sum; the view must be scanned. */
void candidates_sum(candidates *c);

/* The same with the group sums, which a boundary found by other means leaves behind. */
void candidates_group_sums(candidates *c);

/* sum, and the masses above cut_level.x and (unless it is NaN) draw_level.x, in one pass. WHOLE,
 * scanned, without a noted cut. */
void candidates_sum_levels(candidates *c);

/* sum, and the mean of x - ref under the distribution; the view must be scanned. */
double candidates_mean(candidates *c);

/* sum, and the entropy in nats, relatively precise also where it is nearly 0. Scanned. */
double candidates_entropy(candidates *c);

/* Makes adaptive-p's transform (c->adapt) part of the view: sum becomes that of the adaptive
 * weights. Scanned. */
void candidates_sum_adapted(candidates *c);

/* The lowest x that is `nats` (below 0 as a rule) or more above ref; +inf where even the maximum is
 * not. Scanned. */
float candidates_x_at(const candidates *c, float ref, double nats);

/* Some x from the middle of the alive: the median of a few. */
float candidates_middling(const candidates *c);

/*
 * Cuts off x < cut without collecting what is left, and sums that: for a stage that draws at once,
 * from what may be most of the row. A WHOLE view notes the cut for whoever looks next
 * (candidates_materialise). n and n_counted follow. Scanned; cut is not above the maximum.
 */
void candidates_cut(candidates *c, float cut);

/* Sum and sum of squares of x - shift over the alive. */
group_totals candidates_stats(candidates *c, float shift);

/* Keeps the alive with x >= cut: the view becomes a LIST, its order is inherited. cut = -inf keeps
 * all. n_counted is left to the caller. Scanned; at least one must remain. */
void candidates_keep_above(candidates *c, float cut);

/* Collects low <= x < high (NaN: no limit) of a WHOLE view into the LIST arrays, without changing
 * the view; returns how many. Scanned. */
int32_t candidates_collect(const candidates *c, float low, float high);

/* Collects x >= low of one group, alive, of a WHOLE view behind the n already collected; returns
 * how many. */
int32_t candidates_take_group(const candidates *c, int32_t group, float low, int32_t n);

/* The mass of n values, whatever the view. */
double list_mass(const candidates *c, const float *x, int32_t n);

/* The mass of x >= cut of a WHOLE view; uses up the group sums. Scanned. */
double candidates_mass_above(candidates *c, float cut);

/* Makes n and n_counted true where a noted cut has left that undone. */
void candidates_count(candidates *c);

/* Whether one candidate is left, masked ones counted. Summed. */
bool candidates_single(candidates *c);

/* The new logit (not x) of the k-th of the ids given; -inf masks. */
typedef double (*edit_fn)(const void *ctx, int32_t k, double logit);

/* Whether an edit goes into the row, where ids are found without a search and need no order. */
static inline bool candidates_edits_row(const candidates *c) {
    return c->whole && c->order == ORDER_ID;
}

/*
 * Applies fn to those of the n ids (each once; ascending unless the edit goes into the row) that
 * are alive candidates. Masked ones are left alone. Where any was hit the order becomes as it lies.
 * Errors: those of candidates_scan.
 */
pluck_status candidates_edit(candidates *c, const int32_t *ids, int32_t n, edit_fn fn,
                             const void *ctx);

/* Takes the n ids (ascending, each once) out: they are no longer counted, and the order stays. */
void candidates_drop(candidates *c, const int32_t *ids, int32_t n);

/* x of all candidates is changed: forget what was known. */
void candidates_changed(candidates *c);

/* The value of one group as floats: GROUP of them. */
void candidates_group(const candidates *c, int32_t group, float *x);

/* Pads a LIST after its length changed. */
void candidates_pad(candidates *c);

/* exp((x - ref) * scale) */
exp_params candidates_exp(const candidates *c);

/* stages/adaptive_p.c: exp of the adaptive logit less its peak. */
void adaptive_masses(const candidates *c, const float *x, size_t n, float *mass);
#define ADAPTIVE_PEAK 5.0f

/* ---- select.c ---- */

/* Keeps the k first in descending order (k counted ones); the order becomes descending. */
void candidates_top_k(candidates *c, int64_t k);

/* A value that at least k of the alive reach, as high as the group maxima tell; -inf where they
 * don't. WHOLE and scanned. Overwrites the LIST arrays. */
float candidates_bound(candidates *c, int64_t k);

/*
 * Keeps the shortest prefix, in `order` (descending or near), whose mass reaches p of the sum
 * (exceeds it where strict) and that has at least min_keep counted candidates; the order becomes
 * that one. Scanned.
 */
void candidates_keep_mass(candidates *c, candidate_order order, double p, bool strict,
                          int64_t min_keep);

/* Keeps what is at least as probable as exp(-nats), the maximum at least, and sums that. The order
 * is taken to be descending. Scanned. */
void candidates_keep_likely(candidates *c, double nats);

/* Sorts a LIST into its order. */
void candidates_realise(candidates *c);

/* Any view as a LIST in its order, a noted cut and adaptive-p's transform applied. Errors: those of
 * candidates_scan. */
pluck_status candidates_materialise(candidates *c);

/* The m greatest x, descending, to out (fewer where fewer are alive); returns how many. Scanned. */
int32_t candidates_greatest(candidates *c, int32_t m, float *out);

/* The lowest id at the maximum. Scanned. */
int32_t candidates_argmax(candidates *c, float *x);

/* Selects the candidate at which the cumulative probability, in the generator's order, reaches u.
 */
void candidates_draw(candidates *c, pluck_rng_kind rng, double u);

/* Selects a token at x. */
void candidates_select(candidates *c, int32_t token, float x);

#endif /* PLUCK_CANDIDATES_H */
