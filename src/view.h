/*
 * view.h: the fourth layer: the candidates of a call as stages see them.
 *
 * A view is WHOLE, which is the row with a scale and a cut beside it, or a LIST of candidates. A
 * stage changes the view or asks it something; what was computed is kept as long as it holds. A
 * stage does not know which of the two it works on, unless it asks for a list.
 *
 *   alive    the logit is above -inf, and no mask or cut excludes the token
 *   counted  what llama.cpp would count as candidates: alive or masked, and not dropped
 *   x        a value of the row or list; the logit is x times the scale
 *   order    the candidates' order, which may differ from the one in which a list is stored:
 *            boundaries and draws are found without sorting
 */
#ifndef PLUCK_VIEW_H
#define PLUCK_VIEW_H

#include "mass.h"
#include "rng.h"

typedef struct view view;

/* Whether a row's mask, if it has one, allows a token of the vocabulary. */
bool pk_view_row_allows(const pluck_row *row, int32_t n_vocab, int32_t id);

/* What is true of a view before a stage runs; each state includes the one before. */
typedef enum view_state {
    VIEW_ANY,     /* nothing is known of the row: it may have NaN */
    VIEW_SCANNED, /* the maxima and how many are alive are known; there is no NaN; one is alive */
    VIEW_SUMMED,  /* scanned, and if the row had not been read before, summed in the same reading */
    VIEW_LIST     /* the candidates are a list that is stored in their order */
} view_state;

/* Brings a view into a state. `takes_cut`: a cut may stay noted on a row. Errors: ERR_NAN,
 * ERR_EMPTY. */
pluck_status pk_view_prepare(view *v, view_state state, bool takes_cut);

/* ---- asking; the view is scanned unless a comment says otherwise ---- */

int32_t pk_view_vocab(const view *v); /* in any state */
int64_t pk_view_counted(view *v);     /* in any state */
int32_t pk_view_most(view *v);        /* in any state: no more are alive */
int32_t pk_view_alive(view *v);
bool pk_view_is_list(const view *v);     /* in any state */
double pk_view_scale(const view *v);     /* in any state */
bool pk_view_is_infinite(const view *v); /* only tokens at +inf are left; their x is 0 */
float pk_view_max(view *v);              /* the greatest x */

/* The natural logarithm of the sum of exp(x); the scale must be 1. */
double pk_view_log_sum(view *v);

/* The probability of a candidate at x, and its natural logarithm. */
double pk_view_probability(view *v, float x);
double pk_view_log_probability(view *v, float x);

/* The entropy of the distribution, in nats. */
double pk_view_entropy(view *v);

/* The sum of the squared probabilities. */
double pk_view_collision(view *v);

/* The mean of x under the distribution. */
double pk_view_mean(view *v);

/* Whether only one candidate is left, masked ones included. Computes the sum. */
bool pk_view_is_single(view *v);

/* The standard deviation of x over the alive. */
double pk_view_deviation(view *v);

/* The lowest x whose logit is at least that of the maximum plus `nats`, which is usually negative;
 * +inf if not even the maximum's is. */
float pk_view_x_below_max(view *v, double nats);

/* The lowest x whose probability is at least exp(log_p); +inf if there is none. */
float pk_view_x_likely(view *v, double log_p);

/* The k-th greatest x (k from 1); -inf if fewer are alive. */
float pk_view_kth(view *v, int64_t k);

/* Writes the m greatest x, descending, or all that are alive if those are fewer; returns how
 * many. */
int32_t pk_view_greatest(view *v, int32_t m, float *out);

/* The same with their ids, the lower id first among equals. */
int32_t pk_view_top(view *v, int32_t m, int32_t *ids, float *x);

/* The x of a token; -inf if it is not alive. */
float pk_view_value(const view *v, int32_t token);

/* At least m of the greatest x, or all the alive if those are fewer, descending; *n tells how many. To
 * be returned before anything else is asked of the view. */
const float *pk_view_lease_top(view *v, int32_t m, int32_t *n);

/* The same of all low <= x < high (NaN: no limit); there may be none. */
const float *pk_view_lease_between(view *v, float low, float high, int32_t *n);
void pk_view_return_top(view *v);

/* The least x of the alive. */
float pk_view_min(view *v);

/* Whether every stretch of x longer than `width` between low and high holds one that is alive. May
 * say no if it is so. */
bool pk_view_is_dense(view *v, float low, float high, double width);

/* ---- bins ---- */

/* Divides low <= x <= high into n bins of the same width, the first at high. */
typedef struct view_bins {
    float low, high, unit, per_unit;
    int32_t n;
} view_bins;

/* The bins of a range that is not empty. */
view_bins pk_view_bins_of(float low, float high, int32_t n);

/* The least x that is not in a bin behind this one; -inf if there is none. */
float pk_view_bin_floor(const view_bins *b, int32_t bin);

/* The mass of a bin relative to the maximum's, and its first moment: mass times nats below the
 * maximum, which is negative. */
typedef struct view_bin_mass {
    double mass, moment;
} view_bin_mass;

/* Writes those of n bins, whose high is the maximum; what is below their low is in the last one. The
 * sum is that of pk_view_entropy. */
void pk_view_bin_masses(view *v, const view_bins *b, view_bin_mass *bins);

/* How many are in a bin, and the least and the greatest of them. */
typedef struct view_bin_ends {
    int32_t n;
    float least, greatest;
} view_bin_ends;

/* Leases those of n bins, a quarter of the alive at most. Return them before anything else is asked of
 * the view. */
const view_bin_ends *pk_view_lease_bin_ends(view *v, const view_bins *b);
void pk_view_return_bin_ends(view *v);

/* ---- a list that was handed in and is taken for a row ---- */

/* Lays out by id what was not handed in by id, or a long list, and gives up the order that it had. The
 * view is scanned. */
void pk_view_by_id(view *v);

/* To be called behind each stage: of equals at a cut, which was found in the order in which they were
 * handed in, those with the lowest ids are kept. */
void pk_view_settle(view *v);

/* To be called at the end of a call: the caller's ids may change then. */
void pk_view_own_index(view *v);

/* ---- narrowing ---- */

/* Keeps x >= low and drops the others, masked ones included. At least one must remain. */
void pk_view_keep_above(view *v, float low);

/* Keeps x >= low and masks the others, which stay counted. */
void pk_view_mask_below(view *v, float low);

/* Keeps x >= low, or the first `least` in descending order if those are more. */
void pk_view_keep_above_or_first(view *v, float low, int64_t least);

/* Keeps x >= low without making a list, and sums it: for a stage that draws at once. */
void pk_view_cut(view *v, float low);

/* Keeps the first k counted candidates in descending order, which becomes the order. */
void pk_view_top_k(view *v, int64_t k);

/* The same if the k-th of them has this x, which saves the search; NaN, or any other x: not known. */
void pk_view_top_k_at(view *v, int64_t k, float x);

/* Keeps the shortest prefix in descending order that has p of the mass and at least min_keep
 * counted candidates; the order becomes descending. `ahead`: the stream that the next stage draws
 * from at once; NULL if it does not. */
void pk_view_keep_mass(view *v, double p, int64_t min_keep, const rng_stream *ahead);

/* The same in the order of distance from a centre, which becomes the order, and with more than p of
 * the mass. Call pk_view_by_id first. */
void pk_view_keep_near(view *v, double centre, double p, int64_t min_keep);

/* Keeps the candidates with a probability of at least exp(-nats), and the maximum in any case, and
 * sums them: for a stage that draws at once, from `ahead`, after it made the order descending. */
void pk_view_keep_likely(view *v, double nats, const rng_stream *ahead);

/* Keeps the maximum and masks the others, which stay counted. */
void pk_view_keep_maximum(view *v);

/* Keeps only the last candidate in its order. ERR_EMPTY if that one is masked. */
pluck_status pk_view_keep_last(view *v);

/* How many have x >= low. */
int64_t pk_view_count_above(view *v, float low);

/* The last of those with x >= low in descending order; there must be one. */
int32_t pk_view_last_above(view *v, float low);

/* Drops the candidates with x >= low, of which there is at least one, except the last of them in
 * descending order. */
void pk_view_drop_top(view *v, float low);

/* ---- changing; in any state ---- */

/* Divides all logits by t > 0. */
void pk_view_divide(view *v, double t);

/* Makes each logit m + d^2 (cube * d - square), with m the maximum and d what the logit is above it;
 * scanned. If neither number is negative the order stays, else it may become as they lie. */
pluck_status pk_view_bend(view *v, double square, double cube);

/* Edits logits (not x) in place: logit[i] is that of the (k + i)-th edit, i < n; -inf masks. */
typedef void (*edit_fn)(const void *ctx, int32_t k, int32_t n, double *logit);

/* Returns k, the number of the edit that a token has; -1 if it has none. */
typedef int32_t (*edit_of_fn)(const void *ctx, int32_t id);

/* Whether edits are made in the row, where an id is found without a search, so that the ids need
 * not ascend. */
bool pk_view_edits_row(const view *v);

/*
 * Applies fn to those of the n ids that are alive. No id occurs twice; they ascend unless the edit
 * is made in the row. If any logit changes, the order becomes that in which the candidates are
 * stored. Errors: ERR_NAN, ERR_EMPTY.
 */
pluck_status pk_view_edit(view *v, const int32_t *ids, int32_t n, edit_fn fn, const void *ctx);

/* The same for a view that is not edited in its row: `of` is asked which edit each candidate has. */
pluck_status pk_view_edit_each(view *v, edit_of_fn of, edit_fn fn, const void *ctx);

/* The same for an fn that adds added[id], its ctx, to each logit. */
pluck_status pk_view_add_each(view *v, const float *added, edit_of_fn of, edit_fn fn);

/* Changes the logits of n tokens from `first` on in place; -inf stays. Behind the vocabulary's end, too,
 * they are -inf. */
typedef void (*edit_all_fn)(const void *ctx, int32_t first, int32_t n, float *logit);

/* Hands all logits to fn, a few groups at a time, if the candidates are a row whose logits are not
 * scaled. False if they are not; nothing has been done then. */
bool pk_view_edit_all(view *v, edit_all_fn fn, const void *ctx);

/* The same for the logits of n tokens, 2048 at most, that a list has. */
typedef void (*edit_these_fn)(const void *ctx, const int32_t *ids, int32_t n, float *logit);

/* pk_view_edit_all for the candidates of a list that is taken for a row. */
bool pk_view_edit_these(view *v, edit_these_fn fn, const void *ctx);

/* Adds added[id] to each logit, as pk_row_add does, if the candidates are a row whose logits are not
 * scaled. False if they are not; nothing has been done then. */
bool pk_view_add(view *v, const float *added);

/* Whether there is a second row. */
bool pk_view_has_second(const view *v);

/* The logarithms of the sums of exp(logit) in the row and in the second row, over the tokens that
 * are alive in the row; NaN if there is a NaN or +inf among them. Nothing has changed the view
 * yet. */
typedef struct view_log_sums {
    double row, second;
} view_log_sums;
view_log_sums pk_view_log_sums(view *v);

/* Masks x < low, as pk_view_mask_below, before pk_view_mix. The view is scanned, and is not
 * afterwards. */
void pk_view_mask_to_mix(view *v, float low);

/* Makes each logit x, with y that of the second row, own * x + weight * (x - y) - shift; own is 1
 * or 0. Masks tokens at -inf in either. Candidates keep their places. Nothing but a cut, which is
 * not left beside a row, has changed the view. Errors: ERR_NAN. */
pluck_status pk_view_mix(view *v, float own, float weight, float shift);

/* Makes the order descending. A long list is not laid down in it until somebody asks for that. The
 * view is scanned. */
void pk_view_sort(view *v);

/* ---- walking: a scanned view, group by group, wherever its candidates are ---- */

typedef struct view_chunk {
    int32_t n;
    int32_t ids[GROUP];
    float x[GROUP];
    double p[GROUP]; /* probabilities; 0 of what is not alive */
} view_chunk;

int32_t pk_view_chunks(const view *v);

/* Reads chunk number c, ids ascending in a row, as they lie in a list. It may be empty. */
void pk_view_chunk(view *v, int32_t c, view_chunk *out);

/* ---- lists ---- */

/* The candidates' list, for a stage that writes to it; the state is VIEW_LIST. Call
 * pk_view_rewritten afterwards. */
list *pk_view_open_list(view *v);

/* Turns the x of a list into logits, so that the scale becomes 1. */
void pk_view_to_logits(view *v);

/* The candidates' list, for reading; the state is VIEW_LIST. */
const list *pk_view_list(const view *v);

/* Leases the probabilities of a list's candidates, in the order of the list. Return them before
 * anything else is asked of the view. */
float *pk_view_lease_probabilities(view *v);
void pk_view_return_probabilities(view *v);

/* Accepts what a stage has written to the list: n entries in an order, those at -inf masked, and
 * n_counted candidates in all. Errors: ERR_EMPTY. */
pluck_status pk_view_rewritten(view *v, int32_t n, candidate_order order, int64_t n_counted);

/* ---- selecting ---- */

/* A token that was found, but is not yet the selection. */
typedef struct pick {
    int32_t token;
    float x;
    double probability; /* below 0: not known yet */
} pick;

/* The candidate with the greatest x; of equals the lowest id. */
pick pk_view_argmax(view *v);

/* The candidate at which the cumulative probability reaches u, in the order that the generator
 * prescribes. */
pick pk_view_pick(view *v, pluck_rng_kind rng, double u);

/* ---- adaptive weights (adaptive-p) ---- */

/* pk_view_adapt_params makes the parameters from the view's sums. pk_view_adapt then makes the
 * logits `peak` minus what the parameters take off; the values are changed only when something
 * reads them, and a draw before that is from the new distribution. */
adapt_params pk_view_adapt_params(view *v, double target, float width, float sharpness);
void pk_view_adapt(view *v, const adapt_params *params, float peak);

/* Stores the candidates in their order. Call it before adapting, which loses the order. */
pluck_status pk_view_fix_order(view *v);

#endif /* PLUCK_VIEW_H */
