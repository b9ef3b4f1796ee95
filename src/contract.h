/*
 * contract.h: checks what the library's functions rely on.
 *
 * PLUCK_ASSERT states a precondition or an invariant. If PLUCK_CHECKS is defined (tests, fuzzing,
 * sanitizers), a broken one is printed and ends the process. A release contains no code for it.
 */
#ifndef PLUCK_CONTRACT_H
#define PLUCK_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef PLUCK_CHECKS

__attribute__((noreturn)) void pk_contract_broken(const char *file, int line, const char *what);

#define PLUCK_ASSERT(condition)                                                                    \
    ((condition) ? (void)0 : pk_contract_broken(__FILE__, __LINE__, #condition))
enum { CHECKS = 1 };

#else

/* The condition is compiled, so that it stays valid C, but never evaluated. */
#define PLUCK_ASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
enum { CHECKS = 0 };

#endif

/* Marks memory that must not be used, and memory that may be used again. Checked builds fill it
 * with a pattern; under AddressSanitizer it is also poisoned. */
void pk_poison(void *at, size_t size);
void pk_unpoison(void *at, size_t size);

#endif /* PLUCK_CONTRACT_H */
