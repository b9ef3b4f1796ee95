/*
 * cuda_engine.c: an engine on CUDA hands its device pointer and stream to Pluck. The engine's part
 * is the driver API; with the runtime API a cudaStream_t and a pointer from cudaMalloc are passed
 * as they are, since both live in the device's primary context.
 */
#include "pluck_gpu.h"

#include <cuda.h>
#include <stdio.h>

enum { N_VOCAB = 1000, N_ROWS = 2 };

int main(void) {
    /* What the engine has: the primary context, a stream, logits in device memory. */
    static float logits[N_ROWS][N_VOCAB];
    CUdevice cu_device;
    CUcontext context;
    CUstream stream;
    CUdeviceptr pointer;
    if (cuInit(0) || cuDeviceGet(&cu_device, 0) || cuDevicePrimaryCtxRetain(&context, cu_device) ||
        cuCtxSetCurrent(context) || cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) ||
        cuMemAlloc(&pointer, sizeof logits)) {
        puts("no CUDA device");
        return 1;
    }
    logits[0][123] = logits[1][456] = 30.0f;
    if (cuMemcpyHtoDAsync(pointer, logits, sizeof logits, stream)) {
        puts("the logits could not be copied to the device");
        return 1;
    }

    /* Once: the device, the chain, the batch context. */
    const pluck_gpu_select select = {.backend = PLUCK_GPU_CUDA, .index = 0};
    const pluck_stage stages[] = {{.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.95f, 1}},
                                  {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};
    const pluck_config config = {
        .n_vocab = N_VOCAB, .rng = PLUCK_RNG_PHILOX, .stages = stages, .n_stages = 2};
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

    /* For each token: after the model, on its stream. */
    const pluck_gpu_row rows[N_ROWS] = {{.plan = plan, .seed = 1}, {.plan = plan, .seed = 2}};
    const pluck_gpu_call call = {
        .logits = {.data = (void *)(uintptr_t)pointer, .dtype = PLUCK_DTYPE_F32, .n_rows = N_ROWS},
        .rows = rows,
        .stream = stream};
    const pluck_gpu_result *results;
    uint64_t ticket;
    pluck_gpu_status status = pluck_gpu_enqueue(batch, &call, &ticket);
    if (status == PLUCK_GPU_OK) status = pluck_gpu_wait(batch, ticket, &results);
    if (status != PLUCK_GPU_OK) {
        puts(pluck_gpu_status_string(status));
        return 1;
    }
    for (int i = 0; i < N_ROWS; i++) printf("row %d: token %d\n", i, (int)results[i].token);

    pluck_gpu_batch_free(batch);
    pluck_gpu_plan_free(plan);
    pluck_gpu_close(device);
    cuMemFree(pointer);
    cuStreamDestroy(stream);
    if (cuCtxSetCurrent(NULL) == CUDA_SUCCESS) cuDevicePrimaryCtxRelease(cu_device);
    return 0;
}
