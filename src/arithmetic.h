/*
 * arithmetic.h: makes the results independent of the flags that the library is compiled with. Every
 * file of src/ includes it before any other header.
 *
 * NaN and infinities have a meaning here (a masked token, no limit, an input that is refused), and
 * sums have one order on every instruction set. A compiler must not assume that the first do not
 * occur, and must not change the second. If it fuses a product and a sum, the result is rounded
 * once instead of twice, and only if the CPU has the instruction; so fusing is off, and the code
 * calls fma if it wants it. Then `cc -O2` and -march=native give the same bits as any other build.
 */
#ifndef PLUCK_ARITHMETIC_H
#define PLUCK_ARITHMETIC_H

/* The library is written in GNU's C: attributes, and functions such as __builtin_ctzll. */
#if !defined(__GNUC__) && !defined(__clang__)
#error "Pluck needs gcc or clang, on Windows mingw-w64; programs that use it may have any compiler"
#endif

#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "Pluck needs NaN and infinity: compile it without -Ofast, -ffast-math, -ffinite-math-only"
#endif
#if defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "Pluck needs exact IEEE arithmetic: compile it without -funsafe-math-optimizations"
#endif

/* gcc fuses unless -std=c11 is given, and ignores the standard pragma. clang defines no macro for
 * -funsafe-math-optimizations, so the reordering of sums is switched off here. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#pragma clang fp reassociate(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#endif /* PLUCK_ARITHMETIC_H */
