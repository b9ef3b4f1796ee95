/*
 * cmd_report.c - `perflab report`: one self-contained HTML page.
 */
#include "chart.h"
#include "child.h"
#include "commands.h"
#include "machine.h"
#include "options.h"
#include "page.h"
#include "report.h"
#include "selection.h"

#include <stdlib.h>
#include <string.h>

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
    text_add(
        out,
        "<section><h2 id=\"environment\">Environment</h2>\n<p>That of the latest run.</p>\n<dl>\n");
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
    text_add(out, "</dl></section>\n");
    cJSON_Delete(tests);
    cJSON_Delete(e);
    cJSON_Delete(rows);
}

static bool write_page(report *r) {
    static const char *const sections[][2] = {
        {"claims", "claims"},     {"table", "table"},       {"cards", "details"},
        {"machines", "machines"}, {"roofline", "roofline"}, {"environment", "environment"}};
    char now[32], commit[64];
    iso_time(now);
    commit_here(commit);
    page_add_head(&r->out);
    text_add(&r->out, "<header><h1>perflab report</h1>\n<p>");
    text_add(&r->out, "%zu improvement%s, %s build", r->list.n, r->list.n == 1 ? "" : "s",
             r->variant);
    if (commit[0] != '\0') text_add(&r->out, ", commit %s", commit);
    text_add(&r->out, ", written %s. Every number is derived from the ledger.</p>\n<nav>", now);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (i == 3 && r->machines.n < 2) continue;
        text_add(&r->out, "<a href=\"#%s\">%s</a> ", sections[i][0], sections[i][1]);
    }
    text_add(&r->out, "</nav></header>\n<main>\n");
    report_add_tiles(r);
    report_add_claims(r);
    report_add_table(r);
    report_add_cards(r);
    const bool good = report_add_machines(r);
    report_add_roofline(r);
    add_environment(r);
    text_add(&r->out, "</main>\n");
    page_add_script(&r->out);
    text_add(&r->out, "</body>\n</html>\n");
    return good;
}

/* Shows the page in a browser: $BROWSER, else what the desktop has. */
static bool open_page(const char *path) {
    const char *browser = getenv("BROWSER");
    char *file = shell_word(path);
    char *command =
        text_format("%s %s", browser != NULL && *browser != '\0' ? browser : "xdg-open", file);
    const bool good = child_shell(command) == 0;
    if (!good) complain("cannot open a browser for %s: set BROWSER", path);
    free(command);
    free(file);
    return good;
}

int command_report(int argc, char **argv) {
    const char *ledger_name = NULL, *modules = NULL;
    report r = {.variant = "native"};
    bool show = false;
    const option options[] = {
        {"--open", OPTION_FLAG, &show, NULL, "show the page in a browser ($BROWSER)"},
        {"--variant", OPTION_TEXT, &r.variant, "V", "native (default) or portable"},
        {"--modules", OPTION_TEXT, &modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &ledger_name, "FILE", "where results are (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "report [FILE.html] [options]",
        .about =
            "Writes one self-contained HTML page (perflab.html): a forest plot of what is "
            "claimed,\n"
            "the table, and for each row distribution, order in time, history and scaling; then\n"
            "machines, roofline, environment.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    const char *path = line.n_words > 0 ? line.words[0] : "perflab.html";
    const fact_query query = {.variant = r.variant};
    catalog_or_none(&r.catalog, modules);
    r.ledger = ledger_open(ledger_choice(ledger_name), false);
    const selection all = {.variant = r.variant};
    const bool known = selection_known(&all, &r.catalog, NULL);
    bool good = known && r.ledger != NULL && facts_derive(r.ledger, &r.catalog, &query, &r.list) &&
                machines_read(r.ledger, &r.machines) &&
                integrations_read(r.ledger, &r.integrations);
    if (good) {
        good = write_page(&r) && write_text(path, r.out.text, r.out.length);
        if (good) printf("%s\n", path);
        fflush(stdout);
        if (good && show) good = open_page(path);
    }
    free(r.out.text);
    machines_free(&r.machines);
    integrations_free(&r.integrations);
    facts_free(&r.list);
    ledger_close(r.ledger);
    catalog_free(&r.catalog);
    return !known ? EXIT_USAGE : good ? EXIT_DONE : EXIT_TROUBLE;
}
