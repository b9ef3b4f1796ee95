/*
 * git_tree.h - a revision of the repository here, checked out to a worktree of its own and built.
 */
#ifndef PERFLAB_GIT_TREE_H
#define PERFLAB_GIT_TREE_H

#include <stdbool.h>

typedef struct tree {
    const char *revision;  /* as the user named it */
    char *commit;          /* 40 digits */
    char *path;            /* the folder it is checked out to */
    char *root;            /* of the repository */
    char *modules;         /* a benchmark that was built against it; NULL: none yet */
    const void *built_for; /* what it was built for */
} tree;

/* Finds the commit of t->revision. Returns false, with an error message, if there is none. */
bool tree_resolve(tree *t);

/*
 * Checks the commit out to <root>/.perflab/trees, unless it was kept there. Returns false, with an
 * error message, if git cannot.
 */
bool tree_make(tree *t, const char *root);

/*
 * Builds the tree with that command; if it is NULL, with the one that its files suggest. The
 * build's output goes to a file, whose end is shown if the build fails.
 */
bool tree_build(const tree *t, const char *build);

/* The text with each {tree} replaced by the tree's folder. To be freed. */
char *tree_text(const tree *t, const char *text);

void tree_remove(const tree *t);
void tree_free(tree *t);

#endif
