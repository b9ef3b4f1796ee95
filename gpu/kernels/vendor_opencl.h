/* vendor_opencl.h: the kernel dialect (see vendor.h) in OpenCL C 1.2, without extensions. */
#ifndef PLK_VENDOR_OPENCL_H
#define PLK_VENDOR_OPENCL_H

#pragma OPENCL FP_CONTRACT OFF

typedef uint u32;
typedef int i32;
typedef ulong u64;

#define KERNEL       __kernel
#define KERNEL_LARGE __kernel
#define FN           static inline
#define GLOBAL       __global
#define LOCAL        __local
#define LOCAL_PARAM  , __local u64 *local_base
#define LOCAL_START

#define lane_id()  ((u32)get_local_id(0))
#define group_x()  ((u32)get_group_id(0))
#define group_y()  ((u32)get_group_id(1))
#define groups_x() ((u32)get_num_groups(0))

#define group_may_skip(c) ((c) && 0)
#ifdef PLK_UNROLL /* set for GPUs; PoCL turns lanes into loops and gains nothing by it */
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif
#define group_barrier() barrier(CLK_LOCAL_MEM_FENCE)
#define device_fence()  mem_fence(CLK_GLOBAL_MEM_FENCE)

#define local_add(p, x)  atomic_add((volatile __local u32 *)(p), (u32)(x))
#define global_add(p, x) atomic_add((volatile __global u32 *)(p), (u32)(x))
#define global_max(p, x) atomic_max((volatile __global u32 *)(p), (u32)(x))

#define fma_f32(a, b, c) fma((float)(a), (float)(b), (float)(c))
#define round_f32(x)     convert_int_rte((float)(x))
#define sqrt_f32(x)      sqrt((float)(x))
#define float_bits(x)    as_uint((float)(x))
#define bits_float(x)    as_float((u32)(x))

/* 16 bytes from a 16-byte aligned address. */
typedef uint4 quad;
#define load_quad(p)     (*(const __global uint4 *)(p))
#define store_quad(p, q) (*(__global uint4 *)(p) = (q))
#define quad_word(q, i)  ((i) == 0 ? (q).x : (i) == 1 ? (q).y : (i) == 2 ? (q).z : (q).w)

#endif /* PLK_VENDOR_OPENCL_H */
