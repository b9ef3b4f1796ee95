/*
 * vendor.h: one dialect for OpenCL C 1.2, CUDA C and plain C11.
 *
 * The kernels use only these names; nothing else in gpu/kernels depends on a vendor:
 *
 * - KERNEL, KERNEL_LARGE, FN: a kernel; one that needs many registers; a function that kernels call.
 * - GLOBAL, LOCAL: address spaces.
 * - LOCAL_PARAM, LOCAL_START: the group's dynamic local memory, as the last parameter of a kernel
 *   that has some, and the first statement of its body; then `local_base` points to it.
 * - u32 u64 i32: integers.
 * - lane_id() group_x() group_y() groups_x(): where a lane is.
 * - group_barrier(): all lanes of a group wait for each other; then local memory is visible to all.
 * - device_fence(): what this lane wrote before becomes visible to every group.
 * - group_may_skip(c): c, or 0 if the vendor's compiler cannot be trusted with barriers in
 *   branches (PoCL): what is skipped when c holds must do no harm when it runs anyway.
 * - local_add global_add global_max: atomic; they return the old value.
 * - fma_f32 sqrt_f32, float_bits bits_float.
 * - round_f32(x): the nearest integer, the even one of two.
 * - max_nan(a, b): the larger; NaN if one is. float_from_half(bits): of a binary16.
 * - load_quad store_quad: 16 bytes at an aligned address.
 * - UNROLL: before a loop over a lane's logits, which stay in registers only if it is unrolled.
 *
 * Tuning, all by -D: PLK_WG lanes of a group (a power of two, 16 to 1024), PLK_VPT logits a lane
 * holds of a tile (a multiple of 8), and the sizes at the top of shared.h.
 */
#ifndef PLK_VENDOR_H
#define PLK_VENDOR_H

#if defined(__OPENCL_C_VERSION__) || defined(__OPENCL_VERSION__)
#include "vendor_opencl.h"
#elif defined(__CUDACC__) || defined(__CUDACC_RTC__) || defined(__CUDA__)
#include "vendor_cuda.h"
#else
#include "vendor_c.h"
#endif

#ifndef PLK_WG
#define PLK_WG 256
#endif
#ifndef PLK_VPT
#define PLK_VPT 16
#endif

/* Logits of one tile: what a group reads at a time. */
#define PLK_TILE (PLK_WG * PLK_VPT)

typedef u32 plk_u32;
typedef i32 plk_i32;
typedef u64 plk_u64;

#include "shared.h"

#endif /* PLK_VENDOR_H */
