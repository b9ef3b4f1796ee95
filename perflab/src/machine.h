/*
 * machine.h - the machine that perflab measures on.
 */
#ifndef PERFLAB_MACHINE_H
#define PERFLAB_MACHINE_H

#include "json.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct machine {
    char key[17];  /* identifies the machine: a hash that reveals nothing about it */
    char cpu[128]; /* the CPU's name */
    int cores, threads;
    size_t l1, l2, l3; /* bytes of data cache that one core can use; 0: none */
    bool virtual_machine;
} machine;

/* This machine; read only once. */
const machine *machine_here(void);

/*
 * The environment of a run, as a JSON object: machine, kernel, governor, turbo, SMT, allowed CPUs,
 * load, share of stolen time.
 */
cJSON *environment_read(void);

/* The first line of a file such as one under /sys or /proc, or "". The path is prefixed with
 * $PERFLAB_SYSROOT, so that tests can have files of their own. */
void system_line(const char *path, char *line, size_t room);

/* The commit of this or another folder, with "+" if it has changes; "" outside a repository. */
void commit_here(char out[64]);
void commit_of(const char *folder, char out[64]);

/* The CPUs that this process may run on. Returns how many, at most `room`. */
size_t allowed_cpus(int *cpus, size_t room);

#endif
