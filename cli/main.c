/*
 * main.c: the `pluck` command: finds the subcommand and hands over.
 *
 * The subcommands that load a model live with the llama.cpp face and are there only where libllama
 * was found when this was built; elsewhere they say how to get them.
 */
#include "options.h"
#include "pluck.h"
#include "subcommands.h"

#include <stdio.h>
#include <string.h>

#ifdef PLUCK_WITH_LLAMA
#include "commands.h"
#else
static int without_llama(int argc, char **argv) {
    (void)argc;
    return failure(argv[0], "this pluck was built without llama.cpp; in its source tree run "
                            "scripts/get-llama, then build again");
}
#define pluck_cmd_generate without_llama
#define pluck_cmd_record   without_llama
#define pluck_cmd_e2e      without_llama
#endif

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} command;

static const command commands[] = {
    {"sample", cmd_sample, "draw tokens from rows of logits in a NumPy file"},
    {"info", cmd_info, "show the version, the CPU and the kernels in use"},
    {"generate", pluck_cmd_generate, "generate text with a GGUF model"},
    {"record", pluck_cmd_record, "record a model's rows of logits into a NumPy file"},
    {"e2e", pluck_cmd_e2e, "measure generation with llama.cpp's samplers and with Pluck's"},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void) {
    printf("Usage: pluck COMMAND [OPTION]...\n"
           "From a row of logits to a token.\n\n"
           "Commands:\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    }
    printf("\n'pluck COMMAND --help' tells a command's options, 'man pluck' everything.\n");
}

static const command *find_command(const char *name) {
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) return &commands[i];
    }
    return NULL;
}

/* `pluck help COMMAND` is `pluck COMMAND --help`. */
static int help_about(const char *name) {
    const command *found = find_command(name);
    if (found == NULL) return usage_error(NULL, "there is no command '%s'", name);
    char text[16];
    char option[] = "--help";
    snprintf(text, sizeof text, "%s", name);
    char *argv[] = {text, option, NULL};
    return found->run(2, argv);
}

int main(int argc, char **argv) {
    if (argc < 2) return usage_error(NULL, "a command is missing");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        if (argc > 2) return help_about(argv[2]);
        print_help();
        return EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        printf("pluck %s\n", pluck_version());
        return EXIT_OK;
    }
    const command *found = find_command(name);
    if (found == NULL) return usage_error(NULL, "there is no command '%s'", name);
    return found->run(argc - 1, argv + 1);
}
