/*
 * parity_rows.h: the rows that the parity program walks, with what is known of them beforehand.
 *
 * A step's row is one of a pool with its ids rotated, so its order is known but for equals. That
 * spares the oracles most of their sorting (oracle_expect), and where a chain begins with a cutoff
 * that no sum goes into (top_k, min_p), it spares the exact one most of the row: it gets a
 * list of the tokens that can matter. test_parity_rows.c holds both to the oracles' plain results.
 */
#ifndef PLUCK_LLAMA_PARITY_ROWS_H
#define PLUCK_LLAMA_PARITY_ROWS_H

#include "pluck.h"
#include "rows/rows.h"

/* Rows of one vocabulary size. */
typedef struct parity_rows {
    int32_t n_vocab;
    float *base;          /* all of them */
    int32_t *base_orders; /* the ids of each by descending logit, lower id first */
    float *row;           /* of the present step */
    int32_t *order;       /* of the present step, but that equals may stand in any order */
    /* The tokens of `row` that can matter, in order of id. */
    int32_t *ids;
    float *logits;
    unsigned char *always; /* by id: is in the list whatever its logit */
} parity_rows;

bool parity_rows_init(parity_rows *p, int32_t n_vocab);
void parity_rows_free(parity_rows *p);

/* Prepares a step: real, peaked and normal rows take turns, which one and the rotation are by
 * chance. */
void parity_rows_next(parity_rows *p, int64_t step, rows_random *random);

/* Lists the tokens that can matter to the chain in p->ids and p->logits, and returns how many; 0:
 * any of the row may. `accepted` are the tokens of the history. */
int32_t parity_rows_narrow(parity_rows *p, const pluck_config *config, const int32_t *accepted,
                           int32_t n_accepted);

#endif
