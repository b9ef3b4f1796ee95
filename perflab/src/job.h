/*
 * job.h - inside the worker: the job under way, and what all kinds of job share.
 */
#ifndef PERFLAB_JOB_H
#define PERFLAB_JOB_H

#include "gate.h"
#include "json.h"
#include "measure.h"
#include "simclock.h"

/* The descriptor that news of the worker goes to; launch.c reads it. */
enum { WORKER_NEWS = 3 };

typedef struct worker {
    const cJSON *job;
    const perflab_benchmark *benchmark;
    perflab_case c;
    perflab_ctx ctx;
    perflab_host host;
} worker;

/* Tells perflab what is going on: crashes are reported with the last phase told. */
void worker_phase(void *self, const char *phase);

/* Says that the step under way will take about so long. */
void worker_expect(double seconds);

/* Lets the handler of fatal signals look for guard pages of this host too; at most two. */
void worker_guard(const perflab_host *host);

/* Reports fatal signals as news; sets the job's memory cap and CPU. */
void worker_catch_signals(void);
void worker_limit(const cJSON *job);

/* Loads a module and finds a benchmark; ends the process with a message if it cannot. */
const perflab_module *worker_load(const char *path);
const perflab_benchmark *worker_find(const perflab_module *m, const char *id);

/* What came of the timing, as JSON. */
cJSON *worker_timing(const perflab_timing *t, const perflab_lane lanes[2]);

/*
 * pair.c: two builds of one benchmark, the job's "other" (A) and "module" (B), in one process.
 * worker_agree holds their outputs against each other at all sizes and seeds of the gate;
 * worker_pair times A against B, and compares outputs before and after.
 */
cJSON *worker_agree(worker *w);
cJSON *worker_pair(worker *w);

/* loads.c: the files a loaded module is made of as it runs: itself, and the shared libraries that
 * it needs, as the loader found them. */
cJSON *worker_loads(const char *path);

/* probe.c: what `profile` and `asm` ask of one side of a benchmark. roof.c: what of the machine. */
cJSON *worker_count(worker *w);
cJSON *worker_sample(worker *w);
cJSON *worker_roof(const cJSON *job);

#endif
