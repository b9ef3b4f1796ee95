/*
 * cmd_watch.c - `perflab watch`: builds and gates again whenever a source is saved.
 *
 * The files below the current folder are looked at four times a second, and those that benchmarks
 * include from elsewhere. That needs no help of the file system, so network folders work, too.
 */
#include "child.h"
#include "commands.h"
#include "digest.h"
#include "launch.h"
#include "options.h"
#include "settings.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct watch {
    const char *modules, *ledger;
    char **files; /* the benchmarks to build; none: all */
    size_t n_files;
} watch;

/* When and how long files were, so that a change is noticed. */
typedef struct state {
    path_list files;
    struct stat *was;
} state;

static bool is_source(const char *path) {
    static const char *const endings[] = {".c",   ".h",   ".cc",  ".cpp", ".cxx",
                                          ".hpp", ".hxx", ".inc", ".def", ".S"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof *endings; i++) {
        if (strcmp(dot, endings[i]) == 0) return true;
    }
    return false;
}

/* The folders of -I that the benchmarks were built with. */
static void include_folders(const watch *w, path_list *folders) {
    path_list names = {0};
    settings_names(w->modules, &names);
    for (size_t i = 0; i < names.n; i++) {
        settings s = settings_read(w->modules, names.all[i]);
        char *rest = NULL;
        for (char *word = s.cflags != NULL ? strtok_r(s.cflags, " ", &rest) : NULL; word != NULL;
             word = strtok_r(NULL, " ", &rest)) {
            if (strncmp(word, "-I", 2) == 0 && word[2] != '\0') path_list_add(folders, word + 2);
        }
        settings_free(&s);
    }
    path_list_free(&names);
}

static state look(const watch *w) {
    path_list tree = {0}, folders = {0};
    state s = {0};
    path_list_add_tree(&tree, ".");
    for (size_t i = 0; i < tree.n; i++) {
        if (is_source(tree.all[i])) path_list_add(&s.files, tree.all[i]);
    }
    include_folders(w, &folders);
    path_list_add_included(&s.files, &folders);
    s.was = must_alloc((s.files.n + 1) * sizeof *s.was);
    for (size_t i = 0; i < s.files.n; i++) stat(s.files.all[i], &s.was[i]);
    path_list_free(&tree);
    path_list_free(&folders);
    return s;
}

static void free_state(state *s) {
    path_list_free(&s->files);
    free(s->was);
    *s = (state){0};
}

static bool same_time(const struct stat *a, const struct stat *b) {
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_size == b->st_size && a->st_ino == b->st_ino;
}

/* A file that was changed or removed, or is new; NULL if there is none. */
static const char *changed(const state *s) {
    for (size_t i = 0; i < s->files.n; i++) {
        struct stat now;
        memset(&now, 0, sizeof now);
        stat(s->files.all[i], &now);
        if (!same_time(&now, &s->was[i])) return s->files.all[i];
    }
    return NULL;
}

/* A benchmark that the folder did not have; to be freed, NULL if there is none. */
static char *added(const state *s) {
    path_list tree = {0};
    char *found = NULL;
    path_list_add_tree(&tree, ".");
    for (size_t i = 0; i < tree.n && found == NULL; i++) {
        bool known = !is_source(tree.all[i]);
        for (size_t k = 0; k < s->files.n && !known; k++) {
            known = strcmp(tree.all[i], s->files.all[k]) == 0;
        }
        if (!known) found = text_copy(tree.all[i]);
    }
    path_list_free(&tree);
    return found;
}

static void add_option(text_buffer *line, const char *name, const char *value) {
    char *word = shell_word(value);
    text_add(line, " %s %s", name, word);
    free(word);
}

/* Builds and, if that succeeds, gates. */
static void build_and_gate(const watch *w) {
    char *self = shell_word(own_path());
    text_buffer line = {0};
    text_add(&line, "%s build", self);
    for (size_t i = 0; i < w->n_files; i++) add_option(&line, "", w->files[i]);
    text_add(&line, " --fixed --variant native --no-program");
    add_option(&line, "--modules", w->modules);
    if (w->ledger != NULL) add_option(&line, "--ledger", w->ledger);
    text_add(&line, " && %s validate --variant native", self);
    add_option(&line, "--modules", w->modules);
    if (w->ledger != NULL) add_option(&line, "--ledger", w->ledger);
    const int code = child_shell(line.text);
    printf("%s\n", code == EXIT_DONE ? "all gates passed" : "something is wrong");
    fflush(stdout);
    free(line.text);
    free(self);
}

static void pause_for(long milliseconds) {
    const struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void say_changed(const char *path) {
    const time_t t = time(NULL);
    struct tm local;
    char clock[16] = "";
    if (localtime_r(&t, &local) != NULL) strftime(clock, sizeof clock, "%H:%M:%S", &local);
    printf("--- %s %s\n", clock, path);
    fflush(stdout);
}

/* Waits until a source is changed, removed or new, and names it. */
static void wait_for_change(const state *s) {
    char *fresh = NULL;
    const char *which = changed(s);
    for (size_t turn = 1; which == NULL; turn++) {
        pause_for(250);
        which = changed(s);
        /* New files are looked for less often, since that reads the folders. */
        if (which == NULL && turn % 4 == 0) which = fresh = added(s);
    }
    pause_for(50); /* an editor may write several files */
    say_changed(which);
    free(fresh);
}

int command_watch(int argc, char **argv) {
    watch w = {.modules = ".perflab/modules"};
    const option options[] = {
        {"--modules", OPTION_TEXT, &w.modules, "FOLDER", "where modules go (.perflab/modules)"},
        {"--ledger", OPTION_TEXT, &w.ledger, "FILE", "where gates are recorded (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "watch [FILE...] [options]",
        .about =
            "Builds benchmarks (all here, if none is named) and gates them, and again whenever a\n"
            "source below this folder is saved, or one that they include. It builds the native\n"
            "modules at one placement only, with the flags of the last `perflab build`. Ends with\n"
            "Ctrl-C.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    w.files = line.words;
    w.n_files = line.n_words;
    for (size_t i = 0; i < w.n_files; i++) {
        if (file_exists(w.files[i])) continue;
        complain("there is no %s", w.files[i]);
        return EXIT_USAGE;
    }
    for (;;) {
        /* What is saved during the build is noticed, too; what it includes is known after it. */
        state before = look(&w);
        build_and_gate(&w);
        state s = changed(&before) == NULL ? look(&w) : before;
        if (s.was != before.was) free_state(&before);
        wait_for_change(&s);
        free_state(&s);
    }
}
