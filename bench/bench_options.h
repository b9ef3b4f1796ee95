/*
 * bench_options.h: the command line of the benchmarks, which read it alike.
 */
#ifndef PLUCK_BENCH_OPTIONS_H
#define PLUCK_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Set the members up to `max_blocks`, and defaults in the others, before reading. */
typedef struct bench_options {
    const char *program; /* as it is called in messages */
    const char *help;
    const char *own; /* the option with a value that this program alone has, without its dashes */
    int64_t max_blocks;

    const char *own_value;
    const char *rows; /* the file of real rows */
    const char *only; /* chains whose name contains it; NULL: all */
    int64_t blocks;
    bool json;
} bench_options;

/* Reads --OWN, --rows, --blocks, --only, --json and --help. Returns whether to go on; else *code is
 * the exit status, and help or what is wrong has been printed. */
bool bench_options_read(bench_options *o, int argc, char **argv, int *code);

/* Is a chain of this name wanted? */
bool bench_options_want(const bench_options *o, const char *chain);

#endif /* PLUCK_BENCH_OPTIONS_H */
