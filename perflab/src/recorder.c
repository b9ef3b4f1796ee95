/*
 * recorder.c - commits each result when its process ends, so that a kill loses at most the process
 * that is running.
 */
#include "recorder.h"
#include "format.h"
#include "launch.h"
#include "machine.h"
#include "placement.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A step of a worker that takes longer counts as hung, unless it was announced. */
enum { STEP_S = 300 };

void recorder_start(recorder *r, ledger *l, progress *p) {
    memset(r, 0, sizeof *r);
    r->ledger = l;
    r->progress = p;
    r->environment = environment_read();
    r->environment_text = cJSON_PrintUnformatted(r->environment);
    commit_here(r->commit);
    r->data = getenv("PERFLAB_DATA");
    r->memory = 4.0 * 1024 * 1024 * 1024;
    r->pin = true;
}

void recorder_end(recorder *r) {
    cJSON_Delete(r->environment);
    cJSON_free(r->environment_text);
}

/*
 * Paths relative to the current folder, or only file names: a ledger may be published, and must not
 * show the folders of this machine.
 */
static char *local_paths(const char *sources) {
    char here[4096];
    text_buffer out = {0};
    char *copy = text_copy(sources);
    const size_t n = getcwd(here, sizeof here) != NULL ? strlen(here) : 0;
    text_add(&out, "%s", "");
    for (char *path = strtok(copy, "\n"); path != NULL; path = strtok(NULL, "\n")) {
        const bool below = n > 0 && strncmp(path, here, n) == 0 && path[n] == '/';
        const char *base = strrchr(path, '/');
        text_add(&out, "%s%s", out.length > 0 ? "\n" : "",
                 below          ? path + n + 1
                 : base != NULL ? base + 1
                                : path);
    }
    free(copy);
    return out.text;
}

bool record_build(recorder *r, const entry *e) {
    char *sources = local_paths(e->sources);
    char now[32];
    iso_time(now);
    text_buffer inputs = {0};
    for (char **k = e->inputs; *k != NULL; k++)
        text_add(&inputs, "%s%s", inputs.length ? " " : "", *k);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "uuid", e->build);
    cJSON_AddStringToObject(row, "id", e->id);
    cJSON_AddStringToObject(row, "component", e->component);
    cJSON_AddStringToObject(row, "title", e->title);
    cJSON_AddStringToObject(row, "notes", e->notes);
    cJSON_AddStringToObject(row, "device", e->device);
    cJSON_AddStringToObject(row, "source_hash", e->source_hash);
    cJSON_AddStringToObject(row, "variant", e->variant);
    cJSON_AddStringToObject(row, "compiler", e->compiler);
    cJSON_AddStringToObject(row, "flags", e->flags);
    cJSON_AddStringToObject(row, "linked", e->linked);
    cJSON_AddStringToObject(row, "sources", sources);
    cJSON_AddStringToObject(row, "inputs", inputs.text);
    cJSON_AddNumberToObject(row, "size", (double)e->size);
    cJSON_AddBoolToObject(row, "has_baseline", e->has_baseline);
    cJSON_AddBoolToObject(row, "has_candidate", e->has_candidate);
    cJSON_AddStringToObject(row, "first_seen", now);
    const bool good = ledger_put(r->ledger, "build", row, true);
    cJSON_Delete(row);
    free(inputs.text);
    free(sources);
    return good;
}

bool record_profile(recorder *r, const entry *e, const char *input, double size,
                    const cJSON *data) {
    char uuid[33], now[32];
    make_uuid(uuid);
    iso_time(now);
    char *text = cJSON_PrintUnformatted(data);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "uuid", uuid);
    cJSON_AddStringToObject(row, "build", e->build);
    cJSON_AddStringToObject(row, "at", now);
    cJSON_AddStringToObject(row, "machine", machine_here()->key);
    cJSON_AddStringToObject(row, "input", input);
    cJSON_AddNumberToObject(row, "size", size);
    cJSON_AddStringToObject(row, "data", text);
    const bool good = record_build(r, e) && ledger_put(r->ledger, "profile", row, false);
    cJSON_Delete(row);
    cJSON_free(text);
    return good;
}

cJSON *record_job(const recorder *r, const entry *e, const char *what, const char *input) {
    const char *noise = getenv("PERFLAB_CLOCK");
    cJSON *job = cJSON_CreateObject();
    cJSON_AddStringToObject(job, "do", what);
    cJSON_AddStringToObject(job, "module", e->module);
    cJSON_AddStringToObject(job, "id", e->id);
    cJSON_AddStringToObject(job, "input", input);
    if (r->data != NULL) cJSON_AddStringToObject(job, "data", r->data);
    if (noise != NULL) cJSON_AddStringToObject(job, "noise", noise);
    /* No memory cap for GPUs: their drivers reserve terabytes of address space. */
    if (strcmp(e->device, "gpu") != 0) cJSON_AddNumberToObject(job, "memory", r->memory);
    cJSON_AddNumberToObject(job, "l1", (double)machine_here()->l1);
    cJSON_AddNumberToObject(
        job, "llc", (double)(machine_here()->l3 != 0 ? machine_here()->l3 : machine_here()->l2));
    return job;
}

/* Adds the device that a result names, or this machine's CPU. */
static void add_device(cJSON *row, const cJSON *result) {
    const char *kind = json_text(result, "device_kind", "");
    const char *name = json_text(result, "device_name", "");
    /* A simulated number must be recognisable everywhere. */
    const bool simulated = getenv("PERFLAB_CLOCK") != NULL;
    char *device = text_format("%s%s", name[0] != '\0' ? name : machine_here()->cpu,
                               simulated ? " (simulated clock)" : "");
    cJSON_AddStringToObject(row, "device_kind", kind[0] != '\0' ? kind : "cpu");
    cJSON_AddStringToObject(row, "device", device);
    free(device);
}

/* How a gate or a measured process ended. */
static perflab_outcome outcome_of(const launched *got) {
    if (got->outcome != PERFLAB_PASSED) return got->outcome;
    return perflab_outcome_of(json_text(got->result, "outcome", ""));
}

static char *why_of(const launched *got) {
    if (got->outcome != PERFLAB_PASSED) return text_copy(got->detail);
    return text_copy(json_text(got->result, "why", NULL));
}

bool record_gate(recorder *r, const entry *e, const char *input, const gate_plan *plan,
                 gate_result *result) {
    static const char *const errors[] = {"baseline_error", "candidate_error", NULL};
    char uuid[33], now[32];
    make_uuid(uuid);
    iso_time(now);
    cJSON *job = record_job(r, e, "gate", input);
    cJSON_AddNumberToObject(job, "seed", (double)plan->first_seed);
    cJSON_AddNumberToObject(job, "seeds", (double)plan->seeds);
    if (plan->size != 0) cJSON_AddNumberToObject(job, "size", (double)plan->size);
    if (plan->edits != NULL) {
        cJSON_AddItemToObject(job, "edits", cJSON_Duplicate(plan->edits, true));
    }
    const launch l = {.job = job,
                      .timeout_s = r->timeout_s > 0 ? r->timeout_s : STEP_S,
                      .strict = r->timeout_s > 0,
                      .tick = progress_draw,
                      .self = r->progress};
    launched got = launch_run(&l);
    result->outcome = outcome_of(&got);
    result->why = why_of(&got);
    result->cases = (size_t)json_number(got.result, "cases", 0);
    result->compared = (size_t)json_number(got.result, "compared", 0);

    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "uuid", uuid);
    cJSON_AddStringToObject(row, "build", e->build);
    cJSON_AddStringToObject(row, "at", now);
    cJSON_AddStringToObject(row, "machine", machine_here()->key);
    add_device(row, got.result);
    cJSON_AddStringToObject(row, "input", input);
    cJSON_AddNumberToObject(row, "first_seed", (double)plan->first_seed);
    cJSON_AddNumberToObject(row, "seeds", (double)plan->seeds);
    const int skipped = (int)json_number(got.result, "skipped", 0);
    const bool whole = plan->size == 0 && plan->seeds >= GATE_SEEDS && skipped == 0;
    cJSON_AddBoolToObject(row, "whole", whole);
    cJSON_AddStringToObject(row, "outcome", perflab_outcome_name(result->outcome));
    if (result->why != NULL) cJSON_AddStringToObject(row, "why", result->why);
    cJSON_AddNumberToObject(row, "cases", (double)result->cases);
    cJSON_AddNumberToObject(row, "skipped", skipped);
    cJSON_AddNumberToObject(row, "compared", (double)result->compared);
    json_copy_numbers(row, got.result, errors);
    const bool good = record_build(r, e) && ledger_put(r->ledger, "gate", row, false);
    cJSON_Delete(row);
    cJSON_Delete(job);
    launched_free(&got);
    return good;
}

static bool put_run(recorder *r, const entry *e, const char *input, const measure_plan *plan,
                    const char *uuid, const cJSON *result, const char *commit,
                    const char *partner) {
    char now[32];
    iso_time(now);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "uuid", uuid);
    cJSON_AddStringToObject(row, "build", e->build);
    cJSON_AddStringToObject(row, "started", now);
    cJSON_AddStringToObject(row, "input", input);
    cJSON_AddNumberToObject(row, "size", (double)(plan->size != 0 ? plan->size : e->size));
    cJSON_AddNumberToObject(row, "threads", (double)(plan->threads != 0 ? plan->threads : 1));
    cJSON_AddStringToObject(row, "cache", plan->cache);
    cJSON_AddNumberToObject(row, "seed", (double)plan->seed);
    cJSON_AddNumberToObject(row, "seconds", plan->seconds);
    cJSON_AddBoolToObject(row, "quick", plan->seconds < 1);
    add_device(row, result);
    cJSON_AddStringToObject(row, "machine", machine_here()->key);
    cJSON_AddStringToObject(row, "commit_id", commit);
    cJSON_AddStringToObject(row, "environment", r->environment_text);
    cJSON_AddNumberToObject(row, "min_bytes", json_number(result, "min_bytes", 0));
    cJSON_AddNumberToObject(row, "min_ops", json_number(result, "min_ops", 0));
    cJSON_AddNumberToObject(row, "working_set", json_number(result, "working_set", 0));
    if (partner != NULL) cJSON_AddStringToObject(row, "partner", partner);
    const bool good = record_build(r, e) && ledger_put(r->ledger, "run", row, false);
    cJSON_Delete(row);
    return good;
}

static bool put_process(recorder *r, const char *run, size_t position, size_t placement,
                        const launched *got, perflab_outcome outcome, const char *why) {
    static const char *const of_both[] = {"ratio", "candidate_us", "candidate_calls", NULL};
    static const char *const of_any[] = {
        "baseline_us",         "baseline_calls", "timed_s", "clock_overhead_ns",
        "clock_resolution_ns", "clock_share",    NULL};
    const cJSON *timing = cJSON_GetObjectItem(got->result, "timing");
    char uuid[33];
    make_uuid(uuid);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "uuid", uuid);
    cJSON_AddStringToObject(row, "run", run);
    cJSON_AddNumberToObject(row, "position", (double)position);
    if (placement != 0) cJSON_AddNumberToObject(row, "placement", (double)placement);
    cJSON_AddStringToObject(row, "outcome", perflab_outcome_name(outcome));
    if (why != NULL) cJSON_AddStringToObject(row, "why", why);
    if (timing != NULL) {
        json_copy_numbers(row, timing, of_any);
        /* A wrong candidate has no time. */
        if (outcome == PERFLAB_PASSED) json_copy_numbers(row, timing, of_both);
        if (outcome == PERFLAB_PASSED || outcome == PERFLAB_BASELINE_ONLY) {
            char *rounds = cJSON_PrintUnformatted(cJSON_GetObjectItem(timing, "rounds"));
            cJSON_AddStringToObject(row, "rounds", rounds);
            cJSON_free(rounds);
        }
    }
    const bool good = ledger_put(r->ledger, "process", row, false);
    cJSON_Delete(row);
    return good;
}

static cJSON *measure_job(const recorder *r, const entry *e, const char *input,
                          const measure_plan *plan, size_t position, uint64_t layout_seed) {
    int cpus[1024];
    /* Threads that share one CPU would show nothing. */
    const bool pin = r->pin && plan->threads < 2 && strcmp(e->device, "gpu") != 0;
    const size_t n_cpus = pin ? allowed_cpus(cpus, 1024) : 0;
    cJSON *job = record_job(r, e, "measure", input);
    cJSON_AddNumberToObject(job, "seed", (double)plan->seed);
    cJSON_AddNumberToObject(job, "layout_seed", (double)layout_seed);
    cJSON_AddNumberToObject(job, "seconds", plan->seconds);
    cJSON_AddStringToObject(job, "cache", plan->cache);
    cJSON_AddNumberToObject(job, "candidate", plan->candidate);
    if (plan->size != 0) cJSON_AddNumberToObject(job, "size", (double)plan->size);
    if (plan->threads != 0) cJSON_AddNumberToObject(job, "threads", (double)plan->threads);
    if (n_cpus > 0) cJSON_AddNumberToObject(job, "cpu", cpus[position % n_cpus]);
    return job;
}

/* What the callbacks of a launch need during a series of processes. */
typedef struct announcement {
    progress *bar;
    size_t runs;
} announcement;

static void draw(void *self) {
    progress_draw(((announcement *)self)->bar);
}

/* Prints how long a slow function will take. `seconds` is for one process, after its gate. */
static void announce(void *self, double seconds) {
    const announcement *a = self;
    char text[FORMAT_ROOM];
    progress_hide(a->bar);
    format_span(text, 1.5 * seconds * (double)a->runs);
    printf("       slow: about %s for %zu process%s\n", text, a->runs, a->runs == 1 ? "" : "es");
    fflush(stdout);
}

void run_result_free(run_result *r) {
    free(r->why);
    free(r->baseline_us);
    free(r->candidate_us);
    free(r->ratio);
    free(r->moved);
}

static void take_timing(run_result *to, const cJSON *result) {
    const cJSON *timing = cJSON_GetObjectItem(result, "timing");
    const double ratio = json_number(timing, "ratio", 0);
    to->baseline_us[to->good++] = json_number(timing, "baseline_us", 0);
    to->min_bytes = json_number(result, "min_bytes", 0);
    to->min_ops = json_number(result, "min_ops", 0);
    if (ratio <= 0) return;
    to->candidate_us[to->n] = json_number(timing, "candidate_us", 0);
    to->ratio[to->n++] = ratio;
}

/* A series of processes that is being measured. */
typedef struct series {
    recorder *r;
    const entry *e;
    const char *input;
    const measure_plan *plan;
    run_result *result;
    char run[33];
    uint64_t layout;
    bool started;
    bool here; /* this machine has the device that the entry needs */
} series;

/* The job of a process, on another placement of the module if `placement` is not 0. */
static cJSON *series_job(const series *s, size_t i, size_t placement) {
    cJSON *job = measure_job(s->r, s->e, s->input, s->plan, i, s->layout + i);
    if (placement == 0) return job;
    char *path = placement_path(s->e->module, placement);
    cJSON_ReplaceItemInObject(job, "module", cJSON_CreateString(path));
    free(path);
    return job;
}

/* Adds the result of one process. */
static void take_process(series *s, const launched *got, perflab_outcome outcome,
                         size_t placement) {
    run_result *to = s->result;
    const cJSON *timing = cJSON_GetObjectItem(got->result, "timing");
    const bool good = outcome == PERFLAB_PASSED || outcome == PERFLAB_BASELINE_ONLY;
    if (good && timing != NULL && placement == 0) {
        take_timing(to, got->result);
    } else if (good && timing != NULL) {
        const double ratio = json_number(timing, "ratio", 0);
        if (ratio > 0) to->moved[to->n_moved++] = ratio;
    } else {
        to->failed = outcome == PERFLAB_SKIPPED ? 2 : to->failed + 1;
        to->outcome = outcome;
        free(to->why);
        to->why = why_of(got);
    }
}

/* Runs one process and records it. Returns false if the ledger fails. */
static bool run_process(series *s, size_t i, size_t placement, announcement *word) {
    recorder *r = s->r;
    cJSON *job = series_job(s, i, placement);
    const launch l = {.job = job,
                      .timeout_s = r->timeout_s > 0 ? r->timeout_s : STEP_S + 20 * s->plan->seconds,
                      .strict = r->timeout_s > 0,
                      .tick = draw,
                      .expect = i == 0 ? announce : NULL,
                      .self = word};
    launched got = launch_run(&l);
    perflab_outcome outcome = outcome_of(&got);
    const bool timed = cJSON_GetObjectItem(got.result, "timing") != NULL;
    const bool passed = outcome == PERFLAB_PASSED;
    const bool both = s->plan->candidate && s->e->has_candidate;
    if (passed && timed && !both) outcome = PERFLAB_BASELINE_ONLY;
    char *why = why_of(&got);
    bool good = true;
    if (!s->started) {
        good = put_run(r, s->e, s->input, s->plan, s->run, got.result, r->commit, NULL);
    }
    s->started = true;
    good = good && put_process(r, s->run, i, placement, &got, outcome, why);
    free(why);
    take_process(s, &got, outcome, placement);
    /* If the device is missing, one process shows it; more would not count either. */
    s->here = !passed || strcmp(s->e->device, "cpu") == 0 ||
              strcmp(json_text(got.result, "device_kind", ""), s->e->device) == 0;
    launched_free(&got);
    cJSON_Delete(job);
    return good;
}

bool record_run(recorder *r, const entry *e, const char *input, const measure_plan *plan,
                run_result *result) {
    series s = {.r = r, .e = e, .input = input, .plan = plan, .result = result, .here = true};
    const bool both = plan->candidate && e->has_candidate;
    const size_t n_placements = both && !plan->fixed ? e->n_placements : 0;
    const size_t each = n_placements > 0 ? 2 : 1;
    announcement word = {r->progress, each * plan->runs};
    double **const arrays[] = {&result->baseline_us, &result->candidate_us, &result->ratio,
                               &result->moved};
    char digits[13];
    bool good = true;
    memset(result, 0, sizeof *result);
    for (size_t i = 0; i < 4; i++) *arrays[i] = must_alloc((plan->runs + 1) * sizeof(double));
    make_uuid(s.run);
    snprintf(digits, sizeof digits, "%.12s", s.run);
    s.layout = strtoull(digits, NULL, 16);
    for (size_t i = 0; good && s.here && i < each * plan->runs && result->failed < 2; i++) {
        const bool moved = each == 2 && i % 2 == 1;
        good = run_process(&s, i, moved ? i / 2 % n_placements + 1 : 0, &word);
        progress_add(r->progress, 1.0 / (double)each);
    }
    return good;
}

/* The current commit of the folder that an entry's benchmark was built from. */
static void commit_behind(const entry *e, char out[64]) {
    char *folder = text_copy(e->sources);
    folder[strcspn(folder, "\n")] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL) *slash = '\0';
    out[0] = '\0';
    if (slash != NULL && file_exists(folder)) commit_of(folder, out);
    free(folder);
}

bool record_pair_start(recorder *r, const entry *const sides[2], const char *input,
                       const measure_plan *plan, const cJSON *result, const char *const commits[2],
                       char runs[2][33]) {
    bool good = true;
    for (int i = 0; i < 2; i++) make_uuid(runs[i]);
    for (int i = 0; good && i < 2; i++) {
        char commit[64];
        if (commits[i] != NULL) {
            snprintf(commit, sizeof commit, "%.60s", commits[i]);
        } else {
            commit_behind(sides[i], commit);
        }
        good = put_run(r, sides[i], input, plan, runs[i], result, commit, runs[1 - i]);
    }
    return good;
}

bool record_pair_process(recorder *r, char runs[2][33], size_t position, const cJSON *timing) {
    static const char *const us[] = {"baseline_us", "candidate_us"};
    static const char *const calls[] = {"baseline_calls", "candidate_calls"};
    static const char *const shared[] = {"timed_s", "clock_overhead_ns", "clock_resolution_ns",
                                         "clock_share", NULL};
    const double ratio = json_number(timing, "ratio", 1);
    char *rounds = cJSON_PrintUnformatted(cJSON_GetObjectItem(timing, "rounds"));
    bool good = ledger_begin(r->ledger);
    const bool begun = good;
    for (int i = 0; good && i < 2; i++) {
        char uuid[33];
        make_uuid(uuid);
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "uuid", uuid);
        cJSON_AddStringToObject(row, "run", runs[i]);
        cJSON_AddNumberToObject(row, "position", (double)position);
        cJSON_AddStringToObject(row, "outcome", "passed");
        cJSON_AddNumberToObject(row, "candidate_us", json_number(timing, us[i], 0));
        cJSON_AddNumberToObject(row, "candidate_calls", json_number(timing, calls[i], 0));
        cJSON_AddNumberToObject(row, "ratio", i == 0 ? 1 / ratio : ratio);
        json_copy_numbers(row, timing, shared);
        cJSON_AddStringToObject(row, "rounds", rounds);
        good = ledger_put(r->ledger, "process", row, false);
        cJSON_Delete(row);
    }
    if (good) good = ledger_commit(r->ledger);
    if (begun && !good) ledger_rollback(r->ledger);
    cJSON_free(rounds);
    return good;
}
