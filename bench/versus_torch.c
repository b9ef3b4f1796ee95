/*
 * bench-versus-torch: batches against PyTorch's operations on the same recorded rows, with the same
 * number of threads. PyTorch runs in a process of its own (torch_rows.py), which has the rows too and
 * times itself; each turn times a call of both. The result is the median of the ratios.
 *
 * Usage: bench-versus-torch [TURNS [ROWS]] (default: 5 turns, 64 rows)
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pluck_batch.h"
#include "rows.h"
#include "timing.h"

enum { N_VOCAB = 151936, MAX_ROWS = 64, MAX_THREADS = 2, MAX_TURNS = 1000 };

static const char MISSING[] =
    "bench-versus-torch: left out, there is no PyTorch (Debian: apt-get install python3-torch)\n";

typedef struct work {
    const char *name; /* as torch_rows.py knows it */
    const char *words;
    const char *spec;
    double limit; /* times faster */
} work;

static const work works[] = {
    {"top_k", "top-k 40", "temp=0.8;top_k=40;top_p=1;min_p=0;seed=1", 8.0},
    {"plain", "plain draw", "temp=1;top_k=0;top_p=1;min_p=0;seed=1", 70.0},
    {"top_p", "top-p .95", "temp=1;top_k=0;top_p=0.95;min_p=0;seed=1", 300.0},
};
enum { N_WORKS = sizeof works / sizeof *works };

static float *logits[MAX_ROWS];
static int n_rows = MAX_ROWS;

/* ---- PyTorch's process ---- */

typedef struct torch {
    pid_t pid;
    FILE *ask, *answer;
    char version[64];
} torch;

/* Becomes the first Python that has PyTorch: $PYTHON, the one in PATH, Debian's. */
static void become_python(void) {
    static const char find[] = "for python in ${PYTHON:-} python3 /usr/bin/python3; do "
                               "\"$python\" -c 'import torch, numpy' 2>/dev/null && "
                               "exec \"$python\" \"$0\" \"$@\"; done; exit 3";
    char rows[16];
    (void)snprintf(rows, sizeof rows, "%d", n_rows);
    execl("/bin/sh", "sh", "-c", find, PLUCK_BENCH_TORCH, PLUCK_BENCH_ROWS, rows, (char *)NULL);
    _exit(3);
}

/* False if there is no PyTorch. */
static bool torch_begin(torch *t) {
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0) return false;
    t->pid = fork();
    if (t->pid < 0) return false;
    if (t->pid == 0) {
        (void)dup2(to[0], STDIN_FILENO);
        (void)dup2(from[1], STDOUT_FILENO);
        for (int i = 0; i < 2; i++) {
            (void)close(to[i]);
            (void)close(from[i]);
        }
        become_python();
    }
    (void)close(to[0]);
    (void)close(from[1]);
    t->ask = fdopen(to[1], "w");
    t->answer = fdopen(from[0], "r");
    if (!t->ask || !t->answer || !fgets(t->version, sizeof t->version, t->answer)) return false;
    t->version[strcspn(t->version, "\n")] = '\0';
    return true;
}

static void torch_end(torch *t) {
    if (t->ask) (void)fclose(t->ask);
    if (t->answer) (void)fclose(t->answer);
    if (t->pid > 0) (void)waitpid(t->pid, NULL, 0);
}

/* Microseconds of a call on all rows; below 0: it failed. */
static double torch_time(torch *t, const work *w, int n_threads) {
    char line[64];
    if (fprintf(t->ask, "%s %d\n", w->name, n_threads) < 0 || fflush(t->ask) != 0 ||
        !fgets(line, sizeof line, t->answer))
        return -1.0;
    return strtod(line, NULL);
}

/* ---- Pluck ---- */

static double pluck_time(pluck_batch *batch, const pluck_batch_row *rows, bool *failed) {
    int32_t tokens[MAX_ROWS];
    const pluck_batch_out out = {.tokens = tokens};
    const double from = timing_now_us();
    *failed |= pluck_batch_sample(batch, rows, n_rows, &out, NULL) != PLUCK_OK;
    return timing_now_us() - from;
}

/* ---- both ---- */

static bool make_rows(pluck_batch_row rows[MAX_ROWS], const char *spec) {
    for (int i = 0; i < n_rows; i++) {
        rows[i] = (pluck_batch_row){.row.logits = logits[i]};
        if (pluck_sampler_from_spec(&rows[i].sampler, spec, N_VOCAB, NULL)) return false;
    }
    return true;
}

static bool compare(torch *t, const work *w, pluck_batch *batch, int n_threads, int turns) {
    static double ours[MAX_TURNS], theirs[MAX_TURNS], ratios[MAX_TURNS];
    pluck_batch_row rows[MAX_ROWS] = {{0}};
    bool failed = !make_rows(rows, w->spec);
    /* The first turn is not counted. */
    for (int i = -1; i < turns && !failed; i++) {
        const double a = pluck_time(batch, rows, &failed), b = torch_time(t, w, n_threads);
        failed |= !(b > 0.0);
        if (i < 0) continue;
        ours[i] = a / n_rows;
        theirs[i] = b / n_rows;
        ratios[i] = b / a;
    }
    for (int i = 0; i < n_rows; i++) pluck_sampler_free(rows[i].sampler);
    if (failed) return false;
    const double times = timing_median(ratios, turns);
    printf("%-10s  %d  %10.1f  %10.1f  %8.1f  (at least %.0f: %s)\n", w->words, n_threads,
           timing_median(ours, turns), timing_median(theirs, turns), times, w->limit,
           times >= w->limit ? "met" : "NOT met");
    return fflush(stdout) == 0;
}

static bool compare_all(torch *t, int turns) {
    printf("pluck %s, kernels: %s, against PyTorch %s on the CPU; %d recorded rows of %d, medians "
           "of %d turns, us a row\n%-10s threads  %8s  %10s  %8s\n",
           pluck_version(), pluck_isa(), t->version, n_rows, N_VOCAB, turns, "", "pluck", "PyTorch",
           "times");
    for (int n_threads = 1; n_threads <= MAX_THREADS; n_threads++) {
        pluck_batch *batch;
        const pluck_batch_config config = {
            .n_vocab = N_VOCAB, .max_rows = MAX_ROWS, .n_threads = n_threads};
        if (pluck_batch_create(&batch, &config, NULL)) return false;
        bool good = true;
        for (int i = 0; i < N_WORKS && good; i++)
            good = compare(t, &works[i], batch, n_threads, turns);
        pluck_batch_free(batch);
        if (!good) return false;
    }
    return true;
}

static bool fill_rows(void) {
    for (int i = 0; i < n_rows; i++) {
        logits[i] = malloc(N_VOCAB * sizeof(float));
        if (!logits[i]) return false;
        rows_fill(ROWS_REAL, (uint64_t)i, logits[i], N_VOCAB);
    }
    return true;
}

int main(int argc, char **argv) {
    const long turns = argc > 1 ? strtol(argv[1], NULL, 10) : 5;
    const long rows = argc > 2 ? strtol(argv[2], NULL, 10) : MAX_ROWS;
    if (turns < 1 || turns > MAX_TURNS || rows < 1 || rows > MAX_ROWS) {
        (void)fprintf(stderr, "bench-versus-torch: turns are 1 to %d, rows 1 to %d\n", MAX_TURNS,
                      MAX_ROWS);
        return 2;
    }
    n_rows = (int)rows;
    (void)signal(SIGPIPE, SIG_IGN);
    torch t = {0};
    const bool there = torch_begin(&t);
    bool good = true;
    if (there)
        good = fill_rows() && compare_all(&t, (int)turns);
    else
        (void)fputs(MISSING, stdout);
    torch_end(&t);
    for (int i = 0; i < n_rows; i++) free(logits[i]);
    if (!good) (void)fprintf(stderr, "bench-versus-torch: a call failed\n");
    return good ? 0 : 1;
}
