/*
 * launch.c - runs perflab itself as a worker in a guarded child, and reads its messages.
 *
 * The worker writes lines to a pipe (its descriptor 3): "P phase" before each step; "E seconds" if
 * a step is expected to take that long; "F text" from the handler of a fatal signal; "M text" if
 * memory ran out; "R json" once, at the end. Standard output of a benchmark is dropped. The end of
 * its standard error is kept for the error message.
 */
#include "launch.h"
#include "child.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NEWS = 3, TAIL = 400 };

const char *own_path(void) {
    static char path[4096];
    if (path[0] == '\0') {
        const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
    }
    return path;
}

/* What is known of a worker while it runs. */
typedef struct watch {
    child worker;
    int news, errors;
    text_buffer lines, tail;
    char phase[160];
    double end; /* when the current step must have ended, by seconds_now */
    char *fault, *memory, *result;
} watch;

/* What a forked process needs to become a worker. */
typedef struct birth {
    const launch *l;
    const char *job;
    int news, errors;
} birth;

static void become_worker(void *self) {
    const birth *b = self;
    const char *const *wrapper = b->l->wrapper;
    dup2(0, 1);
    dup2(b->errors, 2);
    if (b->news == NEWS) {
        fcntl(NEWS, F_SETFD, 0);
    } else {
        dup2(b->news, NEWS);
    }
    for (int fd = NEWS + 1; fd < 64; fd++) close(fd);
    const char *argv[32];
    int n = 0;
    for (; wrapper != NULL && wrapper[n] != NULL && n < 24; n++) argv[n] = wrapper[n];
    argv[n++] = own_path();
    argv[n++] = "__worker";
    argv[n++] = b->job;
    argv[n] = NULL;
    /* This is the running program even if its file has been replaced. */
    const char *program = wrapper != NULL ? argv[0] : "/proc/self/exe";
    execvp(program, (char *const *)(uintptr_t)argv);
    const int why = errno;
    fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(why));
    _exit(126);
}

static bool start(const launch *l, watch *w) {
    int news[2], errors[2];
    if (pipe2(news, O_CLOEXEC) != 0) return false;
    if (pipe2(errors, O_CLOEXEC) != 0) {
        close(news[0]);
        close(news[1]);
        return false;
    }
    char *job = cJSON_PrintUnformatted(l->job);
    birth b = {l, job, news[1], errors[1]};
    const bool good = child_start(&w->worker, become_worker, &b);
    cJSON_free(job);
    close(news[1]);
    close(errors[1]);
    w->news = news[0];
    w->errors = errors[0];
    return good;
}

static void take_line(const launch *l, watch *w, const char *line) {
    if (strncmp(line, "P ", 2) == 0) {
        snprintf(w->phase, sizeof w->phase, "%s", line + 2);
        w->end = seconds_now() + l->timeout_s;
    } else if (strncmp(line, "E ", 2) == 0) {
        const double expected = strtod(line + 2, NULL);
        if (!l->strict) w->end = seconds_now() + l->timeout_s + 10 * expected;
        if (l->expect != NULL) l->expect(l->self, expected);
    } else if (strncmp(line, "F ", 2) == 0) {
        free(w->fault);
        w->fault = text_copy(line + 2);
    } else if (strncmp(line, "M ", 2) == 0) {
        free(w->memory);
        w->memory = text_copy(line + 2);
    } else if (strncmp(line, "R ", 2) == 0) {
        free(w->result);
        w->result = text_copy(line + 2);
    }
}

/* Splits what came through the pipe into lines, and keeps the rest of an unfinished one. */
static void take_lines(const launch *l, watch *w) {
    char *from = w->lines.text;
    char *end;
    if (from == NULL) return;
    while ((end = strchr(from, '\n')) != NULL) {
        *end = '\0';
        take_line(l, w, from);
        from = end + 1;
    }
    const size_t rest = w->lines.length - (size_t)(from - w->lines.text);
    memmove(w->lines.text, from, rest + 1);
    w->lines.length = rest;
}

/* Reads what is available. Returns false at the end of the stream. */
static bool drain(int fd, text_buffer *into) {
    char bytes[65536];
    const ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0) text_add_bytes(into, bytes, (size_t)n);
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Follows the worker until its result or its end. Returns false if a step took too long. */
static bool follow(const launch *l, watch *w) {
    bool news = true, errors = true;
    w->end = seconds_now() + l->timeout_s;
    while (news && w->result == NULL) {
        struct pollfd fds[2] = {{w->news, POLLIN, 0}, {errors ? w->errors : -1, POLLIN, 0}};
        poll(fds, 2, 100);
        if (l->tick != NULL) l->tick(l->self);
        if (fds[1].revents != 0) {
            errors = drain(w->errors, &w->tail);
            if (w->tail.length > 4 * TAIL) {
                memmove(w->tail.text, w->tail.text + w->tail.length - TAIL, TAIL + 1);
                w->tail.length = TAIL;
            }
        }
        if (fds[0].revents != 0) {
            news = drain(w->news, &w->lines);
            take_lines(l, w);
        }
        if (seconds_now() > w->end) return false;
    }
    return true;
}

static const char *signal_word(int number) {
    switch (number) {
    case SIGSEGV:
        return "segmentation fault";
    case SIGBUS:
        return "bus error";
    case SIGFPE:
        return "arithmetic exception";
    case SIGILL:
        return "illegal instruction";
    case SIGABRT:
        return "abort";
    case SIGKILL:
        return "killed";
    default:
        return "signal";
    }
}

/* The end of what the worker wrote to standard error, without trailing newlines. */
static const char *error_tail(watch *w) {
    size_t n = w->tail.length;
    while (n > 0 && w->tail.text[n - 1] == '\n') w->tail.text[--n] = '\0';
    if (n == 0) return "";
    return n > TAIL ? w->tail.text + n - TAIL : w->tail.text;
}

static void conclude(const launch *l, watch *w, bool in_time, int status, launched *out) {
    const char *phase = w->phase[0] != '\0' ? w->phase : "start";
    if (!in_time) {
        out->outcome = PERFLAB_HUNG;
        out->detail = text_format("one step took more than %.0f s: %s", l->timeout_s, phase);
    } else if (w->memory != NULL) {
        out->outcome = PERFLAB_OUT_OF_MEMORY;
        out->detail = text_format("%s, in: %s", w->memory, phase);
    } else if (w->fault != NULL) {
        const bool bounds = strncmp(w->fault, "access ", 7) == 0;
        out->outcome = bounds ? PERFLAB_OUT_OF_BOUNDS : PERFLAB_CRASHED;
        out->detail = text_format("%s, in: %s", w->fault, phase);
    } else if (w->result == NULL && WIFSIGNALED(status)) {
        out->outcome = PERFLAB_CRASHED;
        out->detail = text_format("%s (signal %d), in: %s", signal_word(WTERMSIG(status)),
                                  WTERMSIG(status), phase);
    } else if (w->result == NULL) {
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        out->outcome = code == 71 ? PERFLAB_OUT_OF_MEMORY : PERFLAB_FAILED;
        out->detail = text_format("ended with status %d, in: %s%s%s", code, phase,
                                  w->tail.length > 0 ? ": " : "", error_tail(w));
    } else {
        out->result = cJSON_Parse(w->result);
        out->outcome = out->result != NULL ? PERFLAB_PASSED : PERFLAB_FAILED;
        if (out->result == NULL) out->detail = text_copy("returned an unreadable result");
    }
}

launched launch_run(const launch *l) {
    launched out = {PERFLAB_FAILED, NULL, NULL, ""};
    watch w = {.news = -1};
    if (!start(l, &w)) {
        out.detail = text_format("cannot start a process: %s", strerror(errno));
        return out;
    }
    const bool in_time = follow(l, &w);
    int status = 0;
    /* A worker that does not end within two seconds after its result is killed. */
    if (!in_time || !child_wait(&w.worker, 2, &status)) status = child_end(&w.worker);
    while (drain(w.errors, &w.tail)) {
    }
    conclude(l, &w, in_time, status, &out);
    snprintf(out.phase, sizeof out.phase, "%s", w.phase);
    close(w.news);
    close(w.errors);
    free(w.lines.text);
    free(w.tail.text);
    free(w.fault);
    free(w.memory);
    free(w.result);
    return out;
}

void launched_free(launched *l) {
    cJSON_Delete(l->result);
    free(l->detail);
}
