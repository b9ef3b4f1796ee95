/*
 * launch.h - runs a job in a fresh process and reports how it ended.
 */
#ifndef PERFLAB_LAUNCH_H
#define PERFLAB_LAUNCH_H

#include "json.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct launch {
    cJSON *job;           /* what to do; see worker.h */
    double timeout_s;     /* the limit for a step; if it takes longer, the worker is killed */
    bool strict;          /* also for steps that the worker expects to take longer */
    void (*tick)(void *); /* called about ten times a second; may be NULL */
    void (*expect)(void *, double seconds); /* a step will take about this long; may be NULL */
    void *self;
    const char *const *wrapper; /* a program to run it under (valgrind), ends with NULL; or NULL */
} launch;

typedef struct launched {
    perflab_outcome outcome; /* PERFLAB_PASSED: it returned a result, whatever that says */
    cJSON *result;           /* if PERFLAB_PASSED, else NULL */
    char *detail;            /* if not PERFLAB_PASSED: what happened, and in which phase */
    char phase[160];
} launched;

launched launch_run(const launch *l);
void launched_free(launched *l);

/* The path of the running perflab. */
const char *own_path(void);

#endif
