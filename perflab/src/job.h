/*
 * job.h - inside the worker: the current job, and what all kinds of jobs share.
 */
#ifndef PERFLAB_JOB_H
#define PERFLAB_JOB_H

#include "edits.h"
#include "gate.h"
#include "json.h"
#include "measure.h"
#include "simclock.h"

/* The descriptor to which the worker writes its messages; launch.c reads them. */
enum { WORKER_NEWS = 3 };

typedef struct worker {
    const cJSON *job;
    const perflab_benchmark *benchmark;
    perflab_case c;
    perflab_ctx ctx;
    perflab_host host;
    /* Changes of declared inputs, and what the module's setup declared last: see worker_edit. */
    edit_list edits;
    perflab_region region[PERFLAB_MAX_REGIONS];
    size_t n_regions;
    const perflab_region *(*regions)(size_t *n);
    void (*forget)(void);
} worker;

/* Reports the current phase to perflab. A message about a crash names the last one. */
void worker_phase(void *self, const char *phase);

/* Reports that the current step will take about so many seconds. */
void worker_expect(double seconds);

/* Makes the handler of fatal signals look for guard pages of this host; at most two hosts. */
void worker_guard(const perflab_host *host);

/* Reports fatal signals to perflab; sets the job's memory cap and CPU. */
void worker_catch_signals(void);
void worker_limit(const cJSON *job);

/* Loads a module; finds a benchmark. If that fails, the process ends with an error message. */
const perflab_module *worker_load(const char *path);
const perflab_benchmark *worker_find(const perflab_module *m, const char *id);

/* The result of a timing, as JSON. */
cJSON *worker_timing(const perflab_timing *t, const perflab_lane lanes[2]);

/*
 * pair.c: two builds of one benchmark, the job's "other" (A) and "module" (B), in one process.
 * worker_agree compares their outputs at all sizes and seeds of the gate; worker_pair times A
 * against B, and compares the outputs before and afterwards.
 */
cJSON *worker_agree(worker *w);
cJSON *worker_pair(worker *w);

/* loads.c: a loaded module and the shared libraries that it needs, as the loader found them. */
cJSON *worker_loads(const char *path);

/*
 * explore.c: makes the worker's `edits` after each setup, if the module declares inputs; and
 * searches for inputs on which the candidate is wrong.
 */
void worker_edit(worker *w);
cJSON *worker_explore(worker *w);

/* probe.c: counts and samples of one side, for `profile` and `asm`. roof.c: the roofs. */
cJSON *worker_count(worker *w);
cJSON *worker_sample(worker *w);
cJSON *worker_roof(const cJSON *job);

#endif
