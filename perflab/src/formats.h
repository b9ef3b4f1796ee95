/*
 * formats.h - what other tools read and write: Bencher's metric format, Google Benchmark's JSON.
 */
#ifndef PERFLAB_FORMATS_H
#define PERFLAB_FORMATS_H

#include "comparison.h"
#include "facts.h"

/*
 * Bencher Metric Format, as text, to be freed: for each kind of input of each improvement the
 * optimized and the baseline's "latency" in nanoseconds with its interval, and the "speedup".
 */
char *formats_bencher(const fact_list *list);

/* The same for a comparison: of each row that was measured the candidate's value and the ratio. */
char *formats_bencher_comparison(const comparison *c);

/*
 * Google Benchmark's JSON, as text, to be freed: an entry for each process and side, named
 * "ID/kind/baseline" and "ID/kind/optimized", so that its compare.py can test them. The CPU time,
 * which it asks for, is the real time again.
 */
char *formats_google(const fact_list *list);

/* Called for each timing of such a file; `us` is its real time in microseconds. */
typedef void (*formats_timing_fn)(void *self, const char *name, double us);

/*
 * Reads the timings of Google Benchmark's JSON. Aggregates and failed runs are left out, and
 * counted in *ignored. Returns false if the text is not such JSON.
 */
bool formats_google_read(const char *text, formats_timing_fn take, void *self, size_t *ignored);

#endif
