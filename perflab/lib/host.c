/*
 * host.c - buffers with guard pages, the clock, random numbers, and what a benchmark reports.
 *
 * A guard page catches an access to it at once. Alignment or a random offset leaves slack between a
 * buffer and its guard pages: it is filled with a canary byte, which is checked after calls.
 */
#include "host.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CANARY = 0x5C, FILL = 0xA5, TIMED_ALIGN = 64, FLUSH_ALIGN = 16 };

static uint64_t real_now(void *self) {
    (void)self;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void real_spend(void *self, uint64_t ns) {
    const uint64_t end = real_now(self) + ns;
    while (real_now(self) < end) {
    }
}

static uint64_t real_lost(void *self) {
    (void)self;
    struct rusage use;
    return getrusage(RUSAGE_THREAD, &use) == 0 ? (uint64_t)use.ru_nivcsw : 0;
}

const perflab_clock perflab_real_clock = {real_now, real_spend, real_lost, NULL};

void perflab_host_init(perflab_host *host, perflab_layout layout, uint64_t layout_seed,
                       const perflab_clock *clock) {
    memset(host, 0, sizeof *host);
    host->clock = clock;
    host->layout = layout;
    host->layout_rng.state = layout_seed;
    host->baseline_error = -1;
    host->candidate_error = -1;
}

void perflab_host_free(perflab_host *host) {
    for (perflab_block *block = host->blocks; block != NULL;) {
        perflab_block *next = block->next;
        munmap(block->map, block->map_bytes);
        free(block);
        block = next;
    }
    host->blocks = NULL;
    perflab_host_forget(host);
}

/* Ends a benchmark's process with a message on stderr, which perflab reads. */
static void out_of_memory(size_t bytes) {
    fprintf(stderr, "perflab: out of memory: cannot get %zu bytes: %s\n", bytes, strerror(errno));
    exit(71);
}

static size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

/* Offset of the buffer within its accessible pages. */
static size_t place(perflab_host *host, size_t room, size_t bytes, size_t align) {
    switch (host->layout) {
    case PERFLAB_LAYOUT_START_FLUSH:
        return 0;
    case PERFLAB_LAYOUT_END_FLUSH:
        return (room - bytes) / align * align;
    case PERFLAB_LAYOUT_RANDOM:
        break;
    }
    const size_t places = (room - bytes) / align + 1;
    return (size_t)(perflab_rng_u64(&host->layout_rng) % places) * align;
}

void *perflab_alloc(perflab_ctx *ctx, size_t bytes, size_t align) {
    perflab_host *host = ctx->host;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    /* The gate aligns less by default: a buffer closer to its guard page catches more errors. */
    if (align == 0) align = host->layout == PERFLAB_LAYOUT_RANDOM ? TIMED_ALIGN : FLUSH_ALIGN;
    if (bytes > SIZE_MAX / 2) out_of_memory(bytes);
    size_t room = round_up(bytes == 0 ? 1 : bytes, page);
    if (host->layout == PERFLAB_LAYOUT_RANDOM) room += page;
    const size_t map_bytes = room + 2 * page;

    perflab_block *block = malloc(sizeof *block);
    void *map =
        mmap(NULL, map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == NULL || map == MAP_FAILED) out_of_memory(bytes);
    unsigned char *start = (unsigned char *)map + page;
    if (mprotect(start, room, PROT_READ | PROT_WRITE) != 0) out_of_memory(bytes);

    block->map = map;
    block->map_bytes = map_bytes;
    block->user = start + place(host, room, bytes, align);
    block->bytes = bytes;
    memset(start, CANARY, room);
    memset(block->user, FILL, bytes);
    block->next = host->blocks;
    host->blocks = block;
    return block->user;
}

/* The first byte in [from, to) that is not the canary, or NULL. */
static const unsigned char *touched(const unsigned char *from, const unsigned char *to) {
    for (; from < to; from++) {
        if (*from != CANARY) return from;
    }
    return NULL;
}

bool perflab_host_intact(perflab_ctx *ctx) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (const perflab_block *b = ctx->host->blocks; b != NULL; b = b->next) {
        const unsigned char *end = b->user + b->bytes;
        const unsigned char *before = touched(b->map + page, b->user);
        const unsigned char *behind = touched(end, b->map + b->map_bytes - page);
        if (before != NULL) {
            perflab_reason(ctx, "wrote %td bytes before the start of a buffer of %zu bytes",
                           b->user - before, b->bytes);
            return false;
        }
        if (behind != NULL) {
            perflab_reason(ctx, "wrote %td bytes past the end of a buffer of %zu bytes",
                           behind - end + 1, b->bytes);
            return false;
        }
    }
    return true;
}

const perflab_block *perflab_host_find(const perflab_host *host, const void *address,
                                       ptrdiff_t *distance) {
    const unsigned char *at = address;
    for (const perflab_block *b = host->blocks; b != NULL; b = b->next) {
        if (at < b->map || at >= b->map + b->map_bytes) continue;
        *distance = at < b->user ? at - b->user : at - (b->user + b->bytes) + 1;
        return b;
    }
    return NULL;
}

size_t perflab_host_bytes(const perflab_host *host) {
    size_t sum = 0;
    for (const perflab_block *b = host->blocks; b != NULL; b = b->next) sum += b->bytes;
    return sum;
}

void *perflab_load(perflab_ctx *ctx, const char *name, size_t *bytes) {
    if (ctx->data_dir == NULL) {
        perflab_reason(ctx, "no data folder: set PERFLAB_DATA to the one that holds %s", name);
        return NULL;
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", ctx->data_dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perflab_reason(ctx, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    void *buffer = NULL;
    long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (length >= 0 && fseek(file, 0, SEEK_SET) == 0) {
        buffer = perflab_alloc(ctx, (size_t)length, 0);
        *bytes = fread(buffer, 1, (size_t)length, file);
        if (*bytes != (size_t)length) buffer = NULL;
    }
    if (buffer == NULL) perflab_reason(ctx, "cannot read %s", path);
    fclose(file);
    return buffer;
}

static perflab_kept *keep_copy(perflab_ctx *ctx, const char *what, const void *p, size_t bytes) {
    perflab_host *host = ctx->host;
    perflab_kept *k = calloc(1, sizeof *k);
    if (k == NULL) out_of_memory(bytes);
    k->what = what;
    k->bytes = bytes;
    k->copy = malloc(bytes == 0 ? 1 : bytes);
    if (k->copy == NULL) out_of_memory(bytes);
    memcpy(k->copy, p, bytes);
    if (host->last_kept != NULL) {
        host->last_kept->next = k;
    } else {
        host->kept = k;
    }
    host->last_kept = k;
    return k;
}

void perflab_output(perflab_ctx *ctx, const char *what, const void *p, size_t bytes) {
    keep_copy(ctx, what, p, bytes);
}

void perflab_output_floats(perflab_ctx *ctx, const char *what, const float *p, size_t n,
                           double abs_tol, double rel_tol) {
    perflab_kept *k = keep_copy(ctx, what, p, n * sizeof *p);
    k->floats = true;
    k->abs_tol = abs_tol;
    k->rel_tol = rel_tol;
}

void perflab_host_forget(perflab_host *host) {
    while (host->kept != NULL) {
        perflab_kept *next = host->kept->next;
        free(host->kept->copy);
        free(host->kept);
        host->kept = next;
    }
    host->last_kept = NULL;
}

uint64_t perflab_rng_u64(perflab_rng *rng) {
    uint64_t z = (rng->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

double perflab_rng_uniform(perflab_rng *rng) {
    return (double)(perflab_rng_u64(rng) >> 11) * 0x1p-53;
}

double perflab_rng_normal(perflab_rng *rng) {
    const double u = 1.0 - perflab_rng_uniform(rng);
    const double v = perflab_rng_uniform(rng);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void perflab_reason(perflab_ctx *ctx, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->host->reason, sizeof ctx->host->reason, format, args);
    va_end(args);
}

void perflab_device(perflab_ctx *ctx, const char *kind, const char *name) {
    snprintf(ctx->host->device_kind, sizeof ctx->host->device_kind, "%s", kind);
    snprintf(ctx->host->device_name, sizeof ctx->host->device_name, "%s", name);
}

void perflab_compared(perflab_ctx *ctx, size_t n) {
    ctx->host->compared += n;
}

void perflab_spend(perflab_ctx *ctx, uint64_t ns) {
    ctx->host->clock->spend(ctx->host->clock->self, ns);
}
