/* emulator.c: see emulator.h. Everything happens inside the call that enqueues it. */
#include "emulator.h"

#include "lanes.h"
#include "sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLK_WG             16
#define PLK_VPT            8
#define PLK_COUNT_SORT_MAX 32 /* so that both ways of sorting are used */
#include "kernels_c.h"

typedef struct running {
    const plain_kernel *kernel;
    void *parameters[16];
    u64 *local_memory;
} running;

static void run_lane(void *ctx) {
    const running *r = ctx;
    r->kernel->run(r->parameters, r->local_memory);
}

static pluck_gpu_status emulator_launch(pluck_gpu_device *d, gpu_stream stream,
                                        const gpu_launch *launch) {
    running r = {.kernel = plain_kernels + launch->kernel};
    (void)d;
    (void)stream;
    for (int32_t i = 0; i < launch->n_arguments; i++) {
        const gpu_argument *a = launch->arguments + i;
        const void *at = a->value ? a->value : (const void *)&a->memory;
        memcpy(&r.parameters[i], &at, sizeof at);
    }
    r.local_memory = malloc(launch->local_bytes + 1);
    if (!r.local_memory) return PLUCK_GPU_ERR_MEMORY;
    plk_emu.groups_x = launch->groups_x;
    for (u32 y = 0; y < launch->groups_y; y++) {
        for (u32 x = 0; x < launch->groups_x; x++) {
            memset(r.local_memory, 0xA5, launch->local_bytes); /* its content is undefined */
            plk_emu.group_x = x;
            plk_emu.group_y = y;
            lanes_run_group(run_lane, &r, r.kernel->name);
        }
    }
    free(r.local_memory);
    return PLUCK_GPU_OK;
}

/* All memory that is allocated, so that a range outside it is noticed. */
static struct {
    gpu_memory memory;
    size_t size;
} blocks[1024];

static size_t block_of(gpu_memory memory) {
    size_t b = 0;
    while (b < sizeof blocks / sizeof *blocks && blocks[b].memory != memory) b++;
    return b;
}

static pluck_gpu_status memory_create(pluck_gpu_device *d, size_t size, gpu_memory *out) {
    const size_t b = block_of(0);
    (void)d;
    if (b == sizeof blocks / sizeof *blocks) return PLUCK_GPU_ERR_DEVICE_MEMORY;
    *out = (gpu_memory)aligned_alloc(256, (size + 255) / 256 * 256);
    blocks[b].memory = *out;
    blocks[b].size = size;
    return *out ? PLUCK_GPU_OK : PLUCK_GPU_ERR_DEVICE_MEMORY;
}

static void memory_free(pluck_gpu_device *d, gpu_memory memory) {
    (void)d;
    if (memory) blocks[block_of(memory)].memory = 0;
    free((void *)memory);
}

static pluck_gpu_status pinned_create(pluck_gpu_device *d, size_t size, gpu_pinned *out) {
    GPU_TRY(memory_create(d, size, &out->device));
    out->host = (void *)out->device;
    out->size = size;
    return PLUCK_GPU_OK;
}

static void pinned_free(pluck_gpu_device *d, gpu_pinned *pinned) {
    memory_free(d, pinned->device);
    memset(pinned, 0, sizeof *pinned);
}

static pluck_gpu_status memory_check(pluck_gpu_device *d, void *data, size_t offset, size_t size) {
    const size_t b = block_of((gpu_memory)data);
    (void)d;
    if (b == sizeof blocks / sizeof *blocks || offset > blocks[b].size ||
        size > blocks[b].size - offset)
        return PLUCK_GPU_ERR_POINTER;
    return PLUCK_GPU_OK;
}

static pluck_gpu_status create_nothing(pluck_gpu_device *d, void **out) {
    (void)d;
    *out = malloc(1);
    return *out ? PLUCK_GPU_OK : PLUCK_GPU_ERR_MEMORY;
}

static pluck_gpu_status create_event(pluck_gpu_device *d, bool timed, gpu_event *out) {
    (void)timed;
    return create_nothing(d, out);
}

static void free_nothing(pluck_gpu_device *d, void *nothing) {
    (void)d;
    free(nothing);
}

static pluck_gpu_status done_two(pluck_gpu_device *d, void *a, void *b) {
    (void)d;
    (void)a;
    (void)b;
    return PLUCK_GPU_OK;
}

static pluck_gpu_status done_one(pluck_gpu_device *d, void *a) {
    (void)d;
    (void)a;
    return PLUCK_GPU_OK;
}

static pluck_gpu_status zero(pluck_gpu_device *d, gpu_stream stream, gpu_memory memory,
                             size_t size) {
    (void)d;
    (void)stream;
    memset((void *)memory, 0, size);
    return PLUCK_GPU_OK;
}

static pluck_gpu_status upload(pluck_gpu_device *d, gpu_stream stream, gpu_memory to,
                               const void *from, size_t size) {
    (void)d;
    (void)stream;
    memcpy((void *)to, from, size);
    return PLUCK_GPU_OK;
}

static pluck_gpu_status download(pluck_gpu_device *d, gpu_stream stream, void *to, gpu_memory from,
                                 size_t offset, size_t size) {
    (void)d;
    (void)stream;
    memcpy(to, (const char *)from + offset, size);
    return PLUCK_GPU_OK;
}

static pluck_gpu_status download_rows(pluck_gpu_device *d, gpu_stream stream, void *to,
                                      gpu_memory from, size_t offset, size_t stride, size_t width,
                                      size_t rows) {
    for (size_t row = 0; row < rows; row++)
        GPU_TRY(download(d, stream, (char *)to + row * width, from, offset + row * stride, width));
    return PLUCK_GPU_OK;
}

pluck_gpu_device *emulator_open(void) {
    static const gpu_backend_table table = {
        .name = "emulator",
        .memory_create = memory_create,
        .memory_free = memory_free,
        .pinned_create = pinned_create,
        .pinned_free = pinned_free,
        .memory_check = memory_check,
        .stream_create = create_nothing,
        .stream_free = free_nothing,
        .event_create = create_event,
        .event_free = free_nothing,
        .event_record = done_two,
        .event_poll = done_one,
        .event_wait = done_one,
        .stream_wait = done_two,
        .zero = zero,
        .upload = upload,
        .download = download,
        .download_rows = download_rows,
        .launch = emulator_launch,
    };
    pluck_gpu_device *device = calloc(1, sizeof *device);
    if (!device || !lanes_create(PLK_WG)) {
        free(device);
        return NULL;
    }
    device->api = &table;
    snprintf(device->info.name, sizeof device->info.name, "plain C, %d lanes", PLK_WG);
    device->wg = PLK_WG;
    device->vpt = PLK_VPT;
    gpu_sizes_largest(device);
    device->info.memory = (uint64_t)4 << 30;
    device->target_groups = 6;
    device->local_memory = 1 << 20;
    device->maps_results = true;
    return device;
}

void emulator_close(pluck_gpu_device *device) {
    lanes_free();
    free(device);
}
