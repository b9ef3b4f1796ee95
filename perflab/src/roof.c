/*
 * roof.c - measures the most that this machine can do: reading at each cache level, and arithmetic.
 *
 * It is compiled with contraction allowed, so that a * b + c is one fused instruction if the CPU
 * has one.
 */
#include "job.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2,fma")))
#endif

typedef float vec8 __attribute__((vector_size(32)));
typedef uint64_t sum4 __attribute__((vector_size(32)));

/* The same body for the plain and the wide instruction set. */
#define READ_BODY                                                                                  \
    {                                                                                              \
        sum4 a = {0}, b = {0}, c = {0}, d = {0};                                                   \
        for (size_t i = 0; i + 4 <= n; i += 4) {                                                   \
            a += p[i];                                                                             \
            b += p[i + 1];                                                                         \
            c += p[i + 2];                                                                         \
            d += p[i + 3];                                                                         \
        }                                                                                          \
        a += b + c + d;                                                                            \
        perflab_keep(&a);                                                                          \
    }

#define MATH_BODY                                                                                  \
    {                                                                                              \
        vec8 x[10];                                                                                \
        vec8 m = {0}, k = {0};                                                                     \
        for (int j = 0; j < 8; j++) {                                                              \
            m[j] = 0.999f;                                                                         \
            k[j] = 0.001f;                                                                         \
        }                                                                                          \
        for (int i = 0; i < 10; i++) x[i] = k * (float)i;                                          \
        for (size_t i = 0; i < n; i++) {                                                           \
            x[0] = x[0] * m + k;                                                                   \
            x[1] = x[1] * m + k;                                                                   \
            x[2] = x[2] * m + k;                                                                   \
            x[3] = x[3] * m + k;                                                                   \
            x[4] = x[4] * m + k;                                                                   \
            x[5] = x[5] * m + k;                                                                   \
            x[6] = x[6] * m + k;                                                                   \
            x[7] = x[7] * m + k;                                                                   \
            x[8] = x[8] * m + k;                                                                   \
            x[9] = x[9] * m + k;                                                                   \
        }                                                                                          \
        perflab_keep(x);                                                                           \
    }

static void read_plain(const sum4 *p, size_t n) READ_BODY

    static void math_plain(size_t n) MATH_BODY

#if defined(WIDE)
    WIDE static void read_wide(const sum4 *p, size_t n) READ_BODY

    WIDE static void math_wide(size_t n) MATH_BODY
#endif

    enum {
        OPS_PER_STEP = 10 * 8 * 2
    };

static bool is_wide(void) {
#if defined(WIDE)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static void read_all(const sum4 *p, size_t n) {
#if defined(WIDE)
    if (is_wide()) {
        read_wide(p, n);
        return;
    }
#endif
    read_plain(p, n);
}

static void do_math(size_t n) {
#if defined(WIDE)
    if (is_wide()) {
        math_wide(n);
        return;
    }
#endif
    math_plain(n);
}

/* Bytes per second: the best of several attempts, since a roof is a maximum. */
static double read_bandwidth(size_t bytes) {
    const size_t n = bytes < 128 ? 4 : bytes / sizeof(sum4);
    sum4 *p = aligned_alloc(64, (n * sizeof *p + 63) / 64 * 64);
    double best = 0;
    if (p == NULL) return 0;
    memset(p, 1, n * sizeof *p);
    size_t times = ((size_t)16 << 20) / (n * sizeof(sum4));
    if (times == 0) times = 1;
    for (int attempt = 0; attempt < 12; attempt++) {
        const double t0 = seconds_now();
        for (size_t i = 0; i < times; i++) read_all(p, n);
        const double rate = (double)(n * sizeof *p) * (double)times / (seconds_now() - t0);
        if (attempt > 0 && rate > best) best = rate;
    }
    free(p);
    return best;
}

static double math_rate(void) {
    const size_t n = 2000000;
    double best = 0;
    for (int attempt = 0; attempt < 6; attempt++) {
        const double t0 = seconds_now();
        do_math(n);
        const double rate = (double)n * OPS_PER_STEP / (seconds_now() - t0);
        if (attempt > 0 && rate > best) best = rate;
    }
    return best;
}

static void add_level(cJSON *levels, const char *name, size_t capacity, size_t bytes) {
    if (bytes == 0) return;
    cJSON *one = cJSON_CreateObject();
    cJSON_AddStringToObject(one, "level", name);
    cJSON_AddNumberToObject(one, "capacity", (double)capacity);
    cJSON_AddNumberToObject(one, "bytes_per_s", read_bandwidth(bytes));
    cJSON_AddItemToArray(levels, one);
}

cJSON *worker_roof(const cJSON *job) {
    cJSON *out = cJSON_CreateObject();
    const size_t footprint = (size_t)json_number(job, "footprint", 0);
    if (footprint != 0) {
        worker_phase(NULL, "measuring the roof");
        cJSON_AddNumberToObject(out, "bytes_per_s", read_bandwidth(footprint));
        return out;
    }
    cJSON *levels = cJSON_AddArrayToObject(out, "levels");
    const size_t l1 = (size_t)json_number(job, "l1", 0);
    const size_t l2 = (size_t)json_number(job, "l2", 0);
    const size_t l3 = (size_t)json_number(job, "l3", 0);
    const size_t last = l3 != 0 ? l3 : l2 != 0 ? l2 : (size_t)16 << 20;
    worker_phase(NULL, "measuring the roofs");
    add_level(levels, "L1", l1, l1 / 2);
    add_level(levels, "L2", l2, l2 / 2);
    add_level(levels, "L3", l3, l3 / 2);
    add_level(levels, "memory", 0, 4 * last);
    cJSON_AddNumberToObject(out, "ops_per_s", math_rate());
    return out;
}
