/*
 * pair.h: what needs more than a float's 24 bits, on devices that need not have fp64.
 *
 * A pair is the sum hi + lo of two floats, with |lo| at most half a unit in hi's last place: about
 * 48 bits, and hi is the pair rounded to float. The basic operations are error-free
 * transformations: the float result and its exact rounding error (Knuth, TAOCP 2, 4.2.2; Dekker,
 * Numer. Math. 18, 1971). The bounds on what is built from them are those of Joldes, Muller and
 * Popescu (ACM TOMS 44, 2017). All of this is wrong if a compiler fuses or reorders operations;
 * that is why contraction is switched off for each vendor.
 *
 * A pair has a float's range, which squares of logits can leave. So moments are taken of scaled
 * logits: x * 2^(127 - field), where `field` is the exponent field of the largest magnitude.
 * Scaling is exact for every logit that matters.
 */
#ifndef PLK_PAIR_H
#define PLK_PAIR_H

FN i32 is_finite(float x) {
    return x - x == 0.0f;
}

/* a + b. */
FN plk_pair two_sum(float a, float b) {
    plk_pair s;
    float b_part;
    s.hi = a + b;
    b_part = s.hi - a;
    s.lo = (a - (s.hi - b_part)) + (b - b_part);
    return s;
}

/* a + b if |a| >= |b| or a is 0. */
FN plk_pair two_sum_ordered(float a, float b) {
    plk_pair s;
    s.hi = a + b;
    s.lo = b - (s.hi - a);
    return s;
}

FN plk_pair two_product(float a, float b) {
    plk_pair p;
    p.hi = a * b;
    p.lo = fma_f32(a, b, -p.hi);
    return p;
}

FN plk_pair pair_of(float x) {
    plk_pair p;
    p.hi = x;
    p.lo = 0.0f;
    return p;
}

FN plk_pair pair_negated(plk_pair a) {
    a.hi = -a.hi;
    a.lo = -a.lo;
    return a;
}

/* x < 2^63, rounded to 48 bits. */
FN plk_pair pair_of_u64(u64 x) {
    plk_pair p;
    u64 high;
    p.hi = (float)x;
    high = (u64)p.hi;
    p.lo = x >= high ? (float)(x - high) : -(float)(high - x);
    return p;
}

/* Off by 2^-47 of the sum, whatever the signs. */
FN plk_pair pair_add(plk_pair a, plk_pair b) {
    plk_pair high = two_sum(a.hi, b.hi);
    const plk_pair low = two_sum(a.lo, b.lo);
    high = two_sum_ordered(high.hi, high.lo + low.hi);
    return two_sum_ordered(high.hi, high.lo + low.lo);
}

FN plk_pair pair_add_float(plk_pair a, float b) {
    const plk_pair high = two_sum(a.hi, b);
    return two_sum_ordered(high.hi, high.lo + a.lo);
}

FN plk_pair pair_multiply(plk_pair a, plk_pair b) {
    plk_pair p = two_product(a.hi, b.hi);
    p.lo = fma_f32(a.hi, b.lo, p.lo);
    p.lo = fma_f32(a.lo, b.hi, p.lo);
    return two_sum_ordered(p.hi, p.lo);
}

FN plk_pair pair_multiply_float(plk_pair a, float b) {
    const plk_pair p = two_product(a.hi, b);
    return two_sum_ordered(p.hi, fma_f32(a.lo, b, p.lo));
}

/* b is a power of two. */
FN plk_pair pair_scaled(plk_pair a, float b) {
    a.hi *= b;
    a.lo *= b;
    return a;
}

/* By long division, so that a float division that is off by some units, as OpenCL allows, does no
 * harm. */
FN plk_pair pair_divide(plk_pair a, plk_pair b) {
    const float first = a.hi / b.hi;
    const plk_pair rest = pair_add(a, pair_negated(pair_multiply_float(b, first)));
    const float second = rest.hi / b.hi;
    const plk_pair end = pair_add(rest, pair_negated(pair_multiply_float(b, second)));
    return pair_add_float(two_sum_ordered(first, second), end.hi / b.hi);
}

/* 0 for a <= 0. */
FN plk_pair pair_square_root(plk_pair a) {
    float root;
    plk_pair rest;
    if (!(a.hi > 0.0f)) return pair_of(0.0f);
    root = sqrt_f32(a.hi);
    rest = pair_add(a, pair_negated(two_product(root, root)));
    return two_sum_ordered(root, rest.hi / (2.0f * root));
}

FN plk_pair pair_ln2(void) {
    plk_pair ln2;
    ln2.hi = 0.69314718f;
    ln2.lo = -1.9046542e-9f;
    return ln2;
}

/*
 * ln x for x of at least 2^-100, off by 2^-28 of the result. With x = 2^exponent * m, m in
 * [2^-1/2, 2^1/2): the series of 2 atanh((m - 1) / (m + 1)), of which only the first term needs a
 * pair.
 */
FN plk_pair pair_logarithm(plk_pair x) {
    const u32 bits = float_bits(x.hi);
    i32 exponent = (i32)(bits >> 23) - 127;
    plk_pair m, s;
    float square, p;
    if ((bits & 0x7FFFFFu) >= 0x3504F3u) exponent += 1; /* 2^1/2 */
    m = pair_scaled(x, bits_float((u32)(127 - exponent) << 23));
    s = pair_divide(pair_add_float(m, -1.0f), pair_add_float(m, 1.0f));
    square = s.hi * s.hi; /* 0.0295 at most */
    p = 1.0f / 13.0f;
    p = fma_f32(p, square, 1.0f / 11.0f);
    p = fma_f32(p, square, 1.0f / 9.0f);
    p = fma_f32(p, square, 1.0f / 7.0f);
    p = fma_f32(p, square, 1.0f / 5.0f);
    p = fma_f32(p, square, 1.0f / 3.0f);
    s = pair_scaled(pair_add_float(s, s.hi * square * p), 2.0f);
    return pair_add(pair_multiply_float(pair_ln2(), (float)exponent), s);
}

FN u64 pair_bits(plk_pair a) {
    return ((u64)float_bits(a.hi) << 32) | float_bits(a.lo);
}

FN plk_pair pair_from_bits(u64 bits) {
    plk_pair a;
    a.hi = bits_float((u32)(bits >> 32));
    a.lo = bits_float((u32)bits);
    return a;
}

/* Fields of a scale: 2^(field - 127) and its reciprocal are normal floats. */
#define FIELD_MIN 1u
#define FIELD_MAX 253u
#define FIELD_ONE 127u

FN u32 field_of(float x) {
    const u32 field = (float_bits(x) >> 23) & 255u;
    return field < FIELD_MIN ? FIELD_MIN : field > FIELD_MAX ? FIELD_MAX : field;
}

/* What a number is multiplied by to be scaled, and to be as before. */
FN float scale_down(u32 field) {
    return bits_float((254u - field) << 23);
}

FN float scale_up(u32 field) {
    return bits_float(field << 23);
}

/* From one scale to another whose field is at least as large. */
FN plk_pair pair_rescaled(plk_pair a, u32 from, u32 to) {
    return pair_scaled(a, to - from > 126u ? 0.0f : bits_float((127u - (to - from)) << 23));
}

/* sum + (x - mean)^2. */
FN plk_pair pair_add_square(plk_pair sum, float x, plk_pair mean) {
    const plk_pair off = pair_add_float(pair_negated(mean), x);
    return pair_add(sum, pair_multiply(off, off));
}

/* (spread / n)^1/2, n < 2^24, of sums of squares of numbers scaled by `field`. */
FN plk_deviation deviation_of(plk_pair spread, u32 n, u32 field) {
    plk_deviation d;
    d.value = pair_square_root(pair_divide(spread, pair_of((float)n)));
    d.field = field;
    d.pad = 0;
    return d;
}

FN plk_deviation deviation_unknown(void) {
    plk_deviation d;
    d.value = pair_of(-1.0f);
    d.field = FIELD_ONE;
    d.pad = 0;
    return d;
}

FN plk_deviation deviation_zero(void) {
    plk_deviation d = deviation_unknown();
    d.value = pair_of(0.0f);
    return d;
}

FN i32 deviation_is_known(plk_deviation d) {
    return d.value.hi >= 0.0f;
}

#endif /* PLK_PAIR_H */
