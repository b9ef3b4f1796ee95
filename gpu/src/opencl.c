/*
 * opencl.c: the OpenCL backend (1.2; of the embedded profile it needs 64-bit integers).
 *
 * A gpu_event holds a cl_event: recording enqueues a marker and keeps its cl_event. Setting the
 * arguments of a kernel object from two threads is not safe, so a launch holds the device's lock.
 */
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "sizes.h"

#include <CL/cl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct opencl_device {
    cl_context context;
    cl_device_id device;
    cl_program program;
    cl_kernel kernels[GPU_KERNELS];
    cl_command_queue mapping; /* pinned memory is mapped on it */
    pthread_mutex_t lock;
} opencl_device;

typedef struct opencl_event {
    cl_event event;
} opencl_event;

static pluck_gpu_status status_from_cl(cl_int code) {
    switch (code) {
    case CL_SUCCESS:
        return PLUCK_GPU_OK;
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_OUT_OF_RESOURCES:
    case CL_INVALID_BUFFER_SIZE:
        return PLUCK_GPU_ERR_DEVICE_MEMORY;
    case CL_OUT_OF_HOST_MEMORY:
        return PLUCK_GPU_ERR_MEMORY;
    case CL_INVALID_MEM_OBJECT:
        return PLUCK_GPU_ERR_POINTER;
    case CL_DEVICE_NOT_AVAILABLE:
        return PLUCK_GPU_ERR_LOST;
    default:
        return PLUCK_GPU_ERR_DEVICE;
    }
}

#define CL_TRY(expression) GPU_TRY(status_from_cl(expression))

/* The full profile has 64-bit integers, the embedded one may have them. */
static bool has_long(cl_device_id device) {
    char profile[64] = "", extensions[8192] = "";
    clGetDeviceInfo(device, CL_DEVICE_PROFILE, sizeof profile - 1, profile, NULL);
    clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL);
    return strcmp(profile, "EMBEDDED_PROFILE") != 0 || strstr(extensions, "cles_khr_int64") != NULL;
}

/* PoCL from version 4 on ends the program with an assertion of its own compiler at some of the
 * kernels. */
static bool ends_the_program(cl_device_id device) {
    char version[128] = "", driver[128] = "";
    clGetDeviceInfo(device, CL_DEVICE_VERSION, sizeof version - 1, version, NULL);
    clGetDeviceInfo(device, CL_DRIVER_VERSION, sizeof driver - 1, driver, NULL);
    return strstr(version, "PoCL") != NULL && strtol(driver, NULL, 10) >= 4;
}

/* Can the kernels run on this device? */
static bool usable(cl_device_id device) {
    cl_bool available = CL_FALSE, compiler = CL_FALSE;
    char version[128] = "";
    clGetDeviceInfo(device, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    clGetDeviceInfo(device, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    clGetDeviceInfo(device, CL_DEVICE_VERSION, sizeof version, version, NULL);
    return available && compiler && has_long(device) && !ends_the_program(device) &&
           strncmp(version, "OpenCL 1.0", 10) != 0 && strncmp(version, "OpenCL 1.1", 10) != 0;
}

static void describe_device(cl_device_id device, int32_t index, pluck_gpu_device_info *info) {
    cl_device_type type = 0;
    cl_ulong memory = 0;
    cl_uint units = 0;
    memset(info, 0, sizeof *info);
    info->backend = PLUCK_GPU_OPENCL;
    info->index = index;
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof info->name - 1, info->name, NULL);
    clGetDeviceInfo(device, CL_DEVICE_VERSION, sizeof info->driver - 1, info->driver, NULL);
    clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    clGetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    clGetDeviceInfo(device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    info->memory = memory;
    info->compute_units = (int32_t)units;
    info->is_cpu = (type & CL_DEVICE_TYPE_CPU) != 0;
}

/* Usable device number `index` over all platforms, GPUs before processors. */
static cl_device_id nth_device(int32_t index) {
    static const cl_device_type passes[] = {CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_ACCELERATOR,
                                            CL_DEVICE_TYPE_CPU};
    cl_platform_id platforms[16];
    cl_uint n_platforms = 0;
    if (clGetPlatformIDs(16, platforms, &n_platforms) != CL_SUCCESS) return NULL;
    if (n_platforms > 16) n_platforms = 16;
    for (int pass = 0; pass < 2; pass++) {
        for (cl_uint p = 0; p < n_platforms; p++) {
            cl_device_id devices[32];
            cl_uint n = 0;
            if (clGetDeviceIDs(platforms[p], passes[pass], 32, devices, &n) != CL_SUCCESS) continue;
            if (n > 32) n = 32;
            for (cl_uint d = 0; d < n; d++)
                if (usable(devices[d]) && index-- == 0) return devices[d];
        }
    }
    return NULL;
}

static bool opencl_describe(int32_t index, pluck_gpu_device_info *info) {
    const cl_device_id device = nth_device(index);
    if (!device) return false;
    describe_device(device, index, info);
    return true;
}

/* A limit for tests and tuning: the variable's value, if it is set and below `limit`. */
static bool read_limit(const char *name, size_t *limit) {
    const char *text = getenv(name);
    char *end = NULL;
    unsigned long long value;
    if (!text) return true;
    value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || text[0] == '-' || value == 0) return false;
    if (value < *limit) *limit = (size_t)value;
    return true;
}

/* Groups of 64 for a processor, which runs lanes one after another; of 256 for a GPU, or of as many
 * as it allows. */
static pluck_gpu_status choose_tuning(pluck_gpu_device *d, cl_device_id device) {
    cl_ulong local = 0;
    size_t most = 1, lanes = GPU_LANES_MAX;
    clGetDeviceInfo(device, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local, NULL);
    clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof most, &most, NULL);
    d->local_memory = (size_t)local;
    if (!getenv("PLUCK_OPENCL_LANES")) lanes = d->info.is_cpu ? 64 : 256;
    if (!read_limit("PLUCK_OPENCL_LANES", &lanes) ||
        !read_limit("PLUCK_OPENCL_LOCAL_MEMORY", &d->local_memory))
        return gpu_fail(d->error, PLUCK_GPU_ERR_CONFIG,
                        "PLUCK_OPENCL_LANES and PLUCK_OPENCL_LOCAL_MEMORY must be whole numbers "
                        "above 0");
    d->wg = GPU_LANES_MAX;
    while (d->wg > most || d->wg > lanes) d->wg /= 2;
    d->vpt = 16;
    d->target_groups = (uint32_t)d->info.compute_units * (d->info.is_cpu ? 2u : 4u);
    return PLUCK_GPU_OK;
}

static pluck_gpu_status build(pluck_gpu_device *d, opencl_device *n) {
    const char *source = gpu_kernel_source;
    cl_device_fp_config fp32 = 0;
    char options[320];
    cl_int code;
    clGetDeviceInfo(n->device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof fp32, &fp32, NULL);
    snprintf(options, sizeof options,
             "-cl-std=CL1.2 -DPLK_WG=%u -DPLK_VPT=%u -DPLK_SMALL_MAX=%u -DPLK_BINS=%u "
             "-DPLK_SELECT_TILES=%u%s%s",
             d->wg, d->vpt, d->small_max, d->bins, d->select_tiles,
             d->info.is_cpu ? " -DPLK_COUNT_SORT_MAX=PLK_SMALL_MAX" : " -DPLK_UNROLL",
             fp32 & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT ? " -cl-fp32-correctly-rounded-divide-sqrt"
                                                        : "");
    n->program = clCreateProgramWithSource(n->context, 1, &source, NULL, &code);
    if (code == CL_SUCCESS) code = clBuildProgram(n->program, 1, &n->device, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        char log[400] = "";
        char *whole = NULL;
        size_t size = 0;
        if (n->program)
            clGetProgramBuildInfo(n->program, n->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
        if (size > 0 && (whole = malloc(size)) != NULL) {
            clGetProgramBuildInfo(n->program, n->device, CL_PROGRAM_BUILD_LOG, size, whole, NULL);
            snprintf(log, sizeof log, "%s", whole);
        }
        free(whole);
        return gpu_fail(d->error, PLUCK_GPU_ERR_BUILD, "OpenCL error %d: %s", (int)code, log);
    }
#define CREATE_KERNEL(name)                                                                        \
    n->kernels[GPU_KERNEL_##name] = clCreateKernel(n->program, "pluck_" #name, &code);             \
    if (code != CL_SUCCESS)                                                                        \
        return gpu_fail(d->error, PLUCK_GPU_ERR_BUILD, "OpenCL error %d: kernel pluck_" #name,     \
                        (int)code);
    GPU_KERNEL_MAP(CREATE_KERNEL)
#undef CREATE_KERNEL
    return PLUCK_GPU_OK;
}

static void release_program(opencl_device *n) {
    for (int k = 0; k < GPU_KERNELS; k++)
        if (n->kernels[k]) clReleaseKernel(n->kernels[k]);
    memset(n->kernels, 0, sizeof n->kernels);
    if (n->program) clReleaseProgram(n->program);
    n->program = NULL;
}

/* Lanes that a group of any kernel may have: fewer than the device allows if a kernel needs many
 * registers. */
static size_t lanes_of_kernels(const opencl_device *n) {
    size_t lanes = GPU_LANES_MAX;
    for (int k = 0; k < GPU_KERNELS; k++) {
        size_t own = lanes;
        clGetKernelWorkGroupInfo(n->kernels[k], n->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof own,
                                 &own, NULL);
        lanes = own < lanes ? own : lanes;
    }
    return lanes;
}

/* Builds the kernels for smaller groups until the device can run them. */
static pluck_gpu_status build_what_fits(pluck_gpu_device *d, opencl_device *n) {
    size_t lanes = d->wg;
    for (; d->wg >= GPU_LANES_MIN; d->wg /= 2) {
        if (d->wg > lanes || !gpu_sizes_fit(d)) continue;
        GPU_TRY(build(d, n));
        lanes = lanes_of_kernels(n);
        if (lanes >= d->wg) return PLUCK_GPU_OK;
        release_program(n);
    }
    return gpu_fail(d->error, PLUCK_GPU_ERR_BUILD,
                    "%s gives a group %zu bytes of local memory and up to %zu lanes; the kernels "
                    "need %zu bytes and %d lanes",
                    d->info.name, d->local_memory, lanes, gpu_local_bytes_min(), GPU_LANES_MIN);
}

static void opencl_close(pluck_gpu_device *d) {
    opencl_device *n = d->native;
    if (!n) return;
    release_program(n);
    if (n->mapping) clReleaseCommandQueue(n->mapping);
    if (n->context) clReleaseContext(n->context);
    pthread_mutex_destroy(&n->lock);
    free(n);
    d->native = NULL;
}

static pluck_gpu_status opencl_open(pluck_gpu_device *d, const pluck_gpu_select *select) {
    opencl_device *n = calloc(1, sizeof *n);
    pluck_gpu_status status;
    cl_int code = CL_SUCCESS;
    if (!n) return gpu_fail(d->error, PLUCK_GPU_ERR_MEMORY, "out of host memory");
    d->native = n;
    pthread_mutex_init(&n->lock, NULL);
    n->device =
        select->native_device ? (cl_device_id)select->native_device : nth_device(d->info.index);
    describe_device(n->device, d->info.index, &d->info);
    status =
        ends_the_program(n->device)
            ? gpu_fail(d->error, PLUCK_GPU_ERR_BUILD,
                       "%s: PoCL from version 4 on ends the program at these kernels", d->info.name)
            : choose_tuning(d, n->device);
    if (status != PLUCK_GPU_OK) {
        opencl_close(d);
        return status;
    }
    if (select->native_context) {
        n->context = select->native_context;
        code = clRetainContext(n->context);
    } else {
        n->context = clCreateContext(NULL, 1, &n->device, NULL, NULL, &code);
    }
    if (code == CL_SUCCESS) n->mapping = clCreateCommandQueue(n->context, n->device, 0, &code);
    status = code == CL_SUCCESS ? build_what_fits(d, n)
                                : gpu_fail(d->error, PLUCK_GPU_ERR_DEVICE,
                                           "OpenCL error %d while making a context for %s",
                                           (int)code, d->info.name);
    if (status != PLUCK_GPU_OK) opencl_close(d);
    return status;
}

static pluck_gpu_status opencl_memory_create(pluck_gpu_device *d, size_t size, gpu_memory *out) {
    const opencl_device *n = d->native;
    cl_int code;
    const cl_mem memory = clCreateBuffer(n->context, CL_MEM_READ_WRITE, size, NULL, &code);
    CL_TRY(code);
    *out = (gpu_memory)memory;
    return PLUCK_GPU_OK;
}

static void opencl_memory_free(pluck_gpu_device *d, gpu_memory memory) {
    (void)d;
    if (memory) clReleaseMemObject((cl_mem)memory);
}

static pluck_gpu_status opencl_pinned_create(pluck_gpu_device *d, size_t size, gpu_pinned *out) {
    const opencl_device *n = d->native;
    cl_int code;
    const cl_mem memory =
        clCreateBuffer(n->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, size, NULL, &code);
    CL_TRY(code);
    out->host = clEnqueueMapBuffer(n->mapping, memory, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, size,
                                   0, NULL, NULL, &code);
    if (code != CL_SUCCESS) {
        clReleaseMemObject(memory);
        return status_from_cl(code);
    }
    out->device = (gpu_memory)memory;
    out->size = size;
    return PLUCK_GPU_OK;
}

static void opencl_pinned_free(pluck_gpu_device *d, gpu_pinned *pinned) {
    const opencl_device *n = d->native;
    if (!pinned->host) return;
    clEnqueueUnmapMemObject(n->mapping, (cl_mem)pinned->device, pinned->host, 0, NULL, NULL);
    clFinish(n->mapping);
    clReleaseMemObject((cl_mem)pinned->device);
    memset(pinned, 0, sizeof *pinned);
}

static pluck_gpu_status opencl_memory_check(pluck_gpu_device *d, void *data, size_t offset,
                                            size_t size) {
    const opencl_device *n = d->native;
    cl_context context = NULL;
    size_t held = 0;
    if (clGetMemObjectInfo(data, CL_MEM_SIZE, sizeof held, &held, NULL) != CL_SUCCESS ||
        clGetMemObjectInfo(data, CL_MEM_CONTEXT, sizeof context, &context, NULL) != CL_SUCCESS ||
        context != n->context || offset > held || size > held - offset)
        return PLUCK_GPU_ERR_POINTER;
    return PLUCK_GPU_OK;
}

static pluck_gpu_status opencl_stream_create(pluck_gpu_device *d, gpu_stream *out) {
    const opencl_device *n = d->native;
    cl_int code;
    *out = clCreateCommandQueue(n->context, n->device, CL_QUEUE_PROFILING_ENABLE, &code);
    return status_from_cl(code);
}

static void opencl_stream_free(pluck_gpu_device *d, gpu_stream stream) {
    (void)d;
    if (stream) clReleaseCommandQueue(stream);
}

static pluck_gpu_status opencl_event_create(pluck_gpu_device *d, bool timed, gpu_event *out) {
    (void)d;
    (void)timed; /* the queue's properties decide */
    *out = calloc(1, sizeof(opencl_event));
    return *out ? PLUCK_GPU_OK : PLUCK_GPU_ERR_MEMORY;
}

static void opencl_event_free(pluck_gpu_device *d, gpu_event event) {
    opencl_event *e = event;
    (void)d;
    if (e && e->event) clReleaseEvent(e->event);
    free(e);
}

static pluck_gpu_status opencl_event_record(pluck_gpu_device *d, gpu_event event,
                                            gpu_stream stream) {
    opencl_event *e = event;
    (void)d;
    if (e->event) clReleaseEvent(e->event);
    e->event = NULL;
    CL_TRY(clEnqueueMarkerWithWaitList(stream, 0, NULL, &e->event));
    return status_from_cl(clFlush(stream));
}

static pluck_gpu_status opencl_event_poll(pluck_gpu_device *d, gpu_event event) {
    const opencl_event *e = event;
    cl_int state = CL_COMPLETE;
    (void)d;
    if (!e->event) return PLUCK_GPU_OK;
    CL_TRY(clGetEventInfo(e->event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL));
    if (state < 0) return PLUCK_GPU_ERR_DEVICE;
    return state == CL_COMPLETE ? PLUCK_GPU_OK : PLUCK_GPU_ERR_NOT_READY;
}

static pluck_gpu_status opencl_event_wait(pluck_gpu_device *d, gpu_event event) {
    const opencl_event *e = event;
    cl_int code;
    (void)d;
    if (!e->event) return PLUCK_GPU_OK;
    code = clWaitForEvents(1, &e->event);
    /* not a lack of memory here: some drivers report an aborted kernel with this code */
    return code == CL_OUT_OF_RESOURCES ? PLUCK_GPU_ERR_DEVICE : status_from_cl(code);
}

static pluck_gpu_status opencl_stream_wait(pluck_gpu_device *d, gpu_stream stream,
                                           gpu_event event) {
    const opencl_event *e = event;
    (void)d;
    if (!e->event) return PLUCK_GPU_OK;
    return status_from_cl(clEnqueueBarrierWithWaitList(stream, 1, &e->event, NULL));
}

static double opencl_event_elapsed(pluck_gpu_device *d, gpu_event from, gpu_event to) {
    const opencl_event *a = from, *b = to;
    cl_ulong begin = 0, end = 0;
    (void)d;
    if (clGetEventProfilingInfo(a->event, CL_PROFILING_COMMAND_END, sizeof begin, &begin, NULL) !=
            CL_SUCCESS ||
        clGetEventProfilingInfo(b->event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) !=
            CL_SUCCESS)
        return -1.0;
    return (double)(end - begin) * 1e-3;
}

static pluck_gpu_status opencl_zero(pluck_gpu_device *d, gpu_stream stream, gpu_memory memory,
                                    size_t size) {
    static const unsigned char nothing;
    (void)d;
    return status_from_cl(
        clEnqueueFillBuffer(stream, (cl_mem)memory, &nothing, 1, 0, size, 0, NULL, NULL));
}

static pluck_gpu_status opencl_upload(pluck_gpu_device *d, gpu_stream stream, gpu_memory to,
                                      const void *from, size_t size) {
    (void)d;
    return status_from_cl(
        clEnqueueWriteBuffer(stream, (cl_mem)to, CL_FALSE, 0, size, from, 0, NULL, NULL));
}

static pluck_gpu_status opencl_download(pluck_gpu_device *d, gpu_stream stream, void *to,
                                        gpu_memory from, size_t offset, size_t size) {
    (void)d;
    return status_from_cl(
        clEnqueueReadBuffer(stream, (cl_mem)from, CL_FALSE, offset, size, to, 0, NULL, NULL));
}

static pluck_gpu_status opencl_copy(pluck_gpu_device *d, gpu_stream stream, gpu_memory to,
                                    gpu_memory from, size_t size) {
    (void)d;
    return status_from_cl(
        clEnqueueCopyBuffer(stream, (cl_mem)from, (cl_mem)to, 0, 0, size, 0, NULL, NULL));
}

static pluck_gpu_status opencl_download_rows(pluck_gpu_device *d, gpu_stream stream, void *to,
                                             gpu_memory from, size_t offset, size_t stride,
                                             size_t width, size_t rows) {
    if (stride == width) return opencl_download(d, stream, to, from, offset, width * rows);
    for (size_t r = 0; r < rows; r++)
        GPU_TRY(
            opencl_download(d, stream, (char *)to + r * width, from, offset + r * stride, width));
    return PLUCK_GPU_OK;
}

static pluck_gpu_status set_and_run(const pluck_gpu_device *d, gpu_stream stream,
                                    const gpu_launch *l) {
    const opencl_device *n = d->native;
    const cl_kernel kernel = n->kernels[l->kernel];
    const size_t global[2] = {(size_t)l->groups_x * d->wg, l->groups_y}, local[2] = {d->wg, 1};
    cl_uint i = 0;
    for (; i < (cl_uint)l->n_arguments; i++) {
        const gpu_argument *a = l->arguments + i;
        const cl_mem memory = (cl_mem)a->memory;
        CL_TRY(a->value ? clSetKernelArg(kernel, i, a->size, a->value)
                        : clSetKernelArg(kernel, i, sizeof memory, &memory));
    }
    if (l->local_bytes > 0) CL_TRY(clSetKernelArg(kernel, i, l->local_bytes, NULL));
    return status_from_cl(
        clEnqueueNDRangeKernel(stream, kernel, 2, NULL, global, local, 0, NULL, NULL));
}

static pluck_gpu_status opencl_launch(pluck_gpu_device *d, gpu_stream stream,
                                      const gpu_launch *launch) {
    opencl_device *n = d->native;
    pluck_gpu_status status;
    pthread_mutex_lock(&n->lock);
    status = set_and_run(d, stream, launch);
    pthread_mutex_unlock(&n->lock);
    return status;
}

const gpu_backend_table *gpu_opencl_table(void) {
    static const gpu_backend_table table = {
        .name = "OpenCL",
        .describe = opencl_describe,
        .open = opencl_open,
        .close = opencl_close,
        .memory_create = opencl_memory_create,
        .memory_free = opencl_memory_free,
        .pinned_create = opencl_pinned_create,
        .pinned_free = opencl_pinned_free,
        .memory_check = opencl_memory_check,
        .stream_create = opencl_stream_create,
        .stream_free = opencl_stream_free,
        .event_create = opencl_event_create,
        .event_free = opencl_event_free,
        .event_record = opencl_event_record,
        .event_poll = opencl_event_poll,
        .event_wait = opencl_event_wait,
        .stream_wait = opencl_stream_wait,
        .event_elapsed = opencl_event_elapsed,
        .zero = opencl_zero,
        .upload = opencl_upload,
        .download = opencl_download,
        .copy = opencl_copy,
        .download_rows = opencl_download_rows,
        .launch = opencl_launch,
    };
    return &table;
}
