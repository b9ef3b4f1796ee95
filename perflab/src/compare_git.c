/*
 * compare_git.c - checks revisions out, builds them, and compares them.
 *
 * A whole program is timed in pairs: A and B one after the other, in random order, so that both run
 * under the same conditions. Each pair gives one ratio of wall time, of CPU time in user mode and
 * of peak memory. Both must print the same output.
 */
#include "compare_git.h"
#include "child.h"
#include "commands.h"
#include "launch.h"
#include "ledger.h"
#include "perflab.h"
#include "progress.h"
#include "settings.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct tree {
    const char *revision;
    char *commit; /* 40 digits */
    char *path;   /* the folder it is checked out to */
} tree;

/* ---- Trees -------------------------------------------------------------------------------- */

static bool resolve_commit(tree *t) {
    char *name = text_format("%s^{commit}", t->revision);
    const char *const argv[] = {"git", "rev-parse", "--verify", "--quiet", "--end-of-options",
                                name,  NULL};
    t->commit = child_first_line(argv);
    free(name);
    if (t->commit == NULL) complain("there is no revision %s here", t->revision);
    return t->commit != NULL;
}

static bool is_at(const char *folder, const char *commit) {
    const char *const argv[] = {"git", "-C", folder, "rev-parse", "HEAD", NULL};
    char *head = file_exists(folder) ? child_first_line(argv) : NULL;
    const bool same = head != NULL && strcmp(head, commit) == 0;
    free(head);
    return same;
}

static void remove_tree(const tree *t) {
    const char *const argv[] = {"git", "worktree", "remove", "--force", t->path, NULL};
    char *said = child_first_line(argv);
    free(said);
}

/* Checks the commit out to a folder of its own, unless one was kept. */
static bool make_tree(tree *t, const char *root) {
    char *folders = text_format("%s/.perflab/trees", root);
    t->path = text_format("%s/%.12s", folders, t->commit);
    bool good = make_folders(folders);
    free(folders);
    /* Keep these files out of `git status` and of commits. */
    char *ignore = text_format("%s/.perflab/.gitignore", root);
    good = good && (file_exists(ignore) || write_text(ignore, "*\n", 2));
    free(ignore);
    if (!good || is_at(t->path, t->commit)) return good;
    const char *const prune[] = {"git", "worktree", "prune", NULL};
    const char *const add[] = {"git",      "worktree", "add",     "--force",
                               "--detach", t->path,    t->commit, NULL};
    free(child_first_line(prune));
    char *said = child_output(add);
    good = said != NULL;
    if (!good) complain("git cannot check out %s to %s", t->revision, t->path);
    free(said);
    return good;
}

/* A word for the shell, in single quotes. */
static char *quoted(const char *s) {
    text_buffer out = {0};
    text_add(&out, "'");
    for (; *s != '\0'; s++) text_add(&out, *s == '\'' ? "'\\''" : "%c", *s);
    text_add(&out, "'");
    return out.text;
}

/* The text with each {tree} replaced by the tree's folder. To be freed. */
static char *in_tree(const char *text, const tree *t) {
    static const char mark[] = "{tree}";
    text_buffer out = {0};
    text_add(&out, "%s", "");
    for (const char *at; (at = strstr(text, mark)) != NULL; text = at + sizeof mark - 1) {
        text_add_bytes(&out, text, (size_t)(at - text));
        text_add(&out, "%s", t->path);
    }
    text_add(&out, "%s", text);
    return out.text;
}

static const char *usual_build(const tree *t) {
    static const struct {
        const char *file, *command;
    } known[] = {{"CMakeLists.txt", "cmake -S . -B build -DCMAKE_BUILD_TYPE=Release && "
                                    "cmake --build build --parallel"},
                 {"meson.build", "meson setup --buildtype=release build && meson compile -C build"},
                 {"configure", "./configure && make -j"},
                 {"Makefile", "make -j"},
                 {"makefile", "make -j"},
                 {"GNUmakefile", "make -j"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *path = text_format("%s/%s", t->path, known[i].file);
        const bool there = file_exists(path);
        free(path);
        if (there) return known[i].command;
    }
    return NULL;
}

/* Builds a tree. The build's output goes to a file; its end is shown if the build fails. */
static bool build_tree(const tree *t, const git_request *g) {
    const char *usual = g->build != NULL ? g->build : usual_build(t);
    if (usual == NULL || *usual == '\0') return true;
    char *command = in_tree(usual, t), *folder = quoted(t->path);
    char *log = text_format("%s.log", t->path), *file = quoted(log);
    char *line = text_format("cd %s && { %s; } >%s 2>&1", folder, command, file);
    fprintf(stderr, "building %s (%.12s): %s\n", t->revision, t->commit, command);
    const bool good = child_shell(line) == 0;
    if (!good) {
        char *show = text_format("tail -n 30 %s >&2", file);
        child_shell(show);
        complain("%s does not build; the whole output is in %s", t->revision, log);
        free(show);
    } else {
        unlink(log);
    }
    free(command);
    free(folder);
    free(file);
    free(log);
    free(line);
    return good;
}

/* ---- A benchmark built against both ------------------------------------------------------- */

/* Builds the benchmark against a tree. Returns its folder of modules, to be freed, or NULL. */
static char *build_bench(const tree *t, const git_job *g) {
    /* A folder of its own, since all modules of a folder are compared. */
    char *name = benchmark_name(g->bench);
    char *folder = text_format("%s/.perflab/%s", t->path, name);
    char *cflags = in_tree(g->cflags != NULL ? g->cflags : "-I{tree} -I{tree}/include", t);
    char *libs = in_tree(g->libs != NULL ? g->libs : "", t);
    const char *const words[] = {own_path(),
                                 "build",
                                 g->bench,
                                 "--modules",
                                 folder,
                                 "--cflags",
                                 cflags,
                                 "--libs",
                                 libs,
                                 "--ledger",
                                 ledger_choice(g->measure.ledger)};
    text_buffer line = {0};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char *word = quoted(words[i]);
        text_add(&line, "%s%s", i > 0 ? " " : "", word);
        free(word);
    }
    text_add(&line, " >&2");
    const bool good = child_shell(line.text) == 0;
    if (!good) complain("%s does not build against %s", g->bench, t->revision);
    free(line.text);
    free(cflags);
    free(libs);
    free(name);
    if (good) return folder;
    free(folder);
    return NULL;
}

static int compare_bench(const tree trees[2], const git_job *g, comparison *out) {
    compare_request q = g->measure;
    char *folders[2] = {NULL, NULL};
    bool good = true;
    for (int i = 0; good && i < 2; i++) {
        folders[i] = build_bench(&trees[i], g);
        good = folders[i] != NULL;
        q.commits[i] = trees[i].commit;
    }
    q.folder = strcmp(trees[0].commit, trees[1].commit) != 0 ? trees[1].path : NULL;
    int code = good ? EXIT_DONE : EXIT_TROUBLE;
    for (size_t k = 0; good && (g->inputs != NULL ? g->inputs[k] != NULL : k == 0); k++) {
        if (g->inputs != NULL) q.input = g->inputs[k];
        const int one = compare_builds(folders[0], folders[1], &q, out);
        if (code == EXIT_DONE) code = one;
    }
    free(folders[0]);
    free(folders[1]);
    return code;
}

/* ---- A whole program ---------------------------------------------------------------------- */

typedef struct program {
    const char *command, *folder;
    int out;
} program;

static void run_program(void *self) {
    const program *p = self;
    if (chdir(p->folder) != 0) _exit(126);
    dup2(p->out, 1);
    execl("/bin/sh", "sh", "-c", p->command, (char *)NULL);
    _exit(127);
}

typedef struct program_result {
    double wall_us, user_us, peak_bytes;
    char *output;
    size_t length;
} program_result;

/* Runs the command in a tree. Returns false, with an error message, if it fails. */
static bool run_once(const tree *t, const char *command, program_result *r) {
    char path[] = "/tmp/perflab-output-XXXXXX";
    const int fd = mkostemp(path, O_CLOEXEC);
    child c;
    program p = {command, t->path, fd};
    memset(r, 0, sizeof *r);
    if (fd < 0 || !child_start(&c, run_program, &p)) {
        complain("cannot start %s: %s", command, strerror(errno));
        return false;
    }
    const child_report report = child_finish(&c);
    r->output = read_text(path, &r->length);
    close(fd);
    unlink(path);
    r->wall_us = (double)report.wall_ns / 1000;
    r->user_us = (double)report.usage.ru_utime.tv_sec * 1e6 + (double)report.usage.ru_utime.tv_usec;
    r->peak_bytes = (double)report.usage.ru_maxrss * 1024;
    const bool good =
        WIFEXITED(report.status) && WEXITSTATUS(report.status) == 0 && r->output != NULL;
    if (!good) {
        complain("%s: %s ends with %s %d", t->revision, command,
                 WIFEXITED(report.status) ? "status" : "signal",
                 WIFEXITED(report.status) ? WEXITSTATUS(report.status) : WTERMSIG(report.status));
    }
    return good;
}

/* Where both outputs differ, to be freed; NULL if they are the same. */
static char *difference(const program_result r[2]) {
    const size_t n = r[0].length < r[1].length ? r[0].length : r[1].length;
    size_t line = 1, i = 0;
    for (; i < n && r[0].output[i] == r[1].output[i]; i++) line += r[0].output[i] == '\n';
    if (i == n && r[0].length == r[1].length) return NULL;
    return text_format("the outputs differ from line %zu on (%zu and %zu bytes)", line, r[0].length,
                       r[1].length);
}

static void add_metric(comparison *out, const char *command, const char *metric,
                       comparison_unit unit, double *const values[2], size_t n, bool judged) {
    double *ratio = must_alloc((n + 1) * sizeof *ratio);
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        all = all && values[0][i] > 0 && values[1][i] > 0;
        ratio[i] = all ? values[0][i] / values[1][i] : 1;
    }
    const comparison_row row = {.id = (char *)(uintptr_t)command,
                                .metric = (char *)(uintptr_t)metric,
                                .unit = unit,
                                .a = perflab_median(values[0], n),
                                .b = perflab_median(values[1], n),
                                .ratio = perflab_summarize(ratio, n),
                                .judged = judged};
    /* A value of 0 means the program is too short for the system's accounting. */
    if (all) comparison_add(out, &row);
    free(ratio);
}

static int compare_command(const tree trees[2], const git_job *g, comparison *out) {
    const compare_request *q = &g->measure;
    enum { METRICS = 3 };
    double *values[METRICS][2];
    perflab_rng rng = {(uint64_t)getpid()};
    progress bar;
    bool good = true;
    char *wrong = NULL;
    for (int m = 0; m < METRICS; m++) {
        for (int i = 0; i < 2; i++) values[m][i] = must_alloc((q->runs + 1) * sizeof(double));
    }
    progress_start(&bar, (double)q->runs + 1);
    progress_label(&bar, g->command);
    /* The first pair only warms up files and caches. */
    for (size_t k = 0; good && wrong == NULL && k <= q->runs; k++) {
        program_result r[2];
        memset(r, 0, sizeof r);
        const int first = (int)(perflab_rng_u64(&rng) % 2);
        for (int i = 0; good && i < 2; i++) {
            const int side = i == 0 ? first : 1 - first;
            good = run_once(&trees[side], g->command, &r[side]);
        }
        if (good) wrong = difference(r);
        for (int i = 0; k > 0 && i < 2; i++) {
            values[0][i][k - 1] = r[i].wall_us;
            values[1][i][k - 1] = r[i].user_us;
            values[2][i][k - 1] = r[i].peak_bytes;
        }
        for (int i = 0; i < 2; i++) free(r[i].output);
        progress_add(&bar, 1);
    }
    progress_hide(&bar);
    if (good && wrong != NULL) {
        const comparison_row row = {.id = (char *)(uintptr_t)g->command, .wrong = wrong};
        comparison_add(out, &row);
    } else if (good) {
        add_metric(out, g->command, "wall", UNIT_MICROSECONDS, values[0], q->runs, true);
        add_metric(out, g->command, "user", UNIT_MICROSECONDS, values[1], q->runs, false);
        add_metric(out, g->command, "peak memory", UNIT_BYTES, values[2], q->runs, false);
    }
    free(wrong);
    for (int m = 0; m < METRICS; m++) {
        for (int i = 0; i < 2; i++) free(values[m][i]);
    }
    return good ? EXIT_DONE : EXIT_TROUBLE;
}

/* ---- Both --------------------------------------------------------------------------------- */

static int compare_trees(tree trees[2], const git_request *g, const char *root, comparison *out) {
    bool good = true;
    for (int i = 0; good && i < 2; i++) {
        good = make_tree(&trees[i], root) && build_tree(&trees[i], g);
    }
    int code = good ? EXIT_DONE : EXIT_TROUBLE;
    for (size_t i = 0; good && i < g->n_jobs; i++) {
        const git_job *job = &g->jobs[i];
        out->threshold = job->threshold;
        const int one =
            job->bench != NULL ? compare_bench(trees, job, out) : compare_command(trees, job, out);
        if (code == EXIT_DONE) code = one;
    }
    for (int i = 0; !g->keep && i < 2; i++) {
        if (trees[i].path != NULL) remove_tree(&trees[i]);
    }
    return code;
}

/* Whether each job has a benchmark that exists, or a command. */
static bool jobs_known(const git_request *g) {
    for (size_t i = 0; i < g->n_jobs; i++) {
        const git_job *job = &g->jobs[i];
        if ((job->bench != NULL) == (job->command != NULL)) {
            complain("compare --git: give --bench FILE or --command CMD");
            return false;
        }
        if (job->bench != NULL && !file_exists(job->bench)) {
            complain("there is no %s", job->bench);
            return false;
        }
    }
    return true;
}

int compare_git(const git_request *g, comparison *out) {
    const char *const ask[] = {"git", "rev-parse", "--show-toplevel", NULL};
    tree trees[2] = {{.revision = out->a}, {.revision = out->b}};
    char *root = child_first_line(ask);
    int code = EXIT_USAGE;
    const bool known = jobs_known(g);
    if (known && root == NULL) {
        complain("compare --git: this is not a git repository");
    } else if (known && resolve_commit(&trees[0]) && resolve_commit(&trees[1])) {
        out->failed = compare_trees(trees, g, root, out);
        code = comparison_finish(out);
    }
    for (int i = 0; i < 2; i++) {
        free(trees[i].commit);
        free(trees[i].path);
    }
    free(root);
    return code;
}
