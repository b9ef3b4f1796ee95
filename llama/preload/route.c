/* route.c: see route.h. */
#define _GNU_SOURCE
#include "route.h"

#include "lend.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

__attribute__((tls_model("initial-exec"))) _Thread_local plk_real *plk_library;

/* Any function of ours; the loader finds our own object by it. */
#define OURSELVES plk_to_object((plk_function)plk_route)

/* The function that makes an object a libllama. */
#define LANDMARK "llama_sampler_chain_init"

/* ---- What is known so far ----------------------------------------------------------------------
 * Read without a lock, and only ever added to. */

/* An object, and the library that its calls are meant for. */
typedef struct caller {
    struct caller *next;
    const void *map, *begin; /* the loader's record and the address: both must match */
    plk_real *library;
} caller;

static _Atomic(plk_real *) libraries; /* newest first */
static _Atomic(plk_real *) first_library;
static _Atomic(caller *) callers;

/* Guards additions. Recursive, since looking at a libllama calls functions that have stubs. */
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void before_fork(void) {
    pthread_mutex_lock(&mutex);
}

static void after_fork(void) {
    pthread_mutex_unlock(&mutex);
}

/* A recursive mutex can only be unlocked by the thread that locked it, and to the mutex the thread
 * of the child is another one. */
static void after_fork_in_child(void) {
    mutex = (pthread_mutex_t)PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
}

/* Finds the object of an address without a lock; in glibc 2.35 and later. */
#ifdef DLFO_EH_SEGMENT_TYPE
static int (*find_object_fast)(void *, struct dl_find_object *);
#endif

__attribute__((constructor)) static void prepare(void) {
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
#ifdef DLFO_EH_SEGMENT_TYPE
    void *symbol = dlsym(RTLD_DEFAULT, "_dl_find_object");
    memcpy(&find_object_fast, &symbol, sizeof symbol);
#endif
}

/* ---- Looking through the loaded objects ------------------------------------------------------ */

/* The loader's record of the object that contains `address`, and where that object begins. NULL if
 * no object does, as for code that was compiled at run time. */
static const struct link_map *map_of(const void *address, const void **begin) {
    Dl_info info;
    void *map = NULL;
    if (!dladdr1(address, &info, &map, RTLD_DL_LINKMAP)) return NULL;
    *begin = info.dli_fbase;
    return map;
}

/* The landmark of the libllama that the named object is, or is linked with; NULL if there is
 * none. */
static void *landmark_in(const char *name) {
    void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    void *symbol = handle ? dlsym(handle, LANDMARK) : NULL;
    Dl_info self, info;
    bool other = symbol && dladdr(OURSELVES, &self) && dladdr(symbol, &info) &&
                 info.dli_fbase != self.dli_fbase;
    if (handle) dlclose(handle);
    return other ? symbol : NULL;
}

/* The same among the libraries that an object is linked with and whose names begin with
 * `prefix`. */
static void *landmark_in_needed(const struct link_map *map, const char *prefix) {
    const char *strings = NULL;
    for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_STRTAB) strings = (const char *)d->d_un.d_ptr;
    }
    void *found = NULL;
    for (const ElfW(Dyn) *d = map->l_ld; strings && !found && d->d_tag != DT_NULL; d++) {
        const char *name = strings + d->d_un.d_val;
        if (d->d_tag == DT_NEEDED && strncmp(name, prefix, strlen(prefix)) == 0)
            found = landmark_in(name);
    }
    return found;
}

typedef struct name_list {
    char **names;
    size_t n, capacity;
} name_list;

static int collect_name(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    name_list *list = data;
    if (!info->dlpi_name || !info->dlpi_name[0]) return 0;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        char **names = realloc(list->names, capacity * sizeof *names);
        if (!names) return 1;
        list->names = names;
        list->capacity = capacity;
    }
    char *copy = strdup(info->dlpi_name);
    if (!copy) return 1;
    list->names[list->n++] = copy;
    return 0;
}

/* The first libllama of the process, in load order. A program may have loaded it privately, so that
 * it cannot be found by a symbol. */
static void *first_landmark(void) {
    name_list list = {0};
    dl_iterate_phdr(collect_name, &list);
    void *found = NULL;
    for (size_t i = 0; i < list.n; i++) {
        if (!found) found = landmark_in(list.names[i]);
        free(list.names[i]);
    }
    free(list.names);
    return found;
}

/* ---- Adding ---------------------------------------------------------------------------------- */

static void add_caller(const void *map, const void *begin, plk_real *library) {
    caller *new = malloc(sizeof *new);
    if (!new) return; /* it will be looked up again */
    *new = (caller){atomic_load(&callers), map, begin, library};
    atomic_store(&callers, new);
}

/* The landmark of the libllama behind the drop-in of `pluck llama-dir`; NULL in a drop-in that is
 * preloaded. */
static void *landmark_behind(void) {
    const void *begin;
    const struct link_map *self = map_of(OURSELVES, &begin);
    return self ? landmark_in_needed(self, PLK_BEHIND) : NULL;
}

/* The library of a landmark; a new one is taken over. NULL if out of memory. */
static plk_real *library_of(void *symbol) {
    uintptr_t at = (uintptr_t)symbol;
    for (plk_real *known = atomic_load(&libraries); known; known = known->next) {
        if (at >= known->begin && at < known->end) return known;
    }
    plk_real *library = calloc(1, sizeof *library);
    if (!library || !plk_real_open(library, symbol)) {
        free(library);
        return NULL;
    }
    library->next = atomic_load(&libraries);
    atomic_store(&libraries, library);
    /* if it is behind another drop-in, that one takes its samplers over */
    if (strstr(library->path, "/" PLK_BEHIND) && !landmark_behind()) library->is_drop_in = true;
    if (!atomic_load(&first_library)) atomic_store(&first_library, library);
    plk_real *before = plk_library;
    plk_library = library;
    plk_real_take_over(library);
    plk_library = before;
    return library;
}

/* Finds the library that the object's calls are meant for, and remembers it. NULL if there is no
 * libllama. */
static plk_real *find_library(const struct link_map *map, const void *begin) {
    pthread_mutex_lock(&mutex);
    void *symbol = landmark_behind();
    bool sure = symbol != NULL;
    if (!symbol && map) {
        symbol = map->l_name[0] ? landmark_in(map->l_name) : landmark_in_needed(map, "");
        sure = symbol != NULL;
    }
    plk_real *library = atomic_load(&first_library);
    if (symbol || !library) {
        if (!symbol) symbol = first_landmark();
        library = symbol ? library_of(symbol) : NULL;
    }
    if (map && library) add_caller(map, begin, sure ? library : NULL);
    pthread_mutex_unlock(&mutex);
    return library;
}

/* ---- Answering ------------------------------------------------------------------------------- */

static bool find_object(const void *address, const struct link_map **map, const void **begin) {
#ifdef DLFO_EH_SEGMENT_TYPE
    struct dl_find_object object;
    if (find_object_fast) {
        if (find_object_fast((void *)(uintptr_t)address, &object) != 0) return false;
        *map = object.dlfo_link_map;
        *begin = object.dlfo_map_start;
        return true;
    }
#endif
    *map = map_of(address, begin);
    return *map != NULL;
}

/* Is the first argument of the function a sampler? */
static bool takes_sampler(size_t slot) {
    switch (slot) {
    case PLK_SLOT_sampler_chain_add:
    case PLK_SLOT_sampler_chain_remove:
    case PLK_SLOT_sampler_apply:
    case PLK_SLOT_sampler_accept:
    case PLK_SLOT_sampler_reset:
    case PLK_SLOT_sampler_clone:
    case PLK_SLOT_sampler_copy:
    case PLK_SLOT_sampler_free:
    case PLK_SLOT_sampler_sample:
    case PLK_SLOT_perf_sampler:
    case PLK_SLOT_perf_sampler_print:
    case PLK_SLOT_perf_sampler_reset:
        return true;
    default:
        return false;
    }
}

static plk_real *library_at(uintptr_t at) {
    plk_real *library = atomic_load_explicit(&libraries, memory_order_acquire);
    while (library && !(at >= library->begin && at < library->end)) library = library->next;
    return library;
}

/* The library that is meant by a caller that is linked with none. */
static plk_real *meant_by_argument(size_t slot, const void *first) {
    const struct llama_sampler *sampler = takes_sampler(slot) ? first : NULL;
    plk_real *library = sampler ? library_at((uintptr_t)sampler->iface) : NULL;
    return library ? library : atomic_load(&first_library);
}

static plk_real *meant(size_t slot, const void *return_address, const void *first) {
    const struct link_map *map = NULL;
    const void *begin = NULL;
    bool known = find_object(return_address, &map, &begin);
    if (!known) {
        plk_real *library = meant_by_argument(slot, first);
        return library ? library : find_library(NULL, NULL);
    }
    for (const caller *c = atomic_load_explicit(&callers, memory_order_acquire); c; c = c->next) {
        if (c->map == map && c->begin == begin)
            return c->library ? c->library : meant_by_argument(slot, first);
    }
    return find_library(map, begin);
}

static void *nothing(void) {
    return NULL;
}

/* Is the return address in our own object? We never call a stub. But if a function of libllama that
 * we called ends with a jump to a stub, the call seems to come from us. */
static bool is_our_own(uintptr_t at) {
    extern const char __ehdr_start[] __attribute__((visibility("hidden")));
    extern const char _end[] __attribute__((visibility("hidden")));
    return at >= (uintptr_t)__ehdr_start && at < (uintptr_t)_end;
}

void *plk_route(size_t slot, const void *return_address, const void *first) {
    const uintptr_t at = (uintptr_t)return_address;
    plk_real *library = is_our_own(at) ? plk_library : library_at(at);
    const bool inside = library != NULL;
    if (!library) library = meant(slot, return_address, first);
    if (!library) return plk_to_object((plk_function)nothing);
    if (inside || (at >= library->begin && at < library->end)) {
        if (!plk_library) plk_library = library; /* else a call of ours is running */
        return plk_to_object(library->inside[slot]);
    }
    plk_library = library;
    bool taken = atomic_load_explicit(&library->taken, memory_order_acquire);
    if (taken && slot >= PLK_SLOT_get_logits) plk_watch(slot, first);
    return plk_to_object(taken ? library->ours[slot] : library->own[slot]);
}
