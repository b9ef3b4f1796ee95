/*
 * coverage.c - the counters of a module that clang instruments (-fsanitize-coverage).
 *
 * Only such a module links this file: its constructors call the function below.
 */
#include "perflab.h"

enum { MOST = 64 };

static unsigned char *spans[MOST][2];
static size_t n_spans;

void __sanitizer_cov_8bit_counters_init(unsigned char *start, unsigned char *stop);

void __sanitizer_cov_8bit_counters_init(unsigned char *start, unsigned char *stop) {
    if (n_spans == MOST || start == stop) return;
    spans[n_spans][0] = start;
    spans[n_spans++][1] = stop;
}

/* The counters of the k-th object file; returns how many, 0 after the last. */
PERFLAB_EXPORT size_t perflab_coverage(size_t k, unsigned char **counters);

PERFLAB_EXPORT size_t perflab_coverage(size_t k, unsigned char **counters) {
    if (k >= n_spans) return 0;
    *counters = spans[k][0];
    return (size_t)(spans[k][1] - spans[k][0]);
}
