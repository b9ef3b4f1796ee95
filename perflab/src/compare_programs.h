/*
 * compare_programs.h - one command line, run in several built revisions.
 */
#ifndef PERFLAB_COMPARE_PROGRAMS_H
#define PERFLAB_COMPARE_PROGRAMS_H

#include "comparison.h"
#include "git_tree.h"

/*
 * Runs the command `runs` times in trees[0], the baseline, and in a tree for each candidate of
 * `out`, and adds rows. Returns 0; 3, with an error message, if the command fails.
 */
int compare_programs(const tree *trees, const char *command, size_t runs, comparison *out);

#endif
