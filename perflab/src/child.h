/*
 * child.h - running something in a process that does not outlive this one.
 *
 * Between perflab and the child stands a guardian: a forked process that adopts whatever the child
 * starts and leaves behind. When the child has ended, or perflab has (Ctrl-C, SIGTERM, SIGKILL, a
 * crash), the guardian kills everything below itself and ends too.
 */
#ifndef PERFLAB_CHILD_H
#define PERFLAB_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* How a child ended, and what it and those it waited for took. */
typedef struct child_report {
    int status; /* as of wait */
    uint64_t wall_ns;
    struct rusage usage;
} child_report;

typedef struct child {
    pid_t guardian;
    int hold; /* our end of a pipe: once it is closed, the guardian ends the child */
    int news; /* the guardian writes the child's wait status here and closes it */
} child;

/*
 * Starts fn(self) in a child, which must end with exec or _exit. Its standard input is /dev/null
 * and it is the leader of a process group. False with errno set if no process can be started.
 */
bool child_start(child *c, void (*fn)(void *self), void *self);

/* Whether the child ends within `seconds`; its wait status goes to *status once it has. */
bool child_wait(child *c, double seconds, int *status);

/*
 * Kills the child, if it still runs, and everything it started, and waits until all are gone.
 * Returns the child's wait status.
 */
int child_end(child *c);

/* Waits without limit for the child to end by itself; kills what it left behind. */
child_report child_finish(child *c);

/*
 * Runs a command line by the shell in such a child, its output where perflab's goes. Returns its
 * exit status; 127 if there is no shell, -1 if a signal ended it.
 */
int child_shell(const char *command);

/* What a program prints, to be freed; NULL if it fails. Its complaints are dropped. */
char *child_output(const char *const argv[]);

/* The first line that a program prints, without its end; NULL if it fails. argv ends with NULL. */
char *child_first_line(const char *const argv[]);

#endif
