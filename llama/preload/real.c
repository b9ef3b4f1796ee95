/* real.c: finds libllama and points the stubs. See real.h. */
#define _GNU_SOURCE
#include "real.h"

#include "../vocab.h"
#include "hooks.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The version whose samplers the drop-in knows. */
#define KNOWN_VERSION "0.5.0"

plk_real plk_libllama;
plk_vocab_api plk_vocab;
extern void (*plk_slots[])(void);
void plk_resolve(void);

static pthread_once_t once = PTHREAD_ONCE_INIT;

typedef void (*function)(void);

/* Object and function pointers do not convert into each other in C; POSIX says they do here. */
static function to_function(void *object) {
    function f;
    memcpy(&f, &object, sizeof f);
    return f;
}

static void *to_object(function f) {
    void *object;
    memcpy(&object, &f, sizeof object);
    return object;
}

/* ---- Looking through the loaded objects --------------------------------------------------------
 */

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
    const size_t name_size = strlen(info->dlpi_name) + 1;
    char *copy = malloc(name_size);
    if (!copy) return 1;
    memcpy(copy, info->dlpi_name, name_size);
    list->names[list->n++] = copy;
    return 0;
}

typedef struct range {
    void *base;
    uintptr_t begin, end;
} range;

static int find_range(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    range *r = data;
    uintptr_t begin = UINTPTR_MAX, end = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD) continue;
        uintptr_t at = (uintptr_t)(info->dlpi_addr + header->p_vaddr);
        begin = at < begin ? at : begin;
        end = at + header->p_memsz > end ? at + header->p_memsz : end;
    }
    uintptr_t base = (uintptr_t)r->base;
    if (base < begin || base >= end) return 0;
    r->begin = begin;
    r->end = end;
    return 1;
}

/* A handle on the object that defines llama_sampler_chain_init and is not this one; NULL if none.
 */
static void *find_libllama(range *where) {
    Dl_info self;
    if (!dladdr(to_object((function)plk_resolve), &self)) return NULL;
    name_list list = {0};
    dl_iterate_phdr(collect_name, &list);
    void *found = NULL;
    for (size_t i = 0; i < list.n; i++) {
        void *handle = found ? NULL : dlopen(list.names[i], RTLD_LAZY | RTLD_NOLOAD);
        void *symbol = handle ? dlsym(handle, "llama_sampler_chain_init") : NULL;
        Dl_info info;
        if (symbol && dladdr(symbol, &info) && info.dli_fbase != self.dli_fbase) {
            found = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
            where->base = info.dli_fbase;
        }
        if (handle) dlclose(handle);
        free(list.names[i]);
    }
    free(list.names);
    if (found) dl_iterate_phdr(find_range, where);
    return found;
}

/* ---- Pointing the stubs ------------------------------------------------------------------------
 */

static void *nothing(void) {
    return NULL;
}

/* All of libllama's functions that are needed; false where one is missing. */
static bool load_functions(void *handle) {
    bool complete = true;
#define PLK_LOAD(name)                                                                             \
    do {                                                                                           \
        function f = to_function(dlsym(handle, "llama_" #name));                                   \
        memcpy(&plk_libllama.name, &f, sizeof f);                                                  \
        complete = complete && f;                                                                  \
    } while (0);
    PLK_HOOKED(PLK_LOAD)
    PLK_CALLED(PLK_LOAD)
#undef PLK_LOAD
    plk_vocab = (plk_vocab_api){
        .n_tokens = plk_libllama.vocab_n_tokens,
        .tokenize = plk_libllama.tokenize,
        .detokenize = plk_libllama.detokenize,
        .token_to_piece = plk_libllama.token_to_piece,
        .is_eog = plk_libllama.vocab_is_eog,
        .eot = plk_libllama.vocab_eot,
        .eos = plk_libllama.vocab_eos,
    };
    return complete;
}

/* The slots in their order: ours, or libllama's own. */
static void point_slots(bool ours) {
    size_t i = 0;
#define PLK_POINT(name)                                                                            \
    do {                                                                                           \
        function real;                                                                             \
        memcpy(&real, &plk_libllama.name, sizeof real);                                            \
        if (!real) real = (function)nothing;                                                       \
        plk_slots[i++] = ours ? (function)plk_hook_##name : real;                                  \
    } while (0);
    PLK_HOOKED(PLK_POINT)
#undef PLK_POINT
}

static bool version_is_known(const char *version) {
    size_t n = strlen(KNOWN_VERSION);
    return strncmp(version, KNOWN_VERSION, n) == 0 && (version[n] < '0' || version[n] > '9');
}

static void resolve(void) {
    range where = {0};
    void *handle = find_libllama(&where);
    if (!handle) {
        point_slots(false);
        return;
    }
    bool complete = load_functions(handle);
    const char *(*get_version)(void) = NULL;
    function f = to_function(dlsym(handle, "llama_version"));
    memcpy(&get_version, &f, sizeof f);
    const char *version = get_version ? get_version() : "unknown";
    const char *mode = getenv("PLUCK_LLAMA");
    bool ours = !(mode && (strcmp(mode, "off") == 0 || strcmp(mode, "0") == 0));
    plk_libllama.log = mode && strcmp(mode, "log") == 0;
    plk_libllama.begin = where.begin;
    plk_libllama.end = where.end;
    if (ours && (!version_is_known(version) || !complete || where.end == 0)) {
        fprintf(stderr, "pluck: libllama is version %s, not %s; its samplers are left alone\n",
                version, KNOWN_VERSION);
        ours = false;
    }
    if (ours && plk_libllama.log) {
        Dl_info info;
        bool named = dladdr(where.base, &info) && info.dli_fname;
        fprintf(stderr, "pluck: the samplers of libllama %s (%s) are taken over\n", version,
                named ? info.dli_fname : "?");
    }
    point_slots(ours);
}

void plk_resolve(void) {
    pthread_once(&once, resolve);
}
