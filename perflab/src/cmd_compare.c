/*
 * cmd_compare.c - `perflab compare A B`: two recorded runs, or two builds interleaved, which is
 * recorded as a run of each.
 */
#include "commands.h"
#include "facts.h"
#include "format.h"
#include "launch.h"
#include "options.h"
#include "recorder.h"
#include "selection.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct compare_request {
    const char *ledger, *variant, *input, *data, *id;
    size_t runs;
    double seconds;
    bool quick;
} compare_request;

static const char *words_for(const perflab_summary *ratio) {
    switch (resolve(ratio)) {
    case RESOLUTION_FASTER:
        return "B is faster";
    case RESOLUTION_SLOWER:
        return "B is slower";
    case RESOLUTION_NEGLIGIBLE:
        return "a difference under 2 %";
    case RESOLUTION_UNRESOLVED:
        return "no difference resolved";
    case RESOLUTION_NONE:
        break;
    }
    return "too few runs for an interval";
}

/* ---- Two builds --------------------------------------------------------------------------- */

static const entry *find_entry(const catalog *c, const char *id, const char *variant) {
    for (size_t i = 0; i < c->n; i++) {
        const entry *e = &c->entries[i];
        if (strcmp(e->id, id) == 0 && strcmp(e->variant, variant) == 0) return e;
    }
    return NULL;
}

/* A's candidate against B's, both loaded into each process. */
static bool compare_entries(recorder *r, const entry *a, const entry *b, const char *input,
                            const compare_request *q, bool *recorded) {
    const entry *const sides[2] = {a, b};
    const measure_plan plan = {.runs = q->runs, .seconds = q->seconds, .cache = "hot", .seed = 42};
    char runs[2][33];
    double *ratio = must_alloc(q->runs * sizeof *ratio);
    double *us[2] = {must_alloc(q->runs * sizeof **us), must_alloc(q->runs * sizeof **us)};
    char *why = NULL;
    size_t n = 0;
    for (size_t i = 0; i < q->runs && why == NULL && *recorded; i++) {
        cJSON *job = record_job(r, b, "measure", input);
        cJSON_AddStringToObject(job, "other", a->module);
        cJSON_AddNumberToObject(job, "seed", (double)plan.seed);
        cJSON_AddNumberToObject(job, "layout_seed", (double)(i + 1));
        cJSON_AddNumberToObject(job, "seconds", plan.seconds);
        const launch l = {.job = job,
                          .timeout_s = 60 + 20 * q->seconds,
                          .tick = progress_draw,
                          .self = r->progress};
        launched got = launch_run(&l);
        const cJSON *timing = cJSON_GetObjectItem(got.result, "timing");
        const bool passed = strcmp(json_text(got.result, "outcome", ""), "passed") == 0;
        ratio[n] = passed ? json_number(timing, "ratio", 0) : 0;
        if (ratio[n] > 0) {
            if (n == 0) *recorded &= record_pair_start(r, sides, input, &plan, got.result, runs);
            if (*recorded) *recorded = record_pair_process(r, runs, i, timing);
            us[0][n] = json_number(timing, "baseline_us", 0);
            us[1][n++] = json_number(timing, "candidate_us", 0);
        } else {
            why = text_format("%s", got.detail != NULL ? got.detail
                                                       : json_text(got.result, "why", "failed"));
        }
        progress_add(r->progress, 1);
        launched_free(&got);
        cJSON_Delete(job);
    }
    progress_hide(r->progress);
    if (why != NULL) {
        printf("%-6s %-24s %-8s %s\n", b->id, b->component, input, why);
    } else {
        const perflab_summary s = perflab_summarize(ratio, n);
        char time[2][FORMAT_ROOM], factor[FORMAT_ROOM];
        for (int i = 0; i < 2; i++) format_time(time[i], perflab_median(us[i], n));
        format_ratio(factor, &s);
        printf("%-6s %-24s %-8s A %s, B %s, %s: %s%s\n", b->id, b->component, input, time[0],
               time[1], factor, words_for(&s),
               strcmp(a->source_hash, b->source_hash) == 0 ? " (same sources)" : "");
    }
    fflush(stdout);
    const bool good = why == NULL;
    free(why);
    free(ratio);
    free(us[0]);
    free(us[1]);
    return good;
}

/* What A has of an entry of B, if both have a candidate and the entry is asked for. */
static const entry *counterpart(const catalog *a, const entry *new, const compare_request *q) {
    const entry *old = find_entry(a, new->id, new->variant);
    const bool named = q->id == NULL || strcmp(q->id, new->id) == 0;
    const bool both = old != NULL && old->has_candidate && new->has_candidate;
    return both && named && strcmp(new->variant, q->variant) == 0 ? old : NULL;
}

static int compare_builds(const char *folder_a, const char *folder_b, const compare_request *q) {
    catalog a = {0}, b = {0};
    ledger *l = ledger_open(ledger_choice(q->ledger), true);
    char *ids[] = {(char *)(uintptr_t)q->id};
    const selection s = {
        .ids = ids, .n_ids = q->id != NULL, .variant = q->variant, .input = q->input};
    bool good = l != NULL && catalog_read(&a, folder_a) && catalog_read(&b, folder_b);
    const bool known = !good || (selection_known(&s, &a, NULL) && selection_known(&s, &b, NULL));
    good = good && known;
    size_t pairs = 0;
    bool wrong = false, recorded = true;
    progress bar;
    recorder r;
    for (size_t i = 0; good && i < b.n; i++) pairs += counterpart(&a, &b.entries[i], q) != NULL;
    progress_start(&bar, (double)(pairs * q->runs));
    recorder_start(&r, l, &bar);
    if (q->data != NULL) r.data = q->data;
    for (size_t i = 0; good && recorded && i < b.n; i++) {
        const entry *new = &b.entries[i];
        const entry *old = counterpart(&a, new, q);
        if (old == NULL) continue;
        wrong |= !compare_entries(&r, old, new, q->input != NULL ? q->input : new->inputs[0], q,
                                  &recorded);
    }
    if (good && pairs == 0) {
        complain("no improvement has a candidate in both %s and %s", folder_a, folder_b);
    }
    recorder_end(&r);
    ledger_close(l);
    catalog_free(&a);
    catalog_free(&b);
    if (!known) return EXIT_USAGE;
    return !good || !recorded || pairs == 0 ? EXIT_TROUBLE : wrong ? EXIT_WRONG_RESULT : EXIT_DONE;
}

/* ---- Two recorded runs -------------------------------------------------------------------- */

typedef struct recorded {
    char *uuid, *id, *text;
    char *partner; /* the run it was interleaved with, and `ratio` compares with; NULL: its baseline
                    */
    perflab_summary candidate, ratio;
} recorded;

static bool read_run(ledger *l, const char *prefix, recorded *out) {
    char *pattern = text_format("%s%%", prefix);
    cJSON *runs =
        ledger_rows(l,
                    "SELECT r.*, b.id, b.component, b.variant, b.source_hash FROM run r JOIN build "
                    "b ON r.build = b.uuid WHERE r.uuid LIKE ?1 AND " LEDGER_NOT_REFUTED,
                    pattern, NULL);
    free(pattern);
    const int n_runs = cJSON_GetArraySize(runs);
    const cJSON *run = cJSON_GetArrayItem(runs, 0);
    memset(out, 0, sizeof *out);
    if (n_runs == 1) {
        out->uuid = text_copy(json_text(run, "uuid", ""));
        out->id = text_copy(json_text(run, "id", ""));
        out->partner = text_copy(json_text(run, "partner", NULL));
        cJSON *rows = ledger_rows(l, "SELECT * FROM process WHERE run = ?1 AND ratio IS NOT NULL",
                                  out->uuid, NULL);
        const size_t n = (size_t)cJSON_GetArraySize(rows);
        double *us = must_alloc((n + 1) * sizeof *us);
        double *ratio = must_alloc((n + 1) * sizeof *ratio);
        for (size_t i = 0; i < n; i++) {
            const cJSON *row = cJSON_GetArrayItem(rows, (int)i);
            us[i] = json_number(row, "candidate_us", 0);
            ratio[i] = json_number(row, "ratio", 0);
        }
        out->candidate = perflab_summarize(us, n);
        out->ratio = perflab_summarize(ratio, n);
        out->text = text_format("%.8s  %s  %s %s, %s, size %.0f, %s, commit %s, %s", out->uuid,
                                json_text(run, "started", ""), out->id,
                                json_text(run, "component", ""), json_text(run, "input", ""),
                                json_number(run, "size", 0), json_text(run, "variant", ""),
                                json_text(run, "commit_id", "-"), json_text(run, "device", ""));
        free(us);
        free(ratio);
        cJSON_Delete(rows);
    } else {
        complain(n_runs == 0
                     ? "no run %s is recorded of a candidate that is right (`perflab compare` "
                       "lists all runs)"
                     : "%s is the start of several runs' keys",
                 prefix);
    }
    cJSON_Delete(runs);
    return n_runs == 1;
}

static void print_run(const char *name, const recorded *r) {
    char times[FORMAT_ROOM], factor[FORMAT_ROOM];
    format_times(times, &r->candidate);
    format_ratio(factor, &r->ratio);
    printf("%s  %s\n   optimized %s, speedup over %s %s, n=%zu\n", name, r->text, times,
           r->partner != NULL ? "the other build" : "its baseline", factor, r->ratio.n);
}

/* Two runs recorded at different times, each against its own baseline. */
static void print_apart(const recorded *a, const recorded *b) {
    const bool intervals = a->ratio.has_interval && b->ratio.has_interval;
    const bool apart = intervals && (a->ratio.lo > b->ratio.hi || b->ratio.lo > a->ratio.hi);
    printf("%s%s\n",
           !intervals ? "too few runs for intervals"
           : apart    ? b->ratio.median > a->ratio.median ? "B gains more over its baseline than A"
                                                          : "B gains less over its baseline than A"
                      : "no difference resolved",
           strcmp(a->id, b->id) != 0 ? " (they are different improvements)" : "");
    printf("(recorded at different times: speedups over each run's own baseline are compared,\n"
           " by whether their 95 %% intervals overlap; compare two builds to interleave them)\n");
}

static bool print_both(const recorded *a, const recorded *b) {
    const bool interleaved = b->partner != NULL && strcmp(b->partner, a->uuid) == 0;
    if (!interleaved && (a->partner != NULL || b->partner != NULL)) {
        complain("a run of two builds can be compared with its partner only");
        return false;
    }
    print_run("A", a);
    print_run("B", b);
    if (interleaved) {
        printf("%s (interleaved in the same processes)\n", words_for(&b->ratio));
    } else {
        print_apart(a, b);
    }
    return true;
}

static int compare_runs(const char *key_a, const char *key_b, const compare_request *q) {
    recorded a = {0}, b = {0};
    ledger *l = ledger_open(ledger_choice(q->ledger), false);
    const bool good =
        l != NULL && read_run(l, key_a, &a) && read_run(l, key_b, &b) && print_both(&a, &b);
    recorded *const both[] = {&a, &b};
    for (int i = 0; i < 2; i++) {
        free(both[i]->uuid);
        free(both[i]->id);
        free(both[i]->partner);
        free(both[i]->text);
    }
    ledger_close(l);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}

static int list_runs(const compare_request *q) {
    ledger *l = ledger_open(ledger_choice(q->ledger), false);
    cJSON *rows =
        l == NULL ? NULL
                  : ledger_rows(
                        l,
                        "SELECT r.uuid, r.started, r.input, r.size, r.commit_id, r.partner, b.id, "
                        "b.component, b.variant FROM run r JOIN build b ON r.build = "
                        "b.uuid ORDER BY r.started",
                        NULL);
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        const char *partner = json_text(row, "partner", NULL);
        printf("%.8s  %s  %-6s %-24s %-8s %-9s %s%s%.8s\n", json_text(row, "uuid", ""),
               json_text(row, "started", ""), json_text(row, "id", ""),
               json_text(row, "component", ""), json_text(row, "input", ""),
               json_text(row, "variant", ""), json_text(row, "commit_id", ""),
               partner != NULL ? "  with " : "", partner != NULL ? partner : "");
    }
    const bool good = rows != NULL;
    cJSON_Delete(rows);
    ledger_close(l);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}

static bool is_folder(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

int command_compare(int argc, char **argv) {
    compare_request q = {.runs = 10, .seconds = 1, .variant = "native"};
    const option options[] = {
        {"--id", OPTION_TEXT, &q.id, "ID", "two builds: this improvement only"},
        {"--runs", OPTION_COUNT, &q.runs, "N", "two builds: processes each (10)"},
        {"--time", OPTION_SECONDS, &q.seconds, "SECONDS", "two builds: timed in each process (1)"},
        {"--quick", OPTION_FLAG, &q.quick, NULL, "two builds: 6 processes of 0.1 s"},
        {"--input", OPTION_TEXT, &q.input, "KIND", "two builds: this kind (the first registered)"},
        {"--variant", OPTION_TEXT, &q.variant, "V", "two builds: native (default) or portable"},
        {"--data", OPTION_TEXT, &q.data, "FOLDER", "recorded inputs ($PERFLAB_DATA)"},
        {"--ledger", OPTION_TEXT, &q.ledger, "FILE", "where runs are recorded (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "compare [A B] [options]",
        .about = "A and B are the first characters of two recorded runs' keys, or two folders of\n"
                 "modules (of two commits): then the candidates are measured against each other,\n"
                 "interleaved. Without A and B: lists the recorded runs.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (q.quick) {
        q.runs = 6;
        q.seconds = 0.1;
    }
    if (line.n_words == 0) return list_runs(&q);
    if (line.n_words != 2) {
        complain("compare: name two runs or two folders of modules");
        return EXIT_USAGE;
    }
    if (is_folder(line.words[0]) && is_folder(line.words[1])) {
        return compare_builds(line.words[0], line.words[1], &q);
    }
    return compare_runs(line.words[0], line.words[1], &q);
}
