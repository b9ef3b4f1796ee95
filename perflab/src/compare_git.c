/*
 * compare_git.c - checks revisions out, builds them, and compares them.
 */
#include "compare_git.h"
#include "child.h"
#include "commands.h"
#include "compare_programs.h"
#include "git_tree.h"
#include "launch.h"
#include "ledger.h"
#include "settings.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/*
 * Puts a benchmark that is in the repository into its place in the tree, so that what it includes
 * from beside it is that revision's. Returns the path to compile, to be freed, or NULL. *beside is
 * the flag that finds what the revision lacks there, to be freed; "" if it is from elsewhere.
 */
static char *placed_bench(const tree *t, const char *bench, char **beside) {
    char *whole = realpath(bench, NULL), *root = realpath(t->root, NULL);
    const size_t n = root != NULL ? strlen(root) : 0;
    const bool inside = whole != NULL && n > 0 && strncmp(whole, root, n) == 0 && whole[n] == '/';
    char *path = inside ? text_format("%s%s", t->path, whole + n) : text_copy(bench);
    *beside = text_copy("");
    if (inside) {
        size_t length = 0;
        char *text = read_text(whole, &length);
        char *folder = text_copy(path);
        *strrchr(folder, '/') = '\0';
        *strrchr(whole, '/') = '\0';
        free(*beside);
        char *word = shell_word(whole);
        *beside = text_format(" -idirafter %s", word);
        free(word);
        const bool good = text != NULL && make_folders(folder) && write_text(path, text, length);
        free(text);
        free(folder);
        if (!good) {
            free(path);
            path = NULL;
        }
    }
    free(whole);
    free(root);
    return path;
}

/* Builds the benchmark against a tree, once. Stores its folder of modules in t->modules. */
static bool build_bench(tree *t, const git_job *g) {
    if (t->modules != NULL && t->built_for == g) return true;
    /* A folder of its own, since all modules of a folder are compared. */
    char *name = benchmark_name(g->bench);
    char *folder = text_format("%s/.perflab/%s", t->path, name);
    char *beside, *source = placed_bench(t, g->bench, &beside);
    char *given = tree_text(t, g->cflags != NULL ? g->cflags : "-I{tree} -I{tree}/include");
    char *cflags = text_format("%s%s", given, beside);
    char *libs = tree_text(t, g->libs != NULL ? g->libs : "");
    const char *const words[] = {own_path(),
                                 "build",
                                 source != NULL ? source : g->bench,
                                 "--modules",
                                 folder,
                                 "--cflags",
                                 cflags,
                                 "--libs",
                                 libs,
                                 "--ledger",
                                 ledger_choice(g->measure.ledger),
                                 "--variant",
                                 g->measure.variant,
                                 "--no-program",
                                 g->measure.fixed ? "--fixed" : "--placements=10"};
    text_buffer line = {0};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char *word = shell_word(words[i]);
        text_add(&line, "%s%s", i > 0 ? " " : "", word);
        free(word);
    }
    text_add(&line, " >&2");
    const bool good = source != NULL && child_shell(line.text) == 0;
    if (!good) complain("%s does not build against %s", g->bench, t->revision);
    free(line.text);
    free(given);
    free(beside);
    free(source);
    free(cflags);
    free(libs);
    free(name);
    free(t->modules);
    t->modules = good ? folder : NULL;
    t->built_for = g;
    if (!good) free(folder);
    return good;
}

/* Compares the candidate out->candidate, in trees[1], with trees[0]. */
static int compare_pair(const tree *const trees[2], const git_job *g, comparison *out) {
    compare_request q = g->measure;
    int code = EXIT_DONE;
    for (int i = 0; i < 2; i++) q.commits[i] = trees[i]->commit;
    q.folder = strcmp(trees[0]->commit, trees[1]->commit) != 0 ? trees[1]->path : NULL;
    for (size_t k = 0; g->inputs != NULL ? g->inputs[k] != NULL : k == 0; k++) {
        if (g->inputs != NULL) q.input = g->inputs[k];
        const int one = compare_builds(trees[0]->modules, trees[1]->modules, &q, out);
        if (code == EXIT_DONE) code = one;
    }
    return code;
}

static int compare_bench(tree *trees, const git_job *g, comparison *out) {
    if (!build_bench(&trees[0], g)) return EXIT_TROUBLE;
    int code = EXIT_DONE;
    for (size_t i = 0; i < out->n_candidates; i++) {
        const tree *const both[2] = {&trees[0], &trees[i + 1]};
        out->candidate = i;
        const bool built = build_bench(&trees[i + 1], g);
        const int one = built ? compare_pair(both, g, out) : EXIT_TROUBLE;
        if (code == EXIT_DONE) code = one;
    }
    return code;
}

/* Runs all jobs in built trees. */
static int compare_jobs(tree *trees, const git_request *g, comparison *out) {
    int code = EXIT_DONE;
    for (size_t i = 0; i < g->n_jobs; i++) {
        const git_job *job = &g->jobs[i];
        out->threshold = job->threshold;
        const int one = job->bench != NULL
                            ? compare_bench(trees, job, out)
                            : compare_programs(trees, job->command, job->measure.runs, out);
        if (code == EXIT_DONE) code = one;
    }
    return code;
}

static int compare_trees(tree *trees, const git_request *g, const char *root, comparison *out) {
    const size_t n = out->n_candidates + 1;
    bool good = true;
    for (size_t i = 0; good && i < n; i++) {
        good = tree_make(&trees[i], root) && tree_build(&trees[i], g->build);
    }
    const int code = good ? compare_jobs(trees, g, out) : EXIT_TROUBLE;
    for (size_t i = 0; !g->keep && i < n; i++) {
        if (trees[i].path != NULL) tree_remove(&trees[i]);
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

/* The root of the repository here, to be freed; NULL, with an error message, outside of one. */
static char *repository(void) {
    const char *const ask[] = {"git", "rev-parse", "--show-toplevel", NULL};
    char *root = child_first_line(ask);
    if (root == NULL) complain("compare --git: this is not a git repository");
    return root;
}

int compare_git(const git_request *g, comparison *out) {
    const size_t n = out->n_candidates + 1;
    tree *trees = must_alloc(n * sizeof *trees);
    bool known = jobs_known(g);
    char *root = known ? repository() : NULL;
    int code = EXIT_USAGE;
    known = root != NULL;
    for (size_t i = 0; known && i < n; i++) {
        trees[i].revision = i == 0 ? out->a : out->candidates[i - 1];
        known = tree_resolve(&trees[i]);
    }
    if (known) {
        out->failed = compare_trees(trees, g, root, out);
        code = comparison_finish(out);
    }
    for (size_t i = 0; i < n; i++) tree_free(&trees[i]);
    free(trees);
    free(root);
    return code;
}

int git_session_start(git_session *s, const git_request *g, const char *base) {
    *s = (git_session){.g = g, .base = {.revision = base}};
    s->root = jobs_known(g) ? repository() : NULL;
    if (s->root == NULL || !tree_resolve(&s->base)) return EXIT_USAGE;
    const bool good = tree_make(&s->base, s->root) && tree_build(&s->base, g->build);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}

int git_session_compare(git_session *s, const char *revision, comparison *out) {
    tree both[2] = {s->base, {.revision = revision}};
    int code = EXIT_USAGE;
    if (tree_resolve(&both[1])) {
        const bool good = tree_make(&both[1], s->root) && tree_build(&both[1], s->g->build);
        code = good ? compare_jobs(both, s->g, out) : EXIT_TROUBLE;
        const bool same = strcmp(both[0].commit, both[1].commit) == 0;
        if (!s->g->keep && !same && both[1].path != NULL) tree_remove(&both[1]);
    }
    s->base = both[0];
    tree_free(&both[1]);
    return code;
}

void git_session_end(git_session *s) {
    if (s->base.path != NULL && !s->g->keep) tree_remove(&s->base);
    tree_free(&s->base);
    free(s->root);
}
