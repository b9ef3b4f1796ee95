/*
 * fpenv.c: switches between the caller's floating-point environment and the library's.
 *
 * The registers are read and written directly. fesetenv takes a few hundred cycles, does not handle
 * flushing to zero on many systems, and on x86-64 also writes the x87 unit. A write that would
 * change nothing is left out. That is the usual case; a switch is then two reads.
 */
#include "arithmetic.h"

#include "fpenv.h"

#include <errno.h>

#ifdef __SSE2_MATH__
#include <immintrin.h>

/* The bits of MXCSR: denormals are zero, six exception masks, rounding, flush to zero. */
#define CONTROL 0xffc0u
/* The library's: all exceptions masked, round to nearest, subnormal numbers kept. */
#define OURS 0x1f80u

static void enter(pk_fpenv *caller) {
    caller->mxcsr = _mm_getcsr();
    if ((caller->mxcsr & CONTROL) != OURS) _mm_setcsr((caller->mxcsr & ~CONTROL) | OURS);
}

static void leave(const pk_fpenv *caller) {
    if (_mm_getcsr() != caller->mxcsr) _mm_setcsr(caller->mxcsr);
}

#elif defined(__aarch64__)

/* The bits of FPCR: FIZ, AH and NEP; six traps; flush to zero of half precision; rounding; flush
 * to zero; default NaN. The library's are all 0: to nearest, nothing flushed, nothing trapped. */
#define CONTROL UINT64_C(0x03c89f07)

static uint64_t read_fpcr(void) {
    uint64_t value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value) : : "memory");
    return value;
}

static uint64_t read_fpsr(void) {
    uint64_t value;
    __asm__ volatile("mrs %0, fpsr" : "=r"(value) : : "memory");
    return value;
}

static void enter(pk_fpenv *caller) {
    caller->fpcr = read_fpcr();
    caller->fpsr = read_fpsr();
    if ((caller->fpcr & CONTROL) != 0) {
        __asm__ volatile("msr fpcr, %0" : : "r"(caller->fpcr & ~CONTROL) : "memory");
    }
}

static void leave(const pk_fpenv *caller) {
    if (read_fpsr() != caller->fpsr) {
        __asm__ volatile("msr fpsr, %0" : : "r"(caller->fpsr) : "memory");
    }
    if (read_fpcr() != caller->fpcr) {
        __asm__ volatile("msr fpcr, %0" : : "r"(caller->fpcr) : "memory");
    }
}

#elif defined(__wasm__)

static void enter(pk_fpenv *caller) {
    (void)caller;
}

static void leave(const pk_fpenv *caller) {
    (void)caller;
}

#else

static void enter(pk_fpenv *caller) {
    fegetenv(&caller->environment);
    fesetenv(FE_DFL_ENV);
}

static void leave(const pk_fpenv *caller) {
    fesetenv(&caller->environment);
}

#endif

void pk_fpenv_enter(pk_fpenv *caller) {
    caller->error_number = errno;
    enter(caller);
}

void pk_fpenv_leave(const pk_fpenv *caller) {
    leave(caller);
    if (errno != caller->error_number) errno = caller->error_number;
}
