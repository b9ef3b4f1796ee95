/*
 * cmd_hash.c - `perflab hash`, which CMake's perflab_benchmark() calls, and the file that it
 * writes.
 */
#include "build_info.h"
#include "commands.h"
#include "digest.h"
#include "options.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static void c_string(text_buffer *out, const char *s) {
    text_add(out, "\"");
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') text_add(out, "\\");
        if (*s == '\n') {
            text_add(out, "\\n");
        } else {
            text_add_bytes(out, s, 1);
        }
    }
    text_add(out, "\"");
}

bool build_info_write(const char *path, const build_info *b) {
    text_buffer out = {0};
    const char *const values[] = {b->source_hash, b->variant, b->compiler, b->flags};
    /* Rounded up, so that the length of a path hardly ever moves the code that follows. */
    const size_t room = (strlen(b->sources) / 4096 + 1) * 4096;
    text_add(&out,
             "/* Written by perflab: what this benchmark was built from. */\n"
             "#include \"perflab.h\"\n\n"
             "static const char sources[%zu] __attribute__((section(\"%s\"))) =\n    ",
             room, DIGEST_SOURCES_SECTION);
    c_string(&out, b->sources);
    text_add(&out, ";\n\nconst perflab_build perflab_build_info = {\n");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        text_add(&out, "    ");
        c_string(&out, values[i]);
        text_add(&out, ",\n");
    }
    text_add(&out, "    sources,\n};\n");
    const bool good = write_text(path, out.text, out.length);
    free(out.text);
    return good;
}

/* "target: a b": the files that a build system must watch. */
static bool write_depfile(const char *path, const char *target, const path_list *files) {
    text_buffer out = {0};
    text_add(&out, "%s:", target);
    for (size_t i = 0; i < files->n; i++) {
        text_add(&out, " \\\n  ");
        for (const char *p = files->all[i]; *p != '\0'; p++) {
            text_add(&out, *p == ' ' || *p == '#' ? "\\%c" : *p == '$' ? "$%c" : "%c", *p);
        }
    }
    text_add(&out, "\n");
    const bool good = write_text(path, out.text, out.length);
    free(out.text);
    return good;
}

static void split(path_list *list, const char *text) {
    char *copy = text_copy(text);
    for (char *word = strtok(copy, ":"); word != NULL; word = strtok(NULL, ":")) {
        path_list_add(list, word);
    }
    free(copy);
}

int command_hash(int argc, char **argv) {
    const char *output = NULL, *depfile = NULL, *folders = "";
    build_info b = {.variant = "native", .compiler = "", .flags = ""};
    size_t n_sources = 1;
    const option options[] = {
        {"--output", OPTION_TEXT, &output, "FILE.c", "the C file to write"},
        {"--depfile", OPTION_TEXT, &depfile, "FILE.d", "also list all hashed files here, for make"},
        {"--includes", OPTION_TEXT, &folders, "FOLDERS",
         "where to look for included files, separated by colons"},
        {"--variant", OPTION_TEXT, &b.variant, "V", "native or portable"},
        {"--compiler", OPTION_TEXT, &b.compiler, "TEXT", "the compiler's name and version"},
        {"--flags", OPTION_TEXT, &b.flags, "TEXT", "the flags of the compiler"},
        {"--sources", OPTION_COUNT, &n_sources, "N",
         "the first N files are the benchmark's own (1)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "hash FILE... --output FILE.c [options]",
        .about = "For build systems: hashes files and what they include, and writes a C file that\n"
                 "records the hash and how the benchmark is built.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (output == NULL || line.n_words == 0) {
        complain("hash: name the files to hash, and --output");
        return EXIT_USAGE;
    }
    char hex[65];
    path_list files = {0}, where = {0};
    text_buffer sources = {0};
    text_add(&sources, "%s", "");
    for (size_t i = 0; i < line.n_words; i++) {
        path_list_add(&files, line.words[i]);
        if (i < n_sources) text_add(&sources, "%s%s", i > 0 ? "\n" : "", line.words[i]);
    }
    split(&where, folders);
    path_list_add_included(&files, &where);
    b.source_hash = hex;
    b.sources = sources.text;
    const bool good = digest_files(&files, hex) && build_info_write(output, &b) &&
                      (depfile == NULL || write_depfile(depfile, output, &files));
    path_list_free(&files);
    path_list_free(&where);
    free(sources.text);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}
