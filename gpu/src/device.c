/* device.c: finding and opening a device, and what all backends share. */
#include "device.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

pluck_gpu_status gpu_fail(pluck_gpu_error *error, pluck_gpu_status status, const char *format,
                          ...) {
    if (error) {
        va_list arguments;
        error->status = status;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

pluck_gpu_status gpu_note(pluck_gpu_device *device, pluck_gpu_status status) {
    if (status == PLUCK_GPU_ERR_LOST) atomic_store(&device->lost, true);
    return status;
}

static const gpu_backend_table *backend_table(pluck_gpu_backend backend) {
    return backend == PLUCK_GPU_CUDA     ? gpu_cuda_table()
           : backend == PLUCK_GPU_OPENCL ? gpu_opencl_table()
                                         : NULL;
}

bool pluck_gpu_describe(int32_t index, pluck_gpu_device_info *info) {
    static const pluck_gpu_backend order[] = {PLUCK_GPU_CUDA, PLUCK_GPU_OPENCL};
    if (index < 0 || !info) return false;
    for (size_t b = 0; b < sizeof order / sizeof *order; b++) {
        const gpu_backend_table *api = backend_table(order[b]);
        pluck_gpu_device_info found;
        for (int32_t i = 0; api && api->describe(i, &found); i++) {
            if (index-- > 0) continue;
            *info = found;
            return true;
        }
    }
    return false;
}

/* The device that `select` names, as pluck_gpu_describe lists it. */
static bool find_device(const pluck_gpu_select *select, pluck_gpu_device_info *info) {
    for (int32_t i = 0; pluck_gpu_describe(i, info); i++)
        if (select->backend == PLUCK_GPU_ANY
                ? i == select->index
                : info->backend == select->backend && info->index == select->index)
            return true;
    return false;
}

pluck_gpu_status pluck_gpu_open(pluck_gpu_device **out, const pluck_gpu_select *select,
                                pluck_gpu_error *error) {
    static const pluck_gpu_select first;
    pluck_gpu_device *device;
    pluck_gpu_device_info info = {0};
    pluck_gpu_status status;
    if (!out) return gpu_fail(error, PLUCK_GPU_ERR_NULL, "pluck_gpu_open: out is NULL");
    if (!select) select = &first;
    if (select->native_device && select->backend == PLUCK_GPU_OPENCL) {
        info.backend = PLUCK_GPU_OPENCL; /* the backend describes it */
    } else if (!find_device(select, &info)) {
        if (!pluck_gpu_describe(0, &info))
            return gpu_fail(error, PLUCK_GPU_ERR_NO_DEVICE,
                            "no CUDA driver and no OpenCL 1.2 device was found on this machine "
                            "(PoCL from version 4 on is left out)");
        return gpu_fail(error, PLUCK_GPU_ERR_NO_DEVICE, "there is no device %d of %s",
                        (int)select->index,
                        select->backend == PLUCK_GPU_CUDA     ? "CUDA"
                        : select->backend == PLUCK_GPU_OPENCL ? "OpenCL"
                                                              : "any backend");
    }
    device = calloc(1, sizeof *device);
    if (!device) return gpu_fail(error, PLUCK_GPU_ERR_MEMORY, "out of host memory");
    device->api = backend_table(info.backend);
    device->info = info;
    device->error = error;
    status = device->api->open(device, select);
    device->error = NULL;
    if (status != PLUCK_GPU_OK) {
        free(device);
        return status;
    }
    *out = device;
    return PLUCK_GPU_OK;
}

void pluck_gpu_close(pluck_gpu_device *device) {
    if (!device) return;
    device->api->close(device);
    free(device);
}

const pluck_gpu_device_info *pluck_gpu_device_describe(const pluck_gpu_device *device) {
    return device ? &device->info : NULL;
}

size_t gpu_element_size(pluck_dtype dtype) {
    switch (dtype) {
    case PLUCK_DTYPE_F32:
        return 4;
    case PLUCK_DTYPE_F16:
    case PLUCK_DTYPE_BF16:
        return 2;
    }
    return 0;
}

pluck_gpu_status gpu_check_logits(pluck_gpu_device *device, pluck_gpu_logits *logits,
                                  int32_t n_vocab) {
    const size_t element = gpu_element_size(logits->dtype);
    const size_t width = (size_t)n_vocab * element;
    if (!logits->data) return PLUCK_GPU_ERR_NULL;
    if (element == 0) return PLUCK_GPU_ERR_DTYPE;
    if (logits->n_rows < 1) return PLUCK_GPU_ERR_SIZE;
    if (logits->stride == 0) logits->stride = width;
    if (logits->stride < width) return PLUCK_GPU_ERR_SIZE;
    if (logits->stride % element != 0 || logits->offset % element != 0)
        return PLUCK_GPU_ERR_POINTER;
    if (logits->stride > SIZE_MAX / 2048) return PLUCK_GPU_ERR_SIZE;
    return device->api->memory_check(device, logits->data, logits->offset,
                                     (size_t)(logits->n_rows - 1) * logits->stride + width);
}
