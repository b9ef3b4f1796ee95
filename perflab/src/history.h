/*
 * history.h - a number over commits, with its change points.
 */
#ifndef PERFLAB_HISTORY_H
#define PERFLAB_HISTORY_H

#include "facts.h"
#include "steps.h"

typedef enum history_metric { HISTORY_SPEEDUP, HISTORY_OPTIMIZED, HISTORY_BASELINE } history_metric;

typedef struct history_point {
    char *commit;
    double *values; /* one for each process */
    size_t n;
    perflab_summary level;
} history_point;

typedef struct history {
    history_metric metric;
    history_point *points; /* oldest first */
    size_t n;
    step_segment *segments;
    size_t n_segments;
} history;

/* The metric of that name: "speedup", "optimized" or "baseline". Returns false for another name. */
bool history_metric_parse(const char *name, history_metric *metric);

/*
 * What is recorded for an improvement: one point for each commit, from what the table showed then.
 * Quick runs count only if there are no others. Returns false if the ledger cannot be read. Free it
 * in either case.
 */
bool history_read(ledger *l, const facts *f, const fact_query *q, history_metric metric,
                  history *out);

/* Adds a point; the values are copied. */
void history_add(history *h, const char *commit, const double *values, size_t n);

/* Finds the change points, after all points were added. */
void history_split(history *h);

/* A level as text: a ratio with its interval, or a time. */
void history_text(char out[96], const history *h, const perflab_summary *level);

/* "from 1.53x [...] to 1.46x [...]: 4.6 % less", for the segment k > 0. To be freed. */
char *history_step(const history *h, size_t k);

void history_free(history *h);

#endif
