/*
 * comparison.h - the rows of `perflab compare`, as text, Markdown or JSON, and their exit status.
 */
#ifndef PERFLAB_COMPARISON_H
#define PERFLAB_COMPARISON_H

#include "stat.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum comparison_unit { UNIT_MICROSECONDS, UNIT_BYTES } comparison_unit;

typedef struct comparison_row {
    char *id, *component, *input, *metric;
    size_t size; /* 0: it has none */
    comparison_unit unit;
    double a, b;           /* medians */
    perflab_summary ratio; /* a / b: above 1 if B takes less */
    char *wrong;           /* why it was not measured, such as a different output; else NULL */
    char *note;            /* a remark; may be NULL */
    bool judged;           /* fail_on applies to it */
    double threshold;      /* set by comparison_add */
} comparison_row;

typedef struct comparison {
    const char *a, *b; /* what is compared, as on the command line */
    comparison_row *rows;
    size_t n;
    bool markdown, json; /* else text */
    const char *fail_on; /* "regression=2%"; NULL: no difference is a failure */
    double threshold;    /* for rows that are added from now on: 0.02 */
    int failed;          /* the exit status if something could not be measured; else 0 */
} comparison;

/* Adds a row, and prints it if the output is text. Strings are copied. */
void comparison_add(comparison *c, const comparison_row *row);

/*
 * Prints the rows if the output is JSON or Markdown, and returns the exit status: c->failed if that
 * is not 0; else 1 for a wrong result or, with fail_on, a resolved loss; else 4, with fail_on, if
 * the intervals do not decide it; else 0.
 */
int comparison_finish(const comparison *c);

/* What a ratio means for B, in words. */
const char *comparison_words(const perflab_summary *ratio, comparison_unit unit);

void comparison_free(comparison *c);

#endif
