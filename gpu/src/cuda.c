/*
 * cuda.c: the CUDA backend, over the driver API, loaded at run time.
 *
 * The build compiles the kernels. If it had no compiler for them, or if the driver is older than
 * that compiler, NVRTC compiles the embedded source. Every function makes the device's context
 * current and restores the caller's.
 */
#include "device.h"

#include "cuda_api.h"
#include "nvrtc.h"
#include "sizes.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The map's entries are member names and parameter lists, which must not be put in parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
typedef struct cuda_driver {
#define CUDA_MEMBER(symbol, parameters) CUresult(*symbol) parameters;
    CUDA_DRIVER_MAP(CUDA_MEMBER)
#undef CUDA_MEMBER
} cuda_driver;

/* NOLINTEND(bugprone-macro-parentheses) */

typedef struct cuda_device {
    CUdevice device;
    CUcontext context;
    bool primary; /* the context is the device's primary one, retained */
    CUmodule module;
    CUfunction kernels[GPU_KERNELS];
} cuda_device;

static cuda_driver cu;
static bool cu_loaded;
static pthread_once_t cu_once = PTHREAD_ONCE_INIT;

/* dlsym gives a data pointer. ISO C has no conversion; POSIX says that the bytes are the same. */
static bool load_symbol(void *library, const char *name, void *to) {
    void *symbol = dlsym(library, name);
    memcpy(to, &symbol, sizeof symbol);
    return symbol != NULL;
}

static void load_driver(void) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    bool all = library != NULL;
    if (!library) return;
#define CUDA_LOAD(symbol, parameters) all = all && load_symbol(library, #symbol, &cu.symbol);
    CUDA_DRIVER_MAP(CUDA_LOAD)
#undef CUDA_LOAD
    cu_loaded = all && cu.cuInit(0) == CUDA_SUCCESS; /* the library stays: drivers do not unload */
}

static pluck_gpu_status status_from_cuda(CUresult result) {
    switch (result) {
    case CUDA_SUCCESS:
        return PLUCK_GPU_OK;
    case CUDA_ERROR_OUT_OF_MEMORY:
        return PLUCK_GPU_ERR_DEVICE_MEMORY;
    case CUDA_ERROR_NOT_READY:
        return PLUCK_GPU_ERR_NOT_READY;
    case CUDA_ERROR_DEINITIALIZED:
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
        return PLUCK_GPU_ERR_LOST; /* the context can no longer be used */
    default:
        return PLUCK_GPU_ERR_DEVICE;
    }
}

static const char *error_name(CUresult result) {
    const char *name = NULL;
    return cu.cuGetErrorName(result, &name) == CUDA_SUCCESS && name ? name : "unknown error";
}

/* Runs one driver call in the device's context. */
#define IN_CONTEXT(d, call)                                                                        \
    do {                                                                                           \
        CUcontext previous_;                                                                       \
        CUresult result_ = cu.cuCtxPushCurrent_v2(((const cuda_device *)(d)->native)->context);    \
        if (result_ != CUDA_SUCCESS) return status_from_cuda(result_);                             \
        result_ = (call);                                                                          \
        cu.cuCtxPopCurrent_v2(&previous_);                                                         \
        return status_from_cuda(result_);                                                          \
    } while (0)

static int attribute(CUdevice device, int which) {
    int value = 0;
    return cu.cuDeviceGetAttribute(&value, which, device) == CUDA_SUCCESS ? value : 0;
}

static bool cuda_describe(int32_t index, pluck_gpu_device_info *info) {
    CUdevice device;
    size_t memory = 0;
    int count = 0, version = 0;
    pthread_once(&cu_once, load_driver);
    if (!cu_loaded || cu.cuDeviceGetCount(&count) != CUDA_SUCCESS || index >= count ||
        cu.cuDeviceGet(&device, index) != CUDA_SUCCESS)
        return false;
    memset(info, 0, sizeof *info);
    info->backend = PLUCK_GPU_CUDA;
    info->index = index;
    cu.cuDeviceGetName(info->name, (int)sizeof info->name, device);
    cu.cuDriverGetVersion(&version);
    snprintf(info->driver, sizeof info->driver, "CUDA %d.%d", version / 1000, version % 1000 / 10);
    cu.cuDeviceTotalMem_v2(&memory, device);
    info->memory = memory;
    info->compute_units = attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    return true;
}

static CUresult load_image(cuda_device *n, const void *image, char *log, size_t capacity) {
    int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, (void *)(uintptr_t)capacity};
    return cu.cuModuleLoadDataEx(&n->module, image, 2, options, values);
}

/* Loads the image that the build made. If there is none, or if the driver refuses it because it is
 * older than the compiler, loads what NVRTC makes of the source. */
static pluck_gpu_status load_module(pluck_gpu_device *d, cuda_device *n) {
    char log[200] = "", why[256];
    CUresult result = gpu_kernel_image[0] ? load_image(n, gpu_kernel_image, log, sizeof log)
                                          : CUDA_ERROR_INVALID_IMAGE;
    bool missing;
    char *image;
    if (result == CUDA_SUCCESS) return PLUCK_GPU_OK;
    image = gpu_nvrtc_compile(attribute(n->device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
                              attribute(n->device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
                              d->wg, d->vpt, &missing, why, sizeof why);
    if (!image && gpu_kernel_image[0])
        return gpu_fail(d->error, PLUCK_GPU_ERR_BUILD,
                        "the driver refuses this build's kernels: %s %s; and %s",
                        error_name(result), log, why);
    if (!image)
        return gpu_fail(d->error, PLUCK_GPU_ERR_BUILD, "this build carries no compiled kernels; %s",
                        why);
    result = load_image(n, image, log, sizeof log);
    free(image);
    return result == CUDA_SUCCESS
               ? PLUCK_GPU_OK
               : gpu_fail(d->error, PLUCK_GPU_ERR_BUILD,
                          "the driver could not load the kernels: %s %s", error_name(result), log);
}

static pluck_gpu_status load_kernels(pluck_gpu_device *d, cuda_device *n) {
    CUresult result = CUDA_SUCCESS;
    GPU_TRY(load_module(d, n));
#define LOAD_KERNEL(name)                                                                          \
    if (result == CUDA_SUCCESS)                                                                    \
        result = cu.cuModuleGetFunction(&n->kernels[GPU_KERNEL_##name], n->module, "pluck_" #name);
    GPU_KERNEL_MAP(LOAD_KERNEL)
#undef LOAD_KERNEL
    for (int k = 0; k < GPU_KERNELS && result == CUDA_SUCCESS; k++)
        result = cu.cuFuncSetAttribute(
            n->kernels[k], CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, (int)d->local_memory);
    return result == CUDA_SUCCESS
               ? PLUCK_GPU_OK
               : gpu_fail(d->error, PLUCK_GPU_ERR_BUILD,
                          "a kernel is missing or cannot have its shared memory: %s",
                          error_name(result));
}

static pluck_gpu_status open_in_context(pluck_gpu_device *d, cuda_device *n) {
    CUcontext previous;
    pluck_gpu_status status;
    const CUresult result = cu.cuCtxPushCurrent_v2(n->context);
    if (result != CUDA_SUCCESS)
        return gpu_fail(d->error, PLUCK_GPU_ERR_DEVICE, "the context cannot be used: %s",
                        error_name(result));
    status = load_kernels(d, n);
    cu.cuCtxPopCurrent_v2(&previous);
    return status;
}

static void cuda_close(pluck_gpu_device *d) {
    cuda_device *n = d->native;
    CUcontext previous;
    if (!n) return;
    if (n->module && cu.cuCtxPushCurrent_v2(n->context) == CUDA_SUCCESS) {
        cu.cuModuleUnload(n->module);
        cu.cuCtxPopCurrent_v2(&previous);
    }
    if (n->primary) cu.cuDevicePrimaryCtxRelease_v2(n->device);
    free(n);
    d->native = NULL;
}

static pluck_gpu_status cuda_open(pluck_gpu_device *d, const pluck_gpu_select *select) {
    cuda_device *n = calloc(1, sizeof *n);
    pluck_gpu_status status;
    CUresult result;
    if (!n) return gpu_fail(d->error, PLUCK_GPU_ERR_MEMORY, "out of host memory");
    d->native = n;
    d->wg = 256; /* vendor.h's default, with which the image is compiled */
    d->vpt = 16;
    gpu_sizes_largest(d);
    d->maps_results = true;
    result = cu.cuDeviceGet(&n->device, d->info.index);
    d->local_memory =
        (size_t)attribute(n->device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    d->target_groups = (uint32_t)d->info.compute_units * 4u;
    n->context = select->native_context;
    if (result == CUDA_SUCCESS && !n->context) {
        result = cu.cuDevicePrimaryCtxRetain(&n->context, n->device);
        n->primary = result == CUDA_SUCCESS;
    }
    status = result == CUDA_SUCCESS
                 ? open_in_context(d, n)
                 : gpu_fail(d->error, PLUCK_GPU_ERR_DEVICE, "no context: %s", error_name(result));
    if (status != PLUCK_GPU_OK) cuda_close(d);
    return status;
}

static pluck_gpu_status cuda_memory_create(pluck_gpu_device *d, size_t size, gpu_memory *out) {
    CUdeviceptr *pointer = (CUdeviceptr *)(void *)out;
    _Static_assert(sizeof(gpu_memory) == sizeof(CUdeviceptr), "device pointers are 64 bits");
    IN_CONTEXT(d, cu.cuMemAlloc_v2(pointer, size));
}

static pluck_gpu_status free_memory(pluck_gpu_device *d, gpu_memory memory) {
    IN_CONTEXT(d, cu.cuMemFree_v2(memory));
}

static void cuda_memory_free(pluck_gpu_device *d, gpu_memory memory) {
    if (memory) (void)free_memory(d, memory);
}

static pluck_gpu_status allocate_host(pluck_gpu_device *d, size_t size, void **host) {
    IN_CONTEXT(d,
               cu.cuMemHostAlloc(host, size, CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP));
}

static pluck_gpu_status map_host(pluck_gpu_device *d, void *host, CUdeviceptr *device) {
    IN_CONTEXT(d, cu.cuMemHostGetDevicePointer_v2(device, host, 0));
}

static pluck_gpu_status free_host(pluck_gpu_device *d, void *host) {
    IN_CONTEXT(d, cu.cuMemFreeHost(host));
}

static void cuda_pinned_free(pluck_gpu_device *d, gpu_pinned *pinned) {
    if (pinned->host) (void)free_host(d, pinned->host);
    memset(pinned, 0, sizeof *pinned);
}

static pluck_gpu_status cuda_pinned_create(pluck_gpu_device *d, size_t size, gpu_pinned *out) {
    CUdeviceptr device = 0;
    pluck_gpu_status status;
    GPU_TRY(allocate_host(d, size, &out->host));
    status = map_host(d, out->host, &device);
    if (status != PLUCK_GPU_OK) {
        cuda_pinned_free(d, out);
        return status;
    }
    out->device = (gpu_memory)device;
    out->size = size;
    return PLUCK_GPU_OK;
}

static pluck_gpu_status address_range(pluck_gpu_device *d, CUdeviceptr pointer, CUdeviceptr *base,
                                      size_t *size) {
    IN_CONTEXT(d, cu.cuMemGetAddressRange_v2(base, size, pointer));
}

static pluck_gpu_status cuda_memory_check(pluck_gpu_device *d, void *data, size_t offset,
                                          size_t size) {
    CUdeviceptr at = (CUdeviceptr)(uintptr_t)data + offset;
    const CUdeviceptr end = at + size;
    if (end < at) return PLUCK_GPU_ERR_POINTER;
    while (at < end) { /* memory that is mapped in pieces is several ranges, one behind the other */
        CUdeviceptr base = 0;
        size_t held = 0;
        const pluck_gpu_status status = address_range(d, at, &base, &held);
        if (status == PLUCK_GPU_ERR_LOST) return status;
        if (status != PLUCK_GPU_OK || base + held <= at) return PLUCK_GPU_ERR_POINTER;
        at = base + held;
    }
    return PLUCK_GPU_OK;
}

static pluck_gpu_status cuda_stream_create(pluck_gpu_device *d, gpu_stream *out) {
    IN_CONTEXT(d, cu.cuStreamCreate((CUstream *)out, CU_STREAM_NON_BLOCKING));
}

static pluck_gpu_status destroy_stream(pluck_gpu_device *d, gpu_stream stream) {
    IN_CONTEXT(d, cu.cuStreamDestroy_v2(stream));
}

static void cuda_stream_free(pluck_gpu_device *d, gpu_stream stream) {
    if (stream) (void)destroy_stream(d, stream);
}

static pluck_gpu_status cuda_event_create(pluck_gpu_device *d, bool timed, gpu_event *out) {
    IN_CONTEXT(d, cu.cuEventCreate((CUevent *)out, timed ? 0 : CU_EVENT_DISABLE_TIMING));
}

static pluck_gpu_status destroy_event(pluck_gpu_device *d, gpu_event event) {
    IN_CONTEXT(d, cu.cuEventDestroy_v2(event));
}

static void cuda_event_free(pluck_gpu_device *d, gpu_event event) {
    if (event) (void)destroy_event(d, event);
}

static pluck_gpu_status cuda_event_record(pluck_gpu_device *d, gpu_event event, gpu_stream stream) {
    IN_CONTEXT(d, cu.cuEventRecord(event, stream));
}

static pluck_gpu_status cuda_event_poll(pluck_gpu_device *d, gpu_event event) {
    IN_CONTEXT(d, cu.cuEventQuery(event));
}

static pluck_gpu_status cuda_event_wait(pluck_gpu_device *d, gpu_event event) {
    IN_CONTEXT(d, cu.cuEventSynchronize(event));
}

static pluck_gpu_status cuda_stream_wait(pluck_gpu_device *d, gpu_stream stream, gpu_event event) {
    IN_CONTEXT(d, cu.cuStreamWaitEvent(stream, event, 0));
}

static pluck_gpu_status elapsed(pluck_gpu_device *d, gpu_event from, gpu_event to, float *ms) {
    IN_CONTEXT(d, cu.cuEventElapsedTime(ms, from, to));
}

static double cuda_event_elapsed(pluck_gpu_device *d, gpu_event from, gpu_event to) {
    float ms = 0.0f;
    return elapsed(d, from, to, &ms) == PLUCK_GPU_OK ? (double)ms * 1e3 : -1.0;
}

static pluck_gpu_status cuda_zero(pluck_gpu_device *d, gpu_stream stream, gpu_memory memory,
                                  size_t size) {
    IN_CONTEXT(d, cu.cuMemsetD8Async(memory, 0, size, stream));
}

static pluck_gpu_status cuda_upload(pluck_gpu_device *d, gpu_stream stream, gpu_memory to,
                                    const void *from, size_t size) {
    IN_CONTEXT(d, cu.cuMemcpyHtoDAsync_v2(to, from, size, stream));
}

static pluck_gpu_status cuda_download(pluck_gpu_device *d, gpu_stream stream, void *to,
                                      gpu_memory from, size_t offset, size_t size) {
    IN_CONTEXT(d, cu.cuMemcpyDtoHAsync_v2(to, from + offset, size, stream));
}

static pluck_gpu_status cuda_copy(pluck_gpu_device *d, gpu_stream stream, gpu_memory to,
                                  gpu_memory from, size_t size) {
    IN_CONTEXT(d, cu.cuMemcpyDtoDAsync_v2(to, from, size, stream));
}

static pluck_gpu_status cuda_download_rows(pluck_gpu_device *d, gpu_stream stream, void *to,
                                           gpu_memory from, size_t offset, size_t stride,
                                           size_t width, size_t rows) {
    const CUDA_MEMCPY2D copy = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                                .srcDevice = from + offset,
                                .srcPitch = stride,
                                .dstMemoryType = CU_MEMORYTYPE_HOST,
                                .dstHost = to,
                                .dstPitch = width,
                                .WidthInBytes = width,
                                .Height = rows};
    if (stride == width || rows == 1)
        return cuda_download(d, stream, to, from, offset, width * rows);
    IN_CONTEXT(d, cu.cuMemcpy2DAsync_v2(&copy, stream));
}

static pluck_gpu_status cuda_launch(pluck_gpu_device *d, gpu_stream stream, const gpu_launch *l) {
    const cuda_device *n = d->native;
    void *parameters[16];
    for (int32_t i = 0; i < l->n_arguments; i++) {
        const gpu_argument *a = l->arguments + i;
        const void *at = a->value ? a->value : (const void *)&a->memory;
        memcpy(&parameters[i], &at, sizeof at); /* the driver only reads it, without a const */
    }
    IN_CONTEXT(d, cu.cuLaunchKernel(n->kernels[l->kernel], l->groups_x, l->groups_y, 1, d->wg, 1, 1,
                                    (unsigned)l->local_bytes, stream, parameters, NULL));
}

const gpu_backend_table *gpu_cuda_table(void) {
    static const gpu_backend_table table = {
        .name = "CUDA",
        .describe = cuda_describe,
        .open = cuda_open,
        .close = cuda_close,
        .memory_create = cuda_memory_create,
        .memory_free = cuda_memory_free,
        .pinned_create = cuda_pinned_create,
        .pinned_free = cuda_pinned_free,
        .memory_check = cuda_memory_check,
        .stream_create = cuda_stream_create,
        .stream_free = cuda_stream_free,
        .event_create = cuda_event_create,
        .event_free = cuda_event_free,
        .event_record = cuda_event_record,
        .event_poll = cuda_event_poll,
        .event_wait = cuda_event_wait,
        .stream_wait = cuda_stream_wait,
        .event_elapsed = cuda_event_elapsed,
        .zero = cuda_zero,
        .upload = cuda_upload,
        .download = cuda_download,
        .copy = cuda_copy,
        .download_rows = cuda_download_rows,
        .launch = cuda_launch,
    };
    return &table;
}
