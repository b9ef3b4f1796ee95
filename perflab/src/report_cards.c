/*
 * report_cards.c - what a claim is made of: each kind of input, the distribution of the times, the
 * order in time, history, scaling, and what limits it.
 */
#include "chart.h"
#include "format.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A time with its deviation and, if the benchmark gives its least work, the throughput. */
static void add_time(text_buffer *out, const char *head, const perflab_summary *s,
                     const input_facts *in) {
    char text[FORMAT_ROOM] = "-", rate[FORMAT_ROOM] = "";
    if (s->n > 0) format_times(text, s);
    if (s->n > 0) format_rate(rate, s->median, in->min_bytes, in->min_ops);
    text_add(out, "<td class=\"n%s\" data-h=\"%s\">%s%s%s%s</td>", s->n > 0 ? "" : " no", head,
             text, rate[0] != '\0' ? " (" : "", rate, rate[0] != '\0' ? ")" : "");
}

static void add_ratio(text_buffer *out, const char *head, const perflab_summary *s) {
    char text[FORMAT_ROOM];
    format_ratio(text, s);
    text_add(out, "<td class=\"n%s\" data-h=\"%s\">%s</td>", s->n > 0 ? "" : " no", head, text);
}

/* A row for each kind of input. */
static void add_kinds(text_buffer *out, const facts *f) {
    static const char *const heads[] = {"Input",         "Baseline", "Optimized", "Speedup",
                                        "Any placement", "Runs",     "Gate"};
    enum { HEADS = sizeof heads / sizeof *heads };
    text_add(out, "<table><caption class=\"quiet\">Kinds of input</caption><thead><tr>");
    for (int i = 0; i < HEADS; i++) {
        text_add(out, "<th scope=\"col\"%s>%s</th>", i > 0 && i < 6 ? " class=\"n\"" : "",
                 heads[i]);
    }
    text_add(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        text_add(out, "<tr><td data-h=\"%s\">", heads[0]);
        html_add(out, in->input);
        text_add(out, "</td>");
        add_time(out, heads[1], &in->baseline, in);
        add_time(out, heads[2], &in->candidate, in);
        add_ratio(out, heads[3], &in->speedup);
        add_ratio(out, heads[4], &in->any);
        text_add(out, "<td class=\"n\" data-h=\"%s\">%zu%s</td>", heads[5],
                 in->n > 0 ? in->n + in->n_moved : in->n_baseline, in->quick ? ", quick" : "");
        text_add(out, "<td class=\"gate%s\" data-h=\"%s\">", in->gated ? "" : " REJECTED",
                 heads[6]);
        html_add(out, in->gate_outcome != NULL ? in->gate_outcome : "not run");
        if (in->gate_why != NULL) {
            text_add(out, ": ");
            html_add(out, in->gate_why);
        }
        text_add(out, "</td></tr>\n");
    }
    text_add(out, "</tbody></table>\n");
}

/* What placement means for the claim. */
static void add_placement(text_buffer *out, const facts *f) {
    if (!f->has_speedup) return;
    if (f->any.n == 0) {
        text_add(out, "<p>Measured at one placement of the code only, since it cannot be moved or "
                      "<code>--fixed</code> was given: another placement may show another "
                      "ratio.</p>\n");
        return;
    }
    text_add(out, "<p>");
    if (f->placement_share >= 0) {
        text_add(out, "Placement has %.0f %% of the variance. ", 100 * f->placement_share);
    }
    if (f->any.has_interval) {
        const double width = 50 * (f->any.hi - f->any.lo) / f->any.median;
        text_add(out,
                 "The ratio scatters by %.2g %% from one placement to another, so these %zu "
                 "processes resolve differences of about %.2g %% or more.",
                 100 * f->any.cv, f->any.n, width);
    }
    text_add(out, "</p>\n");
}

static void open_chart_box(text_buffer *out, const char *title) {
    text_add(out, "<figure><figcaption>%s</figcaption>\n", title);
}

static void add_history(report *r, const facts *f) {
    text_buffer *out = &r->out;
    history h = {0};
    /* Only for candidates that passed their gate: a wrong one has no speedup. */
    if (f->validated) history_read(r->ledger, f, NULL, HISTORY_SPEEDUP, &h);
    if (h.n > 1) {
        open_chart_box(out, "History: speedup by commit, with its levels");
        chart_history(out, &h);
        for (size_t k = 1; k < h.n_segments; k++) {
            char *words = history_step(&h, k);
            text_add(out, "<p>Step at %.12s: %s</p>\n", h.points[h.segments[k].first].commit,
                     words);
            free(words);
        }
        text_add(out, "</figure>\n");
    }
    history_free(&h);
}

static void add_scaling(report *r, const facts *f) {
    text_buffer chart = {0};
    const fact_query q = {.variant = r->variant};
    scaling s;
    if (scaling_read(r->ledger, &r->catalog, f, &q, &s) && chart_scaling(&chart, &s)) {
        open_chart_box(&r->out, "Scaling, with the fitted order");
        text_add(&r->out, "%s</figure>\n", chart.text);
    }
    free(chart.text);
    scaling_free(&s);
}

/* What limits the candidate, by its latest profile. */
static void add_limit(report *r, const facts *f) {
    cJSON *data = report_profile(r, f, "roof");
    const cJSON *cand = cJSON_GetObjectItem(data, "candidate");
    const char *verdict = json_text(cand, "verdict", NULL);
    if (verdict != NULL) {
        text_add(&r->out, "<p>The optimized side: ");
        html_add(&r->out, verdict);
        text_add(&r->out, " (<a href=\"#roofline\">roofline</a>).</p>\n");
    }
    cJSON_Delete(data);
}

/* The hot loop of each side, as `perflab asm --record` found it. */
static void add_hot_loops(report *r, const facts *f) {
    static const char *const sides[][2] = {{"baseline", "baseline"}, {"candidate", "optimized"}};
    text_buffer *out = &r->out;
    cJSON *data = report_profile(r, f, "asm");
    for (int k = 0; k < 2; k++) {
        const cJSON *o = cJSON_GetObjectItem(cJSON_GetObjectItem(data, "asm"), sides[k][0]);
        const cJSON *line;
        if (o == NULL) continue;
        text_add(out, "<figure><figcaption>Hot loop, %s</figcaption>\n<p><code>", sides[k][1]);
        html_add(out, json_text(o, "function", ""));
        text_add(out,
                 "</code>, %.0f %% of the time: %.0f instructions, %.0f packed, %.0f scalar "
                 "floating point; widest register %.0f bits</p>\n<pre tabindex=\"0\">",
                 100 * json_number(o, "share", 0), json_number(o, "instructions", 0),
                 json_number(o, "packed", 0), json_number(o, "scalar", 0),
                 json_number(o, "widest", 0));
        cJSON_ArrayForEach(line, cJSON_GetObjectItem(o, "code")) {
            html_add(out, cJSON_GetStringValue(line));
            text_add(out, "\n");
        }
        text_add(out, "</pre></figure>\n");
    }
    cJSON_Delete(data);
}

static void add_charts(report *r, const facts *f) {
    text_buffer *out = &r->out;
    text_add(out, "<div class=\"charts\">\n");
    if (f->has_baseline_us) {
        open_chart_box(out, "Distribution: every process, and the density");
        chart_distribution(out, f);
        text_add(out, "</figure>\n");
    }
    for (size_t i = 0; f->has_speedup && i < f->n_inputs; i++) {
        if (f->inputs[i].n < 2) continue;
        open_chart_box(out, "Order in time");
        chart_order(out, &f->inputs[i]);
        text_add(out, "</figure>\n");
    }
    add_history(r, f);
    add_scaling(r, f);
    add_hot_loops(r, f);
    text_add(out, "</div>\n");
}

static void add_card(report *r, const facts *f) {
    text_buffer *out = &r->out;
    char factor[FORMAT_ROOM] = "";
    if (f->has_speedup) format_ratio(factor, deciding(&f->speedup, &f->any));
    text_add(out, "<details class=\"card\" id=\"");
    report_add_anchor(out, "card", f->id);
    text_add(out, "\" data-status=\"%s\"><summary><b>", status_name(f->status));
    html_add(out, f->id);
    text_add(out, "</b> ");
    html_add(out, f->component);
    text_add(out, " <span class=\"st %s\">%s</span> %s</summary>\n<p>", status_name(f->status),
             status_name(f->status), factor);
    html_add(out, f->title);
    if (f->reason != NULL) {
        text_add(out, ". ");
        html_add(out, f->reason);
    }
    text_add(out, " <a href=\"#");
    report_add_anchor(out, "row", f->id);
    text_add(out, "\">in the table</a></p>\n");
    add_kinds(out, f);
    add_placement(out, f);
    add_limit(r, f);
    add_charts(r, f);
    text_add(out, "</details>\n");
}

void report_add_cards(report *r) {
    text_buffer *out = &r->out;
    text_add(out, "<section><h2 id=\"cards\">What it is made of</h2>\n<p class=\"key\">One dot per "
                  "process, a bar at the median.<span><i class=\"b\"></i>baseline</span><span><i "
                  "class=\"c\"></i>optimized</span> <button type=\"button\" id=\"open\">open all"
                  "</button></p>\n");
    for (size_t i = 0; i < r->list.n; i++) add_card(r, &r->list.all[i]);
    text_add(out, "</section>\n");
}
