/*
 * parity_rows.h: the rows of the parity program, and what is known about them in advance.
 *
 * A step's row is one of a pool with its ids rotated, so its order is known, apart from equal
 * logits. This saves the oracles most of their sorting (oracle_expect). If a chain begins with a
 * cut that depends on no sum (top_k, min_p), it also saves the exact oracle most of the row: that
 * gets a list of the tokens that can matter. test_parity_rows.c checks that the oracles' results
 * stay the same.
 */
#ifndef PLUCK_LLAMA_PARITY_ROWS_H
#define PLUCK_LLAMA_PARITY_ROWS_H

#include "pluck.h"
#include "rows/rows.h"

/* Rows of one vocabulary size. */
typedef struct parity_rows {
    int32_t n_vocab;
    float *base;          /* all rows of the pool */
    int32_t *base_orders; /* the ids of each row by descending logit, lower id first */
    float *row;           /* of the current step */
    int32_t *order;       /* its ids by descending logit; equals are in any order */
    /* The tokens of `row` that can matter, in order of id. */
    int32_t *ids;
    float *logits;
    unsigned char *always; /* by id: is in the list whatever its logit is */
} parity_rows;

/* Makes the pool for a vocabulary; false if out of memory. parity_rows_free is needed either
 * way. */
bool parity_rows_init(parity_rows *p, int32_t n_vocab);
void parity_rows_free(parity_rows *p);

/* Prepares a step. Real, peaked and normal rows alternate; which one of a kind and how far it is
 * rotated is random. */
void parity_rows_next(parity_rows *p, int64_t step, rows_random *random);

/* Lists the tokens that can matter to the chain in p->ids and p->logits, and returns how many; 0:
 * all can. `accepted`: the tokens of the history. */
int32_t parity_rows_narrow(parity_rows *p, const pluck_config *config, const int32_t *accepted,
                           int32_t n_accepted);

#endif
