/*
 * comparison.h - the rows of `perflab compare`, as text, Markdown or JSON, and their exit status.
 */
#ifndef PERFLAB_COMPARISON_H
#define PERFLAB_COMPARISON_H

#include "resolution.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum comparison_unit { UNIT_MICROSECONDS, UNIT_BYTES } comparison_unit;

typedef struct comparison_row {
    char *id, *component, *input, *metric;
    size_t size; /* 0: it has none */
    comparison_unit unit;
    double a, b;   /* medians */
    double *ratio; /* n ratios a / b: above 1 if B takes less */
    size_t n;
    char *wrong; /* why it was not measured, such as a different output; else NULL */
    char *note;  /* a remark; may be NULL */
    bool judged; /* fail_on applies to it */

    /* Set by comparison_add: */
    size_t candidate; /* which of the candidates it is about */
    double threshold;
    perflab_summary summary; /* of the ratios; its interval is corrected for the candidates */
    double p;                /* of the sign test; at the end adjusted by Holm's method */
} comparison_row;

typedef struct comparison {
    const char *a;                 /* the baseline, as on the command line */
    const char *const *candidates; /* B, C and so on */
    size_t n_candidates;
    size_t candidate; /* the one that rows are added for from now on */
    comparison_row *rows;
    size_t n;
    bool markdown, json, bencher; /* else text */
    bool quiet;                   /* print nothing */
    const char *fail_on;          /* "regression=2%"; NULL: no difference is a failure */
    double threshold;             /* for rows that are added from now on: 0.02 */
    int failed;                   /* the exit status if something could not be measured; else 0 */
} comparison;

/* The letter of a candidate: 'B' for the first. */
char comparison_letter(size_t candidate);

/*
 * Adds a row. Prints it if the output is text and there is one candidate; the rows of several are
 * corrected for their number, and printed by comparison_finish. Strings and ratios are copied.
 */
void comparison_add(comparison *c, const comparison_row *row);

/*
 * Prints the rows that are not printed yet, and returns the exit status: c->failed if that is not
 * 0; else 1 for a wrong result or, with fail_on, a resolved loss; else 4, with fail_on, if the
 * intervals do not decide it; else 0.
 */
int comparison_finish(comparison *c);

/* What a row is about: "ID component input size metric". To be freed. */
char *comparison_title(const comparison_row *row);

/* What a resolution means for a candidate, in words, to be freed. */
char *comparison_words(resolution said, comparison_unit unit, char letter);

void comparison_free(comparison *c);

#endif
