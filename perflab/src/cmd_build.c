/*
 * cmd_build.c - `perflab build`, and `perflab hash` which CMake's perflab_benchmark() uses too.
 *
 * A build compiles bench-*.c twice, -O3 -march=native and portable -O3, each into a module for
 * perflab and a program of its own. What it was made of is compiled in: the SHA-256 of every source
 * that decides what runs (the file, the headers it includes, and what else is named), compiler and
 * flags.
 */
#include "commands.h"
#include "launch.h"
#include "options.h"
#include "recorder.h"
#include "sha256.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Hashing ------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Hash of contents, not of paths: the same sources elsewhere are the same. */
static bool hash_files(char **paths, size_t n, char hex[65]) {
    char **digests = must_alloc((n + 1) * sizeof *digests);
    sha256 s;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        char *text = read_text(paths[i], &length);
        if (text == NULL) {
            complain("cannot read %s: %s", paths[i], strerror(errno));
            good = false;
        }
        digests[i] = must_alloc(65);
        sha256_start(&s);
        sha256_add(&s, text != NULL ? text : "", length);
        sha256_end(&s, digests[i]);
        free(text);
    }
    qsort(digests, n, sizeof *digests, by_text);
    sha256_start(&s);
    for (size_t i = 0; i < n; i++) {
        sha256_add(&s, digests[i], 64);
        free(digests[i]);
    }
    sha256_end(&s, hex);
    free(digests);
    return good;
}

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

/* The C file that tells a module what it was made of. */
static bool write_build_info(const char *path, const char *hex, const char *variant,
                             const char *compiler, const char *flags, const char *sources) {
    text_buffer out = {0};
    const char *const values[] = {hex, variant, compiler, flags, sources};
    text_add(&out, "/* Written by perflab: what this benchmark was built from. */\n"
                   "#include \"perflab.h\"\n\nconst perflab_build perflab_build_info = {\n");
    for (size_t i = 0; i < 5; i++) {
        text_add(&out, "    ");
        c_string(&out, values[i]);
        text_add(&out, ",\n");
    }
    text_add(&out, "};\n");
    const bool good = write_text(path, out.text, out.length);
    free(out.text);
    return good;
}

int command_hash(int argc, char **argv) {
    const char *output = NULL, *variant = "native", *compiler = "", *flags = "";
    size_t n_sources = 1;
    const option options[] = {
        {"--output", OPTION_TEXT, &output, "FILE.c", "where to write the build's facts"},
        {"--variant", OPTION_TEXT, &variant, "V", "native or portable"},
        {"--compiler", OPTION_TEXT, &compiler, "TEXT", "the compiler's name and version"},
        {"--flags", OPTION_TEXT, &flags, "TEXT", "the flags it is called with"},
        {"--sources", OPTION_COUNT, &n_sources, "N",
         "so many of the files are the benchmark's own (1)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {.usage = "hash FILE... --output FILE.c [options]",
                         .about = "Writes the C file with a build's facts; for build systems.",
                         .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (output == NULL || line.n_words == 0) return EXIT_USAGE;
    char hex[65];
    text_buffer sources = {0};
    for (size_t i = 0; i < n_sources && i < line.n_words; i++) {
        text_add(&sources, "%s%s", i > 0 ? "\n" : "", line.words[i]);
    }
    const bool good = hash_files(line.words, line.n_words, hex) &&
                      write_build_info(output, hex, variant, compiler, flags, sources.text);
    free(sources.text);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}

/* ---- Building ----------------------------------------------------------------------------- */

typedef struct build_request {
    const char *compiler, *cflags, *libs, *hash, *modules, *ledger;
    char include[4200], library[4200]; /* the folders perflab's own header and libraries are in */
} build_request;

/* Where perflab.h and its libraries lie: beside an installed perflab, or in its build tree. */
static bool find_home(build_request *q) {
    char home[4000];
    snprintf(home, sizeof home, "%s", own_path());
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(home, '/');
        if (slash != NULL) *slash = '\0';
        if (i == 0) snprintf(q->library, sizeof q->library, "%s", home);
    }
    snprintf(q->include, sizeof q->include, "%s/include", home);
    char *header = text_format("%s/perflab.h", q->include);
    const bool installed = file_exists(header);
    free(header);
    if (installed) {
        snprintf(q->library, sizeof q->library, "%s/%s", home, PERFLAB_LIBDIR);
    } else {
        snprintf(q->include, sizeof q->include, "%s", PERFLAB_SOURCE_INCLUDE);
    }
    char *library = text_format("%s/libperflab_bench.a", q->library);
    const bool found = file_exists(library);
    if (!found) complain("cannot find %s: is perflab installed whole?", library);
    free(library);
    return found;
}

static int shell(const char *command) {
    fflush(stdout);
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A word for the shell, in single quotes. */
static char *quoted(const char *s) {
    text_buffer out = {0};
    text_add(&out, "'");
    for (; *s != '\0'; s++) {
        if (*s == '\'') {
            text_add(&out, "'\\''");
        } else {
            text_add_bytes(&out, s, 1);
        }
    }
    text_add(&out, "'");
    return out.text;
}

static void add_path(char ***paths, size_t *n, const char *path) {
    *paths = must_grow(*paths, (*n + 1) * sizeof **paths);
    (*paths)[(*n)++] = text_copy(path);
}

/* All files below a path that is a folder, or the path itself. */
static void add_tree(char ***paths, size_t *n, const char *path) {
    struct stat s;
    if (stat(path, &s) != 0 || !S_ISDIR(s.st_mode)) {
        add_path(paths, n, path);
        return;
    }
    struct dirent **names;
    const int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            char *below = text_format("%s/%s", path, names[i]->d_name);
            add_tree(paths, n, below);
            free(below);
        }
        free(names[i]);
    }
    if (count >= 0) free(names);
}

/* What the compiler says a source includes, system headers and perflab's own apart. */
static bool add_included(const build_request *q, const char *source, char ***paths, size_t *n) {
    char *s = quoted(source);
    char *include = quoted(q->include);
    char *command =
        text_format("%s -std=c11 -MM %s -isystem %s %s", q->compiler, q->cflags, include, s);
    FILE *from = popen(command, "r");
    char *text = NULL;
    size_t room = 0;
    bool good = from != NULL;
    if (good) {
        const ssize_t got = getdelim(&text, &room, '\0', from);
        good = got > 0;
        good = pclose(from) == 0 && good;
    }
    /* "name.o: a.c b.h \<newline> c.h" */
    char *list = good ? strchr(text, ':') : NULL;
    for (char *word = list != NULL ? strtok(list + 1, " \\\n") : NULL; word != NULL;
         word = strtok(NULL, " \\\n")) {
        add_path(paths, n, word);
    }
    free(text);
    free(command);
    free(include);
    free(s);
    return good;
}

static bool hash_of(const build_request *q, const char *source, char hex[65]) {
    char **paths = NULL;
    size_t n = 0;
    bool good = add_included(q, source, &paths, &n);
    char *more = text_copy(q->hash != NULL ? q->hash : "");
    for (char *word = strtok(more, " "); word != NULL; word = strtok(NULL, " "))
        add_tree(&paths, &n, word);
    char *libs = text_copy(q->libs);
    for (char *word = strtok(libs, " "); word != NULL; word = strtok(NULL, " ")) {
        if (word[0] != '-') add_path(&paths, &n, word);
    }
    good = good && hash_files(paths, n, hex);
    for (size_t i = 0; i < n; i++) free(paths[i]);
    free(paths);
    free(more);
    free(libs);
    return good;
}

/* "bench-temp-scaling.c" -> "temp-scaling" */
static char *component_of(const char *source) {
    const char *base = strrchr(source, '/');
    base = base != NULL ? base + 1 : source;
    if (strncmp(base, "bench-", 6) == 0) base += 6;
    char *name = text_copy(base);
    char *dot = strrchr(name, '.');
    if (dot != NULL) *dot = '\0';
    return name;
}

static bool compile(const build_request *q, const char *source, const char *hex,
                    const char *variant, const char *version) {
    const bool native = strcmp(variant, "native") == 0;
    char *name = component_of(source);
    char *flags = text_format("-std=c11 -O3%s%s%s", native ? " -march=native" : "",
                              q->cflags[0] != '\0' ? " " : "", q->cflags);
    char *info = text_format("%s/%s-%s.build.c", q->modules, name, variant);
    char *whole = realpath(source, NULL);
    char *s = quoted(source), *i = quoted(info), *include = quoted(q->include);
    char *library = quoted(q->library);
    char *module = text_format("%s/%s-%s.so", q->modules, name, variant);
    char *program = text_format("%s/../bench-%s%s", q->modules, name, native ? "" : "-portable");
    char *m = quoted(module), *o = quoted(program);
    char *for_module =
        text_format("%s %s -fPIC -shared -fvisibility=hidden -isystem %s %s %s -o %s -L%s "
                    "-lperflab_bench %s -lm",
                    q->compiler, flags, include, s, i, m, library, q->libs);
    char *for_program =
        text_format("%s %s -isystem %s %s %s -o %s -L%s -lperflab_main -lperflab_bench "
                    "%s -lm",
                    q->compiler, flags, include, s, i, o, library, q->libs);
    bool good =
        write_build_info(info, hex, variant, version, flags, whole != NULL ? whole : source);
    printf("%s -> %s\n", source, module);
    good = good && shell(for_module) == 0 && shell(for_program) == 0;
    char *const strings[] = {name,    flags,  info,    whole, s, i,          include,
                             library, module, program, m,     o, for_module, for_program};
    for (size_t k = 0; k < sizeof strings / sizeof *strings; k++) free(strings[k]);
    return good;
}

static int is_benchmark(const struct dirent *d) {
    const size_t n = strlen(d->d_name);
    return n > 8 && strncmp(d->d_name, "bench-", 6) == 0 && strcmp(d->d_name + n - 2, ".c") == 0;
}

static bool build_one(const build_request *q, const char *source, const char *version) {
    char hex[65];
    if (hash_of(q, source, hex) && compile(q, source, hex, "native", version) &&
        compile(q, source, hex, "portable", version)) {
        return true;
    }
    complain("%s: not built", source);
    return false;
}

/* Everything that was built goes into the ledger. */
static bool record_all(const build_request *q) {
    catalog c;
    progress p;
    recorder r;
    ledger *l = ledger_open(ledger_choice(q->ledger), true);
    bool good = l != NULL && catalog_read(&c, q->modules);
    if (good) {
        progress_start(&p, 1);
        recorder_start(&r, l, &p);
        for (size_t i = 0; good && i < c.n; i++) good = record_build(&r, &c.entries[i]);
        good = good && c.n_broken == 0;
        recorder_end(&r);
        catalog_free(&c);
    }
    ledger_close(l);
    return good;
}

int command_build(int argc, char **argv) {
    const char *cc = getenv("CC"), *cflags = getenv("CFLAGS"), *libs = getenv("LDLIBS");
    build_request q = {.compiler = cc != NULL ? cc : "cc",
                       .cflags = cflags != NULL ? cflags : "",
                       .libs = libs != NULL ? libs : "",
                       .modules = ".perflab/modules"};
    const option options[] = {
        {"--compiler", OPTION_TEXT, &q.compiler, "CC", "the C compiler ($CC, else cc)"},
        {"--cflags", OPTION_TEXT, &q.cflags, "FLAGS", "more flags ($CFLAGS): -I, -D, ..."},
        {"--libs", OPTION_TEXT, &q.libs, "LIBS",
         "what to link ($LDLIBS); files among them are hashed"},
        {"--hash", OPTION_TEXT, &q.hash, "PATHS", "more files or folders that decide what runs"},
        {"--modules", OPTION_TEXT, &q.modules, "FOLDER", "where modules go (.perflab/modules)"},
        {"--ledger", OPTION_TEXT, &q.ledger, "FILE", "where builds are recorded (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "build [FILE.c...] [options]",
        .about = "Compiles benchmarks (bench-*.c here, if none is named), -O3 -march=native and "
                 "portable\n"
                 "-O3, into modules and programs; records compiler, flags and source hash.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    const char *const ask[] = {q.compiler, "--version", NULL};
    char *version = first_line_of(ask);
    if (version == NULL) {
        complain("cannot run the compiler %s", q.compiler);
        return EXIT_TROUBLE;
    }
    bool good = find_home(&q) && make_folders(q.modules);
    struct dirent **found = NULL;
    const int n_found =
        good && line.n_words == 0 ? scandir(".", &found, is_benchmark, alphasort) : 0;
    if (good && line.n_words == 0 && n_found <= 0) {
        complain("no bench-*.c here: `perflab new ID COMPONENT` writes one");
        good = false;
    }
    bool built = true;
    for (size_t i = 0; good && i < line.n_words; i++)
        built &= build_one(&q, line.words[i], version);
    for (int i = 0; i < n_found; i++) {
        built &= build_one(&q, found[i]->d_name, version);
        free(found[i]);
    }
    free(found);
    free(version);
    good = good && record_all(&q);
    return !good ? EXIT_TROUBLE : built ? EXIT_DONE : EXIT_WRONG_RESULT;
}
