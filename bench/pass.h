/*
 * pass.h: the unit of measure: a plain vectorised maximum over a row.
 */
#ifndef PLUCK_BENCH_PASS_H
#define PLUCK_BENCH_PASS_H

#include <stddef.h>

typedef float (*pass_fn)(const float *row, size_t n);

/* The pass that uses the vectors of an instruction set ("scalar", "avx2", "avx512", "neon"); NULL
 * if this build or this CPU does not have it. "scalar" is the loop compiled for the baseline CPU
 * (SSE2 on x86-64). */
pass_fn pass_for_isa(const char *isa);

#endif /* PLUCK_BENCH_PASS_H */
