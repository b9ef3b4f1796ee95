/*
 * machines.h - the machines that a ledger has runs of, by name.
 */
#ifndef PERFLAB_MACHINES_H
#define PERFLAB_MACHINES_H

#include "ledger.h"

typedef struct machine_info {
    char *key;
    char *name;         /* given by `perflab machines --name`, else made of the CPU's name */
    cJSON *environment; /* of the latest run */
    size_t processes, improvements;
    char *last; /* when it measured last */
    bool here;
} machine_info;

typedef struct machine_list {
    machine_info *all; /* the one that measured last comes first */
    size_t n;
} machine_list;

/* Reads them. Returns false if the ledger cannot be read. Free the list in either case. */
bool machines_read(ledger *l, machine_list *out);
void machines_free(machine_list *list);

/*
 * The machine with that name, or whose key begins with it. NULL, with an error message, if there is
 * none or more than one.
 */
const machine_info *machines_find(const machine_list *list, const char *text);

/*
 * The machines of a list of names that are separated by commas; "all" is all of them. To be freed;
 * NULL, with an error message, if one is not known.
 */
const machine_info **machines_chosen(const machine_list *list, const char *names, size_t *n);

#endif
