/* vec_avx512.h: the vector operations that body.h is written in, for AVX-512 F, BW, DQ and VL.
 * vec_avx2.h says what each does. */
#include <immintrin.h>
#include <string.h>

#define PLUCK_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
#define VATTR        __attribute__((target(PLUCK_AVX512)))
#define VWIDTH       16
#define V_FUSES

typedef __m512 vf;
typedef __m512i vi;
typedef __m256 v8;

#define VFN static inline __attribute__((always_inline, target(PLUCK_AVX512)))

VFN vf v_set(float x) {
    return _mm512_set1_ps(x);
}
VFN vf v_load_f32(const void *p) {
    return _mm512_loadu_ps(p);
}
VFN vf v_load_f16(const void *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
VFN vf v_load_bf16(const void *p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
VFN void v_store(float *p, vf x) {
    _mm512_storeu_ps(p, x);
}
VFN vf v_add(vf a, vf b) {
    return _mm512_add_ps(a, b);
}
VFN vf v_sub(vf a, vf b) {
    return _mm512_sub_ps(a, b);
}
VFN vf v_mul(vf a, vf b) {
    return _mm512_mul_ps(a, b);
}
VFN vf v_div(vf a, vf b) {
    return _mm512_div_ps(a, b);
}
VFN vf v_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
VFN vf v_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
VFN vf v_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
VFN vf v_abs(vf a) {
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}
VFN float v_hmax(vf a) {
    const __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
VFN __m256 v_halves_max(vf a) {
    return _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
}
VFN void v_hmax4(const vf *a, float *out) {
    const __m256 h0 = v_halves_max(a[0]), h1 = v_halves_max(a[1]);
    const __m256 h2 = v_halves_max(a[2]), h3 = v_halves_max(a[3]);
    const __m256 ab = _mm256_max_ps(_mm256_unpacklo_ps(h0, h1), _mm256_unpackhi_ps(h0, h1));
    const __m256 cd = _mm256_max_ps(_mm256_unpacklo_ps(h2, h3), _mm256_unpackhi_ps(h2, h3));
    const __m256 m =
        _mm256_max_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
    _mm_storeu_ps(out, _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1)));
}
VFN vi v_bits(vf a) {
    return _mm512_castps_si512(a);
}
VFN vf v_float(vi a) {
    return _mm512_castsi512_ps(a);
}
VFN vi vi_set(int32_t a) {
    return _mm512_set1_epi32(a);
}
VFN vi vi_iota(void) {
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
/* Word e of the 48 is id e/3, value e/3 (at 16 + e/3 in the pair) or 0, for e mod 3 = 0, 1 or 2. */
VFN void v_store_tokens(int32_t *out, vi ids, vf values) {
    const __m512i x = _mm512_castps_si512(values);
    const __m512i from0 = _mm512_setr_epi32(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
    const __m512i from1 = _mm512_setr_epi32(21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
    const __m512i from2 =
        _mm512_setr_epi32(0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
    _mm512_storeu_si512(out, _mm512_maskz_permutex2var_epi32(0xb6db, ids, from0, x));
    _mm512_storeu_si512(out + 16, _mm512_maskz_permutex2var_epi32(0xdb6d, ids, from1, x));
    _mm512_storeu_si512(out + 32, _mm512_maskz_permutex2var_epi32(0x6db6, ids, from2, x));
}
VFN vi vi_add(vi a, vi b) {
    return _mm512_add_epi32(a, b);
}
VFN void vi_store(int32_t *p, vi a) {
    _mm512_storeu_si512(p, a);
}
VFN vi vi_count_ge(vi n, vf a, vf b) {
    return _mm512_mask_sub_epi32(n, _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ), n, _mm512_set1_epi32(-1));
}
VFN vi vi_sub(vi a, vi b) {
    return _mm512_sub_epi32(a, b);
}
VFN vi vi_shl(vi a, int n) {
    return _mm512_slli_epi32(a, (unsigned)n);
}
VFN vi v_exp2_table(vi t) {
    static const int32_t table[8] = EXP2_TABLE;
    const __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)table);
    return _mm512_permutexvar_epi32(t, _mm512_broadcast_i32x8(half));
}
VFN vi vi_sra(vi a, int n) {
    return _mm512_srai_epi32(a, (unsigned)n);
}
VFN vf v_from_int(vi a) {
    return _mm512_cvtepi32_ps(a);
}
VFN vf v_where_gt(vf a, vf b, vf yes, vf no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), no, yes);
}
VFN vf v_keep_ge(vf a, vf b, vf x) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_GE_OQ), x);
}
VFN unsigned v_mask_ge(vf a, vf b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}
VFN unsigned v_mask_in(vf a, vf low, vf high) {
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(a, low, _CMP_GE_OQ), a, high, _CMP_LT_OQ);
}
VFN unsigned v_mask_gt(vf a, vf b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
VFN unsigned v_mask_nan(vf a) {
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}
VFN int v_count(unsigned mask) {
    return __builtin_popcount(mask);
}
VFN int32_t v_compress(unsigned mask, int32_t first_id, vf x, int32_t *ids, float *logits) {
    const __m512i id =
        _mm512_add_epi32(_mm512_set1_epi32(first_id),
                         _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    const __mmask16 m = (__mmask16)mask;
    /* To a register, then to memory: the form that stores directly is microcoded on Zen 4. */
    _mm512_storeu_ps(logits, _mm512_maskz_compress_ps(m, x));
    _mm512_storeu_si512(ids, _mm512_maskz_compress_epi32(m, id));
    return __builtin_popcount(mask);
}

VFN v8 fold(vf a) {
    return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
}
/* 32 elements in order. */
VFN void v_load32_f32(const char *p, vf *v) {
    for (int i = 0; i < 32; i += VWIDTH) v[i / VWIDTH] = v_load_f32(p + (size_t)4 * (size_t)i);
}
VFN void v_load32_f16(const char *p, vf *v) {
    for (int i = 0; i < 32; i += VWIDTH) v[i / VWIDTH] = v_load_f16(p + (size_t)2 * (size_t)i);
}
/* The even elements, then the odd ones. */
VFN void v_load32_bf16(const char *p, vf *v) {
    const __m512i pairs = _mm512_loadu_si512(p);
    v[0] = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    v[1] = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000u)));
}
VFN vf v_allow(vf x, unsigned bits) {
    return _mm512_mask_mov_ps(_mm512_set1_ps(-__builtin_inff()), (__mmask16)bits, x);
}
VFN void v_allow32_seq(vf *v, uint32_t bits) {
    v[0] = v_allow(v[0], bits);
    v[1] = v_allow(v[1], bits >> 16);
}
VFN vf v_allow_at(vf x, uint32_t bits, __m512i selects) {
    const __mmask16 m = _mm512_test_epi32_mask(_mm512_set1_epi32((int)bits), selects);
    return _mm512_mask_mov_ps(_mm512_set1_ps(-__builtin_inff()), m, x);
}
VFN void v_allow32_pair(vf *v, uint32_t bits) {
    const __m512i even =
        _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18,
                                                                  20, 22, 24, 26, 28, 30));
    v[0] = v_allow_at(v[0], bits, even);
    v[1] = v_allow_at(v[1], bits, _mm512_slli_epi32(even, 1));
}
VFN v8 v_fold32_seq(const vf *v) {
    return _mm256_add_ps(fold(v[0]), fold(v[1]));
}
VFN v8 v_fold32_pair(const vf *v) {
    return fold(_mm512_add_ps(v[0], v[1]));
}

VFN v8 v8_zero(void) {
    return _mm256_setzero_ps();
}
VFN v8 v8_add(v8 a, v8 b) {
    return _mm256_add_ps(a, b);
}
VFN void v8_sum4(const v8 *a, double *out) {
    const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
    const __m128 sums = _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
    _mm256_storeu_pd(out, _mm256_cvtps_pd(sums));
}
VFN double v8_sum(v8 a) {
    const v8 quad[4] = {a, a, a, a};
    double out[4];
    v8_sum4(quad, out);
    return out[0];
}
