/*
 * compare_chains.c: chains on many kinds of row, for `make compare BASE=REVISION`.
 *
 * A module for `perflab compare --git`: it is built against two revisions of the library, so it
 * uses only what they share. Each chain is a benchmark, each kind of row an input, and what it
 * draws an output: both revisions must draw the same tokens before they are timed.
 */
#include "perflab.h"
#include "rows/rows.h"

#include "pluck.h"

#include <string.h>

enum { VOCABULARY = 151936, HISTORY = 64 };

#define CHAINS(X)                                                                                  \
    X(greedy, "samplers=top_k;top_k=1;temp=0")                                                     \
    X(dist, "samplers=;seed=1")                                                                    \
    X(dist_philox, "samplers=;rng=philox;seed=1")                                                  \
    X(default_chain, "seed=1")                                                                     \
    X(top_k_40, "samplers=top_k;top_k=40;seed=1")                                                  \
    X(top_k_1000, "samplers=top_k;top_k=1000;seed=1")                                              \
    X(top_k_20000, "samplers=top_k;top_k=20000;seed=1")                                            \
    X(top_p, "samplers=top_p;top_p=0.95;seed=1")                                                   \
    X(top_p_philox, "samplers=top_p;top_p=0.95;rng=philox;seed=1")                                 \
    X(top_p_min_keep, "samplers=top_p;top_p=0.9;min_keep=100;seed=1")                              \
    X(hot_top_p, "samplers=temperature:top_p;temp=1.5;top_p=0.99;seed=1")                          \
    X(min_p, "samplers=min_p;min_p=0.05;seed=1")                                                   \
    X(typical, "samplers=typ_p;typ_p=0.95;seed=1")                                                 \
    X(hot_typical, "samplers=temperature:typ_p;temp=1.5;typ_p=0.95;seed=1")                        \
    X(top_p_typical, "samplers=top_p:typ_p;top_p=0.99;typ_p=0.9;seed=1")                           \
    X(xtc, "samplers=xtc;xtc_probability=1;xtc_threshold=0.1;seed=1")                              \
    X(top_n_sigma, "samplers=top_n_sigma;top_n_sigma=1;seed=1")                                    \
    X(temp_ext, "samplers=temperature;temp=1;dynatemp_range=0.5;seed=1")                           \
    X(mirostat_1, "mirostat=1;seed=1")                                                             \
    X(mirostat_2, "mirostat=2;seed=1")                                                             \
    X(adaptive_p, "samplers=adaptive_p;adaptive_target=0.3;seed=1")                                \
    X(penalties, "repeat_penalty=1.1;seed=1")                                                      \
    X(dry, "dry_multiplier=0.8;seed=1")

enum { KINDS = 13 };

static const char *const kind_names[KINDS + 1] = {
    "normal",   "peaked", "real",         "equal", "two values",  "ascending",   "descending",
    "denormal", "ties",   "half at -inf", "far",   "half masked", "few allowed", NULL};

static const struct {
    rows_kind rows;
    rows_mask_kind mask;
} kinds[KINDS] = {
    {ROWS_NORMAL, ROWS_MASK_NONE},     {ROWS_PEAKED, ROWS_MASK_NONE},
    {ROWS_REAL, ROWS_MASK_NONE},       {ROWS_EQUAL, ROWS_MASK_NONE},
    {ROWS_TWO_VALUES, ROWS_MASK_NONE}, {ROWS_ASCENDING, ROWS_MASK_NONE},
    {ROWS_DESCENDING, ROWS_MASK_NONE}, {ROWS_DENORMAL, ROWS_MASK_NONE},
    {ROWS_TIES, ROWS_MASK_NONE},       {ROWS_HALF_MASKED, ROWS_MASK_NONE},
    {ROWS_FAR, ROWS_MASK_NONE},        {ROWS_NORMAL, ROWS_MASK_HALF},
    {ROWS_NORMAL, ROWS_MASK_FEW},
};

static pluck_sampler *sampler;
static pluck_row row;
static pluck_draw drawn;
static int32_t history[HISTORY];

static int fail(perflab_ctx *ctx, const char *what, pluck_status status) {
    perflab_reason(ctx, "%s: %s", what, pluck_status_string(status));
    return -1;
}

static int setup(perflab_ctx *ctx, const char *spec) {
    const int32_t n = (int32_t)ctx->size;
    int kind = 0;
    while (strcmp(kind_names[kind], ctx->input) != 0) ++kind;
    float *logits = perflab_alloc(ctx, ctx->size * sizeof *logits, 64);
    rows_fill(kinds[kind].rows, ctx->seed, logits, n);
    row = (pluck_row){.logits = logits};
    if (kinds[kind].mask != ROWS_MASK_NONE) {
        uint32_t *words = perflab_alloc(ctx, (ctx->size + 31) / 32 * sizeof *words, 0);
        rows_mask(kinds[kind].mask, ctx->seed, logits, words, n);
        row.allowed = words;
    }
    rows_random random = {ctx->seed};
    for (int i = 0; i < HISTORY; ++i) history[i] = (int32_t)rows_below(&random, (uint32_t)n);
    const pluck_status status = pluck_sampler_from_spec(&sampler, spec, n, NULL);
    return status == PLUCK_OK ? PERFLAB_OK : fail(ctx, "the sampler", status);
}

/* Each call draws the same token, so that the outputs do not depend on the number of calls. */
static void reset(perflab_ctx *ctx) {
    (void)ctx;
    pluck_sampler_reset(sampler);
    for (int i = 0; i < HISTORY; ++i) pluck_accept(sampler, history[i]);
}

static void sample(perflab_ctx *ctx) {
    const pluck_status status = pluck_sample_row(sampler, &row, &drawn);
    if (status != PLUCK_OK) {
        fail(ctx, "a draw", status);
        drawn.token = -1;
    }
}

static void outputs(perflab_ctx *ctx) {
    perflab_output(ctx, "token", &drawn.token, sizeof drawn.token);
}

static void teardown(perflab_ctx *ctx) {
    (void)ctx;
    pluck_sampler_free(sampler);
}

static const size_t gate_sizes[] = {1, 33, 5000, 0};

#define SETUP(name, spec)                                                                          \
    static int setup_##name(perflab_ctx *ctx) {                                                    \
        return setup(ctx, spec);                                                                   \
    }
CHAINS(SETUP)

#define BENCHMARK(chain, spec)                                                                     \
    {.id = #chain,                                                                                 \
     .component = "chains",                                                                        \
     .title = (spec),                                                                              \
     .inputs = kind_names,                                                                         \
     .size = VOCABULARY,                                                                           \
     .gate_sizes = gate_sizes,                                                                     \
     .setup = setup_##chain,                                                                       \
     .reset = reset,                                                                               \
     .candidate = sample,                                                                          \
     .outputs = outputs,                                                                           \
     .teardown = teardown},

PERFLAB_MODULE(CHAINS(BENCHMARK))
