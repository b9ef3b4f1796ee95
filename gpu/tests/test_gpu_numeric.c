/* test_gpu_numeric.c: the numbers of the kernels that stand in for fp64, as plain C: float pairs
 * against long double, and what must be exact against 128-bit integers. */
#define PLK_WG  16
#define PLK_VPT 8
#include "kernels_c.h"

#include "offload.h"
#include "rig.h"

#include <float.h>
#include <math.h>

__extension__ typedef __int128 wide;

enum { ROUNDS = 200000 };

static u64 random_bits(rows_random *random) {
    return rows_next(random) >> rows_below(random, 60);
}

/* Both signs, magnitudes from 2^-range to 2^range. */
static double random_number(rows_random *random, double range) {
    const double magnitude = exp2(range * (2.0 * rows_uniform(random) - 1.0));
    return rows_below(random, 2) ? magnitude : -magnitude;
}

static long double value_of(plk_pair p) {
    return (long double)p.hi + (long double)p.lo;
}

static void near_to(const char *what, plk_pair got, long double want, int bits) {
    const long double off = fabsl(value_of(got) - want), allowed = ldexpl(fabsl(want), -bits);
    if (off > allowed || got.hi != got.hi + got.lo)
        fail_msg("%s: %.20Lg (hi %.9g, lo %.9g), wanted %.20Lg", what, value_of(got),
                 (double)got.hi, (double)got.lo, want);
}

static void pairs_have_48_bits(void **state) {
    rows_random random = {1};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const double x = random_number(&random, 30.0), y = random_number(&random, 30.0);
        const plk_pair a = gpu_pair(x), b = gpu_pair(y);
        const long double xa = value_of(a), xb = value_of(b);
        const u64 n = random_bits(&random) >> 1;
        near_to("the pair of a double", a, (long double)x, 48);
        near_to("the pair of an integer", pair_of_u64(n), (long double)n, 47);
        near_to("sum", pair_add(a, b), xa + xb, 46);
        near_to("sum with a float", pair_add_float(a, b.hi), xa + (long double)b.hi, 46);
        near_to("product", pair_multiply(a, b), xa * xb, 45);
        near_to("product with a float", pair_multiply_float(a, b.hi), xa * (long double)b.hi, 45);
        near_to("quotient", pair_divide(a, b), xa / xb, 44);
        if (x > 0.0) {
            near_to("square root", pair_square_root(a), sqrtl(xa), 44);
            near_to("logarithm", pair_logarithm(a), logl(xa), 28);
        }
    }
    assert_true(pair_square_root(pair_of(0.0f)).hi == 0.0f);
    assert_true(pair_logarithm(pair_of(1.0f)).hi == 0.0f);
}

/* Differences that cancel keep all bits that there are. */
static void sums_that_cancel(void **state) {
    rows_random random = {2};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const plk_pair a = gpu_pair(random_number(&random, 10.0));
        plk_pair b = pair_negated(a);
        b.lo += ldexpf(b.lo, -(int)rows_below(&random, 23));
        near_to("difference", pair_add(a, b), value_of(a) + value_of(b), 46);
    }
}

static void shares_are_exact(void **state) {
    rows_random random = {3};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const u64 share = random_bits(&random), total = random_bits(&random) >> 2;
        const wide product = (wide)share * (wide)total;
        u64 want = (u64)(product >> 64);
        if ((u64)product != 0) want++;
        if (want == 0) want = 1;
        assert_true(share_of(share, total) == want);
    }
    assert_true(share_of(0, (u64)1 << 62) == 1);
    assert_true(share_of(gpu_share(1.0), (u64)1 << 62) == (u64)1 << 62);
    assert_true(share_of(gpu_share(0.5), 6) == 3);
    assert_true(share_of(gpu_share(0.5), 7) == 4);
    assert_true(gpu_share(-1.0) == 0 && gpu_share(NAN) == 0);
}

/* The uniform number is a multiple of 2^-53 and libpluck's own; its bits are used, none is lost. */
static void uniform_numbers(void **state) {
    u64 low = ~(u64)0, high = 0, all = 0;
    (void)state;
    for (u32 i = 0; i < 10000; i++) {
        const u64 u = philox_uniform(7, 1, i, 0);
        low = u < low ? u : low;
        high = u > high ? u : high;
        all |= u;
    }
    assert_true(all == ~(u64)0x7FF);
    assert_true(low < (u64)1 << 54 && high > ~(u64)0 - ((u64)1 << 54));
}

/* x in units of 2^-unit; it must be a multiple of one. */
static wide fixed(long double x, int unit) {
    const long double high = truncl(ldexpl(x, unit - 60));
    const long double low = ldexpl(x, unit) - ldexpl(high, 60);
    assert_true(low == truncl(low));
    return ((wide)high << 60) + (wide)low;
}

/* The key's logit reaches the sum; the next one below does not. */
static void check_key(float maximum, plk_triple below, int unit) {
    const wide sum = fixed((long double)maximum, unit) + fixed((long double)below.hi, unit) +
                     fixed((long double)below.mid, unit) + fixed((long double)below.lo, unit);
    const u64 key = key_at_least(maximum, below, FIELD_ONE);
    const float logit = key_logit(key), before = nextafterf(logit, -INFINITY);
    if (fixed((long double)logit, unit) < sum || fixed((long double)before, unit) >= sum)
        fail_msg("maximum %.9g, below %.9g %.9g %.9g: the cut is at %.9g", (double)maximum,
                 (double)below.hi, (double)below.mid, (double)below.lo, (double)logit);
}

static void cuts_are_exact(void **state) {
    rows_random random = {4};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const float maximum = (float)random_number(&random, 12.0);
        const double value = random_number(&random, 12.0);
        plk_triple below = gpu_triple(value);
        assert_true((double)below.hi + ((double)below.mid + (double)below.lo) == value);
        check_key(maximum, below, 100);
        if (i % 3 == 0) { /* the sum is a float, or next to one */
            const float logit = (float)random_number(&random, 12.0);
            below = gpu_triple((double)logit - (double)maximum);
            below.lo += (float)((int)rows_below(&random, 3) - 1) * 0x1p-90f;
            check_key(maximum, below, 100);
        }
        if (i % 3 == 1) /* subnormal numbers */
            check_key(maximum * 0x1p-138f, gpu_triple(value * 0x1p-138), 149);
    }
}

static void cuts_at_the_ends(void **state) {
    const u64 lowest = FIRST_KEY(ORDERED_NEG_INF + 1u), top = FIRST_KEY(ORDERED_POS_INF);
    const plk_deviation one = {{1.0f, 0.0f}, FIELD_ONE, 0}, large = {{1.5f, 0.0f}, FIELD_MAX, 0};
    (void)state;
    assert_true(key_within(1.0f, INFINITY) == lowest);
    assert_true(key_within(-FLT_MAX, FLT_MAX) == lowest);
    assert_true(key_within(FLT_MAX, FLT_MAX) == FIRST_KEY(ordered_from_float(0.0f)));
    assert_true(key_within(INFINITY, 1.0f) == top);
    assert_true(key_at_least(FLT_MAX, gpu_triple(-1e300), FIELD_ONE) == lowest);
    assert_true(key_within(2.5f, 0.0f) == FIRST_KEY(ordered_from_float(2.5f)));
    assert_true(key_within_deviations(5.0f, 2.0f, one) == FIRST_KEY(ordered_from_float(3.0f)));
    assert_true(key_within_deviations(5.0f, FLT_MAX, large) == lowest);
    assert_true(key_within_deviations(INFINITY, 3.0f, deviation_zero()) == top);
    assert_true(deviation_is_known(deviation_zero()) && !deviation_is_known(deviation_unknown()));
}

/* Scales of extreme numbers: squares of what is scaled neither overflow nor vanish. */
static void scales(void **state) {
    static const float numbers[] = {0.0f,    1e-45f, 1e-38f, 1e-20f,  1.0f,    3.0f,
                                    1234.5f, 1e20f,  2e38f,  FLT_MAX, -1e-45f, -FLT_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const u32 field = field_of(numbers[i]);
        const float scaled = numbers[i] * scale_down(field);
        assert_true(scaled * scale_up(field) == numbers[i]);
        assert_true(fabsf(scaled) < 8.0f);
        assert_true(numbers[i] == 0.0f || fabsf(scaled) >= 0x1p-24f);
    }
}

/* w^2 and -w log2 w of w = 2^x in units of 2^-42, each rounded once and off by what the exponential
 * and the logarithm round. */
static void second_sums(void **state) {
    const plk_rate rate = {1.0f, 0.0f};
    const long double unit = 0x1p42L;
    rows_random random = {7};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const float x = -(float)(50.0 * pow(rows_uniform(&random), 3.0));
        const long double w = exp2l((long double)x);
        const long double square = w * w * unit, distance = -w * (long double)x * unit;
        const long double off = (long double)squared_weight(x, 0.0f, rate) - square;
        const long double other = (long double)weighted_distance(x, 0.0f, rate) - distance;
        if (x > -21.0f && fabsl(off) > 0x1p-23L * square + 0.51L)
            fail_msg("x %.9g: the square is off by %.9Lg of %.9Lg", (double)x, off, square);
        if (x > -43.0f && fabsl(other) > 0x1p-24L * distance + 0x1p-23L * w * unit + 0.51L)
            fail_msg("x %.9g: the distance is off by %.9Lg of %.9Lg", (double)x, other, distance);
    }
    assert_true(squared_weight(3.0f, 3.0f, rate) == (u64)1 << MASS_BITS);
    assert_true(squared_weight(INFINITY, INFINITY, rate) == (u64)1 << MASS_BITS);
    assert_true(weighted_distance(INFINITY, INFINITY, rate) == 0);
    for (int i = 0; i < 3; i++) { /* so far below that nothing is left */
        const float x = i == 0 ? -INFINITY : i == 1 ? -1e30f : -50.0f;
        assert_true(squared_weight(x, 0.0f, rate) == 0 && weighted_distance(x, 0.0f, rate) == 0);
    }
}

/* The limit of each cut from random sums, against the formulas in long double; and the ends. */
static void limits_of_cuts(void **state) {
    rows_random random = {8};
    (void)state;
    for (int i = 0; i < ROUNDS / 10; i++) {
        const long double n = 2.0L + rows_below(&random, 1000000);
        const long double sum = 1.0L + (n - 1.0L) * powl(rows_uniform(&random), 8.0L);
        const long double square = 1.0L + (sum - 1.0L) * (long double)rows_uniform(&random);
        const double value = -12.0 * rows_uniform(&random);
        const plk_pair z = gpu_pair((double)sum), q = gpu_pair((double)square);
        for (i32 kind = PLK_OP_TOP_A; kind <= PLK_OP_P_LESS_NORM; kind++) {
            const plk_op op = {.kind = kind,
                               .value = gpu_triple(kind == PLK_OP_P_LESS_NORM ? (double)n : value)};
            const long double excess = n * square - sum * sum;
            long double want = logl(excess / ((n - 1.0L) * sum)), got, allowed = 1e-7L;
            if (kind == PLK_OP_TOP_A) want = (long double)value - logl(sum);
            if (kind == PLK_OP_EPSILON) want = (long double)value + logl(sum);
            if (kind == PLK_OP_ETA) /* the second sum is of distances: any number will do */
                want = fminl((long double)value + logl(sum),
                             (long double)value / 2.0L - logl(2.0L) * square / sum);
            if (kind == PLK_OP_P_LESS) want = logl(square / sum);
            if (kind == PLK_OP_P_LESS_NORM) allowed += 1e-11L * n * square / excess;
            if (want > 0.0L) want = 0.0L;
            got = value_of(limit_of(&op, z, q));
            if (fabsl(got - want) > allowed)
                fail_msg("kind %d of sums %.9Lg and %.9Lg: %.9Lg, wanted %.9Lg", kind, sum, square,
                         got, want);
        }
    }
}

/* Of equals nothing is cut off, of one token neither. */
static void cuts_of_equals(void **state) {
    static const u64 sizes[] = {1, 2, 3, 7, 1000, 151936, PLK_MAX_VOCAB};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const u64 mass = sizes[i] << MASS_BITS;
        plk_op op = {.kind = PLK_OP_P_LESS, .temperature = {1.0f, 0.0f}};
        assert_true(key_of_cut(&op, mass, mass, 2.5f) == FIRST_KEY(ordered_from_float(2.5f)));
        op.kind = PLK_OP_P_LESS_NORM;
        op.value.hi = (float)sizes[i];
        assert_true(key_of_cut(&op, mass, mass, 2.5f) == FIRST_KEY(ORDERED_NEG_INF + 1u));
        op.value.hi = (float)PLK_MAX_VOCAB; /* the others are masked */
        if (sizes[i] < PLK_MAX_VOCAB)
            assert_true(key_of_cut(&op, mass, mass, 2.5f) <= FIRST_KEY(ordered_from_float(2.5f)));
    }
}

/* mass * 2^x for x <= 0, rounded down, within what the exponential rounds. */
static void masses_are_scaled(void **state) {
    const plk_rate rate = {1.0f, 0.0f};
    rows_random random = {5};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const u64 mass = random_bits(&random) >> 8;
        const float x = -(float)(100.0 * rows_uniform(&random));
        const long double want = (long double)mass * exp2l((long double)x);
        const long double got = (long double)scaled_mass(mass, x, 0.0f, rate);
        assert_true(fabsl(got - want) <= ldexpl(want, -24) + 1.0L);
    }
    assert_true(scaled_mass(12345, 1.0f, 1.0f, rate) == 12345);
}

/* share * 2^x, down to the smallest subnormal number and to 0. */
static void shares_times_powers(void **state) {
    const plk_rate rate = {1.0f, 0.0f};
    rows_random random = {6};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const plk_pair share = gpu_pair(exp2(-20.0 * rows_uniform(&random)));
        const float x = -(float)(160.0 * rows_uniform(&random));
        const long double want = value_of(share) * exp2l((long double)x);
        const long double got = (long double)share_times_power(share, x, 0.0f, rate);
        assert_true(fabsl(got - want) <= 1.2e-7L * want + 0.8e-45L);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_have_48_bits),
        cmocka_unit_test(sums_that_cancel),
        cmocka_unit_test(shares_are_exact),
        cmocka_unit_test(uniform_numbers),
        cmocka_unit_test(cuts_are_exact),
        cmocka_unit_test(cuts_at_the_ends),
        cmocka_unit_test(scales),
        cmocka_unit_test(masses_are_scaled),
        cmocka_unit_test(shares_times_powers),
        cmocka_unit_test(second_sums),
        cmocka_unit_test(limits_of_cuts),
        cmocka_unit_test(cuts_of_equals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
