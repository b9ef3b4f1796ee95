/* sizes.h: what the kernels are built with, so that a group's local memory holds what they need. */
#ifndef PLUCK_GPU_SIZES_H
#define PLUCK_GPU_SIZES_H

#include "device.h"

enum { GPU_LANES_MIN = 64, GPU_LANES_MAX = 1024 };

/* The sizes of kernels/shared.h, for a device with enough local memory. */
void gpu_sizes_largest(pluck_gpu_device *device);

/* The largest sizes that fit device->local_memory with groups of device->wg lanes. False if none
 * do. */
bool gpu_sizes_fit(pluck_gpu_device *device);

/* Bytes of local memory that a group needs in the kernel that needs most, if no top-k is above k. */
size_t gpu_local_bytes(const pluck_gpu_device *device, uint32_t k);

/* The least local memory that any sizes fit. */
size_t gpu_local_bytes_min(void);

#endif /* PLUCK_GPU_SIZES_H */
