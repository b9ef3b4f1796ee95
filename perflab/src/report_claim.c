/*
 * report_claim.c - first what is claimed: a forest plot of all rows, then the table.
 */
#include "chart.h"
#include "format.h"
#include "report.h"
#include "table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void report_add_anchor(text_buffer *out, const char *prefix, const char *id) {
    text_add(out, "%s-", prefix);
    for (; *id != '\0'; id++) {
        const bool plain = isalnum((unsigned char)*id) != 0 || *id == '.' || *id == '-';
        text_add(out, plain ? "%c" : "_%02x", (unsigned)(unsigned char)*id);
    }
}

/* ---- Tiles -------------------------------------------------------------------------------- */

static const status_kind order[] = {STATUS_COMPLETE,    STATUS_REJECTED,    STATUS_VALIDATED,
                                    STATUS_IMPLEMENTED, STATUS_BENCHMARKED, STATUS_NOT_STARTED};
enum { N_STATUSES = sizeof order / sizeof *order };

void report_add_tiles(report *r) {
    size_t count[N_STATUSES] = {0};
    for (size_t i = 0; i < r->list.n; i++) count[r->list.all[i].status]++;
    text_add(&r->out, "<div class=\"tiles\" role=\"group\" aria-label=\"Show only one status\">");
    for (size_t i = 0; i < N_STATUSES; i++) {
        const status_kind s = order[i];
        if (count[s] == 0) continue;
        const char *name = status_name(s);
        text_add(&r->out,
                 "<button class=\"tile\" type=\"button\" data-status=\"%s\" "
                 "aria-pressed=\"false\"><b>%zu</b><span class=\"%s\">%s</span></button>",
                 name, count[s], name, name);
    }
    text_add(&r->out, "</div>\n<p class=\"filter\"><label>Filter rows <input type=\"search\" "
                      "id=\"filter\" placeholder=\"id, component, note ...\"></label> <span "
                      "id=\"shown\" role=\"status\"></span></p>\n");
}

/* ---- The forest plot ---------------------------------------------------------------------- */

/* Starts a row, with what the filter and the sorting go by. */
static void open_row(text_buffer *out, const char *prefix, const facts *f) {
    text_add(out, "<tr id=\"");
    report_add_anchor(out, prefix, f->id);
    text_add(out, "\" data-status=\"%s\">", status_name(f->status));
}

/* The cell with the id, which links to a card or back. */
static void add_id(text_buffer *out, const facts *f, size_t number) {
    text_add(out, "<td class=\"id\" data-h=\"ID\" data-v=\"%zu\"><a href=\"#", number);
    report_add_anchor(out, "card", f->id);
    text_add(out, "\">");
    html_add(out, f->id);
    text_add(out, "</a></td>");
}

static void add_claim(text_buffer *out, const facts *f, size_t number, double lo, double hi) {
    const perflab_summary *s = deciding(&f->speedup, &f->any);
    char factor[FORMAT_ROOM] = "";
    if (f->has_speedup) format_ratio(factor, s);
    open_row(out, "claim", f);
    add_id(out, f, number);
    text_add(out, "<td data-h=\"Component\">");
    html_add(out, f->component);
    text_add(out, "</td><td class=\"plot\">");
    chart_forest(out, f, lo, hi);
    text_add(out, "</td><td class=\"n\" data-h=\"Speedup\" data-v=\"%.9g\">%s%s</td>",
             f->has_speedup ? s->median : 0, factor, f->any.n > 0 ? " *" : "");
    text_add(out, "<td class=\"st %s\" data-h=\"Status\" data-v=\"%d\">%s</td></tr>\n",
             status_name(f->status), (int)f->status, status_name(f->status));
}

static void add_sorted_head(text_buffer *out, const char *name, const char *class) {
    text_add(out, "<th scope=\"col\"%s%s%s><button type=\"button\">%s</button></th>",
             *class != '\0' ? " class=\"" : "", class, *class != '\0' ? "\"" : "", name);
}

void report_add_claims(report *r) {
    text_buffer *out = &r->out;
    double lo, hi;
    forest_range(&r->list, &lo, &hi);
    text_add(
        out,
        "<section><h2 id=\"claims\">What is claimed</h2>\n<p class=\"key\">Old time over new "
        "time with its 95 %% interval; right of 1 is faster.<span><i class=\"g\"></i>faster"
        "</span><span><i class=\"l\"></i>slower</span><span><i class=\"s\"></i>no difference of "
        "2 %% resolved</span><span class=\"x\">&times; wrong</span><span class=\"noise\">~ noisy"
        "</span></p>\n<p class=\"key\">Solid line: 1. Dashed lines: 2 %%, the least that counts. "
        "Small marks: kinds of input. Hollow: quick runs. *: at any placement of the code; the "
        "grey mark above it is this build alone.</p>\n<div class=\"axis\">");
    chart_forest_axis(out, lo, hi);
    text_add(out,
             "</div>\n<table class=\"claims sortable\"><caption class=\"quiet\">Speedups of all "
             "improvements</caption><thead><tr>");
    add_sorted_head(out, "ID", "");
    add_sorted_head(out, "Component", "");
    text_add(out, "<th scope=\"col\" class=\"plot\">");
    chart_forest_axis(out, lo, hi);
    text_add(out, "</th>");
    add_sorted_head(out, "Speedup", "n");
    add_sorted_head(out, "Status", "");
    text_add(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->list.n; i++) add_claim(out, &r->list.all[i], i, lo, hi);
    text_add(out, "</tbody></table></section>\n");
}

/* ---- The table ---------------------------------------------------------------------------- */

/* The value that a column is sorted by; NAN: by its text. */
static void add_value(text_buffer *out, const table_row *row, int column) {
    const double values[] = {row->numbers.baseline, row->numbers.candidate, row->numbers.ratio};
    if (column >= 2 && column <= 4) text_add(out, " data-v=\"%.9g\"", values[column - 2]);
}

static void add_cells(text_buffer *out, const table_row *row, int from) {
    static const char *const classes[TABLE_COLUMNS] = {"id", "", "n", "n", "n", "st", "notes", ""};
    for (int i = from; i < TABLE_COLUMNS; i++) {
        const bool nothing = strcmp(row->cell[i], "-") == 0;
        text_add(out, "<td class=\"%s%s%s\" data-h=\"%s\"", classes[i], i == 5 ? " " : "",
                 i == 5    ? row->cell[i]
                 : nothing ? " no"
                           : "",
                 table_heads[i]);
        add_value(out, row, i);
        text_add(out, ">");
        html_add(out, row->cell[i]);
        text_add(out, "</td>");
    }
    text_add(out, "</tr>\n");
}

void report_add_table(report *r) {
    text_buffer *out = &r->out;
    text_add(out, "<section><h2 id=\"table\">The table</h2>\n<table class=\"sortable\"><caption "
                  "class=\"quiet\">Tracking table</caption><thead><tr>");
    for (int i = 0; i < TABLE_COLUMNS; i++) {
        add_sorted_head(out, table_heads[i], i >= 2 && i <= 4 ? "n" : "");
    }
    text_add(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->list.n; i++) {
        const facts *f = &r->list.all[i];
        table_row row = table_row_of(f);
        open_row(out, "row", f);
        add_id(out, f, i);
        add_cells(out, &row, 1);
        table_row_free(&row);
    }
    for (size_t i = 0; i < r->integrations.n; i++) {
        table_row row = integration_row(&r->integrations.all[i]);
        text_add(out, "<tr>");
        add_cells(out, &row, 0);
        table_row_free(&row);
    }
    text_add(
        out,
        "</tbody></table>\n"
        "<p>Baseline and optimized: median microseconds per call over fresh processes, "
        "geometric mean over kinds of input. Speedup: median of the per-process ratios, with its "
        "distribution-free 95 %% interval. A candidate that has not passed its gate has no "
        "speedup.</p></section>\n");
}
