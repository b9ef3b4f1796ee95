/*
 * machines.c - who measured, under which name.
 */
#include "machines.h"
#include "machine.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The CPU's name without trademarks, and the threads: "AMD EPYC 7763, 2 threads". To be freed. */
static char *usual_name(const cJSON *environment) {
    static const char *const noise[] = {"(R)", "(TM)", "(r)", "(tm)", " CPU", " Processor"};
    char *cpu = text_copy(json_text(environment, "cpu", "unknown CPU"));
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
        const size_t n = strlen(noise[i]);
        for (char *at; (at = strstr(cpu, noise[i])) != NULL;)
            memmove(at, at + n, strlen(at + n) + 1);
    }
    const double threads = json_number(environment, "threads", 0);
    char *name = threads > 0
                     ? text_format("%s, %.0f thread%s", cpu, threads, threads > 1 ? "s" : "")
                     : text_copy(cpu);
    free(cpu);
    return name;
}

/* Tells machines apart that have the same name, by the start of their keys. */
static void tell_apart(machine_list *list) {
    bool *same = must_alloc((list->n + 1) * sizeof *same);
    for (size_t i = 0; i < list->n; i++) {
        for (size_t k = 0; k < list->n; k++) {
            same[i] = same[i] || (k != i && strcmp(list->all[i].name, list->all[k].name) == 0);
        }
    }
    for (size_t i = 0; i < list->n; i++) {
        machine_info *m = &list->all[i];
        if (!same[i]) continue;
        char *name = text_format("%s (%.4s)", m->name, m->key);
        free(m->name);
        m->name = name;
    }
    free(same);
}

bool machines_read(ledger *l, machine_list *out) {
    memset(out, 0, sizeof *out);
    cJSON *rows = ledger_rows(
        l,
        "SELECT r.machine AS key, max(r.started) AS last, count(DISTINCT b.id) AS ids, "
        "(SELECT environment FROM run WHERE machine = r.machine ORDER BY started DESC LIMIT 1) "
        "AS environment, (SELECT name FROM machine WHERE key = r.machine ORDER BY at DESC, rowid "
        "DESC LIMIT 1) AS name, (SELECT count(*) FROM process p JOIN run s ON p.run = s.uuid "
        "WHERE s.machine = r.machine) AS processes "
        "FROM run r JOIN build b ON r.build = b.uuid GROUP BY r.machine ORDER BY last DESC",
        NULL);
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        out->all = must_grow(out->all, (out->n + 1) * sizeof *out->all);
        machine_info *m = &out->all[out->n++];
        memset(m, 0, sizeof *m);
        m->key = text_copy(json_text(row, "key", ""));
        m->last = text_copy(json_text(row, "last", ""));
        m->environment = cJSON_Parse(json_text(row, "environment", "{}"));
        m->processes = (size_t)json_number(row, "processes", 0);
        m->improvements = (size_t)json_number(row, "ids", 0);
        m->here = strcmp(m->key, machine_here()->key) == 0;
        const char *given = json_text(row, "name", NULL);
        m->name = given != NULL ? text_copy(given) : usual_name(m->environment);
    }
    const bool good = rows != NULL;
    cJSON_Delete(rows);
    tell_apart(out);
    return good;
}

void machines_free(machine_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        machine_info *m = &list->all[i];
        free(m->key);
        free(m->name);
        free(m->last);
        cJSON_Delete(m->environment);
    }
    free(list->all);
    memset(list, 0, sizeof *list);
}

const machine_info *machines_find(const machine_list *list, const char *text) {
    const machine_info *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        const machine_info *m = &list->all[i];
        if (strcasecmp(m->name, text) == 0) return m;
        if (strncmp(m->key, text, strlen(text)) != 0) continue;
        found = m;
        n++;
    }
    if (n == 1 && *text != '\0') return found;
    complain(n == 0 ? "nothing is recorded for a machine %s: `perflab machines` lists them"
                    : "the keys of several machines begin with %s",
             text);
    return NULL;
}

const machine_info **machines_chosen(const machine_list *list, const char *names, size_t *n) {
    const machine_info **chosen = must_alloc((list->n + strlen(names) + 1) * sizeof *chosen);
    char *copy = text_copy(names);
    bool good = true;
    *n = 0;
    if (strcmp(names, "all") == 0) {
        for (; *n < list->n; (*n)++) chosen[*n] = &list->all[*n];
    } else {
        /* A name may have a comma itself, so the longest piece that is a name counts. */
        for (char *at = copy; good && *at != '\0';) {
            const size_t left = strlen(at);
            size_t taken = 0;
            for (size_t i = 0; i < list->n; i++) {
                const size_t m = strlen(list->all[i].name);
                const bool fits = m <= left && strncasecmp(at, list->all[i].name, m) == 0 &&
                                  (at[m] == ',' || at[m] == '\0');
                if (!fits || m <= taken) continue;
                taken = m;
                chosen[*n] = &list->all[i];
            }
            if (taken == 0) {
                taken = strcspn(at, ",");
                char *piece = text_format("%.*s", (int)taken, at);
                chosen[*n] = machines_find(list, piece);
                free(piece);
            }
            good = chosen[*n] != NULL;
            (*n)++;
            at += taken + (at[taken] == ',');
        }
    }
    free(copy);
    if (good && *n > 0) return chosen;
    if (good) complain("no machine is named");
    free(chosen);
    return NULL;
}
