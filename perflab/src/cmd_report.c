/*
 * cmd_report.c - `perflab report`: one self-contained HTML page.
 */
#include "chart.h"
#include "commands.h"
#include "integration.h"
#include "machine.h"
#include "options.h"
#include "page.h"
#include "selection.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

typedef struct report {
    text_buffer out;
    ledger *ledger;
    fact_list list;
    integration_list integrations;
    const char *variant;
} report;

/* ---- Head and table ----------------------------------------------------------------------- */

static void add_tiles(report *r) {
    static const status_kind order[] = {STATUS_COMPLETE,    STATUS_REJECTED,    STATUS_VALIDATED,
                                        STATUS_IMPLEMENTED, STATUS_BENCHMARKED, STATUS_NOT_STARTED};
    size_t count[STATUS_REJECTED + 1] = {0};
    for (size_t i = 0; i < r->list.n; i++) count[r->list.all[i].status]++;
    text_add(&r->out, "<div class=\"tiles\">");
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const status_kind s = order[i];
        if (count[s] == 0) continue;
        const char *name = status_name(s);
        text_add(&r->out, "<div class=\"tile\"><b>%zu</b><span class=\"%s\">%s</span></div>",
                 count[s], name, name);
    }
    text_add(&r->out, "</div>\n");
}

static void add_row(text_buffer *out, const table_row *row) {
    static const char *const classes[TABLE_COLUMNS] = {"id", "", "n", "n", "n", "st", "notes", ""};
    text_add(out, "<tr>");
    for (int i = 0; i < TABLE_COLUMNS; i++) {
        const bool is_status = i == 5;
        const bool nothing = strcmp(row->cell[i], "-") == 0;
        text_add(out, "<td class=\"%s%s%s\" data-h=\"%s\">", classes[i], is_status ? " " : "",
                 is_status ? row->cell[i]
                 : nothing ? " no"
                           : "",
                 table_heads[i]);
        html_add(out, row->cell[i]);
        text_add(out, "</td>");
    }
    text_add(out, "</tr>\n");
}

static void add_table(report *r) {
    text_buffer *out = &r->out;
    text_add(out, "<table><thead><tr>");
    for (int i = 0; i < TABLE_COLUMNS; i++) {
        text_add(out, "<th%s>%s</th>", i >= 2 && i <= 4 ? " class=\"n\"" : "", table_heads[i]);
    }
    text_add(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->list.n; i++) {
        table_row row = table_row_of(&r->list.all[i]);
        add_row(out, &row);
        table_row_free(&row);
    }
    for (size_t i = 0; i < r->integrations.n; i++) {
        table_row row = integration_row(&r->integrations.all[i]);
        add_row(out, &row);
        table_row_free(&row);
    }
    text_add(
        out,
        "</tbody></table>\n"
        "<p>Baseline and optimized: median microseconds per call over fresh processes, "
        "geometric mean over kinds of input. Speedup: median of the per-process ratios, with its "
        "distribution-free 95 %% interval. A candidate that has not passed its gate has no "
        "speedup.</p>\n");
}

/* ---- Dot plots ---------------------------------------------------------------------------- */

static void add_heading(text_buffer *out, const facts *f) {
    text_add(out, "<h3>");
    html_add(out, f->id);
    text_add(out, " ");
    html_add(out, f->component);
    text_add(out, "</h3><p>");
    html_add(out, f->title);
    text_add(out, "</p>\n");
}

static void add_dots(report *r) {
    text_buffer *out = &r->out;
    text_add(out, "<h2>Every run</h2>\n<p class=\"key\">One dot per process, a bar at the median."
                  "<span><i class=\"b\"></i>baseline</span><span><i "
                  "class=\"c\"></i>optimized</span></p>\n<div class=\"cards\">\n");
    for (size_t i = 0; i < r->list.n; i++) {
        const facts *f = &r->list.all[i];
        if (!f->has_baseline_us) continue;
        text_add(out, "<div class=\"card\">");
        add_heading(out, f);
        chart_dots(out, f);
        text_add(out, "</div>\n");
    }
    text_add(out, "</div>\n");
}

/* ---- History ------------------------------------------------------------------------------ */

static void add_history(report *r) {
    text_buffer *out = &r->out;
    size_t shown = 0;
    text_add(out,
             "<h2>History</h2>\n<p>Speedup by commit, with its interval, as the table showed it: "
             "over all kinds of input, at the benchmark's own size. The dashed line is 1.</p>\n"
             "<div class=\"cards\">\n");
    for (size_t i = 0; i < r->list.n; i++) {
        const facts *f = &r->list.all[i];
        history h = {0};
        /* Only for candidates that passed their gate: a wrong one has no speedup. */
        if (f->validated) history_read(r->ledger, f, NULL, HISTORY_SPEEDUP, &h);
        if (h.n > 1) {
            text_add(out, "<div class=\"card\">");
            add_heading(out, f);
            chart_history(out, &h);
            for (size_t k = 1; k < h.n_segments; k++) {
                char *words = history_step(&h, k);
                text_add(out, "<p>Step at %.12s: %s</p>\n", h.points[h.segments[k].first].commit,
                         words);
                free(words);
            }
            text_add(out, "</div>\n");
            shown++;
        }
        history_free(&h);
    }
    text_add(out, "</div>\n");
    if (shown == 0) text_add(out, "<p>No improvement has been measured at two commits yet.</p>\n");
}

/* ---- Roofline ----------------------------------------------------------------------------- */

typedef struct roof_data {
    roof_line lines[8];
    size_t n_lines;
    double peak;
    roof_point *points;
    size_t n_points;
} roof_data;

static void take_profile(roof_data *d, const char *id, const cJSON *data) {
    const double bytes = json_number(data, "min_bytes", 0);
    const double ops = json_number(data, "min_ops", 0);
    const cJSON *roofs = cJSON_GetObjectItem(data, "roofs");
    const cJSON *level;
    if (bytes <= 0 || ops <= 0) return;
    d->peak = json_number(roofs, "ops_per_s", 0);
    d->n_lines = 0;
    cJSON_ArrayForEach(level, cJSON_GetObjectItem(roofs, "levels")) {
        if (d->n_lines == 8) break;
        roof_line *line = &d->lines[d->n_lines++];
        snprintf(line->name, sizeof line->name, "%s", json_text(level, "level", ""));
        line->bytes_per_s = json_number(level, "bytes_per_s", 1);
    }
    d->points = must_grow(d->points, (d->n_points + 1) * sizeof *d->points);
    roof_point *p = &d->points[d->n_points++];
    snprintf(p->id, sizeof p->id, "%s", id);
    p->intensity = ops / bytes;
    p->ops_per_s[0] = json_number(cJSON_GetObjectItem(data, "baseline"), "ops_per_s", 0);
    p->ops_per_s[1] = json_number(cJSON_GetObjectItem(data, "candidate"), "ops_per_s", 0);
}

/* A cell with a share; "-" if the benchmark does not give its least work. */
static void add_share(text_buffer *out, const char *head, double share, bool known) {
    text_add(out, "<td class=\"n%s\" data-h=\"%s\">", known ? "" : " no", head);
    text_add(out, known ? share < 0.0995 ? "%.1f %%" : "%.0f %%" : "-", share * 100);
    text_add(out, "</td>");
}

static const char *const roof_heads[] = {"ID",         "Component",     "Fits in", "Baseline bw.",
                                         "Optim. bw.", "Optim. arith.", "Verdict"};
enum { ROOF_HEADS = 7 };

/* The row of an improvement that was profiled. */
static void add_roof_row(text_buffer *out, const facts *f, const cJSON *data) {
    const cJSON *base = cJSON_GetObjectItem(data, "baseline");
    const cJSON *cand = cJSON_GetObjectItem(data, "candidate");
    const bool bytes = json_number(data, "min_bytes", 0) > 0;
    const bool ops = json_number(data, "min_ops", 0) > 0;
    text_add(out, "<tr><td class=\"id\" data-h=\"ID\">");
    html_add(out, f->id);
    text_add(out, "</td><td data-h=\"%s\">", roof_heads[1]);
    html_add(out, f->component);
    text_add(out, "</td><td data-h=\"%s\">", roof_heads[2]);
    html_add(out, json_text(data, "level", "memory"));
    text_add(out, "</td>");
    add_share(out, roof_heads[3], json_number(base, "bandwidth_share", 0), bytes);
    add_share(out, roof_heads[4], json_number(cand, "bandwidth_share", 0), bytes);
    add_share(out, roof_heads[5], json_number(cand, "ops_share", 0), ops);
    text_add(out, "<td class=\"notes\" data-h=\"%s\">", roof_heads[6]);
    char *verdict = text_copy(json_text(cand, "verdict", ""));
    verdict[strcspn(verdict, ":")] = '\0'; /* the rest is explained above the table */
    html_add(out, verdict);
    free(verdict);
    text_add(out, "</td></tr>\n");
}

static void add_roof_table(text_buffer *out, const char *rows) {
    text_add(out,
             "<h3>Shares of what the machine can reach</h3>\n<p>bw.: the least bytes that a call "
             "must move per second, as a share of the bandwidth of reading as many (work that "
             "also writes can pass 100 %%); arith.: the least operations per second as a share "
             "of the peak. The verdict is that of the optimized side: memory-bound or "
             "compute-bound from 60 %% on. If neither roof is near, the cause is latency, "
             "branches, scalar code or more work than necessary.</p>\n<table>"
             "<thead><tr>");
    for (int i = 0; i < ROOF_HEADS; i++) {
        text_add(out, "<th%s>%s</th>", i >= 3 && i <= 5 ? " class=\"n\"" : "", roof_heads[i]);
    }
    text_add(out, "</tr></thead><tbody>\n%s</tbody></table>\n", rows);
}

static void add_roofline(report *r) {
    text_buffer *out = &r->out;
    roof_data d = {0};
    text_buffer said = {0};
    text_add(&said, "%s", "");
    for (size_t i = 0; i < r->list.n; i++) {
        const facts *f = &r->list.all[i];
        if (!f->validated) continue;
        cJSON *rows = ledger_rows(
            r->ledger, "SELECT data FROM profile WHERE build = ?1 ORDER BY at DESC LIMIT 1",
            f->build, NULL);
        cJSON *data = cJSON_Parse(json_text(cJSON_GetArrayItem(rows, 0), "data", ""));
        take_profile(&d, f->id, data);
        if (cJSON_GetObjectItem(data, "candidate") != NULL) add_roof_row(&said, f, data);
        cJSON_Delete(data);
        cJSON_Delete(rows);
    }
    text_add(out, "<h2>Roofline</h2>\n");
    if (d.n_points > 0 && d.peak > 0) {
        text_add(out, "<p class=\"key\">Slopes: reading from each cache level; flat: arithmetic; "
                      "both were measured here."
                      "<span><i class=\"b\"></i>baseline</span><span><i "
                      "class=\"c\"></i>optimized</span></p>\n<div "
                      "class=\"card wide\">");
        chart_roofline(out, d.lines, d.n_lines, d.peak, d.points, d.n_points);
        text_add(out, "</div>\n");
    } else {
        text_add(out, "<p>Nothing has been profiled yet: run <code>perflab profile</code>.</p>\n");
    }
    if (said.length > 0) add_roof_table(out, said.text);
    free(said.text);
    free(d.points);
}

/* ---- Environment -------------------------------------------------------------------------- */

static void add_fact(text_buffer *out, const char *name, const char *value) {
    if (value == NULL || *value == '\0') return;
    text_add(out, "<dt>");
    html_add(out, name);
    text_add(out, "</dt><dd>");
    html_add(out, value);
    text_add(out, "</dd>\n");
}

static void add_environment(report *r) {
    text_buffer *out = &r->out;
    cJSON *rows = ledger_rows(
        r->ledger,
        "SELECT r.environment, r.started, r.commit_id, b.compiler, b.flags FROM run r "
        "JOIN build b ON r.build = b.uuid WHERE b.variant = ?1 ORDER BY r.started DESC LIMIT 1",
        r->variant, NULL);
    const cJSON *row = cJSON_GetArrayItem(rows, 0);
    cJSON *e = cJSON_Parse(json_text(row, "environment", ""));
    text_add(out, "<h2>Environment</h2>\n<p>That of the latest run.</p>\n<dl>\n");
    const cJSON *item;
    cJSON_ArrayForEach(item, e) {
        char text[64] = "";
        if (cJSON_IsNumber(item)) {
            snprintf(text, sizeof text, "%.10g", item->valuedouble);
        } else if (cJSON_IsBool(item)) {
            snprintf(text, sizeof text, "%s", cJSON_IsTrue(item) ? "yes" : "no");
        }
        char *name = text_copy(item->string);
        for (char *p = name; *p != '\0'; p++) *p = *p == '_' ? ' ' : *p;
        add_fact(out, name, cJSON_IsString(item) ? item->valuestring : text);
        free(name);
    }
    add_fact(out, "compiler", json_text(row, "compiler", ""));
    add_fact(out, "flags", json_text(row, "flags", ""));
    add_fact(out, "commit", json_text(row, "commit_id", ""));
    add_fact(out, "started", json_text(row, "started", ""));
    cJSON *tests = ledger_rows(r->ledger, "SELECT * FROM selftest ORDER BY at DESC LIMIT 1", NULL);
    const cJSON *test = cJSON_GetArrayItem(tests, 0);
    if (test != NULL) {
        cJSON *data = cJSON_Parse(json_text(test, "data", ""));
        char *text = text_format("%s on %s: %.0f of %.0f A/A comparisons called a difference",
                                 json_number(test, "passed", 0) != 0 ? "passed" : "failed",
                                 json_text(test, "at", ""), json_number(data, "false_calls", 0),
                                 json_number(data, "comparisons", 0));
        add_fact(out, "selftest", text);
        free(text);
        cJSON_Delete(data);
    }
    text_add(out, "</dl>\n");
    cJSON_Delete(tests);
    cJSON_Delete(e);
    cJSON_Delete(rows);
}

static void write_page(report *r) {
    char now[32], commit[64];
    iso_time(now);
    commit_here(commit);
    text_add(&r->out, "%s<h1>perflab report</h1>\n<p>", page_head);
    text_add(&r->out, "%zu improvement%s, %s build", r->list.n, r->list.n == 1 ? "" : "s",
             r->variant);
    if (commit[0] != '\0') text_add(&r->out, ", commit %s", commit);
    text_add(&r->out, ", written %s. Every number is derived from the ledger.</p>\n", now);
    add_tiles(r);
    add_table(r);
    add_dots(r);
    add_history(r);
    add_roofline(r);
    add_environment(r);
    text_add(&r->out, "</body>\n</html>\n");
}

int command_report(int argc, char **argv) {
    const char *ledger_name = NULL, *modules = NULL;
    report r = {.variant = "native"};
    const option options[] = {
        {"--variant", OPTION_TEXT, &r.variant, "V", "native (default) or portable"},
        {"--modules", OPTION_TEXT, &modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &ledger_name, "FILE", "where results are (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "report [FILE.html] [options]",
        .about =
            "Writes one self-contained HTML page (perflab.html): the table, every run, history\n"
            "by commit, roofline, environment.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    const char *path = line.n_words > 0 ? line.words[0] : "perflab.html";
    const fact_query query = {.variant = r.variant};
    catalog c;
    catalog_or_none(&c, modules);
    r.ledger = ledger_open(ledger_choice(ledger_name), false);
    const selection all = {.variant = r.variant};
    const bool known = selection_known(&all, &c, NULL);
    bool good = known && r.ledger != NULL && facts_derive(r.ledger, &c, &query, &r.list) &&
                integrations_read(r.ledger, &r.integrations);
    if (good) {
        write_page(&r);
        good = write_text(path, r.out.text, r.out.length);
        if (good) printf("%s\n", path);
    }
    free(r.out.text);
    integrations_free(&r.integrations);
    facts_free(&r.list);
    ledger_close(r.ledger);
    catalog_free(&c);
    return !known ? EXIT_USAGE : good ? EXIT_DONE : EXIT_TROUBLE;
}
