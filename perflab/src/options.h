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
    char **words;          /* what is no option, in order; filled in by the parser */
    size_t n_words;
    bool rest; /* stop at "--": what follows are words, "--" itself is not */
} command_line;

/* What parsing says a command should do now. */
typedef enum parsed { PARSED_GO, PARSED_HELP, PARSED_WRONG } parsed;

/*
 * Parses and fills in. Says what is wrong on stderr; prints the help of --help. Words point into
 * argv.
 */
parsed command_parse(command_line *c, int argc, char **argv);

#endif
