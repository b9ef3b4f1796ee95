/*
 * cmd_info.c: `pluck info`: version, CPU, and which kernels are compiled in, supported and chosen.
 */
#include "cpu_name.h"
#include "options.h"
#include "pluck.h"
#include "subcommands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "Usage: pluck info [OPTION]...\n"
    "Shows the version, the CPU, the instruction set in use and every compiled kernel.\n\n"
    "      --json   one JSON object instead of text\n"
    "  -h, --help   this text\n\n"
    "PLUCK_DISABLE_CPU=avx512,avx2,neon in the environment removes instruction sets.\n";

static const char *kernel_state(const pluck_kernel_info *kernel) {
    if (kernel->chosen) return "in use";
    return kernel->supported ? "available" : "not here";
}

static void print_text(const char *cpu) {
    printf("pluck     %s\nCPU       %s\nkernels   %s\n", pluck_version(), cpu, pluck_isa());
    const char *disabled = getenv("PLUCK_DISABLE_CPU");
    if (disabled != NULL && *disabled != '\0') printf("disabled  %s\n", disabled);
    printf("\n%-24s %-6s %-8s %s\n", "operation", "dtype", "isa", "state");
    pluck_kernel_info kernel;
    for (int32_t i = 0; pluck_kernel_describe(i, &kernel); i++) {
        printf("%-24s %-6s %-8s %s\n", kernel.op, kernel.dtype, kernel.isa, kernel_state(&kernel));
    }
}

static void print_json(const char *cpu) {
    printf("{\"version\": \"%s\", \"cpu\": \"%s\", \"isa\": \"%s\", \"kernels\": [",
           pluck_version(), cpu, pluck_isa());
    pluck_kernel_info kernel;
    for (int32_t i = 0; pluck_kernel_describe(i, &kernel); i++) {
        printf("%s\n  {\"op\": \"%s\", \"dtype\": \"%s\", \"isa\": \"%s\", "
               "\"supported\": %s, \"chosen\": %s}",
               i > 0 ? "," : "", kernel.op, kernel.dtype, kernel.isa,
               kernel.supported ? "true" : "false", kernel.chosen ? "true" : "false");
    }
    printf("\n]}\n");
}

int cmd_info(int argc, char **argv) {
    enum { OPT_JSON = 256 };
    static const struct option options[] = {
        {"json", no_argument, NULL, OPT_JSON}, {"help", no_argument, NULL, 'h'}, {0}};
    bool json = false;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_OK;
        }
        if (option != OPT_JSON) return usage_error("info", "unknown option '%s'", argv[optind - 1]);
        json = true;
    }
    if (optind < argc) return usage_error("info", "'%s' is not expected", argv[optind]);
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    if (json) {
        print_json(cpu);
    } else {
        print_text(cpu);
    }
    return EXIT_OK;
}
