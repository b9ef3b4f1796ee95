/* vec_neon.h: the vector operations that body.h is written in, for AArch64's Advanced SIMD.
 * vec_avx2.h says what each does. */
#include <arm_neon.h>
#include <string.h>

#define VATTR
#define VWIDTH 4
#define V_FUSES

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef struct v8 {
    float32x4_t lo, hi;
} v8;

#define VFN static inline __attribute__((always_inline))

VFN vf v_set(float x) {
    return vdupq_n_f32(x);
}
VFN vf v_load_f32(const void *p) {
    return vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)p));
}
VFN vf v_load_f16(const void *p) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *)p)));
}
VFN vf v_load_bf16(const void *p) {
    const uint16x4_t half = vreinterpret_u16_u8(vld1_u8((const uint8_t *)p));
    return vreinterpretq_f32_u32(vshll_n_u16(half, 16));
}
VFN void v_store(float *p, vf x) {
    vst1q_f32(p, x);
}
VFN vf v_add(vf a, vf b) {
    return vaddq_f32(a, b);
}
VFN vf v_sub(vf a, vf b) {
    return vsubq_f32(a, b);
}
VFN vf v_mul(vf a, vf b) {
    return vmulq_f32(a, b);
}
VFN vf v_div(vf a, vf b) {
    return vdivq_f32(a, b);
}
VFN vf v_fma(vf a, vf b, vf c) {
    return vfmaq_f32(c, a, b);
}
VFN vf v_max(vf a, vf b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
VFN vf v_min(vf a, vf b) {
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
VFN vf v_abs(vf a) {
    return vabsq_f32(a);
}
VFN float v_hmax(vf a) {
    return vmaxvq_f32(a);
}
VFN void v_hmax4(const vf *a, float *out) {
    vst1q_f32(out, vpmaxq_f32(vpmaxq_f32(a[0], a[1]), vpmaxq_f32(a[2], a[3])));
}
VFN vi v_bits(vf a) {
    return vreinterpretq_s32_f32(a);
}
VFN vf v_float(vi a) {
    return vreinterpretq_f32_s32(a);
}
VFN vi vi_set(int32_t a) {
    return vdupq_n_s32(a);
}
VFN vi vi_iota(void) {
    static const int32_t iota[4] = {0, 1, 2, 3};
    return vld1q_s32(iota);
}
VFN void v_store_tokens(int32_t *out, vi ids, vf values) {
    const int32x4x3_t words = {{ids, vreinterpretq_s32_f32(values), vdupq_n_s32(0)}};
    vst3q_s32(out, words);
}
VFN vi vi_add(vi a, vi b) {
    return vaddq_s32(a, b);
}
VFN void vi_store(int32_t *p, vi a) {
    vst1q_s32(p, a);
}
VFN vi vi_count_ge(vi n, vf a, vf b) {
    return vsubq_s32(n, vreinterpretq_s32_u32(vcgeq_f32(a, b)));
}
VFN vi vi_sub(vi a, vi b) {
    return vsubq_s32(a, b);
}
VFN vi vi_shl(vi a, int n) {
    return vshlq_s32(a, vdupq_n_s32(n));
}
VFN vi v_exp2_table(vi t) {
    static const int32_t table[8] = EXP2_TABLE;
    const uint8x16x2_t bytes = {
        {vreinterpretq_u8_s32(vld1q_s32(table)), vreinterpretq_u8_s32(vld1q_s32(table + 4))}};
    /* Byte positions of entry j: 4j, 4j + 1, 4j + 2, 4j + 3. */
    const uint32x4_t j = vandq_u32(vreinterpretq_u32_s32(t), vdupq_n_u32(7));
    const uint32x4_t position = vmlaq_n_u32(vdupq_n_u32(0x03020100), j, 0x04040404);
    return vreinterpretq_s32_u8(vqtbl2q_u8(bytes, vreinterpretq_u8_u32(position)));
}
VFN vi vi_sra(vi a, int n) {
    return vshlq_s32(a, vdupq_n_s32(-n));
}
VFN vf v_from_int(vi a) {
    return vcvtq_f32_s32(a);
}
VFN vf v_where_gt(vf a, vf b, vf yes, vf no) {
    return vbslq_f32(vcgtq_f32(a, b), yes, no);
}
VFN unsigned v_mask(uint32x4_t lanes) {
    static const int32_t shift[4] = {0, 1, 2, 3};
    return vaddvq_u32(vshlq_u32(vshrq_n_u32(lanes, 31), vld1q_s32(shift)));
}
VFN vf v_keep_ge(vf a, vf b, vf x) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vcgeq_f32(a, b)));
}
VFN unsigned v_mask_ge(vf a, vf b) {
    return v_mask(vcgeq_f32(a, b));
}
VFN unsigned v_mask_in(vf a, vf low, vf high) {
    return v_mask(vandq_u32(vcgeq_f32(a, low), vcltq_f32(a, high)));
}
VFN unsigned v_mask_gt(vf a, vf b) {
    return v_mask(vcgtq_f32(a, b));
}
VFN unsigned v_mask_nan(vf a) {
    return v_mask(vmvnq_u32(vceqq_f32(a, a)));
}
VFN int v_count(unsigned mask) {
    return __builtin_popcount(mask);
}
VFN int32_t v_compress(unsigned mask, int32_t first_id, vf x, int32_t *ids, float *logits) {
    float value[4];
    vst1q_f32(value, x);
    int32_t n = 0;
    for (int i = 0; i < 4; i++) {
        ids[n] = first_id + i;
        logits[n] = value[i];
        n += (int32_t)(mask >> i & 1u);
    }
    return n;
}

/* 32 elements in order. */
VFN void v_load32_f32(const char *p, vf *v) {
    for (int i = 0; i < 32; i += VWIDTH) v[i / VWIDTH] = v_load_f32(p + (size_t)4 * (size_t)i);
}
VFN void v_load32_f16(const char *p, vf *v) {
    for (int i = 0; i < 32; i += VWIDTH) v[i / VWIDTH] = v_load_f16(p + (size_t)2 * (size_t)i);
}
/* Of each 8 elements, the even ones, then the odd ones. */
VFN void v_load32_bf16(const char *p, vf *v) {
    for (int i = 0; i < 4; i++, p += 16) {
        const uint32x4_t pairs = vreinterpretq_u32_u8(vld1q_u8((const uint8_t *)p));
        v[2 * i] = vreinterpretq_f32_u32(vshlq_n_u32(pairs, 16));
        v[2 * i + 1] = vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff0000u)));
    }
}
VFN vf v_allow_at(vf x, uint32_t bits, uint32x4_t selects) {
    return vbslq_f32(vtstq_u32(vdupq_n_u32(bits), selects), x, vdupq_n_f32(-__builtin_inff()));
}
VFN vf v_allow(vf x, unsigned bits) {
    static const uint32_t selects[4] = {1, 2, 4, 8};
    return v_allow_at(x, bits, vld1q_u32(selects));
}
VFN void v_allow32_seq(vf *v, uint32_t bits) {
    for (int i = 0; i < 8; i++) v[i] = v_allow(v[i], bits >> 4 * i);
}
VFN void v_allow32_pair(vf *v, uint32_t bits) {
    static const uint32_t even[4] = {1, 4, 16, 64};
    const uint32x4_t selects = vld1q_u32(even);
    for (int i = 0; i < 8; i++) v[i] = v_allow_at(v[i], bits >> (i / 2 * 8 + i % 2), selects);
}
VFN v8 v_fold32_seq(const vf *v) {
    v8 out;
    out.lo = vaddq_f32(vaddq_f32(v[0], v[2]), vaddq_f32(v[4], v[6]));
    out.hi = vaddq_f32(vaddq_f32(v[1], v[3]), vaddq_f32(v[5], v[7]));
    return out;
}
VFN v8 v_fold32_pair(const vf *v) {
    v8 out;
    out.lo = vaddq_f32(vaddq_f32(v[0], v[1]), vaddq_f32(v[4], v[5]));
    out.hi = vaddq_f32(vaddq_f32(v[2], v[3]), vaddq_f32(v[6], v[7]));
    return out;
}

VFN v8 v8_zero(void) {
    v8 out;
    out.lo = out.hi = vdupq_n_f32(0.0f);
    return out;
}
VFN v8 v8_add(v8 a, v8 b) {
    a.lo = vaddq_f32(a.lo, b.lo);
    a.hi = vaddq_f32(a.hi, b.hi);
    return a;
}
VFN double v8_sum(v8 a) {
    const float32x4_t pairs = vpaddq_f32(a.lo, a.hi);
    const float32x4_t quads = vpaddq_f32(pairs, pairs);
    return (double)(vgetq_lane_f32(quads, 0) + vgetq_lane_f32(quads, 1));
}
VFN void v8_sum4(const v8 *a, double *out) {
    for (int i = 0; i < 4; i++) out[i] = v8_sum(a[i]);
}
