/*
 * vec_avx2.h: the vector operations that body.h is written in, for AVX2 + FMA + F16C.
 *
 *   vf, vi          a vector of VWIDTH floats; of as many int32
 *   v8              eight float lanes, in which sums are taken (kernels.h)
 *   v_load_*        reads a vector from any alignment, widened to float
 *   v_max, v_min    of (a, b); b if either is NaN, on every instruction set
 *   v_hmax, v_hmax4 the greatest element of one vector, of each of four
 *   v_exp2_table    EXP2_TABLE[t mod 8]
 *   v_keep_ge       x if a >= b, else 0
 *   vi_count_ge     n, plus one in each lane with a >= b
 *   v_mask_*        one bit for each element (in: low <= a < high); comparisons with NaN are false
 *   v8_sum, v8_sum4 the sum of the lanes of one v8, of four: ((0+1)+(2+3)) + ((4+5)+(6+7))
 *   v_compress      writes ids and values of the mask's elements, then scratch up to VWIDTH;
 *                   returns how many
 *   v_allow         x if the bit of its place (from bit 0) is set, else -inf
 *   v_load32_*      reads 32 elements, in the order that suits the dtype
 *   v_allow32_*     v_allow on 32 elements in the order of v_load32_: _seq, or _pair for bf16
 *   v_fold32_*      their eight-lane sum: _seq if they are in order, _pair if even before odd
 */
#include <immintrin.h>
#include <string.h>

#define VATTR   __attribute__((target("avx2,fma,f16c")))
#define VWIDTH  8
#define V_FUSES /* there is an instruction for x * y + z, of doubles too */

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 v8;

#define VFN static inline __attribute__((always_inline, target("avx2,fma,f16c")))

VFN vf v_set(float x) {
    return _mm256_set1_ps(x);
}
VFN vf v_load_f32(const void *p) {
    return _mm256_loadu_ps((const float *)p);
}
VFN vf v_load_f16(const void *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
VFN vf v_load_bf16(const void *p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
VFN void v_store(float *p, vf x) {
    _mm256_storeu_ps(p, x);
}
VFN vf v_add(vf a, vf b) {
    return _mm256_add_ps(a, b);
}
VFN vf v_sub(vf a, vf b) {
    return _mm256_sub_ps(a, b);
}
VFN vf v_mul(vf a, vf b) {
    return _mm256_mul_ps(a, b);
}
VFN vf v_div(vf a, vf b) {
    return _mm256_div_ps(a, b);
}
VFN vf v_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
VFN vf v_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
VFN vf v_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
VFN vf v_abs(vf a) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
VFN float v_hmax(vf a) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
VFN void v_hmax4(const vf *a, float *out) {
    const __m256 ab = _mm256_max_ps(_mm256_unpacklo_ps(a[0], a[1]), _mm256_unpackhi_ps(a[0], a[1]));
    const __m256 cd = _mm256_max_ps(_mm256_unpacklo_ps(a[2], a[3]), _mm256_unpackhi_ps(a[2], a[3]));
    const __m256 m =
        _mm256_max_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
    _mm_storeu_ps(out, _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1)));
}
VFN vi v_bits(vf a) {
    return _mm256_castps_si256(a);
}
VFN vf v_float(vi a) {
    return _mm256_castsi256_ps(a);
}
VFN vi vi_set(int32_t a) {
    return _mm256_set1_epi32(a);
}
VFN vi vi_iota(void) {
    return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
}
/* Word e of the 24 is id e/3, value e/3 or 0, for e mod 3 = 0, 1 or 2. */
VFN void v_store_tokens(int32_t *out, vi ids, vf values) {
    const __m256i zero = _mm256_setzero_si256(), x = _mm256_castps_si256(values);
    const __m256i third0 = _mm256_setr_epi32(0, 0, 0, 1, 1, 1, 2, 2);
    const __m256i third1 = _mm256_setr_epi32(2, 3, 3, 3, 4, 4, 4, 5);
    const __m256i third2 = _mm256_setr_epi32(5, 5, 6, 6, 6, 7, 7, 7);
    __m256i r0 = _mm256_blend_epi32(zero, _mm256_permutevar8x32_epi32(ids, third0), 0x49);
    __m256i r1 = _mm256_blend_epi32(zero, _mm256_permutevar8x32_epi32(ids, third1), 0x92);
    __m256i r2 = _mm256_blend_epi32(zero, _mm256_permutevar8x32_epi32(ids, third2), 0x24);
    r0 = _mm256_blend_epi32(r0, _mm256_permutevar8x32_epi32(x, third0), 0x92);
    r1 = _mm256_blend_epi32(r1, _mm256_permutevar8x32_epi32(x, third1), 0x24);
    r2 = _mm256_blend_epi32(r2, _mm256_permutevar8x32_epi32(x, third2), 0x49);
    _mm256_storeu_si256((__m256i *)(void *)out, r0);
    _mm256_storeu_si256((__m256i *)(void *)(out + 8), r1);
    _mm256_storeu_si256((__m256i *)(void *)(out + 16), r2);
}
VFN vi vi_add(vi a, vi b) {
    return _mm256_add_epi32(a, b);
}
VFN void vi_store(int32_t *p, vi a) {
    _mm256_storeu_si256((__m256i *)(void *)p, a);
}
VFN vi vi_count_ge(vi n, vf a, vf b) {
    return _mm256_sub_epi32(n, _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_GE_OQ)));
}
VFN vi vi_sub(vi a, vi b) {
    return _mm256_sub_epi32(a, b);
}
VFN vi vi_shl(vi a, int n) {
    return _mm256_slli_epi32(a, n);
}
VFN vi v_exp2_table(vi t) {
    static const int32_t table[8] = EXP2_TABLE;
    return _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i *)(const void *)table), t);
}
VFN vi vi_sra(vi a, int n) {
    return _mm256_srai_epi32(a, n);
}
VFN vf v_from_int(vi a) {
    return _mm256_cvtepi32_ps(a);
}
VFN vf v_where_gt(vf a, vf b, vf yes, vf no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
VFN vf v_keep_ge(vf a, vf b, vf x) {
    return _mm256_and_ps(x, _mm256_cmp_ps(a, b, _CMP_GE_OQ));
}
VFN unsigned v_mask_ge(vf a, vf b) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ));
}
VFN unsigned v_mask_in(vf a, vf low, vf high) {
    return (unsigned)_mm256_movemask_ps(
        _mm256_and_ps(_mm256_cmp_ps(a, low, _CMP_GE_OQ), _mm256_cmp_ps(a, high, _CMP_LT_OQ)));
}
VFN unsigned v_mask_gt(vf a, vf b) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
VFN unsigned v_mask_nan(vf a) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
VFN int v_count(unsigned mask) {
    return __builtin_popcount(mask);
}

/* For each mask of 8 bits: the positions of the bits that are set, four bits each, lowest first. 1
 * KB. pdep and pext would need no table, but are slow on Zen 1 and 2. */
static const uint32_t avx2_compress_lut[256] = {
    /* clang-format off */
    0x00000000, 0x00000000, 0x00000001, 0x00000010, 0x00000002, 0x00000020, 0x00000021,
    0x00000210, 0x00000003, 0x00000030, 0x00000031, 0x00000310, 0x00000032, 0x00000320,
    0x00000321, 0x00003210, 0x00000004, 0x00000040, 0x00000041, 0x00000410, 0x00000042,
    0x00000420, 0x00000421, 0x00004210, 0x00000043, 0x00000430, 0x00000431, 0x00004310,
    0x00000432, 0x00004320, 0x00004321, 0x00043210, 0x00000005, 0x00000050, 0x00000051,
    0x00000510, 0x00000052, 0x00000520, 0x00000521, 0x00005210, 0x00000053, 0x00000530,
    0x00000531, 0x00005310, 0x00000532, 0x00005320, 0x00005321, 0x00053210, 0x00000054,
    0x00000540, 0x00000541, 0x00005410, 0x00000542, 0x00005420, 0x00005421, 0x00054210,
    0x00000543, 0x00005430, 0x00005431, 0x00054310, 0x00005432, 0x00054320, 0x00054321,
    0x00543210, 0x00000006, 0x00000060, 0x00000061, 0x00000610, 0x00000062, 0x00000620,
    0x00000621, 0x00006210, 0x00000063, 0x00000630, 0x00000631, 0x00006310, 0x00000632,
    0x00006320, 0x00006321, 0x00063210, 0x00000064, 0x00000640, 0x00000641, 0x00006410,
    0x00000642, 0x00006420, 0x00006421, 0x00064210, 0x00000643, 0x00006430, 0x00006431,
    0x00064310, 0x00006432, 0x00064320, 0x00064321, 0x00643210, 0x00000065, 0x00000650,
    0x00000651, 0x00006510, 0x00000652, 0x00006520, 0x00006521, 0x00065210, 0x00000653,
    0x00006530, 0x00006531, 0x00065310, 0x00006532, 0x00065320, 0x00065321, 0x00653210,
    0x00000654, 0x00006540, 0x00006541, 0x00065410, 0x00006542, 0x00065420, 0x00065421,
    0x00654210, 0x00006543, 0x00065430, 0x00065431, 0x00654310, 0x00065432, 0x00654320,
    0x00654321, 0x06543210, 0x00000007, 0x00000070, 0x00000071, 0x00000710, 0x00000072,
    0x00000720, 0x00000721, 0x00007210, 0x00000073, 0x00000730, 0x00000731, 0x00007310,
    0x00000732, 0x00007320, 0x00007321, 0x00073210, 0x00000074, 0x00000740, 0x00000741,
    0x00007410, 0x00000742, 0x00007420, 0x00007421, 0x00074210, 0x00000743, 0x00007430,
    0x00007431, 0x00074310, 0x00007432, 0x00074320, 0x00074321, 0x00743210, 0x00000075,
    0x00000750, 0x00000751, 0x00007510, 0x00000752, 0x00007520, 0x00007521, 0x00075210,
    0x00000753, 0x00007530, 0x00007531, 0x00075310, 0x00007532, 0x00075320, 0x00075321,
    0x00753210, 0x00000754, 0x00007540, 0x00007541, 0x00075410, 0x00007542, 0x00075420,
    0x00075421, 0x00754210, 0x00007543, 0x00075430, 0x00075431, 0x00754310, 0x00075432,
    0x00754320, 0x00754321, 0x07543210, 0x00000076, 0x00000760, 0x00000761, 0x00007610,
    0x00000762, 0x00007620, 0x00007621, 0x00076210, 0x00000763, 0x00007630, 0x00007631,
    0x00076310, 0x00007632, 0x00076320, 0x00076321, 0x00763210, 0x00000764, 0x00007640,
    0x00007641, 0x00076410, 0x00007642, 0x00076420, 0x00076421, 0x00764210, 0x00007643,
    0x00076430, 0x00076431, 0x00764310, 0x00076432, 0x00764320, 0x00764321, 0x07643210,
    0x00000765, 0x00007650, 0x00007651, 0x00076510, 0x00007652, 0x00076520, 0x00076521,
    0x00765210, 0x00007653, 0x00076530, 0x00076531, 0x00765310, 0x00076532, 0x00765320,
    0x00765321, 0x07653210, 0x00007654, 0x00076540, 0x00076541, 0x00765410, 0x00076542,
    0x00765420, 0x00765421, 0x07654210, 0x00076543, 0x00765430, 0x00765431, 0x07654310,
    0x00765432, 0x07654320, 0x07654321, 0x76543210,
    /* clang-format on */
};

VFN int32_t v_compress(unsigned mask, int32_t first_id, vf x, int32_t *ids, float *logits) {
    const __m256i nibbles = _mm256_set1_epi32((int)avx2_compress_lut[mask]);
    const __m256i order =
        _mm256_srlv_epi32(nibbles, _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    const __m256i lane = _mm256_and_si256(order, _mm256_set1_epi32(7));
    _mm256_storeu_ps(logits, _mm256_permutevar8x32_ps(x, lane));
    _mm256_storeu_si256((__m256i *)(void *)ids,
                        _mm256_add_epi32(lane, _mm256_set1_epi32(first_id)));
    return __builtin_popcount(mask);
}

/* 32 elements in order. */
VFN void v_load32_f32(const char *p, vf *v) {
    for (int i = 0; i < 32; i += VWIDTH) v[i / VWIDTH] = v_load_f32(p + (size_t)4 * (size_t)i);
}
VFN void v_load32_f16(const char *p, vf *v) {
    for (int i = 0; i < 32; i += VWIDTH) v[i / VWIDTH] = v_load_f16(p + (size_t)2 * (size_t)i);
}
/* Elements 0, 2, ... 14; 1, 3, ... 15; 16, 18, ...; 17, 19, ..., which need no shuffle. */
VFN void v_load32_bf16(const char *p, vf *v) {
    for (int i = 0; i < 2; i++, p += 32) {
        const __m256i pairs = _mm256_loadu_si256((const __m256i *)(const void *)p);
        v[2 * i] = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
        v[2 * i + 1] =
            _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xffff0000u)));
    }
}
VFN vf v_allow_at(vf x, unsigned bits, vi selects) {
    const __m256i m = _mm256_and_si256(_mm256_set1_epi32((int)bits), selects);
    return _mm256_blendv_ps(_mm256_set1_ps(-__builtin_inff()), x,
                            _mm256_castsi256_ps(_mm256_cmpeq_epi32(m, selects)));
}
VFN vf v_allow(vf x, unsigned bits) {
    return v_allow_at(x, bits, _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128));
}
VFN void v_allow32_seq(vf *v, uint32_t bits) {
    vi selects = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    for (int i = 0; i < 4; i++, selects = _mm256_slli_epi32(selects, 8))
        v[i] = v_allow_at(v[i], bits, selects);
}
VFN void v_allow32_pair(vf *v, uint32_t bits) {
    const vi even = _mm256_setr_epi32(1, 1 << 2, 1 << 4, 1 << 6, 1 << 8, 1 << 10, 1 << 12, 1 << 14);
    for (int i = 0; i < 4; i++)
        v[i] = v_allow_at(v[i], bits, _mm256_slli_epi32(even, i / 2 * 16 + i % 2));
}
VFN v8 v_fold32_seq(const vf *v) {
    return _mm256_add_ps(_mm256_add_ps(v[0], v[1]), _mm256_add_ps(v[2], v[3]));
}
VFN v8 v_fold32_pair(const vf *v) {
    return v_fold32_seq(v);
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
