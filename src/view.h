/*
 * view.h: the fourth layer: what stages see of the candidates of a call.
 *
 * A view is WHOLE, the row as it lies with a scale and a cut noted beside it, or a LIST of
 * survivors. A stage changes it or asks it something; what was asked is remembered for as long as it
 * holds. A stage never learns which of the two it works on, unless it asks for a list.
 *
 *   alive    logit above -inf, not cut off.
 *   counted  what llama.cpp would count as candidates: alive and masked, less those cut off.
 *   logit    x times the scale. x is what the row or list holds.
 *   order    the candidates' order, which may differ from the one a list lies in: boundaries and
 *            draws are found without sorting.
 */
#ifndef PLUCK_VIEW_H
#define PLUCK_VIEW_H

#include "mass.h"
#include "rng.h"

typedef struct view view;

/* What has been done to a view before a stage runs; each includes the one before. */
typedef enum view_state {
    VIEW_ANY,     /* nothing is known of the row: it may hold NaN */
    VIEW_SCANNED, /* maxima and the number alive are known, there is no NaN, someone is alive */
    VIEW_LIST     /* and the candidates are a list, in their order */
} view_state;

/* Brings a view into a state. `takes_cut`: a cut may stay noted on a row. ERR_NAN, ERR_EMPTY. */
pluck_status pk_view_prepare(view *v, view_state state, bool takes_cut);

/* ---- asking; scanned unless said otherwise ---- */

int32_t pk_view_vocab(const view *v); /* in any state */
int64_t pk_view_counted(view *v);     /* in any state */
int32_t pk_view_alive(view *v);
bool pk_view_is_list(const view *v);     /* in any state */
double pk_view_scale(const view *v);     /* in any state */
bool pk_view_is_infinite(const view *v); /* the tokens at +inf alone are left; their x is 0 */
float pk_view_max(view *v);

/* Natural logarithm of the sum of exp(logit), of logits at scale 1. */
double pk_view_log_sum(view *v);

/* Probability of one x, and its natural logarithm. */
double pk_view_probability(view *v, float x);
double pk_view_log_probability(view *v, float x);

/* Entropy in nats. */
double pk_view_entropy(view *v);

/* x at which the logit is the mean under the distribution. */
double pk_view_mean(view *v);

/* Whether one candidate is left, masked ones counted. Sums. */
bool pk_view_is_single(view *v);

/* Standard deviation of x over the alive. */
double pk_view_deviation(view *v);

/* The lowest x that is `nats` (below 0 as a rule) or more above the maximum; +inf if even the
 * maximum is not. */
float pk_view_x_below_max(view *v, double nats);

/* The lowest x whose probability is exp(log_p) or more; +inf if there is none. */
float pk_view_x_likely(view *v, double log_p);

/* The m greatest x, descending, to out (fewer if fewer are alive); returns how many. */
int32_t pk_view_greatest(view *v, int32_t m, float *out);

/* ---- narrowing ---- */

/* Keeps x >= low, and says that those left are all there are. At least one must remain. */
void pk_view_keep_above(view *v, float low);

/* The same, but those that go are masked: they stay counted. */
void pk_view_mask_below(view *v, float low);

/* Keeps x >= low, the least first in descending order if those are fewer. */
void pk_view_keep_above_or_first(view *v, float low, int64_t least);

/* Keeps x >= low without collecting what is left, and sums it: for a stage that draws at once. */
void pk_view_cut(view *v, float low);

/* Keeps the k first in descending order (k counted ones); the order becomes descending. */
void pk_view_top_k(view *v, int64_t k);

/* Keeps the shortest prefix in descending order with p of the mass and at least min_keep counted
 * candidates; the order becomes descending. `ahead`: the stream that the next stage draws from at
 * once, NULL if it does not. */
void pk_view_keep_mass(view *v, double p, int64_t min_keep, const rng_stream *ahead);

/* The same of more than p of the mass in the order of distance from a centre, which becomes the
 * order. */
void pk_view_keep_near(view *v, double centre, double p, int64_t min_keep);

/* Keeps what is at least as probable as exp(-nats), the maximum at least, and sums that: for a
 * stage that draws at once, from `ahead`. The order is taken to be descending. */
void pk_view_keep_likely(view *v, double nats, const rng_stream *ahead);

/* Keeps the maximum alone; the others are masked and stay counted. */
void pk_view_keep_maximum(view *v);

/* Keeps the last candidate in its order alone. ERR_EMPTY if that is a masked one. */
pluck_status pk_view_keep_last(view *v);

/* How many are at or above x. */
int64_t pk_view_count_above(view *v, float low);

/* Takes out what is at or above x, but for the last of it in descending order; at least one is. */
void pk_view_drop_top(view *v, float low);

/* ---- changing; in any state ---- */

/* Divides all logits by t > 0. */
void pk_view_divide(view *v, double t);

/* The new logit (not x) of the k-th of the ids given; -inf masks. */
typedef double (*edit_fn)(const void *ctx, int32_t k, double logit);

/* Whether edits are made in the row, where ids are found without a search and need no order. */
bool pk_view_edits_row(const view *v);

/*
 * Applies fn to those of the n ids (each once; ascending unless the edit is made in the row) that
 * are alive. If any was hit the order becomes as they lie. ERR_NAN, ERR_EMPTY.
 */
pluck_status pk_view_edit(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx);

/* Makes the order descending; scanned. */
void pk_view_sort(view *v);

/* ---- lists ---- */

/* The candidates' list, for a stage that writes into it; state VIEW_LIST. pk_view_rewritten must
 * follow. */
list *pk_view_open_list(view *v);

/* Before that, if wanted: makes the x of a list its logits; the scale becomes 1. */
void pk_view_to_logits(view *v);

/* The candidates' list, to be read; state VIEW_LIST. */
const list *pk_view_list(const view *v);

/* The probabilities of a list's candidates, one after the other, in scratch memory; to be returned
 * before anything else is asked of the view. */
float *pk_view_lease_probabilities(view *v);
void pk_view_return_probabilities(view *v);

/* Takes over what a stage left in the list: n entries, of which those at -inf are masked, in an
 * order; n_counted candidates in all. ERR_EMPTY. */
pluck_status pk_view_rewritten(view *v, int32_t n, candidate_order order, int64_t n_counted);

/* ---- selecting ---- */

/* A token found, not yet the selection. */
typedef struct pick {
    int32_t token;
    float x;
    double probability; /* below 0: not known yet */
} pick;

/* The lowest id at the maximum. */
pick pk_view_argmax(view *v);

/* The candidate at which the cumulative probability, in the generator's order, reaches u. */
pick pk_view_draw(view *v, pluck_rng_kind rng, double u);

/* ---- adaptive weights (adaptive-p) ---- */

/* The logits become `peak` less what adapt_params takes off, for who looks next; a draw before that
 * is from their distribution. Sums must be of the view as it is: pk_view_adapt_params. */
adapt_params pk_view_adapt_params(view *v, double target, float width, float sharpness);
void pk_view_adapt(view *v, const adapt_params *params, float peak);

/* Before adapting: lays the candidates down in their order, which is lost afterwards. */
pluck_status pk_view_fix_order(view *v);

#endif /* PLUCK_VIEW_H */
