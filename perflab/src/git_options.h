/*
 * git_options.h - the options of commands that build revisions: compare --git, history and bisect.
 */
#ifndef PERFLAB_GIT_OPTIONS_H
#define PERFLAB_GIT_OPTIONS_H

#include "compare_git.h"
#include "options.h"

/* Entries of an array of options, for a git_request `g` with one git_job `job`. */
#define GIT_OPTIONS(g, job)                                                                        \
    {"--bench", OPTION_TEXT, &(job).bench, "FILE", "build this benchmark against each revision"},  \
        {"--command", OPTION_TEXT, &(job).command, "CMD", "time this command in each revision"},   \
        {"--build", OPTION_TEXT, &(g).build, "CMD",                                                \
         "command that builds a revision (default: by its files)"},                                \
        {"--cflags", OPTION_TEXT, &(job).cflags, "FLAGS",                                          \
         "--bench: more flags; {tree} is the revision's folder"},                                  \
        {"--libs", OPTION_TEXT, &(job).libs, "LIBS", "--bench: what to link; {tree} as above"},    \
        {"--keep", OPTION_FLAG, &(g).keep, NULL, "keep the built revisions for the next time"},

/* Those of what is measured, for a compare_request `q`. */
#define MEASURE_OPTIONS(q)                                                                         \
    {"--id", OPTION_TEXT, &(q).id, "ID", "this improvement only"},                                 \
        {"--input", OPTION_TEXT, &(q).input, "KIND", "this kind of input only"},                   \
        {"--sizes", OPTION_TEXT, &(q).sizes, "N,...", "these sizes (the benchmark's own)"},        \
        {"--variant", OPTION_TEXT, &(q).variant, "V", "native (default) or portable"},             \
        {"--runs", OPTION_COUNT, &(q).runs, "N", "processes per comparison (10; with --quick 6)"}, \
        {"--time", OPTION_SECONDS, &(q).seconds, "SECONDS",                                        \
         "timed per process (1; with --quick 0.1)"},                                               \
        {"--quick", OPTION_FLAG, &(q).quick, NULL, "6 processes of 0.1 s"},                        \
        {"--fixed", OPTION_FLAG, &(q).fixed, NULL, "only the placement that the builds have"},     \
        {"--timeout", OPTION_SECONDS, &(q).timeout, "SECONDS",                                     \
         "limit for each step of a process (320)"},                                                \
        {"--data", OPTION_TEXT, &(q).data, "FOLDER", "recorded inputs ($PERFLAB_DATA)"},           \
        {"--ledger", OPTION_TEXT, &(q).ledger, "FILE",                                             \
         "where runs are recorded (perflab.ledger)"},

#endif
