/*
 * machine.h - what a number was measured on.
 */
#ifndef PERFLAB_MACHINE_H
#define PERFLAB_MACHINE_H

#include "json.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct machine {
    char key[17];  /* the same for the same machine: a hash, nothing of it can be read back */
    char cpu[128]; /* the CPU's name */
    int cores, threads;
    size_t l1, l2, l3; /* bytes of data cache that one core can use; 0: there is none */
    bool virtual_machine;
} machine;

/* This machine; read once. */
const machine *machine_here(void);

/*
 * The environment of a run, as JSON: machine, kernel, governor, turbo, SMT, CPUs allowed, load,
 * share of stolen time.
 */
cJSON *environment_read(void);

/* The first line of a file under /sys or /proc, "" if there is none. $PERFLAB_SYSROOT is put
 * before. */
void system_line(const char *path, char *line, size_t room);

/* The commit of the folder we are in or of another, "" outside a repository; "+" behind it: with
 * changes. */
void commit_here(char out[64]);
void commit_of(const char *folder, char out[64]);

/* The CPUs this process may run on; returns how many, at most `room`. */
size_t allowed_cpus(int *cpus, size_t room);

#endif
