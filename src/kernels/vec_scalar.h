/* vec_scalar.h: the vector operations that body.h is written in, in plain C, one element at a time.
 * vec_avx2.h says what each does. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "fma.h"

#define VATTR
#define VWIDTH 1

typedef float vf;
typedef int32_t vi;
typedef struct v8 {
    float lane[8];
} v8;

#define VFN static inline

/* Some C libraries round twice if the result is subnormal, and some round everything twice. */
#if defined(__FP_FAST_FMAF) || defined(__GLIBC__) || (defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD)
#define V_FMAF_IS_RIGHT
#endif

VFN vf v_set(float x) {
    return x;
}
VFN vf v_load_f32(const void *p) {
    float x;
    memcpy(&x, p, sizeof x);
    return x;
}
VFN vf v_load_bf16(const void *p) {
    uint16_t half;
    memcpy(&half, p, sizeof half);
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
VFN vf v_load_f16(const void *p) {
    uint16_t half;
    memcpy(&half, p, sizeof half);
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 31u;
    const uint32_t mantissa = half & 1023u;
    uint32_t bits;
    if (exponent == 31)
        bits = sign | 0x7f800000u | (mantissa ? mantissa << 13 | 0x400000u : 0);
    else if (exponent != 0)
        bits = sign | (exponent + 112u) << 23 | mantissa << 13;
    else {
        const float x = (float)mantissa * 0x1p-24f;
        return sign ? -x : x;
    }
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
VFN void v_store(float *p, vf x) {
    memcpy(p, &x, sizeof x);
}
VFN vf v_add(vf a, vf b) {
    return a + b;
}
VFN vf v_sub(vf a, vf b) {
    return a - b;
}
VFN vf v_mul(vf a, vf b) {
    return a * b;
}
VFN vf v_div(vf a, vf b) {
    return a / b;
}
VFN vf v_fma(vf a, vf b, vf c) {
#ifdef V_FMAF_IS_RIGHT
    return fmaf(a, b, c);
#else
    return fma_by_odd(a, b, c);
#endif
}
VFN vf v_max(vf a, vf b) {
    return a > b ? a : b;
}
VFN vf v_min(vf a, vf b) {
    return a < b ? a : b;
}
VFN vf v_abs(vf a) {
    return fabsf(a);
}
VFN float v_hmax(vf a) {
    return a;
}
VFN void v_hmax4(const vf *a, float *out) {
    for (int i = 0; i < 4; i++) out[i] = a[i];
}
VFN vi v_bits(vf a) {
    int32_t i;
    memcpy(&i, &a, sizeof i);
    return i;
}
VFN vf v_float(vi a) {
    float x;
    memcpy(&x, &a, sizeof x);
    return x;
}
VFN vi vi_set(int32_t a) {
    return a;
}
VFN vi vi_iota(void) {
    return 0;
}
VFN void v_store_tokens(int32_t *out, vi ids, vf values) {
    out[0] = ids;
    memcpy(&out[1], &values, sizeof values);
    out[2] = 0;
}
VFN vi vi_add(vi a, vi b) {
    return (vi)((uint32_t)a + (uint32_t)b);
}
VFN void vi_store(int32_t *p, vi a) {
    *p = a;
}
VFN vi vi_count_ge(vi n, vf a, vf b) {
    return n + (a >= b);
}
VFN vi vi_sub(vi a, vi b) {
    return (vi)((uint32_t)a - (uint32_t)b);
}
VFN vi vi_shl(vi a, int n) {
    return (vi)((uint32_t)a << n);
}
VFN vi v_exp2_table(vi t) {
    static const vi table[8] = EXP2_TABLE;
    return table[t & 7];
}
VFN vi vi_sra(vi a, int n) {
    return a >= 0 ? a >> n : ~(~a >> n);
}
VFN vf v_from_int(vi a) {
    return (float)a;
}
VFN vf v_where_gt(vf a, vf b, vf yes, vf no) {
    return a > b ? yes : no;
}
VFN vf v_keep_ge(vf a, vf b, vf x) {
    return a >= b ? x : 0.0f;
}
VFN unsigned v_mask_ge(vf a, vf b) {
    return a >= b;
}
VFN unsigned v_mask_in(vf a, vf low, vf high) {
    return a >= low && a < high;
}
VFN unsigned v_mask_gt(vf a, vf b) {
    return a > b;
}
VFN unsigned v_mask_nan(vf a) {
    return isnan(a) ? 1u : 0u;
}
VFN int v_count(unsigned mask) {
    return (int)mask;
}
VFN int32_t v_compress(unsigned mask, int32_t first_id, vf x, int32_t *ids, float *logits) {
    *ids = first_id;
    *logits = x;
    return (int32_t)mask;
}

/* 32 elements in order. */
VFN void v_load32_f32(const char *p, vf *v) {
    for (int i = 0; i < 32; i += VWIDTH) v[i / VWIDTH] = v_load_f32(p + (size_t)4 * (size_t)i);
}
VFN void v_load32_f16(const char *p, vf *v) {
    for (int i = 0; i < 32; i += VWIDTH) v[i / VWIDTH] = v_load_f16(p + (size_t)2 * (size_t)i);
}
VFN void v_load32_bf16(const char *p, vf *v) {
    for (int i = 0; i < 32; i++) v[i] = v_load_bf16(p + (size_t)2 * (size_t)i);
}
VFN vf v_allow(vf x, unsigned bits) {
    return bits & 1 ? x : -__builtin_inff();
}
VFN void v_allow32_seq(vf *v, uint32_t bits) {
    for (int i = 0; i < 32; i++) v[i] = v_allow(v[i], bits >> i);
}
VFN void v_allow32_pair(vf *v, uint32_t bits) {
    v_allow32_seq(v, bits);
}
VFN v8 v_fold32_seq(const vf *v) {
    v8 out;
    for (int j = 0; j < 8; j++) out.lane[j] = (v[j] + v[j + 8]) + (v[j + 16] + v[j + 24]);
    return out;
}
VFN v8 v_fold32_pair(const vf *v) {
    v8 out;
    for (int j = 0; j < 8; j++)
        out.lane[j] = (v[2 * j] + v[2 * j + 1]) + (v[2 * j + 16] + v[2 * j + 17]);
    return out;
}

VFN v8 v8_zero(void) {
    v8 out = {{0.0f}};
    return out;
}
VFN v8 v8_add(v8 a, v8 b) {
    for (int i = 0; i < 8; i++) a.lane[i] += b.lane[i];
    return a;
}
VFN double v8_sum(v8 a) {
    const float *l = a.lane;
    return (double)(((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7])));
}
VFN void v8_sum4(const v8 *a, double *out) {
    for (int i = 0; i < 4; i++) out[i] = v8_sum(a[i]);
}
