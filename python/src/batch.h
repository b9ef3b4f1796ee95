/* batch.h: what pluck.Batch's files share: the rows of a call, and what is wanted of them. */
#ifndef PLUCK_PYTHON_BATCH_H
#define PLUCK_PYTHON_BATCH_H

#include "rows.h"

/* The arguments of a call, as the C library wants them. */
typedef struct px_batch_call {
    px_rows in;
    PyObject *samplers; /* list; keeps them alive */
    int32_t n_entered;  /* of them, from the first on, are marked as busy */
} px_batch_call;

/* What a caller of Batch.sample asks for; NULL: not given. */
typedef struct px_batch_args {
    PyObject *samplers, *rows, *mask, *accept, *max_kept, *raw_top, *top, *dtype;
} px_batch_args;

/* Reads the arguments and marks the samplers as busy. -1 with an exception set, and nothing to
 * drop. */
int px_batch_call_fill(px_batch_call *c, const px_batch_args *args, int32_t n_vocab,
                       int32_t max_rows);
void px_batch_call_drop(px_batch_call *c);

/* The outcome of a call: arrays for the C library to fill. */
typedef struct px_batch_outcome {
    int32_t n;
    pluck_batch_out c;
    void *memory; /* all of the arrays */
} px_batch_outcome;

/* Makes room for what is asked for. -1 with an exception set, and nothing to drop. */
int px_batch_outcome_make(px_batch_outcome *o, int32_t n, const px_batch_args *args,
                          int32_t n_vocab);
void px_batch_outcome_drop(px_batch_outcome *o);

/* The BatchResult; raises BatchError with it if rows failed. */
PyObject *px_batch_outcome_result(const px_batch_outcome *o, const px_batch_call *call);

int px_batch_result_init(PyObject *module);

#endif /* PLUCK_PYTHON_BATCH_H */
