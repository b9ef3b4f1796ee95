/*
 * batch.h: inside a batch. batch.c hands rows to threads, batch_row.c runs one and writes what was
 * asked for, batch_why.c says in words why one failed.
 *
 * A lane is what one thread needs. As many as there are threads are opened for a call, and each takes
 * rows until there are none left. A row's results go to places of their own, so nobody waits for
 * anybody; where the kept sets begin is known at the end alone, and they are moved there then.
 */
#ifndef PLUCK_BATCH_INSIDE_H
#define PLUCK_BATCH_INSIDE_H

#include <stdatomic.h>

#include "pluck_batch.h"
#include "pool.h"
#include "verify.h"

typedef enum lane_state { LANE_CLOSED, LANE_OPEN, LANE_RUNNING } lane_state;

typedef struct lane {
    atomic_int state;
    pluck_workspace *workspace;
    float *room;    /* for each token: a gathered row, then probabilities by id */
    uint64_t *bits; /* one for each token */
    int32_t failed; /* row of the call: the first of this lane whose draft failed; -1: none did */
    pluck_error why;
    char apart[64]; /* from the next lane's state */
} lane;

struct pluck_batch {
    pluck_batch_config config;
    size_t size; /* of this block */
    pool *pool;  /* NULL: one thread, or the caller's */
    lane *lanes;
    pluck_status *statuses; /* of the call's rows */
    int32_t *n_kept;        /* by row */
    atomic_flag busy;

    /* The call: */
    const pluck_batch_row *rows;
    const pluck_batch_out *out;
    int32_t n;
    atomic_int next; /* row that nobody has taken yet */
    pk_fpenv caller; /* of the thread that called */
};

/* ---- batch_row.c; in the library's environment ---- */

/* Runs row i in a lane: its results and its status are written. */
void pk_batch_run_row(pluck_batch *b, lane *l, int32_t i);

/* Writes what stands for results of a row that failed. */
void pk_batch_blank_row(const pluck_batch *b, int32_t i);

/* The same of log-probabilities alone. */
void pk_batch_blank_logprobs(const pluck_batch_logprobs *out, int32_t i);

/* The logit of a row's place `at`, counted in elements from its first. */
float pk_batch_logit(const pluck_batch_row *row, int64_t at);

/* ---- batch_why.c ---- */

/* What is wrong with row i, which failed. Returns its status. Of a draft it is known only of the first
 * one that failed. */
pluck_status pk_batch_why(const pluck_batch *b, int32_t i, pluck_error *err);

/* Did row i fail while its draft was verified? Then pk_batch_why_draft has said why. */
bool pk_batch_draft_failed(const pluck_batch *b, int32_t i);

/* What is wrong with the draft of row i, as soon as it has failed; `found`: what pk_verify says. */
void pk_batch_why_draft(const pluck_batch *b, int32_t i, const pluck_error *found,
                        pluck_error *err);

/* Checks the arguments of a call. ERR_NULL, ERR_SIZE. */
pluck_status pk_batch_check_call(const pluck_batch *b, const pluck_batch_row *rows, int32_t n,
                                 const pluck_batch_out *out, pluck_error *err);

#endif /* PLUCK_BATCH_INSIDE_H */
