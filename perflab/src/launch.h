/*
 * launch.h - running a piece of work in a fresh process and learning how it ended.
 */
#ifndef PERFLAB_LAUNCH_H
#define PERFLAB_LAUNCH_H

#include "json.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct launch {
    cJSON *job;           /* what to do; see worker.h */
    double timeout_s;     /* a step that takes longer is ended, with all it started */
    bool strict;          /* even a step that the worker expects to take longer */
    void (*tick)(void *); /* called about ten times a second; may be NULL */
    void (*expect)(void *, double seconds); /* a step will take about so long; may be NULL */
    void *self;
    const char *const *wrapper; /* a program to run it under (valgrind), ends with NULL; or NULL */
} launch;

typedef struct launched {
    perflab_outcome outcome; /* PERFLAB_PASSED: it handed in a result, whatever that says */
    cJSON *result;           /* with PERFLAB_PASSED */
    char *detail;            /* else: what happened, and in which phase */
    char phase[160];
} launched;

launched launch_run(const launch *l);
void launched_free(launched *l);

/* The running perflab's own file. */
const char *own_path(void);

#endif
