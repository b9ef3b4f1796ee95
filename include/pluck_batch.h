/*
 * pluck_batch.h: many rows in one call, on threads.
 *
 * A server samples from 8 to 256 rows a step, each of a conversation with a sampler of its own. A
 * pluck_batch has what such a call needs (a workspace for each thread, a pool of threads or the
 * caller's own executor) and hands out what was asked for: tokens, draws, the kept sets, and
 * log-probabilities of the row and of the processed distribution.
 *
 *     pluck_batch *batch;
 *     pluck_batch_config config = {.n_vocab = n_vocab, .max_rows = 64, .n_threads = 4};
 *     pluck_batch_create(&batch, &config, NULL);
 *     for (int i = 0; i < n; i++)
 *         rows[i] = (pluck_batch_row){
 *             .sampler = samplers[i], .row.logits = logits + i * n_vocab, .accept = true};
 *     pluck_batch_out out = {.tokens = tokens};
 *     pluck_error error;
 *     if (pluck_batch_sample(batch, rows, n, &out, &error) != PLUCK_OK) puts(error.message);
 *
 * Results do not depend on the number of threads, nor on who runs which row: each row's are those
 * of pluck_sample_row, or of pluck_verify if it has a draft. A row that fails fails alone. After
 * creation nothing is allocated.
 *
 * docs/serving.md explains more. Source of the kept set's use: "sampling mask replay", DeepSeek
 * V3.2 (arXiv 2512.02556).
 */
#ifndef PLUCK_BATCH_H
#define PLUCK_BATCH_H

#include "pluck.h"
#include "pluck_verify.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Limits that creation checks. */
#define PLUCK_MAX_BATCH_ROWS    65536 /* rows of a call */
#define PLUCK_MAX_BATCH_THREADS 1024  /* threads of a batch */

/* ------------------------------------------------------------------------------------------------
 * A batch's life
 * ---------------------------------------------------------------------------------------------- */

/*
 * The caller's own threads. `run` has work(arg, i) called for each i from 0 to n - 1, once each, on
 * any threads and in any order, its own thread included, and returns when all that were begun have
 * returned: true, or false if it gave up. Each call of work takes rows until there are none left,
 * so it is right, if slow, to run one after the other. Rows that nobody came to run are ERR_CANCELLED
 * and as they were; a call of work that comes too late, or a second time, does nothing.
 */
typedef struct pluck_executor {
    bool (*run)(void *ctx, int32_t n, void (*work)(void *arg, int32_t i), void *arg);
    void *ctx;
} pluck_executor;

typedef struct pluck_batch_config {
    int32_t n_vocab;         /* the greatest vocabulary of the samplers: 1 to 16777216 */
    int32_t max_rows;        /* of a call: 1 to 65536 */
    int32_t n_threads;       /* that work on a call, the calling one included: 1 to 1024. Each has a
                          workspace, 21 bytes for each vocabulary entry in all */
    pluck_executor executor; /* run NULL: the batch makes n_threads - 1 threads (of POSIX or
                                  Windows) that sleep between calls */
    pluck_allocator allocator; /* all zero: malloc and free */
} pluck_batch_config;

typedef struct pluck_batch pluck_batch;

/*
 * Creates a batch, and its threads. Threads block all signals. The child of a fork has none of
 * them: there the calling thread does all the work of a batch that the parent made. On error *out
 * is left alone; err, which may be NULL, receives the member and its range.
 * Errors: ERR_NULL, ERR_VOCAB, ERR_SIZE (max_rows, n_threads; threads that this system has not),
 * ERR_MEMORY (also if the system refuses a thread).
 */
PLUCK_API pluck_status pluck_batch_create(pluck_batch **out, const pluck_batch_config *config,
                                          pluck_error *err);

/* Ends the threads and frees the batch, which no call may be using; NULL is allowed. */
PLUCK_API void pluck_batch_free(pluck_batch *batch);

/* ------------------------------------------------------------------------------------------------
 * Sampling
 * ---------------------------------------------------------------------------------------------- */

/* What a row does without although others want it: bits of pluck_batch_row.leave_out. */
typedef enum pluck_batch_part {
    PLUCK_BATCH_KEPT = 1,
    PLUCK_BATCH_RAW = 2,
    PLUCK_BATCH_PROCESSED = 4
} pluck_batch_part;

/* One row of a batch. Zero what is not needed. */
typedef struct pluck_batch_row {
    pluck_sampler *sampler; /* of up to the batch's n_vocab; in one row of a call only */
    pluck_row row;          /* its workspace is not used: the batch's is */
    int64_t stride;         /* from one logit to the next, in elements, also backwards; 0 and 1:
                               side by side. Other strides are gathered first */
    bool accept;            /* accept the token drawn, as pluck_accept does */
    uint32_t leave_out;     /* bits of pluck_batch_part */
    /* NULL: none. Else the draft is verified as by pluck_verify, in the batch's workspace, and the
     * tokens that result are accepted; `row`, `stride` and `accept` are not used. */
    const pluck_draft *draft;
} pluck_batch_row;

/*
 * The kept set: every candidate that a row's chain left with a probability above zero, as compressed
 * sparse rows. Row i has the entries offsets[i] to offsets[i + 1] - 1, ascending by id.
 */
typedef struct pluck_batch_kept {
    int32_t max_kept;     /* of a row, at least 1; a row that keeps more fails with ERR_SIZE */
    int64_t *offsets;     /* n + 1, the first 0; NULL: the kept sets are not wanted */
    int32_t *ids;         /* room for n * max_kept; what lies behind the last entry is scratch */
    float *probabilities; /* the same; NULL: not wanted */
} pluck_batch_kept;

/*
 * Natural logarithms of probabilities: of the token drawn, and of the n_top most likely ones, most
 * likely first, the lower id first among equals. Where there are fewer: id -1, log-probability
 * -inf.
 */
typedef struct pluck_batch_logprobs {
    float *token;    /* n; NULL: not wanted */
    int32_t n_top;   /* 0 to the batch's n_vocab */
    int32_t *ids;    /* n rows of n_top */
    float *logprobs; /* n rows of n_top */
} pluck_batch_logprobs;

/* What is wanted of a call; n is its number of rows. Zero what is not. */
typedef struct pluck_batch_out {
    pluck_status *statuses; /* n */
    pluck_error *errors; /* n: which field of the row, and why; OK and "" for a row that succeeds */
    int32_t *tokens;     /* n; -1 for a row that failed */
    /* n; needed if a row has a draft. Of a row without one: n_accepted 0 and the token. Of a row that
     * failed: 0 and -1. */
    pluck_verified *verified;
    pluck_draw *draws;        /* n; of a row that failed: token -1, the rest 0 */
    pluck_batch_kept kept;    /* a row that failed keeps nothing */
    pluck_batch_logprobs raw; /* of the row as handed in, mask and list included, before the chain.
                                 Of a row that failed: token NaN, and no top */
    pluck_batch_logprobs processed; /* of the final distribution, which is that of the draws */
} pluck_batch_out;

/*
 * Samples from each of n rows (0 to max_rows) with the row's own sampler, and accepts the token if
 * the row says so. A chain that does not select is an error of its row (ERR_NO_DRAW).
 *
 * If a row has a draft, its token is the one behind the drafted tokens that stand, and what else is
 * asked for (draw, kept set, log-probabilities) is of the place that gave this token; the chain's
 * distribution there is meant, also if the token was drawn from what a draft left of it.
 *
 * Returns PLUCK_OK if every row succeeded, and PLUCK_ERR_BATCH if some failed: each of these is as it
 * was, streams and histories included, and the others are done. Then err, which may be NULL, has the
 * first one's number, field and reason. Any other error is about the call as a whole: nothing was
 * done and nothing written.
 *
 * Log-probabilities use the passes of the chain where they can; together with the top 20 they cost
 * about 6 passes over the row at most. A raw one takes sums before the chain does, which may change
 * the last bits of probabilities.
 *
 * Custom stages run on any of the threads, with the floating-point environment of the thread that
 * called; what they change of it is forgotten. Samplers that share a custom context must not be in
 * one call unless the context bears it.
 *
 * Errors of the call: ERR_NULL (batch, rows, an array that goes with one that is given, verified if a
 * row has a draft), ERR_SIZE (n, n_top, max_kept), ERR_SHARED (the batch is in use by another call).
 * Statuses of a row: OK; those of pluck_sample_row, and with a draft those of pluck_verify;
 * ERR_SHARED (its sampler is an earlier row's); ERR_SIZE (it keeps more than max_kept);
 * ERR_CANCELLED.
 */
PLUCK_API pluck_status pluck_batch_sample(pluck_batch *batch, const pluck_batch_row *rows,
                                          int32_t n, const pluck_batch_out *out, pluck_error *err);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_BATCH_H */
