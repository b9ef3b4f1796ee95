/*
 * worker.h - the fresh process: loads one module, does one job, hands in one JSON object.
 *
 * A job is a JSON object with "do" (list, gate, measure, count, sample, roof) and "module". Jobs on
 * a benchmark name "id", "input", "size", "seed". A job may carry "data" (folder), "memory" (cap in
 * bytes), "cpu" (pin to it), "noise" and "noise_seed" (the injected clock).
 */
#ifndef PERFLAB_WORKER_H
#define PERFLAB_WORKER_H

#include "gate.h"
#include "measure.h"
#include "simclock.h"

#include <cjson/cJSON.h>

/* The entry of `perflab __worker JOB`. Returns the exit status. */
int worker_main(const char *text);

/* ---- Shared between the worker's files ---- */

typedef struct worker {
    const cJSON *job;
    const perflab_benchmark *benchmark;
    perflab_case c;
    perflab_ctx ctx;
    perflab_host host;
} worker;

const char *job_text(const cJSON *job, const char *name, const char *otherwise);
double job_number(const cJSON *job, const char *name, double otherwise);

/* Tells perflab what is going on: crashes are reported with the last phase told. */
void worker_phase(void *self, const char *phase);

/* Lets the handler of fatal signals look for guard pages of this host too; at most two. */
void worker_guard(const perflab_host *host);

/* Loads a module and finds a benchmark; ends the process with a message where it cannot. */
const perflab_module *worker_load(const char *path);
const perflab_benchmark *worker_find(const perflab_module *m, const char *id);

/* probe.c and roof.c: what `profile` and `asm` ask. */
cJSON *worker_count(worker *w);
cJSON *worker_sample(worker *w);
cJSON *worker_roof(const cJSON *job);

#endif
