/*
 * guard.c: maps one region and protects its first and last page.
 */
#define _DEFAULT_SOURCE
#include "guard.h"

#include <stdio.h>
#include <stdlib.h>
#if defined(_WIN32)
#include <windows.h>

/* The few functions of POSIX that are needed, made of those of Windows. */
enum { PROT_NONE = PAGE_NOACCESS, PROT_READ = PAGE_READONLY, PAGE_SIZE_HERE = 4096 };

static void *map_memory(size_t size) {
    return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static int mprotect(void *at, size_t size, int protection) {
    DWORD before;
    return VirtualProtect(at, size, (DWORD)protection, &before) ? 0 : -1;
}

static void unmap_memory(void *at, size_t size) {
    (void)size;
    (void)VirtualFree(at, 0, MEM_RELEASE);
}

static size_t page_size(void) {
    return PAGE_SIZE_HERE;
}
#else
#include <sys/mman.h>
#include <unistd.h>

static void *map_memory(size_t size) {
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return NULL;
    return map;
}

static void unmap_memory(void *at, size_t size) {
    (void)munmap(at, size);
}

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}
#endif

static void fail(const char *what) {
    perror(what);
    abort();
}

guard guard_open(size_t size, bool at_end) {
    const size_t page = page_size();
    const size_t inner = (size + page - 1) / page * page + (size == 0 ? page : 0);
    guard g = {NULL, inner + 2 * page, NULL};
    g.map = map_memory(g.mapped);
    if (!g.map) fail("mmap");
    if (mprotect(g.map, page, PROT_NONE) || mprotect(g.map + page + inner, page, PROT_NONE)) {
        fail("mprotect");
    }
    g.data = at_end ? g.map + page + inner - size : g.map + page;
    return g;
}

void guard_seal(guard *g) {
    const size_t page = page_size();
    if (mprotect(g->map + page, g->mapped - 2 * page, PROT_READ)) fail("mprotect");
}

void guard_close(guard *g) {
    unmap_memory(g->map, g->mapped);
    g->map = NULL;
}
