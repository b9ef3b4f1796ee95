/*
 * scaling.h - what is recorded of an improvement at several sizes and numbers of threads.
 */
#ifndef PERFLAB_SCALING_H
#define PERFLAB_SCALING_H

#include "facts.h"

typedef struct scaling_point {
    size_t size, threads, n;
    double us[2]; /* of a call of the baseline and of the candidate; 0: not measured */
    perflab_summary speedup;
    double working_set; /* bytes; 0: unknown */
} scaling_point;

typedef struct scaling {
    scaling_point *points; /* by threads, then by size */
    size_t n;
    double cache[3]; /* bytes of L1, L2 and L3 of the machine that measured; 0: unknown */
} scaling;

/*
 * Reads them for the build and machine of `f`. Of `q`, kind of input, cache mode and machine count.
 * Returns false if the ledger cannot be read. Free it in either case.
 */
bool scaling_read(ledger *l, const catalog *c, const facts *f, const fact_query *q, scaling *out);
void scaling_free(scaling *s);

/* The sizes and times of one side (0 or 1) with so many threads. Returns how many; free both. */
size_t scaling_side(const scaling *s, size_t threads, int side, double **size, double **us);

/*
 * The size at which the working set outgrows a cache (0 to 2 for L1 to L3), between two sizes that
 * were measured with one thread; 0 if it does at none.
 */
double scaling_cache_end(const scaling *s, int level);

#endif
