/*
 * worker.h - the fresh process: loads one module, does one job, returns one JSON object.
 *
 * A job is a JSON object with "do" (list, gate, measure, agree, pair, count, sample, roof) and
 * "module". Jobs on a benchmark have "id", "input", "size" and "seed". A job may have "data"
 * (folder), "memory" (cap in bytes), "cpu" (pin to it) and "noise" (the file of a simulated clock).
 */
#ifndef PERFLAB_WORKER_H
#define PERFLAB_WORKER_H

/* The entry of `perflab __worker JOB`. Returns the exit status. */
int worker_main(const char *text);

#endif
