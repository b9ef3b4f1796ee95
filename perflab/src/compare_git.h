/*
 * compare_git.h - revisions of the repository here: built, checked against each other, timed.
 */
#ifndef PERFLAB_COMPARE_GIT_H
#define PERFLAB_COMPARE_GIT_H

#include "compare_builds.h"
#include "git_tree.h"

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
 * Compares the revisions out->candidates with out->a. Each is checked out to a folder of its own
 * below .perflab/trees and built there; the folders are removed at the end unless g->keep is set.
 * Then all jobs are run, even if one fails. Returns the exit status: that of the first job that
 * could not be run, else that of comparison_finish.
 */
int compare_git(const git_request *g, comparison *out);

/* One revision that others are compared with, one after the other. */
typedef struct git_session {
    const git_request *g;
    char *root;
    tree base;
} git_session;

/* Checks the base out and builds it. Returns 0, 2 or 3; end the session in any case. */
int git_session_start(git_session *s, const git_request *g, const char *base);

/*
 * Compares a revision with the base: adds rows for the one candidate of `out`, whose other members
 * the caller sets. Returns 0, 2 or 3.
 */
int git_session_compare(git_session *s, const char *revision, comparison *out);
void git_session_end(git_session *s);

#endif
