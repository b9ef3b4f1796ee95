/*
 * threads.c - how many threads a benchmark is asked to use.
 */
#include "perflab.h"

#include <stdlib.h>

size_t perflab_threads(const perflab_ctx *ctx) {
    const char *given = getenv("PERFLAB_THREADS");
    const unsigned long n = given != NULL ? strtoul(given, NULL, 10) : 1;
    (void)ctx;
    return n > 0 ? (size_t)n : 1;
}
