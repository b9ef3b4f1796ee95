/*
 * standalone.c - the main() of bench-<component>, which is a benchmark as a program of its own.
 *
 * Prints a line for each side: name, us/iter, n and the speedup. A candidate that fails its gate
 * gets no speedup. It measures in one process only; for statistics over many there is `perflab
 * run`.
 */
#include "gate.h"
#include "measure.h"
#include "stat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    double seconds;
    size_t size;
    uint64_t seed;
    const char *input;
    const char *id;
    perflab_cache cache;
} options;

static int usage(const char *program, FILE *to) {
    fprintf(to,
            "usage: %s [ID] [--time SECONDS] [--size N] [--input KIND] [--seed N] [--cache MODE]\n"
            "Gates and times each improvement, all in one process.\n"
            "MODE is hot, l2 or evicted.\n",
            program);
    return to == stderr ? 2 : 0;
}

static void line(const char *id, const char *what, double us, uint64_t n, const char *more) {
    char name[256];
    snprintf(name, sizeof name, "%s %s", id, what);
    printf("%-40s %10.3f us/iter  (n=%" PRIu64 ")%s\n", name, us, n, more);
}

/* Returns 0 if all went well or nothing can run here, 1 if something is wrong. */
static int bench_one(const perflab_benchmark *b, const char *input, const options *o) {
    char why[512], heading[200];
    perflab_host host;
    perflab_ctx ctx;
    perflab_case c = {.benchmark = b,
                      .size = o->size != 0 ? o->size : perflab_size_of(b),
                      .input = input,
                      .seed = o->seed,
                      .data_dir = getenv("PERFLAB_DATA"),
                      .layout = PERFLAB_LAYOUT_END_FLUSH,
                      .clock = &perflab_real_clock};
    snprintf(heading, sizeof heading, "%s (%s, size %zu)", b->component, input, c.size);
    if (b->baseline == NULL) {
        printf("%s %s: not started\n", b->id, heading);
        return 0;
    }
    perflab_outcome verdict = PERFLAB_BROKEN;
    if (b->candidate != NULL) {
        verdict = perflab_gate(&c, &host, why);
        if (verdict == PERFLAB_PASSED && !perflab_gate_notices(&c)) {
            verdict = PERFLAB_MISMATCH;
            snprintf(why, sizeof why, "the validator accepts a candidate that did nothing");
        }
        if (verdict == PERFLAB_SKIPPED) {
            printf("%s %s: skipped: %s\n", b->id, heading, why);
            return 0;
        }
        if (verdict != PERFLAB_PASSED) {
            printf("%s %s: WRONG with seed %" PRIu64 ": %s\n", b->id, heading, o->seed, why);
        }
    }
    c.layout = PERFLAB_LAYOUT_RANDOM;
    c.layout_seed = o->seed + 1;
    const perflab_outcome opened = perflab_case_open(&c, &ctx, &host);
    if (opened != PERFLAB_PASSED) {
        printf("%s %s: %s\n", b->id, heading, host.reason);
        return opened == PERFLAB_SKIPPED ? 0 : 1;
    }
    const perflab_lane lanes[2] = {{b->baseline, b->reset, &ctx, PERFLAB_BASELINE, b->flags},
                                   {verdict == PERFLAB_PASSED ? b->candidate : NULL, b->reset, &ctx,
                                    PERFLAB_CANDIDATE, b->flags}};
    const perflab_plan plan = {
        .seconds = o->seconds, .cache = o->cache, .clock = &perflab_real_clock};
    perflab_timing t;
    perflab_measure(lanes, &plan, &t);
    if (verdict == PERFLAB_PASSED) {
        verdict = perflab_gate_once(&c, &ctx, PERFLAB_CANDIDATE);
        if (verdict != PERFLAB_PASSED) {
            printf("%s %s: WRONG after the timing: %s\n", b->id, heading, host.reason);
        }
    }
    printf("%s %s: %s\n", b->id, heading, b->title != NULL ? b->title : "");
    line(b->id, "baseline", t.us[0], t.calls[0], "");
    if (verdict == PERFLAB_PASSED) {
        char speedup[64];
        snprintf(speedup, sizeof speedup, "  %.2fx", t.ratio);
        line(b->id, "optimized", t.us[1], t.calls[1], speedup);
    }
    perflab_case_close(&c, &ctx);
    return b->candidate != NULL && verdict != PERFLAB_PASSED;
}

static bool parse(int argc, char **argv, options *o) {
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (a[0] != '-') {
            o->id = a;
            continue;
        }
        if (i + 1 >= argc) return false;
        const char *value = argv[++i];
        char *end = NULL;
        if (strcmp(a, "--time") == 0) {
            o->seconds = strtod(value, &end);
        } else if (strcmp(a, "--size") == 0) {
            o->size = strtoull(value, &end, 10);
        } else if (strcmp(a, "--seed") == 0) {
            o->seed = strtoull(value, &end, 10);
        } else if (strcmp(a, "--input") == 0) {
            o->input = value;
        } else if (strcmp(a, "--cache") != 0 || !perflab_cache_parse(value, &o->cache)) {
            return false;
        }
        if (end != NULL && (*end != '\0' || end == value)) return false;
    }
    return o->seconds > 0;
}

int main(int argc, char **argv) {
    options o = {.seconds = 1, .seed = 42};
    int failed = 0;
    size_t done = 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(argv[0], stdout);
    if (!parse(argc, argv, &o)) return usage(argv[0], stderr);
    const perflab_module *module = perflab_get_module();
    for (uint32_t i = 0; i < module->count; i++) {
        const perflab_benchmark *b = &module->benchmarks[i];
        if (o.id != NULL && strcmp(o.id, b->id) != 0) continue;
        for (const char *const *input = perflab_inputs_of(b); *input != NULL; input++) {
            if (o.input != NULL && strcmp(o.input, *input) != 0) continue;
            failed |= bench_one(b, *input, &o);
            done++;
        }
    }
    if (done == 0) fprintf(stderr, "%s: no improvement has that id and kind of input\n", argv[0]);
    return done == 0 ? 2 : failed;
}
