/*
 * options.h: what every subcommand of `pluck` shares: exit codes, numbers from text, complaints.
 */
#ifndef PLUCK_CLI_OPTIONS_H
#define PLUCK_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* a file, a row or the chain */
    EXIT_USAGE = 2   /* the command line */
};

#if defined(__GNUC__)
#define CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLI_PRINTF(text, first)
#endif

/* Both print "pluck COMMAND: message" to stderr; usage_error adds how to get help. They return the
 * exit code. */
int usage_error(const char *command, const char *format, ...) CLI_PRINTF(2, 3);
int failure(const char *command, const char *format, ...) CLI_PRINTF(2, 3);

/* A whole decimal integer in [min, max], nothing before or after it. */
bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *out);

/* "A", "A:B", "A:", ":B" or ":" of `n` things, as Python slices: sets *first and *end (exclusive),
 * with *first < *end <= n, or returns false. */
bool parse_range(const char *text, int64_t n, int64_t *first, int64_t *end);

#endif /* PLUCK_CLI_OPTIONS_H */
