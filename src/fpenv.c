/*
 * fpenv.c: the switch between the caller's floating-point environment and the library's.
 *
 * The registers are read and written directly. fesetenv takes some hundred cycles, knows nothing of
 * flushing to zero on many systems, and on x86-64 writes the x87 unit as well. A write is left out
 * if it would change nothing, which is the usual case: then a switch is two reads.
 */
#include "arithmetic.h"

#include "fpenv.h"

#include <errno.h>

#ifdef __SSE2_MATH__
#include <immintrin.h>

/* Denormals are zero, six masks, rounding, flush to zero. */
#define CONTROL 0xffc0u
/* All exceptions masked, to nearest, subnormal numbers kept. */
#define OURS 0x1f80u

static void enter(pk_fpenv *caller) {
    caller->mxcsr = _mm_getcsr();
    if ((caller->mxcsr & CONTROL) != OURS) _mm_setcsr((caller->mxcsr & ~CONTROL) | OURS);
}

static void leave(const pk_fpenv *caller) {
    if (_mm_getcsr() != caller->mxcsr) _mm_setcsr(caller->mxcsr);
}

#elif defined(__aarch64__)

/* FIZ, AH and NEP; five traps; input denormal's; half precision's flush to zero; rounding; flush to
 * zero; default NaN. All 0 is to nearest, nothing flushed, nothing trapped. */
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
