/*
 * report_roof.c - the roofline, and the shares of what the machine can reach.
 */
#include "chart.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

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
    text_add(out, "<tr><td class=\"id\" data-h=\"ID\"><a href=\"#");
    report_add_anchor(out, "card", f->id);
    text_add(out, "\">");
    html_add(out, f->id);
    text_add(out, "</a>");
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

cJSON *report_profile(const report *r, const facts *f, const char *kind) {
    cJSON *rows = ledger_rows(
        r->ledger,
        "SELECT data FROM profile WHERE build = ?1 AND (data LIKE '{\"asm\":%') = (?2 = 'asm') "
        "ORDER BY at DESC LIMIT 1",
        f->build, kind, NULL);
    cJSON *data = cJSON_Parse(json_text(cJSON_GetArrayItem(rows, 0), "data", ""));
    cJSON_Delete(rows);
    return data;
}

void report_add_roofline(report *r) {
    text_buffer *out = &r->out;
    roof_data d = {0};
    text_buffer said = {0};
    text_add(&said, "%s", "");
    for (size_t i = 0; i < r->list.n; i++) {
        const facts *f = &r->list.all[i];
        if (!f->validated) continue;
        cJSON *data = report_profile(r, f, "roof");
        take_profile(&d, f->id, data);
        if (cJSON_GetObjectItem(data, "candidate") != NULL) add_roof_row(&said, f, data);
        cJSON_Delete(data);
    }
    text_add(out, "<section><h2 id=\"roofline\">Roofline</h2>\n");
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
    text_add(out, "</section>\n");
    free(said.text);
    free(d.points);
}
