/*
 * numeric.h: keys, weights and random numbers.
 *
 * Key. A logit and its id in one integer, so that a larger key is the better candidate: the logit's
 * bits, made to order as integers, above the complement of the id. Ties fall to the lower id, keys
 * are distinct, and -0 equals +0. NaN becomes the largest of all keys, so that the maximum of a row
 * shows whether it holds one.
 *
 * Weight. exp((logit - maximum) / temperature) as a fixed-point number with MASS_BITS fractional
 * bits. Sums of integers do not depend on their order, so neither partition nor atomics can change
 * a result, and a row of 2^20 tokens cannot overflow. What rounds is the exponential alone (2^-26,
 * relative) and the last bit (2^-43 of the most likely token).
 *
 * Random numbers are Philox4x32-10 (Salmon et al., SC 2011), as pluck.h defines PLUCK_RNG_PHILOX.
 */
#ifndef PLK_NUMERIC_H
#define PLK_NUMERIC_H

#define MASS_BITS 42

#define ORDERED_NAN      0xFFFFFFFFu
#define ORDERED_POS_INF  0xFF800000u
#define ORDERED_NEG_INF  0x007FFFFFu
#define NEG_INF          bits_float(0xFF800000u)
#define ID_MASK          ((u32)PLK_MAX_VOCAB - 1u)
#define FIRST_KEY(order) ((u64)(order) << PLK_ID_BITS) /* the smallest key of a logit */

FN u32 ordered_from_float(float x) {
    const u32 bits = float_bits(x + 0.0f);
    if (x != x) return ORDERED_NAN;
    return (bits >> 31) ? ~bits : bits | 0x80000000u;
}

FN float float_from_ordered(u32 order) {
    return bits_float((order >> 31) ? order & 0x7FFFFFFFu : ~order);
}

FN u64 make_key(u32 order, u32 id) {
    return FIRST_KEY(order) | (ID_MASK - id);
}

FN u32 key_ordered(u64 key) {
    return (u32)(key >> PLK_ID_BITS);
}

FN u32 key_id(u64 key) {
    return ID_MASK - ((u32)key & ID_MASK);
}

FN float key_logit(u64 key) {
    return float_from_ordered(key_ordered(key));
}

/*
 * The smallest key of a logit >= maximum + below * 2^(field - 127), and above -inf. Exact: the sum
 * is sum.hi + rest, with a rest of at most half a unit in the last place, of which the sign counts.
 */
FN u64 key_at_least(float maximum, plk_triple below, u32 field) {
    const plk_pair first = two_sum(maximum * scale_down(field), below.hi);
    plk_pair sum, second, rest;
    float logit, back;
    u32 order;
    if (!is_finite(first.hi))
        return FIRST_KEY(first.hi > 0.0f ? ORDERED_POS_INF : ORDERED_NEG_INF + 1u);
    second = two_sum(first.lo, below.mid);
    sum = two_sum(first.hi, second.hi);
    if (!is_finite(sum.hi)) return FIRST_KEY(ORDERED_NEG_INF + 1u);
    second = two_sum(second.lo, below.lo);
    rest = two_sum(sum.lo, second.hi);
    if (rest.hi == 0.0f) rest.hi = second.lo;
    logit = sum.hi * scale_up(field); /* rounded if it is subnormal or overflows */
    back = logit * scale_down(field);
    order = ordered_from_float(logit);
    if (back < sum.hi || (back == sum.hi && rest.hi > 0.0f)) order += 1u;
    return FIRST_KEY(order);
}

/* Of a logit >= maximum - distance. */
FN u64 key_within(float maximum, float distance) {
    plk_triple below;
    below.hi = -distance;
    below.mid = below.lo = 0.0f;
    return key_at_least(maximum, below, FIELD_ONE);
}

/* Of a logit >= maximum - n * deviation. */
FN u64 key_within_deviations(float maximum, float n, plk_deviation deviation) {
    const plk_pair distance = pair_multiply_float(deviation.value, n);
    plk_triple below;
    below.hi = -distance.hi;
    below.mid = -distance.lo;
    below.lo = 0.0f;
    return key_at_least(maximum, below, deviation.field);
}

#ifndef PLK_HAS_HALF_AND_MAX_NAN /* CUDA has instructions for both */
FN float float_from_half(u32 h) {
    const u32 exponent = (h >> 10) & 31u, mantissa = h & 0x3FFu;
    const u32 sign = (h & 0x8000u) << 16;
    float magnitude;
    if (exponent == 0u)
        magnitude = (float)(i32)mantissa * 5.9604644775390625e-8f; /* 2^-24 */
    else
        magnitude = bits_float(exponent == 31u ? 0x7F800000u | (mantissa << 13)
                                               : ((exponent + 112u) << 23) | (mantissa << 13));
    return bits_float(float_bits(magnitude) | sign);
}

FN float max_nan(float a, float b) {
    return a > b || a != a ? a : b;
}
#endif

/*
 * exp((x - maximum) / temperature), x <= maximum, as 2^whole * (1 + part). The difference is exact
 * (Knuth's two-sum); its product with rate is split into an integer and f in [-1/2, 1/2]; 2^f - 1
 * is a Taylor polynomial of degree 7, off by 6e-9 at most. `part` means nothing if whole is
 * below -80000 or NaN.
 */
typedef struct plk_power {
    float whole;
    i32 exponent;   /* whole as an integer, if it is above -80000 */
    float fraction; /* the power's logarithm is whole + fraction */
    float part;
} plk_power;

#define TO_INTEGER 12582912.0f /* 1.5 * 2^23: added to a float below 2^22, it rounds it */

FN plk_power power_of(float x, float maximum, plk_rate rate) {
    const float d = x - maximum;
    const float back = d - x;
    const float rest = (x - (d - back)) + (-maximum - back);
    const float product = d * rate.hi;
    const float rounded = product + TO_INTEGER;
    plk_power result;
    float f, p;
    result.whole = rounded - TO_INTEGER;
    result.exponent = (i32)(float_bits(rounded) - float_bits(TO_INTEGER));
    f = fma_f32(d, rate.hi, -result.whole);
    f = fma_f32(d, rate.lo, f);
    f = fma_f32(rest, rate.hi, f);
    p = 1.52527338e-5f;
    p = fma_f32(p, f, 1.54035304e-4f);
    p = fma_f32(p, f, 1.33335581e-3f);
    p = fma_f32(p, f, 9.61812911e-3f);
    p = fma_f32(p, f, 5.55041087e-2f);
    p = fma_f32(p, f, 2.40226507e-1f);
    p = fma_f32(p, f, 6.93147181e-1f);
    result.fraction = f;
    result.part = p * f;
    return result;
}

/* A mantissa with 30 fractional bits, times 2^shift, shift < 0, rounded. */
FN u32 shifted_down(u32 mantissa, i32 shift) {
    const u32 down = (0u - (u32)shift) & 31u;
    return (mantissa + ((1u << down) >> 1)) >> down;
}

/* Both have no branches, so that a lane's weights are computed side by side. */
FN u64 weight(float x, float maximum, plk_rate rate) {
    const plk_power e = power_of(x, maximum, rate);
    const u32 mantissa = (u32)round_f32(e.part * 1073741824.0f) + 1073741824u;
    const i32 shift = e.exponent + MASS_BITS - 30;
    const u64 w = shift < 0 ? shifted_down(mantissa, shift)
                            : (u64)mantissa << (shift > 0 ? (u32)shift & 31u : 0u);
    if (x == maximum) return (u64)1 << MASS_BITS;
    return e.whole >= (float)(-1 - MASS_BITS) ? w : 0; /* also if x is -inf */
}

/* The same where it is below 2^-12, which 32 bits suffice for: if has_small_weight(x) holds. */
FN u32 small_weight(float x, float maximum, plk_rate rate) {
    const plk_power e = power_of(x, maximum, rate);
    const u32 mantissa = (u32)round_f32(e.part * 1073741824.0f) + 1073741824u;
    const u32 w = shifted_down(mantissa, e.exponent + MASS_BITS - 30);
    return e.whole >= (float)(-1 - MASS_BITS) ? w : 0;
}

/* The square of the weight. */
FN u64 squared_weight(float x, float maximum, plk_rate rate) {
    const plk_power e = power_of(x, maximum, rate);
    const u32 mantissa = (u32)round_f32(e.part * 1073741824.0f) + 1073741824u;
    const u32 square = (u32)(((u64)mantissa * mantissa) >> 30);
    const i32 shift = (i32)(2u * (u32)e.exponent + MASS_BITS - 30u);
    const u64 w = shift < 0 ? shifted_down(square, shift)
                            : (u64)square << (shift > 0 ? (u32)shift & 31u : 0u);
    if (x == maximum) return (u64)1 << MASS_BITS;
    return e.whole >= (float)(-1 - MASS_BITS) / 2.0f ? w : 0;
}

/* The weight times its base-2 logarithm, negated. From the unrounded weight, so that many small
 * ones add up to the right entropy; the logarithm is rounded to 22 fractional bits. */
FN u64 weighted_distance(float x, float maximum, plk_rate rate) {
    const plk_power e = power_of(x, maximum, rate);
    const u32 mantissa = (u32)round_f32(e.part * 1073741824.0f) + 1073741824u;
    const u32 distance = (u32)round_f32(e.fraction * -4194304.0f) - ((u32)e.exponent << 22);
    const u32 shift = (22u + 30u - MASS_BITS - (u32)e.exponent) & 63u;
    const u64 product = (u64)mantissa * distance;
    if (x == maximum) return 0;
    return e.whole >= (float)(-1 - MASS_BITS) ? (product + (((u64)1 << shift) >> 1)) >> shift : 0;
}

FN i32 has_small_weight(float x, float maximum, plk_rate rate) {
    return power_of(x, maximum, rate).whole < (float)(30 - MASS_BITS);
}

/* The upper half of the 128-bit product. */
FN u64 high_product(u64 a, u64 b) {
    const u64 a_lo = (u32)a, a_hi = a >> 32, b_lo = (u32)b, b_hi = b >> 32;
    const u64 middle = a_hi * b_lo + ((a_lo * b_lo) >> 32);
    const u64 other = a_lo * b_hi + (u32)middle;
    return a_hi * b_hi + (middle >> 32) + (other >> 32);
}

/* mass * exp((x - maximum) / temperature), rounded down. */
FN u64 scaled_mass(u64 mass, float x, float maximum, plk_rate rate) {
    const plk_power e = power_of(x, maximum, rate);
    u64 mantissa, low, high;
    i32 shift;
    if (x == maximum) return mass;
    if (!(e.whole > -80.0f)) return 0;
    mantissa = (u64)(u32)(round_f32(e.part * 1073741824.0f) + 1073741824);
    low = mass * mantissa;
    high = high_product(mass, mantissa);
    shift = 30 - e.exponent;
    if (shift >= 64) return high >> (shift - 64);
    return (high << (64 - shift)) | (low >> shift);
}

/* share * exp((x - maximum) / temperature), rounded once; right for subnormal results, too, even on
 * devices that compute without them. */
FN float share_times_power(plk_pair share, float x, float maximum, plk_rate rate) {
    const plk_power e = power_of(x, maximum, rate);
    u32 bits, mantissa;
    i32 field;
    if (x == maximum) return share.hi;
    if (!(e.whole > -200.0f)) return 0.0f;
    bits = float_bits(share.hi + fma_f32(share.hi, e.part, share.lo));
    field = (i32)(bits >> 23) + e.exponent;
    if (field > 0) return bits_float(bits + ((u32)e.exponent << 23));
    if (field < -23) return 0.0f;
    mantissa = (bits & 0x7FFFFFu) | 0x800000u;
    return bits_float((mantissa + (1u << -field)) >> (1 - field));
}

/* The smallest mass that is at least share / 2^64 of total; at least 1, so that it names a
 * candidate. */
FN u64 share_of(u64 share, u64 total) {
    const u64 mass = high_product(share, total) + (share * total != 0 ? 1u : 0u);
    return mass == 0 ? 1 : mass;
}

/* The uniform number of a draw, times 2^64: a multiple of 2^11. */
FN u64 philox_uniform(u32 seed, u32 stream, u32 position_lo, u32 position_hi) {
    u32 c0 = position_lo, c1 = position_hi, c2 = 0, c3 = 0, k0 = seed, k1 = stream;
    for (i32 round = 0; round < 10; round++) {
        const u64 a = (u64)0xD2511F53u * c0, b = (u64)0xCD9E8D57u * c2;
        const u32 n0 = (u32)(b >> 32) ^ c1 ^ k0, n2 = (u32)(a >> 32) ^ c3 ^ k1;
        c0 = n0;
        c1 = (u32)b;
        c2 = n2;
        c3 = (u32)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (((u64)c1 << 32) | c0) & ~(u64)0x7FF;
}

#endif /* PLK_NUMERIC_H */
