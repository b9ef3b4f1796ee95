/*
 * cmd_compare.c - `perflab compare A B`: compares two revisions, two builds, or two recorded runs.
 */
#include "commands.h"
#include "compare_builds.h"
#include "compare_git.h"
#include "family.h"
#include "format.h"
#include "git_options.h"
#include "ledger.h"
#include "options.h"
#include "util.h"
#include "verdict.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Two recorded runs -------------------------------------------------------------------- */

typedef struct recorded {
    char *uuid, *id, *text;
    char *partner; /* the run it was interleaved with; NULL: its ratio is to its own baseline */
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
        cJSON *rows = ledger_rows(l,
                                  "SELECT * FROM process WHERE run = ?1 AND ratio IS NOT NULL "
                                  "AND placement IS NULL",
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
                     ? "there is no run %s, or its candidate is wrong (`perflab compare` lists all "
                       "runs)"
                     : "the keys of several runs begin with %s",
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
    printf("(recorded at different times: this only says whether the 95 %% intervals of their\n"
           " speedups overlap; to interleave the two, compare their builds)\n");
}

static bool print_both(const recorded *a, const recorded *b) {
    const bool interleaved = b->partner != NULL && strcmp(b->partner, a->uuid) == 0;
    if (!interleaved && (a->partner != NULL || b->partner != NULL)) {
        complain("a run of two interleaved builds can only be compared with its partner");
        return false;
    }
    print_run("A", a);
    print_run("B", b);
    if (interleaved) {
        char *words = comparison_words(resolve(&b->ratio), UNIT_MICROSECONDS, 'B');
        printf("%s (interleaved in the same processes)\n", words);
        free(words);
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

/* ---- The command -------------------------------------------------------------------------- */

static int compare_folders(const compare_request *q, comparison *out) {
    for (size_t i = 0; i < out->n_candidates && out->failed == EXIT_DONE; i++) {
        out->candidate = i;
        out->failed = compare_builds(out->a, out->candidates[i], q, out);
    }
    return comparison_finish(out);
}

static bool all_folders(char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!is_folder(words[i])) return false;
    }
    return true;
}

enum { MOST_CANDIDATES = 20 };

/*
 * Whether the words can be compared, with enough processes for the intervals of so many candidates.
 * If not, prints an error message.
 */
static bool is_sound(const command_line *line, const compare_request *q) {
    const size_t n = line->n_words - 1;
    if (line->n_words < 2 || n > MOST_CANDIDATES) {
        complain("compare: name 2 to %d revisions (--git) or folders of modules, or two runs",
                 MOST_CANDIDATES + 1);
        return false;
    }
    if (n < 2 || q->runs >= family_least(n)) return true;
    complain("--runs: %zu candidates need at least %zu processes for intervals that hold together",
             n, family_least(n));
    return false;
}

int command_compare(int argc, char **argv) {
    compare_request q = {.variant = "native"};
    git_request g = {.n_jobs = 1};
    git_job job = {0};
    comparison out = {0};
    bool git = false;
    const option options[] = {
        {"--git", OPTION_FLAG, &git, NULL, "A, B are revisions of the repository here"},
        GIT_OPTIONS(g, job) MEASURE_OPTIONS(q){
            "--fail-on", OPTION_TEXT, &out.fail_on, "regression=2%",
            "exit 1 on a resolved loss of this much or more, 4 if it is unresolved"},
        {"--json", OPTION_FLAG, &out.json, NULL, "the rows as JSON"},
        {"--bencher", OPTION_FLAG, &out.bencher, NULL, "the rows in Bencher's metric format"},
        {"--markdown", OPTION_FLAG, &out.markdown, NULL, "the rows as a Markdown table"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "compare [A B [C...]] [options]",
        .about =
            "A and B are two revisions (--git), two folders of modules, or the first characters\n"
            "of the keys of two recorded runs. Builds are first checked for equal outputs, then\n"
            "measured interleaved. Further revisions or folders are compared with A too, and the\n"
            "results are corrected for their number. Without A and B: lists the recorded runs.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    const size_t n = line.n_words > 1 ? line.n_words - 1 : 1;
    const size_t usual = q.quick ? 6 : 10;
    if (q.runs == 0) q.runs = usual > family_least(n) ? usual : family_least(n);
    if (q.seconds == 0) q.seconds = q.quick ? 0.1 : 1;
    if (out.fail_on != NULL && !verdict_parse(out.fail_on, &out.threshold)) return EXIT_USAGE;
    if (line.n_words == 0 && !git) return list_runs(&q);
    if (!is_sound(&line, &q)) return EXIT_USAGE;
    out.a = line.words[0];
    out.candidates = (const char *const *)line.words + 1;
    out.n_candidates = n;
    int code = EXIT_USAGE;
    if (git) {
        job.measure = q;
        job.threshold = out.threshold;
        g.jobs = &job;
        code = compare_git(&g, &out);
    } else if (all_folders(line.words, line.n_words)) {
        code = compare_folders(&q, &out);
    } else if (line.n_words == 2) {
        code = compare_runs(line.words[0], line.words[1], &q);
    } else {
        complain("compare: more than two must be revisions (--git) or folders of modules");
    }
    comparison_free(&out);
    return code;
}
