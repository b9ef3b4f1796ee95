/*
 * cmd_build.c - `perflab build`.
 *
 * A build compiles bench-*.c (or .cc, .cpp, .cxx) twice, with -O3 -march=native and with portable
 * -O3, in the compiler's default dialect, each into a module for perflab and a program of its own.
 * What it was built from is compiled in: the SHA-256 of every source that decides what runs (the
 * file, the headers that it includes, and the files of --hash), the compiler and the flags.
 */
#include "build_info.h"
#include "child.h"
#include "commands.h"
#include "digest.h"
#include "launch.h"
#include "options.h"
#include "placement.h"
#include "recorder.h"
#include "selection.h"
#include "settings.h"
#include "util.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct build_request {
    /* As given on the command line; NULL: as the benchmark was built last. */
    const char *compiler, *cflags, *libs, *hash;
    const char *modules, *ledger, *variant;
    size_t placements;
    bool no_program;
    char include[4200], library[4200]; /* the folders of perflab.h and of perflab's libraries */
} build_request;

/* Finds perflab.h and the libraries: beside an installed perflab, or in its build tree. */
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
    if (!found) complain("cannot find %s: is perflab installed completely?", library);
    free(library);
    return found;
}

/* ---- One benchmark ------------------------------------------------------------------------ */

static bool is_cpp(const char *source) {
    const char *dot = strrchr(source, '.');
    return dot != NULL && (strcmp(dot, ".cc") == 0 || strcmp(dot, ".cpp") == 0 ||
                           strcmp(dot, ".cxx") == 0 || strcmp(dot, ".C") == 0);
}

/* What is given, else the environment variable, else what the last build had, else `otherwise`. */
static char *choose(const char *told, const char *variable, const char *last,
                    const char *otherwise) {
    const char *from = told != NULL ? told : variable != NULL ? getenv(variable) : NULL;
    return text_copy(from != NULL ? from : last != NULL ? last : otherwise);
}

static settings settings_for(const build_request *q, const char *source, const char *name) {
    const bool cpp = is_cpp(source);
    settings last = settings_read(q->modules, name);
    const settings s = {
        .compiler = choose(q->compiler, cpp ? "CXX" : "CC", last.compiler, cpp ? "c++" : "cc"),
        .cflags = choose(q->cflags, cpp ? "CXXFLAGS" : "CFLAGS", last.cflags, ""),
        .libs = choose(q->libs, "LDLIBS", last.libs, ""),
        .hash = choose(q->hash, NULL, last.hash, "")};
    settings_free(&last);
    return s;
}

/* Adds what the compiler says a source includes, without system headers and perflab.h. */
static bool add_included(const build_request *q, const settings *s, const char *source,
                         path_list *files) {
    char *file = shell_word(source), *include = shell_word(q->include);
    char *command = text_format("%s -MM %s -isystem %s %s", s->compiler, s->cflags, include, file);
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    char *text = child_output(argv);
    /* "name.o: a.c b.h \<newline> c.h" */
    char *list = text != NULL ? strchr(text, ':') : NULL;
    for (char *word = list != NULL ? strtok(list + 1, " \\\n") : NULL; word != NULL;
         word = strtok(NULL, " \\\n")) {
        path_list_add(files, word);
    }
    const bool good = text != NULL;
    free(text);
    /* Run it again to show its error messages, which child_output drops. */
    if (!good) child_shell(command);
    free(command);
    free(include);
    free(file);
    return good;
}

/* Adds the folders of -I among the flags. */
static void add_folders(path_list *folders, const char *cflags) {
    char *copy = text_copy(cflags);
    bool next = false;
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        if (next) path_list_add(folders, word);
        next = strcmp(word, "-I") == 0;
        if (!next && strncmp(word, "-I", 2) == 0) path_list_add(folders, word + 2);
    }
    free(copy);
}

/*
 * The hash of the source, of what --hash names, of what both include, and of files among the
 * libraries.
 */
static bool hash_of(const build_request *q, const settings *s, const char *source, char hex[65]) {
    path_list files = {0}, more = {0}, folders = {0};
    bool good = add_included(q, s, source, &files);
    char *words = text_copy(s->hash);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        path_list_add_tree(&more, word);
    }
    add_folders(&folders, s->cflags);
    path_list_add_included(&more, &folders);
    for (size_t i = 0; i < more.n; i++) path_list_add(&files, more.all[i]);
    char *libs = text_copy(s->libs);
    for (char *word = strtok(libs, " "); word != NULL; word = strtok(NULL, " ")) {
        if (word[0] != '-') path_list_add(&files, word);
    }
    good = good && digest_files(&files, hex);
    path_list_free(&files);
    path_list_free(&more);
    path_list_free(&folders);
    free(words);
    free(libs);
    return good;
}

/* Runs a command that makes the file `made`, and moves it to `place` if that succeeds. */
static bool make_file(char *command, const char *made, const char *place) {
    const bool good = child_shell(command) == 0 && rename(made, place) == 0;
    if (!good) unlink(made);
    free(command);
    return good;
}

/* Links the module with its code at other addresses. It is no error if the code cannot be moved. */
static bool place(const build_request *q, const settings *s, const char *flags, const char *source,
                  const char *info, const char *module) {
    char *include = shell_word(q->include), *library = shell_word(q->library);
    char *compiler = text_format("%s %s -isystem %s", s->compiler, flags, include);
    char *link = text_format("-L%s -lperflab_bench %s -lm", library, s->libs);
    const placement_build b = {
        .compile = compiler, .source = source, .info = info, .link = link, .module = module};
    if (!placement_make(&b, q->placements)) {
        printf("       its code cannot be moved: one placement only\n");
    }
    free(include);
    free(library);
    free(compiler);
    free(link);
    return true;
}

static bool compile(const build_request *q, const settings *s, const char *source, const char *hex,
                    const char *variant, const char *version) {
    const bool native = strcmp(variant, "native") == 0;
    char *name = benchmark_name(source);
    char *flags = text_format("-O3%s%s%s", native ? " -march=native" : "",
                              s->cflags[0] != '\0' ? " " : "", s->cflags);
    char *info = text_format("%s/%s-%s.build.c", q->modules, name, variant);
    char *module = text_format("%s/%s-%s.so", q->modules, name, variant);
    char *program = benchmark_program(q->modules, name, native);
    char *new_module = text_format("%s.new", module);
    char *new_program = text_format("%s.new", program);
    char *whole = realpath(source, NULL);
    char *from = shell_word(source), *i = shell_word(info), *include = shell_word(q->include);
    char *library = shell_word(q->library), *m = shell_word(new_module),
         *o = shell_word(new_program);
    /* Undefined symbols are refused, except those of sanitizers, which are resolved on loading. */
    const char *whole_only = strstr(flags, "-fsanitize") == NULL ? "-Wl,-z,defs " : "";
    const build_info b = {.source_hash = hex,
                          .variant = variant,
                          .compiler = version,
                          .flags = flags,
                          .sources = whole != NULL ? whole : source};
    printf("%s -> %s\n", source, module);
    placement_remove(module);
    bool good = build_info_write(info, &b);
    good = good && make_file(text_format("%s %s -fPIC -shared -fvisibility=hidden %s-isystem %s %s "
                                         "%s -o %s -L%s -lperflab_bench %s -lm",
                                         s->compiler, flags, whole_only, include, from, i, m,
                                         library, s->libs),
                             new_module, module);
    good =
        good && (q->no_program ||
                 make_file(text_format("%s %s -isystem %s %s %s -o %s -L%s -lperflab_main "
                                       "-lperflab_bench %s -lm",
                                       s->compiler, flags, include, from, i, o, library, s->libs),
                           new_program, program));
    good = good && (q->placements == 0 || place(q, s, flags, from, i, module));
    char *const strings[] = {name, flags, info,    module,  program, new_module, new_program,
                             from, i,     include, library, m,       o,          whole};
    for (size_t k = 0; k < sizeof strings / sizeof *strings; k++) free(strings[k]);
    return good;
}

static bool build_one(const build_request *q, const char *source) {
    char hex[65];
    char *name = benchmark_name(source);
    char *whole = realpath(source, NULL);
    settings s = settings_for(q, source, name);
    /* The compiler may be several words: "ccache gcc". */
    char *ask = text_format("%s --version", s.compiler);
    const char *const argv[] = {"/bin/sh", "-c", ask, NULL};
    char *version = child_first_line(argv);
    bool good = whole != NULL && version != NULL;
    if (whole == NULL) {
        complain("there is no %s", source);
    } else if (version == NULL) {
        complain("cannot run the compiler %s", s.compiler);
    }
    good = good && hash_of(q, &s, source, hex);
    for (int k = 0; k < 2; k++) {
        static const char *const variants[] = {"native", "portable"};
        if (strcmp(q->variant, "both") != 0 && strcmp(q->variant, variants[k]) != 0) continue;
        good = good && compile(q, &s, source, hex, variants[k], version);
    }
    /* What an earlier build left would be measured as if it were this one. */
    if (!good) benchmark_remove(q->modules, name, false);
    good = good && settings_write(q->modules, name, whole, &s);
    if (!good) complain("%s: not built", source);
    free(version);
    free(ask);
    free(whole);
    free(name);
    settings_free(&s);
    return good;
}

/* ---- The command -------------------------------------------------------------------------- */

static int is_benchmark(const struct dirent *d) {
    const char *dot = strrchr(d->d_name, '.');
    return strncmp(d->d_name, "bench-", 6) == 0 && dot != NULL &&
           (strcmp(dot, ".c") == 0 || is_cpp(d->d_name));
}

/* Records everything that was built in the ledger. */
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

/* Builds all benchmarks of the current folder. Returns false if there is none. */
static bool build_all(const build_request *q, bool *built) {
    struct dirent **found = NULL;
    const int n = scandir(".", &found, is_benchmark, alphasort);
    for (int i = 0; i < n; i++) {
        *built &= build_one(q, found[i]->d_name);
        free(found[i]);
    }
    free(found);
    if (n <= 0) complain("no bench-*.c here: `perflab new ID COMPONENT` writes one");
    return n > 0;
}

int command_build(int argc, char **argv) {
    build_request q = {.modules = ".perflab/modules", .variant = "both", .placements = 10};
    bool fixed = false;
    const option options[] = {
        {"--compiler", OPTION_TEXT, &q.compiler, "CC", "the compiler ($CC, $CXX; cc, c++)"},
        {"--cflags", OPTION_TEXT, &q.cflags, "FLAGS", "more flags ($CFLAGS): -I, -D, -std=..."},
        {"--libs", OPTION_TEXT, &q.libs, "LIBS",
         "what to link ($LDLIBS); files among them are hashed"},
        {"--hash", OPTION_TEXT, &q.hash, "PATHS", "more files or folders that decide what runs"},
        {"--placements", OPTION_COUNT, &q.placements, "N",
         "also link the code at N other places (10)"},
        {"--fixed", OPTION_FLAG, &fixed, NULL, "link the code at one place only"},
        {"--variant", OPTION_TEXT, &q.variant, "V", "native, portable or both (default)"},
        {"--no-program", OPTION_FLAG, &q.no_program, NULL, "modules only, no programs bench-..."},
        {"--modules", OPTION_TEXT, &q.modules, "FOLDER", "where modules go (.perflab/modules)"},
        {"--ledger", OPTION_TEXT, &q.ledger, "FILE", "where builds are recorded (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "build [FILE...] [options]",
        .about =
            "Compiles benchmarks (bench-*.c, .cc, .cpp, .cxx here, if none is named) with -O3\n"
            "-march=native and with portable -O3 into modules and programs, and records the\n"
            "compiler, flags and source hash. Each benchmark keeps the compiler, flags and\n"
            "libraries that it was built with, until others are given.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (fixed) q.placements = 0;
    const selection s = {.variant = q.variant};
    if (!selection_known(&s, &(catalog){0}, NULL)) return EXIT_USAGE;
    bool built = true;
    bool good = find_home(&q) && make_folders(q.modules);
    if (good) settings_sweep(q.modules);
    for (size_t i = 0; good && i < line.n_words; i++) built &= build_one(&q, line.words[i]);
    if (good && line.n_words == 0) good = build_all(&q, &built);
    good = good && record_all(&q);
    return !good ? EXIT_TROUBLE : built ? EXIT_DONE : EXIT_WRONG_RESULT;
}
