/*
 * simclock.h - an injected clock: time passes only by perflab_spend, bent by recorded noise.
 *
 * Used by tests and by $PERFLAB_CLOCK, so that what is tested is the measuring and not the day.
 */
#ifndef PERFLAB_SIMCLOCK_H
#define PERFLAB_SIMCLOCK_H

#include "host.h"

/* Noise as recorded: rows of processes, each a series of relative durations of the same work. */
typedef struct noise_trace {
    double *factor;
    size_t rows, columns;
    double step_ns; /* the time from one factor to the next */
} noise_trace;

/* Reads a noise file; NULL with a complaint if it is none. */
noise_trace *noise_read(const char *path);
void noise_free(noise_trace *n);

typedef struct simclock {
    const noise_trace *noise;
    const double *row;
    double now_ns;
    size_t start;
    perflab_clock clock; /* give &clock to whoever wants one */
} simclock;

/* `seed` picks the process whose noise is replayed, and where in it to begin. */
void simclock_start(simclock *s, const noise_trace *n, uint64_t seed);

/* Records noise on this machine: `rows` processes, `columns` durations of about `step_us` each. */
bool noise_record(const char *path, size_t rows, size_t columns, double step_us);

#endif
