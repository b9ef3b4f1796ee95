/*
 * bench_gpu.c: times argmax, top-k and the fused chains on a device, beside the bandwidth with
 * which the same kernels' stream reads rows, and the transfer pipeline beside serial transfers.
 *
 *     bench-gpu [DEVICE]
 *
 * Device times come from events around 50 calls on one stream; "to host" is the host's clock from
 * enqueuing one call to holding its result. Medians of 9.
 */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_VOCAB = 151936, REPEATS = 9, CALLS = 50 };

typedef struct bench {
    pluck_gpu_device *device;
    pluck_gpu_batch *batch;
    gpu_stream stream;
    gpu_event from, to;
    gpu_memory logits;
} bench;

static void must(pluck_gpu_status status, const char *what) {
    if (status == PLUCK_GPU_OK) return;
    fprintf(stderr, "bench-gpu: %s: %s\n", what, pluck_gpu_status_string(status));
    exit(1);
}

static double now_us(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *x, size_t n) {
    qsort(x, n, sizeof *x, compare);
    return x[n / 2];
}

/* N(0, 5)-like rows: sums of uniform numbers. */
static void fill(float *x, size_t n) {
    uint64_t s = 1;
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (int k = 0; k < 12; k++) {
            s = s * 6364136223846793005u + 1442695040888963407u;
            sum += (double)(s >> 40) / 16777216.0;
        }
        x[i] = (float)((sum - 6.0) * 5.0);
    }
}

static uint64_t enqueue(bench *b, pluck_gpu_call *call) {
    pluck_gpu_status status;
    uint64_t ticket = 0;
    while ((status = pluck_gpu_enqueue(b->batch, call, &ticket)) == PLUCK_GPU_ERR_BUSY) {
    }
    must(status, "enqueue");
    return ticket;
}

static void time_calls(bench *b, const char *name, const pluck_config *config, int32_t n_rows,
                       double copy_us_per_row) {
    const gpu_backend_table *api = b->device->api;
    pluck_gpu_row *rows = calloc((size_t)n_rows, sizeof *rows);
    double device_us[REPEATS], host_us[REPEATS], each;
    pluck_gpu_plan *plan = NULL;
    pluck_gpu_call call;
    if (!rows) exit(1);
    if (config) must(pluck_gpu_plan_create(&plan, config, NULL), "plan");
    memset(&call, 0, sizeof call);
    call.logits.data = (void *)b->logits;
    call.logits.n_rows = n_rows;
    call.stream = b->stream;
    call.rows = config ? rows : NULL;
    for (int32_t i = 0; i < n_rows; i++) rows[i].plan = plan;
    for (int r = -1; r < REPEATS; r++) { /* the first warms up */
        uint64_t ticket;
        double begin;
        must(api->event_record(b->device, b->from, b->stream), "event");
        for (int c = 0; c < CALLS; c++) (void)enqueue(b, &call);
        must(api->event_record(b->device, b->to, b->stream), "event");
        must(api->event_wait(b->device, b->to), "wait");
        if (r >= 0) device_us[r] = api->event_elapsed(b->device, b->from, b->to) / CALLS;
        begin = now_us();
        ticket = enqueue(b, &call);
        must(pluck_gpu_wait(b->batch, ticket, NULL), "wait");
        if (r >= 0) host_us[r] = now_us() - begin;
    }
    each = median(device_us, REPEATS);
    printf("%-34s batch %4d  device %9.1f us  %7.1f GB/s  to host %9.1f us  row copies %9.1f us\n",
           name, (int)n_rows, each, (double)n_rows * N_VOCAB * 4.0 / each * 1e-3,
           median(host_us, REPEATS), copy_us_per_row * n_rows);
    pluck_gpu_plan_free(plan);
    free(rows);
}

/* Microseconds to copy one row to pinned memory. */
static double time_copy(bench *b) {
    const gpu_backend_table *api = b->device->api;
    const size_t size = (size_t)N_VOCAB * 4;
    gpu_pinned pinned = {0};
    double us[REPEATS];
    must(api->pinned_create(b->device, size, &pinned), "pinned memory");
    for (int r = 0; r < REPEATS; r++) {
        const double begin = now_us();
        must(api->download(b->device, b->stream, pinned.host, b->logits, 0, size), "copy");
        must(api->event_record(b->device, b->to, b->stream), "event");
        must(api->event_wait(b->device, b->to), "wait");
        us[r] = now_us() - begin;
    }
    api->pinned_free(b->device, &pinned);
    return median(us, REPEATS);
}

static void infer(bench *b, uint32_t rounds) {
    const gpu_argument arguments[] = {GPU_MEMORY(b->logits), GPU_VALUE(rounds)};
    const gpu_launch launch = {GPU_KERNEL_busy, 1, 1, 64, arguments, 2};
    must(b->device->api->launch(b->device, b->stream, &launch), "inference stand-in");
}

/* Time per token with the copy behind each inference, and beside the next one. */
static double time_tokens(bench *b, pluck_gpu_pipeline *p, uint32_t rounds, int32_t n_rows,
                          bool overlapped) {
    enum { TOKENS = 50 };
    const pluck_gpu_logits logits = {.data = (void *)b->logits, .n_rows = n_rows};
    const double begin = now_us();
    uint64_t previous = 0;
    const void *rows;
    for (int t = 0; t < TOKENS; t++) {
        uint64_t ticket;
        infer(b, rounds);
        must(pluck_gpu_pipeline_submit(p, &logits, N_VOCAB, b->stream, NULL, NULL, &ticket),
             "submit");
        if (!overlapped) previous = ticket;
        if (previous) {
            must(pluck_gpu_pipeline_wait(p, previous, &rows), "wait");
            must(pluck_gpu_pipeline_release(p, previous), "release");
        }
        previous = overlapped ? ticket : 0;
    }
    if (previous) must(pluck_gpu_pipeline_wait(p, previous, &rows), "wait");
    if (previous) must(pluck_gpu_pipeline_release(p, previous), "release");
    return (now_us() - begin) / TOKENS;
}

static void time_pipeline(bench *b) {
    const int32_t n_rows = 64;
    const pluck_gpu_pipeline_config config = {(size_t)n_rows * N_VOCAB * 4, 4};
    const double copy = time_copy(b) * n_rows;
    pluck_gpu_pipeline *p;
    double one, serial, overlapped;
    uint32_t rounds = 1u << 16;
    must(pluck_gpu_pipeline_create(&p, b->device, &config, NULL), "pipeline");
    one = now_us();
    infer(b, rounds);
    must(b->device->api->event_record(b->device, b->to, b->stream), "event");
    must(b->device->api->event_wait(b->device, b->to), "wait");
    one = now_us() - one;
    rounds = (uint32_t)((double)rounds * copy / one) + 1; /* inference as long as the copy */
    serial = time_tokens(b, p, rounds, n_rows, false);
    overlapped = time_tokens(b, p, rounds, n_rows, true);
    printf("transfer pipeline, %d rows: serial %.1f us, overlapped %.1f us a token: %.2f times\n",
           (int)n_rows, serial, overlapped, serial / overlapped);
    pluck_gpu_pipeline_free(p);
}

int main(int argc, char **argv) {
    static const int32_t batches[] = {1, 8, 64, 256};
    const pluck_stage top_k = {.kind = PLUCK_STAGE_TOP_K, .as.top_k = {40}};
    const pluck_stage top_p = {.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.95f, 0}};
    const pluck_stage min_p = {.kind = PLUCK_STAGE_MIN_P, .as.min_p = {0.05f, 0}};
    const pluck_stage temperature = {.kind = PLUCK_STAGE_TEMPERATURE,
                                     .as.temperature = {0.8f, 0, 1}};
    const pluck_stage dist = {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}};
    const pluck_stage fused[] = {top_k, top_p, min_p, temperature, dist}, nucleus[] = {top_p, dist};
    const pluck_config chains[] = {
        {.n_vocab = N_VOCAB, .stages = &top_k, .n_stages = 1},
        {.n_vocab = N_VOCAB, .rng = PLUCK_RNG_PHILOX, .stages = fused, .n_stages = 5},
        {.n_vocab = N_VOCAB, .rng = PLUCK_RNG_PHILOX, .stages = nucleus, .n_stages = 2}};
    static const char *const names[] = {"top_k 40", "top_k 40, top_p, min_p, temp, draw",
                                        "top_p .95, draw"};
    const pluck_gpu_batch_config config = {.n_vocab = N_VOCAB, .max_rows = 256};
    const pluck_gpu_select select = {PLUCK_GPU_ANY,
                                     argc > 1 ? (int32_t)strtol(argv[1], NULL, 10) : 0, NULL, NULL};
    const size_t size = (size_t)256 * N_VOCAB * sizeof(float);
    float *rows = malloc(size);
    pluck_gpu_error error;
    bench b;
    double copy;
    memset(&b, 0, sizeof b);
    if (!rows || pluck_gpu_open(&b.device, &select, &error) != PLUCK_GPU_OK) {
        fprintf(stderr, "bench-gpu: %s\n", rows ? error.message : "out of memory");
        free(rows);
        return 1;
    }
    printf("%s, %s\n", b.device->info.name, b.device->info.driver);
    fill(rows, (size_t)256 * N_VOCAB);
    must(pluck_gpu_batch_create(&b.batch, b.device, &config, &error), "batch");
    must(b.device->api->stream_create(b.device, &b.stream), "stream");
    must(b.device->api->event_create(b.device, true, &b.from), "event");
    must(b.device->api->event_create(b.device, true, &b.to), "event");
    must(b.device->api->memory_create(b.device, size, &b.logits), "logits");
    must(b.device->api->upload(b.device, b.stream, b.logits, rows, size), "upload");
    copy = time_copy(&b);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        time_calls(&b, "argmax", NULL, batches[i], copy);
        for (int c = 0; c < 3; c++) time_calls(&b, names[c], &chains[c], batches[i], copy);
    }
    time_pipeline(&b);
    b.device->api->memory_free(b.device, b.logits);
    b.device->api->event_free(b.device, b.from);
    b.device->api->event_free(b.device, b.to);
    b.device->api->stream_free(b.device, b.stream);
    pluck_gpu_batch_free(b.batch);
    pluck_gpu_close(b.device);
    free(rows);
    return 0;
}
