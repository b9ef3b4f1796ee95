/*
 * versus_llama.c: bench-versus-llama: runs the benchmark's chains with llama.cpp's samplers and
 * with Pluck's, on the same logits, in turns, in one process. Also measures the error of each one's
 * final distribution.
 *
 * llama.cpp is called as in its llama_sampler_sample: fill the array of candidates, apply the
 * chain, accept the token. Pluck is called as in an engine: pluck_sample, pluck_accept. The error
 * is the total variation distance from the double-precision oracle: half the sum of |p - exact|
 * over the vocabulary.
 */
#include "bench_options.h"
#include "chains.h"
#include "cpu_name.h"
#include "llama_chain.h"
#include "options.h"
#include "oracle.h"
#include "pluck.h"
#include "row_set.h"
#include "timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: bench-versus-llama [OPTION]...\n"
    "Times each chain with llama.cpp's samplers and with Pluck's, in turns.\n\n"
    "      --model FILE    a GGUF model, for its vocabulary (default: " PLUCK_BENCH_MODEL ")\n"
    "      --rows FILE     the real rows (default: " PLUCK_BENCH_ROWS ")\n"
    "      --blocks N      turns for each chain and kind of row (default: 16)\n"
    "      --only TEXT     only chains whose name contains TEXT\n"
    "      --json          JSON lines, as docs/results/vs-llama.jsonl, instead of a table\n"
    "  -h, --help          this text\n";

enum { GROUP = 3, MAX_BLOCKS = 1024, SEED = 42 };

/* What every measurement needs. */
typedef struct bench {
    const bench_options *options;
    const struct llama_vocab *vocab;
    pluck_workspace *workspace;
    llama_token_data *array;    /* llama.cpp's candidates */
    double *exact, *difference; /* by token */
} bench;

/* The two samplers of a chain for a row, in the same state. */
typedef struct contest {
    const float *row;
    int32_t n_vocab;
    struct llama_sampler *llama;
    pluck_sampler *pluck;
} contest;

typedef struct outcome {
    double llama_us, pluck_us;
    double llama_error, pluck_error; /* NaN: no distribution to compare */
} outcome;

/* Fills the array and applies the chain, as llama_sampler_sample does. */
static llama_token_data_array apply_llama(const bench *b, const contest *c) {
    for (int32_t i = 0; i < c->n_vocab; i++) {
        b->array[i] = (llama_token_data){i, c->row[i], 0.0f};
    }
    llama_token_data_array all = {b->array, (size_t)c->n_vocab, -1, false};
    llama_sampler_apply(c->llama, &all);
    return all;
}

static void draw_llama(const bench *b, const contest *c) {
    const llama_token_data_array all = apply_llama(b, c);
    llama_sampler_accept(c->llama, all.data[all.selected].id);
}

static pluck_status draw_pluck(const contest *c) {
    int32_t token;
    const pluck_status status = pluck_sample(c->pluck, c->row, &token);
    return status == PLUCK_OK ? pluck_accept(c->pluck, token) : status;
}

/* Creates both samplers and accepts the chain's history. */
static pluck_status contest_open(contest *c, const bench *b, const bench_chain *chain,
                                 const float *row, int32_t n_vocab) {
    c->row = row;
    c->n_vocab = n_vocab;
    const pluck_config config = bench_chain_config(chain, n_vocab, b->workspace);
    c->llama = plk_llama_chain(&config, SEED, b->vocab);
    if (c->llama == NULL) return PLUCK_ERR_STAGE;
    int32_t tokens[HISTORY_LENGTH];
    if (chain->history) {
        const pluck_status status = bench_chain_history(row, n_vocab, b->workspace, tokens);
        if (status != PLUCK_OK) return status;
        for (int i = 0; i < HISTORY_LENGTH; i++) llama_sampler_accept(c->llama, tokens[i]);
    }
    return bench_chain_sampler(&c->pluck, chain, row, n_vocab, b->workspace);
}

static void contest_close(contest *c) {
    if (c->llama != NULL) llama_sampler_free(c->llama);
    pluck_sampler_free(c->pluck);
}

/* Writes the exact probabilities of a chain's first draw to b->exact. */
static bool make_exact(const bench *b, const bench_chain *chain, const contest *c) {
    const pluck_config config = bench_chain_config(chain, c->n_vocab, NULL);
    oracle *o = oracle_create(&config, SEED);
    if (o == NULL) return false;
    int32_t tokens[HISTORY_LENGTH];
    if (chain->history &&
        bench_chain_history(c->row, c->n_vocab, b->workspace, tokens) == PLUCK_OK) {
        for (int i = 0; i < HISTORY_LENGTH; i++) oracle_accept(o, tokens[i]);
    }
    const pluck_row row = {.logits = c->row};
    oracle_result result;
    const bool good = oracle_sample(o, &row, &result) == PLUCK_OK;
    memset(b->exact, 0, (size_t)c->n_vocab * sizeof *b->exact);
    for (int32_t i = 0; good && i < result.n; i++) {
        b->exact[result.ids[i]] = result.probabilities[i];
    }
    oracle_free(o);
    return good;
}

/* Half the sum of |b->difference|: the exact probabilities minus a sampler's. */
static double distance(const bench *b, int32_t n_vocab) {
    double sum = 0;
    for (int32_t i = 0; i < n_vocab; i++) sum += fabs(b->difference[i]);
    return 0.5 * sum;
}

/* Measures the errors of both samplers on a row, at their first draw. */
static pluck_status measure_errors(outcome *out, const bench *b, const bench_chain *chain,
                                   const contest *c) {
    const size_t bytes = (size_t)c->n_vocab * sizeof *b->difference;
    if (!make_exact(b, chain, c)) return PLUCK_ERR_MEMORY;
    memcpy(b->difference, b->exact, bytes);
    const llama_token_data_array all = apply_llama(b, c);
    for (size_t i = 0; i < all.size; i++) b->difference[all.data[i].id] -= (double)all.data[i].p;
    out->llama_error = fmax(out->llama_error, distance(b, c->n_vocab));

    memcpy(b->difference, b->exact, bytes);
    const pluck_row row = {.logits = c->row};
    pluck_draw draw;
    pluck_candidates left;
    pluck_status status = pluck_sample_row(c->pluck, &row, &draw);
    if (status == PLUCK_OK) status = pluck_workspace_candidates(b->workspace, &left);
    if (status != PLUCK_OK) return status;
    for (int32_t i = 0; i < left.n; i++) {
        b->difference[left.ids[i]] -= (double)left.probabilities[i];
    }
    out->pluck_error = fmax(out->pluck_error, distance(b, c->n_vocab));
    return PLUCK_OK;
}

/* Runs one of the two: once to warm up, then GROUP times; returns their median. */
static double time_group(const bench *b, const contest *c, bool pluck, pluck_status *status) {
    double times[GROUP];
    for (int i = -1; i < GROUP; i++) {
        const double start = timing_now_us();
        if (pluck) {
            const pluck_status drawn = draw_pluck(c);
            if (drawn != PLUCK_OK) *status = drawn;
        } else {
            draw_llama(b, c);
        }
        if (i >= 0) times[i] = timing_now_us() - start;
    }
    return timing_median(times, GROUP);
}

static pluck_status measure(outcome *out, const bench *b, const bench_chain *chain,
                            const row_set *rows) {
    static double llama_us[MAX_BLOCKS], pluck_us[MAX_BLOCKS];
    contest contests[ROWS_MAX] = {{0}};
    /* Greedy has no distribution. DRY's breakers are strings in llama.cpp and tokens here, so they
     * are not quite the same. */
    const bool exact = chain->stages[0].kind != PLUCK_STAGE_GREEDY && !chain->history;
    const int blocks = (int)b->options->blocks;
    pluck_status status = rows->n_rows > 0 ? PLUCK_OK : PLUCK_ERR_SIZE;
    *out = (outcome){.llama_error = exact ? 0 : NAN, .pluck_error = exact ? 0 : NAN};
    for (int r = 0; r < rows->n_rows && status == PLUCK_OK; r++) {
        status = contest_open(&contests[r], b, chain, rows->f32[r], rows->n_vocab);
        if (status == PLUCK_OK && exact) status = measure_errors(out, b, chain, &contests[r]);
    }
    for (int i = 0; i < blocks && status == PLUCK_OK; i++) {
        const contest *c = &contests[i % rows->n_rows];
        const bool pluck_first = i / rows->n_rows % 2 == 1;
        if (pluck_first) pluck_us[i] = time_group(b, c, true, &status);
        llama_us[i] = time_group(b, c, false, &status);
        if (!pluck_first) pluck_us[i] = time_group(b, c, true, &status);
    }
    for (int r = 0; r < rows->n_rows; r++) contest_close(&contests[r]);
    if (status != PLUCK_OK) return status;
    out->llama_us = timing_median(llama_us, blocks);
    out->pluck_us = timing_median(pluck_us, blocks);
    return PLUCK_OK;
}

static void print_error(double error, const char *before) {
    if (!isnan(error)) printf("%s%.3e", before, error);
}

static void print_outcome(const bench_options *o, const char *chain, const char *rows,
                          const outcome *out) {
    if (o->json) {
        printf("{\"chain\": \"%s\", \"rows\": \"%s\", \"llama_us\": %.2f, \"pluck_us\": %.2f",
               chain, rows, out->llama_us, out->pluck_us);
        print_error(out->llama_error, ", \"llama_error\": ");
        print_error(out->pluck_error, ", \"pluck_error\": ");
        printf("}\n");
    } else {
        printf("%-50s %-7s %10.1f %9.1f %8.1f", chain, rows, out->llama_us, out->pluck_us,
               out->llama_us / out->pluck_us);
        print_error(out->llama_error, "   ");
        print_error(out->pluck_error, "   ");
        printf("\n");
    }
    fflush(stdout);
}

static int run_table(const bench *b, const row_set *rows) {
    const bench_options *o = b->options;
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    if (o->json) {
        printf("{\"machine\": \"%s\", \"isa\": \"%s\", \"n_vocab\": %d}\n", cpu, pluck_isa(),
               (int)rows[0].n_vocab);
    } else {
        printf("%s, kernels: %s, V = %d\n%-50s %-7s %10s %9s %8s   %9s   %9s\n", cpu, pluck_isa(),
               (int)rows[0].n_vocab, "chain", "rows", "llama, us", "pluck, us", "times",
               "llama err", "pluck err");
    }
    for (int i = 0; i < n_bench_chains; i++) {
        const bench_chain *chain = &bench_chains[i];
        /* llama.cpp has only mt19937 */
        if (chain->rng != PLUCK_RNG_MT19937 || chain->second) continue;
        if (!bench_options_want(o, chain->name)) continue;
        for (int k = 0; k < N_ROW_KINDS; k++) {
            outcome out;
            const pluck_status status = measure(&out, b, chain, &rows[k]);
            if (status != PLUCK_OK) {
                fprintf(stderr, "bench-versus-llama: %s: %s\n", chain->name,
                        pluck_status_string(status));
                return EXIT_FAILED;
            }
            print_outcome(o, chain->name, rows_name((rows_kind)k), &out);
        }
    }
    return EXIT_OK;
}

static void no_log(enum ggml_log_level level, const char *text, void *data) {
    (void)level;
    (void)text;
    (void)data;
}

/* Opens the vocabulary and the rows, and runs the benchmark. */
static int run(const bench_options *o) {
    llama_log_set(no_log, NULL);
    llama_backend_init();
    struct llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    const char *path = o->own_value;
    struct llama_model *model = llama_model_load_from_file(path, params);
    if (model == NULL) {
        fprintf(stderr, "bench-versus-llama: %s: cannot be loaded\n", path);
        return EXIT_FAILED;
    }
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    const int32_t n_vocab = llama_vocab_n_tokens(vocab);
    bench b = {.options = o, .vocab = vocab};
    b.array = calloc((size_t)n_vocab, sizeof *b.array);
    b.exact = calloc((size_t)n_vocab, sizeof *b.exact);
    b.difference = calloc((size_t)n_vocab, sizeof *b.difference);
    row_set rows[N_ROW_KINDS] = {{0}};
    bool good = b.array != NULL && b.exact != NULL && b.difference != NULL &&
                pluck_workspace_create(&b.workspace, n_vocab, NULL) == PLUCK_OK;
    for (int k = 0; good && k < N_ROW_KINDS; k++) {
        good = row_set_make(&rows[k], (rows_kind)k, n_vocab, o->rows);
    }
    const int code = good ? run_table(&b, rows) : EXIT_FAILED;
    for (int k = 0; k < N_ROW_KINDS; k++) row_set_free(&rows[k]);
    pluck_workspace_free(b.workspace);
    free(b.array);
    free(b.exact);
    free(b.difference);
    llama_model_free(model);
    llama_backend_free();
    return code;
}

int main(int argc, char **argv) {
    bench_options options = {
        .program = "bench-versus-llama",
        .help = help,
        .own = "model",
        .max_blocks = MAX_BLOCKS,
        .own_value = PLUCK_BENCH_MODEL,
        .rows = PLUCK_BENCH_ROWS,
        .blocks = 16,
    };
    int code;
    if (!bench_options_read(&options, argc, argv, &code)) return code;
    return run(&options);
}
