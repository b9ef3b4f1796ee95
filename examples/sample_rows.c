/*
 * sample_rows.c: several chains on real rows of logits: which token, from how many candidates, how
 * fast.
 *
 * Usage: sample_rows FILE.npy, with rows of float32. Each row is sampled repeatedly; the time
 * printed is the median.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "npy.h"
#include "pluck.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_REPEATS = 51, MAX_ROWS = 8 };

static const char *const chains[] = {
    "temp=0",
    "temp=0.8;top_k=40;top_p=0.95;min_p=0.05",
    "temp=0.8;top_k=40;top_p=0.95;min_p=0.05;repeat_penalty=1.1",
    "temp=1;top_k=0;top_p=1;min_p=0.05",
    "temp=1;top_k=0;top_p=0.95;min_p=0",
    "temp=1;top_k=0;top_p=1;min_p=0;typ_p=0.95",
    "temp=1;top_k=0;top_p=1;min_p=0;xtc_probability=1",
    "temp=0.8;mirostat=2",
    "temp=1;top_k=0;top_p=1;min_p=0",
};

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Draws from one row with a new copy of the sampler each time, so that every
 * draw is a first draw. */
static pluck_status time_row(const pluck_sampler *sampler, const pluck_row *row, pluck_draw *draw,
                             double *us) {
    double times[N_REPEATS];
    for (int i = 0; i < N_REPEATS; i++) {
        pluck_sampler *copy;
        pluck_status status = pluck_sampler_clone(&copy, sampler);
        if (status != PLUCK_OK) return status;
        const double start = now_us();
        status = pluck_sample_row(copy, row, draw);
        times[i] = now_us() - start;
        pluck_sampler_free(copy);
        if (status != PLUCK_OK) return status;
    }
    qsort(times, N_REPEATS, sizeof times[0], by_value);
    *us = times[N_REPEATS / 2];
    return PLUCK_OK;
}

/* Runs one chain on all rows; prints a line of tokens, one of candidates and
 * one of microseconds. */
static pluck_status run_chain(const char *spec, const npy_array *rows, pluck_workspace *workspace) {
    pluck_spec *parsed;
    pluck_error error;
    if (pluck_spec_parse(&parsed, spec, (int32_t)rows->n_columns, &error) != PLUCK_OK) {
        fprintf(stderr, "%s: %s\n", spec, error.message);
        return error.status;
    }
    pluck_config config = *pluck_spec_config(parsed);
    config.seed = 42;
    config.workspace = workspace;
    pluck_sampler *sampler = NULL;
    pluck_status status = pluck_sampler_create(&sampler, &config);
    pluck_spec_free(parsed);

    const size_t n = rows->n_rows < MAX_ROWS ? rows->n_rows : MAX_ROWS;
    pluck_draw draws[MAX_ROWS];
    double us[MAX_ROWS];
    for (size_t r = 0; r < n && status == PLUCK_OK; r++) {
        const pluck_row row = {.logits = npy_row(rows, r)};
        status = time_row(sampler, &row, &draws[r], &us[r]);
        if (status == PLUCK_OK) status = pluck_accept(sampler, draws[r].token);
    }
    pluck_sampler_free(sampler);
    if (status != PLUCK_OK) {
        fprintf(stderr, "%s: %s\n", spec, pluck_status_string(status));
        return status;
    }
    printf("\n%s\n  token       ", spec);
    for (size_t r = 0; r < n; r++) printf(" %8d", (int)draws[r].token);
    printf("\n  candidates  ");
    for (size_t r = 0; r < n; r++) printf(" %8d", (int)draws[r].n_candidates);
    printf("\n  microseconds");
    for (size_t r = 0; r < n; r++) printf(" %8.1f", us[r]);
    printf("\n");
    return PLUCK_OK;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "Usage: sample_rows FILE.npy\n");
        return 2;
    }
    npy_file file;
    char error[160];
    if (!npy_open(&file, argv[1], error, sizeof error)) {
        fprintf(stderr, "%s: %s\n", argv[1], error);
        return 1;
    }
    const npy_array *rows = &file.array;
    pluck_workspace *workspace = NULL;
    pluck_status status = PLUCK_ERR_ROW;
    if (rows->dtype == NPY_F32 && rows->n_columns <= INT32_MAX) {
        status = pluck_workspace_create(&workspace, (int32_t)rows->n_columns, NULL);
    }
    if (status == PLUCK_OK) {
        printf("%zu rows of %zu logits, kernels: %s; each column is a row\n", rows->n_rows,
               rows->n_columns, pluck_isa());
    } else {
        fprintf(stderr, "%s: %s\n", argv[1], pluck_status_string(status));
    }
    for (size_t i = 0; i < sizeof chains / sizeof chains[0] && status == PLUCK_OK; i++) {
        status = run_chain(chains[i], rows, workspace);
    }
    pluck_workspace_free(workspace);
    npy_close(&file);
    return status == PLUCK_OK ? 0 : 1;
}
