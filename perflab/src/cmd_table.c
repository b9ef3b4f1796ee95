/*
 * cmd_table.c - `perflab table`: the tracking table, from the ledger.
 */
#include "commands.h"
#include "formats.h"
#include "integration.h"
#include "machine_table.h"
#include "measure.h"
#include "options.h"
#include "selection.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

typedef struct table_request {
    const char *ledger, *modules, *variant, *cache, *input, *machine, *machines, *output;
    size_t size, threads;
    bool markdown, csv, json, bencher, google, by_input, together;
} table_request;

typedef struct rows {
    table_row *all;
    size_t n;
} rows;

static void add_row(rows *r, table_row row) {
    r->all = must_grow(r->all, (r->n + 1) * sizeof *r->all);
    r->all[r->n++] = row;
}

static void collect(rows *r, const fact_list *list, bool by_input) {
    for (size_t i = 0; i < list->n; i++) {
        const facts *f = &list->all[i];
        if (!by_input) add_row(r, table_row_of(f));
        for (size_t k = 0; by_input && k < f->n_inputs; k++) {
            add_row(r, table_row_of_input(f, &f->inputs[k]));
        }
    }
}

static void print_markdown(text_buffer *out, const rows *r) {
    for (int i = 0; i < TABLE_COLUMNS; i++) text_add(out, "| %s ", table_heads[i]);
    text_add(out, "|\n");
    for (int i = 0; i < TABLE_COLUMNS; i++) text_add(out, "|----");
    text_add(out, "|\n");
    for (size_t i = 0; i < r->n; i++) table_markdown_row(out, &r->all[i]);
}

static void csv_cell(text_buffer *out, const char *cell, const char *end) {
    text_add(out, "\"");
    for (const char *p = cell; *p != '\0'; p++) {
        if (*p == '"') text_add_bytes(out, "\"", 1);
        text_add_bytes(out, p, 1);
    }
    text_add(out, "\"%s", end);
}

/* A number, or an empty cell if nothing was measured. */
static void csv_number(text_buffer *out, double x) {
    text_add(out, x > 0 ? ",%.10g" : ",", x);
}

/* The cells as text, then their values as plain numbers. */
static void print_csv(text_buffer *out, const rows *r) {
    for (int i = 0; i < TABLE_COLUMNS; i++) csv_cell(out, table_heads[i], ",");
    text_add(out, "\"baseline\",\"optimized\",\"unit\",\"ratio\",\"low\",\"high\",\"n\","
                  "\"size\"\n");
    for (size_t k = 0; k < r->n; k++) {
        const table_numbers *x = &r->all[k].numbers;
        for (int i = 0; i < TABLE_COLUMNS; i++) {
            csv_cell(out, r->all[k].cell[i], i + 1 < TABLE_COLUMNS ? "," : "");
        }
        csv_number(out, x->baseline);
        csv_number(out, x->candidate);
        text_add(out, ",us");
        csv_number(out, x->ratio);
        csv_number(out, x->lo);
        csv_number(out, x->hi);
        csv_number(out, (double)x->n);
        csv_number(out, (double)x->size);
        text_add(out, "\n");
    }
}

/* For reading: columns padded, notes last and unpadded. */
static void print_text(text_buffer *out, const rows *r) {
    static const int order[TABLE_COLUMNS] = {0, 1, 2, 3, 4, 5, 7, 6};
    int width[TABLE_COLUMNS];
    for (int i = 0; i < TABLE_COLUMNS; i++) {
        width[i] = (int)strlen(table_heads[i]);
        for (size_t k = 0; k < r->n; k++) {
            const int w = (int)strlen(r->all[k].cell[i]);
            if (w > width[i]) width[i] = w;
        }
    }
    for (size_t k = 0; k <= r->n; k++) {
        for (int i = 0; i < TABLE_COLUMNS; i++) {
            const int at = order[i];
            const char *cell = k == 0 ? table_heads[at] : r->all[k - 1].cell[at];
            const bool number = at == 2 || at == 3;
            if (i + 1 == TABLE_COLUMNS) {
                text_add(out, "%s\n", cell);
            } else {
                text_add(out, number ? "%*s  " : "%-*s  ", width[at], cell);
            }
        }
    }
}

static void add_summary(cJSON *to, const char *name, const perflab_summary *s) {
    cJSON *o = cJSON_AddObjectToObject(to, name);
    cJSON_AddNumberToObject(o, "n", (double)s->n);
    cJSON_AddNumberToObject(o, "median", s->median);
    cJSON_AddNumberToObject(o, "mean", s->mean);
    cJSON_AddNumberToObject(o, "stddev", s->stddev);
    cJSON_AddNumberToObject(o, "cv", s->cv);
    cJSON_AddNumberToObject(o, "mad", s->mad);
    cJSON_AddNumberToObject(o, "min", s->min);
    cJSON_AddNumberToObject(o, "max", s->max);
    cJSON_AddNumberToObject(o, "outliers", (double)s->outliers);
    if (!s->has_interval) return;
    cJSON_AddNumberToObject(o, "lo", s->lo);
    cJSON_AddNumberToObject(o, "hi", s->hi);
    cJSON_AddNumberToObject(o, "confidence", s->confidence);
}

static cJSON *input_json(const input_facts *in) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "input", in->input);
    cJSON_AddBoolToObject(o, "gated", in->gated);
    cJSON_AddBoolToObject(o, "quick", in->quick);
    if (in->n_baseline > 0) add_summary(o, "baseline_us", &in->baseline);
    if (in->n > 0) {
        add_summary(o, "candidate_us", &in->candidate);
        add_summary(o, "speedup", &in->speedup);
    }
    if (in->any.n > 0) add_summary(o, "any_placement", &in->any);
    if (in->min_bytes > 0) cJSON_AddNumberToObject(o, "min_bytes", in->min_bytes);
    if (in->min_ops > 0) cJSON_AddNumberToObject(o, "min_ops", in->min_ops);
    if (in->baseline_error >= 0) cJSON_AddNumberToObject(o, "baseline_error", in->baseline_error);
    if (in->candidate_error >= 0)
        cJSON_AddNumberToObject(o, "candidate_error", in->candidate_error);
    return o;
}

static cJSON *fact_json(const facts *f) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "id", f->id);
    cJSON_AddStringToObject(o, "component", f->component);
    cJSON_AddStringToObject(o, "title", f->title);
    cJSON_AddStringToObject(o, "notes", f->notes);
    cJSON_AddStringToObject(o, "variant", f->variant);
    cJSON_AddStringToObject(o, "source_hash", f->source_hash);
    cJSON_AddStringToObject(o, "status", status_name(f->status));
    if (f->reason != NULL) cJSON_AddStringToObject(o, "reason", f->reason);
    cJSON_AddStringToObject(o, "device", f->device != NULL ? f->device : "");
    cJSON_AddStringToObject(o, "machine", f->machine != NULL ? f->machine : "");
    cJSON_AddStringToObject(o, "cache", f->cache);
    cJSON_AddNumberToObject(o, "size", (double)f->size);
    cJSON_AddBoolToObject(o, "noisy", f->noisy);
    cJSON_AddBoolToObject(o, "quick", f->quick);
    if (f->has_baseline_us) cJSON_AddNumberToObject(o, "baseline_us", f->baseline_us);
    if (f->has_speedup) {
        cJSON_AddNumberToObject(o, "candidate_us", f->candidate_us);
        add_summary(o, "speedup", &f->speedup);
        if (f->any.n > 0) add_summary(o, "any_placement", &f->any);
        if (f->placement_share >= 0) {
            cJSON_AddNumberToObject(o, "placement_share", f->placement_share);
        }
    }
    cJSON *inputs = cJSON_AddArrayToObject(o, "inputs");
    for (size_t i = 0; i < f->n_inputs; i++) {
        cJSON_AddItemToArray(inputs, input_json(&f->inputs[i]));
    }
    return o;
}

static void print_json(text_buffer *out, const fact_list *list, const integration_list *whole) {
    cJSON *root = cJSON_CreateObject();
    cJSON *improvements = cJSON_AddArrayToObject(root, "improvements");
    for (size_t i = 0; i < list->n; i++) {
        cJSON_AddItemToArray(improvements, fact_json(&list->all[i]));
    }
    cJSON *integrations = cJSON_AddArrayToObject(root, "integrations");
    for (size_t i = 0; i < whole->n; i++) {
        cJSON_AddItemToArray(integrations, integration_json(&whole->all[i]));
    }
    char *text = cJSON_Print(root);
    text_add(out, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(root);
}

/* The machine, compiler and commit of the latest run. */
static void print_machine(text_buffer *out, ledger *l, const char *variant) {
    cJSON *runs = l == NULL
                      ? NULL
                      : ledger_rows(l,
                                    "SELECT r.environment, r.started, r.commit_id, b.compiler, "
                                    "b.flags FROM run r JOIN build b ON r.build = b.uuid "
                                    "WHERE b.variant = ?1 ORDER BY r.started DESC LIMIT 1",
                                    variant, NULL);
    const cJSON *row = cJSON_GetArrayItem(runs, 0);
    cJSON *e = cJSON_Parse(json_text(row, "environment", ""));
    if (e != NULL) {
        const char *commit = json_text(row, "commit_id", "");
        text_add(
            out,
            "\nLatest run: %s, %.0f cores, %.0f threads, caches %.0f KiB, %.0f KiB, %.0f KiB%s; ",
            json_text(e, "cpu", ""), json_number(e, "cores", 0), json_number(e, "threads", 0),
            json_number(e, "l1_bytes", 0) / 1024, json_number(e, "l2_bytes", 0) / 1024,
            json_number(e, "l3_bytes", 0) / 1024,
            cJSON_IsTrue(cJSON_GetObjectItem(e, "virtual_machine")) ? ", a virtual machine" : "");
        text_add(out, "load %.2f; governor %s; turbo %s; %s, %s; ", json_number(e, "load", 0),
                 json_text(e, "governor", "unknown"), json_text(e, "turbo", "unknown"),
                 json_text(row, "compiler", ""), json_text(row, "flags", ""));
        if (*commit != '\0') text_add(out, "commit %s; ", commit);
        text_add(out, "%s.\n", json_text(row, "started", ""));
    }
    cJSON_Delete(e);
    cJSON_Delete(runs);
}

/* The paragraph under the table that says what its numbers are. */
static void print_origin(text_buffer *out, const fact_list *list, const table_request *q) {
    size_t quick = 0, measured = 0;
    for (size_t i = 0; i < list->n; i++) {
        quick += list->all[i].quick;
        measured += list->all[i].has_baseline_us;
    }
    text_add(out, "\n%zu improvement%s, %zu measured", list->n, list->n == 1 ? "" : "s", measured);
    if (quick > 0) text_add(out, ", %zu of them by quick runs (under 1 s per process)", quick);
    text_add(out, ". %s build, %s cache. ", q->variant, q->cache);
    text_add(out,
             "Baseline and optimized: median microseconds per call, geometric mean over kinds of "
             "input. Speedup: median of the per-process ratios with its distribution-free 95 %% "
             "interval.\n");
    if (q->together) {
        text_add(out,
                 "The intervals are corrected for the number of rows (Bonferroni): all hold at "
                 "once with 95 %%.\n");
    }
}

static bool remember(ledger *l, const char *path) {
    char uuid[33], now[32];
    make_uuid(uuid);
    iso_time(now);
    char *whole = realpath(path, NULL);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "uuid", uuid);
    cJSON_AddStringToObject(row, "path", whole != NULL ? whole : path);
    cJSON_AddStringToObject(row, "at", now);
    const bool good = ledger_put(l, "written", row, false);
    cJSON_Delete(row);
    free(whole);
    return good;
}

static void render(text_buffer *out, ledger *l, const fact_list *list,
                   const integration_list *whole, const table_request *q) {
    rows r = {0};
    collect(&r, list, q->by_input);
    for (size_t i = 0; i < whole->n; i++) add_row(&r, integration_row(&whole->all[i]));
    if (q->bencher || q->google) {
        char *text = q->bencher ? formats_bencher(list) : formats_google(list);
        text_add(out, "%s", text);
        free(text);
    } else if (q->json) {
        print_json(out, list, whole);
    } else if (q->csv) {
        print_csv(out, &r);
    } else if (q->markdown) {
        print_markdown(out, &r);
        print_origin(out, list, q);
        print_machine(out, l, q->variant);
    } else {
        print_text(out, &r);
        print_origin(out, list, q);
        print_machine(out, l, q->variant);
    }
    for (size_t i = 0; i < r.n; i++) table_row_free(&r.all[i]);
    free(r.all);
}

/*
 * Finds the machine that is asked for, by name or key, and stores its key. Returns false, with an
 * error message, if there is none. NULL is any machine.
 */
static bool find_machine(ledger *l, const machine_list *machines, const char **machine) {
    if (*machine == NULL) return true;
    const machine_info *m = l != NULL ? machines_find(machines, *machine) : NULL;
    if (l == NULL) complain("nothing is recorded for a machine %s", *machine);
    if (m != NULL) *machine = m->key;
    return m != NULL;
}

/* Derives and renders the table of several machines. Returns 0, 2 or 3. */
static int render_machines(text_buffer *out, ledger *l, const catalog *c, const fact_query *query,
                           const machine_list *list, const table_request *q) {
    machine_table t = {0};
    size_t n = 0;
    if (q->json || q->bencher || q->google || q->by_input || l == NULL) {
        complain(l == NULL ? "--machines: nothing is recorded"
                           : "--machines: it has only --markdown and --csv, and no --by-input");
        return EXIT_USAGE;
    }
    const machine_info **chosen = machines_chosen(list, q->machines, &n);
    if (chosen == NULL) return EXIT_USAGE;
    const bool good = machine_table_derive(l, c, query, chosen, n, &t);
    if (good) {
        machine_table_add(out, &t,
                          q->csv        ? FORMAT_CSV
                          : q->markdown ? FORMAT_MARKDOWN
                                        : FORMAT_TEXT);
    }
    machine_table_free(&t);
    free(chosen);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}

/* Prints the table or writes it to its file. */
static bool put_out(const text_buffer *out, ledger *l, const table_request *q) {
    if (q->output != NULL) {
        return write_text(q->output, out->text, out->length) &&
               (l == NULL || remember(l, q->output));
    }
    fputs(out->text, stdout);
    return true;
}

int command_table(int argc, char **argv) {
    table_request q = {.variant = "native", .cache = "hot"};
    const option options[] = {
        {"--markdown", OPTION_FLAG, &q.markdown, NULL, "a Markdown table"},
        {"--csv", OPTION_FLAG, &q.csv, NULL, "comma-separated values"},
        {"--json", OPTION_FLAG, &q.json, NULL, "everything that is known about each row"},
        {"--bencher", OPTION_FLAG, &q.bencher, NULL, "Bencher's metric format"},
        {"--google-benchmark", OPTION_FLAG, &q.google, NULL, "Google Benchmark's JSON"},
        {"--by-input", OPTION_FLAG, &q.by_input, NULL, "a row for each kind of input"},
        {"--together", OPTION_FLAG, &q.together, NULL,
         "correct the intervals for the number of rows"},
        {"--input", OPTION_TEXT, &q.input, "KIND", "one kind of input only"},
        {"--cache", OPTION_TEXT, &q.cache, "MODE", "hot (default), l2 or evicted"},
        {"--size", OPTION_COUNT, &q.size, "N", "another size than the benchmark's own"},
        {"--threads", OPTION_COUNT, &q.threads, "N", "with so many threads (1)"},
        {"--variant", OPTION_TEXT, &q.variant, "V", "native (default) or portable"},
        {"--machine", OPTION_TEXT, &q.machine, "M", "the numbers of this machine: name or key"},
        {"--machines", OPTION_TEXT, &q.machines, "M,...", "several side by side, or all"},
        {"--output", OPTION_TEXT, &q.output, "FILE",
         "write the table to a file instead of printing it"},
        {"--modules", OPTION_TEXT, &q.modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &q.ledger, "FILE", "where results are (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "table [ID...] [options]",
        .about =
            "Prints the tracking table. A row covers all kinds of input: baseline and optimized\n"
            "are geometric means over them, and the interval is that of the per-process means.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    catalog c;
    fact_list list = {0};
    integration_list whole = {0};
    machine_list machines = {0};
    text_buffer out = {0};
    catalog_or_none(&c, q.modules);
    const char *path = ledger_choice(q.ledger);
    ledger *l = c.n > 0 && !file_exists(path) ? NULL : ledger_open(path, q.output != NULL);
    bool good = (l != NULL && machines_read(l, &machines)) || (c.n > 0 && !file_exists(path));
    perflab_cache cache;
    const selection s = {
        .ids = line.words, .n_ids = line.n_words, .variant = q.variant, .input = q.input};
    bool known = !good || (selection_known(&s, &c, l) && find_machine(l, &machines, &q.machine));
    if (!perflab_cache_parse(q.cache, &cache)) {
        complain("--cache: hot, l2 or evicted, not %s", q.cache);
        known = false;
    }
    const fact_query query = {.variant = q.variant,
                              .input = q.input,
                              .cache = q.cache,
                              .size = q.size,
                              .threads = q.threads,
                              .together = q.together,
                              .machine = q.machine,
                              .ids = line.words,
                              .n_ids = line.n_words};
    if (good && known && q.machines != NULL) {
        const int code = render_machines(&out, l, &c, &query, &machines, &q);
        known = code != EXIT_USAGE;
        good = code == EXIT_DONE;
    } else if (good && known) {
        good = facts_derive(l, &c, &query, &list) &&
               (l == NULL || line.n_words > 0 || integrations_read(l, &whole));
        if (good) render(&out, l, &list, &whole, &q);
    }
    good = good && known && put_out(&out, l, &q);
    free(out.text);
    machines_free(&machines);
    integrations_free(&whole);
    facts_free(&list);
    ledger_close(l);
    catalog_free(&c);
    return !known ? EXIT_USAGE : good ? EXIT_DONE : EXIT_TROUBLE;
}
