/*
 * main.c - runs the command that is named.
 */
#include "commands.h"
#include "util.h"
#include "worker.h"

#include <string.h>

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about; /* NULL: not in the list */
} command;

static const command commands[] = {
    {"new", command_new, "write a benchmark to fill in"},
    {"build", command_build, "compile benchmarks, with -O3 -march=native and portable"},
    {"validate", command_validate, "check candidates against baselines, without timing"},
    {"watch", command_watch, "build and gate again whenever a source is saved"},
    {"explore", command_explore, "search for inputs on which the candidate is wrong"},
    {"run", command_run, "gate, measure interleaved in fresh processes, record"},
    {"table", command_table, "the tracking table: Markdown, CSV or JSON"},
    {"status", command_status, "the checklist of each improvement"},
    {"stats", command_stats, "statistics of the timings in a text file"},
    {"env", command_env, "what makes this machine noisy, and what to do about it"},
    {"profile", command_profile, "memory-bound or compute-bound, and instruction counts"},
    {"asm", command_asm, "the hot loops: packed and scalar instructions, widest register"},
    {"compare", command_compare, "compare revisions, builds or recorded runs"},
    {"ci", command_ci, "compare HEAD with its base, as perflab.json says, and judge"},
    {"sweep", command_sweep, "measure at many sizes and threads, and fit the growth"},
    {"history", command_history, "a number over commits, and where its level changes"},
    {"bisect", command_bisect, "find the commit that made something slower, or wrong"},
    {"machines", command_machines, "list the machines that have measured, and name them"},
    {"report", command_report, "one HTML page with everything"},
    {"export", command_export, "write the ledger as JSON lines"},
    {"import", command_import, "add exported JSON lines to the ledger"},
    {"record-integration", command_record_integration, "record an end-to-end result"},
    {"selftest", command_selftest, "check the measurements on this machine, in real time"},
    {"hash", command_hash, NULL},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void usage(FILE *to) {
    fprintf(to, "perflab: a performance-improvement process that keeps you honest\n\n"
                "usage: perflab COMMAND [arguments]      perflab COMMAND --help\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (commands[i].about != NULL) {
            fprintf(to, "  %-20s %s\n", commands[i].name, commands[i].about);
        }
    }
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "__worker") == 0 && argc == 3) return worker_main(argv[2]);
    if (strcmp(name, "--version") == 0) {
        printf("perflab %s\n", PERFLAB_VERSION);
        return EXIT_DONE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) != 0) continue;
        const int code = commands[i].run(argc - 2, argv + 2);
        if (fflush(stdout) == 0) return code;
        complain("cannot write the output");
        return EXIT_TROUBLE;
    }
    if (*name != '\0') complain("there is no command %s", name);
    usage(stderr);
    return EXIT_USAGE;
}
