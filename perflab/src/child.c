/*
 * child.c - a child, its guardian, and the processes that the child leaves behind.
 *
 * The guardian is a subreaper (Linux 3.4): a process below it that loses its parent, even a daemon,
 * becomes its child, and is found through /proc. If the guardian itself is killed, the kernel kills
 * the child as well, by its parent-death signal.
 */
#include "child.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void close_pair(const int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

/* ---- The guardian ------------------------------------------------------------------------- */

static void on_child(int number) {
    (void)number; /* all it has to do is interrupt ppoll */
}

/* The parent of a process, whose number is given as its name in /proc; 0 if there is none. */
static long parent_of(const char *pid) {
    char path[300], text[512];
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    /* "pid (name) state parent ...": the name may hold anything, so search for the last bracket. */
    const char *after = strrchr(text, ')');
    return after != NULL && strlen(after) > 4 ? strtol(after + 4, NULL, 10) : 0;
}

static int is_child(const struct dirent *d) {
    const bool process = d->d_name[0] >= '0' && d->d_name[0] <= '9';
    return process && parent_of(d->d_name) == (long)getpid();
}

/* Kills every child of this process. */
static void kill_children(void) {
    struct dirent **children;
    const int n = scandir("/proc", &children, is_child, alphasort);
    for (int i = 0; i < n; i++) {
        kill((pid_t)strtol(children[i]->d_name, NULL, 10), SIGKILL);
        free(children[i]);
    }
    if (n >= 0) free(children);
}

/* Reaps children that have ended; returns true if the child itself is among them. */
static bool reap(pid_t pid, child_report *report) {
    bool gone = false;
    child_report one = {0};
    pid_t who;
    while ((who = wait4(-1, &one.status, WNOHANG, &one.usage)) > 0) {
        if (who != pid) continue;
        gone = true;
        report->status = one.status;
        report->usage = one.usage;
    }
    return gone;
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Kills all processes below; the children of a killed one turn up in the next round. */
static void end_all(pid_t pid, bool gone, child_report *report) {
    kill(-pid, SIGKILL);
    for (int turn = 0; turn < 1000; turn++) {
        if (reap(pid, report)) gone = true;
        if (gone && waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD) return;
        kill_children();
        usleep(turn < 50 ? 200 : 10000);
    }
}

static void guard(pid_t pid, uint64_t start, int hold, int news, const sigset_t *unblocked) {
    child_report report = {0};
    bool gone = false;
    struct pollfd held = {hold, POLLIN, 0};
    struct sigaction interrupt;
    memset(&interrupt, 0, sizeof interrupt);
    interrupt.sa_handler = on_child;
    sigaction(SIGCHLD, &interrupt, NULL);
    /* SIGCHLD is blocked except within ppoll, so that none is missed in between. */
    while (!(gone = reap(pid, &report))) {
        if (ppoll(&held, 1, NULL, unblocked) > 0) break;
    }
    report.wall_ns = now_ns() - start;
    end_all(pid, gone, &report);
    if (write(news, &report, sizeof report) < 0) _exit(1);
    _exit(0);
}

/*
 * Guardian and child leave the terminal's process group, so that its signals do not reach them:
 * they end if perflab does.
 */
static void become_guardian(void (*fn)(void *), void *self, int hold, int news) {
    const int quiet[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    sigset_t chld, before;
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, &before);
    const pid_t guardian = getpid();
    const uint64_t start = now_ns();
    const pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (getppid() != guardian) _exit(125);
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(hold);
        close(news);
        const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(nowhere, 0);
        fn(self);
        _exit(126);
    }
    if (pid < 0) _exit(1);
    setpgid(pid, pid);
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++) signal(quiet[i], SIG_IGN);
    for (int fd = 0; fd < 256; fd++) {
        if (fd != hold && fd != news) close(fd);
    }
    guard(pid, start, hold, news, &before);
}

/* ---- perflab's side ----------------------------------------------------------------------- */

bool child_start(child *c, void (*fn)(void *self), void *self) {
    int hold[2], news[2];
    if (pipe2(hold, O_CLOEXEC) != 0) return false;
    if (pipe2(news, O_CLOEXEC) != 0) {
        close_pair(hold);
        return false;
    }
    fflush(NULL);
    c->guardian = fork();
    if (c->guardian == 0) {
        close(hold[1]);
        close(news[0]);
        become_guardian(fn, self, hold[0], news[1]);
    }
    close(hold[0]);
    close(news[1]);
    c->hold = hold[1];
    c->news = news[0];
    if (c->guardian > 0) return true;
    const int why = errno;
    close(c->hold);
    close(c->news);
    errno = why;
    return false;
}

bool child_wait(child *c, double seconds, int *status) {
    struct pollfd p = {c->news, POLLIN, 0};
    if (poll(&p, 1, (int)(seconds * 1000)) <= 0) return false;
    *status = child_end(c);
    return true;
}

/* Reads the report that the guardian writes before it ends. */
static child_report take_report(child *c) {
    child_report report = {0};
    ssize_t n;
    while ((n = read(c->news, &report, sizeof report)) < 0 && errno == EINTR) {
    }
    if (n != (ssize_t)sizeof report) report.status = SIGKILL;
    close(c->news);
    while (waitpid(c->guardian, NULL, 0) < 0 && errno == EINTR) {
    }
    return report;
}

int child_end(child *c) {
    close(c->hold);
    return take_report(c).status;
}

child_report child_finish(child *c) {
    const child_report report = take_report(c);
    close(c->hold);
    return report;
}

/* ---- Commands ----------------------------------------------------------------------------- */

typedef struct program {
    const char *const *argv;
    int out; /* where its standard output goes; -1: where perflab's does */
    bool quiet;
} program;

static void run_program(void *self) {
    const program *p = self;
    if (p->out >= 0) dup2(p->out, 1);
    if (p->quiet) dup2(0, 2);
    execvp(p->argv[0], (char *const *)(uintptr_t)p->argv);
    _exit(127);
}

/* Runs a program and returns its exit status; *output, unless NULL, is its standard output. */
static int run(const char *const argv[], bool quiet, char **output) {
    int ends[2] = {-1, -1};
    child c;
    if (output != NULL) *output = NULL;
    if (output != NULL && pipe2(ends, O_CLOEXEC) != 0) return -1;
    program p = {argv, ends[1], quiet};
    const bool started = child_start(&c, run_program, &p);
    if (ends[1] >= 0) close(ends[1]);
    if (output != NULL && started) {
        text_buffer b = {0};
        char chunk[4096];
        ssize_t n;
        text_add_bytes(&b, "", 0);
        while ((n = read(ends[0], chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
            if (n > 0) text_add_bytes(&b, chunk, (size_t)n);
        }
        *output = b.text;
    }
    if (ends[0] >= 0) close(ends[0]);
    if (!started) return -1;
    const int status = child_finish(&c).status;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int child_shell(const char *command) {
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    return run(argv, false, NULL);
}

char *child_output(const char *const argv[]) {
    char *text;
    if (run(argv, true, &text) == 0) return text;
    free(text);
    return NULL;
}

char *child_first_line(const char *const argv[]) {
    char *text = child_output(argv);
    if (text != NULL) text[strcspn(text, "\n")] = '\0';
    return text;
}
