/* vec_simd128.h: the vector operations that body.h is written in, for WebAssembly's SIMD128.
 * vec_avx2.h says what each does. */
#include <string.h>
#include <wasm_simd128.h>

#include "fma.h"

#define VATTR  __attribute__((target("simd128")))
#define VWIDTH 4

/* Without a type for the elements: the operations' names have it. */
typedef v128_t vf;
typedef v128_t vi;
typedef struct v8 {
    v128_t lo, hi;
} v8;

#define VFN static inline __attribute__((always_inline, target("simd128")))

/* Multiply-add is long here (v_fma), and a module is downloaded: calls cost less than copies. */
#define VLOOP _Pragma("clang loop unroll(disable)")
#define VBIG  static __attribute__((noinline, unused, target("simd128")))

VFN vf v_set(float x) {
    return wasm_f32x4_splat(x);
}
VFN vf v_load_f32(const void *p) {
    return wasm_v128_load(p);
}
VFN vi vi_set(int32_t a) {
    return wasm_i32x4_splat(a);
}
VBIG vf v_load_f16(const void *p) {
    const v128_t half = wasm_u32x4_load16x4(p);
    const v128_t sign = wasm_i32x4_shl(wasm_v128_and(half, vi_set(0x8000)), 16);
    const v128_t rest = wasm_i32x4_shl(wasm_v128_and(half, vi_set(0x7fff)), 13);
    /* The exponent's bias is 112 more in float; multiplying makes subnormal numbers normal, too. */
    const v128_t finite = wasm_f32x4_mul(rest, v_set(0x1p112f));
    const v128_t is_nan = wasm_i32x4_gt(rest, vi_set(0x0f800000));
    const v128_t quiet = wasm_v128_and(is_nan, vi_set(0x400000));
    const v128_t special = wasm_v128_or(wasm_v128_or(rest, quiet), vi_set(0x7f800000));
    const v128_t is_special = wasm_i32x4_gt(rest, vi_set(0x0f7fffff));
    return wasm_v128_or(sign, wasm_v128_bitselect(special, finite, is_special));
}
VFN vf v_load_bf16(const void *p) {
    return wasm_i32x4_shl(wasm_u32x4_load16x4(p), 16);
}
VFN void v_store(float *p, vf x) {
    wasm_v128_store(p, x);
}
VFN vf v_add(vf a, vf b) {
    return wasm_f32x4_add(a, b);
}
VFN vf v_sub(vf a, vf b) {
    return wasm_f32x4_sub(a, b);
}
VFN vf v_mul(vf a, vf b) {
    return wasm_f32x4_mul(a, b);
}
VFN vf v_div(vf a, vf b) {
    return wasm_f32x4_div(a, b);
}
VFN vf v_max(vf a, vf b) {
    return wasm_f32x4_pmax(b, a);
}
VFN vf v_min(vf a, vf b) {
    return wasm_f32x4_pmin(b, a);
}
VFN vf v_abs(vf a) {
    return wasm_f32x4_abs(a);
}

/* Elements 0 and 1, or 2 and 3, as doubles. */
VFN v128_t v_widen_low(vf a) {
    return wasm_f64x2_promote_low_f32x4(a);
}
VFN v128_t v_widen_high(vf a) {
    return wasm_f64x2_promote_low_f32x4(wasm_i32x4_shuffle(a, a, 2, 3, 2, 3));
}
/* Four doubles as floats, each rounded to nearest. */
VFN vf v_narrow(v128_t low, v128_t high) {
    return wasm_i32x4_shuffle(wasm_f32x4_demote_f64x2_zero(low), wasm_f32x4_demote_f64x2_zero(high),
                              0, 1, 4, 5);
}
/* All bits set in the lanes of four doubles that are exactly between two floats, if a float that
 * is near is normal. */
VFN v128_t v_is_middle(v128_t low, v128_t high) {
    const v128_t words = wasm_i32x4_shuffle(low, high, 0, 2, 4, 6);
    return wasm_i32x4_eq(wasm_v128_and(words, vi_set(0x1fffffff)), vi_set(0x10000000));
}
/* All bits set in the lanes that are subnormal or the least normal number, but not 0. */
VFN v128_t v_is_tiny(vf a) {
    const v128_t magnitude = wasm_v128_and(a, vi_set(0x7fffffff));
    return wasm_i32x4_lt(wasm_i32x4_add(magnitude, vi_set(0x7fffffff)),
                         vi_set(INT32_MIN + 0x00800000));
}
VBIG vf v_fma_by_odd(vf a, vf b, vf c) {
    float x[4], y[4], z[4];
    wasm_v128_store(x, a);
    wasm_v128_store(y, b);
    wasm_v128_store(z, c);
    for (int i = 0; i < 4; i++) z[i] = fma_by_odd(x[i], y[i], z[i]);
    return wasm_v128_load(z);
}
/* There is no such instruction, and the relaxed one may round once or twice. The sum in double is
 * rounded to float a second time, which is wrong only if it has become a middle between two floats
 * (fma.h). That is rare, so these are done again, with all lanes where a subnormal result, which has
 * its middles elsewhere, is among the four. A result of 0 is right: then the sum is exact or far
 * below the middle. */
VFN vf v_fma(vf a, vf b, vf c) {
    const v128_t low =
        wasm_f64x2_add(wasm_f64x2_mul(v_widen_low(a), v_widen_low(b)), v_widen_low(c));
    const v128_t high =
        wasm_f64x2_add(wasm_f64x2_mul(v_widen_high(a), v_widen_high(b)), v_widen_high(c));
    const vf sum = v_narrow(low, high);
    if (__builtin_expect(wasm_v128_any_true(wasm_v128_or(v_is_middle(low, high), v_is_tiny(sum))),
                         0))
        return v_fma_by_odd(a, b, c);
    return sum;
}

/* The greater of neighbours, then of pairs. */
VFN float v_hmax(vf a) {
    const vf pairs = v_max(a, wasm_i32x4_shuffle(a, a, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(v_max(pairs, wasm_i32x4_shuffle(pairs, pairs, 2, 3, 0, 1)), 0);
}
VFN vf v_hmax_pairs(vf a, vf b) {
    return v_max(wasm_i32x4_shuffle(a, b, 0, 2, 4, 6), wasm_i32x4_shuffle(a, b, 1, 3, 5, 7));
}
VFN void v_hmax4(const vf *a, float *out) {
    v_store(out, v_hmax_pairs(v_hmax_pairs(a[0], a[1]), v_hmax_pairs(a[2], a[3])));
}
VFN vi v_bits(vf a) {
    return a;
}
VFN vf v_float(vi a) {
    return a;
}
VFN vi vi_iota(void) {
    return wasm_i32x4_const(0, 1, 2, 3);
}
/* Word e of the 12 is id e/3, value e/3 or 0, for e mod 3 = 0, 1 or 2. */
VBIG void v_store_tokens(int32_t *out, vi ids, vf values) {
    const v128_t zero = vi_set(0);
    const v128_t low = wasm_i32x4_shuffle(ids, values, 0, 4, 1, 5); /* i0 v0 i1 v1 */
    const v128_t high = wasm_i32x4_shuffle(ids, values, 2, 6, 3, 7);
    wasm_v128_store(out, wasm_i32x4_shuffle(low, zero, 0, 1, 4, 2));
    const v128_t middle = wasm_i32x4_shuffle(low, high, 3, 3, 4, 5);
    wasm_v128_store(out + 4, wasm_i32x4_shuffle(middle, zero, 0, 4, 2, 3));
    wasm_v128_store(out + 8, wasm_i32x4_shuffle(high, zero, 4, 2, 3, 4));
}
VFN vi vi_add(vi a, vi b) {
    return wasm_i32x4_add(a, b);
}
VFN void vi_store(int32_t *p, vi a) {
    wasm_v128_store(p, a);
}
VFN vi vi_count_ge(vi n, vf a, vf b) {
    return wasm_i32x4_sub(n, wasm_f32x4_ge(a, b));
}
VFN vi vi_sub(vi a, vi b) {
    return wasm_i32x4_sub(a, b);
}
VFN vi vi_shl(vi a, int n) {
    return wasm_i32x4_shl(a, (uint32_t)n);
}
VFN vi v_exp2_table(vi t) {
    static const int32_t table[8] = EXP2_TABLE;
    /* Byte positions of entry j: 4j, 4j + 1, 4j + 2, 4j + 3. Positions beyond 15 give 0. */
    const v128_t j4 = wasm_i32x4_shl(wasm_v128_and(t, vi_set(7)), 2);
    const v128_t spread =
        wasm_i8x16_shuffle(j4, j4, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
    const v128_t position = wasm_i8x16_add(spread, vi_set(0x03020100));
    const v128_t beyond = wasm_i8x16_sub(position, wasm_i8x16_splat(16));
    return wasm_v128_or(wasm_i8x16_swizzle(wasm_v128_load(table), position),
                        wasm_i8x16_swizzle(wasm_v128_load(table + 4), beyond));
}
VFN vi vi_sra(vi a, int n) {
    return wasm_i32x4_shr(a, (uint32_t)n);
}
VFN vf v_from_int(vi a) {
    return wasm_f32x4_convert_i32x4(a);
}
VFN vf v_where_gt(vf a, vf b, vf yes, vf no) {
    return wasm_v128_bitselect(yes, no, wasm_f32x4_gt(a, b));
}
VFN vf v_keep_ge(vf a, vf b, vf x) {
    return wasm_v128_and(x, wasm_f32x4_ge(a, b));
}
VFN unsigned v_mask_ge(vf a, vf b) {
    return (unsigned)wasm_i32x4_bitmask(wasm_f32x4_ge(a, b));
}
VFN unsigned v_mask_in(vf a, vf low, vf high) {
    return (unsigned)wasm_i32x4_bitmask(
        wasm_v128_and(wasm_f32x4_ge(a, low), wasm_f32x4_lt(a, high)));
}
VFN unsigned v_mask_gt(vf a, vf b) {
    return (unsigned)wasm_i32x4_bitmask(wasm_f32x4_gt(a, b));
}
VFN unsigned v_mask_nan(vf a) {
    return (unsigned)wasm_i32x4_bitmask(wasm_f32x4_ne(a, a));
}
VFN int v_count(unsigned mask) {
    return __builtin_popcount(mask);
}
VBIG int32_t v_compress(unsigned mask, int32_t first_id, vf x, int32_t *ids, float *logits) {
    float value[4];
    v_store(value, x);
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
        const v128_t pairs = wasm_v128_load(p);
        v[2 * i] = wasm_i32x4_shl(pairs, 16);
        v[2 * i + 1] = wasm_v128_and(pairs, vi_set((int32_t)0xffff0000u));
    }
}
VFN vf v_allow_at(vf x, uint32_t bits, v128_t selects) {
    const v128_t selected = wasm_v128_and(vi_set((int32_t)bits), selects);
    return wasm_v128_bitselect(x, v_set(-__builtin_inff()), wasm_i32x4_eq(selected, selects));
}
VFN vf v_allow(vf x, unsigned bits) {
    return v_allow_at(x, bits, wasm_i32x4_const(1, 2, 4, 8));
}
VFN void v_allow32_seq(vf *v, uint32_t bits) {
    for (int i = 0; i < 8; i++) v[i] = v_allow(v[i], bits >> 4 * i);
}
VFN void v_allow32_pair(vf *v, uint32_t bits) {
    for (int i = 0; i < 8; i++)
        v[i] = v_allow_at(v[i], bits >> (i / 2 * 8 + i % 2), wasm_i32x4_const(1, 4, 16, 64));
}
VFN v8 v_fold32_seq(const vf *v) {
    v8 out;
    out.lo = v_add(v_add(v[0], v[2]), v_add(v[4], v[6]));
    out.hi = v_add(v_add(v[1], v[3]), v_add(v[5], v[7]));
    return out;
}
VFN v8 v_fold32_pair(const vf *v) {
    v8 out;
    out.lo = v_add(v_add(v[0], v[1]), v_add(v[4], v[5]));
    out.hi = v_add(v_add(v[2], v[3]), v_add(v[6], v[7]));
    return out;
}

VFN v8 v8_zero(void) {
    v8 out;
    out.lo = out.hi = v_set(0.0f);
    return out;
}
VFN v8 v8_add(v8 a, v8 b) {
    a.lo = v_add(a.lo, b.lo);
    a.hi = v_add(a.hi, b.hi);
    return a;
}
VFN vf v_sum_pairs(vf a, vf b) {
    return v_add(wasm_i32x4_shuffle(a, b, 0, 2, 4, 6), wasm_i32x4_shuffle(a, b, 1, 3, 5, 7));
}
VBIG double v8_sum(v8 a) {
    const vf pairs = v_sum_pairs(a.lo, a.hi);
    const vf quads = v_sum_pairs(pairs, pairs);
    return (double)(wasm_f32x4_extract_lane(quads, 0) + wasm_f32x4_extract_lane(quads, 1));
}
VBIG void v8_sum4(const v8 *a, double *out) {
    const vf ab = v_sum_pairs(v_sum_pairs(a[0].lo, a[0].hi), v_sum_pairs(a[1].lo, a[1].hi));
    const vf cd = v_sum_pairs(v_sum_pairs(a[2].lo, a[2].hi), v_sum_pairs(a[3].lo, a[3].hi));
    const vf sums = v_sum_pairs(ab, cd);
    wasm_v128_store(out, v_widen_low(sums));
    wasm_v128_store(out + 2, v_widen_high(sums));
}
