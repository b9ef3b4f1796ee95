/*
 * cliff_cost.h: the cost of a call, in time or in instructions.
 */
#ifndef PLUCK_BENCH_CLIFF_COST_H
#define PLUCK_BENCH_CLIFF_COST_H

#include "pluck.h"

enum { CLIFF_MAX_BLOCKS = 64 };

/* One chain on one row. */
typedef struct cliff_job {
    pluck_sampler *sampler; /* NULL: there is no such job */
    pluck_row row;
    double cost; /* microseconds of a call, or instructions */
    double times[CLIFF_MAX_BLOCKS];
} cliff_job;

/* Whether instructions are counted: true if cliff_count started the program. */
bool cliff_counting(void);

/* Runs the program again under callgrind, with the same arguments, and returns its exit status. */
int cliff_count(char **argv);

/*
 * Sets the cost of each job. If it is time: the median of `blocks` blocks in which the jobs take
 * turns. If it is instructions: the mean of some calls. A job that already has a cost is not run
 * again if the cost was counted, or is at least a tenth of a second.
 */
pluck_status cliff_measure(cliff_job *const *jobs, int n_jobs, int blocks);

#endif /* PLUCK_BENCH_CLIFF_COST_H */
