/*
 * cmd_profile.c - `perflab profile`: memory-bound or compute-bound.
 *
 * The roofs (reading from each cache level, fused multiply-adds) are measured by the same command
 * and on the same CPU as the benchmark. A side is memory-bound if it moves its least bytes at 60 %
 * or more of the bandwidth of the level that they fit in, and compute-bound if it does its least
 * operations at 60 % or more of the peak. --recorded takes the timings that `perflab run` recorded,
 * which takes a second for all improvements instead of seconds for each.
 */
#include "child.h"
#include "commands.h"
#include "facts.h"
#include "format.h"
#include "launch.h"
#include "machine.h"
#include "options.h"
#include "recorder.h"
#include "selection.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOUND_SHARE 0.6

typedef struct profile_request {
    const char *ledger, *modules, *input, *variant, *data;
    size_t size;
    bool recorded; /* use recorded timings instead of new ones, and count no instructions */
} profile_request;

/* Runs a job and returns its result, or NULL, with an error message unless `quiet`. */
static cJSON *do_job(cJSON *job, const char *const *wrapper, double timeout, bool quiet) {
    const launch l = {.job = job, .timeout_s = timeout, .wrapper = wrapper};
    launched got = launch_run(&l);
    cJSON *result = got.outcome == PERFLAB_PASSED ? got.result : NULL;
    if (result == NULL && !quiet) complain("%s: %s", perflab_outcome_name(got.outcome), got.detail);
    if (result == NULL) cJSON_Delete(got.result);
    free(got.detail);
    cJSON_Delete(job);
    return result;
}

static cJSON *count_job(const recorder *r, const entry *e, const char *input, int side, int calls,
                        bool only_reset) {
    cJSON *job = record_job(r, e, "count", input);
    cJSON_DeleteItemFromObject(job, "memory"); /* valgrind needs much more */
    cJSON_AddNumberToObject(job, "seed", 42);
    cJSON_AddNumberToObject(job, "side", side);
    cJSON_AddNumberToObject(job, "calls", calls);
    cJSON_AddNumberToObject(job, "only_reset", only_reset);
    return job;
}

/* The number in a line such as "==1== I   refs:      1,234,567"; -1 if there is none. */
static double instructions_in(const char *path) {
    char *text = read_text(path, NULL);
    const char *at = text != NULL ? strstr(text, "refs:") : NULL;
    double n = at != NULL ? 0 : -1;
    for (const char *p = at; p != NULL && *p != '\n' && *p != '\0'; p++) {
        if (*p >= '0' && *p <= '9') n = n * 10 + (*p - '0');
    }
    free(text);
    return n;
}

/* The instructions of a whole process, counted by valgrind; -1 if that fails. */
static double emulate(const recorder *r, const entry *e, const char *input, int side, int calls,
                      bool only_reset) {
    char log[] = "/tmp/perflab-count-XXXXXX";
    const int fd = mkstemp(log);
    if (fd < 0) return -1;
    close(fd);
    char *log_option = text_format("--log-file=%s", log);
    const char *const wrapper[] = {"valgrind",       "--tool=cachegrind",
                                   "--cache-sim=no", "--cachegrind-out-file=/dev/null",
                                   log_option,       NULL};
    cJSON *result = do_job(count_job(r, e, input, side, calls, only_reset), wrapper, 300, true);
    const double n = result != NULL ? instructions_in(log) : -1;
    cJSON_Delete(result);
    unlink(log);
    free(log_option);
    return n;
}

/* The instructions of one call: half the difference between three calls and one, without resets. */
static double emulated_instructions(const recorder *r, const entry *e, const char *input, int side,
                                    bool has_reset) {
    const double one = emulate(r, e, input, side, 1, false);
    const double three = one < 0 ? -1 : emulate(r, e, input, side, 3, false);
    if (three < 0) return -1;
    double per_call = (three - one) / 2;
    if (has_reset) {
        const double reset_one = emulate(r, e, input, side, 1, true);
        const double reset_three = emulate(r, e, input, side, 3, true);
        if (reset_one < 0 || reset_three < 0) return -1;
        per_call -= (reset_three - reset_one) / 2;
    }
    return per_call;
}

/* The smallest cache level that `bytes` bytes fit in. */
static const char *level_of(const cJSON *roofs, double bytes) {
    const cJSON *level = NULL;
    cJSON_ArrayForEach(level, cJSON_GetObjectItem(roofs, "levels")) {
        const double capacity = json_number(level, "capacity", 0);
        if (capacity == 0 || bytes <= capacity) return json_text(level, "level", "memory");
    }
    return "memory";
}

static const char *verdict(double bandwidth_share, double ops_share, bool known) {
    if (!known) return "unknown: the benchmark does not give its least bytes and operations";
    if (bandwidth_share >= BOUND_SHARE) return "memory-bound";
    if (ops_share >= BOUND_SHARE) return "compute-bound";
    return "neither roof is near: latency, branches, scalar code or more work than necessary";
}

static bool has_valgrind(void) {
    const char *const argv[] = {"valgrind", "--version", NULL};
    char *version = child_first_line(argv);
    const bool there = version != NULL;
    free(version);
    return there;
}

static void print_counters(const cJSON *counted, double emulated) {
    const double cycles = json_number(counted, "cycles", -1);
    const double instructions = json_number(counted, "instructions", -1);
    if (cycles > 0) {
        printf("    %.4g cycles, %.4g instructions, IPC %.2f", cycles, instructions,
               instructions / cycles);
        printf(", %.4g of %.4g cache references missed\n", json_number(counted, "cache_misses", 0),
               json_number(counted, "cache_references", 0));
        return;
    }
    printf("    no hardware counters here (%s)", json_text(counted, "refusal", "refused"));
    if (emulated >= 0) {
        printf(": %.4g instructions a call, counted by valgrind\n", emulated);
    } else {
        printf("; %s\n", has_valgrind() ? "valgrind could not run it either"
                                        : "valgrind, which would count them, is not installed");
    }
}

/* Counts with hardware counters; without any, valgrind's count goes to *emulated. Prints both. */
static cJSON *count_side(const recorder *r, const entry *e, const entry *portable,
                         const char *input, int side, double *emulated) {
    cJSON *counted = do_job(count_job(r, e, input, side, 5, false), NULL, 120, true);
    const bool has_counters = json_number(counted, "cycles", -1) > 0;
    if (!has_counters && counted != NULL) {
        const bool has_reset = cJSON_IsTrue(cJSON_GetObjectItem(counted, "has_reset"));
        *emulated = emulated_instructions(r, e, input, side, has_reset);
        if (*emulated < 0 && portable != NULL) {
            *emulated = emulated_instructions(r, portable, input, side, has_reset);
            if (*emulated >= 0)
                printf("    (valgrind does not know all native instructions: counting the portable "
                       "build)\n");
        }
    }
    print_counters(counted, *emulated);
    return counted;
}

/* Profiles one side: prints the results and adds them to `data`. */
static void profile_side(const recorder *r, const entry *e, const entry *portable,
                         const char *input, int side, const cJSON *measured, const cJSON *roofs,
                         bool count, cJSON *data) {
    static const char *const names[] = {"baseline", "candidate"};
    static const char *const us_names[] = {"baseline_us", "candidate_us"};
    const double us = json_number(cJSON_GetObjectItem(measured, "timing"), us_names[side], 0);
    if (us <= 0) return;
    const double bytes = json_number(measured, "min_bytes", 0);
    const double ops = json_number(measured, "min_ops", 0);
    const double peak = json_number(roofs, "ops_per_s", 0);
    const double roof = json_number(data, "roof_bytes_per_s", 0);
    const char *level = json_text(data, "level", "memory");
    const double bandwidth = bytes / us * 1e6;
    const double rate = ops / us * 1e6;
    const double share = roof > 0 ? bandwidth / roof : 0;
    const double ops_share = peak > 0 ? rate / peak : 0;
    const char *said = verdict(share, ops_share, bytes > 0 || ops > 0);

    char time[FORMAT_ROOM];
    format_time(time, us);
    printf("  %s  %s\n", names[side], time);
    double emulated = -1;
    cJSON *counted = count ? count_side(r, e, portable, input, side, &emulated) : NULL;
    if (bytes > 0) {
        printf("    %.3g GB/s of the least bytes: %.0f %% of the %.3g GB/s of reading from %s\n",
               bandwidth * 1e-9, share * 100, roof * 1e-9, level);
    }
    if (ops > 0) {
        printf("    %.3g Gop/s of the least operations: %.0f %% of a peak of %.3g\n", rate * 1e-9,
               ops_share * 100, peak * 1e-9);
    }
    printf("    %s\n", said);

    cJSON *one = cJSON_AddObjectToObject(data, names[side]);
    cJSON_AddNumberToObject(one, "us", us);
    cJSON_AddNumberToObject(one, "bytes_per_s", bandwidth);
    cJSON_AddNumberToObject(one, "ops_per_s", rate);
    cJSON_AddNumberToObject(one, "bandwidth_share", share);
    cJSON_AddNumberToObject(one, "ops_share", ops_share);
    cJSON_AddStringToObject(one, "verdict", said);
    if (emulated >= 0) cJSON_AddNumberToObject(one, "emulated_instructions", emulated);
    if (counted != NULL) cJSON_AddItemToObject(one, "counters", counted);
}

/* Measures the roofs of all levels or, with a footprint, of reading that many bytes repeatedly. */
static cJSON *measure_roofs(size_t footprint) {
    int cpus[1024];
    const machine *m = machine_here();
    cJSON *job = cJSON_CreateObject();
    cJSON_AddStringToObject(job, "do", "roof");
    cJSON_AddNumberToObject(job, "l1", (double)m->l1);
    cJSON_AddNumberToObject(job, "l2", (double)m->l2);
    cJSON_AddNumberToObject(job, "l3", (double)m->l3);
    cJSON_AddNumberToObject(job, "footprint", (double)footprint);
    if (allowed_cpus(cpus, 1024) > 0) cJSON_AddNumberToObject(job, "cpu", cpus[0]);
    return do_job(job, NULL, 60, false);
}

/* Times one process. The result also has the benchmark's least bytes and operations. */
static cJSON *measure_now(const recorder *r, const entry *e, const char *input,
                          const profile_request *q) {
    int cpus[1024];
    cJSON *job = record_job(r, e, "measure", input);
    cJSON_AddNumberToObject(job, "seed", 42);
    cJSON_AddNumberToObject(job, "seconds", 0.5);
    if (allowed_cpus(cpus, 1024) > 0) cJSON_AddNumberToObject(job, "cpu", cpus[0]);
    if (q->size != 0) cJSON_AddNumberToObject(job, "size", (double)q->size);
    cJSON *measured = do_job(job, NULL, 120, false);
    if (measured != NULL && cJSON_GetObjectItem(measured, "timing") != NULL) return measured;
    complain("%s on %s: %s", e->id, input, json_text(measured, "why", "not measured"));
    cJSON_Delete(measured);
    return NULL;
}

/* The same from what is recorded for the build on this machine; NULL if nothing is. */
static cJSON *measured_before(const recorder *r, const catalog *c, const entry *e,
                              const char *input, const profile_request *q) {
    char *ids[] = {e->id};
    const fact_query query = {.variant = e->variant,
                              .input = input,
                              .size = q->size,
                              .machine = machine_here()->key,
                              .ids = ids,
                              .n_ids = 1};
    fact_list list;
    cJSON *out = NULL;
    if (facts_derive(r->ledger, c, &query, &list) && list.n == 1 && list.all[0].n_inputs == 1 &&
        list.all[0].inputs[0].n_baseline > 0) {
        const input_facts *in = &list.all[0].inputs[0];
        out = cJSON_CreateObject();
        cJSON *timing = cJSON_AddObjectToObject(out, "timing");
        cJSON_AddNumberToObject(timing, "baseline_us", in->baseline.median);
        cJSON_AddNumberToObject(timing, "candidate_us", in->n > 0 ? in->candidate.median : 0);
        cJSON_AddNumberToObject(out, "min_bytes", in->min_bytes);
        cJSON_AddNumberToObject(out, "min_ops", in->min_ops);
        cJSON_AddNumberToObject(out, "working_set", in->working_set);
    }
    facts_free(&list);
    return out;
}

static const entry *other_variant(const catalog *c, const entry *e) {
    for (size_t i = 0; i < c->n; i++) {
        const entry *o = &c->entries[i];
        if (strcmp(o->id, e->id) == 0 && strcmp(o->variant, "portable") == 0 && o != e) return o;
    }
    return NULL;
}

static bool profile_one(recorder *r, const catalog *c, const entry *e, const char *input,
                        const cJSON *roofs, const profile_request *q) {
    cJSON *measured =
        q->recorded ? measured_before(r, c, e, input, q) : measure_now(r, e, input, q);
    if (measured == NULL) return true;
    const double working_set = json_number(measured, "working_set", 0);
    const double least = json_number(measured, "min_bytes", 0);
    const double footprint = least > 0 ? least : working_set;
    const char *level = level_of(roofs, footprint);
    cJSON *here = footprint >= 1 ? measure_roofs((size_t)footprint) : NULL;
    printf("%s %s, %s: a call's %.4g KiB fit in %s\n", e->id, e->component, input, footprint / 1024,
           level);
    cJSON *data = cJSON_CreateObject();
    cJSON_AddItemToObject(data, "roofs", cJSON_Duplicate(roofs, 1));
    cJSON_AddStringToObject(data, "level", level);
    cJSON_AddNumberToObject(data, "roof_bytes_per_s", json_number(here, "bytes_per_s", 0));
    cJSON_AddNumberToObject(data, "min_bytes", json_number(measured, "min_bytes", 0));
    cJSON_AddNumberToObject(data, "min_ops", json_number(measured, "min_ops", 0));
    cJSON_AddNumberToObject(data, "working_set", working_set);
    for (int side = 0; side < 2; side++) {
        profile_side(r, e, other_variant(c, e), input, side, measured, roofs, !q->recorded, data);
    }
    fflush(stdout);
    const bool good = record_profile(r, e, input, (double)(q->size != 0 ? q->size : e->size), data);
    cJSON_Delete(data);
    cJSON_Delete(here);
    cJSON_Delete(measured);
    return good;
}

int command_profile(int argc, char **argv) {
    profile_request q = {.variant = "native"};
    const option options[] = {
        {"--recorded", OPTION_FLAG, &q.recorded, NULL,
         "use recorded timings and count no instructions: fast"},
        {"--size", OPTION_COUNT, &q.size, "N", "another size than the benchmark's own"},
        {"--input", OPTION_TEXT, &q.input, "KIND", "this kind of input (the first registered)"},
        {"--variant", OPTION_TEXT, &q.variant, "V", "native (default) or portable"},
        {"--data", OPTION_TEXT, &q.data, "FOLDER", "recorded inputs ($PERFLAB_DATA)"},
        {"--modules", OPTION_TEXT, &q.modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &q.ledger, "FILE", "where results go (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "profile [ID...] [options]",
        .about = "Counts by hardware counters, or instructions by valgrind if there are none, and\n"
                 "shows bandwidth and arithmetic as shares of what this machine can reach.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    catalog c;
    if (!catalog_read(&c, q.modules)) return EXIT_TROUBLE;
    const selection s = {
        .ids = line.words, .n_ids = line.n_words, .variant = q.variant, .input = q.input};
    if (!selection_known(&s, &c, NULL)) {
        catalog_free(&c);
        return EXIT_USAGE;
    }
    ledger *l = ledger_open(ledger_choice(q.ledger), true);
    cJSON *roofs = l != NULL ? measure_roofs(0) : NULL;
    bool good = roofs != NULL;
    if (good) {
        progress bar;
        recorder r;
        progress_start(&bar, 1);
        recorder_start(&r, l, &bar);
        if (q.data != NULL) r.data = q.data;
        for (size_t i = 0; good && i < c.n; i++) {
            const entry *e = &c.entries[i];
            if (!selection_has(&s, e) || !entry_has_input(e, q.input) || !e->has_baseline) continue;
            /* The roofs are those of the CPU. */
            if (q.recorded && strcmp(e->device, "cpu") != 0) continue;
            good = profile_one(&r, &c, e, q.input != NULL ? q.input : e->inputs[0], roofs, &q);
        }
        recorder_end(&r);
    }
    cJSON_Delete(roofs);
    ledger_close(l);
    catalog_free(&c);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}
