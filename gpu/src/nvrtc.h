/* nvrtc.h: compiles the embedded kernels at run time with CUDA's NVRTC, if that is found. */
#ifndef PLUCK_GPU_NVRTC_H
#define PLUCK_GPU_NVRTC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The kernels for a device of this compute capability or, if NVRTC does not know it yet, as PTX for
 * any from 8.0 on. The caller frees the result. NULL if NVRTC is missing (*missing is then true) or
 * if the kernels do not compile; `why` says which.
 */
char *gpu_nvrtc_compile(int major, int minor, uint32_t wg, uint32_t vpt, bool *missing, char *why,
                        size_t capacity);

#endif /* PLUCK_GPU_NVRTC_H */
