/* args.h: the options that the commands share, and their error messages. */
#ifndef PLUCK_LLAMA_ARGS_H
#define PLUCK_LLAMA_ARGS_H

#include <stdbool.h>
#include <stdint.h>

enum { PLK_EXIT_OK = 0, PLK_EXIT_FAILED = 1, PLK_EXIT_USAGE = 2 };

typedef struct plk_args {
    const char *command;
    const char *model;
    const char *prompt; /* of e2e: the number of prompt tokens, as text */
    const char *sampling;
    int32_t n;
    int32_t repetitions;
    int32_t threads;
    uint32_t seed;
    bool seed_given;
    bool json;
    const char *record; /* of e2e: a file for the result as JSON, or NULL */
    const char *file;   /* the one argument that is not an option */
} plk_args;

/* Which of the options a command takes besides -m, -p, -n, -t, --sampling, --seed. */
enum { PLK_TAKES_FILE = 1, PLK_TAKES_REPETITIONS = 2, PLK_TAKES_JSON = 4 };

/* Reads the command line into *args, which holds the defaults. `takes`: PLK_TAKES_* bits. Returns
 * true if the command is to run; otherwise *status is the exit status: PLK_EXIT_OK after --help,
 * which prints `help`, or PLK_EXIT_USAGE after an error message. *args points into argv. */
bool plk_args_read(plk_args *args, int argc, char **argv, unsigned takes, const char *help,
                   int *status);

/* Reads a decimal integer from min to 2^20 with nothing before or after it; false if it is not
 * one. */
bool plk_read_int(const char *text, int32_t min, int32_t *out);

/* Prints "pluck COMMAND: message" to stderr and returns PLK_EXIT_FAILED. */
__attribute__((format(printf, 2, 3))) int plk_failure(const char *command, const char *format, ...);

#endif
