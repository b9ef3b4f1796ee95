/*
 * cliff_cost.h: what a call costs, by the clock or by counting instructions.
 */
#ifndef PLUCK_BENCH_CLIFF_COST_H
#define PLUCK_BENCH_CLIFF_COST_H

#include "pluck.h"

enum { CLIFF_MAX_BLOCKS = 64 };

/* One chain on one row. */
typedef struct cliff_job {
    pluck_sampler *sampler; /* NULL: not there */
    pluck_row row;
    double cost; /* microseconds of a call, or instructions */
    double times[CLIFF_MAX_BLOCKS];
} cliff_job;

/* Are instructions counted? They are if cliff_count started the program. */
bool cliff_counting(void);

/* Runs the program again under callgrind, with the same arguments, and returns its exit status. */
int cliff_count(char **argv);

/*
 * Sets the cost of each job. By the clock: the median of `blocks` blocks in which the jobs take
 * turns. By counting: the mean of some calls. A job whose cost is given is not run again if that was
 * counted, or is a tenth of a second.
 */
pluck_status cliff_measure(cliff_job *const *jobs, int n_jobs, int blocks);

#endif /* PLUCK_BENCH_CLIFF_COST_H */
