/*
 * vendor_c.h: the kernel dialect (see vendor.h) in plain C11, for the tests that run the kernels
 * under the host's sanitizers. The tests provide the plk_emu_* names (tests/lanes.c): the lanes of
 * a group are coroutines that a barrier switches between, and one group runs after another, so
 * nothing here is atomic. With PLK_EMULATED_WARPS groups have warps, as CUDA's have.
 */
#ifndef PLK_VENDOR_C_H
#define PLK_VENDOR_C_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

typedef uint32_t u32;
typedef int32_t i32;
typedef uint64_t u64;
typedef unsigned char uchar;
typedef unsigned short ushort;

#define KERNEL       static
#define KERNEL_LARGE static
#define FN           static inline
#define GLOBAL
#define LOCAL
#define LOCAL_PARAM , u64 *local_base
#define LOCAL_START

typedef struct plk_emu_place {
    u32 lane, group_x, group_y, groups_x;
} plk_emu_place;
extern plk_emu_place plk_emu;
void plk_emu_barrier(void);
u32 plk_emu_shuffle(u32 x, u32 from); /* the x that lane `from` of the group gave */

#define lane_id()  (plk_emu.lane)
#define group_x()  (plk_emu.group_x)
#define group_y()  (plk_emu.group_y)
#define groups_x() (plk_emu.groups_x)

#define UNROLL
#define group_may_skip(c) (c)
#define group_barrier()   plk_emu_barrier()
#define device_fence()    ((void)0)

FN u32 local_add(u32 *p, u32 x) {
    const u32 old = *p;
    *p = old + x;
    return old;
}

FN u32 global_max(u32 *p, u32 x) {
    const u32 old = *p;
    if (x > old) *p = x;
    return old;
}

#define global_add(p, x) local_add((p), (x))
#define fma_f32(a, b, c) fmaf((a), (b), (c))
#define round_f32(x)     ((i32)lrintf(x))
#define sqrt_f32(x)      sqrtf(x)

FN u32 float_bits(float x) {
    u32 r;
    memcpy(&r, &x, sizeof r);
    return r;
}

FN float bits_float(u32 x) {
    float r;
    memcpy(&r, &x, sizeof r);
    return r;
}

typedef struct quad {
    u32 x, y, z, w;
} quad;

FN quad load_quad(const void *p) {
    quad q;
    memcpy(&q, p, sizeof q);
    return q;
}

FN void store_quad(void *p, quad q) {
    memcpy(p, &q, sizeof q);
}

#ifdef PLK_EMULATED_WARPS
#define PLK_WARP 32
FN u32 warp_xor_u32(u32 x, u32 distance) {
    return plk_emu_shuffle(x, lane_id() ^ distance);
}

/* Lanes whose source would lie before the warp keep their own value. */
FN u32 warp_up_u32(u32 x, u32 distance) {
    const u32 own = lane_id() % PLK_WARP < distance;
    return plk_emu_shuffle(x, own ? lane_id() : lane_id() - distance);
}
#endif

#define quad_word(q, i) ((i) == 0 ? (q).x : (i) == 1 ? (q).y : (i) == 2 ? (q).z : (q).w)

#endif /* PLK_VENDOR_C_H */
