/*
 * git_tree.c - revisions that are checked out to worktrees of their own and built there.
 */
#include "git_tree.h"
#include "child.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool tree_resolve(tree *t) {
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

void tree_remove(const tree *t) {
    const char *const argv[] = {"git", "worktree", "remove", "--force", t->path, NULL};
    char *said = child_first_line(argv);
    free(said);
}

bool tree_make(tree *t, const char *root) {
    char *folders = text_format("%s/.perflab/trees", root);
    t->path = text_format("%s/%.12s", folders, t->commit);
    t->root = text_copy(root);
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

char *tree_text(const tree *t, const char *text) {
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

bool tree_build(const tree *t, const char *build) {
    const char *usual = build != NULL ? build : usual_build(t);
    if (usual == NULL || *usual == '\0') return true;
    char *command = tree_text(t, usual), *folder = shell_word(t->path);
    char *log = text_format("%s.log", t->path), *file = shell_word(log);
    char *line = text_format("cd %s && { %s; } >%s 2>&1", folder, command, file);
    const bool named = strcmp(t->revision, t->commit) != 0;
    fprintf(stderr, "building %s%s%.12s%s: %s\n", named ? t->revision : "", named ? " (" : "",
            t->commit, named ? ")" : "", command);
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

void tree_free(tree *t) {
    free(t->commit);
    free(t->path);
    free(t->modules);
    free(t->root);
    *t = (tree){0};
}
