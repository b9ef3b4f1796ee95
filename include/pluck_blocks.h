/*
 * pluck_blocks.h: the building blocks of pluck.h, for engines that use them alone.
 *
 * All functions are free of global state, allocate nothing and may run on any number of threads.
 * The instruction set is chosen as for pluck.h; every one gives the same bits. Rows are float32
 * unless said otherwise; n is their length, 1 to 2^30 unless said otherwise; any alignment.
 * Functions that return pluck_status write nothing if they fail.
 */
#ifndef PLUCK_BLOCKS_H
#define PLUCK_BLOCKS_H

#include "pluck.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- element by element: out may be x ---- */

/* out[i] = exp(x[i]), within 2 ulp over the whole range; subnormal results, 0, +inf, NaN as libm's.
 */
PLUCK_API void pluck_exp(const float *x, size_t n, float *out);

/* out[i] = log(x[i]), within 2 ulp; log(0) = -inf, NaN below 0. */
PLUCK_API void pluck_log(const float *x, size_t n, float *out);

/* out[i] = x[i] * factor. A temperature t is the factor 1 / t. */
PLUCK_API void pluck_scale(const float *x, size_t n, float factor, float *out);

/* ---- over a row ---- */

/*
 * The index of the greatest element, the lowest among equals. One pass.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY (all -inf).
 */
PLUCK_API pluck_status pluck_argmax(const float *x, size_t n, size_t *index);

/*
 * log(sum(exp(x))), within 1e-6 relative of the exact value, no overflow. +inf if any element is.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY.
 */
PLUCK_API pluck_status pluck_logsumexp(const float *x, size_t n, double *result);

/*
 * out[i] = exp(x[i]) / sum(exp(x)); out may be x. -inf gives 0; several +inf share equally.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY.
 */
PLUCK_API pluck_status pluck_softmax(const float *x, size_t n, float *out);

/*
 * The entropy of softmax(x) in nats, H = log sum exp(x) - sum(p x): no logarithm per element.
 * Within 1e-6 of the exact value, relative if H > 1, else absolute.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY.
 */
PLUCK_API pluck_status pluck_entropy(const float *x, size_t n, double *result);

/*
 * The k greatest unmasked (above -inf) elements of x, descending, lower index first among equals:
 * indices to ids, values to values, how many there were to *n_written (fewer than k if fewer are
 * unmasked). If some are +inf those alone count, as in a chain. n and k: 1 to the workspace's
 * n_vocab, k <= n.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY, ERR_WORKSPACE.
 */
PLUCK_API pluck_status pluck_top_k(pluck_workspace *workspace, const float *x, int32_t n, int32_t k,
                                   int32_t *ids, float *values, int32_t *n_written);

/*
 * The elements of x at or above cut (above -inf if cut is that), in order: indices to ids,
 * values to values; both need room for n + 16. What comes after the last one written is scratch.
 * Returns how many: 0 if cut is NaN, n below 1 or a pointer NULL. NaN among x are left out. The
 * filter of min-p: cut = max + log p.
 */
PLUCK_API int32_t pluck_filter(const float *x, int32_t n, float cut, int32_t *ids, float *values);

/* ---- llama.cpp's arrays ---- */

/* llama.cpp's llama_token_data: 12 bytes. */
typedef struct pluck_token_data {
    int32_t id;
    float logit;
    float p;
} pluck_token_data;

/* data[i] = {i, logits[i], 0}: what llama.cpp does before each sampling. */
PLUCK_API void pluck_token_data_fill(const float *logits, int32_t n, pluck_token_data *data);

/* ---- small selections and merging ---- */

/* The k-th greatest (1 <= k <= n) of x, which stays as it is; n * 32 comparisons at most, none of
 * them a branch on a value: for some hundred values. 0 if x is NULL or k is out of range; NaN must
 * not be among x. */
PLUCK_API float pluck_kth_greatest(const float *x, int32_t n, int32_t k);

/* Sorts n biases by token, in place, and adds up those of one token, as the logit bias stage does:
 * -inf masks whatever the others are. Returns how many are left; 0 if biases is NULL. */
PLUCK_API int32_t pluck_merge_biases(pluck_logit_bias *biases, int32_t n);

/* ---- the last n tokens ---- */

/*
 * A ring of tokens with counts: the history that penalties keep. Push costs the same whatever n and
 * the vocabulary; how often a token is in the ring is one probe of a small table.
 */
typedef struct pluck_token_ring pluck_token_ring;

/* A ring of the last n (1 to 1048576) tokens. Errors: ERR_NULL, ERR_SIZE, ERR_MEMORY. */
PLUCK_API pluck_status pluck_token_ring_create(pluck_token_ring **out, int32_t n,
                                               const pluck_allocator *allocator);
PLUCK_API void pluck_token_ring_free(pluck_token_ring *ring);

/* Adds a token (>= 0), dropping the oldest if the ring is full. Errors: ERR_NULL, ERR_TOKEN. */
PLUCK_API pluck_status pluck_token_ring_push(pluck_token_ring *ring, int32_t token);

/*
 * The same as pushing each of `count` tokens in turn: a prompt. Costs no more than the ring holds.
 * Errors: ERR_NULL, ERR_SIZE (count < 0), ERR_TOKEN; the ring is then as it was.
 */
PLUCK_API pluck_status pluck_token_ring_push_n(pluck_token_ring *ring, const int32_t *tokens,
                                               int32_t count);
PLUCK_API void pluck_token_ring_clear(pluck_token_ring *ring);

/* Tokens held: 0 to n. */
PLUCK_API int32_t pluck_token_ring_size(const pluck_token_ring *ring);

/* The token `back` places from the newest (0); -1 if there is none. */
PLUCK_API int32_t pluck_token_ring_back(const pluck_token_ring *ring, int32_t back);

/* Writes the newest `count` tokens, oldest first, as pluck_dry_repeats reads them; all there are
 * if that is fewer. Returns how many. */
PLUCK_API int32_t pluck_token_ring_recent(const pluck_token_ring *ring, int32_t count,
                                          int32_t *tokens);

/* How often token is in the ring. */
PLUCK_API int32_t pluck_token_ring_count(const pluck_token_ring *ring, int32_t token);

/* The distinct tokens, ascending, and their counts; room for min(size, n) of each. Returns how
 * many. */
PLUCK_API int32_t pluck_token_ring_distinct(const pluck_token_ring *ring, int32_t *tokens,
                                            int32_t *counts);

/* ---- DRY ---- */

/*
 * What DRY would penalise: tokens (ascending) and the length of the repeat each would continue, of
 * the n tokens of a history (oldest first), as pluck_stage_dry says. scratch has 2 n int32; tokens
 * and lengths have room for n each. Returns how many.
 */
PLUCK_API int32_t pluck_dry_repeats(const int32_t *history, int32_t n, const pluck_stage_dry *dry,
                                    int32_t *scratch, int32_t *tokens, int32_t *lengths);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_BLOCKS_H */
