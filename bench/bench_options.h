/*
 * bench_options.h: the command line that the benchmarks share.
 */
#ifndef PLUCK_BENCH_OPTIONS_H
#define PLUCK_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Before reading, set the members up to `max_blocks`, and the others to their defaults. */
typedef struct bench_options {
    const char *program; /* its name in messages */
    const char *help;
    const char *own; /* an option with a value that only this program has, without its dashes */
    int64_t max_blocks;

    const char *own_value;
    const char *rows; /* the file of real rows */
    const char *only; /* chains whose name contains it; NULL: all */
    int64_t blocks;
    bool json;
} bench_options;

/* Reads --OWN, --rows, --blocks, --only, --json and --help. Returns whether to go on; if not, *code
 * is the exit status, and the help or an error message has been printed. */
bool bench_options_read(bench_options *o, int argc, char **argv, int *code);

/* Whether --only selects the chain of this name. */
bool bench_options_want(const bench_options *o, const char *chain);

#endif /* PLUCK_BENCH_OPTIONS_H */
