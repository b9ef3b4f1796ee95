/*
 * masks.c: what a mask costs.
 *
 * Each chain runs on normal rows under the masks of a JSON grammar and under masks of other
 * densities. A masked row is compared with the slower of two: the row without a mask, and the row
 * with -inf at the masked tokens. The three are timed in turn, in blocks; a result is the median
 * over the blocks. The exit status does not depend on any time.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "bench_options.h"
#include "chains.h"
#include "cliff_rows.h"
#include "cpu_name.h"
#include "options.h"
#include "pluck.h"
#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: bench-masks [OPTION]...\n"
    "Prints for each chain and mask the time, and its ratio to the slower of the row without a\n"
    "mask and the row with -inf at the masked tokens.\n\n"
    "      --dtype D       f32, f16, bf16 (default: f32)\n"
    "      --blocks N      interleaved blocks for each chain and mask (default: 15)\n"
    "      --only TEXT     only chains whose name contains TEXT\n"
    "      --json          JSON instead of a table\n"
    "  -h, --help          this text\n";

enum { N_VOCAB = 151936, GROUP = 3, MAX_BLOCKS = 1024, MAX_MASKS = 32 };

typedef enum contestant { MASKED, UNMASKED, INFINITE, N_CONTESTANTS } contestant;

typedef struct result {
    double us[N_CONTESTANTS];
    double ratio; /* of the masked row to the slower of the others */
} result;

/* The median of GROUP draws after one that is not timed. */
static double time_group(pluck_sampler *sampler, const pluck_row *row, pluck_status *status) {
    double times[GROUP];
    for (int i = -1; i < GROUP; i++) {
        const double start = timing_now_us();
        const pluck_status drawn = pluck_sample_row(sampler, row, NULL);
        if (i >= 0) times[i] = timing_now_us() - start;
        if (drawn != PLUCK_OK) *status = drawn;
    }
    return timing_median(times, GROUP);
}

static pluck_status measure(result *out, const bench_chain *chain, const cliff_input *in,
                            int blocks, pluck_workspace *workspace) {
    static double us[N_CONTESTANTS][MAX_BLOCKS], ratios[MAX_BLOCKS];
    const pluck_row rows[N_CONTESTANTS] = {
        [MASKED] = {.logits = in->logits, .dtype = in->dtype, .allowed = in->allowed},
        [UNMASKED] = {.logits = in->logits, .dtype = in->dtype},
        [INFINITE] = {.logits = in->masked_logits, .dtype = in->dtype},
    };
    pluck_sampler *sampler;
    pluck_status status = bench_chain_sampler(&sampler, chain, in->values, in->n_vocab, workspace);
    if (status != PLUCK_OK) return status;
    for (int b = 0; b < blocks && status == PLUCK_OK; b++) {
        for (int i = 0; i < N_CONTESTANTS; i++) {
            const int who = b % 2 ? N_CONTESTANTS - 1 - i : i;
            us[who][b] = time_group(sampler, &rows[who], &status);
        }
        const double slower = us[UNMASKED][b] > us[INFINITE][b] ? us[UNMASKED][b] : us[INFINITE][b];
        ratios[b] = us[MASKED][b] / slower;
    }
    pluck_sampler_free(sampler);
    for (int i = 0; i < N_CONTESTANTS; i++) out->us[i] = timing_median(us[i], blocks);
    out->ratio = timing_median(ratios, blocks);
    return status;
}

/* What a masked row may cost of the slower of the other two. */
static double limit_of(const bench_chain *chain) {
    if (strcmp(pluck_isa(), "avx512") == 0) return 1.35;
    return strcmp(chain->name, "greedy") == 0 ? 1.9 : 1.6;
}

static void print_result(const bench_options *o, const bench_chain *chain, const char *mask,
                         const result *r, bool first) {
    if (o->json) {
        printf("%s\n  {\"chain\": \"%s\", \"mask\": \"%s\", \"us\": %.3f, \"us_unmasked\": %.3f, "
               "\"us_infinite\": %.3f, \"ratio\": %.3f, \"limit\": %g}",
               first ? "" : ",", chain->name, mask, r->us[MASKED], r->us[UNMASKED], r->us[INFINITE],
               r->ratio, limit_of(chain));
        return;
    }
    printf("%-42s %-36s %8.1f %9.1f %8.1f %7.2f %6.2f  %s\n", chain->name, mask, r->us[MASKED],
           r->us[UNMASKED], r->us[INFINITE], r->ratio, limit_of(chain),
           r->ratio <= limit_of(chain) ? "yes" : "NO");
    fflush(stdout);
}

static void print_head(const bench_options *o, const char *dtype) {
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    if (o->json) {
        printf("{\"version\": \"%s\", \"isa\": \"%s\", \"cpu\": \"%s\", \"n_vocab\": %d, "
               "\"dtype\": \"%s\", \"blocks\": %d, \"masks\": [",
               pluck_version(), pluck_isa(), cpu, N_VOCAB, dtype, (int)o->blocks);
        return;
    }
    printf("pluck %s, kernels: %s, %s\nV = %d, %s, normal rows, hot cache, one thread; medians, "
           "us.\n\n%-42s %-36s %8s %9s %8s %7s %6s  met\n",
           pluck_version(), pluck_isa(), cpu, N_VOCAB, dtype, "chain", "mask", "masked", "unmasked",
           "as -inf", "ratio", "limit");
}

/* The inputs of all shapes that have a mask; returns how many, or -1. */
static int make_inputs(cliff_input *inputs, pluck_dtype dtype) {
    int n = 0;
    for (int i = 0; i < n_cliff_shapes && n < MAX_MASKS; i++) {
        if (cliff_shapes[i].mask == MASK_NONE) continue;
        if (!cliff_input_make(&inputs[n], &cliff_shapes[i], N_VOCAB, dtype)) return -1;
        n++;
    }
    return n;
}

static int run_all(const bench_options *o, const cliff_input *inputs, int n_inputs) {
    pluck_workspace *workspace;
    if (pluck_workspace_create(&workspace, N_VOCAB, NULL) != PLUCK_OK) return EXIT_FAILED;
    int shown = 0, met = 0;
    double worst = 0;
    pluck_status status = PLUCK_OK;
    for (int i = 0; i < n_bench_chains && status == PLUCK_OK; i++) {
        const bench_chain *chain = &bench_chains[i];
        if (chain->second) continue;
        if (!bench_options_want(o, chain->name)) continue;
        for (int k = 0; k < n_inputs && status == PLUCK_OK; k++) {
            result r;
            status = measure(&r, chain, &inputs[k], (int)o->blocks, workspace);
            if (status != PLUCK_OK) {
                fprintf(stderr, "bench-masks: %s, %s: %s\n", chain->name, inputs[k].shape->name,
                        pluck_status_string(status));
                break;
            }
            print_result(o, chain, inputs[k].shape->name, &r, shown == 0);
            shown++;
            met += r.ratio <= limit_of(chain);
            worst = r.ratio > worst ? r.ratio : worst;
        }
    }
    pluck_workspace_free(workspace);
    if (o->json)
        printf("\n]}\n");
    else
        printf("\nWithin the limit: %d of %d; the worst ratio is %.2f.\n", met, shown, worst);
    return status == PLUCK_OK ? EXIT_OK : EXIT_FAILED;
}

static bool dtype_of(const char *name, pluck_dtype *out) {
    static const char *const names[] = {
        [PLUCK_DTYPE_F32] = "f32", [PLUCK_DTYPE_F16] = "f16", [PLUCK_DTYPE_BF16] = "bf16"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *out = (pluck_dtype)i;
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

int main(int argc, char **argv) {
    bench_options options = {
        .program = "bench-masks",
        .help = help,
        .own = "dtype",
        .max_blocks = MAX_BLOCKS,
        .blocks = 15,
    };
    int code;
    if (!bench_options_read(&options, argc, argv, &code)) return code;
    const char *name = options.own_value != NULL ? options.own_value : "f32";
    pluck_dtype dtype;
    if (!dtype_of(name, &dtype)) {
        fprintf(stderr, "bench-masks: --dtype is '%s'; allowed: f32, f16, bf16\n", name);
        return EXIT_USAGE;
    }
    cliff_input inputs[MAX_MASKS] = {{0}};
    const int n = make_inputs(inputs, dtype);
    code = EXIT_FAILED;
    if (n > 0) {
        print_head(&options, name);
        code = run_all(&options, inputs, n);
    }
    for (int i = 0; i < MAX_MASKS; i++) cliff_input_free(&inputs[i]);
    return code;
}
