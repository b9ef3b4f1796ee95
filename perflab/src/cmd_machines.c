/*
 * cmd_machines.c - `perflab machines`: who has measured, under which name.
 */
#include "commands.h"
#include "machine.h"
#include "machines.h"
#include "options.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static void print_text(const machine_list *list) {
    int width = 4;
    for (size_t i = 0; i < list->n; i++) {
        const int w = (int)strlen(list->all[i].name);
        if (w > width) width = w;
    }
    printf("%-*s  %-16s  %5s  %7s  %-7s  %9s  %12s  %s\n", width, "name", "key", "cores", "threads",
           "kind", "processes", "improvements", "last run");
    for (size_t i = 0; i < list->n; i++) {
        const machine_info *m = &list->all[i];
        const bool vm = cJSON_IsTrue(cJSON_GetObjectItem(m->environment, "virtual_machine"));
        printf("%-*s  %-16s  %5.0f  %7.0f  %-7s  %9zu  %12zu  %s%s\n", width, m->name, m->key,
               json_number(m->environment, "cores", 0), json_number(m->environment, "threads", 0),
               vm ? "virtual" : "real", m->processes, m->improvements, m->last,
               m->here ? "  (this one)" : "");
    }
}

static void print_json(const machine_list *list) {
    cJSON *root = cJSON_CreateArray();
    for (size_t i = 0; i < list->n; i++) {
        const machine_info *m = &list->all[i];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", m->name);
        cJSON_AddStringToObject(o, "key", m->key);
        cJSON_AddBoolToObject(o, "here", m->here);
        cJSON_AddNumberToObject(o, "processes", (double)m->processes);
        cJSON_AddNumberToObject(o, "improvements", (double)m->improvements);
        cJSON_AddStringToObject(o, "last", m->last);
        cJSON_AddItemToObject(o, "environment", cJSON_Duplicate(m->environment, true));
        cJSON_AddItemToArray(root, o);
    }
    char *text = cJSON_Print(root);
    printf("%s\n", text);
    cJSON_free(text);
    cJSON_Delete(root);
}

/* Gives a machine a name, unless another one has it. */
static int name_machine(ledger *l, const machine_list *list, const char *key, const char *name) {
    char uuid[33], now[32];
    for (size_t i = 0; i < list->n; i++) {
        const machine_info *m = &list->all[i];
        if (strcmp(m->key, key) == 0 || strcmp(m->name, name) != 0) continue;
        complain("machine %s has that name already", m->key);
        return EXIT_USAGE;
    }
    make_uuid(uuid);
    iso_time(now);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "uuid", uuid);
    cJSON_AddStringToObject(row, "key", key);
    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddStringToObject(row, "at", now);
    const bool good = ledger_put(l, "machine", row, false);
    cJSON_Delete(row);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}

int command_machines(int argc, char **argv) {
    const char *name = NULL, *path = NULL;
    bool json = false;
    const option options[] = {
        {"--name", OPTION_TEXT, &name, "NAME", "give this machine, or the named one, a name"},
        {"--json", OPTION_FLAG, &json, NULL, "the list as JSON, with the latest environment"},
        {"--ledger", OPTION_TEXT, &path, "FILE", "where results are (perflab.ledger)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL}};
    command_line line = {
        .usage = "machines [MACHINE] [options]",
        .about = "Lists the machines that the ledger has runs of. A machine is named by its name\n"
                 "or the first characters of its key, here and in `perflab table --machines`.",
        .options = options};
    const parsed p = command_parse(&line, argc, argv);
    if (p != PARSED_GO) return p == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (line.n_words > (name != NULL ? 1 : 0) || (name != NULL && *name == '\0')) {
        complain("machines: MACHINE is for --name NAME, and NAME is not empty");
        return EXIT_USAGE;
    }
    machine_list list = {0};
    ledger *l = ledger_open(ledger_choice(path), false);
    int code = l != NULL && machines_read(l, &list) ? EXIT_DONE : EXIT_TROUBLE;
    if (code == EXIT_DONE && name != NULL) {
        const machine_info *other = line.n_words > 0 ? machines_find(&list, line.words[0]) : NULL;
        const bool known = line.n_words == 0 || other != NULL;
        const char *key = other != NULL ? other->key : machine_here()->key;
        code = known ? name_machine(l, &list, key, name) : EXIT_USAGE;
    } else if (code == EXIT_DONE && json) {
        print_json(&list);
    } else if (code == EXIT_DONE) {
        print_text(&list);
    }
    machines_free(&list);
    ledger_close(l);
    return code;
}
