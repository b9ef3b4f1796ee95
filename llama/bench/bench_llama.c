/*
 * bench_llama.c: what a token costs with llama.cpp's samplers and with Pluck's.
 *
 * Both sides get the same logits in the same process: each round times one token of each side, the
 * side that begins alternates, and the result is the median of the rounds. llama.cpp's side does
 * what its llama_sampler_sample does: it fills the array, applies the chain and accepts the token.
 * Pluck's side is pluck_sample and pluck_accept, which is what pluck_llama_sample does with a
 * context's logits. With --arrays Pluck's side makes the same calls as llama.cpp's side, filling
 * included; the run then needs the drop-in preloaded.
 */
#define _GNU_SOURCE
#include "clock.h"
#include "commands/args.h"
#include "commands/llama_chain.h"
#include "cpu_name.h"
#include "pluck.h"
#include "rows/rows.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V = 151936, MAX_ROUNDS = 2000, POOL = 8 };

typedef struct bench {
    const char *name, *spec;
    bool greedy;
    double target, target_arrays; /* how many times faster Pluck is meant to be; 0: no target */
} bench;

static const bench benches[] = {
    {"greedy", "samplers=", true, 15, 0},
    {"default", "", false, 6, 1.2},
    {"default, repeat_penalty 1.1", "repeat_penalty=1.1", false, 25, 0},
    {"without top-k: top_p .95, min_p .05, temp .8", "top_k=0", false, 0, 7},
    {"top_p .95", "samplers=top_p;top_p=0.95", false, 15, 0},
    {"min_p .05", "samplers=min_p;min_p=0.05", false, 8, 0},
    {"dist", "samplers=", false, 15, 0},
    {"typical .95", "samplers=typ_p;typ_p=0.95", false, 80, 50},
    {"dynamic temperature", "samplers=temperature;temp=1;dynatemp_range=0.5", false, 80, 0},
    {"xtc", "samplers=xtc;xtc_probability=1;xtc_threshold=0.1", false, 80, 0},
    {"mirostat v1", "mirostat=1;temp=1", false, 80, 0},
    {"mirostat v2", "mirostat=2;temp=1", false, 80, 0},
    {"adaptive-p", "samplers=adaptive_p;adaptive_target=0.3", false, 20, 0},
    {"top_n_sigma 1", "samplers=top_n_sigma;top_n_sigma=1", false, 30, 0},
};

/* llama.cpp's own functions, found without going through the drop-in. */
static void (*own_apply)(struct llama_sampler *, llama_token_data_array *);
static void (*own_accept)(struct llama_sampler *, llama_token);

static void find_own(void) {
    void *known = dlsym(RTLD_DEFAULT, "llama_version");
    Dl_info info;
    void *handle =
        known && dladdr(known, &info) ? dlopen(info.dli_fname, RTLD_NOLOAD | RTLD_LAZY) : NULL;
    void *apply = handle ? dlsym(handle, "llama_sampler_apply") : NULL;
    void *accept = handle ? dlsym(handle, "llama_sampler_accept") : NULL;
    if (!apply || !accept) {
        fprintf(stderr, "libllama's functions are not found\n");
        exit(1);
    }
    memcpy(&own_apply, &apply, sizeof apply);
    memcpy(&own_accept, &accept, sizeof accept);
}

static llama_token_data array[V];
static volatile llama_token sink;

/* The nanoseconds that one token takes through an array. */
static int64_t through_array(struct llama_sampler *chain, const float *row, bool own) {
    int64_t begin = plk_now_ns();
    for (int32_t i = 0; i < V; i++) array[i] = (llama_token_data){i, row[i], 0.0f};
    llama_token_data_array cur = {array, V, -1, false};
    if (own)
        own_apply(chain, &cur);
    else
        llama_sampler_apply(chain, &cur);
    llama_token token = cur.data[cur.selected].id;
    if (own)
        own_accept(chain, token);
    else
        llama_sampler_accept(chain, token);
    int64_t end = plk_now_ns();
    sink = token;
    return end - begin;
}

static int64_t through_pluck(pluck_sampler *s, const float *row) {
    int64_t begin = plk_now_ns();
    int32_t token = -1;
    pluck_sample(s, row, &token);
    pluck_accept(s, token);
    int64_t end = plk_now_ns();
    sink = token;
    return end - begin;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double median_us(int64_t *ns, int n) {
    qsort(ns, (size_t)n, sizeof *ns, by_size);
    int64_t middle = ns[n / 2];
    return 1e-3 * (double)middle;
}

typedef struct pair {
    double llama_us, pluck_us;
} pair;

static bool measure(const bench *b, const float *rows, int rounds, bool arrays, pair *out) {
    pluck_spec *spec;
    pluck_error err;
    if (pluck_spec_parse(&spec, b->spec, V, &err) != PLUCK_OK) {
        fprintf(stderr, "%s: %s\n", b->name, err.message);
        return false;
    }
    pluck_stage stages[64];
    pluck_config config = *pluck_spec_config(spec);
    memcpy(stages, config.stages, sizeof *stages * (size_t)config.n_stages);
    if (b->greedy) stages[config.n_stages - 1] = (pluck_stage){.kind = PLUCK_STAGE_GREEDY};
    config.stages = stages;
    config.seed = 1;
    pluck_sampler *s = NULL;
    struct llama_sampler *own = plk_llama_chain(&config, 1, NULL);
    struct llama_sampler *named = plk_llama_chain(&config, 1, NULL);
    bool made = own && named && pluck_sampler_create(&s, &config) == PLUCK_OK;
    static int64_t before[MAX_ROUNDS], after[MAX_ROUNDS];
    for (int i = -3; made && i < rounds; i++) { /* three rounds to warm up */
        size_t which = (size_t)(i + 3) % POOL;
        const float *row = rows + which * V;
        int at = i < 0 ? 0 : i;
        for (int turn = 0; turn < 2; turn++) {
            if ((turn + i) % 2 == 0)
                before[at] = through_array(own, row, true);
            else
                after[at] = arrays ? through_array(named, row, false) : through_pluck(s, row);
        }
    }
    if (made) *out = (pair){median_us(before, rounds), median_us(after, rounds)};
    if (own) llama_sampler_free(own);
    if (named) llama_sampler_free(named);
    pluck_sampler_free(s);
    pluck_spec_free(spec);
    return made;
}

int main(int argc, char **argv) {
    static const rows_kind kinds[] = {ROWS_NORMAL, ROWS_PEAKED, ROWS_REAL};
    bool arrays = false, json = false;
    int32_t rounds = 61;
    bool known = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--arrays") == 0)
            arrays = true;
        else if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            known = plk_read_int(argv[++i], 3, &rounds);
        else
            known = false;
    }
    if (!known || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: bench_llama [--arrays] [--json] [--rounds N]\n");
        return 2;
    }
    find_own();
    float *rows = malloc(sizeof *rows * (size_t)V * POOL);
    if (!rows) return 1;
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    if (json)
        printf("{\"machine\": \"%s\", \"isa\": \"%s\", \"n_vocab\": %d, \"rounds\": %d}\n", cpu,
               pluck_isa(), V, (int)rounds);
    else
        printf("%-46s %-7s %12s %10s %8s %8s\n", "chain", "rows", "llama.cpp us", "pluck us",
               "faster", "target");
    for (size_t b = 0; b < sizeof benches / sizeof benches[0]; b++) {
        double target = arrays ? benches[b].target_arrays : benches[b].target;
        if (arrays && target == 0) continue;
        for (int k = 0; k < 3; k++) {
            for (int i = 0; i < POOL; i++)
                rows_fill(kinds[k], (uint64_t)i, rows + (size_t)i * V, V);
            pair p;
            if (!measure(&benches[b], rows, rounds, arrays, &p)) return 1;
            if (json)
                printf("{\"chain\": \"%s%s\", \"rows\": \"%s\", \"llama_us\": %.2f, "
                       "\"pluck_us\": %.2f, \"target\": %g}\n",
                       arrays ? "drop-in on arrays: " : "", benches[b].name, rows_name(kinds[k]),
                       p.llama_us, p.pluck_us, target);
            else
                printf("%-46s %-7s %12.1f %10.1f %8.1f %8.1f\n", benches[b].name,
                       rows_name(kinds[k]), p.llama_us, p.pluck_us, p.llama_us / p.pluck_us,
                       target);
            fflush(stdout);
        }
    }
    free(rows);
    return 0;
}
