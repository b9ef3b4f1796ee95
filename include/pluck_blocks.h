/*
 * pluck_blocks.h: the building blocks of pluck.h, for engines that need only some of them.
 *
 * Rows are float32, of any alignment; n is their length, 1 to 2^30 unless a comment says otherwise.
 * Functions that return pluck_status write no output if they fail; the comments name the codes
 * without the prefix PLUCK_. The instruction set is chosen as for pluck.h, and every one gives the
 * same bits.
 *
 * Threads. Functions may run on any number of threads at once, but a workspace or a token ring may
 * be used by one thread at a time. Only pluck_token_ring_create allocates.
 */
#ifndef PLUCK_BLOCKS_H
#define PLUCK_BLOCKS_H

#include "pluck.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- element by element: out has room for n and may be x; the pointers must not be NULL ---- */

/* out[i] = exp(x[i]), within 2 ulp over the whole range, subnormal results included; 0, +inf and
 * NaN as in libm. */
PLUCK_API void pluck_exp(const float *x, size_t n, float *out);

/* out[i] = log(x[i]), natural, within 2 ulp; log(0) is -inf, of a negative number NaN. */
PLUCK_API void pluck_log(const float *x, size_t n, float *out);

/* out[i] = x[i] * factor. For a temperature t the factor is 1 / t. */
PLUCK_API void pluck_scale(const float *x, size_t n, float factor, float *out);

/* ---- over a row ---- */

/*
 * The index (from 0) of the greatest element; of equals the lowest index. One pass.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY (all -inf).
 */
PLUCK_API pluck_status pluck_argmax(const float *x, size_t n, size_t *index);

/*
 * log(sum(exp(x))), with a relative error below 1e-6 and no overflow; +inf if any element is.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY.
 */
PLUCK_API pluck_status pluck_logsumexp(const float *x, size_t n, double *result);

/*
 * out[i] = exp(x[i]) / sum(exp(x)). out has room for n and may be x. An element at -inf gets 0. If
 * any are at +inf, they share the probability equally and the others get 0.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY.
 */
PLUCK_API pluck_status pluck_softmax(const float *x, size_t n, float *out);

/*
 * The entropy of p = softmax(x) in nats, as log(sum(exp(x))) - sum(p x), which needs no logarithm
 * for each element. The error is below 1e-6: relative if the entropy is above 1, else absolute.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY.
 */
PLUCK_API pluck_status pluck_entropy(const float *x, size_t n, double *result);

/*
 * The k greatest elements of x that are above -inf, in descending order, of equals the lower index
 * first. Writes their indices to ids and their values to values, each with room for k, and how many
 * there are to *n_written: fewer than k if fewer are above -inf. If some are +inf, only those are
 * written, as in a chain. n is 1 to the workspace's n_vocab, k is 1 to n.
 * Errors: ERR_NULL, ERR_SIZE, ERR_NAN, ERR_EMPTY, ERR_WORKSPACE.
 */
PLUCK_API pluck_status pluck_top_k(pluck_workspace *workspace, const float *x, int32_t n, int32_t k,
                                   int32_t *ids, float *values, int32_t *n_written);

/*
 * The elements of x at or above cut, in order of index; if cut is -inf, those above it. Writes
 * their indices to ids and their values to values, and returns how many there are. Both need room
 * for n + 16, since entries after the last one are overwritten too. NaN elements are left out. 0 if
 * cut is NaN, n is below 1 or a pointer is NULL. With cut = max + log(p) this is the filter of
 * min-p.
 */
PLUCK_API int32_t pluck_filter(const float *x, int32_t n, float cut, int32_t *ids, float *values);

/* ---- llama.cpp's arrays ---- */

/* The same as llama.cpp's llama_token_data: 12 bytes. */
typedef struct pluck_token_data {
    int32_t id;
    float logit;
    float p;
} pluck_token_data;

/* data[i] = {i, logits[i], 0} for i < n, which llama.cpp does before each sampling. n is any
 * number; does nothing if it is below 1. */
PLUCK_API void pluck_token_data_fill(const float *logits, int32_t n, pluck_token_data *data);

/* ---- small selections and merging ---- */

/* The k-th greatest value of x, k from 1 to n. x is not changed and must not contain NaN. Takes at
 * most 32 n comparisons, none of which is a branch: meant for a few hundred values. 0 if x is NULL
 * or k is out of range. */
PLUCK_API float pluck_kth_greatest(const float *x, int32_t n, int32_t k);

/* Sorts n biases by token, in place, and adds up those of the same token, as the logit bias stage
 * does: if one is -inf, so is the sum. Returns how many are left; 0 if biases is NULL. */
PLUCK_API int32_t pluck_merge_biases(pluck_logit_bias *biases, int32_t n);

/* ---- the last n tokens ---- */

/*
 * The last n tokens with their counts: the history that penalties keep. The time of a push does not
 * depend on n or on the vocabulary. Counting a token looks it up in a hash table.
 */
typedef struct pluck_token_ring pluck_token_ring;

/* Creates an empty ring for the last n tokens (1 to 1048576). allocator is copied; NULL: malloc and
 * free. pluck_token_ring_free frees it; NULL is allowed.
 * Errors: ERR_NULL, ERR_SIZE, ERR_MEMORY. */
PLUCK_API pluck_status pluck_token_ring_create(pluck_token_ring **out, int32_t n,
                                               const pluck_allocator *allocator);
PLUCK_API void pluck_token_ring_free(pluck_token_ring *ring);

/* Adds a token (>= 0). If the ring is full, its oldest token is dropped.
 * Errors: ERR_NULL, ERR_TOKEN. */
PLUCK_API pluck_status pluck_token_ring_push(pluck_token_ring *ring, int32_t token);

/*
 * Pushes `count` tokens (>= 0), such as a prompt, oldest first. At most the last n of them take
 * time. Errors: ERR_NULL, ERR_SIZE (count < 0), ERR_TOKEN; the ring is then as it was.
 * pluck_token_ring_clear empties the ring.
 */
PLUCK_API pluck_status pluck_token_ring_push_n(pluck_token_ring *ring, const int32_t *tokens,
                                               int32_t count);
PLUCK_API void pluck_token_ring_clear(pluck_token_ring *ring);

/* The number of tokens in the ring: 0 to n. 0 for NULL. */
PLUCK_API int32_t pluck_token_ring_size(const pluck_token_ring *ring);

/* The token `back` places before the newest one, which is at 0; -1 if there is none. */
PLUCK_API int32_t pluck_token_ring_back(const pluck_token_ring *ring, int32_t back);

/* Writes the newest `count` tokens, or all if there are fewer, to tokens, oldest first, as
 * pluck_dry_repeats reads them. Returns how many; 0 if a pointer is NULL. */
PLUCK_API int32_t pluck_token_ring_recent(const pluck_token_ring *ring, int32_t count,
                                          int32_t *tokens);

/* How often a token is in the ring; 0 for NULL. */
PLUCK_API int32_t pluck_token_ring_count(const pluck_token_ring *ring, int32_t token);

/* Writes the distinct tokens, ascending, and their counts; both arrays need room for
 * pluck_token_ring_size entries. Returns how many; 0 if a pointer is NULL. */
PLUCK_API int32_t pluck_token_ring_distinct(const pluck_token_ring *ring, int32_t *tokens,
                                            int32_t *counts);

/* ---- DRY ---- */

/*
 * What DRY would penalise after a history of n tokens (oldest first), with the breakers and the
 * allowed length of `dry`: the tokens, ascending, and for each the length of the repeat that it
 * would continue. tokens and lengths have room for n each, scratch for 2 n. Returns how many; 0 if
 * n is below 1 or a pointer is NULL.
 */
PLUCK_API int32_t pluck_dry_repeats(const int32_t *history, int32_t n, const pluck_stage_dry *dry,
                                    int32_t *scratch, int32_t *tokens, int32_t *lengths);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_BLOCKS_H */
