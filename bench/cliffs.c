/*
 * cliffs.c: bench-cliffs: which rows, masks, histories and lists slow each chain down most.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "cliff_cost.h"
#include "cliff_known.h"
#include "cliff_pairs.h"
#include "cpu_name.h"
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: bench-cliffs [OPTION]...\n"
    "Runs every chain on every shape of row, mask and list. Prints the worst pair of each chain:\n"
    "the ratio of its cost to that of the case it is compared with, and the limit of the ratio.\n\n"
    "      --vocab N[,N]...  vocabularies (default: 151936)\n"
    "      --dtype D[,D]...  f32, f16, bf16 (default: f32)\n"
    "      --chain TEXT      only chains whose name contains TEXT\n"
    "      --shape TEXT      only shapes whose name contains TEXT\n"
    "      --small           only the fixed set that the tests count\n"
    "      --blocks N        interleaved blocks for each pair, 1 to 64 (default: 7)\n"
    "      --worst N         also print the N worst pairs\n"
    "      --all             print every pair when it is measured, with tabs, and no tables\n"
    "      --instructions    count instructions (under valgrind) instead of measuring times\n"
    "      --check FILE      with --instructions: fail if a pair that FILE does not list is over\n"
    "                        its limit, or a listed one is 5 % over its count\n"
    "      --record FILE     with --instructions: write such a file\n"
    "  -h, --help            this text\n";

enum { MAX_SETS = 8, MAX_VOCAB = 16777216 };

typedef struct cliff_options {
    cliff_plan plan;
    int32_t vocabs[MAX_SETS];
    pluck_dtype dtypes[MAX_SETS];
    int n_vocabs, n_dtypes;
    int64_t worst;
    bool instructions;
    const char *check, *record;
} cliff_options;

static const char *dtype_name(pluck_dtype dtype) {
    return dtype == PLUCK_DTYPE_F32 ? "f32" : dtype == PLUCK_DTYPE_F16 ? "f16" : "bf16";
}

static void print_line(const cliff_pair *p) {
    printf("%.3f\t%.3f\t%.2f\t%d\t%s\t%s\t%s\n", p->ratio, p->limit, p->cost, (int)p->n_vocab,
           dtype_name(p->dtype), p->chain->name, p->shape->name);
    fflush(stdout);
}

/* ---- the command line ---- */

static bool read_vocab(cliff_options *o, const char *text) {
    int64_t value;
    if (o->n_vocabs == MAX_SETS || !parse_integer(text, 4096, MAX_VOCAB, &value)) return false;
    o->vocabs[o->n_vocabs++] = (int32_t)value;
    return true;
}

static bool read_dtype(cliff_options *o, const char *text) {
    static const pluck_dtype dtypes[] = {PLUCK_DTYPE_F32, PLUCK_DTYPE_F16, PLUCK_DTYPE_BF16};
    for (int i = 0; i < 3 && o->n_dtypes < MAX_SETS; i++) {
        if (strcmp(text, dtype_name(dtypes[i])) != 0) continue;
        o->dtypes[o->n_dtypes++] = dtypes[i];
        return true;
    }
    return false;
}

/* Calls `read` for each part of a list that is separated by commas. */
static bool read_list(cliff_options *o, char *text, bool (*read)(cliff_options *, const char *)) {
    char *rest = NULL;
    char *part = strtok_r(text, ",", &rest);
    bool good = part != NULL;
    for (; part != NULL && good; part = strtok_r(NULL, ",", &rest)) good = read(o, part);
    return good;
}

enum { VOCAB = 256, DTYPE, CHAIN, SHAPE, SMALL, BLOCKS, WORST, ALL, INSTRUCTIONS, CHECK, RECORD };

static bool read_option(cliff_options *o, int option, char *value) {
    int64_t blocks = 0;
    switch (option) {
    case VOCAB:
        return read_list(o, value, read_vocab);
    case DTYPE:
        return read_list(o, value, read_dtype);
    case CHAIN:
        o->plan.chain = value;
        return true;
    case SHAPE:
        o->plan.shape = value;
        return true;
    case SMALL:
        return o->plan.small = true;
    case BLOCKS:
        if (!parse_integer(value, 1, CLIFF_MAX_BLOCKS, &blocks)) return false;
        o->plan.blocks = (int)blocks;
        return true;
    case WORST:
        return parse_integer(value, 0, 100000, &o->worst);
    case ALL:
        o->plan.progress = print_line;
        return true;
    case INSTRUCTIONS:
        return o->instructions = true;
    case CHECK:
        o->check = value;
        return true;
    default:
        o->record = value;
        return true;
    }
}

/* Reads the options. If it returns false, *code is the exit status, and a message or the help has
 * been printed. */
static bool read_options(cliff_options *o, int argc, char **argv, int *code) {
    static const struct option options[] = {{"vocab", required_argument, NULL, VOCAB},
                                            {"dtype", required_argument, NULL, DTYPE},
                                            {"chain", required_argument, NULL, CHAIN},
                                            {"shape", required_argument, NULL, SHAPE},
                                            {"small", no_argument, NULL, SMALL},
                                            {"blocks", required_argument, NULL, BLOCKS},
                                            {"worst", required_argument, NULL, WORST},
                                            {"all", no_argument, NULL, ALL},
                                            {"instructions", no_argument, NULL, INSTRUCTIONS},
                                            {"check", required_argument, NULL, CHECK},
                                            {"record", required_argument, NULL, RECORD},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    *code = EXIT_USAGE;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            *code = EXIT_OK;
            return false;
        }
        if (option == '?') return false;
        if (read_option(o, option, optarg)) continue;
        fprintf(stderr, "bench-cliffs: --%s: '%s' is not allowed\n", options[option - VOCAB].name,
                optarg);
        return false;
    }
    const bool needs_counts = o->check != NULL || o->record != NULL;
    if (optind == argc && (!needs_counts || o->instructions)) return true;
    fprintf(stderr, "bench-cliffs: %s\n",
            optind < argc ? "no arguments other than options are expected"
                          : "--check and --record go with --instructions");
    return false;
}

/* ---- tables ---- */

/* The ratio over its limit: up to 1 is within it. */
static double excess(const cliff_pair *pair) {
    return pair->ratio / pair->limit;
}

static int by_excess(const void *a, const void *b) {
    const double x = excess(a);
    const double y = excess(b);
    return (x < y) - (x > y);
}

static void print_pair(const cliff_pair *p) {
    printf("%-46s %8.2f %6.2f %s %12.*f  %6d %-4s  %s\n", p->chain->name, p->ratio, p->limit,
           excess(p) > 1 ? "over" : "    ", cliff_counting() ? 0 : 1, p->cost, (int)p->n_vocab,
           dtype_name(p->dtype), p->shape->name);
}

static void print_head(const char *title) {
    printf("\n%-46s %8s %6s      %12s  %6s %-4s  %s\n", title, "ratio", "limit",
           cliff_counting() ? "instructions" : "us", "V", "", "shape");
}

/* Prints the worst pair of each chain, then the n_worst of all. Sorts the pairs. */
static void print_tables(cliff_pairs *pairs, int64_t n_worst) {
    int n_over = 0;
    qsort(pairs->items, (size_t)pairs->n, sizeof *pairs->items, by_excess);
    print_head("worst of each chain");
    for (int c = 0; c < n_cliff_chains; c++) {
        int i = 0;
        while (i < pairs->n && pairs->items[i].chain != &cliff_chains[c]) i++;
        if (i < pairs->n) print_pair(&pairs->items[i]);
    }
    if (n_worst > 0) print_head("worst of all");
    for (int i = 0; i < pairs->n && i < n_worst; i++) print_pair(&pairs->items[i]);
    for (int i = 0; i < pairs->n; i++) n_over += excess(&pairs->items[i]) > 1;
    printf("\n%d of %d pairs are over their limit.\n", n_over, pairs->n);
}

/* The counts in a file are for AVX2, the best instruction set that valgrind knows. */
static bool can_check(const cliff_options *o) {
    if (o->check == NULL || strcmp(pluck_isa(), "avx2") == 0) return true;
    printf("The counts in %s are for avx2, which is not in use: nothing is checked.\n", o->check);
    return false;
}

static int run(const cliff_options *o) {
    enum { EXIT_SKIPPED = 77 };
    if (!can_check(o)) return EXIT_SKIPPED;
    cliff_pairs pairs = {0};
    bool good = true;
    for (int d = 0; d < o->n_dtypes; d++) {
        for (int v = 0; v < o->n_vocabs && good; v++) {
            good = cliff_pairs_run(&pairs, &o->plan, o->vocabs[v], o->dtypes[d]);
        }
    }
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    if (o->plan.progress == NULL)
        printf("pluck %s, kernels: %s, %s\n", pluck_version(), pluck_isa(), cpu);
    if (good && o->record != NULL) good = cliff_known_write(o->record, &pairs);
    if (good && o->check != NULL) good = cliff_known_check(o->check, &pairs);
    if (good && o->plan.progress == NULL && o->check == NULL) print_tables(&pairs, o->worst);
    free(pairs.items);
    return good ? EXIT_OK : EXIT_FAILED;
}

int main(int argc, char **argv) {
    cliff_options options = {.plan.blocks = 7};
    int code;
    if (!read_options(&options, argc, argv, &code)) return code;
    if (options.instructions && !cliff_counting()) return cliff_count(argv);
    if (options.n_vocabs == 0) options.vocabs[options.n_vocabs++] = 151936;
    if (options.n_dtypes == 0) options.dtypes[options.n_dtypes++] = PLUCK_DTYPE_F32;
    return run(&options);
}
