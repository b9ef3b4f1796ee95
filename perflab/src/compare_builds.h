/*
 * compare_builds.h - two builds of the same benchmarks, interleaved in the same processes.
 */
#ifndef PERFLAB_COMPARE_BUILDS_H
#define PERFLAB_COMPARE_BUILDS_H

#include "comparison.h"

typedef struct compare_request {
    const char *ledger, *variant, *input, *data, *id;
    const char *sizes; /* "100,1000"; NULL: the benchmark's own size */
    size_t runs;
    double seconds, timeout; /* timeout 0: chosen by the work */
    bool quick;
    bool fixed;             /* only the placement of the builds */
    const char *commits[2]; /* of A and B; NULL: taken from the folder of the sources */
    const char *folder;     /* the folder in which all of B was built; NULL: not known */
} compare_request;

/*
 * Compares all improvements that two folders of modules have in common, on every kind of input and
 * size. First the outputs of both builds must be the same, then they are timed, and recorded as one
 * run each. Adds rows for the candidate out->candidate. Returns 0; 2 if an id, kind of input,
 * variant or size does not exist; 3 if nothing could be compared or recorded.
 */
int compare_builds(const char *folder_a, const char *folder_b, const compare_request *q,
                   comparison *out);

#endif
