/*
 * ledger_io.c - export and import as JSON lines: one row per line, its table in "table".
 *
 * The first line names the format, and the last gives the number of rows. An import is one
 * transaction, so that an error leaves the ledger unchanged. The constraints of the tables check
 * each row, and references must resolve.
 */
#include "ledger.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char first_line[] = "{\"perflab_ledger\":1}";

/*
 * Which rows of a table belong to the builds in `wanted`; other tables are exported completely.
 */
static const char *const of_wanted[][2] = {
    {"build", "WHERE uuid IN wanted"},
    {"run", "WHERE build IN wanted"},
    {"process", "WHERE run IN (SELECT uuid FROM run WHERE build IN wanted)"},
    {"gate", "WHERE build IN wanted"},
    {"profile", "WHERE build IN wanted"}};

static const char *condition_of(const char *table) {
    for (size_t i = 0; i < sizeof of_wanted / sizeof *of_wanted; i++) {
        if (strcmp(of_wanted[i][0], table) == 0) return of_wanted[i][1];
    }
    return "";
}

/* Puts the builds into a temporary table `wanted`. */
static bool put_wanted(ledger *l, const char *const *builds, size_t n) {
    cJSON *none = ledger_rows(l, "CREATE TEMP TABLE wanted(uuid TEXT PRIMARY KEY)", NULL);
    bool good = none != NULL;
    cJSON_Delete(none);
    for (size_t i = 0; good && i < n; i++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "uuid", builds[i]);
        good = ledger_put(l, "wanted", row, true);
        cJSON_Delete(row);
    }
    return good;
}

bool ledger_export(ledger *l, const char *path, const char *const *builds, size_t n_builds) {
    text_buffer out = {0};
    bool good = builds == NULL || put_wanted(l, builds, n_builds);
    size_t n_rows = 0;
    text_add(&out, "%s\n", first_line);
    for (int i = 0; good && ledger_tables[i] != NULL; i++) {
        char *sql =
            text_format("SELECT '%s' AS \"table\", * FROM %s %s ORDER BY rowid", ledger_tables[i],
                        ledger_tables[i], builds != NULL ? condition_of(ledger_tables[i]) : "");
        cJSON *rows = ledger_rows(l, sql, NULL);
        const cJSON *row;
        good = rows != NULL;
        cJSON_ArrayForEach(row, rows) {
            char *text = cJSON_PrintUnformatted(row);
            text_add(&out, "%s\n", text);
            cJSON_free(text);
            n_rows++;
        }
        cJSON_Delete(rows);
        free(sql);
    }
    text_add(&out, "{\"perflab_rows\":%zu}\n", n_rows);
    if (good && strcmp(path, "-") == 0) {
        good = fwrite(out.text, 1, out.length, stdout) == out.length;
    } else if (good) {
        good = write_text(path, out.text, out.length);
    }
    free(out.text);
    return good;
}

static bool is_table(const char *name) {
    for (int i = 0; ledger_tables[i] != NULL; i++) {
        if (strcmp(ledger_tables[i], name) == 0) return true;
    }
    return false;
}

static size_t count_rows(ledger *l) {
    size_t n = 0;
    for (int i = 0; ledger_tables[i] != NULL; i++) {
        char *sql = text_format("SELECT count(*) AS n FROM %s", ledger_tables[i]);
        cJSON *rows = ledger_rows(l, sql, NULL);
        n += (size_t)json_number(cJSON_GetArrayItem(rows, 0), "n", 0);
        cJSON_Delete(rows);
        free(sql);
    }
    return n;
}

/* Imports one line in the open transaction. */
static bool take_line(ledger *l, const char *line, const char *path, size_t number) {
    cJSON *row = cJSON_ParseWithOpts(line, NULL, 1);
    char *table = text_copy(json_text(row, "table", ""));
    const char *uuid = json_text(row, "uuid", "");
    const char *wrong = NULL;
    if (!cJSON_IsObject(row)) {
        wrong = "not a JSON object";
    } else if (!is_table(table)) {
        wrong = "a ledger has no such table";
    } else if (strlen(uuid) != 32 || strspn(uuid, "0123456789abcdef") != 32) {
        wrong = "no valid uuid";
    }
    cJSON_DeleteItemFromObject(row, "table");
    const bool good = wrong == NULL && ledger_put(l, table, row, true);
    if (!good)
        complain("%s: line %zu: refused%s%s", path, number, wrong ? ": " : "", wrong ? wrong : "");
    cJSON_Delete(row);
    free(table);
    return good;
}

/* The lines between the first and the last, which gives their number; NULL if damaged. */
static char *body_of(char *text, size_t length, size_t *n_rows) {
    const size_t head = strlen(first_line);
    if (length < head + 2 || strncmp(text, first_line, head) != 0 || text[head] != '\n')
        return NULL;
    if (strlen(text) != length || text[length - 1] != '\n') return NULL;
    text[length - 1] = '\0';
    char *last = strrchr(text, '\n');
    cJSON *footer = cJSON_Parse(last + 1);
    const double n = json_number(footer, "perflab_rows", -1);
    cJSON_Delete(footer);
    last[1] = '\0';
    *n_rows = 0;
    for (const char *p = text + head + 1; *p != '\0'; p++) *n_rows += *p == '\n';
    return n == (double)*n_rows ? text + head + 1 : NULL;
}

bool ledger_import(ledger *l, const char *path, size_t *n_rows, size_t *n_new) {
    size_t length = 0;
    char *text = read_text(path, &length);
    *n_rows = *n_new = 0;
    if (text == NULL) {
        complain("cannot read %s: %s", path, strerror(errno));
        return false;
    }
    char *line = body_of(text, length, n_rows);
    if (line == NULL)
        complain("%s: refused: not an exported ledger, or damaged or incomplete", path);
    const bool begun = line != NULL && ledger_begin(l);
    bool good = begun;
    const size_t before = begun ? count_rows(l) : 0;
    for (size_t i = 0; good && i < *n_rows; i++) {
        char *end = strchr(line, '\n');
        *end = '\0';
        good = take_line(l, line, path, i + 2);
        line = end + 1;
    }
    if (good) *n_new = count_rows(l) - before;
    if (good) good = ledger_commit(l);
    if (begun && !good) ledger_rollback(l);
    free(text);
    return good;
}
