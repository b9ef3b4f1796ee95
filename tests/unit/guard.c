/*
 * guard.c: maps one region and protects its first and last page.
 */
#define _DEFAULT_SOURCE
#include "guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    abort();
}

guard guard_open(size_t size, bool at_end) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t inner = (size + page - 1) / page * page + (size == 0 ? page : 0);
    guard g = {NULL, inner + 2 * page, NULL};
    void *map = mmap(NULL, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) fail("mmap");
    g.map = map;
    if (mprotect(g.map, page, PROT_NONE) || mprotect(g.map + page + inner, page, PROT_NONE)) {
        fail("mprotect");
    }
    g.data = at_end ? g.map + page + inner - size : g.map + page;
    return g;
}

void guard_seal(guard *g) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (mprotect(g->map + page, g->mapped - 2 * page, PROT_READ)) fail("mprotect");
}

void guard_close(guard *g) {
    munmap(g->map, g->mapped);
    g->map = NULL;
}
