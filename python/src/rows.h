/* rows.h: many rows of a call, and their masks: rows.c. Batch and Sampler.verify take them so. */
#ifndef PLUCK_PYTHON_ROWS_H
#define PLUCK_PYTHON_ROWS_H

#include "extension.h"

#include "pluck_batch.h"

/* The rows of a call as the C library wants them, and the arrays that they lie in. */
typedef struct px_rows {
    int32_t n;
    pluck_batch_row *rows; /* n */
    px_array *arrays; /* of rows and masks: one of each for a matrix, n of each for sequences */
    int32_t n_arrays; /* that have been taken */
    void **own;       /* n masks that had to be packed, or NULL */
    const char *per;  /* what there must be as many of: "samplers"; for messages */
} px_rows;

/* Makes room for n rows. -1 with an exception set; px_rows_drop in either case. */
int px_rows_make(px_rows *r, int32_t n, const char *per);

/* Reads rows and masks: a matrix each, or a list of arrays with one dimension; mask NULL: none. The
 * caller has put the vocabulary of each row into rows[i].row.n. -1 with an exception set. */
int px_rows_fill(px_rows *r, PyObject *rows, PyObject *mask, PyObject *dtype);
void px_rows_drop(px_rows *r);

/* A new list of what is given one by one; NULL without an exception: it is one array. */
PyObject *px_as_list(PyObject *given);

/* For something called `what` ("rows") of which there are `is`: -1 with ValueError set unless there
 * are n, as many as there are of `per`. */
int px_check_count(const char *what, int64_t is, const char *per, int32_t n);

#endif /* PLUCK_PYTHON_ROWS_H */
