/*
 * test_gpu_cuda.c: the CUDA backend, with NVRTC and the pipeline, on the test driver
 * (driver/driver.h), with every call of the driver failing once. The test does all that an engine
 * does. Whichever call fails, the library must report it, hand out no wrong token, leave nothing
 * allocated and no context current, and work the next time.
 */
#include "rig.h"

#include "../src/cuda_api.h"
#include "driver/child.h"

#include <stdatomic.h>
#include <string.h>

enum { N = 3000, ROWS = 4, DRIVER_UNKNOWN = 999, DRIVER_OUT_OF_MEMORY = 2, DRIVER_FAULT = 700 };

/* ---- what is sampled, and the tokens that libpluck draws ---- */

static float logits[ROWS][N];
static pluck_stage stages[ROWS][3];
static pluck_config configs[ROWS];
static int32_t want[ROWS];

/* Greedy, a top-k, a nucleus and a plain draw: all routes but the general one. */
static void make_rows(void) {
    for (int i = 0; i < ROWS; i++) {
        pluck_sampler *sampler;
        pluck_draw draw;
        int32_t n = 0;
        rows_fill(i % 2 ? ROWS_PEAKED : ROWS_NORMAL, (uint64_t)i, logits[i], N);
        if (i == 1) stages[i][n++] = with_top_k(20);
        if (i == 2) stages[i][n++] = with_top_p(0.9f, 0);
        stages[i][n++] = i == 0 ? with_greedy() : with_dist();
        configs[i] = with_chain(N, 3, PLUCK_RNG_PHILOX, stages[i], n);
        CHECK(pluck_sampler_create(&sampler, &configs[i]) == PLUCK_OK);
        CHECK(pluck_sample_row(sampler, &(pluck_row){.logits = logits[i]}, &draw) == PLUCK_OK);
        want[i] = draw.token;
        pluck_sampler_free(sampler);
    }
}

/* ---- what an engine does ---- */

typedef struct engine {
    driver_control *driver;
    pluck_gpu_device *device;
    pluck_gpu_plan *plans[ROWS], *top_k;
    pluck_gpu_batch *batch;
    pluck_gpu_pipeline *pipeline;
    gpu_memory logits, out;
    gpu_stream stream;
    pluck_gpu_result mine[ROWS]; /* results: valid until the batch is freed, whatever fails */
    atomic_int wrong, told;      /* rows that are not those sent; a failure that the callback got */
} engine;

/* As GPU_TRY; also checks at once that no context is left on the stack. */
#define STEP(expression)                                                                           \
    do {                                                                                           \
        const pluck_gpu_status step_ = (expression);                                               \
        CHECK(e->driver->depth() == 0);                                                            \
        if (step_ != PLUCK_GPU_OK) return step_;                                                   \
    } while (0)

static pluck_gpu_status prepare(engine *e) {
    const pluck_gpu_select select = {.backend = PLUCK_GPU_CUDA};
    const pluck_gpu_batch_config config = {.n_vocab = N, .max_rows = ROWS, .max_in_flight = 2};
    const pluck_gpu_pipeline_config slots = {sizeof logits, 2};
    const gpu_backend_table *api;
    pluck_gpu_error error = {0};
    pluck_gpu_status status = pluck_gpu_open(&e->device, &select, &error);
    CHECK(status == error.status);
    STEP(status);
    api = e->device->api;
    STEP(api->stream_create(e->device, &e->stream));
    STEP(api->memory_create(e->device, sizeof logits, &e->logits));
    STEP(api->memory_create(e->device, sizeof logits, &e->out));
    STEP(api->upload(e->device, e->stream, e->logits, logits, sizeof logits));
    for (int i = 0; i < ROWS; i++) STEP(pluck_gpu_plan_create(&e->plans[i], &configs[i], NULL));
    STEP(pluck_gpu_plan_top_k(&e->top_k, N, 30, NULL));
    STEP(pluck_gpu_batch_create(&e->batch, e->device, &config, NULL));
    return pluck_gpu_pipeline_create(&e->pipeline, e->device, &slots, NULL);
}

static pluck_gpu_status sample(engine *e) {
    pluck_gpu_row rows[ROWS];
    const pluck_gpu_result *results = NULL;
    pluck_gpu_call call = {.logits = {.data = (void *)e->logits, .n_rows = ROWS}, .rows = rows};
    pluck_gpu_status status;
    uint64_t ticket;
    memset(rows, 0, sizeof rows);
    call.stream = e->stream;
    for (int round = 0; round < 2; round++) { /* the batch's own memory for results, and ours */
        call.results = round ? e->mine : NULL;
        for (int i = 0; i < ROWS; i++) rows[i] = (pluck_gpu_row){.plan = e->plans[i], .seed = 3};
        STEP(pluck_gpu_enqueue(e->batch, &call, &ticket));
        for (int polls = 0; round; polls++) {
            status = pluck_gpu_poll(e->batch, ticket);
            if (status == PLUCK_GPU_OK) {
                CHECK(e->driver->eager || polls > 0); /* nothing has run before the first one */
                CHECK(e->mine[0].token == want[0] && e->mine[ROWS - 1].token == want[ROWS - 1]);
                break;
            }
            if (status != PLUCK_GPU_ERR_NOT_READY) return status;
        }
        STEP(pluck_gpu_wait(e->batch, ticket, &results));
        for (int i = 0; i < ROWS; i++) {
            CHECK(results[i].status == PLUCK_OK);
            CHECK(results[i].token == want[i]);
        }
    }
    return PLUCK_GPU_OK;
}

static pluck_gpu_status hand_back_candidates(engine *e) {
    const pluck_gpu_row row = {.plan = e->top_k};
    const pluck_gpu_call call = {.logits = {.data = (void *)e->logits, .n_rows = 1}, .rows = &row};
    pluck_row candidates;
    uint64_t ticket;
    const float *x;
    STEP(pluck_gpu_enqueue(e->batch, &call, &ticket)); /* on the batch's own stream */
    STEP(pluck_gpu_wait(e->batch, ticket, NULL));
    STEP(pluck_gpu_candidates(e->batch, ticket, 0, &candidates));
    x = candidates.logits;
    CHECK(candidates.n == 30 && candidates.descending && x[0] == logits[0][want[0]]);
    return PLUCK_GPU_OK;
}

static pluck_gpu_status sum_up(engine *e) {
    const pluck_gpu_softmax call = {.logits = {.data = (void *)e->logits, .n_rows = ROWS},
                                    .out = (void *)e->out,
                                    .stream = e->stream};
    const pluck_gpu_result *results;
    uint64_t ticket;
    STEP(pluck_gpu_enqueue_softmax(e->batch, &call, &ticket));
    STEP(pluck_gpu_wait(e->batch, ticket, &results));
    CHECK(results[0].token == want[0]);
    return PLUCK_GPU_OK;
}

static void on_rows(void *ctx, uint64_t ticket, pluck_gpu_status status, const void *rows) {
    engine *e = ctx;
    const unsigned char *sent = (const unsigned char *)logits;
    (void)ticket;
    if (status != PLUCK_GPU_OK)
        atomic_store(&e->told, (int)status);
    else if (memcmp(rows, sent, sizeof logits) != 0)
        atomic_store(&e->wrong, 1);
}

/* The rows are sent while the engine's stream is still to write them. */
static pluck_gpu_status transfer(engine *e) {
    pluck_gpu_logits rows = {.data = (void *)e->out, .n_rows = ROWS};
    const unsigned char *sent = (const unsigned char *)logits;
    const void *got = NULL;
    uint64_t ticket;
    STEP(e->device->api->copy(e->device, e->stream, e->out, e->logits, sizeof logits));
    STEP(pluck_gpu_pipeline_submit(e->pipeline, &rows, N, e->stream, on_rows, e, &ticket));
    rows.n_rows = 2; /* every second row: a copy with a pitch */
    rows.stride = 2 * sizeof logits[0];
    STEP(pluck_gpu_pipeline_submit(e->pipeline, &rows, N, e->stream, NULL, NULL, &ticket));
    STEP(pluck_gpu_pipeline_wait(e->pipeline, ticket, &got));
    CHECK(memcmp(got, sent, sizeof logits[0]) == 0);
    CHECK(memcmp((const char *)got + sizeof logits[0], sent + rows.stride, sizeof logits[2]) == 0);
    return pluck_gpu_pipeline_release(e->pipeline, ticket);
}

static pluck_gpu_status use(engine *e) {
    STEP(prepare(e));
    STEP(sample(e));
    STEP(hand_back_candidates(e));
    STEP(sum_up(e));
    return transfer(e);
}

/* Waits for what the engine itself put on its stream, as any engine would before it frees. */
static void drain(engine *e) {
    const gpu_backend_table *api = e->device->api;
    gpu_event event = NULL;
    for (int i = 0; e->stream && i < 2; i++) { /* the call that fails may be one of these */
        if (!event && api->event_create(e->device, false, &event) != PLUCK_GPU_OK) continue;
        if (api->event_record(e->device, event, e->stream) != PLUCK_GPU_OK) continue;
        if (api->event_wait(e->device, event) == PLUCK_GPU_OK) break;
    }
    api->event_free(e->device, event);
}

/* All that an engine does, and then frees everything. *calls (unless NULL) receives the number of
 * calls before anything was freed. */
static pluck_gpu_status live(driver_control *driver, long *calls) {
    engine all = {.driver = driver}, *e = &all;
    pluck_gpu_status status = use(e);
    if (calls) *calls = driver->calls;
    pluck_gpu_pipeline_free(e->pipeline);
    CHECK(atomic_load(&e->wrong) == 0);
    if (status == PLUCK_GPU_OK) status = (pluck_gpu_status)atomic_load(&e->told);
    pluck_gpu_batch_free(e->batch);
    for (int i = 0; i < ROWS; i++) pluck_gpu_plan_free(e->plans[i]);
    pluck_gpu_plan_free(e->top_k);
    if (e->device) {
        drain(e);
        e->device->api->memory_free(e->device, e->logits);
        e->device->api->memory_free(e->device, e->out);
        e->device->api->stream_free(e->device, e->stream);
        pluck_gpu_close(e->device);
    }
    CHECK(driver->depth() == 0);
    CHECK(driver->live() == 0);
    return status;
}

/* ---- every call fails once ---- */

/* While it frees nothing, the library may ignore a failure only of a call that it can do without,
 * or whose work the driver has done anyway. */
static bool may_be_overlooked(const char *call) {
    static const char *const calls[] = {
        "cuDriverGetVersion",
        "cuDeviceGetName",
        "cuDeviceTotalMem_v2",
        "cuDeviceGetAttribute",
        "cuGetErrorName",
        "cuCtxPopCurrent_v2",
        "cuModuleLoadDataEx" /* then NVRTC compiles */,
        "cuEventQuery" /* of a slot that is used again: the library then waits for it */};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(call, calls[i]) == 0) return true;
    return false;
}

/* A whole run in which call k fails, and what must then hold. False if there is no call k. */
static bool life_with_failing_call(driver_control *driver, long k, bool lost, int *pushes) {
    pluck_gpu_status status;
    bool overlooked;
    long calls;
    driver->calls = 0;
    driver->fail_at = k;
    driver->fail_with = lost ? DRIVER_FAULT : k % 2 ? DRIVER_UNKNOWN : DRIVER_OUT_OF_MEMORY;
    driver->fail_sticky = lost;
    driver->failed_call = NULL;
    status = live(driver, &calls);
    driver->fail_at = 0;
    if (!driver->failed_call) {
        CHECK(status == PLUCK_GPU_OK);
        return false;
    }
    overlooked = status == PLUCK_GPU_OK && k <= calls && !may_be_overlooked(driver->failed_call);
    if (overlooked && strcmp(driver->failed_call, "cuCtxPushCurrent_v2") == 0) {
        (*pushes)++;
    } else if (overlooked) {
        fprintf(stderr, "call %ld, %s, failed and was not reported\n", k, driver->failed_call);
        _exit(1);
    }
    if (strcmp(driver->failed_call, "cuLaunchKernel") == 0)
        CHECK(status == (lost    ? PLUCK_GPU_ERR_LOST
                         : k % 2 ? PLUCK_GPU_ERR_DEVICE
                                 : PLUCK_GPU_ERR_DEVICE_MEMORY));
    return true;
}

/* A run for each call, in which that call fails. The calls before it succeed, so the failure of the
 * run before has left nothing behind. The driver ends the child if it is misused. */
static void fail_each_call(void *ctx) {
    const bool *lost = ctx;
    driver_control *driver = load_driver_control();
    long k = 2; /* call 1 is cuInit, which the library does not try again */
    int pushes = 0;
    make_rows();
    driver->eager = true; /* like a device that finishes before it is asked */
    CHECK(live(driver, NULL) == PLUCK_GPU_OK);
    driver->eager = false;
    while (life_with_failing_call(driver, k, *lost, &pushes)) k++;
    CHECK(k > 200);     /* calls were counted, and failed */
    CHECK(pushes <= 2); /* before cuEventQuery, of the two slots that are used again */
}

static void every_call_fails_once(void **state) {
    bool lost = false;
    (void)state;
    assert_true(runs_in_child(fail_each_call, &lost));
}

static void the_device_is_lost_at_every_call(void **state) {
    bool lost = true;
    (void)state;
    assert_true(runs_in_child(fail_each_call, &lost));
}

static void start_without_driver(void *ctx) {
    driver_control *driver = load_driver_control();
    pluck_gpu_device *device = NULL;
    pluck_gpu_error error = {0};
    (void)ctx;
    driver->fail_at = 1;
    driver->fail_with = DRIVER_UNKNOWN;
    CHECK(pluck_gpu_open(&device, &(pluck_gpu_select){.backend = PLUCK_GPU_CUDA}, &error) ==
          PLUCK_GPU_ERR_NO_DEVICE);
    CHECK(strcmp(driver->failed_call, "cuInit") == 0 && !device && error.message[0]);
}

static void a_driver_that_does_not_start(void **state) {
    (void)state;
    assert_true(runs_in_child(start_without_driver, NULL));
}

/* ---- NVRTC ---- */

static void compile_at_run_time(void *ctx) {
    const char *fails_at = ctx;
    driver_control *driver = load_driver_control();
    make_rows();
    driver->refuse_images = true;
    setenv("PLK_TEST_NVRTC_FAIL", fails_at, 1);
    CHECK(live(driver, NULL) == PLUCK_GPU_OK); /* as PTX if the code for the device fails */
    unsetenv("PLK_TEST_NVRTC_FAIL");
    CHECK(live(driver, NULL) == PLUCK_GPU_OK);
}

/* If the driver is older than the build's compiler, the kernels are compiled when the device is
 * opened: for the device or, if a call of that fails, as PTX. */
static void nvrtc_compiles_what_the_driver_refuses(void **state) {
    static char failing[][2] = {"0", "1", "2", "3", "4"};
    (void)state;
    for (size_t i = 0; i < sizeof failing / sizeof *failing; i++)
        if (!runs_in_child(compile_at_run_time, failing[i]))
            fail_msg("with NVRTC's call %s failing", failing[i]);
}

/* ---- limits, and an engine's own context ---- */

static void run_out_of_memory(void *ctx) {
    const pluck_gpu_batch_config config = {.n_vocab = 100000, .max_rows = 8};
    driver_control *driver = load_driver_control();
    pluck_gpu_device *device;
    pluck_gpu_error error = {0};
    int before;
    (void)ctx;
    CHECK(pluck_gpu_open(&device, NULL, NULL) == PLUCK_GPU_OK);
    before = driver->live();
    for (size_t memory = 1000; memory < 8000000; memory = memory * 5 / 4) {
        pluck_gpu_batch *batch = NULL;
        driver->device_memory = memory; /* others have taken the rest since the device was opened */
        if (pluck_gpu_batch_create(&batch, device, &config, &error) == PLUCK_GPU_OK) {
            CHECK(pluck_gpu_batch_memory(batch) <= memory);
            pluck_gpu_batch_free(batch);
        } else {
            CHECK(error.status == PLUCK_GPU_ERR_DEVICE_MEMORY && !batch);
            CHECK(strstr(error.message, "8 rows of 100000 tokens need") != NULL);
        }
        CHECK(driver->live() == before);
    }
    pluck_gpu_close(device);
    CHECK(driver->live() == 0);
}

static void says_what_memory_lacks(void **state) {
    (void)state;
    assert_true(runs_in_child(run_out_of_memory, NULL));
}

/* What an engine has pushed stays current, its work on the default stream is not waited for, and
 * closing the device leaves its context as it was. */
static void share_a_context(void *ctx) {
    driver_control *driver = load_driver_control();
    const pluck_gpu_batch_config config = {.n_vocab = N, .max_rows = 1, .max_in_flight = 1};
    pluck_gpu_select select = {.backend = PLUCK_GPU_CUDA};
    const pluck_gpu_result *result;
    pluck_gpu_call call = {.logits = {.n_rows = 1}};
    pluck_gpu_device *device;
    pluck_gpu_batch *batch;
    CUcontext context, current;
    CUdeviceptr memory, other;
    CUevent event;
    uint64_t ticket;
    int before;
    (void)ctx;
    load_driver();
    make_rows();
    CHECK(cu.cuInit(0) == 0 && cu.cuDevicePrimaryCtxRetain(&context, 0) == 0);
    CHECK(cu.cuCtxPushCurrent_v2(context) == 0 && cu.cuEventCreate(&event, 0) == 0);
    CHECK(cu.cuMemAlloc_v2(&memory, sizeof logits) == 0 && cu.cuMemAlloc_v2(&other, N) == 0);
    CHECK(cu.cuMemcpyHtoDAsync_v2(memory, logits, sizeof logits, NULL) == 0);
    CHECK(cu.cuEventRecord(event, NULL) == 0 && cu.cuEventSynchronize(event) == 0);
    before = driver->live();

    select.native_context = context;
    call.logits.data = (void *)(uintptr_t)memory;
    CHECK(pluck_gpu_open(&device, &select, NULL) == PLUCK_GPU_OK);
    CHECK(pluck_gpu_batch_create(&batch, device, &config, NULL) == PLUCK_GPU_OK);
    CHECK(cu.cuMemsetD8Async(other, 0, N, NULL) == 0 && cu.cuEventRecord(event, NULL) == 0);
    CHECK(pluck_gpu_enqueue(batch, &call, &ticket) == PLUCK_GPU_OK);
    CHECK(pluck_gpu_enqueue(batch, &call, &(uint64_t){0}) == PLUCK_GPU_ERR_BUSY);
    CHECK(pluck_gpu_wait(batch, ticket, &result) == PLUCK_GPU_OK);
    CHECK(result[0].token == want[0] && driver->depth() == 1);
    CHECK(cu.cuEventQuery(event) == CUDA_ERROR_NOT_READY);
    CHECK(cu.cuEventSynchronize(event) == 0);
    pluck_gpu_batch_free(batch);
    pluck_gpu_close(device);

    CHECK(driver->live() == before);
    CHECK(cu.cuMemFree_v2(memory) == 0 && cu.cuMemFree_v2(other) == 0 &&
          cu.cuEventDestroy_v2(event) == 0);
    CHECK(cu.cuCtxPopCurrent_v2(&current) == 0 && current == context);
    CHECK(cu.cuDevicePrimaryCtxRelease_v2(0) == 0 && driver->live() == 0);
}

static void leaves_the_engine_its_context(void **state) {
    (void)state;
    assert_true(runs_in_child(share_a_context, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_fails_once),
                                       cmocka_unit_test(the_device_is_lost_at_every_call),
                                       cmocka_unit_test(a_driver_that_does_not_start),
                                       cmocka_unit_test(nvrtc_compiles_what_the_driver_refuses),
                                       cmocka_unit_test(says_what_memory_lacks),
                                       cmocka_unit_test(leaves_the_engine_its_context)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
