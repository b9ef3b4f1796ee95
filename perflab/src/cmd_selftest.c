/*
 * cmd_selftest.c - `perflab selftest`: are the measurements right on this machine, now?
 *
 * It gates candidates with planted faults, which must be caught; measures planted speedups and a
 * planted loss, which must be found; compares 40 copies of the same code at other addresses, of
 * which at most 4 may be called different; and makes many A/A comparisons (of arithmetic and of
 * memory in turn), of which at most 5 % may be called a difference. All of this is in real time.
 * The tests do the same on a simulated clock, where other programs cannot disturb them.
 */
#include "child.h"
#include "commands.h"
#include "facts.h"
#include "format.h"
#include "launch.h"
#include "machine.h"
#include "options.h"
#include "progress.h"
#include "recorder.h"
#include "selftest_module.h"
#include "simclock.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

typedef struct plan {
    size_t count, runs;
    double seconds;
    const char *ledger;
    struct ledger *scratch; /* for the processes of the placement test */
    progress bar;
} plan;

/* One comparison: summarises the ratio over fresh processes. Returns false if a process failed. */
static bool compare_once(plan *p, const char *id, uint64_t seed, perflab_summary *out) {
    double *ratio = must_alloc(p->runs * sizeof *ratio);
    int cpus[1024];
    const size_t n_cpus = allowed_cpus(cpus, 1024);
    bool good = true;
    for (size_t i = 0; good && i < p->runs; i++) {
        cJSON *job = cJSON_CreateObject();
        cJSON_AddStringToObject(job, "do", "measure");
        cJSON_AddStringToObject(job, "module", SELFTEST_MODULE);
        cJSON_AddStringToObject(job, "id", id);
        cJSON_AddNumberToObject(job, "layout_seed", (double)(seed * 1000 + i));
        cJSON_AddNumberToObject(job, "seconds", p->seconds);
        if (n_cpus > 0) cJSON_AddNumberToObject(job, "cpu", cpus[i % n_cpus]);
        const launch l = {
            .job = job, .timeout_s = 60 + 20 * p->seconds, .tick = progress_draw, .self = &p->bar};
        launched got = launch_run(&l);
        ratio[i] = json_number(cJSON_GetObjectItem(got.result, "timing"), "ratio", 0);
        good = ratio[i] > 0;
        if (!good) complain("selftest: %s: %s", id, got.detail != NULL ? got.detail : "no result");
        launched_free(&got);
        cJSON_Delete(job);
    }
    *out = perflab_summarize(ratio, p->runs);
    free(ratio);
    progress_add(&p->bar, 1);
    return good;
}

static bool planted(plan *p, const char *id, double truth, cJSON *data, bool *passed) {
    perflab_summary s;
    progress_label(&p->bar, id);
    if (!compare_once(p, id, 77, &s)) return false;
    const bool found = resolve(&s) == (truth > 1 ? RESOLUTION_FASTER : RESOLUTION_SLOWER);
    const bool close = s.median > truth * 0.97 && s.median < truth * 1.03;
    progress_hide(&p->bar);
    char factor[FORMAT_ROOM];
    format_ratio(factor, &s);
    printf("planted %-6s %s: %s%s\n", id, found ? "found" : "NOT FOUND", factor,
           close ? "" : ", more than 3 % off");
    cJSON *one = cJSON_AddObjectToObject(data, id);
    cJSON_AddNumberToObject(one, "median", s.median);
    cJSON_AddNumberToObject(one, "lo", s.lo);
    cJSON_AddNumberToObject(one, "hi", s.hi);
    *passed = *passed && found && close;
    return true;
}

/* ---- Faults ------------------------------------------------------------------------------- */

/* Gates a candidate with a fault. Returns whether the gate ended as it should. */
static bool gate_fault(plan *p, const char *id, perflab_outcome expected) {
    cJSON *job = cJSON_CreateObject();
    cJSON_AddStringToObject(job, "do", "gate");
    cJSON_AddStringToObject(job, "module", SELFTEST_MODULE);
    cJSON_AddStringToObject(job, "id", id);
    const launch l = {
        .job = job, .timeout_s = 2, .strict = true, .tick = progress_draw, .self = &p->bar};
    launched got = launch_run(&l);
    const bool ended = got.outcome == PERFLAB_PASSED;
    const perflab_outcome outcome =
        ended ? perflab_outcome_of(json_text(got.result, "outcome", "")) : got.outcome;
    const char *why = ended ? json_text(got.result, "why", "") : got.detail;
    progress_hide(&p->bar);
    printf("fault %-8s %s: %s%s%s\n", id, outcome == expected ? "as planted" : "NOT AS PLANTED",
           perflab_outcome_name(outcome), why[0] != '\0' ? ": " : "", why);
    launched_free(&got);
    cJSON_Delete(job);
    return outcome == expected;
}

static void faults(plan *p, cJSON *data, bool *passed) {
    static const struct {
        const char *id;
        perflab_outcome expected;
    } planted_faults[] = {{"none", PERFLAB_PASSED},           {"wrong", PERFLAB_MISMATCH},
                          {"crash", PERFLAB_CRASHED},         {"hang", PERFLAB_HUNG},
                          {"overrun", PERFLAB_OUT_OF_BOUNDS}, {"leak", PERFLAB_MISMATCH}};
    const size_t n = sizeof planted_faults / sizeof *planted_faults;
    size_t good = 0;
    for (size_t i = 0; i < n; i++) {
        good += gate_fault(p, planted_faults[i].id, planted_faults[i].expected);
    }
    cJSON_AddNumberToObject(data, "faults", (double)n);
    cJSON_AddNumberToObject(data, "faults_as_planted", (double)good);
    *passed = *passed && good == n;
}

static bool same_code(plan *p, cJSON *data, bool *passed) {
    size_t resolved = 0, false_calls = 0;
    double worst = 1;
    progress_label(&p->bar, "A/A");
    for (size_t i = 0; i < p->count; i++) {
        perflab_summary s;
        if (!compare_once(p, i % 2 == 0 ? "A/A" : "A/A memory", i, &s)) return false;
        const resolution said = resolve(&s);
        const double off = s.median > 1 ? s.median : 1 / s.median;
        resolved += said != RESOLUTION_UNRESOLVED;
        false_calls += said == RESOLUTION_FASTER || said == RESOLUTION_SLOWER;
        if (off > worst) worst = off;
    }
    progress_hide(&p->bar);
    const bool good = (double)false_calls <= 0.05 * (double)p->count;
    printf("A/A: %zu of %zu called a difference (%.1f %%, at most 5 %%)%s; %zu intervals exclude 1 "
           "without the 2 %% threshold; median furthest from 1: %.3f\n",
           false_calls, p->count, 100.0 * (double)false_calls / (double)p->count,
           good ? "" : ": TOO MANY", resolved, worst);
    cJSON_AddNumberToObject(data, "comparisons", (double)p->count);
    cJSON_AddNumberToObject(data, "false_calls", (double)false_calls);
    cJSON_AddNumberToObject(data, "intervals_without_1", (double)resolved);
    cJSON_AddNumberToObject(data, "worst", worst);
    *passed = *passed && good;
    return true;
}

/* ---- Placement ---------------------------------------------------------------------------- */

enum { PLACEMENTS = 40, MOST_DIFFERENT = 4 };

/* Writes a benchmark with 40 improvements: the same code, after 1 to 40 bytes of nops. */
static bool write_placed(const char *path) {
    text_buffer out = {0};
    text_add(
        &out,
        "#include \"perflab.h\"\n"
        "static uint32_t result[2];\n"
        "#define BODY(name, side, nops) static __attribute__((noinline)) void name(perflab_ctx "
        "*ctx) { \\\n"
        "    uint32_t x = (uint32_t)ctx->seed; \\\n"
        "    __asm__ volatile(nops); \\\n"
        "    for (int i = 0; i < 6000; i++) { \\\n"
        "        if (x & 1) x = x * 3 + 1; else x >>= 1; \\\n"
        "        x ^= x << 13; x ^= x >> 17; x ^= x << 5; \\\n"
        "        __asm__ volatile(\"\" : \"+r\"(x)); \\\n"
        "    } \\\n"
        "    result[side] = x | 1; \\\n"
        "}\n"
        "static bool ran(perflab_ctx *ctx) {\n"
        "    return perflab_check_index(ctx, \"x\", result[0], result[1]);\n}\n"
        "static int setup(perflab_ctx *ctx) { result[0] = result[1] = 0; (void)ctx; return 0; }\n"
        "BODY(baseline, 0, \"\")\n");
    for (int k = 1; k <= PLACEMENTS; k++)
        text_add(&out, "BODY(moved_%d, 1, \".skip %d, 0x90\")\n", k, k);
    text_add(&out, "PERFLAB_MODULE(");
    for (int k = 1; k <= PLACEMENTS; k++) {
        text_add(&out,
                 "%s{.id = \"%d\", .component = \"placement\", .title = \"nops\", .size = 1, "
                 ".setup = setup, .baseline = baseline, .candidate = moved_%d, .validate = ran}\n",
                 k > 1 ? ", " : "", k, k);
    }
    text_add(&out, ")\n");
    const bool good = write_text(path, out.text, out.length);
    free(out.text);
    return good;
}

/* Measures one of them: at the placement of the build, and at any placement. */
static bool compare_placed(plan *p, const entry *e, perflab_summary *here, perflab_summary *any) {
    recorder r = {.ledger = p->scratch,
                  .progress = &p->bar,
                  .environment_text = "{}",
                  .pin = true,
                  .memory = 4.0 * 1024 * 1024 * 1024};
    const measure_plan m = {
        .runs = p->runs, .seconds = p->seconds, .cache = "hot", .seed = 42, .candidate = true};
    run_result result;
    progress bar = {0};
    r.progress = &bar;
    const bool good = record_run(&r, e, e->inputs[0], &m, &result) && result.failed == 0;
    *here = perflab_summarize(result.ratio, result.n);
    *any = perflab_summarize(result.moved, result.n_moved);
    if (!good) complain("selftest: placement: %s", result.why != NULL ? result.why : "no result");
    run_result_free(&result);
    progress_add(&p->bar, 1);
    return good;
}

static bool judge_placed(plan *p, const char *folder, cJSON *data, bool *passed) {
    catalog c;
    char *modules = text_format("%s/.perflab/modules", folder);
    size_t tried = 0, alone = 0, different = 0;
    bool good = catalog_read(&c, modules);
    for (size_t i = 0; good && i < c.n; i++) {
        perflab_summary here, any;
        if (strcmp(c.entries[i].variant, "native") != 0) continue;
        good = compare_placed(p, &c.entries[i], &here, &any);
        const resolution said = resolve(&any), by_itself = resolve(&here);
        tried++;
        alone += by_itself == RESOLUTION_FASTER || by_itself == RESOLUTION_SLOWER;
        different += said == RESOLUTION_FASTER || said == RESOLUTION_SLOWER || any.n == 0;
    }
    progress_hide(&p->bar);
    catalog_free(&c);
    free(modules);
    if (!good) return false;
    const bool few = tried == PLACEMENTS && different <= MOST_DIFFERENT;
    printf(
        "placement: of %zu placements of the same code %zu called a difference (at most %d)%s; %zu "
        "would be, measured at one placement only\n",
        tried, different, MOST_DIFFERENT, few ? "" : ": TOO MANY", alone);
    cJSON_AddNumberToObject(data, "placements", (double)tried);
    cJSON_AddNumberToObject(data, "placements_called", (double)different);
    cJSON_AddNumberToObject(data, "placements_called_alone", (double)alone);
    *passed = *passed && few;
    return true;
}

/* Builds that benchmark in a temporary folder and compares each copy with the baseline. */
static bool placed(plan *p, cJSON *data, bool *passed) {
    char folder[] = "/tmp/perflab-selftest-XXXXXX";
    const char *const ask[] = {"cc", "--version", NULL};
    char *compiler = child_first_line(ask);
    progress_label(&p->bar, "placement");
    if (compiler == NULL) {
        progress_hide(&p->bar);
        printf("placement: left out, since there is no compiler cc\n");
        return true;
    }
    free(compiler);
    if (mkdtemp(folder) == NULL) return false;
    char *source = text_format("%s/bench-placement.c", folder);
    char *scratch = text_format("%s/scratch.ledger", folder);
    char *build =
        text_format("cd %s && '%s' build --ledger scratch.ledger >/dev/null", folder, own_path());
    char *clean = text_format("rm -rf %s", folder);
    bool good = write_placed(source) && child_shell(build) == 0;
    if (good) p->scratch = ledger_open(scratch, true);
    good = good && p->scratch != NULL && judge_placed(p, folder, data, passed);
    ledger_close(p->scratch);
    p->scratch = NULL;
    child_shell(clean);
    free(source);
    free(scratch);
    free(build);
    free(clean);
    return good;
}

static bool put_selftest(const plan *p, const cJSON *data, bool passed) {
    char uuid[33], now[32];
    ledger *l = ledger_open(ledger_choice(p->ledger), true);
    if (l == NULL) return false;
    make_uuid(uuid);
    iso_time(now);
    char *text = cJSON_PrintUnformatted(data);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "uuid", uuid);
    cJSON_AddStringToObject(row, "at", now);
    cJSON_AddStringToObject(row, "machine", machine_here()->key);
    cJSON_AddNumberToObject(row, "passed", passed);
    cJSON_AddStringToObject(row, "data", text);
    const bool good = ledger_put(l, "selftest", row, false);
    cJSON_Delete(row);
    cJSON_free(text);
    ledger_close(l);
    return good;
}

int command_selftest(int argc, char **argv) {
    plan p = {.count = 200, .runs = 10, .seconds = 0.05};
    const char *noise = NULL;
    bool only_faults = false;
    const option options[] = {
        {"--record-noise", OPTION_TEXT, &noise, "FILE",
         "only record this machine's noise, for a simulated clock ($PERFLAB_CLOCK)"},
        {"--faults", OPTION_FLAG, &only_faults, NULL,
         "only check that planted faults are caught, which takes seconds"},
        {"--count", OPTION_COUNT, &p.count, "N", "A/A comparisons (200)"},
        {"--runs", OPTION_COUNT, &p.runs, "N", "processes per comparison (10; at least 6)"},
        {"--time", OPTION_SECONDS, &p.seconds, "SECONDS", "timed in each process (0.05)"},
        {"--ledger", OPTION_TEXT, &p.ledger, "FILE", "where the result goes (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "selftest [options]",
        .about = "Compares code with itself, with planted speedups of 2x and 1.05x and a planted\n"
                 "loss, and gates planted faults, in real time on this machine, and records the\n"
                 "result.",
        .options = options};
    const parsed asked = command_parse(&line, argc, argv);
    if (asked != PARSED_GO) return asked == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (noise != NULL) return noise_record(noise, 40, 500, 100) ? EXIT_DONE : EXIT_TROUBLE;
    if (p.runs < PERFLAB_MIN_INTERVAL) {
        complain("--runs: an interval needs at least %d", PERFLAB_MIN_INTERVAL);
        return EXIT_USAGE;
    }
    cJSON *data = cJSON_CreateObject();
    cJSON_AddNumberToObject(data, "runs", (double)p.runs);
    cJSON_AddNumberToObject(data, "seconds", p.seconds);
    bool passed = true;
    progress_start(&p.bar, (double)p.count + 3 + PLACEMENTS);
    faults(&p, data, &passed);
    const bool good =
        only_faults ||
        (planted(&p, "2x", 2, data, &passed) && planted(&p, "1.05x", 1.05, data, &passed) &&
         planted(&p, "0.97x", 0.97, data, &passed) && placed(&p, data, &passed) &&
         same_code(&p, data, &passed) && put_selftest(&p, data, passed));
    cJSON_Delete(data);
    return !good ? EXIT_TROUBLE : passed ? EXIT_DONE : EXIT_WRONG_RESULT;
}
