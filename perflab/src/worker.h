/*
 * worker.h - the fresh process: loads one module, does one job, hands in one JSON object.
 *
 * A job is a JSON object with "do" (list, gate, measure, agree, pair, count, sample,
 * roof) and "module". Jobs on a benchmark name "id", "input", "size", "seed". A job may carry "data" (folder), "memory" (cap in
 * bytes), "cpu" (pin to it), "noise" and "noise_seed" (the injected clock).
 */
#ifndef PERFLAB_WORKER_H
#define PERFLAB_WORKER_H

/* The entry of `perflab __worker JOB`. Returns the exit status. */
int worker_main(const char *text);

#endif
