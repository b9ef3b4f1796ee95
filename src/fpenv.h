/*
 * fpenv.h: lets a call compute in the library's own floating-point environment.
 *
 * The caller may round downwards, flush subnormal numbers to zero, or have unmasked exceptions. The
 * library rounds to nearest, keeps subnormals and traps nothing. A public function enters the
 * library's environment, calls a function that does the work, and leaves it:
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
 * Between enter and leave there is one call and no arithmetic, because compilers assume that
 * arithmetic does not depend on the environment and move it across the switch. PK_APART prevents
 * that the function which does the work is inlined.
 *
 * A callback runs in the caller's environment. It is called from a PK_APART function that does
 * nothing else: pk_fpenv_leave(caller), the callback, pk_fpenv_enter(caller). So the caller sees
 * what the callback has changed.
 *
 * errno is saved and restored too, because functions of the C library set it (exp sets ERANGE).
 */
#ifndef PLUCK_FPENV_H
#define PLUCK_FPENV_H

#include <stdint.h>

/* For functions that must not be inlined, and whose calls a compiler must not move because of what
 * it knows of their bodies. */
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
/* MXCSR has control bits and flags. The x87 unit is not changed, because nothing here uses it. */
typedef struct pk_fpenv {
    uint32_t mxcsr;
    int error_number;
} pk_fpenv;
#elif defined(__aarch64__)
typedef struct pk_fpenv {
    uint64_t fpcr, fpsr; /* control, flags */
    int error_number;
} pk_fpenv;
#elif defined(__wasm__)
/* WebAssembly has one environment, which is the library's. */
typedef struct pk_fpenv {
    int error_number;
} pk_fpenv;
#else
/* What the C library offers: rounding and traps, but not flushing to zero. */
#include <fenv.h>
typedef struct pk_fpenv {
    fenv_t environment;
    int error_number;
} pk_fpenv;
#endif

/* Saves the current environment and errno to *caller, and sets the library's environment. */
void pk_fpenv_enter(pk_fpenv *caller);

/* Restores what was saved, exception flags included. */
void pk_fpenv_leave(const pk_fpenv *caller);

/* The body of a public function: makes `call`, which calls a PK_APART function, in the library's
 * environment, and returns its result. */
#define PK_IN_OWN_ENV(type, call)                                                                  \
    do {                                                                                           \
        pk_fpenv caller_;                                                                          \
        pk_fpenv_enter(&caller_);                                                                  \
        const type result_ = call;                                                                 \
        pk_fpenv_leave(&caller_);                                                                  \
        return result_;                                                                            \
    } while (0)

/* The same for a function that returns nothing. */
#define PK_DO_IN_OWN_ENV(call)                                                                     \
    do {                                                                                           \
        pk_fpenv caller_;                                                                          \
        pk_fpenv_enter(&caller_);                                                                  \
        call;                                                                                      \
        pk_fpenv_leave(&caller_);                                                                  \
    } while (0)

#endif /* PLUCK_FPENV_H */
