/*
 * cmd_status.c - `perflab status`: the checklist of each improvement, each tick derived.
 */
#include "child.h"
#include "commands.h"
#include "format.h"
#include "integration.h"
#include "options.h"
#include "selection.h"

#include <stdlib.h>
#include <string.h>

/* What the ticks of all improvements are derived from. */
typedef struct evidence {
    integration_list integrations;
    char **tables; /* the contents of the files that `table --output` wrote */
    size_t n_tables;
} evidence;

static bool gather(ledger *l, evidence *e) {
    memset(e, 0, sizeof *e);
    if (l == NULL) return true;
    cJSON *paths = ledger_rows(l, "SELECT DISTINCT path FROM written", NULL);
    const cJSON *row;
    cJSON_ArrayForEach(row, paths) {
        char *text = read_text(json_text(row, "path", ""), NULL);
        if (text == NULL) continue;
        e->tables = must_grow(e->tables, (e->n_tables + 1) * sizeof *e->tables);
        e->tables[e->n_tables++] = text;
    }
    const bool good = paths != NULL && integrations_read(l, &e->integrations);
    cJSON_Delete(paths);
    return good;
}

static void evidence_free(evidence *e) {
    for (size_t i = 0; i < e->n_tables; i++) free(e->tables[i]);
    free(e->tables);
    integrations_free(&e->integrations);
}

static void tick(bool done, const char *step, const char *how) {
    const bool more = how != NULL && *how != '\0';
    printf("  [%c] %s%s%s\n", done ? 'x' : ' ', step, more ? ": " : "", more ? how : "");
}

/* The smallest number of processes of any kind of input. */
static size_t least(const facts *f, bool candidate) {
    size_t n = SIZE_MAX;
    for (size_t i = 0; i < f->n_inputs; i++) {
        const size_t here = candidate ? f->inputs[i].n : f->inputs[i].n_baseline;
        if (here < n) n = here;
    }
    return n == SIZE_MAX ? 0 : n;
}

static char *numbers_of(const facts *f, bool candidate) {
    text_buffer out = {0};
    text_add(&out, "%zu runs", least(f, candidate));
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        const perflab_summary *s = candidate ? &in->candidate : &in->baseline;
        if (s->n == 0) continue;
        char times[FORMAT_ROOM];
        format_times(times, s);
        text_add(&out, ", %s %s", in->input, times);
    }
    return out.text;
}

/* Whether a written table has the row as it is now. */
static bool in_a_table(const facts *f, const evidence *e) {
    text_buffer text = {0};
    table_row row = table_row_of(f);
    table_markdown_row(&text, &row);
    bool found = false;
    for (size_t i = 0; i < e->n_tables; i++)
        found = found || strstr(e->tables[i], text.text) != NULL;
    table_row_free(&row);
    free(text.text);
    return found;
}

static void integration_tick(const facts *f, const evidence *e) {
    size_t covering = 0, slower = 0;
    const char *name = "";
    for (size_t i = 0; i < e->integrations.n; i++) {
        const integration *in = &e->integrations.all[i];
        cJSON *covers = cJSON_Parse(in->covers);
        const bool mine = strcmp(json_text(covers, f->id, ""), f->source_hash) == 0;
        cJSON_Delete(covers);
        if (!mine) continue;
        covering++;
        slower += resolve(&in->ratio) == RESOLUTION_SLOWER;
        name = in->name;
    }
    char *how = covering == 0 ? text_copy("none recorded for these sources")
                              : text_format("%zu recorded, last %s%s", covering, name,
                                            slower > 0 ? ", with a regression" : "");
    tick(covering > 0 && slower == 0, "Ran integration test (no regression)", how);
    free(how);
}

/* Committed: every source is tracked and unchanged, and the subject has at least three words. */
static void commit_tick(const facts *f) {
    char *paths = text_copy(f->sources);
    char *subject = NULL;
    bool clean = *paths != '\0';
    for (char *path = strtok(paths, "\n"); path != NULL && clean; path = strtok(NULL, "\n")) {
        char *folder = text_copy(path);
        char *slash = strrchr(folder, '/');
        if (slash != NULL) *slash = '\0';
        const char *const changed[] = {"git",         "-C", folder, "status",
                                       "--porcelain", "--", path,   NULL};
        const char *const last[] = {"git", "-C", folder, "log", "-1", "--format=%h %s",
                                    "--",  path, NULL};
        char *change = child_first_line(changed);
        clean = change != NULL && *change == '\0';
        free(subject);
        subject = child_first_line(last);
        clean = clean && subject != NULL && *subject != '\0';
        free(change);
        free(folder);
    }
    size_t spaces = 0;
    for (const char *p = clean ? subject : ""; p != NULL && *p != '\0'; p++) spaces += *p == ' ';
    tick(clean && spaces >= 2, "Committed with descriptive message",
         clean ? subject : "the sources are not committed as they are");
    free(subject);
    free(paths);
}

static void validated_tick(const facts *f) {
    text_buffer how = {0};
    text_add(&how, "%s", "");
    for (size_t i = 0; i < f->n_inputs; i++) {
        const input_facts *in = &f->inputs[i];
        const char *word = in->gated                  ? "passed"
                           : in->gate_outcome != NULL ? in->gate_outcome
                                                      : "not run";
        text_add(&how, "%s%s %s", i > 0 ? ", " : "", in->input, word);
        if (!in->gated && in->gate_why != NULL) text_add(&how, " (%s)", in->gate_why);
    }
    tick(f->validated, "Validated correctness (output matches)", how.text);
    free(how.text);
}

static void print_checklist(const facts *f, const evidence *e) {
    char factor[160] = "";
    printf("%s  %s  %s%s%s\n", f->id, f->component, status_name(f->status),
           f->reason != NULL ? ": " : "", f->reason != NULL ? f->reason : "");
    tick(f->has_baseline, "Created isolated benchmark", f->has_baseline ? f->sources : NULL);
    char *base = numbers_of(f, false);
    tick(least(f, false) >= LEAST_RUNS, "Recorded baseline (5 runs, mean + stddev)", base);
    tick(f->has_candidate, "Implemented optimization", f->has_candidate ? f->title : NULL);
    validated_tick(f);
    char *cand = numbers_of(f, true);
    tick(least(f, true) >= LEAST_RUNS, "Recorded optimized (5 runs, mean + stddev)", cand);
    if (f->has_speedup) {
        char mid[32], lo[32], hi[32];
        format_ratio_parts(mid, lo, hi, &f->speedup);
        snprintf(factor, sizeof factor, "%sx", mid);
        if (f->speedup.has_interval) {
            snprintf(factor, sizeof factor, "%sx, %.1f %% interval [%s, %s]", mid,
                     f->speedup.confidence * 100, lo, hi);
        }
    }
    tick(f->has_speedup && f->speedup.has_interval, "Calculated speedup", factor);
    tick(in_a_table(f, e), "Updated tracking table",
         in_a_table(f, e) ? NULL : "no table written by `table --markdown --output` has this row");
    integration_tick(f, e);
    commit_tick(f);
    free(base);
    free(cand);
}

int command_status(int argc, char **argv) {
    const char *ledger_name = NULL, *modules = NULL, *variant = "native";
    const option options[] = {
        {"--variant", OPTION_TEXT, &variant, "V", "native (default) or portable"},
        {"--modules", OPTION_TEXT, &modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &ledger_name, "FILE", "where results are (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "status [ID...] [options]",
        .about = "Prints the checklist of each improvement. Every tick is derived from what is\n"
                 "recorded for the sources as they are built now.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    const fact_query query = {.variant = variant, .ids = line.words, .n_ids = line.n_words};
    catalog c;
    fact_list list = {0};
    evidence e = {0};
    catalog_or_none(&c, modules);
    const char *path = ledger_choice(ledger_name);
    const bool without = c.n > 0 && !file_exists(path);
    ledger *l = without ? NULL : ledger_open(path, false);
    const selection s = {.ids = line.words, .n_ids = line.n_words, .variant = variant};
    const bool known = (l == NULL && !without) || selection_known(&s, &c, l);
    const bool good =
        known && (l != NULL || without) && facts_derive(l, &c, &query, &list) && gather(l, &e);
    for (size_t i = 0; good && i < list.n; i++) {
        if (i > 0) printf("\n");
        print_checklist(&list.all[i], &e);
    }
    if (good && list.n == 0) complain("nothing is registered or recorded");
    evidence_free(&e);
    facts_free(&list);
    ledger_close(l);
    catalog_free(&c);
    return !known ? EXIT_USAGE : good ? EXIT_DONE : EXIT_TROUBLE;
}
