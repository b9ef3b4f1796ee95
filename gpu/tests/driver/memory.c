/* memory.c: memory on the device and pinned memory. Device addresses are host addresses, so that
 * kernels in plain C can use them; AddressSanitizer is told that nothing else may. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "driver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* Tells AddressSanitizer that nothing may use these bytes. */
static void poison(const void *bytes, size_t size) {
#ifdef HAS_ASAN
    ASAN_POISON_MEMORY_REGION(bytes, size);
#endif
    (void)bytes;
    (void)size;
}

static void unpoison(const void *bytes, size_t size) {
#ifdef HAS_ASAN
    ASAN_UNPOISON_MEMORY_REGION(bytes, size);
#endif
    (void)bytes;
    (void)size;
}

extern driver_control plk_test_driver_control;

enum { PAGE = 4096 };

/* Whole pages, and one that nothing may use. */
static size_t reserved(size_t size) {
    return (size + PAGE - 1) / PAGE * PAGE + PAGE;
}

test_memory *memory_at(uint64_t address, object_kind kind) {
    for (test_object *o = first_object(); o; o = o->next) {
        test_memory *m = (test_memory *)o;
        if (o->kind == kind && address >= (uintptr_t)m->bytes &&
            address - (uintptr_t)m->bytes < m->size)
            return m;
    }
    return NULL;
}

bool device_may_use(uint64_t address, size_t size) {
    const test_memory *m = memory_at(address, OBJECT_MEMORY);
    if (!m) m = memory_at(address, OBJECT_HOST);
    return m && (m->mapped || m->base.kind == OBJECT_MEMORY) &&
           m->base.owner == current_context() &&
           size <= m->size - (size_t)(address - (uintptr_t)m->bytes);
}

void allow_memory(bool allowed) {
    for (test_object *o = first_object(); o; o = o->next) {
        test_memory *m = (test_memory *)o;
        if (o->kind != OBJECT_MEMORY) continue;
        if (allowed)
            unpoison(m->bytes, m->size);
        else
            poison(m->bytes, m->size);
    }
}

static size_t device_bytes(void) {
    size_t sum = 0;
    for (test_object *o = first_object(); o; o = o->next)
        if (o->kind == OBJECT_MEMORY) sum += ((const test_memory *)o)->size;
    return sum;
}

/* Memory whose content is undefined. */
static test_memory *allocate(object_kind kind, size_t size) {
    test_memory *m = add_object(kind, sizeof *m, current_context());
    const size_t pages = reserved(size) - PAGE;
    void *bytes = mmap(NULL, reserved(size), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED || mprotect(bytes, pages, PROT_READ | PROT_WRITE) != 0) abort();
    m->bytes = bytes;
    m->size = size;
    memset(m->bytes, 0xA5, pages);
    poison(m->bytes + size, pages - size);
    if (kind == OBJECT_MEMORY) poison(m->bytes, size);
    return m;
}

/* Its addresses stay reserved, so that they are not given out again: what still uses them is found. */
void free_memory_of(test_memory *m) {
    const size_t pages = reserved(m->size) - PAGE;
    unpoison(m->bytes, pages);
    if (madvise(m->bytes, pages, MADV_DONTNEED) != 0 || mprotect(m->bytes, pages, PROT_NONE) != 0)
        abort();
}

CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size) {
    CUresult r = enter(__func__, IN_CONTEXT);
    if (r != CUDA_SUCCESS) return leave(r);
    if (size == 0) return leave(misuse(CUDA_ERROR_INVALID_VALUE, "0 bytes"));
    if (size > plk_test_driver_control.device_memory - device_bytes())
        return leave(CUDA_ERROR_OUT_OF_MEMORY);
    *pointer = (uintptr_t)allocate(OBJECT_MEMORY, size)->bytes;
    return leave(r);
}

/* Frees the memory that begins at the address, even if the call fails for another reason. */
static CUresult free_at(CUresult r, uint64_t address, object_kind kind) {
    test_memory *m = memory_at(address, kind);
    if (!m || (uintptr_t)m->bytes != address)
        return misuse(CUDA_ERROR_INVALID_VALUE, "%#llx is not what was allocated",
                      (unsigned long long)address);
    if (m->base.owner != current_context())
        return misuse(CUDA_ERROR_INVALID_VALUE, "it was allocated in another context");
    if (is_in_use(m)) (void)misuse(r, "work that has not run uses it");
    free_memory_of(m);
    remove_object(m);
    return r;
}

CUresult cuMemFree_v2(CUdeviceptr pointer) {
    return leave(free_at(enter(__func__, IN_CONTEXT), pointer, OBJECT_MEMORY));
}

CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned flags) {
    CUresult r = enter(__func__, IN_CONTEXT);
    test_memory *m;
    if (r != CUDA_SUCCESS) return leave(r);
    if (size == 0 || flags > 7) return leave(misuse(CUDA_ERROR_INVALID_VALUE, "flags %u", flags));
    m = allocate(OBJECT_HOST, size);
    m->mapped = (flags & CU_MEMHOSTALLOC_DEVICEMAP) != 0;
    *pointer = m->bytes;
    return leave(r);
}

CUresult cuMemFreeHost(void *pointer) {
    return leave(free_at(enter(__func__, IN_CONTEXT), (uintptr_t)pointer, OBJECT_HOST));
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *host, unsigned flags) {
    CUresult r = enter(__func__, IN_CONTEXT);
    const test_memory *m = memory_at((uintptr_t)host, OBJECT_HOST);
    if (r != CUDA_SUCCESS) return leave(r);
    if (!m || !m->mapped || flags != 0)
        return leave(misuse(CUDA_ERROR_INVALID_VALUE, "it is not mapped pinned memory"));
    *device = (uintptr_t)host;
    return leave(r);
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr pointer) {
    CUresult r = enter(__func__, IN_CONTEXT);
    const test_memory *m = memory_at(pointer, OBJECT_MEMORY);
    if (r != CUDA_SUCCESS) return leave(r);
    if (!m) return leave(CUDA_ERROR_NOT_FOUND);
    *base = (uintptr_t)m->bytes;
    *size = m->size;
    return leave(r);
}
