/*
 * compare_git.h - two revisions of the repository here: built, checked against each other, timed.
 */
#ifndef PERFLAB_COMPARE_GIT_H
#define PERFLAB_COMPARE_GIT_H

#include "compare_builds.h"

typedef struct git_request {
    const char *bench;   /* a benchmark, built against each revision */
    const char *command; /* or a command line that is run in each revision */
    const char *build;   /* the command that builds a revision; NULL: chosen by its files */
    const char *cflags, *libs;
    bool keep;
} git_request;

/*
 * Compares the revisions out->a and out->b. Each is checked out to a folder of its own below
 * .perflab/trees and built there; the folders are removed at the end unless g->keep is set. Returns
 * the exit status.
 */
int compare_git(const git_request *g, compare_request *q, comparison *out);

#endif
