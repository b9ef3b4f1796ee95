/* args.c: see args.h. */
#include "args.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int plk_failure(const char *command, const char *format, ...) {
    va_list list;
    va_start(list, format);
    fprintf(stderr, "pluck %s: ", command);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    return PLK_EXIT_FAILED;
}

static bool usage(const plk_args *args, int *status, const char *what, const char *which) {
    plk_failure(args->command, "%s%s; see 'pluck %s --help'", what, which, args->command);
    *status = PLK_EXIT_USAGE;
    return false;
}

static bool read_number(const char *text, long long min, long long max, long long *out) {
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *out >= min && *out <= max;
}

bool plk_read_int(const char *text, int32_t min, int32_t *out) {
    long long number;
    if (!read_number(text, min, 1 << 20, &number)) return false;
    *out = (int32_t)number;
    return true;
}

/* Reads one option with its value; false if the value is not of its kind. */
static bool read_option(plk_args *args, const char *option, const char *value, unsigned takes,
                        bool *known) {
    long long number;
    *known = true;
    if (strcmp(option, "-m") == 0 || strcmp(option, "--model") == 0)
        args->model = value;
    else if (strcmp(option, "-p") == 0 || strcmp(option, "--prompt") == 0)
        args->prompt = value;
    else if (strcmp(option, "--sampling") == 0)
        args->sampling = value;
    else if (strcmp(option, "-n") == 0)
        return plk_read_int(value, 1, &args->n);
    else if (strcmp(option, "-t") == 0 || strcmp(option, "--threads") == 0)
        return plk_read_int(value, 1, &args->threads);
    else if (strcmp(option, "--record") == 0 && (takes & PLK_TAKES_JSON))
        args->record = value;
    else if (strcmp(option, "-r") == 0 && (takes & PLK_TAKES_REPETITIONS))
        return plk_read_int(value, 1, &args->repetitions);
    else if (strcmp(option, "--seed") == 0 && read_number(value, 0, UINT32_MAX, &number)) {
        args->seed = (uint32_t)number;
        args->seed_given = true;
    } else if (strcmp(option, "--seed") == 0)
        return false;
    else
        *known = false;
    return true;
}

bool plk_args_read(plk_args *args, int argc, char **argv, unsigned takes, const char *help,
                   int *status) {
    args->command = argv[0];
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
            fputs(help, stdout);
            *status = PLK_EXIT_OK;
            return false;
        }
        if (strcmp(option, "--json") == 0 && (takes & PLK_TAKES_JSON)) {
            args->json = true;
            continue;
        }
        if (option[0] != '-' || option[1] == '\0') {
            if (!(takes & PLK_TAKES_FILE) || args->file)
                return usage(args, status, "unexpected argument ", option);
            args->file = option;
            continue;
        }
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        bool known;
        bool valid = read_option(args, option, value, takes, &known);
        if (!known) return usage(args, status, "unknown option ", option);
        if (i + 1 == argc) return usage(args, status, "a value is missing after ", option);
        if (!valid) return usage(args, status, "not a number in range after ", option);
        i++;
    }
    if (!args->model) return usage(args, status, "a model is needed: -m MODEL.gguf", "");
    if ((takes & PLK_TAKES_FILE) && !args->file)
        return usage(args, status, "the file to write is missing", "");
    return true;
}
