/*
 * options.h: what the subcommands of `pluck` share: exit codes, numbers from text, error messages.
 */
#ifndef PLUCK_CLI_OPTIONS_H
#define PLUCK_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h> /* for mingw-w64, what kind of formats printf takes */

enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* a file, a row or the chain */
    EXIT_USAGE = 2   /* the command line */
};

#if defined(__MINGW_PRINTF_FORMAT)
#define CLI_PRINTF(text, first) __attribute__((format(__MINGW_PRINTF_FORMAT, text, first)))
#elif defined(__GNUC__)
#define CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLI_PRINTF(text, first)
#endif

/* Both print "pluck COMMAND: message" to stderr and return the exit code; usage_error also says how
 * to get help. command may be NULL. */
int usage_error(const char *command, const char *format, ...) CLI_PRINTF(2, 3);
int failure(const char *command, const char *format, ...) CLI_PRINTF(2, 3);

/* Reads text as one decimal integer from min to max, with nothing before or after it; false if it
 * is not. */
bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *out);

/* Reads "A", or a range "A:B", "A:", ":B" or ":" of n things, numbered from 0. Sets *first and *end
 * (exclusive) so that *first < *end <= n; false if text is no such range. */
bool parse_range(const char *text, int64_t n, int64_t *first, int64_t *end);

#endif /* PLUCK_CLI_OPTIONS_H */
