/*
 * options.c - the parser of command lines, and --help.
 */
#include "options.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static void print_help(const command_line *c) {
    printf("usage: perflab %s\n\n%s\n", c->usage, c->about);
    if (c->options[0].name != NULL) printf("\noptions:\n");
    for (const option *o = c->options; o->name != NULL; o++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "");
        printf("  %-22s %s\n", left, o->help);
    }
}

static bool take_value(const option *o, const char *value) {
    char *end = NULL;
    switch (o->kind) {
    case OPTION_FLAG:
        return false;
    case OPTION_TEXT:
        *(const char **)o->into = value;
        return true;
    case OPTION_COUNT: {
        const unsigned long long n = strtoull(value, &end, 10);
        if (*value < '0' || *value > '9' || *end != '\0' || n == 0) break;
        *(size_t *)o->into = (size_t)n;
        return true;
    }
    case OPTION_SECONDS: {
        const double d = strtod(value, &end);
        if (end == value || *end != '\0' || !(d > 0) || d > 1e6) break;
        *(double *)o->into = d;
        return true;
    }
    }
    complain("%s: %s is not a %s", o->name, value,
             o->kind == OPTION_COUNT ? "whole number of at least 1" : "number of seconds above 0");
    return false;
}

static const option *find(const command_line *c, const char *name, size_t length) {
    for (const option *o = c->options; o->name != NULL; o++) {
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0) return o;
    }
    return NULL;
}

parsed command_parse(command_line *c, int argc, char **argv) {
    c->words = argv; /* words are moved to the front of argv */
    c->n_words = 0;
    for (int i = 0; i < argc; i++) {
        char *a = argv[i];
        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            print_help(c);
            return PARSED_HELP;
        }
        if (c->rest && strcmp(a, "--") == 0) {
            while (++i < argc) c->words[c->n_words++] = argv[i];
            break;
        }
        if (a[0] != '-' || a[1] == '\0') {
            c->words[c->n_words++] = a;
            continue;
        }
        const char *equals = strchr(a, '=');
        const size_t length = equals != NULL ? (size_t)(equals - a) : strlen(a);
        const option *o = find(c, a, length);
        if (o == NULL) {
            complain("unknown option %s: see perflab %.*s --help", a, (int)strcspn(c->usage, " "),
                     c->usage);
            return PARSED_WRONG;
        }
        if (o->kind == OPTION_FLAG && equals == NULL) {
            *(bool *)o->into = true;
            continue;
        }
        const char *value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL || o->kind == OPTION_FLAG) {
            complain("%s %s", o->name, value == NULL ? "needs a value" : "takes no value");
            return PARSED_WRONG;
        }
        if (!take_value(o, value)) return PARSED_WRONG;
    }
    return PARSED_GO;
}
