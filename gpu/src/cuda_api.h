/*
 * cuda_api.h: the few functions of CUDA's driver and of NVRTC that Pluck calls, so that building it
 * needs no CUDA toolkit. Types and values are those of the driver's ABI; the names ending in _v2
 * are the symbols that cuda.h maps the plain names to.
 */
#ifndef PLUCK_GPU_CUDA_API_H
#define PLUCK_GPU_CUDA_API_H

#include "cuda_numbers.h"

#include <stddef.h>
#include <stdint.h>

typedef int CUresult;
typedef int CUdevice;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef unsigned long long CUdeviceptr;
typedef int nvrtcResult;
typedef struct nvrtcProgram_st *nvrtcProgram;

enum {
#define CUDA_NUMBER(name, value) name = (value),
    CUDA_NUMBER_MAP(CUDA_NUMBER)
#undef CUDA_NUMBER
};

/* cuMemcpy2DAsync's description of a copy. */
typedef struct CUDA_MEMCPY2D {
    size_t srcXInBytes, srcY;
    int srcMemoryType;
    const void *srcHost;
    CUdeviceptr srcDevice;
    void *srcArray;
    size_t srcPitch;
    size_t dstXInBytes, dstY;
    int dstMemoryType;
    void *dstHost;
    CUdeviceptr dstDevice;
    void *dstArray;
    size_t dstPitch;
    size_t WidthInBytes, Height;
} CUDA_MEMCPY2D;

#define CUDA_MEMBER_AT(member, at)                                                                 \
    _Static_assert(offsetof(CUDA_MEMCPY2D, member) == (at), "as the driver has it");
CUDA_MEMCPY2D_MAP(CUDA_MEMBER_AT)
#undef CUDA_MEMBER_AT

/* X(symbol, parameters): all return CUresult. */
#define CUDA_DRIVER_MAP(X)                                                                         \
    X(cuInit, (unsigned flags))                                                                    \
    X(cuDriverGetVersion, (int *version))                                                          \
    X(cuGetErrorName, (CUresult error, const char **name))                                         \
    X(cuDeviceGetCount, (int *count))                                                              \
    X(cuDeviceGet, (CUdevice * device, int ordinal))                                               \
    X(cuDeviceGetName, (char *name, int capacity, CUdevice device))                                \
    X(cuDeviceTotalMem_v2, (size_t * bytes, CUdevice device))                                      \
    X(cuDeviceGetAttribute, (int *value, int attribute, CUdevice device))                          \
    X(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                            \
    X(cuDevicePrimaryCtxRelease_v2, (CUdevice device))                                             \
    X(cuCtxPushCurrent_v2, (CUcontext context))                                                    \
    X(cuCtxPopCurrent_v2, (CUcontext * context))                                                   \
    X(cuModuleLoadDataEx,                                                                          \
      (CUmodule * module, const void *image, unsigned n, int *options, void **values))             \
    X(cuModuleUnload, (CUmodule module))                                                           \
    X(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name))             \
    X(cuFuncSetAttribute, (CUfunction function, int attribute, int value))                         \
    X(cuLaunchKernel, (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,     \
                       unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,      \
                       CUstream stream, void **parameters, void **extra))                          \
    X(cuMemAlloc_v2, (CUdeviceptr * pointer, size_t size))                                         \
    X(cuMemFree_v2, (CUdeviceptr pointer))                                                         \
    X(cuMemHostAlloc, (void **pointer, size_t size, unsigned flags))                               \
    X(cuMemFreeHost, (void *pointer))                                                              \
    X(cuMemHostGetDevicePointer_v2, (CUdeviceptr * device, void *host, unsigned flags))            \
    X(cuMemGetAddressRange_v2, (CUdeviceptr * base, size_t * size, CUdeviceptr pointer))           \
    X(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void *from, size_t size, CUstream stream))      \
    X(cuMemcpyDtoHAsync_v2, (void *to, CUdeviceptr from, size_t size, CUstream stream))            \
    X(cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream))      \
    X(cuMemcpy2DAsync_v2, (const CUDA_MEMCPY2D *copy, CUstream stream))                            \
    X(cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t size, CUstream stream))        \
    X(cuStreamCreate, (CUstream * stream, unsigned flags))                                         \
    X(cuStreamDestroy_v2, (CUstream stream))                                                       \
    X(cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags))                         \
    X(cuEventCreate, (CUevent * event, unsigned flags))                                            \
    X(cuEventDestroy_v2, (CUevent event))                                                          \
    X(cuEventRecord, (CUevent event, CUstream stream))                                             \
    X(cuEventQuery, (CUevent event))                                                               \
    X(cuEventSynchronize, (CUevent event))                                                         \
    X(cuEventElapsedTime, (float *milliseconds, CUevent from, CUevent to))

/* X(symbol, parameters): all return nvrtcResult. */
#define CUDA_NVRTC_MAP(X)                                                                          \
    X(nvrtcCreateProgram, (nvrtcProgram * program, const char *source, const char *name, int n,    \
                           const char *const *headers, const char *const *include_names))          \
    X(nvrtcCompileProgram, (nvrtcProgram program, int n, const char *const *options))              \
    X(nvrtcGetPTXSize, (nvrtcProgram program, size_t * size))                                      \
    X(nvrtcGetPTX, (nvrtcProgram program, char *ptx))                                              \
    X(nvrtcGetCUBINSize, (nvrtcProgram program, size_t * size))                                    \
    X(nvrtcGetCUBIN, (nvrtcProgram program, char *cubin))                                          \
    X(nvrtcGetProgramLogSize, (nvrtcProgram program, size_t * size))                               \
    X(nvrtcGetProgramLog, (nvrtcProgram program, char *log))                                       \
    X(nvrtcDestroyProgram, (nvrtcProgram * program))

#endif /* PLUCK_GPU_CUDA_API_H */
