/*
 * G.1 to G.3 gpu_offload: a row in device memory.
 *
 * G.1 baseline: the row is copied to pinned host memory, and libpluck's kernel, the fastest on the
 * CPU, finds the argmax there. Candidate: argmax on the device; only the token is copied back. G.2:
 * the same with the 40 best. G.3 baseline: eight times inference (a stand-in that keeps the device
 * busy about as long as a copy takes) and then a copy. Candidate: libpluck_gpu's pipeline, in which
 * the copy runs during the next inference.
 *
 * Setup takes the first device. If that is the CPU (OpenCL), it can validate the candidates but not
 * complete them. Device memory and the copies of the baselines use the library's own backend table,
 * as an engine would use its driver.
 */
#include "inputs.h"
#include "pluck_blocks.h"
#include "pluck_gpu.h"

#include "device.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { K = 40, ROUNDS = 8 };

typedef struct state {
    const float *row;
    int32_t n, k;
    pluck_gpu_device *device;
    pluck_gpu_batch *batch;
    pluck_gpu_pipeline *pipeline;
    pluck_gpu_plan *plan;
    gpu_memory logits;
    gpu_stream stream;
    gpu_event event;
    gpu_pinned pinned;
    uint32_t work; /* how much the stand-in for inference does */
    pluck_workspace *workspace;
    int32_t *ids[2]; /* k ids of each side; G.1: one */
    float *values[2];
    float *copies[2]; /* G.3: the last row that was copied */
} state;

static int give_up(perflab_ctx *ctx, const char *what, pluck_gpu_status status) {
    perflab_reason(ctx, "%s: %s", what, pluck_gpu_status_string(status));
    return 2;
}

static void teardown(perflab_ctx *ctx) {
    state *s = ctx->state;
    if (s->device == NULL) return;
    const gpu_backend_table *api = s->device->api;
    pluck_gpu_pipeline_free(s->pipeline);
    pluck_gpu_batch_free(s->batch);
    pluck_gpu_plan_free(s->plan);
    pluck_workspace_free(s->workspace);
    if (s->pinned.host != NULL) api->pinned_free(s->device, &s->pinned);
    if (s->event != NULL) api->event_free(s->device, s->event);
    if (s->stream != NULL) api->stream_free(s->device, s->stream);
    if (s->logits != 0) api->memory_free(s->device, s->logits);
    pluck_gpu_close(s->device);
}

static pluck_gpu_status wait_stream(const state *s) {
    const gpu_backend_table *api = s->device->api;
    const pluck_gpu_status status = api->event_record(s->device, s->event, s->stream);
    return status != PLUCK_GPU_OK ? status : api->event_wait(s->device, s->event);
}

/* Creates the stream and the memory, and uploads the row. */
static pluck_gpu_status prepare(state *s) {
    const gpu_backend_table *api = s->device->api;
    const size_t bytes = (size_t)s->n * sizeof(float);
    pluck_gpu_status status = api->stream_create(s->device, &s->stream);
    if (status == PLUCK_GPU_OK) status = api->event_create(s->device, false, &s->event);
    if (status == PLUCK_GPU_OK) status = api->memory_create(s->device, bytes, &s->logits);
    if (status == PLUCK_GPU_OK) status = api->pinned_create(s->device, bytes, &s->pinned);
    if (status == PLUCK_GPU_OK) {
        status = api->upload(s->device, s->stream, s->logits, s->row, bytes);
    }
    return status == PLUCK_GPU_OK ? wait_stream(s) : status;
}

static int setup(perflab_ctx *ctx) {
    const pluck_gpu_select first = {0};
    pluck_gpu_error error;
    state *s = perflab_alloc(ctx, sizeof *s, 0);
    *s = (state){.row = input_row(ctx), .n = (int32_t)ctx->size};
    ctx->state = s;
    if (s->row == NULL) return PERFLAB_SKIP;
    s->k = s->n < K ? s->n : K;
    if (pluck_gpu_open(&s->device, &first, &error) != PLUCK_GPU_OK) {
        perflab_reason(ctx, "no device: %s", error.message);
        s->device = NULL;
        return PERFLAB_SKIP;
    }
    perflab_device(ctx, s->device->info.is_cpu ? "cpu" : "gpu", s->device->info.name);
    const pluck_gpu_batch_config batch = {.n_vocab = s->n, .max_rows = 1};
    const pluck_gpu_pipeline_config pipeline = {ctx->size * sizeof(float), 4};
    pluck_gpu_status status = prepare(s);
    if (status == PLUCK_GPU_OK) status = pluck_gpu_batch_create(&s->batch, s->device, &batch, NULL);
    if (status == PLUCK_GPU_OK) status = pluck_gpu_plan_top_k(&s->plan, s->n, s->k, NULL);
    if (status == PLUCK_GPU_OK) {
        status = pluck_gpu_pipeline_create(&s->pipeline, s->device, &pipeline, NULL);
    }
    if (status == PLUCK_GPU_OK && pluck_workspace_create(&s->workspace, s->n, NULL) != PLUCK_OK) {
        status = PLUCK_GPU_ERR_MEMORY;
    }
    if (status != PLUCK_GPU_OK) {
        const int failed = give_up(ctx, "the device", status);
        teardown(ctx);
        return failed;
    }
    for (int side = 0; side < 2; side++) {
        s->ids[side] = perflab_alloc(ctx, (size_t)s->k * sizeof **s->ids, 0);
        s->values[side] = perflab_alloc(ctx, (size_t)s->k * sizeof **s->values, 0);
        s->copies[side] = perflab_alloc(ctx, ctx->size * sizeof(float), 0);
    }
    ctx->min_bytes = (double)(ctx->size * sizeof(float));
    return PERFLAB_OK;
}

static bool download(const state *s) {
    const size_t bytes = (size_t)s->n * sizeof(float);
    return s->device->api->download(s->device, s->stream, s->pinned.host, s->logits, 0, bytes) ==
               PLUCK_GPU_OK &&
           wait_stream(s) == PLUCK_GPU_OK;
}

static void reset(perflab_ctx *ctx) {
    state *s = ctx->state;
    memset(s->ids[ctx->side], 0xff, (size_t)s->k * sizeof **s->ids);
    memset(s->copies[ctx->side], 0xff, ctx->size * sizeof(float));
}

/* ---- G.1 ---------------------------------------------------------------------------------- */

static void argmax_baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    if (!download(s)) return;
    size_t best;
    if (pluck_argmax(s->pinned.host, ctx->size, &best) == PLUCK_OK) s->ids[0][0] = (int32_t)best;
}

static void argmax_candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    const pluck_gpu_call call = {.logits = {.data = (void *)s->logits, .n_rows = 1},
                                 .stream = s->stream};
    const pluck_gpu_result *result;
    uint64_t ticket;
    if (pluck_gpu_enqueue(s->batch, &call, &ticket) != PLUCK_GPU_OK) return;
    if (pluck_gpu_wait(s->batch, ticket, &result) == PLUCK_GPU_OK) s->ids[1][0] = result->token;
}

static bool argmax_validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    int32_t best = 0;
    for (int32_t i = 1; i < s->n; i++) {
        if (s->row[i] > s->row[best]) best = i;
    }
    return perflab_check_ids(ctx, "token", &best, s->ids[1], 1);
}

/* ---- G.2 ---------------------------------------------------------------------------------- */

static void top_k_baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    if (!download(s)) return;
    int32_t n;
    pluck_top_k(s->workspace, s->pinned.host, s->n, s->k, s->ids[0], s->values[0], &n);
}

static void top_k_candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    const pluck_gpu_row row = {.plan = s->plan};
    const pluck_gpu_call call = {
        .logits = {.data = (void *)s->logits, .n_rows = 1}, .rows = &row, .stream = s->stream};
    pluck_row best;
    uint64_t ticket;
    if (pluck_gpu_enqueue(s->batch, &call, &ticket) != PLUCK_GPU_OK) return;
    if (pluck_gpu_wait(s->batch, ticket, NULL) != PLUCK_GPU_OK) return;
    if (pluck_gpu_candidates(s->batch, ticket, 0, &best) != PLUCK_GPU_OK || best.n != s->k) return;
    memcpy(s->ids[1], best.ids, (size_t)s->k * sizeof *best.ids);
    memcpy(s->values[1], best.logits, (size_t)s->k * sizeof(float));
}

/* Each id must have the greatest logit that is not listed before it; of equals, the lowest id. */
static bool top_k_validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    bool *listed = calloc(ctx->size, sizeof *listed);
    bool good = listed != NULL;
    for (int32_t k = 0; k < s->k && good; k++) {
        int32_t best = -1;
        for (int32_t i = 0; i < s->n; i++) {
            if (!listed[i] && (best < 0 || s->row[i] > s->row[best])) best = i;
        }
        listed[best] = true;
        good = perflab_check_ids(ctx, "ids", &best, &s->ids[1][k], 1) &&
               perflab_check_floats(ctx, "logits", &s->row[best], &s->values[1][k], 1, 0, 0);
    }
    free(listed);
    return good;
}

/* ---- G.3 ---------------------------------------------------------------------------------- */

/* Does not write to the memory that it is given. */
static void infer(const state *s) {
    const gpu_argument arguments[] = {GPU_MEMORY(s->logits), GPU_VALUE(s->work)};
    const gpu_launch launch = {GPU_KERNEL_busy, 1, 1, 64, arguments, 2};
    s->device->api->launch(s->device, s->stream, &launch);
}

static double now_us(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* Chooses the work so that inference takes about as long as a copy. */
static int transfer_setup(perflab_ctx *ctx) {
    enum { TRIAL = 1 << 14, TIMES = 8 };
    const int made = setup(ctx);
    if (made != PERFLAB_OK) return made;
    state *s = ctx->state;
    s->work = TRIAL;
    infer(s);
    if (!download(s)) return 2; /* the first of each only warms up */
    const double start = now_us();
    for (int i = 0; i < TIMES; i++) download(s);
    const double copied = now_us();
    for (int i = 0; i < TIMES; i++) infer(s);
    wait_stream(s);
    const double inferred = now_us();
    s->work = (uint32_t)(TRIAL * (copied - start) / (inferred - copied)) + 1;
    return PERFLAB_OK;
}

static void transfer_baseline(perflab_ctx *ctx) {
    state *s = ctx->state;
    for (int i = 0; i < ROUNDS; i++) {
        infer(s);
        if (!download(s)) return;
    }
    memcpy(s->copies[0], s->pinned.host, ctx->size * sizeof(float));
}

/* Waits for a ticket, keeps the row if it is the last one, and frees its slot. */
static bool receive(perflab_ctx *ctx, uint64_t ticket, bool last) {
    state *s = ctx->state;
    const void *rows;
    if (pluck_gpu_pipeline_wait(s->pipeline, ticket, &rows) != PLUCK_GPU_OK) return false;
    if (last) memcpy(s->copies[1], rows, ctx->size * sizeof(float));
    return pluck_gpu_pipeline_release(s->pipeline, ticket) == PLUCK_GPU_OK;
}

static void transfer_candidate(perflab_ctx *ctx) {
    state *s = ctx->state;
    const pluck_gpu_logits logits = {.data = (void *)s->logits, .n_rows = 1};
    uint64_t ticket[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        infer(s);
        if (pluck_gpu_pipeline_submit(s->pipeline, &logits, s->n, s->stream, NULL, NULL,
                                      &ticket[i]) != PLUCK_GPU_OK) {
            return;
        }
        if (i > 0 && !receive(ctx, ticket[i - 1], false)) return;
    }
    receive(ctx, ticket[ROUNDS - 1], true);
}

static bool transfer_validate(perflab_ctx *ctx) {
    const state *s = ctx->state;
    return perflab_check_bytes(ctx, "row", s->row, s->copies[1], ctx->size * sizeof(float));
}

PERFLAB_MODULE({.id = "G.1",
                .component = "GPU-side greedy argmax",
                .title = "the token comes back, not the row",
                .requires_device = "gpu",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .flags = PERFLAB_RESET_PER_BLOCK,
                .setup = setup,
                .reset = reset,
                .baseline = argmax_baseline,
                .candidate = argmax_candidate,
                .validate = argmax_validate,
                .teardown = teardown},
               {.id = "G.2",
                .component = "GPU-side top-k",
                .title = "the 40 best come back, not the row",
                .requires_device = "gpu",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .flags = PERFLAB_RESET_PER_BLOCK,
                .setup = setup,
                .reset = reset,
                .baseline = top_k_baseline,
                .candidate = top_k_candidate,
                .validate = top_k_validate,
                .teardown = teardown},
               {.id = "G.3",
                .component = "async transfer pipeline",
                .title = "eight copies, each beside the next inference",
                .requires_device = "gpu",
                .inputs = input_kinds,
                .size = INPUT_VOCAB,
                .flags = PERFLAB_RESET_PER_BLOCK,
                .setup = transfer_setup,
                .reset = reset,
                .baseline = transfer_baseline,
                .candidate = transfer_candidate,
                .validate = transfer_validate,
                .teardown = teardown})
