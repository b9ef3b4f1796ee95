/*
 * cmd_history.c - `perflab history`: a number over commits, with its change points.
 *
 * Either of what is recorded for improvements, or measured now: each commit of a range is compared
 * with the first, interleaved, so that the machine's own drift does not count.
 */
#include "child.h"
#include "commands.h"
#include "git_options.h"
#include "history.h"
#include "machines.h"
#include "selection.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* A history with its title: what is shown. */
typedef struct series {
    char *title;
    history h;
} series;

typedef struct series_list {
    series *all;
    size_t n;
} series_list;

static series *add_series(series_list *list) {
    list->all = must_grow(list->all, (list->n + 1) * sizeof *list->all);
    list->all[list->n] = (series){0};
    return &list->all[list->n++];
}

static void free_series(series_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        free(list->all[i].title);
        history_free(&list->all[i].h);
    }
    free(list->all);
}

/* ---- Output ------------------------------------------------------------------------------- */

/* Date and subject of a commit, to be freed; "" outside of its repository. */
static char *about_commit(const char *commit) {
    char *plain = text_copy(commit);
    plain[strcspn(plain, "+")] = '\0';
    const char *const argv[] = {"git", "log", "-1", "--format=%cs %s", "--end-of-options",
                                plain, "--",  NULL};
    char *line = strchr(plain, ' ') == NULL ? child_first_line(argv) : NULL;
    free(plain);
    return line != NULL ? line : text_copy("");
}

static void print_text(const series *s) {
    const history *h = &s->h;
    size_t k = 0;
    printf("%s\n", s->title);
    for (size_t i = 0; i < h->n; i++) {
        char level[96];
        if (k + 1 < h->n_segments && h->segments[k + 1].first == i) {
            char *words = history_step(h, ++k);
            printf("  step %s\n", words);
            free(words);
        }
        char *about = about_commit(h->points[i].commit);
        history_text(level, h, &h->points[i].level);
        printf("  %-13.13s %-28s n=%-3zu %s\n", h->points[i].commit, level, h->points[i].n, about);
        free(about);
    }
    printf("  %zu commit%s, %zu change point%s\n", h->n, h->n == 1 ? "" : "s",
           h->n_segments > 0 ? h->n_segments - 1 : 0, h->n_segments == 2 ? "" : "s");
}

static cJSON *level_json(const perflab_summary *s) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "median", s->median);
    if (s->has_interval) cJSON_AddNumberToObject(o, "low", s->lo);
    if (s->has_interval) cJSON_AddNumberToObject(o, "high", s->hi);
    cJSON_AddNumberToObject(o, "n", (double)s->n);
    return o;
}

static cJSON *series_json(const series *s) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "title", s->title);
    cJSON_AddStringToObject(o, "unit", s->h.metric == HISTORY_SPEEDUP ? "ratio" : "us");
    cJSON *points = cJSON_AddArrayToObject(o, "points");
    for (size_t i = 0; i < s->h.n; i++) {
        cJSON *p = level_json(&s->h.points[i].level);
        cJSON_AddStringToObject(p, "commit", s->h.points[i].commit);
        cJSON_AddItemToArray(points, p);
    }
    cJSON *steps = cJSON_AddArrayToObject(o, "steps");
    for (size_t k = 1; k < s->h.n_segments; k++) {
        cJSON *step = cJSON_CreateObject();
        cJSON_AddStringToObject(step, "commit", s->h.points[s->h.segments[k].first].commit);
        cJSON_AddItemToObject(step, "before", level_json(&s->h.segments[k - 1].level));
        cJSON_AddItemToObject(step, "after", level_json(&s->h.segments[k].level));
        cJSON_AddItemToArray(steps, step);
    }
    return o;
}

static void print_all(const series_list *list, bool json) {
    if (json) {
        cJSON *root = cJSON_CreateArray();
        for (size_t i = 0; i < list->n; i++) cJSON_AddItemToArray(root, series_json(&list->all[i]));
        char *text = cJSON_Print(root);
        printf("%s\n", text);
        cJSON_free(text);
        cJSON_Delete(root);
        return;
    }
    for (size_t i = 0; i < list->n; i++) print_text(&list->all[i]);
    printf(
        "(change points by PELT, kept if the intervals of both sides are apart by 2 %% or more)\n");
}

/* ---- What is recorded --------------------------------------------------------------------- */

typedef struct request {
    const char *metric, *modules, *machine;
    compare_request *measure; /* --input, --variant and --ledger */
    bool json;
    size_t every;
} request;

static bool gather(ledger *l, const fact_query *q, const catalog *c, history_metric metric,
                   const char *name, series_list *list) {
    fact_list facts_now = {0};
    bool good = facts_derive(l, c, q, &facts_now);
    for (size_t i = 0; good && i < facts_now.n; i++) {
        const facts *f = &facts_now.all[i];
        series *s = add_series(list);
        s->title =
            text_format("%s %s: %s, %s%s%s, size %zu", f->id, f->component, name, f->variant,
                        q->input != NULL ? ", " : "", q->input != NULL ? q->input : "", f->size);
        good = history_read(l, f, q, metric, &s->h);
        if (s->h.n > 0) continue;
        free(s->title);
        history_free(&s->h);
        list->n--;
    }
    facts_free(&facts_now);
    return good;
}

static int show_recorded(const request *r, char *const *ids, size_t n_ids) {
    const compare_request *m = r->measure;
    series_list list = {0};
    machine_list machines = {0};
    catalog c;
    history_metric metric;
    if (!history_metric_parse(r->metric, &metric)) {
        complain("--metric: speedup, optimized or baseline, not %s", r->metric);
        return EXIT_USAGE;
    }
    catalog_or_none(&c, r->modules);
    ledger *l = ledger_open(ledger_choice(m->ledger), false);
    int code = l != NULL && machines_read(l, &machines) ? EXIT_DONE : EXIT_TROUBLE;
    const selection s = {.ids = ids, .n_ids = n_ids, .variant = m->variant, .input = m->input};
    const machine_info *machine = NULL;
    if (code == EXIT_DONE && !selection_known(&s, &c, l)) code = EXIT_USAGE;
    if (code == EXIT_DONE && r->machine != NULL) {
        machine = machines_find(&machines, r->machine);
        if (machine == NULL) code = EXIT_USAGE;
    }
    const fact_query q = {.variant = m->variant,
                          .input = m->input,
                          .machine = machine != NULL ? machine->key : NULL,
                          .ids = ids,
                          .n_ids = n_ids};
    if (code == EXIT_DONE && !gather(l, &q, &c, metric, r->metric, &list)) code = EXIT_TROUBLE;
    if (code == EXIT_DONE && list.n == 0) {
        complain("history: nothing is recorded for that");
        code = EXIT_TROUBLE;
    }
    if (code == EXIT_DONE) print_all(&list, r->json);
    free_series(&list);
    machines_free(&machines);
    ledger_close(l);
    catalog_free(&c);
    return code;
}

/* ---- Measured now ------------------------------------------------------------------------- */

/* The commits of a range, oldest first, as lines; to be freed. NULL, with an error message. */
static char *commits_of(const char *range, char **base) {
    const char *dots = strstr(range, "..");
    *base = dots != NULL ? text_format("%.*s", (int)(dots - range), range) : text_copy(range);
    char *all = text_format("%s..%s", *base, dots != NULL && dots[2] != '\0' ? dots + 2 : "HEAD");
    const char *const argv[] = {
        "git", "rev-list", "--first-parent", "--reverse", "--end-of-options", all, NULL};
    char *lines = child_output(argv);
    if (lines == NULL)
        complain("history: %s is no range of commits here, such as v1.0..HEAD", range);
    free(all);
    return lines;
}

/* Adds what was measured of one commit to the series of its improvements, inputs and sizes. */
static void take_rows(series_list *list, const comparison *c, const char *commit) {
    for (size_t i = 0; i < c->n; i++) {
        const comparison_row *r = &c->rows[i];
        if (r->wrong != NULL) {
            fprintf(stderr, "%.12s: %s %s left out: %s\n", commit, r->id, r->input, r->wrong);
            continue;
        }
        char *what = comparison_title(r);
        char *title = text_format("%s: ratio of %s, of %s to each commit", what,
                                  r->unit == UNIT_BYTES ? "bytes" : "times", c->a);
        series *s = NULL;
        for (size_t k = 0; k < list->n; k++) {
            if (strcmp(list->all[k].title, title) == 0) s = &list->all[k];
        }
        if (s == NULL) {
            s = add_series(list);
            s->title = title;
        } else {
            free(title);
        }
        history_add(&s->h, commit, r->ratio, r->n);
        free(what);
    }
}

static int compare_commit(git_session *s, const char *commit, series_list *list) {
    const char *const candidates[] = {commit};
    comparison c = {
        .a = s->base.revision, .candidates = candidates, .n_candidates = 1, .quiet = true};
    const int code = git_session_compare(s, commit, &c);
    take_rows(list, &c, commit);
    comparison_free(&c);
    return code;
}

static int measure_range(const git_request *g, const request *r, const char *range) {
    char *base = NULL;
    series_list list = {0};
    git_session s = {.g = g};
    char *lines = commits_of(range, &base);
    int code = lines != NULL ? git_session_start(&s, g, base) : EXIT_USAGE;
    size_t number = 0, failed = 0;
    /* The base against itself is the first point, and shows the noise. */
    if (code == EXIT_DONE) code = compare_commit(&s, s.base.commit, &list);
    char *rest = NULL;
    for (char *line = code == EXIT_DONE ? strtok_r(lines, "\n", &rest) : NULL; line != NULL;) {
        char *next = strtok_r(NULL, "\n", &rest);
        /* The last commit counts whatever --every is. */
        const bool wanted = ++number % r->every == 0 || next == NULL;
        const int one = wanted ? compare_commit(&s, line, &list) : EXIT_DONE;
        failed += one != EXIT_DONE;
        if (one == EXIT_USAGE) code = one;
        line = code == EXIT_DONE ? next : NULL;
    }
    if (failed > 0) fprintf(stderr, "%zu commits could not be measured\n", failed);
    for (size_t i = 0; i < list.n; i++) history_split(&list.all[i].h);
    if (code == EXIT_DONE) print_all(&list, r->json);
    git_session_end(&s);
    free_series(&list);
    free(lines);
    free(base);
    return code;
}

int command_history(int argc, char **argv) {
    compare_request q = {.variant = "native"};
    git_request g = {.n_jobs = 1};
    git_job job = {0};
    request r = {.metric = "speedup", .measure = &q, .every = 1};
    const option options[] = {
        {"--metric", OPTION_TEXT, &r.metric, "M",
         "recorded: speedup (default), optimized, baseline"},
        {"--machine", OPTION_TEXT, &r.machine, "M", "recorded: of this machine, by name or key"},
        {"--modules", OPTION_TEXT, &r.modules, "FOLDER", "recorded: where the benchmarks are"},
        {"--every", OPTION_COUNT, &r.every, "N", "measured: every Nth commit, and the last"},
        GIT_OPTIONS(g, job) MEASURE_OPTIONS(q){"--json", OPTION_FLAG, &r.json, NULL,
                                               "points and change points as JSON"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "history [ID...] [options]\n       perflab history FROM..TO --bench FILE | "
                 "--command CMD "
                 "[options]",
        .about =
            "Shows a number over commits, and where its level changes: of what is recorded for\n"
            "improvements, or measured now, each commit of a range against the first.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (job.bench == NULL && job.command == NULL)
        return show_recorded(&r, line.words, line.n_words);
    if (line.n_words != 1) {
        complain("history: name one range of commits, such as v1.0..HEAD");
        return EXIT_USAGE;
    }
    if (q.runs == 0) q.runs = q.quick ? 6 : 10;
    if (q.seconds == 0) q.seconds = q.quick ? 0.1 : 1;
    job.measure = q;
    g.jobs = &job;
    return measure_range(&g, &r, line.words[0]);
}
