/* test_gpu_driver.c: the test driver itself: it runs work late and in order, and notices what a
 * correct program does not do. No other test would find what it lets pass. */
#include "../src/cuda_api.h"

#include "driver/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static driver_control *control;
static CUcontext context;
static const int lanes = 256;

/* Loads the driver and makes the device's context current. */
static void start(void) {
    control = load_driver_control();
    load_driver();
    CHECK(cu.cuInit(0) == CUDA_SUCCESS);
    CHECK(cu.cuDevicePrimaryCtxRetain(&context, 0) == CUDA_SUCCESS);
    CHECK(cu.cuCtxPushCurrent_v2(context) == CUDA_SUCCESS);
}

static void stop(void) {
    CHECK(cu.cuCtxPopCurrent_v2(&context) == CUDA_SUCCESS);
    CHECK(cu.cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS);
    CHECK(control->live() == 0);
}

#define GOOD(call) CHECK((call) == CUDA_SUCCESS)

/* The call must fail and be reported as misuse, for this reason. */
#define MISUSE(call, reason)                                                                       \
    do {                                                                                           \
        const int before_ = control->misuses;                                                      \
        control->expects_misuse = true;                                                            \
        (void)(call);                                                                              \
        control->expects_misuse = false;                                                           \
        CHECK(control->misuses == before_ + 1);                                                    \
        CHECK(strstr(control->misuse, reason) != NULL);                                            \
    } while (0)

/* ---- late, and in order ---- */

static void work_runs_late(void *ctx) {
    CUstream stream, other;
    CUevent event, later;
    CUdeviceptr memory;
    char *pinned, pageable[8] = "before", got[8] = "";
    (void)ctx;
    start();
    GOOD(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    GOOD(cu.cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    GOOD(cu.cuEventCreate(&event, 0));
    GOOD(cu.cuEventCreate(&later, 0));
    GOOD(cu.cuMemAlloc_v2(&memory, 16));
    GOOD(cu.cuMemHostAlloc((void **)&pinned, 8, 0));

    /* Pageable memory has been read when the call returns, pinned memory has not. */
    memcpy(pinned, "pinned", 7);
    GOOD(cu.cuMemcpyHtoDAsync_v2(memory, pageable, 8, stream));
    GOOD(cu.cuMemcpyHtoDAsync_v2(memory + 8, pinned, 8, stream));
    GOOD(cu.cuEventRecord(event, stream));
    memcpy(pageable, "after", 6);
    memcpy(pinned, "later", 6);

    /* The other stream waits for the first; nothing has run so far. */
    GOOD(cu.cuStreamWaitEvent(other, event, 0));
    GOOD(cu.cuMemcpyDtoHAsync_v2(got, memory, 8, other));
    CHECK((unsigned char)got[0] == 0xDB); /* nor is it what was there before */
    GOOD(cu.cuEventRecord(later, other));
    CHECK(cu.cuEventQuery(later) == CUDA_ERROR_NOT_READY);
    GOOD(cu.cuEventSynchronize(later));
    CHECK(strcmp(got, "before") == 0);
    GOOD(cu.cuEventQuery(event)); /* the wait above has reached it */
    GOOD(cu.cuMemcpyDtoHAsync_v2(got, memory + 8, 8, other));
    GOOD(cu.cuEventRecord(later, other));
    GOOD(cu.cuEventSynchronize(later));
    CHECK(strcmp(got, "later") == 0);

    GOOD(cu.cuMemFreeHost(pinned));
    GOOD(cu.cuMemFree_v2(memory));
    GOOD(cu.cuEventDestroy_v2(event));
    GOOD(cu.cuEventDestroy_v2(later));
    GOOD(cu.cuStreamDestroy_v2(other));
    GOOD(cu.cuStreamDestroy_v2(stream));
    stop();
}

/* Work of two streams on the same memory needs an event between them, if one of the two writes. */
static void work_without_order(void *ctx) {
    CUstream first, second, third;
    CUevent event, passed_on;
    CUdeviceptr memory;
    char got[8], other[8];
    (void)ctx;
    start();
    GOOD(cu.cuStreamCreate(&first, CU_STREAM_NON_BLOCKING));
    GOOD(cu.cuStreamCreate(&second, CU_STREAM_NON_BLOCKING));
    GOOD(cu.cuStreamCreate(&third, CU_STREAM_NON_BLOCKING));
    GOOD(cu.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    GOOD(cu.cuEventCreate(&passed_on, CU_EVENT_DISABLE_TIMING));
    GOOD(cu.cuMemAlloc_v2(&memory, 16));
    GOOD(cu.cuEventRecord(event, first)); /* before the work: orders nothing */
    GOOD(cu.cuMemsetD8Async(memory, 1, 8, first));
    GOOD(cu.cuStreamWaitEvent(second, event, 0));
    MISUSE(cu.cuMemcpyDtoHAsync_v2(got, memory, 8, second), "at the same time");
    GOOD(cu.cuMemsetD8Async(memory + 8, 1, 8, second)); /* other bytes */

    GOOD(cu.cuEventRecord(event, first));
    GOOD(cu.cuStreamWaitEvent(second, event, 0));
    GOOD(cu.cuMemcpyDtoHAsync_v2(got, memory, 8, second));
    GOOD(cu.cuMemcpyDtoHAsync_v2(other, memory, 8, first)); /* both only read */
    MISUSE(cu.cuMemsetD8Async(memory, 2, 1, first), "at the same time");
    GOOD(cu.cuEventRecord(passed_on, second)); /* behind the work of both */
    GOOD(cu.cuStreamWaitEvent(third, passed_on, 0));
    MISUSE(cu.cuMemsetD8Async(memory, 3, 1, third), "at the same time"); /* as the last but two */
    GOOD(cu.cuEventRecord(event, first));
    GOOD(cu.cuStreamWaitEvent(third, event, 0));
    GOOD(cu.cuMemsetD8Async(memory, 3, 8, third));

    GOOD(cu.cuEventRecord(event, third));
    GOOD(cu.cuEventSynchronize(event));
    GOOD(cu.cuMemsetD8Async(memory, 4, 16, first)); /* all else has run */
    GOOD(cu.cuEventRecord(event, first));
    GOOD(cu.cuEventSynchronize(event));
    GOOD(cu.cuMemFree_v2(memory));
    GOOD(cu.cuEventDestroy_v2(event));
    GOOD(cu.cuEventDestroy_v2(passed_on));
    GOOD(cu.cuStreamDestroy_v2(first));
    GOOD(cu.cuStreamDestroy_v2(second));
    GOOD(cu.cuStreamDestroy_v2(third));
    stop();
}

/* ---- misuse ---- */

/* No handle and no address is given out twice, so a stale one is always found. */
static void misuse_of_what_is_gone(void *ctx) {
    CUmodule module, later;
    CUfunction busy;
    CUevent event, next_event;
    CUstream stream, next_stream;
    CUdeviceptr memory, next_memory;
    (void)ctx;
    start();
    GOOD(cu.cuModuleLoadDataEx(&module, TEST_PTX, 0, NULL, NULL));
    GOOD(cu.cuModuleUnload(module));
    GOOD(cu.cuModuleLoadDataEx(&later, TEST_PTX, 0, NULL, NULL));
    MISUSE(cu.cuModuleGetFunction(&busy, module, "pluck_busy"), "no such module");
    MISUSE(cu.cuModuleUnload(module), "no such module");
    GOOD(cu.cuModuleUnload(later));
    GOOD(cu.cuEventCreate(&event, 0));
    GOOD(cu.cuEventDestroy_v2(event));
    GOOD(cu.cuEventCreate(&next_event, 0));
    MISUSE(cu.cuEventRecord(event, NULL), "no such event");
    MISUSE(cu.cuEventDestroy_v2(event), "no such event");
    GOOD(cu.cuEventDestroy_v2(next_event));
    GOOD(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    GOOD(cu.cuStreamDestroy_v2(stream));
    GOOD(cu.cuStreamCreate(&next_stream, CU_STREAM_NON_BLOCKING));
    GOOD(cu.cuMemAlloc_v2(&memory, 16));
    MISUSE(cu.cuMemsetD8Async(memory, 0, 16, stream), "no such stream");
    GOOD(cu.cuMemFree_v2(memory));
    GOOD(cu.cuMemAlloc_v2(&next_memory, 16));
    MISUSE(cu.cuMemsetD8Async(memory, 0, 16, next_stream), "destination");
    GOOD(cu.cuMemFree_v2(next_memory));
    GOOD(cu.cuStreamDestroy_v2(next_stream));
    stop();
}

static void misuse_of_contexts(void *ctx) {
    CUcontext popped = NULL;
    CUdeviceptr memory;
    CUmodule module;
    (void)ctx;
    start();
    MISUSE(cu.cuDevicePrimaryCtxRelease_v2(0), "still current");
    GOOD(cu.cuDevicePrimaryCtxRetain(&context, 0));
    GOOD(cu.cuCtxPopCurrent_v2(&popped));
    CHECK(popped == context);
    MISUSE(cu.cuCtxPopCurrent_v2(&popped), "no context is current");
    MISUSE(cu.cuMemAlloc_v2(&memory, 1), "no context is current");
    MISUSE(cu.cuCtxPushCurrent_v2((CUcontext)(void *)&popped), "no such context");
    GOOD(cu.cuCtxPushCurrent_v2(context));
    MISUSE(cu.cuModuleLoadDataEx(&module, "something", 0, NULL, NULL), "not an image");
    stop();
}

static void misuse_of_memory(void *ctx) {
    CUdeviceptr memory, other;
    CUstream stream;
    CUevent event;
    CUDA_MEMCPY2D rows = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                          .dstMemoryType = CU_MEMORYTYPE_HOST,
                          .srcPitch = 60,
                          .dstPitch = 30,
                          .WidthInBytes = 40,
                          .Height = 2};
    char host[200], *pinned;
    (void)ctx;
    start();
    GOOD(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    GOOD(cu.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    GOOD(cu.cuMemAlloc_v2(&memory, 100));
    GOOD(cu.cuMemHostAlloc((void **)&pinned, 100, 0));
    MISUSE(cu.cuMemAlloc_v2(&other, 0), "0 bytes");
    MISUSE(cu.cuMemFree_v2(memory + 8), "not what was allocated");
    MISUSE(cu.cuMemcpyHtoDAsync_v2(memory + 1, host, 100, stream), "destination");
    MISUSE(cu.cuMemcpyDtoHAsync_v2(host, memory + 50, 51, stream), "source");
    MISUSE(cu.cuMemsetD8Async((CUdeviceptr)(uintptr_t)host, 0, 1, stream), "destination");
    MISUSE(cu.cuMemHostGetDevicePointer_v2(&other, pinned, 0), "not mapped");
    rows.srcDevice = memory;
    rows.dstHost = host;
    MISUSE(cu.cuMemcpy2DAsync_v2(&rows, stream), "pitch");
    rows.dstPitch = 40;
    GOOD(cu.cuMemcpy2DAsync_v2(&rows, stream));
    rows.srcPitch = 61; /* one byte too far */
    MISUSE(cu.cuMemcpy2DAsync_v2(&rows, stream), "source");
    CHECK(cu.cuMemGetAddressRange_v2(&other, &(size_t){0}, memory + 100) != CUDA_SUCCESS);

    GOOD(cu.cuMemcpyDtoHAsync_v2(pinned, memory, 100, stream));
    MISUSE(cu.cuMemFreeHost(pinned), "work that has not run uses it");
    MISUSE(cu.cuMemFree_v2(memory), "work that has not run uses it");
    MISUSE(cu.cuMemFree_v2(memory), "not what was allocated"); /* twice */
    MISUSE(cu.cuEventElapsedTime(&(float){0}, event, event), "no time");
    GOOD(cu.cuEventDestroy_v2(event));
    MISUSE(cu.cuEventRecord(event, stream), "no such event");
    GOOD(cu.cuStreamDestroy_v2(stream));
    MISUSE(cu.cuStreamDestroy_v2(stream), "no such stream");
    MISUSE(cu.cuMemsetD8Async(memory, 0, 0, stream), "destination");
    stop();
}

static void misuse_of_launches(void *ctx) {
    CUmodule module;
    CUfunction busy;
    CUdeviceptr sink, gone;
    unsigned rounds = 1;
    void *parameters[] = {&sink, &rounds};
    (void)ctx;
    start();
    GOOD(cu.cuMemAlloc_v2(&sink, 4));
    GOOD(cu.cuModuleLoadDataEx(&module, TEST_PTX, 0, NULL, NULL));
    CHECK(cu.cuModuleGetFunction(&busy, module, "pluck_none") != CUDA_SUCCESS);
    GOOD(cu.cuModuleGetFunction(&busy, module, "pluck_busy"));
#define LAUNCH(x, y, block, shared)                                                                \
    cu.cuLaunchKernel(busy, (x), (y), 1, (unsigned)(block), 1, 1, (shared), NULL, parameters, NULL)
    MISUSE(LAUNCH(1, 1, 128, 8), "not the block");
    MISUSE(LAUNCH(0, 1, lanes, 8), "grid");
    MISUSE(LAUNCH(1, 65536, lanes, 8), "grid");
    MISUSE(LAUNCH(1, 1, lanes, 50000), "shared memory");
    MISUSE(cu.cuFuncSetAttribute(busy, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 300000),
           "attribute");
    GOOD(cu.cuFuncSetAttribute(busy, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 60000));
    GOOD(LAUNCH(2, 3, lanes, 50000));
    MISUSE(cu.cuMemFree_v2(sink), "work that has not run uses it");
    gone = sink;
    GOOD(cu.cuMemAlloc_v2(&sink, 4));
    parameters[0] = &gone;
    MISUSE(LAUNCH(1, 1, lanes, 8), "not device memory");
    parameters[0] = &sink;
    GOOD(LAUNCH(1, 1, lanes, 8));
    MISUSE(cu.cuModuleUnload(module), "a launch that has not run uses it");
    MISUSE(LAUNCH(1, 1, lanes, 8), "no such function");
#undef LAUNCH
    GOOD(cu.cuMemAlloc_v2(&gone, 4));
    control->expects_misuse = true; /* what is left is freed with the context */
    stop();
}

/* After a fault every call returns it until the context is gone; a new context works. */
static void a_fault_is_sticky(void *ctx) {
    CUdeviceptr memory;
    CUcontext popped;
    (void)ctx;
    start();
    GOOD(cu.cuMemAlloc_v2(&memory, 100));
    control->fail_at = control->calls + 1;
    control->fail_with = CUDA_ERROR_ILLEGAL_ADDRESS;
    control->fail_sticky = true;
    CHECK(cu.cuMemsetD8Async(memory, 0, 100, NULL) == CUDA_ERROR_ILLEGAL_ADDRESS);
    CHECK(cu.cuMemsetD8Async(memory, 0, 100, NULL) == CUDA_ERROR_ILLEGAL_ADDRESS);
    CHECK(cu.cuMemFree_v2(memory) == CUDA_ERROR_ILLEGAL_ADDRESS); /* and it is freed */
    GOOD(cu.cuCtxPopCurrent_v2(&popped));
    GOOD(cu.cuDevicePrimaryCtxRelease_v2(0));
    CHECK(control->live() == 0);
    GOOD(cu.cuDevicePrimaryCtxRetain(&context, 0));
    GOOD(cu.cuCtxPushCurrent_v2(context));
    GOOD(cu.cuMemAlloc_v2(&memory, 100));
    GOOD(cu.cuMemFree_v2(memory));
    stop();
}

/* Something left over at the end is an error, so this child must fail. */
static void leave_something(void *ctx) {
    CUevent event;
    start();
    if (ctx) GOOD(cu.cuEventCreate(&event, 0));
    GOOD(cu.cuCtxPopCurrent_v2(&context));
}

static void leave_a_context_current(void *ctx) {
    (void)ctx;
    start();
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state) {                                                        \
        (void)state;                                                                               \
        assert_true(runs_in_child(name, NULL));                                                    \
    }
TEST(work_runs_late)
TEST(work_without_order)
TEST(misuse_of_what_is_gone)
TEST(misuse_of_contexts)
TEST(misuse_of_memory)
TEST(misuse_of_launches)
TEST(a_fault_is_sticky)

static void what_is_left_ends_the_program(void **state) {
    (void)state;
    assert_true(runs_in_child(leave_something, NULL));
    assert_false(runs_in_child(leave_something, &control));
    assert_false(runs_in_child(leave_a_context_current, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_work_runs_late),
                                       cmocka_unit_test(test_work_without_order),
                                       cmocka_unit_test(test_misuse_of_what_is_gone),
                                       cmocka_unit_test(test_misuse_of_contexts),
                                       cmocka_unit_test(test_misuse_of_memory),
                                       cmocka_unit_test(test_misuse_of_launches),
                                       cmocka_unit_test(test_a_fault_is_sticky),
                                       cmocka_unit_test(what_is_left_ends_the_program)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
