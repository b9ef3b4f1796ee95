/*
 * selftest_module.c - benchmarks inside perflab whose speedup is known.
 */
#include "selftest_module.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

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

static void a_little_more(perflab_ctx *ctx) {
    work(ctx->side, STEPS * 100 / 97);
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

/* ---- Faults, which the gate must catch ---------------------------------------------------- */

static int32_t *out[2];

static int set_out(perflab_ctx *ctx) {
    for (int i = 0; i < 2; i++) out[i] = perflab_alloc(ctx, ctx->size * sizeof(int32_t), 4);
    return PERFLAB_OK;
}

static void count_up(perflab_ctx *ctx) {
    for (size_t i = 0; i < ctx->size; i++) out[ctx->side][i] = (int32_t)i;
    perflab_keep(out);
}

static void wrong(perflab_ctx *ctx) {
    count_up(ctx);
    out[ctx->side][ctx->size - 1] += ctx->size == 500;
}

static void crash(perflab_ctx *ctx) {
    count_up(ctx);
    raise(SIGSEGV);
}

static void hang(perflab_ctx *ctx) {
    (void)ctx;
    for (;;) pause();
}

static void overrun(perflab_ctx *ctx) {
    count_up(ctx);
    out[ctx->side][ctx->size] = 7;
}

static void *lost;

static void leak(perflab_ctx *ctx) {
    count_up(ctx);
    lost = malloc(1000);
    perflab_keep(lost);
}

static bool counted_up(perflab_ctx *ctx) {
    return perflab_check_ids(ctx, "out", out[0], out[1], ctx->size);
}

#define FAULT(name, function)                                                                      \
    {                                                                                              \
        .id = (name), .component = "selftest", .size = 500, .flags = PERFLAB_LEAK_IS_WRONG,        \
        .setup = set_out, .baseline = count_up, .candidate = (function), .validate = counted_up    \
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
                                                   {.id = "0.97x",
                                                    .component = "selftest",
                                                    .size = 1,
                                                    .baseline = whole_baseline,
                                                    .candidate = a_little_more,
                                                    .validate = ran},
                                                   FAULT("wrong", wrong),
                                                   FAULT("crash", crash),
                                                   FAULT("hang", hang),
                                                   FAULT("overrun", overrun),
                                                   FAULT("leak", leak),
                                                   FAULT("none", count_up),
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
