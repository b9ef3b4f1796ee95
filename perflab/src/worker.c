/*
 * worker.c - lists, gates and measures, in a process whose crash does no harm.
 */
#include "worker.h"
#include "heap.h"
#include "job.h"
#include "util.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_build(cJSON *to, const perflab_build *build) {
    cJSON *b = cJSON_AddObjectToObject(to, "build");
    cJSON_AddStringToObject(b, "source_hash", build->source_hash);
    cJSON_AddStringToObject(b, "variant", build->variant);
    cJSON_AddStringToObject(b, "compiler", build->compiler);
    cJSON_AddStringToObject(b, "flags", build->flags);
    cJSON_AddStringToObject(b, "sources", build->sources);
}

static cJSON *list(const cJSON *job) {
    const char *path = json_text(job, "module", "");
    const perflab_module *m = worker_load(path);
    cJSON *out = cJSON_CreateObject();
    add_build(out, m->build);
    cJSON_AddItemToObject(out, "loads", worker_loads(path));
    cJSON *all = cJSON_AddArrayToObject(out, "benchmarks");
    for (uint32_t i = 0; i < m->count; i++) {
        const perflab_benchmark *b = &m->benchmarks[i];
        cJSON *one = cJSON_CreateObject();
        cJSON_AddItemToArray(all, one);
        cJSON_AddStringToObject(one, "id", b->id);
        cJSON_AddStringToObject(one, "component", b->component != NULL ? b->component : "");
        cJSON_AddStringToObject(one, "title", b->title != NULL ? b->title : "");
        cJSON_AddStringToObject(one, "notes", b->notes != NULL ? b->notes : "");
        cJSON_AddStringToObject(one, "device",
                                b->requires_device != NULL ? b->requires_device : "cpu");
        cJSON_AddNumberToObject(one, "size", (double)perflab_size_of(b));
        cJSON_AddBoolToObject(one, "baseline", b->baseline != NULL);
        cJSON_AddBoolToObject(one, "candidate", b->candidate != NULL);
        cJSON *inputs = cJSON_AddArrayToObject(one, "inputs");
        for (const char *const *k = perflab_inputs_of(b); *k != NULL; k++) {
            cJSON_AddItemToArray(inputs, cJSON_CreateString(*k));
        }
    }
    return out;
}

static void add_errors(cJSON *to, double baseline, double candidate) {
    if (baseline >= 0) cJSON_AddNumberToObject(to, "baseline_error", baseline);
    if (candidate >= 0) cJSON_AddNumberToObject(to, "candidate_error", candidate);
}

/* The results of a gate so far. */
typedef struct tally {
    int cases, skipped;
    size_t compared;
    int leaks[2];            /* cases in which calls of a side leaked memory of malloc */
    size_t leaked[2];        /* bytes, in the last of them */
    int hungrier;            /* cases in which a call of the candidate allocated more often */
    perflab_heap_use use[2]; /* of the worst of them */
    double baseline_error, candidate_error;
    perflab_outcome verdict;
    char why[1024];
} tally;

/* If a case takes long, fewer seeds are tried, but at least two, for both layouts. */
static int seeds_for(double seconds, int seeds) {
    const int some = seconds > 2 ? (int)(16 / seconds) : seeds;
    const int few = some < 2 ? 2 : some;
    return few < seeds ? few : seeds;
}

/* Compares what the calls of both sides took from malloc in a case. */
static void weigh(const perflab_heap *heap, tally *t) {
    const perflab_heap_use *base = &heap->most[0], *cand = &heap->most[1];
    if (cand->calls <= base->calls) return;
    t->hungrier++;
    if (cand->calls - base->calls < t->use[1].calls - t->use[0].calls) return;
    memcpy(t->use, heap->most, sizeof t->use);
}

/* Runs one case of the gate. Returns false if the gate is over. */
static bool gate_case(worker *w, size_t size, uint64_t seed, tally *t) {
    char why[512], where[200];
    perflab_host *host = &w->host;
    w->c.size = size;
    w->c.seed = seed;
    w->c.layout = seed % 2 == 0 ? PERFLAB_LAYOUT_END_FLUSH : PERFLAB_LAYOUT_START_FLUSH;
    snprintf(where, sizeof where, "seed %" PRIu64 ", size %zu, input %s", seed, size, w->c.input);
    if (w->c.heap != NULL) memset(w->c.heap->most, 0, sizeof w->c.heap->most);
    const perflab_outcome v = perflab_gate(&w->c, host, why);
    if (w->c.heap != NULL) weigh(w->c.heap, t);
    t->cases++;
    t->compared += host->compared;
    for (int side = 0; side < 2; side++) {
        if (host->leaked[side] == 0) continue;
        t->leaks[side]++;
        t->leaked[side] = host->leaked[side];
    }
    if (host->baseline_error > t->baseline_error) t->baseline_error = host->baseline_error;
    if (host->candidate_error > t->candidate_error) t->candidate_error = host->candidate_error;
    if (v == PERFLAB_SKIPPED) {
        t->skipped++;
        snprintf(t->why, sizeof t->why, "%s: %s", where, why);
        return true;
    }
    t->verdict = v;
    if (v == PERFLAB_PASSED) return true;
    char *edits = edits_text(&w->edits, w->region, w->n_regions);
    snprintf(t->why, sizeof t->why, "%s%s%.300s: %s", where, edits[0] != '\0' ? ", " : "", edits,
             why);
    free(edits);
    return false;
}

/* Reports each phase with its case, so that the message about a crash has it. */
static void case_phase(void *self, const char *phase) {
    const worker *w = self;
    char text[300];
    snprintf(text, sizeof text, "%s (seed %" PRIu64 ", size %zu, input %s)", phase, w->c.seed,
             w->c.size, w->c.input);
    worker_phase(NULL, text);
}

static bool notices(worker *w, uint64_t first, int seeds) {
    w->c.size = perflab_size_of(w->benchmark);
    w->c.layout = PERFLAB_LAYOUT_RANDOM;
    for (int i = 0; i < seeds; i++) {
        w->c.seed = first + (uint64_t)i;
        if (perflab_gate_notices(&w->c)) return true;
    }
    return false;
}

/* A remark or a mismatch if the candidate leaks in every case and the baseline does not. */
static void judge_leak(const perflab_benchmark *b, tally *t) {
    const int run = t->cases - t->skipped;
    const bool leaks = run > 0 && t->leaks[1] == run && t->leaks[0] < run;
    if (t->verdict != PERFLAB_PASSED || !leaks) return;
    if ((b->flags & PERFLAB_LEAK_IS_WRONG) != 0) t->verdict = PERFLAB_MISMATCH;
    snprintf(t->why, sizeof t->why,
             "the candidate leaks %zu bytes of malloc in each call, the baseline none",
             t->leaked[1]);
}

/* A remark or a mismatch if calls of the candidate allocate more often than the baseline's. */
static void judge_allocations(const perflab_benchmark *b, tally *t) {
    char *had = text_copy(t->why);
    if (t->verdict == PERFLAB_PASSED && t->hungrier > 0) {
        if ((b->flags & PERFLAB_ALLOCATION_IS_WRONG) != 0) t->verdict = PERFLAB_MISMATCH;
        snprintf(t->why, sizeof t->why,
                 "%.500s%sa call of the candidate allocates %zu times (%zu bytes, %zu at once), of "
                 "the baseline %zu times (%zu bytes, %zu at once)",
                 had, had[0] != '\0' ? "; " : "", t->use[1].calls, t->use[1].bytes, t->use[1].peak,
                 t->use[0].calls, t->use[0].bytes, t->use[0].peak);
    }
    free(had);
}

static cJSON *gate(worker *w) {
    tally t = {.baseline_error = -1, .candidate_error = -1, .verdict = PERFLAB_SKIPPED};
    size_t sizes[PERFLAB_MAX_GATE_SIZES];
    size_t n_sizes = perflab_gate_sizes_of(w->benchmark, sizes);
    const uint64_t first = (uint64_t)json_number(w->job, "seed", 1);
    const int seeds = (int)json_number(w->job, "seeds", 8);
    const size_t only = (size_t)json_number(w->job, "size", 0);
    w->c.phase = case_phase;
    w->c.self = w;
    w->c.heap = heap_meter();
    edits_read(cJSON_GetObjectItem(w->job, "edits"), &w->edits);
    if (w->edits.n > 0) worker_edit(w);
    if (only != 0) {
        sizes[0] = only;
        n_sizes = 1;
    }
    bool on = true;
    for (size_t s = 0; on && s < n_sizes; s++) {
        double longest = 0;
        for (int i = 0; on && i < seeds_for(longest, seeds); i++) {
            const double start = seconds_now();
            on = gate_case(w, sizes[s], first + (uint64_t)i, &t);
            longest = fmax(longest, seconds_now() - start);
        }
    }
    if (t.verdict == PERFLAB_PASSED && !notices(w, first, seeds)) {
        t.verdict = PERFLAB_MISMATCH;
        snprintf(t.why, sizeof t.why, "the validator accepts a candidate that did nothing");
    }
    judge_leak(w->benchmark, &t);
    judge_allocations(w->benchmark, &t);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "outcome", perflab_outcome_name(t.verdict));
    if (t.why[0] != '\0') cJSON_AddStringToObject(out, "why", t.why);
    cJSON_AddNumberToObject(out, "cases", t.cases);
    cJSON_AddNumberToObject(out, "skipped", t.skipped);
    cJSON_AddNumberToObject(out, "compared", (double)t.compared);
    cJSON_AddStringToObject(out, "device_kind", w->host.device_kind);
    cJSON_AddStringToObject(out, "device_name", w->host.device_name);
    add_errors(out, t.baseline_error, t.candidate_error);
    return out;
}

/* Rounds to six digits: no clock resolves more, and ledgers should stay small. */
static double six_digits(double x) {
    char text[32];
    snprintf(text, sizeof text, "%.6g", x);
    return strtod(text, NULL);
}

cJSON *worker_timing(const perflab_timing *t, const perflab_lane lanes[2]) {
    static const char *const us[] = {"baseline_us", "candidate_us"};
    static const char *const calls[] = {"baseline_calls", "candidate_calls"};
    cJSON *out = cJSON_CreateObject();
    for (int side = 0; side < 2; side++) {
        if (lanes[side].fn == NULL) continue;
        cJSON_AddNumberToObject(out, us[side], t->us[side]);
        cJSON_AddNumberToObject(out, calls[side], (double)t->calls[side]);
    }
    if (lanes[0].fn != NULL && lanes[1].fn != NULL) cJSON_AddNumberToObject(out, "ratio", t->ratio);
    cJSON_AddNumberToObject(out, "timed_s", t->timed_s);
    cJSON_AddNumberToObject(out, "clock_overhead_ns", t->overhead_ns);
    cJSON_AddNumberToObject(out, "clock_resolution_ns", t->resolution_ns);
    cJSON_AddNumberToObject(out, "clock_share", t->clock_share);
    cJSON *rounds = cJSON_AddArrayToObject(out, "rounds");
    for (int i = 0; i < t->n_rounds; i++) {
        const perflab_round *r = &t->rounds[i];
        const double four[4] = {six_digits(r->us[0][0]), six_digits(r->us[0][1]),
                                six_digits(r->us[1][0]), six_digits(r->us[1][1])};
        cJSON_AddItemToArray(rounds, cJSON_CreateDoubleArray(four, 4));
    }
    return out;
}

/*
 * Whether the data can be moved out of the caches: that in buffers of perflab_alloc can, other
 * memory cannot. If not, sets the reason.
 */
static bool can_place(worker *w) {
    const double ours = (double)perflab_host_bytes(&w->host);
    const double heap = (double)w->host.heap_bytes;
    if (strcmp(json_text(w->job, "cache", "hot"), "hot") == 0) return true;
    if (ours > 0 && heap <= fmax(4096, ours / 16) && ours >= w->ctx.min_bytes / 2) return true;
    perflab_reason(&w->ctx,
                   "cannot place the data in a cache: of its memory, %.0f bytes come from "
                   "perflab_alloc and %.0f from malloc%s",
                   ours, heap, heap > 0 ? "" : ", and a call needs more");
    return false;
}

static cJSON *measure(worker *w) {
    const perflab_benchmark *b = w->benchmark;
    const bool wanted = json_number(w->job, "candidate", 1) != 0 && b->candidate != NULL;
    bool late = false; /* passed the gate before the timing, but not afterwards */
    cJSON *out = cJSON_CreateObject();
    w->c.phase = worker_phase;
    w->c.layout = PERFLAB_LAYOUT_RANDOM;
    perflab_outcome v = perflab_case_open(&w->c, &w->ctx, &w->host);
    const bool open = v == PERFLAB_PASSED;
    const bool placed = !open || can_place(w);
    if (!placed) v = PERFLAB_BROKEN;
    if (open && placed && wanted) v = perflab_gate_once(&w->c, &w->ctx, PERFLAB_BASELINE);
    perflab_lane lanes[2] = {{b->baseline, b->reset, &w->ctx, PERFLAB_BASELINE, b->flags},
                             {wanted && v == PERFLAB_PASSED ? b->candidate : NULL, b->reset,
                              &w->ctx, PERFLAB_CANDIDATE, b->flags}};
    const bool ready = open && placed;
    const double seconds = json_number(w->job, "seconds", 1);
    const double pair = (w->host.call_ns[0] + w->host.call_ns[1]) * 1e-9;
    const bool slow = pair * 1e9 >= PERFLAB_SLOW_NS;
    if (ready && slow) worker_expect(1.5 * (pair > seconds ? pair : seconds) + pair);
    if (ready) {
        perflab_plan plan = {.seconds = seconds,
                             .l1_bytes = (size_t)json_number(w->job, "l1", 0),
                             .llc_bytes = (size_t)json_number(w->job, "llc", 0),
                             .seed = w->c.layout_seed,
                             .clock = w->c.clock};
        memcpy(plan.known_ns, w->host.call_ns, sizeof plan.known_ns);
        perflab_cache_parse(json_text(w->job, "cache", "hot"), &plan.cache);
        perflab_timing timing;
        worker_phase(NULL, "timing");
        perflab_measure(lanes, &plan, &timing);
        cJSON_AddItemToObject(out, "timing", worker_timing(&timing, lanes));
        if (lanes[1].fn != NULL) {
            /* A slow candidate is judged by the outputs of its timed calls. */
            v = slow ? perflab_gate_outputs(&w->c, &w->ctx)
                     : perflab_gate_once(&w->c, &w->ctx, PERFLAB_CANDIDATE);
        }
        late = v != PERFLAB_PASSED && lanes[1].fn != NULL;
    }
    cJSON_AddStringToObject(out, "outcome", perflab_outcome_name(v));
    if (v != PERFLAB_PASSED) {
        char *why = text_format("%s%s", late ? "after the timing: " : "", w->host.reason);
        cJSON_AddStringToObject(out, "why", why);
        free(why);
    }
    cJSON_AddStringToObject(out, "device_kind", w->host.device_kind);
    cJSON_AddStringToObject(out, "device_name", w->host.device_name);
    cJSON_AddNumberToObject(out, "min_bytes", w->ctx.min_bytes);
    cJSON_AddNumberToObject(out, "min_ops", w->ctx.min_ops);
    cJSON_AddNumberToObject(out, "working_set", (double)perflab_host_bytes(&w->host));
    add_errors(out, w->host.baseline_error, w->host.candidate_error);
    return out;
}

/* Tells the benchmark how many threads to use, and OpenMP, too. Before the module is loaded. */
static void set_threads(const cJSON *job) {
    char text[32];
    const double n = json_number(job, "threads", 0);
    if (n < 1) return;
    snprintf(text, sizeof text, "%.0f", n);
    setenv("PERFLAB_THREADS", text, 1);
    setenv("OMP_NUM_THREADS", text, 1);
}

static cJSON *do_benchmark_job(const cJSON *job, const char *what) {
    static worker w;
    static simclock sim;
    set_threads(job);
    const perflab_module *m = worker_load(json_text(job, "module", ""));
    w.job = job;
    w.benchmark = worker_find(m, json_text(job, "id", ""));
    w.c = (perflab_case){.benchmark = w.benchmark,
                         .size = (size_t)json_number(job, "size", 0),
                         .input = json_text(job, "input", perflab_inputs_of(w.benchmark)[0]),
                         .seed = (uint64_t)json_number(job, "seed", 1),
                         .data_dir = json_text(job, "data", NULL),
                         .layout_seed = (uint64_t)json_number(job, "layout_seed", 1),
                         .clock = &perflab_real_clock,
                         .phase = worker_phase};
    if (w.c.size == 0) w.c.size = perflab_size_of(w.benchmark);
    const char *noise_path = json_text(job, "noise", NULL);
    if (noise_path != NULL) {
        const noise_trace *n = noise_read(noise_path);
        if (n == NULL) exit(65);
        simclock_start(&sim, n, w.c.layout_seed);
        w.c.clock = &sim.clock;
    }
    if (strcmp(what, "gate") == 0) {
        worker_guard(&w.host);
        return gate(&w);
    }
    worker_guard(&w.host);
    if (strcmp(what, "explore") == 0) return worker_explore(&w);
    if (strcmp(what, "count") == 0) return worker_count(&w);
    if (strcmp(what, "sample") == 0) return worker_sample(&w);
    if (strcmp(what, "agree") == 0) return worker_agree(&w);
    if (strcmp(what, "pair") == 0) return worker_pair(&w);
    return measure(&w);
}

int worker_main(const char *text) {
    cJSON *job = cJSON_Parse(text);
    if (job == NULL) return 64;
    worker_catch_signals();
    worker_limit(job);
    const char *what = json_text(job, "do", "");
    cJSON *result;
    if (strcmp(what, "list") == 0) {
        result = list(job);
    } else if (strcmp(what, "roof") == 0) {
        result = worker_roof(job);
    } else {
        result = do_benchmark_job(job, what);
    }
    char *out = cJSON_PrintUnformatted(result);
    char *line = text_format("R %s\n", out);
    const size_t length = strlen(line);
    for (size_t sent = 0; sent < length;) {
        const ssize_t n = write(WORKER_NEWS, line + sent, length - sent);
        if (n <= 0) return 70;
        sent += (size_t)n;
    }
    /* No exit handlers: one of the module's must not turn a result into a crash. */
    _exit(0);
}
