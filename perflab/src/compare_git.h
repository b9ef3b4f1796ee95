/*
 * compare_git.h - two revisions of the repository here: built, checked against each other, timed.
 */
#ifndef PERFLAB_COMPARE_GIT_H
#define PERFLAB_COMPARE_GIT_H

#include "compare_builds.h"

typedef struct git_request {
    const char *bench;   /* a benchmark, built against each revision */
    const char *command; /* or a command line that is run in each */
    const char *build;   /* what builds a revision; NULL: found out from its files */
    const char *cflags, *libs;
    bool keep;
} git_request;

/*
 * out->a and out->b are the revisions. Each is checked out to a folder of its own below
 * .perflab/trees, built there, and removed at the end unless `keep`. Returns the exit status.
 */
int compare_git(const git_request *g, compare_request *q, comparison *out);

#endif
