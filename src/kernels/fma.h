/*
 * fma.h: a * b + c, rounded once, for targets that have no such instruction.
 *
 * In double the product of two floats is exact, but the sum is rounded, and rounding it again to
 * float can go the wrong way: if the first rounding ends at the middle between two floats, the
 * second no longer knows on which side the exact sum was. This happens for subnormal results too,
 * where the middle is at another bit. So the first rounding is to odd (Boldo and Melquiond,
 * "Emulation of FMA and correctly rounded sums", IEEE Transactions on Computers 57(4), 2008): of the
 * two doubles around an inexact sum the one whose last bit is set, which is never such a middle. As
 * double has more than two bits more than float, the second rounding then gives what one would.
 * Products and sums do not leave double's normal range.
 */
#ifndef PLUCK_KERNELS_FMA_H
#define PLUCK_KERNELS_FMA_H

#include <stdint.h>
#include <string.h>

static inline float fma_by_odd(float a, float b, float c) {
    const double product = (double)a * (double)b;
    const double sum = product + (double)c;
    /* What the addition lost, exactly (Knuth); NaN if the sum is no number. */
    const double part = sum - product;
    const double lost = (product - (sum - part)) + ((double)c - part);
    if (!(lost > 0.0 || lost < 0.0)) return (float)sum;
    int64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    /* The neighbour of an even sum on the side of the exact one. */
    if ((bits & 1) == 0) bits += (lost > 0.0) == (sum > 0.0) ? 1 : -1;
    double odd;
    memcpy(&odd, &bits, sizeof odd);
    return (float)odd;
}

#endif /* PLUCK_KERNELS_FMA_H */
