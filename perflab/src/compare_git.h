/*
 * compare_git.h - two revisions of the repository here: built, checked against each other, timed.
 */
#ifndef PERFLAB_COMPARE_GIT_H
#define PERFLAB_COMPARE_GIT_H

#include "compare_builds.h"

/* What is compared in both revisions: a benchmark or a whole program. */
typedef struct git_job {
    const char *bench;         /* a benchmark, built against each revision */
    const char *command;       /* or a command line that is run in each revision */
    const char *cflags, *libs; /* of the benchmark; {tree} is the revision's folder */
    const char *const *inputs; /* kinds of input, ends with NULL; NULL: measure.input */
    double threshold;          /* out->threshold for its rows */
    compare_request measure;
} git_job;

typedef struct git_request {
    const char *build; /* the command that builds a revision; NULL: chosen by its files */
    bool keep;
    git_job *jobs;
    size_t n_jobs;
} git_request;

/*
 * Compares the revisions out->a and out->b. Each is checked out to a folder of its own below
 * .perflab/trees and built there; the folders are removed at the end unless g->keep is set. Then
 * all jobs are run, even if one fails. Returns the exit status: that of the first job that could
 * not be run, else that of comparison_finish.
 */
int compare_git(const git_request *g, comparison *out);

#endif
