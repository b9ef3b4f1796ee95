/* cuda.h: for the CUDA example on machines without CUDA's own cuda.h: what the test driver has. */
#ifndef PLUCK_GPU_TESTS_CUDA_H
#define PLUCK_GPU_TESTS_CUDA_H

#include "../driver.h"

#define cuDevicePrimaryCtxRelease cuDevicePrimaryCtxRelease_v2
#define cuMemAlloc                cuMemAlloc_v2
#define cuMemFree                 cuMemFree_v2
#define cuMemcpyHtoDAsync         cuMemcpyHtoDAsync_v2
#define cuStreamDestroy           cuStreamDestroy_v2

#endif
