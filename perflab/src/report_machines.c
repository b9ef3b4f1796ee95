/*
 * report_machines.c - the same improvements on several machines, side by side.
 */
#include "chart.h"
#include "format.h"
#include "machine_table.h"
#include "report.h"

#include <stdlib.h>

static void add_heads(report *r) {
    text_buffer *out = &r->out;
    text_add(out, "<th scope=\"col\">ID</th><th scope=\"col\">Component</th>");
    for (size_t i = 0; i < r->machines.n; i++) {
        text_add(out, "<th scope=\"col\" class=\"plot\">");
        html_add(out, r->machines.all[i].name);
        text_add(out, "</th>");
    }
}

static void add_row(report *r, const machine_table *t, size_t row, double lo, double hi) {
    text_buffer *out = &r->out;
    const facts *first = &t->lists[0].all[row];
    text_add(out, "<tr data-status=\"%s\"><td class=\"id\" data-h=\"ID\">",
             status_name(first->status));
    html_add(out, first->id);
    text_add(out, "</td><td data-h=\"Component\">");
    html_add(out, first->component);
    text_add(out, "</td>");
    for (size_t i = 0; i < t->n; i++) {
        const facts *f = &t->lists[i].all[row];
        char factor[FORMAT_ROOM];
        format_ratio(factor, deciding(&f->speedup, &f->any));
        text_add(out, "<td class=\"plot\" data-h=\"");
        html_add(out, t->machines[i]->name);
        text_add(out, "\">");
        if (f->has_speedup) chart_forest(out, f, lo, hi);
        text_add(out, "<span class=\"st %s\">%s</span> %s</td>", status_name(f->status),
                 status_name(f->status), f->has_speedup ? factor : "");
    }
    text_add(out, "</tr>\n");
}

bool report_add_machines(report *r) {
    machine_table t = {0};
    size_t n = 0;
    if (r->machines.n < 2) return true;
    const machine_info **all = machines_chosen(&r->machines, "all", &n);
    const fact_query q = {.variant = r->variant};
    const bool good = machine_table_derive(r->ledger, &r->catalog, &q, all, n, &t);
    if (good) {
        double lo = 1, hi = 1;
        for (size_t i = 0; i < n; i++) {
            double a, b;
            forest_range(&t.lists[i], &a, &b);
            lo = a < lo ? a : lo;
            hi = b > hi ? b : hi;
        }
        text_add(&r->out,
                 "<section><h2 id=\"machines\">Machines</h2>\n<table class=\"machines\">"
                 "<caption class=\"quiet\">Speedups on several machines</caption><thead><tr>");
        add_heads(r);
        text_add(&r->out, "</tr></thead><tbody>\n");
        for (size_t i = 0; i < t.lists[0].n; i++) add_row(r, &t, i, lo, hi);
        text_add(&r->out, "</tbody></table></section>\n");
    }
    machine_table_free(&t);
    free(all);
    return good;
}
