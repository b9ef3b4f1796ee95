/*
 * fpenv.h: a call computes in the library's own floating-point environment.
 *
 * The caller may round downwards, flush subnormal numbers to zero, or have unmasked exceptions; the
 * library rounds to nearest, keeps subnormals and lets NaN pass. A public function enters its
 * own environment, calls a function that does the work, and leaves:
 *
 *     PK_APART static pluck_status sample(pluck_sampler *sampler, ..., pk_fpenv *caller);
 *
 *     pluck_status pluck_sample(pluck_sampler *sampler, ...) {
 *         pk_fpenv caller;
 *         pk_fpenv_enter(&caller);
 *         const pluck_status status = sample(sampler, ..., &caller);
 *         pk_fpenv_leave(&caller);
 *         return status;
 *     }
 *
 * Between the two there is one call and no arithmetic: compilers believe that arithmetic does not
 * depend on the environment and move it over the switch. PK_APART keeps the function that works out
 * of line.
 *
 * A callback runs in the caller's environment, from a function that is PK_APART as well and does
 * nothing else: pk_fpenv_leave(caller), the callback, pk_fpenv_enter(caller). What the callback
 * changes is then what the caller finds after the call.
 *
 * A thread that a pool gives to a call enters and leaves around each piece of work.
 *
 * errno goes the same way: the C library's functions set it (ERANGE by exp), the caller keeps his.
 */
#ifndef PLUCK_FPENV_H
#define PLUCK_FPENV_H

#include <stdint.h>

/* For functions that must not be merged with their callers, or moved by what a compiler finds out
 * about them. */
#if defined(__has_attribute)
#if __has_attribute(noipa)
#define PK_APART __attribute__((noipa))
#elif __has_attribute(noinline)
#define PK_APART __attribute__((noinline))
#endif
#endif
#if !defined(PK_APART)
#define PK_APART
#endif

#ifdef __SSE2_MATH__
/* MXCSR: control and flags in one. The x87 unit is left alone: nothing here computes with it. */
typedef struct pk_fpenv {
    uint32_t mxcsr;
    int error_number;
} pk_fpenv;
#elif defined(__aarch64__)
typedef struct pk_fpenv {
    uint64_t fpcr, fpsr; /* control, flags */
    int error_number;
} pk_fpenv;
#else
/* Whatever the C library knows: rounding and traps, but not flushing to zero. */
#include <fenv.h>
typedef struct pk_fpenv {
    fenv_t environment;
    int error_number;
} pk_fpenv;
#endif

/* Notes the environment and errno of whoever runs, and sets the library's environment. */
void pk_fpenv_enter(pk_fpenv *caller);

/* Sets what was noted, flags included. */
void pk_fpenv_leave(const pk_fpenv *caller);

/* The body of a public function: returns what `call`, of a PK_APART function, returns. */
#define PK_IN_OWN_ENV(type, call)                                                                  \
    do {                                                                                           \
        pk_fpenv caller_;                                                                          \
        pk_fpenv_enter(&caller_);                                                                  \
        const type result_ = call;                                                                 \
        pk_fpenv_leave(&caller_);                                                                  \
        return result_;                                                                            \
    } while (0)

/* The same of one that returns nothing. */
#define PK_DO_IN_OWN_ENV(call)                                                                     \
    do {                                                                                           \
        pk_fpenv caller_;                                                                          \
        pk_fpenv_enter(&caller_);                                                                  \
        call;                                                                                      \
        pk_fpenv_leave(&caller_);                                                                  \
    } while (0)

#endif /* PLUCK_FPENV_H */
