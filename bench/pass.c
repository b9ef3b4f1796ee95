/*
 * pass.c: a plain vectorised maximum, once per instruction set.
 *
 * The compiler vectorises the same body for each set. It has LANES running maxima that do not
 * depend on each other, so that loads limit the loop and not the latency of one maximum. 64 lanes
 * are eight AVX2 registers; more gained nothing. Only this file is compiled with -ffast-math:
 * without it a compiler may not turn the comparison into a vector maximum.
 */
#include "pass.h"

#include <string.h>

enum { LANES = 64 };

static inline __attribute__((always_inline)) float pass_body(const float *row, size_t n) {
    float lanes[LANES];
    for (size_t j = 0; j < LANES; j++) lanes[j] = row[0];
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) lanes[j] = row[i + j] > lanes[j] ? row[i + j] : lanes[j];
    }
    float max = lanes[0];
    for (size_t j = 1; j < LANES; j++) max = lanes[j] > max ? lanes[j] : max;
    for (; i < n; i++) max = row[i] > max ? row[i] : max;
    return max;
}

static float pass_baseline(const float *row, size_t n) {
    return pass_body(row, n);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static float pass_avx2(const float *row, size_t n) {
    return pass_body(row, n);
}

__attribute__((target("avx512f"))) static float pass_avx512(const float *row, size_t n) {
    return pass_body(row, n);
}
#endif

pass_fn pass_for_isa(const char *isa) {
    if (strcmp(isa, "scalar") == 0) return pass_baseline;
#if defined(__x86_64__)
    if (strcmp(isa, "avx2") == 0 && __builtin_cpu_supports("avx2")) return pass_avx2;
    if (strcmp(isa, "avx512") == 0 && __builtin_cpu_supports("avx512f")) return pass_avx512;
#elif defined(__aarch64__)
    if (strcmp(isa, "neon") == 0) return pass_baseline;
#endif
    return NULL;
}
