/*
 * integration.c - `perflab record-integration` and its rows.
 *
 * Another program measures a whole system and writes a JSON file:
 *     {"name": "chat, 8B model", "device": "...", "before_ms": [..], "after_ms": [..],
 *      "covers": ["5.1", "7.1"], "notes": "..."}
 * before_ms and after_ms are milliseconds per unit of work, one number per run, the same number of
 * each, run in alternation. "device" is this machine's CPU if it is absent. "covers" lists the
 * improvements in use; if it is absent, all that are registered. "notes" is any text.
 */
#include "integration.h"
#include "commands.h"
#include "format.h"
#include "machine.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

/* The numbers of a JSON array, to be freed; NULL if any element is not a positive number. */
static double *numbers(const cJSON *array, size_t *n) {
    *n = (size_t)cJSON_GetArraySize(array);
    double *x = must_alloc((*n + 1) * sizeof *x);
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (!cJSON_IsNumber(item) || !(item->valuedouble > 0)) {
            free(x);
            return NULL;
        }
        x[i++] = item->valuedouble;
    }
    return x;
}

static bool take(integration *in, const cJSON *row) {
    size_t n_before, n_after;
    cJSON *before = cJSON_Parse(json_text(row, "before_ms", ""));
    cJSON *after = cJSON_Parse(json_text(row, "after_ms", ""));
    double *b = numbers(before, &n_before);
    double *a = numbers(after, &n_after);
    const bool good = a != NULL && b != NULL && n_before == n_after;
    memset(in, 0, sizeof *in);
    if (good) {
        in->before = perflab_summarize(b, n_before);
        in->after = perflab_summarize(a, n_after);
        for (size_t i = 0; i < n_before; i++) b[i] /= a[i];
        in->ratio = perflab_summarize(b, n_before);
        in->name = text_copy(json_text(row, "name", ""));
        in->device = text_copy(json_text(row, "device", ""));
        in->notes = text_copy(json_text(row, "notes", ""));
        in->at = text_copy(json_text(row, "at", ""));
        in->covers = text_copy(json_text(row, "covers", "{}"));
    }
    free(a);
    free(b);
    cJSON_Delete(before);
    cJSON_Delete(after);
    return good;
}

bool integrations_read(ledger *l, integration_list *out) {
    memset(out, 0, sizeof *out);
    cJSON *rows =
        ledger_rows(l,
                    "SELECT * FROM integration i WHERE rowid = (SELECT rowid FROM integration "
                    "WHERE name = i.name AND device = i.device ORDER BY at DESC, rowid DESC "
                    "LIMIT 1) ORDER BY name, device",
                    NULL);
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        out->all = must_grow(out->all, (out->n + 1) * sizeof *out->all);
        if (take(&out->all[out->n], row)) out->n++;
    }
    cJSON_Delete(rows);
    return rows != NULL;
}

void integrations_free(integration_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        integration *in = &list->all[i];
        free(in->name);
        free(in->device);
        free(in->notes);
        free(in->at);
        free(in->covers);
    }
    free(list->all);
    memset(list, 0, sizeof *list);
}

const char *integration_status(const integration *in) {
    switch (resolve(&in->ratio)) {
    case RESOLUTION_NONE:
        return "MEASURED";
    case RESOLUTION_FASTER:
        return "COMPLETE";
    default:
        return "REJECTED";
    }
}

table_row integration_row(const integration *in) {
    table_row r = {0};
    table_number_cells(&r, in->before.median * 1000, in->after.median * 1000, &in->ratio);
    const bool noisy = in->ratio.cv > NOISY_CV;
    r.cell[0] = text_copy("end to end");
    r.cell[1] = text_copy(in->name);
    r.cell[5] = text_copy(integration_status(in));
    char before[FORMAT_ROOM], after[FORMAT_ROOM];
    format_time(before, in->before.median * 1000);
    format_time(after, in->after.median * 1000);
    r.cell[6] =
        text_format("%s%s%s before, %s after%s", in->notes, in->notes[0] != '\0' ? "; " : "",
                    before, after, noisy ? "; noisy" : "");
    r.cell[7] = text_copy(in->device);
    return r;
}

cJSON *integration_json(const integration *in) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", in->name);
    cJSON_AddStringToObject(o, "device", in->device);
    cJSON_AddStringToObject(o, "at", in->at);
    cJSON_AddStringToObject(o, "status", integration_status(in));
    cJSON_AddNumberToObject(o, "before_ms", in->before.median);
    cJSON_AddNumberToObject(o, "after_ms", in->after.median);
    cJSON_AddNumberToObject(o, "speedup", in->ratio.median);
    if (in->ratio.has_interval) {
        cJSON_AddNumberToObject(o, "lo", in->ratio.lo);
        cJSON_AddNumberToObject(o, "hi", in->ratio.hi);
    }
    return o;
}

/* ---- Recording ---------------------------------------------------------------------------- */

static bool in_array(const cJSON *array, const char *text) {
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        const char *s = cJSON_GetStringValue(item);
        if (s != NULL && strcmp(s, text) == 0) return true;
    }
    return false;
}

/* The covered improvements with their source hashes, so that the result expires with them. */
static char *covers(const cJSON *file, const catalog *c) {
    const cJSON *wanted = cJSON_GetObjectItem(file, "covers");
    cJSON *map = cJSON_CreateObject();
    for (size_t i = 0; i < c->n; i++) {
        const entry *e = &c->entries[i];
        if (wanted != NULL && !in_array(wanted, e->id)) continue;
        if (cJSON_GetObjectItem(map, e->id) == NULL) {
            cJSON_AddStringToObject(map, e->id, e->source_hash);
        }
    }
    char *text = cJSON_PrintUnformatted(map);
    cJSON_Delete(map);
    return text;
}

static const char *wrong_with(const cJSON *file) {
    size_t n_before = 0, n_after = 0;
    if (!cJSON_IsObject(file)) return "it is not a JSON object";
    if (json_text(file, "name", "")[0] == '\0') return "\"name\" is missing";
    double *before = numbers(cJSON_GetObjectItem(file, "before_ms"), &n_before);
    double *after = numbers(cJSON_GetObjectItem(file, "after_ms"), &n_after);
    const bool good = before != NULL && after != NULL && n_before > 0 && n_before == n_after;
    free(before);
    free(after);
    return good ? NULL
                : "\"before_ms\" and \"after_ms\" must be arrays of positive numbers of equal "
                  "length";
}

static bool put_integration(ledger *l, const cJSON *file, const catalog *c) {
    char uuid[33], now[32], commit[64];
    make_uuid(uuid);
    iso_time(now);
    commit_here(commit);
    char *before = cJSON_PrintUnformatted(cJSON_GetObjectItem(file, "before_ms"));
    char *after = cJSON_PrintUnformatted(cJSON_GetObjectItem(file, "after_ms"));
    char *covered = covers(file, c);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "uuid", uuid);
    cJSON_AddStringToObject(row, "at", now);
    cJSON_AddStringToObject(row, "name", json_text(file, "name", ""));
    cJSON_AddStringToObject(row, "device", json_text(file, "device", machine_here()->cpu));
    cJSON_AddStringToObject(row, "machine", machine_here()->key);
    cJSON_AddStringToObject(row, "commit_id", commit);
    cJSON_AddStringToObject(row, "before_ms", before);
    cJSON_AddStringToObject(row, "after_ms", after);
    cJSON_AddStringToObject(row, "covers", covered);
    cJSON_AddStringToObject(row, "notes", json_text(file, "notes", ""));
    const bool good = ledger_put(l, "integration", row, false);
    cJSON_Delete(row);
    cJSON_free(before);
    cJSON_free(after);
    cJSON_free(covered);
    return good;
}

int command_record_integration(int argc, char **argv) {
    const char *ledger_name = NULL, *modules = NULL;
    const option options[] = {
        {"--modules", OPTION_TEXT, &modules, "FOLDER", "where the benchmarks are"},
        {"--ledger", OPTION_TEXT, &ledger_name, "FILE", "where results go (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "record-integration FILE.json [options]",
        .about = "Records an end-to-end result that another program measured:\n"
                 "  {\"name\": \"...\", \"device\": \"...\", \"before_ms\": [...], \"after_ms\": "
                 "[...],\n"
                 "   \"covers\": [\"ID\", ...], \"notes\": \"...\"}\n"
                 "before_ms and after_ms: milliseconds per unit of work, one number per run;\n"
                 "device: if absent, this machine's CPU.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (line.n_words != 1) {
        complain("record-integration: name one file");
        return EXIT_USAGE;
    }
    catalog c;
    char *text = read_text(line.words[0], NULL);
    cJSON *file = text != NULL ? cJSON_Parse(text) : NULL;
    const char *wrong = text == NULL ? "cannot be read" : wrong_with(file);
    bool good = false;
    catalog_or_none(&c, modules);
    if (wrong != NULL) {
        complain("%s: refused: %s", line.words[0], wrong);
    } else {
        ledger *l = ledger_open(ledger_choice(ledger_name), true);
        good = l != NULL && put_integration(l, file, &c);
        ledger_close(l);
    }
    catalog_free(&c);
    cJSON_Delete(file);
    free(text);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}
