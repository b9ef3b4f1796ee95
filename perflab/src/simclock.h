/*
 * simclock.h - a simulated clock: time passes only by perflab_spend, distorted by recorded noise.
 *
 * Tests use it, also through $PERFLAB_CLOCK, so that their results do not depend on how busy the
 * machine is.
 */
#ifndef PERFLAB_SIMCLOCK_H
#define PERFLAB_SIMCLOCK_H

#include "host.h"

/* Recorded noise: one row for each process, with relative durations of the same work. */
typedef struct noise_trace {
    double *factor;
    size_t rows, columns;
    double step_ns; /* the time from one factor to the next */
} noise_trace;

/* Reads a noise file. Returns NULL, with an error message, if it is not one. */
noise_trace *noise_read(const char *path);
void noise_free(noise_trace *n);

typedef struct simclock {
    const noise_trace *noise;
    const double *row;
    double now_ns;
    size_t start;
    perflab_clock clock; /* the interface to this clock */
} simclock;

/* `seed` selects the row that is replayed, and where in it to begin. */
void simclock_start(simclock *s, const noise_trace *n, uint64_t seed);

/* Records noise on this machine: `rows` processes, `columns` durations of about `step_us` each. */
bool noise_record(const char *path, size_t rows, size_t columns, double step_us);

#endif
