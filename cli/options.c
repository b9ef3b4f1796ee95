/*
 * options.c: numbers from text and error messages, for every subcommand.
 */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complain(const char *command, const char *format, va_list args) {
    fprintf(stderr, "pluck%s%s: ", command != NULL ? " " : "", command != NULL ? command : "");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int usage_error(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(command, format, args);
    va_end(args);
    fprintf(stderr, "Try 'pluck%s%s --help'.\n", command != NULL ? " " : "",
            command != NULL ? command : "");
    return EXIT_USAGE;
}

int failure(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(command, format, args);
    va_end(args);
    return EXIT_FAILED;
}

bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *out) {
    if (*text != '-' && (*text < '0' || *text > '9')) return false;
    char *end = NULL;
    errno = 0;
    const intmax_t value = strtoimax(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max) return false;
    *out = value;
    return true;
}

bool parse_range(const char *text, int64_t n, int64_t *first, int64_t *end) {
    const char *colon = strchr(text, ':');
    int64_t a = 0;
    int64_t b = n;
    if (colon == NULL) {
        if (!parse_integer(text, 0, n - 1, &a)) return false;
        b = a + 1;
    } else {
        char head[24] = "";
        const size_t length = (size_t)(colon - text);
        if (length >= sizeof head) return false;
        memcpy(head, text, length);
        if (length > 0 && !parse_integer(head, 0, n, &a)) return false;
        if (colon[1] != '\0' && !parse_integer(colon + 1, 0, n, &b)) return false;
    }
    if (a >= b) return false;
    *first = a;
    *end = b;
    return true;
}
