/*
 * child.h - running something in a process that does not outlive this one.
 *
 * Between perflab and the child there is a guardian, a forked process that adopts whatever the
 * child starts and leaves behind. If the child ends, or if perflab does (Ctrl-C, SIGTERM, SIGKILL,
 * a crash), the guardian kills everything below itself and ends too.
 */
#ifndef PERFLAB_CHILD_H
#define PERFLAB_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* How a child ended, and what it and the processes that it waited for used. */
typedef struct child_report {
    int status; /* as of wait */
    uint64_t wall_ns;
    struct rusage usage;
} child_report;

typedef struct child {
    pid_t guardian;
    int hold; /* perflab's end of a pipe: if it is closed, the guardian ends the child */
    int news; /* where the guardian writes its report when the child has ended */
} child;

/*
 * Starts fn(self) in a child, which must end with exec or _exit. Its standard input is /dev/null,
 * and it leads a process group. Returns false, with errno set, if no process can be started.
 */
bool child_start(child *c, void (*fn)(void *self), void *self);

/* Whether the child ends within `seconds`. If so, its wait status is stored in *status. */
bool child_wait(child *c, double seconds, int *status);

/*
 * Kills the child, if it still runs, and everything that it started, and waits until all are gone.
 * Returns the child's wait status.
 */
int child_end(child *c);

/* Waits, without limit, until the child ends by itself; kills what it left behind. */
child_report child_finish(child *c);

/*
 * Runs a command line in the shell in such a child; its output goes where perflab's does. Returns
 * its exit status; 127 if there is no shell, -1 if a signal ended it or it cannot be started.
 */
int child_shell(const char *command);

/* The standard output of a program, to be freed; NULL if it fails. Its stderr is dropped. */
char *child_output(const char *const argv[]);

/* The first line of that output, without its newline. argv ends with NULL, here as above. */
char *child_first_line(const char *const argv[]);

#endif
