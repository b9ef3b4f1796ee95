/*
 * caller_env.c: setting, reading and comparing floating-point environments, without arithmetic.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* feenableexcept */
#endif
#include "caller_env.h"

#include <errno.h>
#include <fenv.h>
#include <signal.h>

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#if defined(__SSE2__)
static uint64_t control(void) {
    return _mm_getcsr() & 0xffc0u;
}

static void flush_subnormals(void) {
    _mm_setcsr(_mm_getcsr() | 0x8040u);
}
#elif defined(__aarch64__)
static uint64_t control(void) {
    uint64_t value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return value;
}

static void flush_subnormals(void) {
    __asm__ volatile("msr fpcr, %0" : : "r"(control() | 1u << 24));
}
#else
static uint64_t control(void) {
    return 0;
}

static void flush_subnormals(void) {
}
#endif

/* On ARM the mask bits may be missing; then nothing traps. */
static void unmask(void) {
#if defined(__GLIBC__) && defined(__x86_64__)
    feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW);
#endif
}

static void round_down(void) {
    fesetround(FE_DOWNWARD);
}

static void round_up(void) {
    fesetround(FE_UPWARD);
}

static void round_to_zero(void) {
    fesetround(FE_TOWARDZERO);
}

static void all_at_once(void) {
    round_up();
    flush_subnormals();
    unmask();
}

static void nothing(void) {
}

const caller_env_kind caller_envs[CALLER_ENVS] = {{"the default", nothing},
                                                  {"rounding down", round_down},
                                                  {"rounding up", round_up},
                                                  {"rounding to zero", round_to_zero},
                                                  {"flushing to zero", flush_subnormals},
                                                  {"traps", unmask},
                                                  {"all at once", all_at_once}};

caller_env caller_env_begin(int kind, int error_number) {
    feclearexcept(FE_ALL_EXCEPT);
    errno = error_number;
    caller_envs[kind].set();
    return caller_env_now();
}

void caller_env_end(void) {
    fesetenv(FE_DFL_ENV);
    errno = 0;
}

caller_env caller_env_now(void) {
    return (caller_env){fegetround(), fetestexcept(FE_ALL_EXCEPT), control()};
}

/* Compares without arithmetic; the message is printed in the default environment. */
void caller_env_assert(caller_env before, int error_number, const char *what, const char *name) {
    const caller_env after = caller_env_now();
    const int error_after = errno;
    caller_env_end();
    if (after.rounding != before.rounding || after.control != before.control) {
        fail_msg("%s, %s: rounding or control is no longer the caller's", what, name);
    }
    if (after.flags != before.flags) {
        fail_msg("%s, %s: flags were %#x and are %#x", what, name, (unsigned)before.flags,
                 (unsigned)after.flags);
    }
    if (error_after != error_number) {
        fail_msg("%s, %s: errno was %d and is %d", what, name, error_number, error_after);
    }
}

static sigjmp_buf trapped;

static void on_trap(int number) {
    (void)number;
    siglongjmp(trapped, 1);
}

bool caller_env_run(void (*run)(void *), void *context) {
    const struct sigaction action = {.sa_handler = on_trap, .sa_flags = SA_NODEFER};
    struct sigaction before;
    sigaction(SIGFPE, &action, &before);
    const bool whole = sigsetjmp(trapped, 1) == 0;
    if (whole) run(context);
    sigaction(SIGFPE, &before, NULL);
    return whole;
}
