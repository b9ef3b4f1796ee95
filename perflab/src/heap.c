/*
 * heap.c - malloc and its relatives, counted while a call of a benchmark runs.
 */
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

/* Sanitizers have a malloc of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define HEAP_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(HEAP_SANITIZED)

/* glibc's own functions, under the names that it exports for programs that wrap them. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void __libc_free(void *p);

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc has reserved names */

/* A benchmark may have threads of its own. */
static atomic_bool counting;
static atomic_size_t calls, total;
static atomic_llong live, peak;

static void *took(void *p) {
    if (!atomic_load_explicit(&counting, memory_order_relaxed) || p == NULL) return p;
    const size_t bytes = malloc_usable_size(p);
    atomic_fetch_add(&calls, 1);
    atomic_fetch_add(&total, bytes);
    const long long now = atomic_fetch_add(&live, (long long)bytes) + (long long)bytes;
    long long most = atomic_load(&peak);
    while (now > most && !atomic_compare_exchange_weak(&peak, &most, now)) {
    }
    return p;
}

static void gave(void *p) {
    if (!atomic_load_explicit(&counting, memory_order_relaxed) || p == NULL) return;
    atomic_fetch_sub(&live, (long long)malloc_usable_size(p));
}

PERFLAB_EXPORT void *malloc(size_t bytes) {
    return took(__libc_malloc(bytes));
}

PERFLAB_EXPORT void *calloc(size_t n, size_t bytes) {
    return took(__libc_calloc(n, bytes));
}

PERFLAB_EXPORT void *realloc(void *p, size_t bytes) {
    gave(p);
    return took(__libc_realloc(p, bytes));
}

PERFLAB_EXPORT void free(void *p) {
    gave(p);
    __libc_free(p);
}

PERFLAB_EXPORT void *memalign(size_t align, size_t bytes) {
    return took(__libc_memalign(align, bytes));
}

PERFLAB_EXPORT void *aligned_alloc(size_t align, size_t bytes) {
    return took(__libc_memalign(align, bytes));
}

PERFLAB_EXPORT int posix_memalign(void **p, size_t align, size_t bytes) {
    if (align % sizeof(void *) != 0 || align == 0 || (align & (align - 1)) != 0) return EINVAL;
    void *got = took(__libc_memalign(align, bytes));
    if (got == NULL) return ENOMEM;
    *p = got;
    return 0;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

static void start(void) {
    atomic_store(&calls, 0);
    atomic_store(&total, 0);
    atomic_store(&live, 0);
    atomic_store(&peak, 0);
    atomic_store(&counting, true);
}

static perflab_heap_use stop(void) {
    atomic_store(&counting, false);
    return (perflab_heap_use){atomic_load(&calls), atomic_load(&total), (size_t)atomic_load(&peak)};
}

perflab_heap *heap_meter(void) {
    static perflab_heap meter = {start, stop, {{0, 0, 0}, {0, 0, 0}}};
    return &meter;
}

#else

perflab_heap *heap_meter(void) {
    return NULL;
}

#endif
