/* bench.h: what bench-gpu measures and what it reports. */
#ifndef PLUCK_GPU_BENCH_H
#define PLUCK_GPU_BENCH_H

#include "device.h"

#include <stdio.h>

typedef enum bench_work {
    BENCH_ARGMAX,
    BENCH_TOP_K,
    BENCH_FUSED,   /* top-k, top-p, min-p, temperature, draw */
    BENCH_NUCLEUS, /* top-p, draw */
    BENCH_FLAT,    /* temperature 3, top-p, draw: the nucleus is a large part of the row */
    BENCH_SOFTMAX,
    BENCH_WORKS
} bench_work;

/* One line of the report. Times are medians, in microseconds; 0 if there is none. */
typedef struct bench_line {
    bench_work work;
    pluck_dtype dtype;
    int32_t n_rows;
    double device; /* between events around many calls */
    double host;   /* from enqueuing one call to holding its results */
    double cpu;    /* rows copied to pinned memory, then the CPU's code */
    double torch;  /* the same by torch on this device */
} bench_line;

typedef struct bench {
    pluck_gpu_device *device;
    gpu_stream stream;
    gpu_event from, to;
    gpu_memory logits, other; /* max_rows rows each; `other` takes copies and softmax's output */
    int32_t n_vocab, max_rows;
    int repeats, calls;        /* a median is over `repeats` runs of `calls` calls */
    const char *torch;         /* file with torch's times; NULL: none */
    double bandwidth;          /* bytes read and written by a copy on the device, per microsecond */
    double serial, overlapped; /* the pipeline: microseconds a token */
    bench_line *lines;
    int n_lines;
} bench;

/* Ends the program if something failed. */
void bench_must(pluck_gpu_status status, const char *what);

double bench_now(void); /* microseconds */
double bench_median(double *x, int n);

void bench_measure_copy(bench *b);
void bench_measure_line(bench *b, bench_line *line);
void bench_measure_pipeline(bench *b);

const char *bench_work_name(bench_work work);
const char *bench_dtype_name(pluck_dtype dtype);

/* Prints the table, with the limits set for a GPU beside what was measured. */
void bench_print(const bench *b);
/* False if the file could not be written. */
bool bench_write_json(const bench *b, const char *path);

#endif /* PLUCK_GPU_BENCH_H */
