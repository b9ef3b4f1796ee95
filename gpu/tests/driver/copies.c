/* copies.c: copies between host and device, and setting bytes. */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

static bool rows_may_be_used(uint64_t at, const test_work *w, size_t pitch) {
    for (size_t row = 0; row < w->rows; row++)
        if (!device_may_use(at + row * pitch, w->width)) return false;
    return true;
}

static void *host(uint64_t address) {
    return (void *)(uintptr_t)address;
}

/* A source that is not pinned is read before the call returns; a pinned one is read later. */
static void stage(test_work *w) {
    char *staged;
    if (w->from_device || memory_at(w->from, OBJECT_HOST)) return;
    w->staged = staged = malloc(w->rows * w->width + 1);
    if (!staged) abort();
    for (size_t row = 0; row < w->rows; row++)
        memcpy(staged + row * w->width, host(w->from + row * w->from_pitch), w->width);
    w->from_pitch = w->width;
}

/* Overwrites the destination, whose content is undefined until the copy has run. */
static void scribble(const test_work *w) {
    if (w->to_device) return;
    for (size_t row = 0; row < w->rows; row++)
        memset(host(w->to + row * w->to_pitch), 0xDB, w->width);
}

/* Checks the work and puts it on the stream. */
static CUresult enqueue(CUresult r, test_work *w, CUstream stream) {
    const char *wrong = NULL;
    if (r == CUDA_SUCCESS && w->to_device && !rows_may_be_used(w->to, w, w->to_pitch))
        wrong = "the destination is not in memory of the device";
    if (r == CUDA_SUCCESS && w->from_device && !rows_may_be_used(w->from, w, w->from_pitch))
        wrong = "the source is not in memory of the device";
    if (w->rows > 1 && (w->to_pitch < w->width || (w->from && w->from_pitch < w->width)))
        wrong = "a pitch is smaller than a row";
    if (wrong) r = misuse(CUDA_ERROR_INVALID_VALUE, "%s", wrong);
    if (r != CUDA_SUCCESS) {
        free(w);
        return leave(r);
    }
    if (w->kind == WORK_COPY) stage(w);
    scribble(w);
    return leave(submit(stream, w));
}

CUresult run_copy(const test_work *w) {
    const char *from = w->staged ? w->staged : host(w->from);
    if ((w->to_device && !rows_may_be_used(w->to, w, w->to_pitch)) ||
        (w->from_device && !rows_may_be_used(w->from, w, w->from_pitch)))
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    allow_memory(true);
    for (size_t row = 0; row < w->rows; row++) {
        char *to = host(w->to + row * w->to_pitch);
        if (w->kind == WORK_SET)
            memset(to, w->value, w->width);
        else
            memcpy(to, from + row * w->from_pitch, w->width);
    }
    allow_memory(false);
    return CUDA_SUCCESS;
}

static test_work *new_copy(uint64_t to, bool to_device, uint64_t from, bool from_device,
                           size_t size) {
    test_work *w = new_work(WORK_COPY);
    w->to = to;
    w->to_device = to_device;
    w->from = from;
    w->from_device = from_device;
    w->width = size;
    w->rows = 1;
    return w;
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream) {
    const CUresult r = enter(__func__, IN_CONTEXT);
    return enqueue(r, new_copy(to, true, (uintptr_t)from, false, size), stream);
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, CUstream stream) {
    const CUresult r = enter(__func__, IN_CONTEXT);
    return enqueue(r, new_copy((uintptr_t)to, false, from, true, size), stream);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream) {
    const CUresult r = enter(__func__, IN_CONTEXT);
    return enqueue(r, new_copy(to, true, from, true, size), stream);
}

/* Supports only what the library uses: from the device to the host. */
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *copy, CUstream stream) {
    const CUresult r = enter(__func__, IN_CONTEXT);
    test_work *w =
        new_copy((uintptr_t)copy->dstHost, false, copy->srcDevice, true, copy->WidthInBytes);
    w->rows = copy->Height;
    w->to_pitch = copy->dstPitch;
    w->from_pitch = copy->srcPitch;
    if (copy->srcMemoryType != CU_MEMORYTYPE_DEVICE || copy->dstMemoryType != CU_MEMORYTYPE_HOST ||
        copy->srcXInBytes || copy->srcY || copy->dstXInBytes || copy->dstY || copy->srcHost ||
        copy->dstDevice || copy->srcArray || copy->dstArray) {
        free(w);
        return leave(misuse(CUDA_ERROR_INVALID_VALUE, "not a copy from the device to the host"));
    }
    return enqueue(r, w, stream);
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t size, CUstream stream) {
    const CUresult r = enter(__func__, IN_CONTEXT);
    test_work *w = new_work(WORK_SET);
    w->to = to;
    w->to_device = true;
    w->width = size;
    w->rows = 1;
    w->value = value;
    return enqueue(r, w, stream);
}
