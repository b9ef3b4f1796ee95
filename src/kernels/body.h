/*
 * body.h: the loops that do not depend on a row's dtype, and the element-wise functions that all
 * loops use, written in the operations of vec_<isa>.h. A table_<isa>.c includes it once, then
 * row_body.h once for each dtype.
 */
#include "kernels.h"

/* Long functions, which every use has in line, unless the vocabulary calls them instead. */
#ifndef VBIG
#define VBIG VFN
#endif
/* Before an outer loop that is not to be unrolled. */
#ifndef VLOOP
#define VLOOP
#endif
/* Before a loop of counts: unrolled, gcc adds them up as a tree and runs out of registers. */
#ifdef __clang__
#define VROLLED _Pragma("clang loop unroll(disable)")
#else
#define VROLLED _Pragma("GCC unroll 1")
#endif

/* 1.5 * 2^23. Adding it rounds a float of magnitude below 2^22 to an integer, in the low bits. */
#define ROUND_MAGIC      12582912.0f
#define ROUND_MAGIC_BITS 0x4b400000

/* 8 log2(e) in two floats: with these e(x) is exp(x - ref). */
#define EXP_C_HI 0x1.715476p+3f
#define EXP_C_LO 0x1.4ae0cp-23f

/* The least element. */
VFN float v_hmin(vf v) {
    float lane[VWIDTH];
    v_store(lane, v);
    for (int i = 1; i < VWIDTH; i++) lane[0] = lane[i] < lane[0] ? lane[i] : lane[0];
    return lane[0];
}

/* The sum of the elements. */
VFN int64_t vi_total(vi n) {
    int32_t lane[VWIDTH];
    vi_store(lane, n);
    int64_t total = 0;
    for (int i = 0; i < VWIDTH; i++) total += lane[i];
    return total;
}

/* 2^(f/8) - 1 */
VFN vf v_exp2_fraction(vf f) {
    vf q = v_fma(v_set(0x1.c690ba0000000p-14f), f, v_set(0x1.ec0c4a0000000p-9f));
    q = v_fma(q, f, v_set(0x1.62e4320000000p-4f));
    return v_mul(q, f);
}

/* e(d + ref) of kernels.h for d = x - ref <= 0 (or slightly above). */
VBIG vf v_shifted_exp(vf d, const exp_params *p) {
    d = v_max(d, v_set(p->floor));
    const vf t = v_fma(d, v_set(p->c_hi), v_set(ROUND_MAGIC));
    const vf minus_t = v_sub(v_set(ROUND_MAGIC), t);
    const vf f = v_fma(d, v_set(p->c_lo), v_fma(d, v_set(p->c_hi), minus_t));
    /* The low bits of t are those of T. At the floor T is -127 * 8, and the power is exactly 0. */
    const vf power = v_float(vi_add(v_exp2_table(v_bits(t)), vi_shl(v_bits(t), 20)));
    return v_fma(v_exp2_fraction(f), power, power);
}

/* exp over the whole float range: subnormal results, 0, +inf and NaN included. */
VBIG vf v_exp(vf x) {
    /* Beyond these exp is 0 or +inf. NaN is handled at the end. */
    const vf clamped = v_min(v_max(x, v_set(-104.0f)), v_set(89.0f));
    const vf t = v_fma(clamped, v_set(EXP_C_HI), v_set(ROUND_MAGIC));
    const vf minus_t = v_sub(v_set(ROUND_MAGIC), t);
    const vf f = v_fma(clamped, v_set(EXP_C_LO), v_fma(clamped, v_set(EXP_C_HI), minus_t));
    /* T is -1201 to 1028. The power is 2^(T mod 8 / 8) times 2^(T div 8), which is two factors. */
    const vi whole = vi_sra(vi_sub(v_bits(t), vi_set(ROUND_MAGIC_BITS)), 3);
    const vi octave = vi_shl(vi_sub(v_bits(t), vi_shl(whole, 3)), 20);
    const vf root = v_float(vi_add(v_exp2_table(v_bits(t)), octave));
    const vf y = v_fma(v_exp2_fraction(f), root, root);
    const vi half = vi_sra(whole, 1);
    const vf s0 = v_float(vi_shl(vi_add(half, vi_set(127)), 23));
    const vf s1 = v_float(vi_shl(vi_add(vi_sub(whole, half), vi_set(127)), 23));
    const vf r = v_mul(v_mul(y, s0), s1);
    /* x > -3e38 is false for -inf, which gives 0, and for NaN, which stays NaN. */
    return v_where_gt(x, v_set(-3e38f), r, v_where_gt(v_set(-2.9e38f), x, v_set(0.0f), x));
}

/*
 * log over the whole float range. x = 2^k m with m in [sqrt(1/2), sqrt(2)). With f = m - 1 and
 * s = f / (2 + f), log m = 2 s + 2 s^3 / 3 + ..., which is computed, as in fdlibm, as
 * f - (f^2/2 - s (f^2/2 + R)).
 */
VBIG vf v_log(vf x) {
    const vf tiny = v_set(0x1p-126f);
    const vf scaled = v_where_gt(tiny, x, v_mul(x, v_set(0x1p23f)), x);
    const vf k_offset = v_where_gt(tiny, x, v_set(-23.0f), v_set(0.0f));
    /* 0x3f3504f3 is sqrt(1/2); k is the exponent of x relative to it. */
    const vi bits = v_bits(scaled);
    const vi k = vi_sra(vi_sub(bits, vi_set(0x3f3504f3)), 23);
    const vf m = v_float(vi_sub(bits, vi_shl(k, 23)));
    const vf kf = v_add(v_from_int(k), k_offset);
    const vf f = v_sub(m, v_set(1.0f));
    const vf s = v_div(f, v_add(v_set(2.0f), f));
    const vf z = v_mul(s, s);
    vf r = v_fma(v_set(0.24279078841f), z, v_set(0.28498786688f));
    r = v_fma(r, z, v_set(0.40000972152f));
    r = v_fma(r, z, v_set(0.66666662693f));
    r = v_mul(r, z);
    const vf half_ff = v_mul(v_mul(v_set(0.5f), f), f);
    /* k ln2_hi - ((half_ff - (s (half_ff + r) + k ln2_lo)) - f) */
    const vf lo = v_fma(kf, v_set(9.0580006145e-06f), v_mul(s, v_add(half_ff, r)));
    const vf part = v_sub(v_sub(half_ff, lo), f);
    const vf y = v_fma(kf, v_set(6.9313812256e-01f), v_sub(v_set(0.0f), part));
    const vf inf = v_set(__builtin_inff());
    const vf nan = v_set(__builtin_nanf(""));
    /* For x not in 0 < x < inf: inf and NaN stay, 0 gives -inf, a negative x NaN. */
    const vf special = v_where_gt(
        x, v_set(0.0f), x,
        v_where_gt(v_set(0.0f), x, nan, v_where_gt(v_set(1.0f), x, v_sub(v_set(0.0f), inf), x)));
    return v_where_gt(x, v_set(0.0f), v_where_gt(inf, x, y, special), special);
}

/* Minus the distance of the adaptive logit from its peak, for e = e(x) (see adapt_params). */
VBIG vf v_adapt_drop(vf e, const adapt_params *p) {
    const vf prob = v_mul(e, v_set(p->inv_sum));
    const vf d = v_mul(v_abs(v_sub(prob, v_set(p->target))), v_set(p->inv_width));
    const vf drop = v_div(v_mul(d, d), v_add(v_set(1.0f), d));
    return v_mul(v_set(-p->sharpness), drop);
}

/* Evaluates EXPR on each full vector of an array, and on a padded copy of the rest. */
#define FOR_ARRAY(EXPR)                                                                            \
    do {                                                                                           \
        size_t i = 0;                                                                              \
        for (; i + VWIDTH <= n; i += VWIDTH) {                                                     \
            const vf v = v_load_f32(x + i);                                                        \
            v_store(out + i, (EXPR));                                                              \
        }                                                                                          \
        if (i < n) {                                                                               \
            float pad[VWIDTH] = {0};                                                               \
            memcpy(pad, x + i, (n - i) * sizeof *x);                                               \
            const vf v = v_load_f32(pad);                                                          \
            v_store(pad, (EXPR));                                                                  \
            memcpy(out + i, pad, (n - i) * sizeof *out);                                           \
        }                                                                                          \
    } while (0)

VATTR static void array_shifted_exp(const float *x, size_t n, const exp_params *p, float *out) {
    FOR_ARRAY(v_shifted_exp(v_sub(v, v_set(p->ref)), p));
}

VATTR static void array_exp(const float *x, size_t n, float *out) {
    FOR_ARRAY(v_exp(v));
}

VATTR static void array_log(const float *x, size_t n, float *out) {
    FOR_ARRAY(v_log(v));
}

VATTR static void array_scale(const float *x, size_t n, float factor, float *out) {
    FOR_ARRAY(v_mul(v, v_set(factor)));
}

VATTR static void array_max16(const float *x, size_t n, float *out) {
    for (size_t i = 0; i < n; i++, x += 16) {
        vf m = v_load_f32(x);
        for (int o = VWIDTH; o < 16; o += VWIDTH) m = v_max(v_load_f32(x + o), m);
        out[i] = v_hmax(m);
    }
}

VATTR static void array_token_fill(const float *x, size_t n, int32_t first_id, int32_t *out) {
    size_t i = 0;
    for (; i + VWIDTH <= n; i += VWIDTH) {
        v_store_tokens(out + 3 * i, vi_add(vi_iota(), vi_set(first_id + (int32_t)i)),
                       v_load_f32(x + i));
    }
    for (; i < n; i++) {
        out[3 * i] = first_id + (int32_t)i;
        memcpy(&out[3 * i + 1], &x[i], sizeof *x);
        out[3 * i + 2] = 0;
    }
}

VATTR static void array_adapt(const float *x, size_t n, const adapt_params *p, float peak,
                              float *out) {
    FOR_ARRAY(v_where_gt(
        v, v_set(-__builtin_inff()),
        v_add(v_set(peak), v_adapt_drop(v_shifted_exp(v_sub(v, v_set(p->e.ref)), &p->e), p)), v));
}

/* top + d^2 (cube * d - square) for x above -inf. Each step rounds towards no other order: if square
 * and cube are not negative, a greater x never gives less. */
VBIG vf v_bend(vf x, const bend_params *p) {
    /* Squared, a lower d would leave float's range. */
    const vf d = v_max(v_mul(v_sub(x, v_set(p->ref)), v_set(p->scale)), v_set(-1e19f));
    const vf slope = v_fma(v_set(p->cube), d, v_set(-p->square));
    const vf y = v_fma(v_mul(d, d), slope, v_set(p->top));
    return v_min(v_max(y, v_set(-__FLT_MAX__)), v_set(__FLT_MAX__));
}

VFN void bend_any(const float *x, size_t n, const bend_params *p, float *out) {
    FOR_ARRAY(v_where_gt(v, v_set(-__builtin_inff()), v_bend(v, p), v));
}

/* Bends a group without a cube, by a square that cannot take a moderate d out of float's range:
 * v_bend without what is then idle. False, with nothing written, if a d is not moderate. */
VFN bool bend_square(const float *x, const bend_params *p, bool scaled, float *out) {
    vf y[GROUP / VWIDTH], check = v_set(0.0f);
    for (int i = 0; i < GROUP / VWIDTH; i++) {
        vf d = v_sub(v_load_f32(x + i * VWIDTH), v_set(p->ref));
        if (scaled) d = v_mul(d, v_set(p->scale));
        const vf dd = v_mul(d, d);
        check = v_fma(dd, v_set(3.41f), check); /* infinite if d < -1e19 */
        y[i] = v_fma(dd, v_set(-p->square), v_set(p->top));
    }
    if (v_mask_nan(v_mul(check, v_set(0.0f)))) return false;
    for (int i = 0; i < GROUP / VWIDTH; i++) v_store(out + i * VWIDTH, y[i]);
    return true;
}

VATTR static void array_bend(const float *x, size_t n, const bend_params *params, float *out) {
    const bend_params p = *params; /* which a store to out might change */
    const bool square =
        p.cube == 0.0f && p.square >= 0.0f && p.square <= 1.0f && p.top <= 1e37f && p.top >= -1e37f;
    for (; square && n >= GROUP; n -= GROUP, x += GROUP, out += GROUP) {
        const bool done =
            p.scale == 1.0f ? bend_square(x, &p, false, out) : bend_square(x, &p, true, out);
        if (!done) bend_any(x, GROUP, &p, out);
    }
    bend_any(x, n, &p, out);
}

/* What widen_mix makes of finite logits; plain: own is 1 and shift 0, so that one operation less is
 * needed. */
VBIG vf v_mix(vf x, vf y, const mix_params *p, bool plain) {
    const vf base = plain ? x : v_fma(v_set(p->own), x, v_set(-p->shift));
    return v_fma(v_set(p->weight), v_sub(x, y), base);
}

/* Mixes a group in which something is not finite (widen_mix). */
VFN void mix_hostile(const float *x, const float *y, const mix_params *p, float *out) {
    const vf dead = v_set(-__builtin_inff()), most = v_set(__FLT_MAX__);
    const vf nan = v_set(__builtin_nanf(""));
    for (int o = 0; o < GROUP; o += VWIDTH) {
        const vf c = v_load_f32(x + o), u = v_load_f32(y + o);
        vf v = v_fma(v_set(p->own), c, v_set(-p->shift));
        v = v_fma(v_set(p->weight), v_sub(c, u), v);
        v = v_min(v_max(v, v_set(-__FLT_MAX__)), most);
        v = v_where_gt(c, most, c, v);
        v = v_where_gt(u, dead, v_where_gt(u, most, nan, v), u);
        v_store(out + o, v_where_gt(c, dead, v, c));
    }
}

/* So that gcc computes both sides of a condition, and has a vector of each. The library's exceptions
 * are nobody's (fpenv.h). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("no-trapping-math")
#endif

/* x * repeat, or, if x is positive, x / repeat. With 1 / repeat rounded, one correction of the product
 * gives the rounded quotient: as repeat is a float, x / repeat is further from the middle of two
 * doubles than the error that is left (Markstein, "Computation of elementary functions on the IBM
 * RISC System/6000 processor", 1990). Not for +inf. */
static inline VATTR double repeated(double x, double repeat, double inverse) {
#ifdef V_FUSES
    const double y = x * (x > 0.0 ? inverse : repeat);
    const double corrected = __builtin_fma(__builtin_fma(-repeat, y, x), inverse, y);
    return x > 0.0 ? corrected : y;
#else
    const double times = x * repeat, over = x / repeat;
    (void)inverse;
    return x > 0.0 ? over : times;
#endif
}

static inline VATTR float penalised(float x, int32_t count, const penalty_params *p, double inverse,
                                    bool repeats) {
    const double scaled = repeats ? repeated((double)x, (double)p->repeat, inverse) : (double)x;
    const float y = (float)(scaled - ((double)count * (double)p->freq + (double)p->present));
    return count > 0 && __builtin_fabsf(x) < __builtin_inff() ? y : x;
}

VATTR static void penalise_counts(float *restrict x, const int32_t *restrict counts, size_t n,
                                  const penalty_params *p) {
    const double inverse = 1.0 / (double)p->repeat;
    if (p->repeat == 1.0f)
        for (size_t i = 0; i < n; i++) x[i] = penalised(x[i], counts[i], p, inverse, false);
    else
        for (size_t i = 0; i < n; i++) x[i] = penalised(x[i], counts[i], p, inverse, true);
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

/* Only the repeat penalty: a product and a quotient of two floats, rounded to double and then to
 * float, are those rounded to float at once. */
VFN vf v_repeated(vf x, vf repeat) {
    return v_where_gt(x, v_set(0.0f), v_div(x, repeat), v_mul(x, repeat));
}

VFN void penalise_repeat(float *x, const int32_t *counts, size_t n, const penalty_params *p) {
    const vf repeat = v_set(p->repeat), zero = v_set(0.0f);
    for (size_t i = 0; i < n; i += VWIDTH) {
        const vf v = v_load_f32(x + i), count = v_from_int(v_bits(v_load_f32(counts + i)));
        v_store(x + i, v_where_gt(count, zero, v_repeated(v, repeat), v));
    }
}

/* Whether any of COUNTS_AT_ONCE counts is above 0. */
enum { COUNTS_AT_ONCE = 16 };
VFN bool is_any_counted(const int32_t *counts) {
    unsigned any = 0;
    for (int i = 0; i < COUNTS_AT_ONCE; i += VWIDTH)
        any |= v_mask_gt(v_from_int(v_bits(v_load_f32(counts + i))), v_set(0.0f));
    return any;
}

VATTR static void array_penalise(float *x, const int32_t *counts, size_t n,
                                 const penalty_params *params) {
    const penalty_params p = *params;
    const size_t whole = n - n % COUNTS_AT_ONCE;
    for (size_t i = 0, end; i < whole; i = end) {
        for (end = i; end < whole && is_any_counted(counts + end);) end += COUNTS_AT_ONCE;
        if (end == i)
            end += COUNTS_AT_ONCE;
        else if (p.freq == 0.0f && p.present == 0.0f)
            penalise_repeat(x + i, counts + i, end - i, &p);
        else
            penalise_counts(x + i, counts + i, end - i, &p);
    }
    penalise_counts(x + whole, counts + whole, n - whole, &p);
}

VATTR static void array_rank(const float *x, size_t n, int32_t *out) {
    enum { SIDE = 4 }; /* vectors that are compared with a value at once */
    for (size_t i = 0; i < n; i += (size_t)SIDE * VWIDTH) {
        vf v[SIDE];
        vi at_most[SIDE];
        for (int k = 0; k < SIDE; k++) {
            v[k] = v_load_f32(x + i + k * VWIDTH);
            at_most[k] = vi_set(0);
        }
        for (size_t j = 0; j < n; j++) {
            const vf other = v_set(x[j]);
            for (int k = 0; k < SIDE; k++) at_most[k] = vi_count_ge(at_most[k], v[k], other);
        }
        for (int k = 0; k < SIDE; k++)
            vi_store(out + i + k * VWIDTH, vi_sub(vi_set((int32_t)n), at_most[k]));
    }
}

#define ARRAY_ENTRY(type, name, parameters) .name = array_##name,
#define ARRAY_TABLE                                                                                \
    { ARRAY_KERNELS(ARRAY_ENTRY) }
