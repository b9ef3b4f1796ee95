/*
 * cuda_numbers.h: the constants of cuda.h that Pluck uses, and the layout of its one struct. They
 * are compared with cuda.h itself on a machine that has it (gpu/tests/cuda_header.c).
 */
#ifndef PLUCK_GPU_CUDA_NUMBERS_H
#define PLUCK_GPU_CUDA_NUMBERS_H

/* X(name, value) */
#define CUDA_NUMBER_MAP(X)                                                                         \
    X(CUDA_SUCCESS, 0)                                                                             \
    X(CUDA_ERROR_OUT_OF_MEMORY, 2)                                                                 \
    X(CUDA_ERROR_DEINITIALIZED, 4)                                                                 \
    X(CUDA_ERROR_DEVICE_UNAVAILABLE, 46)                                                           \
    X(CUDA_ERROR_INVALID_IMAGE, 200)                                                               \
    X(CUDA_ERROR_ECC_UNCORRECTABLE, 214)                                                           \
    X(CUDA_ERROR_NVLINK_UNCORRECTABLE, 220)                                                        \
    X(CUDA_ERROR_NOT_READY, 600)                                                                   \
    X(CUDA_ERROR_ILLEGAL_ADDRESS, 700)                                                             \
    X(CUDA_ERROR_LAUNCH_TIMEOUT, 702)                                                              \
    X(CUDA_ERROR_CONTEXT_IS_DESTROYED, 709)                                                        \
    X(CUDA_ERROR_ASSERT, 710)                                                                      \
    X(CUDA_ERROR_HARDWARE_STACK_ERROR, 714)                                                        \
    X(CUDA_ERROR_ILLEGAL_INSTRUCTION, 715)                                                         \
    X(CUDA_ERROR_MISALIGNED_ADDRESS, 716)                                                          \
    X(CUDA_ERROR_INVALID_ADDRESS_SPACE, 717)                                                       \
    X(CUDA_ERROR_INVALID_PC, 718)                                                                  \
    X(CUDA_ERROR_LAUNCH_FAILED, 719)                                                               \
    X(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 16)                                                \
    X(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 75)                                            \
    X(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 76)                                            \
    X(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 97)                                   \
    X(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 8)                                          \
    X(CU_JIT_ERROR_LOG_BUFFER, 5)                                                                  \
    X(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 6)                                                       \
    X(CU_EVENT_DISABLE_TIMING, 2)                                                                  \
    X(CU_STREAM_NON_BLOCKING, 1)                                                                   \
    X(CU_MEMHOSTALLOC_PORTABLE, 1)                                                                 \
    X(CU_MEMHOSTALLOC_DEVICEMAP, 2)                                                                \
    X(CU_MEMORYTYPE_HOST, 1)                                                                       \
    X(CU_MEMORYTYPE_DEVICE, 2)

/* X(member, bytes before it), of CUDA_MEMCPY2D with 64-bit pointers */
#define CUDA_MEMCPY2D_MAP(X)                                                                       \
    X(srcXInBytes, 0)                                                                              \
    X(srcY, 8)                                                                                     \
    X(srcMemoryType, 16)                                                                           \
    X(srcHost, 24)                                                                                 \
    X(srcDevice, 32)                                                                               \
    X(srcArray, 40)                                                                                \
    X(srcPitch, 48)                                                                                \
    X(dstXInBytes, 56)                                                                             \
    X(dstY, 64)                                                                                    \
    X(dstMemoryType, 72)                                                                           \
    X(dstHost, 80)                                                                                 \
    X(dstDevice, 88)                                                                               \
    X(dstArray, 96)                                                                                \
    X(dstPitch, 104)                                                                               \
    X(WidthInBytes, 112)                                                                           \
    X(Height, 120)

#endif /* PLUCK_GPU_CUDA_NUMBERS_H */
