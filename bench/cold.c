/*
 * cold.c: what a token costs when its row is not in the cache, as after a decode.
 *
 * Each draw, and each pass that it is compared with, reads the next of so many copies of the rows
 * that none of them stays in the cache. Draws and passes alternate; a result is the median of the
 * ratios. The exit status does not depend on any time.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "bench_options.h"
#include "chains.h"
#include "cpu_name.h"
#include "options.h"
#include "pass.h"
#include "pluck.h"
#include "row_set.h"
#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: bench-cold [OPTION]...\n"
    "Prints what a token costs for each chain on rows that are not in the cache: microseconds, "
    "and\n"
    "passes over such a row.\n\n"
    "      --copies N      rows that are read in turn (default: 64, which is 39 MB)\n"
    "      --rows FILE     the real rows (default: " PLUCK_BENCH_ROWS ")\n"
    "      --blocks N      draws and passes for each chain and kind of row (default: 256)\n"
    "      --only TEXT     only chains whose name contains TEXT\n"
    "      --json          JSON instead of a table\n"
    "  -h, --help          this text\n";

enum { N_VOCAB = 151936, MAX_BLOCKS = 4096, MAX_COPIES = 1024 };

/* Rows of one kind in turn. */
typedef struct cold_rows {
    float *logits; /* n rows */
    int n, next;
} cold_rows;

typedef struct measurement {
    double us, passes, pass_us;
} measurement;

static const float *next_row(cold_rows *rows) {
    const float *row = rows->logits + (size_t)rows->next * N_VOCAB;
    rows->next = (rows->next + 1) % rows->n;
    return row;
}

static bool make_rows(cold_rows *out, rows_kind kind, int n, const char *real_path) {
    row_set set;
    if (!row_set_make(&set, kind, N_VOCAB, real_path)) return false;
    *out = (cold_rows){.logits = malloc((size_t)n * N_VOCAB * sizeof(float)), .n = n};
    for (int i = 0; i < n && out->logits != NULL; i++)
        memcpy(out->logits + (size_t)i * N_VOCAB, set.f32[i % set.n_rows], N_VOCAB * sizeof(float));
    row_set_free(&set);
    return out->logits != NULL;
}

static pluck_status measure(measurement *out, const bench_chain *chain, cold_rows *rows,
                            pass_fn pass, int blocks, pluck_workspace *workspace) {
    static double us[MAX_BLOCKS], pass_us[MAX_BLOCKS], ratios[MAX_BLOCKS];
    static volatile float sink; /* so that the compiler cannot remove the pass */
    pluck_sampler *sampler;
    pluck_status status = bench_chain_sampler(&sampler, chain, rows->logits, N_VOCAB, workspace);
    if (status != PLUCK_OK) return status;
    for (int b = 0; b < blocks && status == PLUCK_OK; b++) {
        const double start = timing_now_us();
        sink = pass(next_row(rows), N_VOCAB);
        const double middle = timing_now_us();
        int32_t token;
        status = pluck_sample(sampler, next_row(rows), &token);
        const double end = timing_now_us();
        pass_us[b] = middle - start;
        us[b] = end - middle;
        ratios[b] = us[b] / pass_us[b];
    }
    (void)sink;
    pluck_sampler_free(sampler);
    *out = (measurement){.us = timing_median(us, blocks),
                         .passes = timing_median(ratios, blocks),
                         .pass_us = timing_median(pass_us, blocks)};
    return status;
}

static void print_head(const bench_options *o, int copies) {
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    if (o->json) {
        printf("{\"version\": \"%s\", \"isa\": \"%s\", \"cpu\": \"%s\", \"n_vocab\": %d, "
               "\"copies\": %d, \"blocks\": %d, \"chains\": [",
               pluck_version(), pluck_isa(), cpu, N_VOCAB, copies, (int)o->blocks);
        return;
    }
    printf("pluck %s, kernels: %s, %s\nV = %d, float32, %d rows in turn (%d MB), one thread; "
           "medians. A pass is one vectorised\nmaximum over such a row.\n\n%-50s",
           pluck_version(), pluck_isa(), cpu, N_VOCAB, copies,
           (int)((size_t)copies * N_VOCAB * sizeof(float) / 1000000), "");
    for (int k = 0; k < N_ROW_KINDS; k++) printf("  | %7s %7s", rows_name((rows_kind)k), "");
    printf("\n%-50s", "chain");
    for (int k = 0; k < N_ROW_KINDS; k++) printf("  | %7s %7s", "us", "passes");
    printf("\n");
}

static void print_row(const bench_options *o, const char *name, const measurement *m, bool first) {
    if (o->json) printf("%s\n  {\"chain\": \"%s\"", first ? "" : ",", name);
    if (!o->json) printf("%-50s", name);
    for (int k = 0; k < N_ROW_KINDS; k++) {
        if (o->json)
            printf(", \"%s\": {\"us\": %.3f, \"passes\": %.3f, \"pass_us\": %.3f}",
                   rows_name((rows_kind)k), m[k].us, m[k].passes, m[k].pass_us);
        else
            printf("  | %7.1f %7.2f", m[k].us, m[k].passes);
    }
    printf(o->json ? "}" : "\n");
    fflush(stdout);
}

static int run_table(const bench_options *o, cold_rows *rows, pass_fn pass,
                     pluck_workspace *workspace) {
    int shown = 0;
    for (int i = 0; i < n_bench_chains; i++) {
        const bench_chain *chain = &bench_chains[i];
        if (chain->second) continue;
        if (!bench_options_want(o, chain->name)) continue;
        measurement m[N_ROW_KINDS];
        for (int k = 0; k < N_ROW_KINDS; k++) {
            const pluck_status status =
                measure(&m[k], chain, &rows[k], pass, (int)o->blocks, workspace);
            if (status == PLUCK_OK) continue;
            fprintf(stderr, "bench-cold: %s, %s rows: %s\n", chain->name, rows_name((rows_kind)k),
                    pluck_status_string(status));
            return EXIT_FAILED;
        }
        print_row(o, chain->name, m, shown == 0);
        shown++;
    }
    if (o->json) printf("\n]}\n");
    return EXIT_OK;
}

int main(int argc, char **argv) {
    bench_options options = {
        .program = "bench-cold",
        .help = help,
        .own = "copies",
        .max_blocks = MAX_BLOCKS,
        .rows = PLUCK_BENCH_ROWS,
        .blocks = 256,
    };
    int code;
    if (!bench_options_read(&options, argc, argv, &code)) return code;
    int64_t copies = 64;
    if (options.own_value != NULL && !parse_integer(options.own_value, 1, MAX_COPIES, &copies)) {
        fprintf(stderr, "bench-cold: --copies takes 1 to %d\n", MAX_COPIES);
        return EXIT_USAGE;
    }
    cold_rows rows[N_ROW_KINDS] = {{0}};
    pluck_workspace *workspace = NULL;
    const pass_fn pass = pass_for_isa(pluck_isa());
    bool good = pass != NULL && pluck_workspace_create(&workspace, N_VOCAB, NULL) == PLUCK_OK;
    for (int k = 0; good && k < N_ROW_KINDS; k++)
        good = make_rows(&rows[k], (rows_kind)k, (int)copies, options.rows);
    code = EXIT_FAILED;
    if (good) {
        print_head(&options, (int)copies);
        code = run_table(&options, rows, pass, workspace);
    }
    for (int k = 0; k < N_ROW_KINDS; k++) free(rows[k].logits);
    pluck_workspace_free(workspace);
    return code;
}
