/*
 * placement.c - moves functions in the assembly that the compiler wrote.
 */
#include "placement.h"
#include "child.h"
#include "perflab.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, MOST = 64 };

char *placement_path(const char *module, size_t k) {
    const char *slash = strrchr(module, '/');
    const char *base = slash != NULL ? slash + 1 : module;
    const size_t stem = strlen(base) > 3 ? strlen(base) - 3 : 0; /* without ".so" */
    return text_format("%.*splacements/%.*s.%zu.so", slash != NULL ? (int)(base - module) : 0,
                       module, (int)stem, base, k);
}

size_t placement_count(const char *module) {
    struct stat whole, one;
    size_t n = 0;
    if (stat(module, &whole) != 0) return 0;
    for (bool there = true; there && n < MOST;) {
        char *path = placement_path(module, n + 1);
        there = stat(path, &one) == 0 && one.st_mtime >= whole.st_mtime;
        n += there;
        free(path);
    }
    return n;
}

void placement_remove(const char *module) {
    for (size_t k = 1; k <= MOST; k++) {
        char *path = placement_path(module, k);
        unlink(path);
        free(path);
    }
}

/* Whether a line starts the section of one function: "\t.section\t.text.name,...". */
static bool begins_section(const char *line) {
    const char *p = line + strspn(line, " \t");
    if (strncmp(p, ".section", 8) != 0) return false;
    p += 8;
    p += strspn(p, " \t\"");
    return strncmp(p, ".text.", 6) == 0;
}

/* Whether a line is a label that is not local. */
static bool is_label(const char *line, size_t length) {
    const size_t name = strcspn(line, ": \t\n#");
    return name > 0 && name < length && line[name] == ':' && strncmp(line, ".L", 2) != 0;
}

char *placement_shift(const char *assembly, unsigned long long seed, size_t *moved) {
    text_buffer out = {0};
    perflab_rng rng = {seed};
    bool waiting = false;
    *moved = 0;
    text_add(&out, "%s", "");
    for (const char *line = assembly; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        const size_t whole = length + (line[length] == '\n');
        if (begins_section(line)) {
            waiting = true;
        } else if (waiting && is_label(line, length)) {
            /* On x86, 0xcc is a breakpoint: running into it would be noticed. */
            text_add(&out, "\t.skip %u, 0xcc\n",
                     (unsigned)(1 + perflab_rng_u64(&rng) % (PAGE - 1)));
            waiting = false;
            (*moved)++;
        }
        text_add_bytes(&out, line, whole);
        line += whole;
    }
    return out.text;
}

/* Runs a command line and frees it. */
static bool runs(char *command) {
    const bool good = child_shell(command) == 0;
    free(command);
    return good;
}

bool placement_make(const placement_build *b, size_t n) {
    char *first = placement_path(b->module, 1);
    char *folder = text_copy(first);
    *strrchr(folder, '/') = '\0';
    char *listing = text_format("%s.s", first), *shifted = text_format("%s.shifted.s", first);
    char *facts = text_format("%s.info.o", first);
    placement_remove(b->module);
    bool good =
        make_folders(folder) &&
        runs(text_format("%s -fPIC -fvisibility=hidden -ffunction-sections -w -S %s -o '%s'",
                         b->compile, b->source, listing)) &&
        runs(text_format("%s -fPIC -c %s -o '%s'", b->compile, b->info, facts));
    char *assembly = good ? read_text(listing, NULL) : NULL;
    good = assembly != NULL;
    for (size_t k = 1; good && k <= n; k++) {
        size_t moved;
        char *path = placement_path(b->module, k);
        char *text = placement_shift(assembly, k, &moved);
        good = moved > 0 && write_text(shifted, text, strlen(text)) &&
               runs(text_format("%s -shared '%s' '%s' -o '%s' %s", b->compile, shifted, facts, path,
                                b->link));
        free(text);
        free(path);
    }
    if (!good) placement_remove(b->module);
    unlink(listing);
    unlink(shifted);
    unlink(facts);
    free(assembly);
    free(listing);
    free(shifted);
    free(facts);
    free(folder);
    free(first);
    return good;
}
