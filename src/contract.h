/*
 * contract.h: what the library's functions rely on, checked.
 *
 * PLUCK_ASSERT states a precondition or an invariant. With PLUCK_CHECKS defined (tests, fuzzing,
 * sanitizers) a broken one is printed and ends the process; a release has no trace of it.
 */
#ifndef PLUCK_CONTRACT_H
#define PLUCK_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef PLUCK_CHECKS

#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void pk_contract_broken(const char *file, int line, const char *what);

#define PLUCK_ASSERT(condition)                                                                    \
    ((condition) ? (void)0 : pk_contract_broken(__FILE__, __LINE__, #condition))
enum { CHECKS = 1 };

#else

/* Compiled, so that it stays correct, and never evaluated. */
#define PLUCK_ASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
enum { CHECKS = 0 };

#endif

/* Marks memory that must not be touched, or may be again: filled with a pattern in checked builds,
 * and poisoned if AddressSanitizer is on. */
void pk_poison(void *at, size_t size);
void pk_unpoison(void *at, size_t size);

#endif /* PLUCK_CONTRACT_H */
