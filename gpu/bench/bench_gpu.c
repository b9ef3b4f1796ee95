/*
 * bench_gpu.c: times argmax, top-k, fused chains, softmax and the transfer pipeline on a device.
 * Prints beside them the bandwidth of a copy on the device, the time of copying the rows and
 * sampling on the CPU, and torch's times if they are given.
 *
 *     bench-gpu [--device N] [--smoke] [--profile] [--torch FILE] [--json FILE]
 *
 * Device times come from events around many calls on one stream; "to host" is the host's clock from
 * enqueuing one call to holding its results; all are medians. --smoke uses small sizes, to check
 * that it runs. --profile makes each call for one and for all rows twice and prints nothing: for a
 * profiler such as ncu.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { DTYPES = 2, BATCHES = 3 };

/* N(0, 5)-like rows: sums of uniform numbers. */
static float next_logit(uint64_t *s) {
    double sum = 0.0;
    for (int k = 0; k < 12; k++) {
        *s = *s * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*s >> 40) / 16777216.0;
    }
    return (float)((sum - 6.0) * 5.0);
}

/* Fills the device's rows, one after another, in the dtype. */
static void upload_rows(bench *b, pluck_dtype dtype) {
    const size_t n = (size_t)b->max_rows * (size_t)b->n_vocab;
    const gpu_backend_table *api = b->device->api;
    uint64_t s = 1;
    float *x = malloc(n * sizeof *x);
    if (!x) exit(1);
    for (size_t i = 0; i < n; i++) {
        const float logit = next_logit(&s);
        uint32_t bits;
        memcpy(&bits, &logit, sizeof bits);
        if (dtype == PLUCK_DTYPE_F32)
            x[i] = logit;
        else
            ((uint16_t *)(void *)x)[i] = (uint16_t)(bits >> 16); /* truncated, not rounded */
    }
    bench_must(api->upload(b->device, b->stream, b->logits, x, n * gpu_element_size(dtype)),
               "upload");
    bench_must(api->event_record(b->device, b->to, b->stream), "event");
    bench_must(api->event_wait(b->device, b->to), "wait");
    free(x);
}

static void open_bench(bench *b, int32_t device) {
    const pluck_gpu_select select = {PLUCK_GPU_ANY, device, NULL, NULL};
    const size_t size = (size_t)b->max_rows * (size_t)b->n_vocab * sizeof(float);
    const gpu_backend_table *api;
    pluck_gpu_error error;
    if (pluck_gpu_open(&b->device, &select, &error) != PLUCK_GPU_OK) {
        fprintf(stderr, "bench-gpu: %s\n", error.message);
        exit(1);
    }
    api = b->device->api;
    bench_must(api->stream_create(b->device, &b->stream), "stream");
    bench_must(api->event_create(b->device, true, &b->from), "event");
    bench_must(api->event_create(b->device, true, &b->to), "event");
    bench_must(api->memory_create(b->device, size, &b->logits), "memory");
    bench_must(api->memory_create(b->device, size, &b->other), "memory");
}

static void close_bench(bench *b) {
    const gpu_backend_table *api = b->device->api;
    api->memory_free(b->device, b->logits);
    api->memory_free(b->device, b->other);
    api->event_free(b->device, b->from);
    api->event_free(b->device, b->to);
    api->stream_free(b->device, b->stream);
    pluck_gpu_close(b->device);
}

int main(int argc, char **argv) {
    static const int32_t full[BATCHES] = {1, 64, 256}, small[BATCHES] = {1, 2, 4};
    static const pluck_dtype dtypes[DTYPES] = {PLUCK_DTYPE_F32, PLUCK_DTYPE_BF16};
    bench_line lines[DTYPES * BATCHES * BENCH_WORKS];
    bench b = {.n_vocab = 151936, .max_rows = 256, .repeats = 15, .calls = 50, .lines = lines};
    const int32_t *batches = full;
    const char *json = NULL;
    bool profile = false;
    int32_t device = 0;
    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;
        if (strcmp(argv[i], "--smoke") == 0) {
            b.n_vocab = 5000;
            b.max_rows = 4;
            b.repeats = b.calls = 3;
            batches = small;
        } else if (strcmp(argv[i], "--profile") == 0) {
            profile = true;
            b.repeats = 0; /* only the calls that warm up */
            b.calls = 1;
        } else if (strcmp(argv[i], "--device") == 0 && more) {
            device = (int32_t)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--torch") == 0 && more) {
            b.torch = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0 && more) {
            json = argv[++i];
        } else {
            fprintf(stderr, "usage: bench-gpu [--device N] [--smoke] [--profile] [--torch FILE] "
                            "[--json FILE]\n");
            return 2;
        }
    }
    open_bench(&b, device);
    if (!profile) bench_measure_copy(&b);
    for (int d = 0; d < DTYPES; d++) {
        upload_rows(&b, dtypes[d]);
        for (int n = 0; n < BATCHES; n++) {
            if (profile && n == 1) continue;
            for (int w = 0; w < BENCH_WORKS; w++) {
                bench_line *line = lines + b.n_lines++;
                *line =
                    (bench_line){.work = (bench_work)w, .dtype = dtypes[d], .n_rows = batches[n]};
                bench_measure_line(&b, line);
            }
        }
    }
    if (!profile) {
        bench_measure_pipeline(&b);
        bench_print(&b);
    }
    if (json && !profile && !bench_write_json(&b, json)) {
        fprintf(stderr, "bench-gpu: %s could not be written\n", json);
        return 1;
    }
    close_bench(&b);
    return 0;
}
