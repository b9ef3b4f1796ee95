/*
 * cmd_info.c: `pluck info`: the version, the CPU, and which kernels are compiled, supported and in
 * use.
 */
#include "cpu_name.h"
#include "options.h"
#include "pluck.h"
#include "subcommands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: pluck info [OPTION]...\n"
    "Shows the version, the CPU, the instruction set in use and every compiled kernel.\n\n"
    "      --json   one JSON object instead of text\n"
    "  -h, --help   this text\n\n"
    "PLUCK_DISABLE_CPU=avx512,avx2,neon in the environment excludes instruction sets. A name that\n"
    "does not exist excludes nothing and is shown as unknown.\n";

/* The names that PLUCK_DISABLE_CPU may contain, those of other architectures included. */
static const char *const known_isas[] = {"avx2", "avx512", "neon"};

static bool is_known(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof known_isas / sizeof known_isas[0]; i++) {
        if (strlen(known_isas[i]) == length && memcmp(known_isas[i], name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Finds the next name in *list that is known, or the next one that is not; false if there is none.
 * *list, which starts as the value of PLUCK_DISABLE_CPU, moves past it. */
static bool next_disabled(const char **list, bool known, const char **name, size_t *length) {
    while (*list != NULL && **list != '\0') {
        *name = *list;
        *length = strcspn(*list, ",");
        *list += *length + ((*list)[*length] == ',');
        if (*length > 0 && is_known(*name, *length) == known) return true;
    }
    return false;
}

/* Prints those names, each in quotes, with `between` between them. Characters that could end a JSON
 * string or control a terminal are printed as '?'. */
static void print_disabled(bool known, const char *quote, const char *between) {
    const char *list = getenv("PLUCK_DISABLE_CPU");
    const char *name;
    size_t length;
    for (const char *before = ""; next_disabled(&list, known, &name, &length); before = between) {
        printf("%s%s", before, quote);
        for (size_t i = 0; i < length; i++) {
            const char c = name[i];
            putchar(c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c);
        }
        fputs(quote, stdout);
    }
}

/* Prints a line with those names, if there are any. */
static void print_disabled_line(const char *label, bool known, const char *remark) {
    const char *list = getenv("PLUCK_DISABLE_CPU");
    const char *name;
    size_t length;
    if (!next_disabled(&list, known, &name, &length)) return;
    fputs(label, stdout);
    print_disabled(known, "", ",");
    puts(remark);
}

static const char *kernel_state(const pluck_kernel_info *kernel) {
    if (kernel->chosen) return "in use";
    return kernel->supported ? "available" : "not here";
}

static void print_text(const char *cpu) {
    printf("pluck     %s\nCPU       %s\nkernels   %s\n", pluck_version(), cpu, pluck_isa());
    print_disabled_line("disabled  ", true, "");
    print_disabled_line("unknown   ", false,
                        " (in PLUCK_DISABLE_CPU, which takes avx2, avx512 and neon)");
    printf("\n%-24s %-6s %-8s %s\n", "operation", "dtype", "isa", "state");
    pluck_kernel_info kernel;
    for (int32_t i = 0; pluck_kernel_describe(i, &kernel); i++) {
        printf("%-24s %-6s %-8s %s\n", kernel.op, kernel.dtype, kernel.isa, kernel_state(&kernel));
    }
}

static void print_json(const char *cpu) {
    printf("{\"version\": \"%s\", \"cpu\": \"%s\", \"isa\": \"%s\", \"disabled\": [",
           pluck_version(), cpu, pluck_isa());
    print_disabled(true, "\"", ", ");
    printf("], \"unknown_disabled\": [");
    print_disabled(false, "\"", ", ");
    printf("], \"kernels\": [");
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
