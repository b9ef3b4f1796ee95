/* real.c: finds what a libllama exports, and decides whether it is taken over. See real.h. */
#define _GNU_SOURCE
#include "real.h"

#include "../commands/elf_file.h"
#include "../vocab.h"
#include "hooks.h"
#include "probe.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exported so that a drop-in is not mistaken for a libllama. */
extern const char pluck_llama_drop_in[] __attribute__((visibility("default")));
const char pluck_llama_drop_in[] = "Pluck";

/* The versions that the tests run with; PLUCK_LLAMA=strict takes no others. */
static const char *const tested[] = {"b7347",  "b8179", "b8390", "b10068",
                                     "b10361", "0.4.0", "0.5.0"};

bool plk_setting(const char *word) {
    const char *setting = secure_getenv("PLUCK_LLAMA");
    const size_t length = strlen(word);
    while (setting) {
        const char *comma = strchr(setting, ',');
        size_t n = comma ? (size_t)(comma - setting) : strlen(setting);
        if (n == length && strncmp(setting, word, n) == 0) return true;
        setting = comma ? comma + 1 : NULL;
    }
    return false;
}

const char *plk_kind_name(pluck_stage_kind kind) {
    switch (kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        return "logit-bias";
    case PLUCK_STAGE_PENALTIES:
        return "penalties";
    case PLUCK_STAGE_DRY:
        return "dry";
    case PLUCK_STAGE_TOP_N_SIGMA:
        return "top-n-sigma";
    case PLUCK_STAGE_TOP_K:
        return "top-k";
    case PLUCK_STAGE_TYPICAL:
        return "typical";
    case PLUCK_STAGE_TOP_P:
        return "top-p";
    case PLUCK_STAGE_MIN_P:
        return "min-p";
    case PLUCK_STAGE_XTC:
        return "xtc";
    case PLUCK_STAGE_TEMPERATURE:
        return "temp";
    case PLUCK_STAGE_INFILL:
        return "infill";
    case PLUCK_STAGE_GREEDY:
        return "greedy";
    case PLUCK_STAGE_DIST:
        return "dist";
    case PLUCK_STAGE_MIROSTAT:
        return "mirostat";
    case PLUCK_STAGE_MIROSTAT_V2:
        return "mirostat-v2";
    case PLUCK_STAGE_ADAPTIVE_P:
        return "adaptive-p";
    default:
        return "?";
    }
}

/* ---- The vocabulary's functions, of whichever libllama is meant ------------------------------ */

static int32_t n_tokens(const struct llama_vocab *vocab) {
    return plk_libllama.vocab_n_tokens(vocab);
}

static int32_t tokenize(const struct llama_vocab *vocab, const char *text, int32_t length,
                        llama_token *tokens, int32_t n_max, bool add_special, bool parse_special) {
    return plk_libllama.tokenize(vocab, text, length, tokens, n_max, add_special, parse_special);
}

static int32_t detokenize(const struct llama_vocab *vocab, const llama_token *tokens, int32_t n,
                          char *text, int32_t length, bool remove_special, bool unparse_special) {
    return plk_libllama.detokenize(vocab, tokens, n, text, length, remove_special, unparse_special);
}

static int32_t token_to_piece(const struct llama_vocab *vocab, llama_token token, char *text,
                              int32_t length, int32_t lstrip, bool special) {
    return plk_libllama.token_to_piece(vocab, token, text, length, lstrip, special);
}

static bool is_eog(const struct llama_vocab *vocab, llama_token token) {
    return plk_libllama.vocab_is_eog(vocab, token);
}

static llama_token eot(const struct llama_vocab *vocab) {
    return plk_libllama.vocab_eot(vocab);
}

static llama_token eos(const struct llama_vocab *vocab) {
    return plk_libllama.vocab_eos(vocab);
}

plk_vocab_api plk_vocab = {
    .n_tokens = n_tokens,
    .tokenize = tokenize,
    .detokenize = detokenize,
    .token_to_piece = token_to_piece,
    .is_eog = is_eog,
    .eot = eot,
    .eos = eos,
};

/* ---- What a libllama exports ----------------------------------------------------------------- */

/* Replacements for functions that older generations lack. */
static llama_token no_sampled_token(struct llama_context *ctx, int32_t i) {
    (void)ctx;
    (void)i;
    return LLAMA_TOKEN_NULL;
}

static float *no_sampled_floats(struct llama_context *ctx, int32_t i) {
    (void)ctx;
    (void)i;
    return NULL;
}

static void no_log(ggml_log_callback *log, void **user_data) {
    *log = NULL;
    *user_data = NULL;
}

/* Is the function missing in some generations? */
static bool is_optional(const char *name) {
    static const char *const optional[] = {"sampler_init_adaptive_p", "sampler_copy", "set_sampler",
                                           "log_get"};
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        if (strcmp(name, optional[i]) == 0) return true;
    }
    return strncmp(name, "get_sampled_", 12) == 0;
}

/* Looks up all functions of libllama that are needed. Returns the name of one that is missing, or
 * NULL. */
static const char *load_functions(plk_real *library, void *handle) {
    const char *missing = NULL;
#define PLK_LOAD(name)                                                                             \
    do {                                                                                           \
        plk_function f = plk_to_function(dlsym(handle, "llama_" #name));                           \
        memcpy(&library->name, &f, sizeof f);                                                      \
        if (!f && !is_optional(#name)) missing = "llama_" #name;                                   \
    } while (0);
    PLK_HOOKED(PLK_LOAD)
    PLK_CALLED(PLK_LOAD)
#undef PLK_LOAD
    library->generation = library->sampler_copy  ? PLK_GENERATION_12
                          : library->set_sampler ? PLK_GENERATION_10
                                                 : PLK_GENERATION_6;
    if (!library->get_sampled_token_ith) library->get_sampled_token_ith = no_sampled_token;
    if (!library->get_sampled_probs_ith) library->get_sampled_probs_ith = no_sampled_floats;
    if (!library->get_sampled_logits_ith) library->get_sampled_logits_ith = no_sampled_floats;
    if (!library->log_get) library->log_get = no_log;
    return missing;
}

static void *nothing(void) {
    return NULL;
}

static plk_function own_function(void *handle, const char *name) {
    void *symbol = dlsym(handle, name);
    if (!symbol) symbol = dlsym(RTLD_NEXT, name);
    return symbol ? plk_to_function(symbol) : (plk_function)nothing;
}

/* Fills in where calls go, by slot. A function that the library lacks may be found in another. */
static void point_slots(plk_real *library, void *handle) {
    size_t i = 0;
#define PLK_POINT(name)                                                                            \
    do {                                                                                           \
        plk_function own = own_function(handle, "llama_" #name);                                   \
        library->own[i] = library->inside[i] = own;                                                \
        library->ours[i++] = own == (plk_function)nothing ? own : (plk_function)plk_hook_##name;   \
    } while (0);
    PLK_HOOKED(PLK_POINT)
#undef PLK_POINT
#define PLK_POINT(name)                                                                            \
    do {                                                                                           \
        plk_function own = own_function(handle, "llama_" #name);                                   \
        library->own[i] = library->inside[i] = library->ours[i] = own;                             \
        i++;                                                                                       \
    } while (0);
    PLK_WATCHED(PLK_POINT)
#undef PLK_POINT
    /* a chain frees what it owns through this, and there may be nodes for it */
    library->inside[PLK_SLOT_sampler_free] = (plk_function)plk_hook_sampler_free;
    /* a program may call a chain's apply directly, not through llama_sampler_apply, on a loan */
    library->inside[PLK_SLOT_sampler_apply] = (plk_function)plk_hook_apply_inside;
}

static int find_range(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    plk_real *library = data;
    uintptr_t begin = UINTPTR_MAX, end = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD) continue;
        uintptr_t at = (uintptr_t)(info->dlpi_addr + header->p_vaddr);
        begin = at < begin ? at : begin;
        end = at + header->p_memsz > end ? at + header->p_memsz : end;
    }
    if (library->begin < begin || library->begin >= end) return 0;
    library->begin = begin;
    library->end = end;
    return 1;
}

/* The library's soname, also if `pluck llama-dir` has taken it away; NULL if it has none. */
static const char *soname_of(void *symbol) {
    Dl_info info;
    void *found = NULL;
    if (!dladdr1(symbol, &info, &found, RTLD_DL_LINKMAP)) return NULL;
    const struct link_map *map = found;
    const char *strings = NULL, *name = NULL;
    for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_STRTAB) strings = (const char *)d->d_un.d_ptr;
    }
    for (const ElfW(Dyn) *d = map->l_ld; strings && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SONAME || d->d_tag == PLK_WAS_SONAME) name = strings + d->d_un.d_val;
    }
    return name;
}

/* The number behind `before` in a name; 0 if there is none. */
static int number_behind(const char *name, const char *before) {
    const char *at = name ? strstr(name, before) : NULL;
    long n = at ? strtol(at + strlen(before), NULL, 10) : 0;
    return n > 0 && n <= INT_MAX ? (int)n : 0;
}

/* The build number in a name such as libllama.b7347.so.0 or libllama.so.0.0.8064. */
static int build_in(const char *name) {
    int build = number_behind(name, ".b");
    return build > 0 ? build : number_behind(name, ".so.0.0.");
}

/* Finds the version: what llama_version returns or, in versions that lack it, the build number. */
static void find_version(plk_real *library, void *handle, void *symbol) {
    const char *(*get_version)(void) = NULL;
    plk_function f = plk_to_function(dlsym(handle, "llama_version"));
    memcpy(&get_version, &f, sizeof f);
    char *file = realpath(library->path, NULL);
    int build = build_in(soname_of(symbol));
    if (build == 0 && file) build = build_in(strrchr(file, '/'));
    if (get_version)
        snprintf(library->version, sizeof library->version, "%s", get_version());
    else if (build > 0)
        snprintf(library->version, sizeof library->version, "b%d", build);
    else
        snprintf(library->version, sizeof library->version, "of unknown version");
    free(file);
}

bool plk_real_open(plk_real *library, void *symbol) {
    Dl_info info;
    if (!dladdr(symbol, &info) || !info.dli_fname) return false;
    void *handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD); /* not closed: it must stay
                                                                       loaded */
    library->path = handle ? strdup(info.dli_fname) : NULL;
    if (!library->path) {
        if (handle) dlclose(handle);
        return false;
    }
    library->begin = (uintptr_t)info.dli_fbase;
    dl_iterate_phdr(find_range, library);
    library->missing = load_functions(library, handle);
    point_slots(library, handle);
    find_version(library, handle, symbol);
    void *mark = dlsym(handle, "pluck_llama_drop_in");
    uintptr_t at = (uintptr_t)mark;
    library->is_drop_in = at >= library->begin && at < library->end;
    return library->end != 0;
}

/* ---- Taking over ----------------------------------------------------------------------------- */

static bool is_tested(const char *version) {
    for (size_t i = 0; i < sizeof tested / sizeof tested[0]; i++) {
        size_t n = strlen(tested[i]);
        if (strncmp(version, tested[i], n) == 0 && (version[n] < '0' || version[n] > '9'))
            return true;
    }
    return false;
}

/* The kinds of samplers that the library has, as bits. */
static uint32_t kinds_of(const plk_real *library) {
    uint32_t kinds = 0;
    for (int kind = PLUCK_STAGE_LOGIT_BIAS; kind <= PLUCK_STAGE_ADAPTIVE_P; kind++) {
        if (strcmp(plk_kind_name((pluck_stage_kind)kind), "?") != 0) kinds |= 1u << kind;
    }
    if (!library->sampler_init_adaptive_p) kinds &= ~(1u << PLUCK_STAGE_ADAPTIVE_P);
    return kinds;
}

/* Lists the samplers of a set by name, separated by commas. */
static void list_kinds(uint32_t kinds, char *out, size_t size) {
    size_t n = 0;
    out[0] = '\0';
    for (int kind = 0; kind < 32; kind++) {
        if (!(kinds >> kind & 1) || n >= size) continue;
        n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? ", " : "",
                              plk_kind_name((pluck_stage_kind)kind));
    }
}

/* Prints why the library is left alone: `what` followed by `more`. */
static void leave_alone(const plk_real *library, const char *what, const char *more) {
    fprintf(stderr, "pluck: the samplers of libllama %s (%s) are left alone: %s%s\n",
            library->version, library->path, what, more);
}

void plk_real_take_over(plk_real *library) {
    if (library->is_drop_in || plk_setting("off") || plk_setting("0")) return;
    if (library->missing) {
        leave_alone(library, "it does not export ", library->missing);
        return;
    }
    if (plk_setting("strict") && !is_tested(library->version)) {
        leave_alone(library, "PLUCK_LLAMA=strict takes only versions that were tested", "");
        return;
    }
    plk_probe(library);
    if (library->penalties_lack_n_vocab)
        library->ours[PLK_SLOT_sampler_init_penalties] =
            (plk_function)plk_hook_penalties_without_n_vocab;
    if (library->dry_has_n_ctx)
        library->ours[PLK_SLOT_sampler_init_dry] = (plk_function)plk_hook_dry_with_n_ctx;
    const uint32_t kinds = kinds_of(library), off = library->kept_off & kinds;
    if (off == (kinds & ~(1u << PLUCK_STAGE_INFILL))) { /* infill is compared later */
        leave_alone(library, "all of them give other results than Pluck's", "");
        return;
    }
    library->log = plk_setting("log"); /* not earlier: the probe makes chains, too */
    char names[256];
    list_kinds(off, names, sizeof names);
    if (library->log) {
        fprintf(stderr, "pluck: the samplers of libllama %s (%s) are taken over\n",
                library->version, library->path);
        if (off) fprintf(stderr, "pluck: left to libllama, since its results differ: %s\n", names);
    }
    atomic_store_explicit(&library->taken, true, memory_order_release);
}
