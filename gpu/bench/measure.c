/* measure.c: what bench-gpu times. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void bench_must(pluck_gpu_status status, const char *what) {
    if (status == PLUCK_GPU_OK) return;
    fprintf(stderr, "bench-gpu: %s: %s\n", what, pluck_gpu_status_string(status));
    exit(1);
}

double bench_now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, compare);
    return x[n / 2];
}

static void wait_for(bench *b) {
    const gpu_backend_table *api = b->device->api;
    bench_must(api->event_record(b->device, b->to, b->stream), "event");
    bench_must(api->event_wait(b->device, b->to), "wait");
}

void bench_measure_copy(bench *b) {
    const gpu_backend_table *api = b->device->api;
    const size_t size = (size_t)b->max_rows * (size_t)b->n_vocab * sizeof(float);
    double us[64] = {0};
    for (int r = -1; r < b->repeats; r++) { /* the first warms up */
        bench_must(api->event_record(b->device, b->from, b->stream), "event");
        for (int c = 0; c < b->calls; c++)
            bench_must(api->copy(b->device, b->stream, b->other, b->logits, size), "copy");
        wait_for(b);
        if (r >= 0) us[r] = api->event_elapsed(b->device, b->from, b->to) / b->calls;
    }
    b->bandwidth = 2.0 * (double)size / bench_median(us, b->repeats);
}

/* The chains of the report. */
static const pluck_stage fused[] = {
    {.kind = PLUCK_STAGE_TOP_K, .as.top_k = {40}},
    {.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.95f, 0}},
    {.kind = PLUCK_STAGE_MIN_P, .as.min_p = {0.05f, 0}},
    {.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {0.8f, 0, 1}},
    {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};
static const pluck_stage nucleus[] = {{.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.95f, 0}},
                                      {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};
static const pluck_stage flat[] = {
    {.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {3.0f, 0, 1}},
    {.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.95f, 0}},
    {.kind = PLUCK_STAGE_DIST, .as.dist = {PLUCK_SEED_RANDOM}}};
static const pluck_stage greedy[] = {{.kind = PLUCK_STAGE_GREEDY}};

static pluck_config chain_of_work(const bench *b, bench_work work) {
    pluck_config c = {.n_vocab = b->n_vocab, .seed = 1, .rng = PLUCK_RNG_PHILOX};
    switch (work) {
    case BENCH_FUSED:
        c.stages = fused;
        c.n_stages = 5;
        break;
    case BENCH_NUCLEUS:
        c.stages = nucleus;
        c.n_stages = 2;
        break;
    case BENCH_FLAT:
        c.stages = flat;
        c.n_stages = 3;
        break;
    default: /* the first stage of a fused chain is a top-k */
        c.stages = work == BENCH_ARGMAX ? greedy : fused;
        c.n_stages = 1;
    }
    return c;
}

typedef struct calls {
    pluck_gpu_batch *batch;
    pluck_gpu_call sample;
    pluck_gpu_softmax softmax;
    bool is_softmax;
} calls;

static uint64_t enqueue(const calls *c) {
    pluck_gpu_status status;
    uint64_t ticket = 0;
    do {
        status = c->is_softmax ? pluck_gpu_enqueue_softmax(c->batch, &c->softmax, &ticket)
                               : pluck_gpu_enqueue(c->batch, &c->sample, &ticket);
    } while (status == PLUCK_GPU_ERR_BUSY);
    bench_must(status, "enqueue");
    return ticket;
}

/* Copies all rows to pinned memory, then runs libpluck's chain on the CPU, row by row: what an
 * engine does without libpluck_gpu. For a top-k, the chain draws from its result. */
static double time_cpu(bench *b, const bench_line *line) {
    const gpu_backend_table *api = b->device->api;
    const size_t element = gpu_element_size(line->dtype), width = (size_t)b->n_vocab * element;
    pluck_config config = chain_of_work(b, line->work);
    const pluck_stage drawn[] = {fused[0], fused[4]};
    pluck_sampler *sampler;
    gpu_pinned pinned = {0};
    double us[64] = {0};
    if (line->work == BENCH_SOFTMAX) return 0.0;
    if (line->work == BENCH_TOP_K) {
        config.stages = drawn;
        config.n_stages = 2;
    }
    if (pluck_sampler_create(&sampler, &config) != PLUCK_OK) exit(1);
    bench_must(api->pinned_create(b->device, width * (size_t)line->n_rows, &pinned), "memory");
    for (int r = -1; r < b->repeats; r++) {
        const double begin = bench_now();
        bench_must(api->download(b->device, b->stream, pinned.host, b->logits, 0,
                                 width * (size_t)line->n_rows),
                   "download");
        wait_for(b);
        for (int32_t i = 0; i < line->n_rows; i++) {
            const pluck_row row = {.logits = (char *)pinned.host + (size_t)i * width,
                                   .dtype = line->dtype,
                                   .n = b->n_vocab};
            pluck_draw draw;
            if (pluck_sample_row(sampler, &row, &draw) != PLUCK_OK) exit(1);
        }
        if (r >= 0) us[r] = bench_now() - begin;
    }
    api->pinned_free(b->device, &pinned);
    pluck_sampler_free(sampler);
    return bench_median(us, b->repeats);
}

/* torch's time for the line, from a file of lines `work dtype rows microseconds`. */
static double find_torch(const bench *b, const bench_line *line) {
    FILE *f = b->torch ? fopen(b->torch, "r") : NULL;
    char text[200], name[32], dtype[32];
    double found = 0.0;
    if (!f) return 0.0;
    while (fgets(text, sizeof text, f)) {
        char *end = text;
        int at = 0;
        if (sscanf(text, "%31s %31s %n", name, dtype, &at) < 2 || at == 0) continue;
        const long rows = strtol(text + at, &end, 10);
        if (strcmp(name, bench_work_name(line->work)) == 0 &&
            strcmp(dtype, bench_dtype_name(line->dtype)) == 0 && rows == line->n_rows)
            found = strtod(end, NULL);
    }
    fclose(f);
    return found;
}

void bench_measure_line(bench *b, bench_line *line) {
    const gpu_backend_table *api = b->device->api;
    const pluck_gpu_batch_config sizes = {.n_vocab = b->n_vocab, .max_rows = line->n_rows};
    const pluck_config config = chain_of_work(b, line->work);
    pluck_gpu_row *rows = calloc((size_t)line->n_rows, sizeof *rows);
    double device[64] = {0}, host[64] = {0};
    pluck_gpu_plan *plan = NULL;
    pluck_gpu_error error;
    calls c;
    memset(&c, 0, sizeof c);
    if (!rows) exit(1);
    bench_must(pluck_gpu_plan_create(&plan, &config, &error), "plan");
    bench_must(pluck_gpu_batch_create(&c.batch, b->device, &sizes, &error), "batch");
    c.is_softmax = line->work == BENCH_SOFTMAX;
    c.sample.logits.data = (void *)b->logits;
    c.sample.logits.n_rows = line->n_rows;
    c.sample.logits.dtype = line->dtype;
    c.sample.stream = b->stream;
    c.sample.rows = line->work == BENCH_ARGMAX ? NULL : rows;
    c.softmax.logits = c.sample.logits;
    c.softmax.stream = b->stream;
    c.softmax.out = (void *)b->other;
    for (int32_t i = 0; i < line->n_rows; i++)
        rows[i] = (pluck_gpu_row){.plan = plan, .seed = (uint32_t)i};
    for (int r = -1; r < b->repeats; r++) {
        uint64_t ticket;
        double begin;
        bench_must(api->event_record(b->device, b->from, b->stream), "event");
        for (int i = 0; i < b->calls; i++) (void)enqueue(&c);
        wait_for(b);
        if (r >= 0) device[r] = api->event_elapsed(b->device, b->from, b->to) / b->calls;
        begin = bench_now();
        ticket = enqueue(&c);
        bench_must(pluck_gpu_wait(c.batch, ticket, NULL), "wait");
        if (r >= 0) host[r] = bench_now() - begin;
    }
    line->device = bench_median(device, b->repeats);
    line->host = bench_median(host, b->repeats);
    line->cpu = time_cpu(b, line);
    line->torch = find_torch(b, line);
    pluck_gpu_batch_free(c.batch);
    pluck_gpu_plan_free(plan);
    free(rows);
}

static void infer(bench *b, uint32_t rounds) {
    const gpu_argument arguments[] = {GPU_MEMORY(b->logits), GPU_VALUE(rounds)};
    const gpu_launch launch = {GPU_KERNEL_busy, 1, 1, 64, arguments, 2};
    bench_must(b->device->api->launch(b->device, b->stream, &launch), "inference stand-in");
}

/* Time per token: with the copy after each inference, or overlapped with the next one. */
static double time_tokens(bench *b, pluck_gpu_pipeline *p, uint32_t rounds, bool overlapped) {
    const pluck_gpu_logits logits = {.data = (void *)b->logits, .n_rows = b->max_rows};
    const double begin = bench_now();
    uint64_t previous = 0;
    const void *rows;
    for (int t = 0; t < b->calls; t++) {
        uint64_t ticket;
        infer(b, rounds);
        bench_must(
            pluck_gpu_pipeline_submit(p, &logits, b->n_vocab, b->stream, NULL, NULL, &ticket),
            "submit");
        if (!overlapped) previous = ticket;
        if (previous) {
            bench_must(pluck_gpu_pipeline_wait(p, previous, &rows), "wait");
            bench_must(pluck_gpu_pipeline_release(p, previous), "release");
        }
        previous = overlapped ? ticket : 0;
    }
    if (previous) bench_must(pluck_gpu_pipeline_wait(p, previous, &rows), "wait");
    if (previous) bench_must(pluck_gpu_pipeline_release(p, previous), "release");
    return (bench_now() - begin) / b->calls;
}

/* How many rounds of the stand-in take as long as one copy through the pipeline. */
static uint32_t rounds_for_a_copy(bench *b, pluck_gpu_pipeline *p) {
    const uint32_t trial = 1u << 16;
    double copy[64] = {0}, work[64] = {0};
    for (int r = 0; r < b->repeats; r++) {
        double begin = bench_now();
        const pluck_gpu_logits logits = {.data = (void *)b->logits, .n_rows = b->max_rows};
        const void *rows;
        uint64_t ticket;
        bench_must(pluck_gpu_pipeline_submit(p, &logits, b->n_vocab, NULL, NULL, NULL, &ticket),
                   "submit");
        bench_must(pluck_gpu_pipeline_wait(p, ticket, &rows), "wait");
        bench_must(pluck_gpu_pipeline_release(p, ticket), "release");
        copy[r] = bench_now() - begin;
        begin = bench_now();
        infer(b, trial);
        wait_for(b);
        work[r] = bench_now() - begin;
    }
    return (uint32_t)(trial * bench_median(copy, b->repeats) / bench_median(work, b->repeats)) + 1;
}

void bench_measure_pipeline(bench *b) {
    const pluck_gpu_pipeline_config config = {
        (size_t)b->max_rows * (size_t)b->n_vocab * sizeof(float), 4};
    double serial[64] = {0}, overlapped[64] = {0};
    pluck_gpu_pipeline *p;
    uint32_t rounds;
    bench_must(pluck_gpu_pipeline_create(&p, b->device, &config, NULL), "pipeline");
    rounds = rounds_for_a_copy(b, p);
    for (int r = 0; r < b->repeats; r++) {
        serial[r] = time_tokens(b, p, rounds, false);
        overlapped[r] = time_tokens(b, p, rounds, true);
    }
    b->serial = bench_median(serial, b->repeats);
    b->overlapped = bench_median(overlapped, b->repeats);
    pluck_gpu_pipeline_free(p);
}
