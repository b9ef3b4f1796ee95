/*
 * llama_dir.c: `pluck llama-dir`: makes a folder whose libllama is Pluck's, for programs that load
 * libllama by name.
 *
 *     libllama.so                   the drop-in, linked with the next
 *     libllama-behind-pluck-N.so    a copy of the real one without its soname
 *     libllama.so.0, ...            every name of the real one: links to libllama.so
 *     libggml*, libmtmd*, ...       links to what is beside the real one
 *
 * The real one is copied because a loader identifies a library by the soname in its file: it would
 * take the real one for the drop-in, or the drop-in for the real one. N is a hash of the contents,
 * so that a process can use two such folders.
 */
#define _GNU_SOURCE
#include "args.h"
#include "commands.h"
#include "elf_file.h"
#include "facade.h"
#include "llama.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char name[] = "llama-dir";
static const char help[] =
    "Usage: pluck llama-dir DIR [--from LIBDIR]\n"
    "Makes a folder whose libllama.so samples with Pluck, for programs that load it by name: set\n"
    "LLAMA_CPP_LIB_PATH (llama-cpp-python) or LD_LIBRARY_PATH to it, or open DIR/libllama.so.\n\n"
    "  DIR            the folder to make, or one made before: new, empty, or replaced\n"
    "  --from LIBDIR  where libllama.so is, with libggml and whatever else it needs\n"
    "                 (default: the one that this command uses)\n"
    "The folder's links lead to LIBDIR, which must stay where it is.\n";

enum { MAX_PATH = 4096 };

typedef struct job {
    const char *to;
    char from[MAX_PATH]; /* absolute */
    char real[MAX_PATH]; /* libllama's file, links followed */
    char behind[64];     /* the name of its copy */
    char soname[256];    /* libllama's soname; "" if none */
} job;

/* ---- Files ----------------------------------------------------------------------------------- */

static bool join(char *out, const char *folder, const char *file) {
    return snprintf(out, MAX_PATH, "%s/%s", folder, file) < MAX_PATH;
}

static bool write_file(const char *folder, const char *file, const unsigned char *bytes,
                       size_t size) {
    char path[MAX_PATH];
    if (!join(path, folder, file)) return false;
    unlink(path);
    FILE *out = fopen(path, "wb");
    bool written = out && fwrite(bytes, 1, size, out) == size;
    if (out && fclose(out) != 0) written = false;
    return written && chmod(path, 0755) == 0;
}

static bool link_to(const char *folder, const char *file, const char *target) {
    char path[MAX_PATH];
    if (!join(path, folder, file)) return false;
    unlink(path);
    return symlink(target, path) == 0;
}

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* Is it a name of libllama itself: libllama.so, libllama.so.0, libllama.b7347.so.0? */
static bool is_libllama(const char *file) {
    return begins(file, "libllama.") && strstr(file, ".so");
}

/* Is it one of the libraries that come with libllama? */
static bool is_sibling(const char *file) {
    return strstr(file, ".so") && !is_libllama(file) &&
           (begins(file, "libggml") || begins(file, "libmtmd") || begins(file, "libllama-")) &&
           !begins(file, PLK_FACADE_BEHIND);
}

/* readdir is safe here: only this thread reads the folder. */
static struct dirent *next_entry(DIR *folder) {
    return readdir(folder); // cppcheck-suppress readdirCalled
}

/* ---- What there is --------------------------------------------------------------------------- */

/* Finds the folder of the libllama that this program uses. */
static bool own_folder(char *out) {
    void (*known)(void) = llama_backend_init;
    void *address;
    memcpy(&address, &known, sizeof address);
    Dl_info info;
    char path[MAX_PATH];
    if (!dladdr(address, &info) || !info.dli_fname || !strchr(info.dli_fname, '/') ||
        !realpath(info.dli_fname, path))
        return false;
    *strrchr(path, '/') = '\0';
    return snprintf(out, MAX_PATH, "%s", path) < MAX_PATH;
}

static bool same_contents(const char *a, const char *b) {
    plk_elf x, y;
    const char *problem;
    bool both = plk_elf_read(&x, a, &problem);
    if (!both) return false;
    both = plk_elf_read(&y, b, &problem);
    bool same = both && x.size == y.size && memcmp(x.bytes, y.bytes, x.size) == 0;
    plk_elf_free(&x);
    if (both) plk_elf_free(&y);
    return same;
}

/* Finds the file that libllama.so leads to. If there is no libllama.so, finds the one that all its
 * other names lead to; these may be copies, since some packages hold no links. */
static int find_real(job *j) {
    DIR *folder = opendir(j->from);
    if (!folder)
        return plk_failure(name, "cannot read the folder %s: %s", j->from, strerror(errno));
    bool several = false, plain = false;
    for (struct dirent *entry; !plain && (entry = next_entry(folder)) != NULL;) {
        char path[MAX_PATH], real[MAX_PATH];
        if (!is_libllama(entry->d_name) || !join(path, j->from, entry->d_name) ||
            !realpath(path, real))
            continue;
        plain = strcmp(entry->d_name, "libllama.so") == 0;
        several = !plain && (several || (j->real[0] && strcmp(j->real, real) != 0 &&
                                         !same_contents(j->real, real)));
        memcpy(j->real, real, sizeof real);
    }
    closedir(folder);
    if (!j->real[0])
        return plk_failure(name, "there is no libllama in %s (--from names another folder)",
                           j->from);
    if (several)
        return plk_failure(name, "%s holds several libllamas, and none is named libllama.so",
                           j->from);
    return PLK_EXIT_OK;
}

/* Reads the real library, checks that the drop-in can be put before it, and names its copy. */
static int read_real(job *j, plk_elf *elf) {
    const char *problem;
    if (!plk_elf_read(elf, j->real, &problem))
        return plk_failure(name, "%s cannot be used: %s", j->real, problem);
    if (plk_elf_defines(elf, "pluck_llama_drop_in"))
        return plk_failure(name, "%s is Pluck's already", j->real);
    if (!plk_elf_defines(elf, "llama_sampler_chain_init"))
        return plk_failure(name, "%s is not a libllama: it lacks llama_sampler_chain_init",
                           j->real);
    const char *soname = plk_elf_soname(elf);
    snprintf(j->soname, sizeof j->soname, "%s", soname ? soname : "");
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < elf->size; i++) hash = (hash ^ elf->bytes[i]) * 1099511628211u;
    snprintf(j->behind, sizeof j->behind, PLK_FACADE_BEHIND "%016llx.so", (unsigned long long)hash);
    return PLK_EXIT_OK;
}

/* ---- Making ---------------------------------------------------------------------------------- */

/* The folder must be new, empty, or made by this command before; in the last case it is emptied of
 * what the command puts there. */
static int prepare_folder(const char *to) {
    if (mkdir(to, 0755) == 0) return PLK_EXIT_OK;
    if (errno != EEXIST) return plk_failure(name, "cannot make %s: %s", to, strerror(errno));
    DIR *folder = opendir(to);
    if (!folder) return plk_failure(name, "%s is not a folder: %s", to, strerror(errno));
    bool ours = false;
    const char *foreign = NULL;
    char first[256];
    for (struct dirent *entry; (entry = next_entry(folder)) != NULL;) {
        const char *file = entry->d_name;
        if (strcmp(file, ".") == 0 || strcmp(file, "..") == 0) continue;
        ours = ours || begins(file, PLK_FACADE_BEHIND);
        if (!foreign) foreign = memcpy(first, file, strlen(file) + 1);
    }
    if (foreign && !ours) {
        closedir(folder);
        return plk_failure(name, "%s holds other files, such as %s", to, first);
    }
    rewinddir(folder);
    for (struct dirent *entry; (entry = next_entry(folder)) != NULL;) {
        char path[MAX_PATH];
        const char *file = entry->d_name;
        if ((is_libllama(file) || is_sibling(file) || begins(file, PLK_FACADE_BEHIND)) &&
            join(path, to, file))
            unlink(path);
    }
    closedir(folder);
    return PLK_EXIT_OK;
}

/* Writes the drop-in, linked with the copy. It does not export functions that the real one lacks,
 * since programs look for a function to find out what a libllama can do. */
static bool write_facade(const job *j, const plk_elf *real) {
    plk_elf facade = {malloc(plk_facade_size), plk_facade_size};
    if (!facade.bytes) return false;
    memcpy(facade.bytes, plk_facade, facade.size);
    static const char placeholder[] = PLK_FACADE_BEHIND PLK_FACADE_DIGITS ".so";
    void *at = memmem(facade.bytes, facade.size, placeholder, sizeof placeholder);
    bool written = false;
    if (at) {
        memcpy(at, j->behind, sizeof placeholder);
        plk_elf_hide_more_than(&facade, real, "llama_");
        written = write_file(j->to, "libllama.so", facade.bytes, facade.size);
    }
    plk_elf_free(&facade);
    return written;
}

/* Links `as` to a file beside the real library. */
static bool link_beside(const job *j, const char *as, const char *file) {
    char target[MAX_PATH];
    return join(target, j->from, file) && link_to(j->to, as, target);
}

/* Finds the file that a loader would take for this one. Some packages hold copies under several
 * names, which a loader would load as several libraries; so the link leads to the file with the
 * soname. */
static void find_named(const job *j, const char *file, char *named, size_t size) {
    char path[MAX_PATH];
    plk_elf elf;
    const char *problem;
    snprintf(named, size, "%s", file);
    if (!join(path, j->from, file) || !plk_elf_read(&elf, path, &problem)) return;
    const char *soname = plk_elf_soname(&elf);
    if (soname && !strchr(soname, '/') && join(path, j->from, soname) && access(path, F_OK) == 0)
        snprintf(named, size, "%s", soname);
    plk_elf_free(&elf);
}

/* A library with a version in every name, such as libggml.b7347.so, is linked under its plain name,
 * too: programs load it by that. */
static bool link_plain_name(const job *j, const char *file, const char *named) {
    char plain[256], path[MAX_PATH];
    const size_t length = strcspn(file, ".");
    if (length + sizeof ".so" > sizeof plain) return true;
    memcpy(plain, file, length);
    memcpy(plain + length, ".so", sizeof ".so");
    return (join(path, j->from, plain) && access(path, F_OK) == 0) || link_beside(j, plain, named);
}

static bool link_sibling(const job *j, const char *file) {
    char named[256];
    find_named(j, file, named, sizeof named);
    return link_beside(j, file, named) && link_plain_name(j, file, named);
}

/* Links the libraries that the real one is linked with and finds in its own folder, unless that is
 * the system's. */
static bool link_needed(const job *j, const plk_elf *elf) {
    if (begins(j->from, "/usr/lib") || begins(j->from, "/lib")) return true;
    bool made = true;
    for (size_t i = 0; made && i < plk_elf_n_needed(elf); i++) {
        const char *file = plk_elf_needed(elf, i);
        char path[MAX_PATH];
        if (file && !strchr(file, '/') && join(path, j->from, file) && access(path, F_OK) == 0)
            made = link_beside(j, file, file);
    }
    return made;
}

/* Makes links for every name of libllama and for the libraries beside it. */
static bool make_links(const job *j, const plk_elf *elf) {
    DIR *folder = opendir(j->from);
    if (!folder) return false;
    bool made = true;
    for (struct dirent *entry; made && (entry = next_entry(folder)) != NULL;) {
        const char *file = entry->d_name;
        if (is_libllama(file) && strcmp(file, "libllama.so") != 0)
            made = link_to(j->to, file, "libllama.so");
        else if (is_sibling(file))
            made = link_sibling(j, file);
    }
    closedir(folder);
    if (made && j->soname[0] && strcmp(j->soname, "libllama.so") != 0)
        made = link_to(j->to, j->soname, "libllama.so");
    return made && link_needed(j, elf);
}

static int make(job *j) {
    int status = find_real(j);
    plk_elf elf = {0};
    if (status == PLK_EXIT_OK) status = read_real(j, &elf);
    if (status == PLK_EXIT_OK) status = prepare_folder(j->to);
    if (status == PLK_EXIT_OK) {
        plk_elf_drop_soname(&elf);
        if (!write_file(j->to, j->behind, elf.bytes, elf.size) || !write_facade(j, &elf) ||
            !make_links(j, &elf))
            status = plk_failure(name, "cannot write into %s: %s", j->to, strerror(errno));
    }
    plk_elf_free(&elf);
    if (status == PLK_EXIT_OK)
        printf("%s/libllama.so samples with Pluck; behind it is %s\n", j->to, j->real);
    return status;
}

int pluck_cmd_llama_dir(int argc, char **argv) {
    job j = {0};
    const char *from = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            printf("%s", help);
            return PLK_EXIT_OK;
        }
        if (strcmp(argv[i], "--from") == 0 && i + 1 < argc) {
            from = argv[++i];
        } else if (argv[i][0] == '-' || j.to) {
            plk_failure(name, "'%s' is not understood; see pluck llama-dir --help", argv[i]);
            return PLK_EXIT_USAGE;
        } else {
            j.to = argv[i];
        }
    }
    if (!j.to) {
        plk_failure(name, "the folder to make is missing; see pluck llama-dir --help");
        return PLK_EXIT_USAGE;
    }
    if (plk_facade_size == 0) return plk_failure(name, "it exists on x86-64 Linux only");
    if (from ? !realpath(from, j.from) : !own_folder(j.from))
        return plk_failure(name, "there is no folder %s", from ? from : "of libllama");
    return make(&j);
}
