/*
 * passes.c: what a token costs, in microseconds and in passes.
 *
 * A pass is the time of a plain vectorised maximum over the same row, in the same process, at the
 * same moment. Absolute times drift with the state of the machine, but their ratio hardly does. So
 * the measurements are interleaved in blocks: a few passes, a few draws from float32, a few from
 * bfloat16, in every second block in reverse order. The first run of each kind is not timed: it
 * brings the row and the workspace into the cache. A block gives one ratio, of its medians; the
 * result for a chain is the median over its blocks. There is one thread, which is not pinned. The
 * exit status does not depend on any time.
 *
 * The second row of chains that combine two is a copy of the first, so that what is left of a
 * chain has the work that it has without.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "banned.h"
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

#ifndef PLUCK_BENCH_ROWS
#define PLUCK_BENCH_ROWS "data/rows-kjv-152k.npy"
#endif

static const char help[] =
    "Usage: bench-passes [OPTION]...\n"
    "Prints what a token costs for each chain: microseconds, and passes over the row.\n\n"
    "      --isa NAME      use at most this instruction set: scalar, avx2, avx512, neon\n"
    "      --rows FILE     the real rows (default: " PLUCK_BENCH_ROWS ")\n"
    "      --blocks N      interleaved blocks for each chain and kind of row (default: 64)\n"
    "      --only TEXT     only chains whose name contains TEXT\n"
    "      --json          JSON instead of a table\n"
    "  -h, --help          this text\n";

enum { GROUP = 5, MAX_BLOCKS = 4096 };

/* One chain on one kind of row: medians over the blocks. */
typedef struct measurement {
    double us, passes;          /* float32 */
    double us_bf16, bf16_ratio; /* bfloat16, and its time over float32's */
    double worst_row;           /* passes of the row that takes most */
    double pass_us;
} measurement;

/* What is timed: the three contestants of a block on one row. */
typedef struct contest {
    pass_fn pass;
    const float *f32;
    const uint16_t *bf16;
    const float *second_f32; /* copies of both */
    const uint16_t *second_bf16;
    int32_t n_vocab;
    pluck_sampler *sampler;
    pluck_status status;
    volatile float sink; /* so that the compiler cannot remove the pass */
} contest;

typedef enum contestant { PASS, DRAW_F32, DRAW_BF16, N_CONTESTANTS } contestant;

static void run_once(contest *c, contestant who) {
    if (who == PASS) {
        c->sink = c->pass(c->f32, (size_t)c->n_vocab);
        return;
    }
    pluck_status status;
    /* Without a pluck_draw: as pluck_sample does, which does not compute the probability. */
    if (who == DRAW_F32) {
        const pluck_row row = {.logits = c->f32, .second = c->second_f32};
        status = pluck_sample_row(c->sampler, &row, NULL);
    } else {
        const pluck_row row = {.logits = c->bf16,
                               .dtype = PLUCK_DTYPE_BF16,
                               .second = c->second_bf16,
                               .second_dtype = PLUCK_DTYPE_BF16};
        status = pluck_sample_row(c->sampler, &row, NULL);
    }
    if (status != PLUCK_OK) c->status = status;
}

/* Makes one run to warm up and GROUP timed ones; returns their median. */
static double time_group(contest *c, contestant who) {
    double times[GROUP];
    run_once(c, who);
    for (int i = 0; i < GROUP; i++) {
        const double start = timing_now_us();
        run_once(c, who);
        times[i] = timing_now_us() - start;
    }
    return timing_median(times, GROUP);
}

/* Measures a chain in `blocks` blocks, each on one of the rows in turn. */
static pluck_status measure(measurement *out, const bench_chain *chain, const row_set *rows,
                            const row_set *seconds, pass_fn pass, int blocks,
                            pluck_workspace *workspace) {
    static double us[N_CONTESTANTS][MAX_BLOCKS];
    static double ratios[MAX_BLOCKS];
    static double row_ratios[MAX_BLOCKS];
    if (rows->n_rows < 1) return PLUCK_ERR_SIZE;
    contest contests[ROWS_MAX] = {{0}};
    pluck_status status = PLUCK_OK;
    for (int r = 0; r < rows->n_rows && status == PLUCK_OK; r++) {
        contest *c = &contests[r];
        c->pass = pass;
        c->f32 = rows->f32[r];
        c->bf16 = rows->bf16[r];
        c->second_f32 = seconds->f32[r];
        c->second_bf16 = seconds->bf16[r];
        c->n_vocab = rows->n_vocab;
        status = bench_chain_sampler(&c->sampler, chain, c->f32, c->n_vocab, workspace);
    }
    for (int b = 0; b < blocks && status == PLUCK_OK; b++) {
        contest *c = &contests[b % rows->n_rows];
        const bool backwards = b / rows->n_rows % 2 == 1;
        for (int i = 0; i < N_CONTESTANTS; i++) {
            const contestant who = (contestant)(backwards ? N_CONTESTANTS - 1 - i : i);
            us[who][b] = time_group(c, who);
        }
        ratios[b] = us[DRAW_F32][b] / us[PASS][b];
        status = c->status;
    }
    for (int r = 0; r < rows->n_rows; r++) pluck_sampler_free(contests[r].sampler);
    if (status != PLUCK_OK) return status;

    out->worst_row = 0;
    for (int r = 0; r < rows->n_rows && r < blocks; r++) {
        int n = 0;
        for (int b = r; b < blocks; b += rows->n_rows) row_ratios[n++] = ratios[b];
        const double passes = timing_median(row_ratios, n);
        if (passes > out->worst_row) out->worst_row = passes;
    }
    out->passes = timing_median(ratios, blocks);
    for (int b = 0; b < blocks; b++) ratios[b] = us[DRAW_BF16][b] / us[DRAW_F32][b];
    out->bf16_ratio = timing_median(ratios, blocks);
    out->pass_us = timing_median(us[PASS], blocks);
    out->us = timing_median(us[DRAW_F32], blocks);
    out->us_bf16 = timing_median(us[DRAW_BF16], blocks);
    return PLUCK_OK;
}

static double worst_bf16(const measurement *m) {
    double worst = 0;
    for (int k = 0; k < N_ROW_KINDS; k++) {
        if (m[k].bf16_ratio > worst) worst = m[k].bf16_ratio;
    }
    return worst;
}

static bool within_limit(const bench_chain *chain, const measurement *m) {
    for (int k = 0; k < N_ROW_KINDS; k++) {
        if (m[k].passes > chain->limit) return false;
    }
    return true;
}

static void print_table_head(const char *cpu, int32_t n_vocab) {
    printf("pluck %s, kernels: %s, %s\n", pluck_version(), pluck_isa(), cpu);
    printf("V = %d, float32, hot cache, one thread; medians. A pass is one vectorised maximum over "
           "the row.\n\n",
           (int)n_vocab);
    printf("%-50s %6s", "", "");
    for (int k = 0; k < N_ROW_KINDS; k++) printf("  | %7s %7s", rows_name((rows_kind)k), "");
    printf("  |  bf16\n%-50s %6s", "chain", "limit");
    for (int k = 0; k < N_ROW_KINDS; k++) printf("  | %7s %7s", "us", "passes");
    printf("  | / f32  met\n");
}

static void print_table_row(const bench_chain *chain, const measurement *m) {
    printf("%-50s %6.1f", chain->name, chain->limit);
    for (int k = 0; k < N_ROW_KINDS; k++) printf("  | %7.1f %7.2f", m[k].us, m[k].passes);
    printf("  | %5.2f  %s\n", worst_bf16(m), within_limit(chain, m) ? "yes" : "NO");
    fflush(stdout);
}

static void print_json_row(const bench_chain *chain, const measurement *m, bool first) {
    printf("%s\n  {\"chain\": \"%s\", \"limit\": %g, \"met\": %s", first ? "" : ",", chain->name,
           chain->limit, within_limit(chain, m) ? "true" : "false");
    for (int k = 0; k < N_ROW_KINDS; k++) {
        printf(",\n   \"%s\": {\"us\": %.3f, \"passes\": %.3f, \"worst_row_passes\": %.3f, "
               "\"us_bf16\": %.3f, \"bf16_ratio\": %.3f, \"pass_us\": %.3f}",
               rows_name((rows_kind)k), m[k].us, m[k].passes, m[k].worst_row, m[k].us_bf16,
               m[k].bf16_ratio, m[k].pass_us);
    }
    printf("}");
}

/* Prints what pluck_banned adds to a token. */
static bool print_banned(void) {
    static const int strings[] = {10, 1000};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        const double us = banned_us(strings[i]);
        if (us < 0.0) {
            fprintf(stderr, "bench-passes: banned strings: a call failed\n");
            return false;
        }
        printf("%d banned strings: %.3f us a token; the limit is 2\n", strings[i], us);
    }
    return true;
}

/* Measures and prints all chains on all rows. */
static int run_table(const bench_options *o, const row_set *rows, const row_set *seconds,
                     pass_fn pass, pluck_workspace *workspace) {
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    if (o->json) {
        printf("{\"version\": \"%s\", \"isa\": \"%s\", \"cpu\": \"%s\", \"n_vocab\": %d, "
               "\"blocks\": %d, \"chains\": [",
               pluck_version(), pluck_isa(), cpu, (int)rows[0].n_vocab, (int)o->blocks);
    } else {
        print_table_head(cpu, rows[0].n_vocab);
    }
    int n_shown = 0;
    int n_within = 0;
    int n_bf16 = 0;
    double pass_us[N_ROW_KINDS] = {0};
    for (int i = 0; i < n_bench_chains; i++) {
        const bench_chain *chain = &bench_chains[i];
        if (!bench_options_want(o, chain->name)) continue;
        measurement m[N_ROW_KINDS];
        for (int k = 0; k < N_ROW_KINDS; k++) {
            const pluck_status status =
                measure(&m[k], chain, &rows[k], &seconds[k], pass, (int)o->blocks, workspace);
            if (status != PLUCK_OK) {
                fprintf(stderr, "bench-passes: %s, %s rows: %s\n", chain->name,
                        rows_name((rows_kind)k), pluck_status_string(status));
                return EXIT_FAILED;
            }
            pass_us[k] = m[k].pass_us;
        }
        if (o->json) {
            print_json_row(chain, m, n_shown == 0);
        } else {
            print_table_row(chain, m);
        }
        n_shown++;
        n_within += within_limit(chain, m);
        n_bf16 += worst_bf16(m) <= 1;
    }
    if (o->json) {
        printf("\n]}\n");
        return EXIT_OK;
    }
    if (bench_options_want(o, "banned strings") && !print_banned()) return EXIT_FAILED;
    printf("\nA pass: %.1f / %.1f / %.1f us. Within the limit on all three kinds of row: %d of %d "
           "chains; bfloat16 no slower: %d of %d.\n",
           pass_us[ROWS_NORMAL], pass_us[ROWS_PEAKED], pass_us[ROWS_REAL], n_within, n_shown,
           n_bf16, n_shown);
    return EXIT_OK;
}

/* Excludes every instruction set above `isa`, before the library looks at the CPU. */
static bool limit_isa(const char *isa) {
    static const char *const removed[][2] = {
        {"scalar", "avx512,avx2,neon"}, {"avx2", "avx512"}, {"avx512", ""}, {"neon", ""}};
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++) {
        if (strcmp(isa, removed[i][0]) != 0) continue;
        return setenv("PLUCK_DISABLE_CPU", removed[i][1], 1) == 0 && strcmp(pluck_isa(), isa) == 0;
    }
    return false;
}

int main(int argc, char **argv) {
    bench_options options = {
        .program = "bench-passes",
        .help = help,
        .own = "isa",
        .max_blocks = MAX_BLOCKS,
        .rows = PLUCK_BENCH_ROWS,
        .blocks = 64,
    };
    int code;
    if (!bench_options_read(&options, argc, argv, &code)) return code;
    const char *isa = options.own_value;
    if (isa != NULL && !limit_isa(isa)) {
        fprintf(stderr, "bench-passes: there are no %s kernels here\n", isa);
        return EXIT_FAILED;
    }
    enum { N_VOCAB = 151936 };
    row_set rows[N_ROW_KINDS] = {{0}}, seconds[N_ROW_KINDS] = {{0}};
    pluck_workspace *workspace = NULL;
    const pass_fn pass = pass_for_isa(pluck_isa());
    bool good = pass != NULL && pluck_workspace_create(&workspace, N_VOCAB, NULL) == PLUCK_OK;
    for (int k = 0; good && k < N_ROW_KINDS; k++) {
        good = row_set_make(&rows[k], (rows_kind)k, N_VOCAB, options.rows) &&
               row_set_make(&seconds[k], (rows_kind)k, N_VOCAB, options.rows);
    }
    code = good ? run_table(&options, rows, seconds, pass, workspace) : EXIT_FAILED;
    for (int k = 0; k < N_ROW_KINDS; k++) {
        row_set_free(&rows[k]);
        row_set_free(&seconds[k]);
    }
    pluck_workspace_free(workspace);
    return code;
}
