/*
 * planted.c - benchmarks whose correct result is known, to test what perflab makes of them.
 *
 * Time passes by perflab_spend, so that the speedups are exact on a simulated clock.
 */
#include "perflab.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int32_t *out[2];
static size_t n_calls;

static int setup(perflab_ctx *ctx) {
    out[0] = perflab_alloc(ctx, ctx->size * sizeof **out, 4);
    out[1] = perflab_alloc(ctx, ctx->size * sizeof **out, 4);
    n_calls = 0;
    return PERFLAB_OK;
}

/* Writes the right answer, in the given time. */
static void answer(perflab_ctx *ctx, perflab_side side, uint64_t ns) {
    for (size_t i = 0; i < ctx->size; i++) out[side][i] = (int32_t)(i ^ ctx->seed);
    perflab_spend(ctx, ns);
}

static void baseline(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_BASELINE, 21000);
}

static void same(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 21000);
}

static void twice(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 10500);
}

static void a_twentieth(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 20000);
}

static void a_little_slower(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 21650);
}

static void *lost;

static void leak(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 10500);
    lost = malloc(1000);
    perflab_keep(lost);
}

static void slower(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 30000);
}

/* Ten times as fast, and wrong in one element at the largest size. */
static void wrong(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 2100);
    if (ctx->size == 500) out[PERFLAB_CANDIDATE][321] += 1;
}

/* Right in the gate, wrong after many calls. */
static void wrong_later(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 2100);
    if (++n_calls > 20) out[PERFLAB_CANDIDATE][0] += 1;
}

static void crash(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 2100);
    raise(SIGSEGV);
}

static void hang(perflab_ctx *ctx) {
    (void)ctx;
    for (;;) pause();
}

/* Allocates without bound, and does not check the result. */
static void bomb(perflab_ctx *ctx) {
    (void)ctx;
    for (;;) {
        char *p = malloc((size_t)64 << 20);
        perflab_keep(p);
        *(volatile char *)p = 1;
    }
}

/* Writes one element past the end. */
static void overrun(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 2100);
    perflab_keep(out);
    out[PERFLAB_CANDIDATE][ctx->size] = 7;
}

/* Writes one element before the start. */
static void underrun(perflab_ctx *ctx) {
    answer(ctx, PERFLAB_CANDIDATE, 2100);
    perflab_keep(out);
    /* cppcheck-suppress negativeIndex ; that is the point */
    out[PERFLAB_CANDIDATE][-1] = 7;
}

static bool validate(perflab_ctx *ctx) {
    return perflab_check_ids(ctx, "out", out[0], out[1], ctx->size);
}

/* Accepts everything, after comparing something else. */
static bool yes(perflab_ctx *ctx) {
    return perflab_check_ids(ctx, "out", out[0], out[0], ctx->size);
}

static bool looks_at_nothing(perflab_ctx *ctx) {
    (void)ctx;
    return true;
}

/* An environment variable, the name of a GPU, stands in for one. */
static int gpu_setup(perflab_ctx *ctx) {
    const char *name = getenv("PLANTED_GPU");
    if (name != NULL) perflab_device(ctx, "gpu", name);
    return setup(ctx);
}

static int no_data(perflab_ctx *ctx) {
    size_t bytes;
    return perflab_load(ctx, "there-is-no-such-file", &bytes) == NULL ? PERFLAB_SKIP : setup(ctx);
}

static const size_t sizes[] = {1, 33, 0};
static const char *const two[] = {"normal", "peaked", NULL};

#define PLANTED(name, what, function)                                                              \
    {                                                                                              \
        .id = (name), .component = (what), .title = (what), .size = 500, .gate_sizes = sizes,      \
        .setup = setup, .baseline = baseline, .candidate = (function), .validate = validate        \
    }

PERFLAB_MODULE(
    PLANTED("P.1", "true 2x", twice), PLANTED("P.2", "true 1.05x", a_twentieth),
    PLANTED("P.3", "no difference", same), PLANTED("P.4", "slower", slower),
    PLANTED("P.5", "fast but wrong", wrong), PLANTED("P.6", "fast and wrong later", wrong_later),
    PLANTED("P.7", "crash", crash), PLANTED("P.8", "hang", hang), PLANTED("P.9", "bomb", bomb),
    PLANTED("P.10", "overrun", overrun), PLANTED("P.11", "underrun", underrun),
    {.id = "P.12",
     .component = "validator says yes",
     .size = 500,
     .setup = setup,
     .baseline = baseline,
     .candidate = twice,
     .validate = yes},
    {.id = "P.13",
     .component = "validator looks at nothing",
     .size = 500,
     .setup = setup,
     .baseline = baseline,
     .candidate = twice,
     .validate = looks_at_nothing},
    {.id = "P.14",
     .component = "no validator",
     .size = 500,
     .setup = setup,
     .baseline = baseline,
     .candidate = twice},
    {.id = "P.15", .component = "baseline only", .size = 500, .setup = setup, .baseline = baseline},
    {.id = "P.16", .component = "not started"},
    {.id = "P.17",
     .component = "on a GPU",
     .requires_device = "gpu",
     .size = 500,
     .setup = gpu_setup,
     .baseline = baseline,
     .candidate = twice,
     .validate = validate},
    {.id = "P.18",
     .component = "two inputs",
     .inputs = two,
     .size = 500,
     .setup = setup,
     .baseline = baseline,
     .candidate = twice,
     .validate = validate},
    PLANTED("P.20", "true 0.97x", a_little_slower),
    {.id = "P.21",
     .component = "leak",
     .size = 500,
     .flags = PERFLAB_LEAK_IS_WRONG,
     .gate_sizes = sizes,
     .setup = setup,
     .baseline = baseline,
     .candidate = leak,
     .validate = validate},
    {.id = "P.19",
     .component = "no data",
     .size = 500,
     .setup = no_data,
     .baseline = baseline,
     .candidate = twice,
     .validate = validate})
