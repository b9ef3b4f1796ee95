/* contract.c: see contract.h. */
#include "arithmetic.h"

#include "contract.h"

#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif

#ifdef HAS_ASAN
void __asan_poison_memory_region(void const volatile *at, size_t size);
void __asan_unpoison_memory_region(void const volatile *at, size_t size);
#endif

#ifdef PLUCK_CHECKS

#include <stdio.h>
#include <stdlib.h>

void pk_contract_broken(const char *file, int line, const char *what) {
    (void)fprintf(stderr, "pluck: %s:%d: broken contract: %s\n", file, line, what);
    abort();
}

#endif

/* Is NaN as float and double, and out of range as an index. */
enum { PATTERN = 0xff };

void pk_poison(void *at, size_t size) {
#ifdef HAS_ASAN
    __asan_unpoison_memory_region(at, size); /* parts of it may be poisoned already */
#endif
    if (CHECKS) memset(at, PATTERN, size);
#ifdef HAS_ASAN
    __asan_poison_memory_region(at, size);
#endif
}

void pk_unpoison(void *at, size_t size) {
#ifdef HAS_ASAN
    __asan_unpoison_memory_region(at, size);
#endif
    if (CHECKS) memset(at, PATTERN, size);
}
