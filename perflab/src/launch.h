/*
 * launch.h - running a piece of work in a fresh process and learning how it ended.
 */
#ifndef PERFLAB_LAUNCH_H
#define PERFLAB_LAUNCH_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum launch_outcome {
    LAUNCH_DONE,          /* it handed in a result */
    LAUNCH_CRASHED,       /* a signal ended it */
    LAUNCH_OUT_OF_BOUNDS, /* it touched a guard page */
    LAUNCH_HUNG,          /* it was still running at its time limit */
    LAUNCH_OUT_OF_MEMORY, /* it asked for more than its cap */
    LAUNCH_FAILED,        /* it ended without a result */
} launch_outcome;

const char *launch_outcome_name(launch_outcome o);

typedef struct launch {
    cJSON *job;           /* what to do; see worker.h */
    double timeout_s;     /* SIGKILL for it and its children after that */
    void (*tick)(void *); /* called about ten times a second; may be NULL */
    void *self;
    const char *const *wrapper; /* a program to run it under (valgrind), ends with NULL; or NULL */
} launch;

typedef struct launched {
    launch_outcome outcome;
    cJSON *result; /* with LAUNCH_DONE */
    char *detail;  /* else: what happened, and in which phase */
    char phase[160];
} launched;

launched launch_run(const launch *l);
void launched_free(launched *l);

/* The running perflab's own file. */
const char *own_path(void);

#endif
