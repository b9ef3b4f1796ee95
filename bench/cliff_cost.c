/*
 * cliff_cost.c: measures times in interleaved blocks, and counts instructions with callgrind.
 *
 * The program tells callgrind when to count, and reads the file that it dumps the counts to. So one
 * process counts everything, and the setup of rows and samplers is not counted. The counts of a
 * binary do not depend on what else the machine does.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "cliff_cost.h"

#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(PLUCK_HAVE_CALLGRIND)
#include <valgrind/callgrind.h>
#endif

/* The folder that callgrind dumps to. */
#define DUMPS "PLUCK_CLIFFS_DUMPS"

enum { TIMED_CALLS = 3 };

static pluck_status run_once(const cliff_job *job) {
    pluck_draw draw;
    return pluck_sample_row(job->sampler, &job->row, &draw);
}

/* ---- times ---- */

/* The time that this thread has run, in microseconds; other processes hardly affect it. */
static double cpu_time_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* One call to warm up, then the mean of some more. If the first call is slow, its time is used. */
static pluck_status time_block(const cliff_job *job, double *us) {
    enum { SLOW_US = 2000 };
    double start = cpu_time_us();
    pluck_status status = run_once(job);
    *us = cpu_time_us() - start;
    if (*us > SLOW_US) return status;
    start = cpu_time_us();
    for (int i = 0; i < TIMED_CALLS && status == PLUCK_OK; i++) status = run_once(job);
    *us = (cpu_time_us() - start) / TIMED_CALLS;
    return status;
}

/* Whether a job needs another measurement: one of a tenth of a second or more is precise enough. */
static bool is_open(const cliff_job *job) {
    enum { KNOWN_US = 100000 };
    return job->sampler != NULL && job->cost < KNOWN_US;
}

/* Measures one block: each job in turn, in every second block in reverse order. */
static pluck_status time_jobs(cliff_job *const *jobs, int n_jobs, int b) {
    pluck_status status = PLUCK_OK;
    for (int i = 0; i < n_jobs && status == PLUCK_OK; i++) {
        cliff_job *job = jobs[b % 2 == 1 ? n_jobs - 1 - i : i];
        if (is_open(job)) status = time_block(job, &job->times[b]);
    }
    return status;
}

/* Stops after three blocks, or one, if the pair is so slow that these are precise enough. */
static pluck_status measure_times(cliff_job *const *jobs, int n_jobs, int blocks) {
    enum { ENOUGH_BLOCKS = 3, ENOUGH_US = 50000, SLOW_US = 500000 };
    const double start = cpu_time_us();
    int n = 0;
    while (n < blocks && n < CLIFF_MAX_BLOCKS &&
           cpu_time_us() - start < (n < ENOUGH_BLOCKS ? SLOW_US : ENOUGH_US)) {
        const pluck_status status = time_jobs(jobs, n_jobs, n);
        if (status != PLUCK_OK) return status;
        n++;
    }
    for (int i = 0; i < n_jobs; i++) {
        if (is_open(jobs[i])) jobs[i]->cost = timing_median(jobs[i]->times, n);
    }
    return PLUCK_OK;
}

/* ---- instructions ---- */

#if defined(PLUCK_HAVE_CALLGRIND)

/* Reads the instructions in dump number `number` and removes the file; 0 if it cannot be read. */
static double read_dump(const char *folder, int number) {
    char path[512];
    char line[256];
    double total = 0;
    snprintf(path, sizeof path, "%s/out.%d", folder, number);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "totals: ", 8) == 0) total = strtod(line + 8, NULL);
    }
    fclose(file);
    remove(path);
    return total;
}

static pluck_status count_job(cliff_job *job) {
    static int dumps;
    const char *folder = getenv(DUMPS);
    pluck_status status = run_once(job);
    if (status != PLUCK_OK) return status;
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
    status = run_once(job); /* once: instructions do not depend on what else the machine does */
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS;
    job->cost = folder != NULL ? read_dump(folder, ++dumps) : 0;
    return status == PLUCK_OK && !(job->cost > 0) ? PLUCK_ERR_NO_RESULT : status;
}

bool cliff_counting(void) {
    return RUNNING_ON_VALGRIND && getenv(DUMPS) != NULL;
}

/* Replaces this process with the program under callgrind, or ends it. */
static void become_callgrind(char **argv, const char *folder) {
    static char valgrind[] = "valgrind";
    static char quiet[] = "-q";
    static char tool[] = "--tool=callgrind";
    static char at_start[] = "--collect-atstart=no";
    static char out[512];
    char *const before[] = {valgrind, quiet, tool, at_start, out};
    enum { BEFORE = sizeof before / sizeof *before, MAX_ARGS = 64 };
    char *args[BEFORE + MAX_ARGS + 1] = {NULL};
    snprintf(out, sizeof out, "--callgrind-out-file=%s/out", folder);
    memcpy(args, before, sizeof before);
    for (int i = 0; i < MAX_ARGS && argv[i] != NULL; i++) args[BEFORE + i] = argv[i];
    execvp(valgrind, args);
    perror("bench-cliffs: valgrind");
    _exit(EXIT_FAILURE);
}

int cliff_count(char **argv) {
    char folder[] = "/tmp/pluck-cliffs-XXXXXX";
    char last[sizeof folder + 8];
    int status = -1;
    if (mkdtemp(folder) == NULL || setenv(DUMPS, folder, 1) != 0) {
        perror("bench-cliffs: cannot make a folder for the counts");
        return EXIT_FAILURE;
    }
    const pid_t child = fork();
    if (child == 0) become_callgrind(argv, folder);
    if (child < 0 || waitpid(child, &status, 0) < 0) perror("bench-cliffs: valgrind");
    snprintf(last, sizeof last, "%s/out", folder);
    remove(last);
    rmdir(folder);
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

#else

static pluck_status count_job(cliff_job *job) {
    (void)job;
    return PLUCK_ERR_NO_RESULT;
}

bool cliff_counting(void) {
    return false;
}

int cliff_count(char **argv) {
    (void)argv;
    fprintf(stderr, "bench-cliffs: this build cannot count: it had no valgrind/callgrind.h\n");
    return EXIT_FAILURE;
}

#endif

pluck_status cliff_measure(cliff_job *const *jobs, int n_jobs, int blocks) {
    if (!cliff_counting()) return measure_times(jobs, n_jobs, blocks);
    pluck_status status = PLUCK_OK;
    for (int i = 0; i < n_jobs && status == PLUCK_OK; i++) {
        if (jobs[i]->sampler != NULL && !(jobs[i]->cost > 0)) status = count_job(jobs[i]);
    }
    return status;
}
