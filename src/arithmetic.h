/*
 * arithmetic.h: what the library's arithmetic must be, whatever flags it is compiled with. Every
 * file of src/ includes it, before any other header.
 *
 * NaN and infinities carry meaning (a masked token, no limit, an input to be refused), and sums
 * have one order on every instruction set: a compiler may assume nothing about the first and change
 * nothing in the second. A product and a sum that a compiler fuses round once instead of twice,
 * and only where the CPU has the instruction, so fusing is off; where it is wanted the code says
 * fma. README's `cc -O2` and -march=native then give the same bits as any other build.
 */
#ifndef PLUCK_ARITHMETIC_H
#define PLUCK_ARITHMETIC_H

#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "Pluck needs NaN and infinity: compile it without -Ofast, -ffast-math, -ffinite-math-only"
#endif
#if defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "Pluck needs exact IEEE arithmetic: compile it without -funsafe-math-optimizations"
#endif

/* gcc fuses unless it is told -std=c11, and knows no standard pragma. clang defines no macro for
 * -funsafe-math-optimizations; that sums may be reordered is switched off as well. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#pragma clang fp reassociate(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#endif /* PLUCK_ARITHMETIC_H */
