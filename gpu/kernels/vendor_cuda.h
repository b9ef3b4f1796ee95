/*
 * vendor_cuda.h: the kernel dialect (see vendor.h) in CUDA C, for nvcc, NVRTC and clang.
 *
 * Everything the language does not have as a keyword is inline PTX, so that no header of the CUDA
 * toolkit is needed: clang compiles this with -nocudainc -nocudalib.
 */
#ifndef PLK_VENDOR_CUDA_H
#define PLK_VENDOR_CUDA_H

typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef unsigned char uchar;
typedef unsigned short ushort;

#if defined(__clang__) && !defined(__device__)
#define __device__                       __attribute__((device))
#define __global__                       __attribute__((global))
#define __shared__                       __attribute__((shared))
#define __forceinline__                  inline __attribute__((always_inline))
#define __launch_bounds__(lanes, groups) __attribute__((launch_bounds(lanes, groups)))
#endif

/* Two groups of a large kernel must fit on a multiprocessor: at most 128 registers for each lane. */
#define KERNEL       extern "C" __global__
#define KERNEL_LARGE extern "C" __global__ __launch_bounds__(PLK_WG, 2)
#define FN           static __device__ __forceinline__ /* arrays of a lane stay in registers */
#define GLOBAL
#define LOCAL
#define LOCAL_PARAM
#define LOCAL_START                                                                                \
    extern __shared__ u64 plk_shared_memory[];                                                     \
    u64 *local_base = plk_shared_memory;

#define PLK_SPECIAL(name, reg)                                                                     \
    FN u32 name(void) {                                                                            \
        u32 r;                                                                                     \
        asm("mov.u32 %0, %%" reg ";" : "=r"(r));                                                   \
        return r;                                                                                  \
    }
PLK_SPECIAL(lane_id, "tid.x")
PLK_SPECIAL(group_x, "ctaid.x")
PLK_SPECIAL(group_y, "ctaid.y")
PLK_SPECIAL(groups_x, "nctaid.x")
#undef PLK_SPECIAL

#define group_may_skip(c) (c)
#define UNROLL            _Pragma("unroll")

FN void group_barrier(void) {
    asm volatile("bar.sync 0;" ::: "memory");
}

FN void device_fence(void) {
    asm volatile("membar.gl;" ::: "memory");
}

/* The address space is named: a generic atomic first finds out which one it has. */
FN u32 local_add(u32 *p, u32 x) {
    u32 old;
    asm volatile("{\n\t"
                 ".reg .u64 local;\n\t"
                 "cvta.to.shared.u64 local, %1;\n\t"
                 "atom.shared.add.u32 %0, [local], %2;\n\t"
                 "}"
                 : "=r"(old)
                 : "l"(p), "r"(x)
                 : "memory");
    return old;
}

FN u32 global_add(u32 *p, u32 x) {
    u32 old;
    asm volatile("atom.global.add.u32 %0, [%1], %2;" : "=r"(old) : "l"(p), "r"(x) : "memory");
    return old;
}

FN u32 global_max(u32 *p, u32 x) {
    u32 old;
    asm volatile("atom.global.max.u32 %0, [%1], %2;" : "=r"(old) : "l"(p), "r"(x) : "memory");
    return old;
}

FN float fma_f32(float a, float b, float c) {
    float r;
    asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(r) : "f"(a), "f"(b), "f"(c));
    return r;
}

FN i32 round_f32(float x) {
    i32 r;
    asm("cvt.rni.s32.f32 %0, %1;" : "=r"(r) : "f"(x));
    return r;
}

FN float sqrt_f32(float x) {
    float r;
    asm("sqrt.rn.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}

#define PLK_HAS_HALF_AND_MAX_NAN

FN float max_nan(float a, float b) {
    float r;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
    return r;
}

FN float float_from_half(u32 h) {
    float r;
    asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"((ushort)h));
    return r;
}

FN u32 float_bits(float x) {
    u32 r;
    asm("mov.b32 %0, %1;" : "=r"(r) : "f"(x));
    return r;
}

FN float bits_float(u32 x) {
    float r;
    asm("mov.b32 %0, %1;" : "=f"(r) : "r"(x));
    return r;
}

/* 16 bytes from a 16-byte aligned address, past the first-level cache: a row is read once. */
typedef struct quad {
    u32 x, y, z, w;
} quad;

FN quad load_quad(const void *p) {
    quad q;
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(q.x), "=r"(q.y), "=r"(q.z), "=r"(q.w)
        : "l"(p));
    return q;
}

FN void store_quad(void *p, quad q) {
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};"
                 :
                 : "l"(p), "r"(q.x), "r"(q.y), "r"(q.z), "r"(q.w)
                 : "memory");
}

#define quad_word(q, i) ((i) == 0 ? (q).x : (i) == 1 ? (q).y : (i) == 2 ? (q).z : (q).w)

/* Sums and maxima inside a warp without local memory; group.h uses them if they exist. */
#define PLK_WARP 32

FN u32 warp_xor_u32(u32 x, u32 distance) {
    u32 r;
    asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;"
                 : "=r"(r)
                 : "r"(x), "r"(distance));
    return r;
}

FN u32 warp_up_u32(u32 x, u32 distance) {
    u32 r;
    asm volatile("shfl.sync.up.b32 %0, %1, %2, 0, 0xffffffff;" : "=r"(r) : "r"(x), "r"(distance));
    return r;
}

#endif /* PLK_VENDOR_CUDA_H */
