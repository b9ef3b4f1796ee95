/*
 * cliff_rows.h: rows, masks and lists of candidates that may make a sampler much slower.
 *
 * Everything is made from fixed seeds. A shape is a way to fill a row, possibly with a mask or a
 * list of candidates.
 */
#ifndef PLUCK_BENCH_CLIFF_ROWS_H
#define PLUCK_BENCH_CLIFF_ROWS_H

#include "rows.h"

typedef enum cliff_mask {
    MASK_NONE = 0,
    MASK_SCATTERED,  /* `part` of the tokens, chosen at random, are allowed */
    MASK_RUNS,       /* the same, in runs of some hundred */
    MASK_STRING,     /* the tokens that may continue a JSON string, recorded from a tokenizer */
    MASK_IDENTIFIER, /* the tokens that may continue [a-z_]*, recorded */
} cliff_mask;

typedef enum cliff_list {
    LIST_NONE = 0,
    LIST_SHUFFLED, /* `part` of the tokens, in any order */
    LIST_BY_ID,    /* the same, ascending */
    LIST_BY_LOGIT, /* the same, by descending logit, and declared descending */
} cliff_list;

typedef struct cliff_shape {
    const char *name;
    void (*fill)(rows_random *random, float *row, int32_t n);
    cliff_mask mask;
    cliff_list list;
    double part;
    bool ordinary; /* a common row: the limits of single chains apply to it */
    bool small;    /* part of the fixed set that the tests count */
} cliff_shape;

extern const cliff_shape cliff_shapes[];
extern const int n_cliff_shapes;

/* A shape made for a vocabulary and a dtype. */
typedef struct cliff_input {
    const cliff_shape *shape;
    int32_t n_vocab;
    int32_t n; /* candidates: fewer than n_vocab for a list */
    pluck_dtype dtype;
    float *values;       /* n logits, before they were stored as dtype */
    void *logits;        /* n elements of dtype */
    void *second;        /* n_vocab elements of dtype: the logit of each token, or -1 */
    int32_t *ids;        /* of a list, or NULL */
    uint32_t *allowed;   /* of a mask, or NULL */
    void *masked_logits; /* of a mask: the row with -inf at the masked tokens, or NULL */
} cliff_input;

/* Makes the input. False if there is no memory, or a recorded file is missing; a message has then
 * been printed. */
bool cliff_input_make(cliff_input *out, const cliff_shape *shape, int32_t n_vocab,
                      pluck_dtype dtype);
void cliff_input_free(cliff_input *input);

#endif /* PLUCK_BENCH_CLIFF_ROWS_H */
