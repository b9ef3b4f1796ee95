/*
 * options.h - command lines.
 */
#ifndef PERFLAB_OPTIONS_H
#define PERFLAB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum option_kind {
    OPTION_FLAG,   /* bool: present or not */
    OPTION_TEXT,   /* const char * */
    OPTION_COUNT,  /* size_t, at least 1 */
    OPTION_SECONDS /* double, above 0 */
} option_kind;

typedef struct option {
    const char *name; /* "--runs" */
    option_kind kind;
    void *into;
    const char *value; /* what help calls the value: "N" */
    const char *help;
} option;

typedef struct command_line {
    const char *usage;     /* "run [ID...]" */
    const char *about;     /* what the command does, for its help */
    const option *options; /* ends with a NULL name */
    char **words;          /* the arguments that are no options, in order; set by the parser */
    size_t n_words;
    bool rest; /* allow "--": all arguments after it are words, itself not included */
} command_line;

/* What the command should do next: go on, or end because of --help or of an error. */
typedef enum parsed { PARSED_GO, PARSED_HELP, PARSED_WRONG } parsed;

/*
 * Parses the arguments and sets the variables of the options. Prints an error message on stderr, or
 * the help on stdout. Words point into argv.
 */
parsed command_parse(command_line *c, int argc, char **argv);

#endif
