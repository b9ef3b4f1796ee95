/*
 * opencl_engine.c: an engine with its own OpenCL context, queue and buffer hands its logits to
 * Pluck.
 */
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "pluck_gpu.h"

#include <CL/cl.h>
#include <stdio.h>

enum { N_VOCAB = 1000, N_ROWS = 2 };

int main(void) {
    /* What the engine has: a platform, a device, a context, a queue, logits in a buffer. */
    static float logits[N_ROWS][N_VOCAB];
    cl_platform_id platform;
    cl_device_id cl_device;
    if (clGetPlatformIDs(1, &platform, NULL) != CL_SUCCESS ||
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &cl_device, NULL) != CL_SUCCESS) {
        puts("no OpenCL device");
        return 1;
    }
    const cl_context context = clCreateContext(NULL, 1, &cl_device, NULL, NULL, NULL);
    const cl_command_queue queue = clCreateCommandQueue(context, cl_device, 0, NULL);
    for (int t = 0; t < N_VOCAB; t++) logits[0][t] = logits[1][t] = (float)(t * 37 % 101) * 0.1f;
    logits[0][123] = logits[1][456] = 30.0f;
    const cl_mem buffer =
        clCreateBuffer(context, CL_MEM_COPY_HOST_PTR, sizeof logits, logits, NULL);

    /* Once: the device in the engine's context, the chain, the batch context. */
    const pluck_gpu_select select = {PLUCK_GPU_OPENCL, 0, context, cl_device};
    const pluck_stage stages[] = {
        {.kind = PLUCK_STAGE_TOP_K, .as.top_k = {40}},
        {.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.95f, 1}},
        {.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {0.8f, 0.0f, 1.0f}},
        {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};
    const pluck_config config = {
        .n_vocab = N_VOCAB, .rng = PLUCK_RNG_PHILOX, .stages = stages, .n_stages = 4};
    const pluck_gpu_batch_config batch_config = {.n_vocab = N_VOCAB, .max_rows = N_ROWS};
    pluck_gpu_error error;
    pluck_gpu_device *device;
    pluck_gpu_plan *plan;
    pluck_gpu_batch *batch;
    if (pluck_gpu_open(&device, &select, &error) || pluck_gpu_plan_create(&plan, &config, &error) ||
        pluck_gpu_batch_create(&batch, device, &batch_config, &error)) {
        puts(error.message);
        return 1;
    }

    /* For each token: after the model, on its queue. `position` counts a sequence's draws. */
    const pluck_gpu_row rows[N_ROWS] = {{.plan = plan, .seed = 1, .position = 0},
                                        {.plan = plan, .seed = 2, .position = 0}};
    const pluck_gpu_call call = {
        .logits = {.data = buffer, .dtype = PLUCK_DTYPE_F32, .n_rows = N_ROWS},
        .rows = rows,
        .stream = queue};
    const pluck_gpu_result *results;
    uint64_t ticket;
    if (pluck_gpu_enqueue(batch, &call, &ticket) || pluck_gpu_wait(batch, ticket, &results))
        return 1;
    for (int i = 0; i < N_ROWS; i++) printf("row %d: token %d\n", i, (int)results[i].token);

    pluck_gpu_batch_free(batch);
    pluck_gpu_plan_free(plan);
    pluck_gpu_close(device);
    clReleaseMemObject(buffer);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    return 0;
}
