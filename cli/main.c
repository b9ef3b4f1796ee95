/*
 * main.c: the `pluck` command: finds the subcommand and runs it.
 *
 * The subcommands that load a model are in a separate program, pluck-llama, which is built if
 * libllama is found. So this program never needs libllama, even if it is removed after the build.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "options.h"
#include "pluck.h"
#include "subcommands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PATH = 4096 };

static const char helper[] = "pluck-llama";

/* How this program was called: argv[0]. */
static const char *own_path;

/* Replaces this process with pluck-llama: the one in the same folder if this program was called by
 * a path, else the one in PATH. */
static int run_helper(int argc, char **argv) {
    char path[MAX_PATH];
    const char *slash = strrchr(own_path, '/');
    const int folder = slash != NULL ? (int)(slash - own_path) + 1 : 0;
    const int length = snprintf(path, sizeof path, "%.*s%s", folder, own_path, helper);
    /* argv is main's argv + 1, so there is an element before it for the helper's name. */
    char **all = argv - 1;
    (void)argc;
    if (length > 0 && length < MAX_PATH) {
        all[0] = path;
        execvp(path, all);
    }
    return failure(argv[0],
                   "there is no %s beside this pluck: it is built only if llama.cpp is found; "
                   "in the source tree run scripts/get-llama, then build again",
                   helper);
}

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} command;

static const command commands[] = {
    {"sample", cmd_sample, "draw tokens from rows of logits in a NumPy file"},
    {"info", cmd_info, "show the version, the CPU and the kernels in use"},
    {"generate", run_helper, "generate text with a GGUF model"},
    {"record", run_helper, "record a model's rows of logits into a NumPy file"},
    {"e2e", run_helper, "measure generation with llama.cpp's samplers and with Pluck's"},
    {"llama-dir", run_helper, "make a folder whose libllama.so samples with Pluck"},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void) {
    printf("Usage: pluck COMMAND [OPTION]...\n"
           "From a row of logits to a token.\n\n"
           "Commands:\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    }
    printf("\n'pluck COMMAND --help' shows a command's options, 'man pluck' everything.\n");
}

static const command *find_command(const char *name) {
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) return &commands[i];
    }
    return NULL;
}

/* `pluck help COMMAND` is `pluck COMMAND --help`. */
static int help_about(char *name) {
    const command *found = find_command(name);
    if (found == NULL) return usage_error(NULL, "there is no command '%s'", name);
    char option[] = "--help";
    char *argv[] = {NULL, name, option, NULL};
    return found->run(2, argv + 1);
}

int main(int argc, char **argv) {
    own_path = argv[0];
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
