/*
 * loads.c - the files of a loaded module: itself and, through DT_NEEDED, its libraries.
 *
 * They come from the loader's own list, so that a library is the file that the loader found: by
 * RUNPATH, LD_LIBRARY_PATH, or because the process had it already.
 */
#include "job.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OBJECTS = 256 };

#if __ELF_NATIVE_CLASS == 64
typedef Elf64_Addr elf_address;
typedef Elf64_Dyn elf_dynamic;
#else
typedef Elf32_Addr elf_address;
typedef Elf32_Dyn elf_dynamic;
#endif

/* A value of an object's dynamic section; 0 if it has none. */
static elf_address dynamic_value(const struct link_map *m, int tag) {
    for (const elf_dynamic *d = m->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == tag) return d->d_un.d_ptr;
    }
    return 0;
}

/* The object's strings. Some loaders leave an offset here, others add the load address to it. */
static const char *strings_of(const struct link_map *m) {
    elf_address at = dynamic_value(m, DT_STRTAB);
    if (at < m->l_addr) at += m->l_addr;
    return (const char *)at;
}

static bool is_called(const struct link_map *m, const char *name) {
    const char *slash = strrchr(m->l_name, '/');
    const elf_address soname = dynamic_value(m, DT_SONAME);
    return strcmp(m->l_name, name) == 0 ||
           strcmp(slash != NULL ? slash + 1 : m->l_name, name) == 0 ||
           (soname != 0 && strcmp(strings_of(m) + soname, name) == 0);
}

/* Adds the libraries that an object needs to the list. Returns its new length. */
static size_t add_needed(const struct link_map *of, const struct link_map *all,
                         const struct link_map **list, size_t n) {
    const char *strings = strings_of(of);
    for (const elf_dynamic *d = of->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag != DT_NEEDED) continue;
        for (const struct link_map *m = all; m != NULL && n < MAX_OBJECTS; m = m->l_next) {
            bool known = false;
            if (m->l_name[0] == '\0' || !is_called(m, strings + d->d_un.d_val)) continue;
            for (size_t i = 0; i < n; i++) known = known || list[i] == m;
            if (!known) list[n++] = m;
            break;
        }
    }
    return n;
}

cJSON *worker_loads(const char *path) {
    const struct link_map *list[MAX_OBJECTS];
    struct link_map *module = NULL;
    cJSON *out = cJSON_CreateArray();
    void *handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (handle == NULL || dlinfo(handle, RTLD_DI_LINKMAP, &module) != 0) return out;
    const struct link_map *all = module;
    while (all->l_prev != NULL) all = all->l_prev;
    list[0] = module;
    size_t n = 1;
    for (size_t i = 0; i < n; i++) n = add_needed(list[i], all, list, n);
    for (size_t i = 0; i < n; i++) {
        char *whole = realpath(list[i]->l_name, NULL);
        if (whole != NULL) cJSON_AddItemToArray(out, cJSON_CreateString(whole));
        free(whole);
    }
    dlclose(handle);
    return out;
}
