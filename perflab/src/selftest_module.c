/*
 * selftest_module.c - benchmarks inside perflab whose speedup is known.
 */
#include "selftest_module.h"

enum { STEPS = 20000 };

static uint64_t result[2];

/* Dependent multiplications: the time is proportional to the steps and independent of caches. */
static void work(perflab_side side, size_t steps) {
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < steps; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        perflab_keep(&x);
    }
    result[side] = x | 1;
}

static void whole_baseline(perflab_ctx *ctx) {
    work(ctx->side, STEPS);
}

static void half(perflab_ctx *ctx) {
    work(ctx->side, STEPS / 2);
}

static void a_twentieth_less(perflab_ctx *ctx) {
    work(ctx->side, STEPS * 100 / 105);
}

/* The planted candidates do less work on purpose, so this only checks that they ran. */
static bool ran(perflab_ctx *ctx) {
    return perflab_check_index(ctx, "ran", 1, (int64_t)(result[PERFLAB_CANDIDATE] & 1));
}

/* Work on memory: each side has a buffer of its own, at a random offset. */
static float *memory[3];

static int set_memory(perflab_ctx *ctx) {
    for (int i = 0; i < 3; i++) memory[i] = perflab_alloc(ctx, ctx->size * sizeof(float), 0);
    for (size_t i = 0; i < ctx->size; i++) memory[2][i] = (float)i;
    return PERFLAB_OK;
}

static void scale(perflab_ctx *ctx) {
    float *out = memory[ctx->side];
    for (size_t i = 0; i < ctx->size; i++) out[i] = memory[2][i] * 1.25f;
    perflab_keep(out);
}

static bool scaled(perflab_ctx *ctx) {
    return perflab_check_floats(ctx, "scaled", memory[0], memory[1], ctx->size, 0, 0);
}

const perflab_module *selftest_module(void) {
    static const perflab_benchmark benchmarks[] = {{.id = "A/A",
                                                    .component = "selftest",
                                                    .size = 1,
                                                    .baseline = whole_baseline,
                                                    .candidate = whole_baseline,
                                                    .validate = ran},
                                                   {.id = "2x",
                                                    .component = "selftest",
                                                    .size = 1,
                                                    .baseline = whole_baseline,
                                                    .candidate = half,
                                                    .validate = ran},
                                                   {.id = "A/A memory",
                                                    .component = "selftest",
                                                    .size = 60000,
                                                    .setup = set_memory,
                                                    .baseline = scale,
                                                    .candidate = scale,
                                                    .validate = scaled},
                                                   {.id = "1.05x",
                                                    .component = "selftest",
                                                    .size = 1,
                                                    .baseline = whole_baseline,
                                                    .candidate = a_twentieth_less,
                                                    .validate = ran}};
    static const perflab_build build = {"", "native", "", "", ""};
    static const perflab_module module = {PERFLAB_ABI, sizeof benchmarks / sizeof *benchmarks,
                                          benchmarks, &build};
    return &module;
}
