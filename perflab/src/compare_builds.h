/*
 * compare_builds.h - two builds of the same benchmarks, interleaved in the same processes.
 */
#ifndef PERFLAB_COMPARE_BUILDS_H
#define PERFLAB_COMPARE_BUILDS_H

#include "comparison.h"

typedef struct compare_request {
    const char *ledger, *variant, *input, *data, *id;
    const char *sizes; /* "100,1000"; NULL: each benchmark's own */
    size_t runs;
    double seconds, timeout; /* timeout 0: chosen from the work */
    bool quick;
    const char *commits[2]; /* that A and B were built of; NULL: as their sources' folders say */
    const char *folder;     /* that everything of B was built in; NULL: not known */
} compare_request;

/*
 * Compares all improvements that two folders of modules share, on every kind of input and size:
 * first whether both builds make the same outputs, then their times, which are recorded as a run of
 * each. Rows go to `out`. Returns 0, 2 if what is asked for does not exist, 3 if nothing could be
 * compared or recorded.
 */
int compare_builds(const char *folder_a, const char *folder_b, const compare_request *q,
                   comparison *out);

#endif
