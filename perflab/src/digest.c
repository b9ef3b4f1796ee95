/*
 * digest.c - hashes of the files that a build is made of.
 */
#include "digest.h"
#include "sha256.h"
#include "util.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Lists of paths ----------------------------------------------------------------------- */

bool path_list_add(path_list *list, const char *path) {
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->all[i], path) == 0) return false;
    }
    list->all = must_grow(list->all, (list->n + 1) * sizeof *list->all);
    list->all[list->n++] = text_copy(path);
    return true;
}

void path_list_add_tree(path_list *list, const char *path) {
    struct stat s;
    struct dirent **names;
    if (stat(path, &s) != 0 || !S_ISDIR(s.st_mode)) {
        path_list_add(list, path);
        return;
    }
    const int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            char *below = text_format("%s/%s", path, names[i]->d_name);
            path_list_add_tree(list, below);
            free(below);
        }
        free(names[i]);
    }
    if (count >= 0) free(names);
}

void path_list_free(path_list *list) {
    for (size_t i = 0; i < list->n; i++) free(list->all[i]);
    free(list->all);
    *list = (path_list){0};
}

/* ---- Includes ----------------------------------------------------------------------------- */

static bool is_file(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

/* Adds "folder/name", as an absolute path without links, if it is a file. */
static bool add_if_there(path_list *list, const char *folder, const char *name) {
    char *path = *name == '/' ? text_copy(name) : text_format("%s/%s", folder, name);
    char *whole = is_file(path) ? realpath(path, NULL) : NULL;
    if (whole != NULL) path_list_add(list, whole);
    free(path);
    const bool found = whole != NULL;
    free(whole);
    return found;
}

/* Adds the file that a line includes, if there is one. */
static void take_include(path_list *list, const char *from, const char *line,
                         const path_list *folders) {
    const char *p = line + strspn(line, " \t");
    if (*p != '#') return;
    p++;
    p += strspn(p, " \t");
    if (strncmp(p, "include", 7) != 0 && strncmp(p, "import", 6) != 0) return;
    p += strcspn(p, "\"<\n");
    if (*p != '"' && *p != '<') return;
    /* perflab's own header is no part of the benchmark. */
    if (strncmp(p + 1, "perflab.h", 9) == 0) return;
    const char end[] = {*p == '"' ? '"' : '>', '\n', '\0'};
    const size_t length = strcspn(p + 1, end);
    if (p[1 + length] != end[0]) return;
    char *name = text_format("%.*s", (int)length, p + 1);
    char *beside = text_copy(from);
    char *slash = strrchr(beside, '/');
    if (slash != NULL) *slash = '\0';
    bool found = *p == '"' && add_if_there(list, slash != NULL ? beside : ".", name);
    for (size_t i = 0; !found && i < folders->n; i++) {
        found = add_if_there(list, folders->all[i], name);
    }
    free(beside);
    free(name);
}

void path_list_add_included(path_list *list, const path_list *folders) {
    /* The list grows within this loop. */
    for (size_t i = 0; i < list->n; i++) {
        char *text = read_text(list->all[i], NULL);
        for (char *line = text, *next; line != NULL; line = next) {
            next = strchr(line, '\n');
            if (next != NULL) *next++ = '\0';
            take_include(list, list->all[i], line, folders);
        }
        free(text);
    }
}

/* ---- Digests ------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool digest_files(const path_list *list, char hex[65]) {
    char **digests = must_alloc((list->n + 1) * sizeof *digests);
    sha256 s;
    bool good = true;
    for (size_t i = 0; i < list->n; i++) {
        size_t length = 0;
        char *text = read_text(list->all[i], &length);
        if (text == NULL) {
            complain("cannot read %s: %s", list->all[i], strerror(errno));
            good = false;
        }
        digests[i] = must_alloc(65);
        sha256_start(&s);
        sha256_add(&s, text != NULL ? text : "", length);
        sha256_end(&s, digests[i]);
        free(text);
    }
    qsort(digests, list->n, sizeof *digests, by_text);
    sha256_start(&s);
    for (size_t i = 0; i < list->n; i++) {
        sha256_add(&s, digests[i], 64);
        free(digests[i]);
    }
    sha256_end(&s, hex);
    free(digests);
    return good;
}

/* Whether n elements of `size` bytes, from `offset` on, lie within the file. */
static bool within(size_t length, uint64_t offset, uint64_t n, uint64_t size) {
    return offset <= length && (n == 0 || size <= (length - offset) / n);
}

/* Adds the sections that are loaded. Returns false if this is no ELF object for this machine. */
static bool add_sections(sha256 *s, const char *bytes, size_t length) {
    ElfW(Ehdr) head;
    if (length < sizeof head) return false;
    memcpy(&head, bytes, sizeof head);
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_shentsize != sizeof(ElfW(Shdr)) ||
        head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        head.e_shnum == 0 || head.e_shstrndx >= head.e_shnum ||
        !within(length, head.e_shoff, head.e_shnum, sizeof(ElfW(Shdr)))) {
        return false;
    }
    ElfW(Shdr) *sections = must_alloc(head.e_shnum * sizeof *sections);
    memcpy(sections, bytes + head.e_shoff, head.e_shnum * sizeof *sections);
    const ElfW(Shdr) *names = &sections[head.e_shstrndx];
    bool good = within(length, names->sh_offset, 1, names->sh_size) && names->sh_size > 0 &&
                bytes[names->sh_offset + names->sh_size - 1] == '\0';
    for (size_t i = 0; good && i < head.e_shnum; i++) {
        const ElfW(Shdr) *x = &sections[i];
        if ((x->sh_flags & SHF_ALLOC) == 0) continue;
        const bool empty = x->sh_type == SHT_NOBITS;
        good =
            x->sh_name < names->sh_size && (empty || within(length, x->sh_offset, 1, x->sh_size));
        if (!good) break;
        const char *name = bytes + names->sh_offset + x->sh_name;
        if (strcmp(name, ".note.gnu.build-id") == 0 || strcmp(name, DIGEST_SOURCES_SECTION) == 0) {
            continue;
        }
        const uint64_t size = x->sh_size;
        sha256_add(s, name, strlen(name) + 1);
        sha256_add(s, &size, sizeof size);
        if (!empty) sha256_add(s, bytes + x->sh_offset, (size_t)size);
    }
    free(sections);
    return good;
}

bool digest_object(const char *path, char hex[65]) {
    size_t length = 0;
    char *bytes = read_text(path, &length);
    if (bytes == NULL) return false;
    sha256 s;
    sha256_start(&s);
    if (!add_sections(&s, bytes, length)) {
        sha256_start(&s);
        sha256_add(&s, bytes, length);
    }
    sha256_end(&s, hex);
    free(bytes);
    return true;
}
