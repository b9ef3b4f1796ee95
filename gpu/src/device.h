/*
 * device.h: what a backend gives to the rest of the library. opencl.c and cuda.c fill in one table
 * each; nothing else calls either API.
 */
#ifndef PLUCK_GPU_DEVICE_H
#define PLUCK_GPU_DEVICE_H

#include "pluck_gpu.h"

#include <stdatomic.h>

typedef uint32_t plk_u32;
typedef int32_t plk_i32;
typedef uint64_t plk_u64;
#include "../kernels/shared.h"

/* X(name): the kernels, `pluck_` before each name in the source. */
#define GPU_KERNEL_MAP(X)                                                                          \
    X(argmax)                                                                                      \
    X(survey)                                                                                      \
    X(gather) X(moments) X(select) X(reduce) X(draw_large) X(finish) X(sum_exp) X(softmax) X(busy)

typedef enum gpu_kernel {
#define GPU_KERNEL_ENUM(name) GPU_KERNEL_##name,
    GPU_KERNEL_MAP(GPU_KERNEL_ENUM)
#undef GPU_KERNEL_ENUM
        GPU_KERNELS
} gpu_kernel;

typedef uintptr_t gpu_memory; /* CUdeviceptr, cl_mem */
typedef void *gpu_stream;     /* CUstream, cl_command_queue */
typedef void *gpu_event;      /* CUevent; OpenCL: a holder of the last cl_event recorded */

/* Host memory that the device copies to and from directly. */
typedef struct gpu_pinned {
    void *host;
    gpu_memory device; /* the same bytes as kernels see them; 0 if they cannot */
    size_t size;
} gpu_pinned;

/* One argument of a kernel: memory, or a value. */
typedef struct gpu_argument {
    const void *value; /* NULL: memory */
    size_t size;
    gpu_memory memory;
} gpu_argument;

#define GPU_MEMORY(m) ((gpu_argument){NULL, 0, (m)})
#define GPU_VALUE(v)  ((gpu_argument){&(v), sizeof(v), 0})

typedef struct gpu_launch {
    gpu_kernel kernel;
    uint32_t groups_x, groups_y;
    size_t local_bytes;
    const gpu_argument *arguments;
    int32_t n_arguments;
} gpu_launch;

typedef struct gpu_backend_table {
    const char *name;

    bool (*describe)(int32_t index, pluck_gpu_device_info *info);
    /* Fills device->native and what the kernels were built with. All functions below may return ERR_LOST. */
    pluck_gpu_status (*open)(pluck_gpu_device *device, const pluck_gpu_select *select);
    void (*close)(pluck_gpu_device *device);

    pluck_gpu_status (*memory_create)(pluck_gpu_device *device, size_t size, gpu_memory *out);
    void (*memory_free)(pluck_gpu_device *device, gpu_memory memory);
    pluck_gpu_status (*pinned_create)(pluck_gpu_device *device, size_t size, gpu_pinned *out);
    void (*pinned_free)(pluck_gpu_device *device, gpu_pinned *pinned);
    /* Does [offset, offset + size) lie in the memory? OK if that cannot be known. */
    pluck_gpu_status (*memory_check)(pluck_gpu_device *device, void *data, size_t offset,
                                     size_t size);

    pluck_gpu_status (*stream_create)(pluck_gpu_device *device, gpu_stream *out);
    void (*stream_free)(pluck_gpu_device *device, gpu_stream stream);
    /* timed: event_elapsed can use it; others are cheaper */
    pluck_gpu_status (*event_create)(pluck_gpu_device *device, bool timed, gpu_event *out);
    void (*event_free)(pluck_gpu_device *device, gpu_event event);
    pluck_gpu_status (*event_record)(pluck_gpu_device *device, gpu_event event, gpu_stream stream);
    pluck_gpu_status (*event_poll)(pluck_gpu_device *device, gpu_event event);
    pluck_gpu_status (*event_wait)(pluck_gpu_device *device, gpu_event event);
    pluck_gpu_status (*stream_wait)(pluck_gpu_device *device, gpu_stream stream, gpu_event event);
    /* Microseconds between two recorded events, both reached; < 0: not known. */
    double (*event_elapsed)(pluck_gpu_device *device, gpu_event from, gpu_event to);

    /* All of these enqueue and return. */
    pluck_gpu_status (*zero)(pluck_gpu_device *device, gpu_stream stream, gpu_memory memory,
                             size_t size);
    pluck_gpu_status (*upload)(pluck_gpu_device *device, gpu_stream stream, gpu_memory to,
                               const void *from, size_t size);
    pluck_gpu_status (*download)(pluck_gpu_device *device, gpu_stream stream, void *to,
                                 gpu_memory from, size_t offset, size_t size);
    /* from the beginning of one memory to that of another */
    pluck_gpu_status (*copy)(pluck_gpu_device *device, gpu_stream stream, gpu_memory to,
                             gpu_memory from, size_t size);
    /* rows of `width` bytes, `stride` apart on the device, packed on the host */
    pluck_gpu_status (*download_rows)(pluck_gpu_device *device, gpu_stream stream, void *to,
                                      gpu_memory from, size_t offset, size_t stride, size_t width,
                                      size_t rows);
    pluck_gpu_status (*launch)(pluck_gpu_device *device, gpu_stream stream,
                               const gpu_launch *launch);
} gpu_backend_table;

struct pluck_gpu_device {
    const gpu_backend_table *api;
    pluck_gpu_device_info info;
    void *native; /* the backend's own */
    uint32_t wg;  /* lanes of a group, logits per lane: what the kernels were built with */
    uint32_t vpt;
    uint32_t small_max; /* PLK_SMALL_MAX, PLK_BINS and PLK_SELECT_TILES of the kernels */
    uint32_t bins;
    uint32_t select_tiles;
    uint32_t target_groups; /* groups that fill the device */
    bool maps_results;      /* kernels write pinned host memory without a copy */
    size_t local_memory;    /* bytes that a group may have */
    pluck_gpu_error *error; /* open reports to it; NULL later */
    atomic_bool lost;       /* some call has returned ERR_LOST */
};

/* The tables; NULL if the backend was not built. */
const gpu_backend_table *gpu_opencl_table(void);
const gpu_backend_table *gpu_cuda_table(void);

/* Writes status and message into error (which may be NULL) and returns status. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
pluck_gpu_status
gpu_fail(pluck_gpu_error *error, pluck_gpu_status status, const char *format, ...);

/* Notes that the device is lost if `status` is ERR_LOST, and returns status. */
pluck_gpu_status gpu_note(pluck_gpu_device *device, pluck_gpu_status status);

/* Returns any status but OK from the calling function. */
#define GPU_TRY(expression)                                                                        \
    do {                                                                                           \
        const pluck_gpu_status try_status_ = (expression);                                         \
        if (try_status_ != PLUCK_GPU_OK) return try_status_;                                       \
    } while (0)

/* The kernels as text (all files in one) and, if the build had a compiler for CUDA, as PTX or as
 * a fat binary: code for some devices, PTX for the others. */
extern const char gpu_kernel_source[];
extern const uint64_t gpu_kernel_image[]; /* a 0 if there is none */

/* Bytes of one element; 0 for an unknown dtype. */
size_t gpu_element_size(pluck_dtype dtype);

/* Do the rows lie in their memory, and are they aligned? Also fills in a stride of 0. */
pluck_gpu_status gpu_check_logits(pluck_gpu_device *device, pluck_gpu_logits *logits,
                                  int32_t n_vocab);

#endif /* PLUCK_GPU_DEVICE_H */
