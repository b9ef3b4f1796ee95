/*
 * compare_programs.c - times whole programs.
 *
 * They are run in rounds: each revision once, in random order, so that all run under the same
 * conditions. Each round gives one ratio of wall time, of CPU time in user mode and of peak memory
 * for each candidate. All must print the same output.
 */
#include "compare_programs.h"
#include "child.h"
#include "commands.h"
#include "perflab.h"
#include "progress.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct program {
    const char *command, *folder;
    int out;
} program;

static void run_program(void *self) {
    const program *p = self;
    if (chdir(p->folder) != 0) _exit(126);
    dup2(p->out, 1);
    execl("/bin/sh", "sh", "-c", p->command, (char *)NULL);
    _exit(127);
}

typedef struct program_result {
    double wall_us, user_us, peak_bytes;
    char *output;
    size_t length;
} program_result;

/* Runs the command in a tree. Returns false, with an error message, if it fails. */
static bool run_once(const tree *t, const char *command, program_result *r) {
    char path[] = "/tmp/perflab-output-XXXXXX";
    const int fd = mkostemp(path, O_CLOEXEC);
    child c;
    program p = {command, t->path, fd};
    memset(r, 0, sizeof *r);
    if (fd < 0 || !child_start(&c, run_program, &p)) {
        complain("cannot start %s: %s", command, strerror(errno));
        return false;
    }
    const child_report report = child_finish(&c);
    r->output = read_text(path, &r->length);
    close(fd);
    unlink(path);
    r->wall_us = (double)report.wall_ns / 1000;
    r->user_us = (double)report.usage.ru_utime.tv_sec * 1e6 + (double)report.usage.ru_utime.tv_usec;
    r->peak_bytes = (double)report.usage.ru_maxrss * 1024;
    const bool good =
        WIFEXITED(report.status) && WEXITSTATUS(report.status) == 0 && r->output != NULL;
    if (!good) {
        complain("%s: %s ends with %s %d", t->revision, command,
                 WIFEXITED(report.status) ? "status" : "signal",
                 WIFEXITED(report.status) ? WEXITSTATUS(report.status) : WTERMSIG(report.status));
    }
    return good;
}

/* Where the candidate's output differs from A's, to be freed; NULL if they are the same. */
static char *difference(const program_result *a, const program_result *b) {
    const size_t n = a->length < b->length ? a->length : b->length;
    size_t line = 1, i = 0;
    for (; i < n && a->output[i] == b->output[i]; i++) line += a->output[i] == '\n';
    if (i == n && a->length == b->length) return NULL;
    return text_format("the outputs differ from line %zu on (%zu and %zu bytes)", line, a->length,
                       b->length);
}

enum { METRICS = 3 };

static const struct metric {
    const char *name;
    comparison_unit unit;
    bool judged;
} metrics[METRICS] = {{"wall", UNIT_MICROSECONDS, true},
                      {"user", UNIT_MICROSECONDS, false},
                      {"peak memory", UNIT_BYTES, false}};

/* What was measured of a revision: an array of each metric, with a value for each round. */
typedef struct program_values {
    double *of[METRICS];
    char *wrong; /* how its output differs from A's; NULL: it does not */
} program_values;

static void add_metric(comparison *out, const char *command, int m, const program_values *a,
                       const program_values *b, size_t n) {
    double *ratio = must_alloc((n + 1) * sizeof *ratio);
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        all = all && a->of[m][i] > 0 && b->of[m][i] > 0;
        ratio[i] = all ? a->of[m][i] / b->of[m][i] : 1;
    }
    const comparison_row row = {.id = (char *)(uintptr_t)command,
                                .metric = (char *)(uintptr_t)metrics[m].name,
                                .unit = metrics[m].unit,
                                .a = perflab_median(a->of[m], n),
                                .b = perflab_median(b->of[m], n),
                                .ratio = ratio,
                                .n = n,
                                .judged = metrics[m].judged};
    /* A value of 0 means the program is too short for the system's accounting. */
    if (all) comparison_add(out, &row);
    free(ratio);
}

/* Puts 0 to n - 1 into a random order (Fisher and Yates). */
static void shuffle(size_t *order, size_t n, perflab_rng *rng) {
    for (size_t i = 0; i < n; i++) {
        const size_t at = (size_t)(perflab_rng_u64(rng) % (i + 1));
        order[i] = order[at];
        order[at] = i;
    }
}

/* Runs every revision once, and stores what it took as value `k`; the warm-up has none. */
static bool run_round(const tree *trees, size_t n, const char *command, perflab_rng *rng,
                      program_values *values, const size_t *k) {
    program_result *r = must_alloc(n * sizeof *r);
    size_t *order = must_alloc(n * sizeof *order);
    bool good = true;
    shuffle(order, n, rng);
    for (size_t i = 0; good && i < n; i++) {
        good = run_once(&trees[order[i]], command, &r[order[i]]);
    }
    for (size_t i = 0; good && i < n; i++) {
        if (i > 0 && values[i].wrong == NULL) values[i].wrong = difference(&r[0], &r[i]);
        if (k == NULL) continue;
        values[i].of[0][*k] = r[i].wall_us;
        values[i].of[1][*k] = r[i].user_us;
        values[i].of[2][*k] = r[i].peak_bytes;
    }
    for (size_t i = 0; i < n; i++) free(r[i].output);
    free(r);
    free(order);
    return good;
}

static void add_rows(comparison *out, const char *command, const program_values *values, size_t n) {
    for (size_t i = 0; i < out->n_candidates; i++) {
        const program_values *b = &values[i + 1];
        const comparison_row wrong = {.id = (char *)(uintptr_t)command, .wrong = b->wrong};
        out->candidate = i;
        if (b->wrong != NULL) comparison_add(out, &wrong);
        for (int m = 0; m < METRICS && b->wrong == NULL; m++) {
            add_metric(out, command, m, &values[0], b, n);
        }
    }
}

int compare_programs(const tree *trees, const char *command, size_t runs, comparison *out) {
    const size_t n = out->n_candidates + 1;
    program_values *values = must_alloc(n * sizeof *values);
    perflab_rng rng = {(uint64_t)getpid()};
    progress bar;
    bool wrong = false;
    for (size_t i = 0; i < n; i++) {
        for (int m = 0; m < METRICS; m++) values[i].of[m] = must_alloc(runs * sizeof(double));
    }
    progress_start(&bar, (double)runs + 1);
    progress_label(&bar, command);
    /* The first round only warms up files and caches. */
    bool good = run_round(trees, n, command, &rng, values, NULL);
    for (size_t k = 0; good && !wrong && k < runs; k++) {
        progress_add(&bar, 1);
        good = run_round(trees, n, command, &rng, values, &k);
        for (size_t i = 1; i < n; i++) wrong = wrong || (n == 2 && values[i].wrong != NULL);
    }
    progress_hide(&bar);
    if (good) add_rows(out, command, values, runs);
    for (size_t i = 0; i < n; i++) {
        for (int m = 0; m < METRICS; m++) free(values[i].of[m]);
        free(values[i].wrong);
    }
    free(values);
    return good ? EXIT_DONE : EXIT_TROUBLE;
}
