/* emulator.c: see emulator.h. Everything happens inside the call that enqueues it. */
#define _GNU_SOURCE /* ucontext */
#include "emulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define PLK_WG             16
#define PLK_VPT            8
#define PLK_COUNT_SORT_MAX 32 /* so that both ways of sorting are used */
#include "../kernels/pluck.cl"

enum { STACK = 256 * 1024 };

typedef struct coroutine {
    ucontext_t context;
    bool finished;
    u32 barriers; /* met so far */
} coroutine;

plk_emu_place plk_emu;
static coroutine lanes[PLK_WG];
static char *stacks;
static ucontext_t scheduler;
static const gpu_launch *launching;
static u64 *local_memory;

void plk_emu_barrier(void) {
    coroutine *lane = lanes + plk_emu.lane;
    lane->barriers++;
    swapcontext(&lane->context, &scheduler);
}

#define MEMORY(i, type) ((type *)launching->arguments[i].memory)
#define VALUE(i, type)  (*(const type *)launching->arguments[i].value)

static void run_lane(void) {
    switch (launching->kernel) {
    case GPU_KERNEL_argmax:
        pluck_argmax(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                     MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, u64),
                     MEMORY(6, plk_result), local_memory);
        break;
    case GPU_KERNEL_survey:
        pluck_survey(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                     MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, plk_tile),
                     local_memory);
        break;
    case GPU_KERNEL_gather:
        pluck_gather(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                     MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, plk_tile),
                     MEMORY(6, u64), local_memory);
        break;
    case GPU_KERNEL_select:
        pluck_select(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                     MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, plk_tile),
                     MEMORY(6, u64), local_memory);
        break;
    case GPU_KERNEL_reduce:
        pluck_reduce(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                     MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, plk_tile),
                     MEMORY(6, u64), MEMORY(7, plk_result), local_memory);
        break;
    case GPU_KERNEL_draw_large:
        pluck_draw_large(MEMORY(0, const uchar), VALUE(1, plk_call), MEMORY(2, const uchar),
                         MEMORY(3, const uchar), MEMORY(4, plk_state), MEMORY(5, const plk_tile),
                         MEMORY(6, plk_result), local_memory);
        break;
    case GPU_KERNEL_finish:
        pluck_finish(VALUE(0, plk_call), MEMORY(1, const uchar), MEMORY(2, plk_state),
                     MEMORY(3, const u64), MEMORY(4, plk_result), MEMORY(5, i32), MEMORY(6, float),
                     local_memory);
        break;
    case GPU_KERNEL_sum_exp:
        pluck_sum_exp(MEMORY(0, const uchar), VALUE(1, plk_call), VALUE(2, plk_softmax),
                      MEMORY(3, plk_state), MEMORY(4, plk_tile), MEMORY(5, plk_result),
                      MEMORY(6, float), local_memory);
        break;
    case GPU_KERNEL_softmax:
        pluck_softmax(MEMORY(0, const uchar), VALUE(1, plk_call), VALUE(2, plk_softmax),
                      MEMORY(3, const plk_state), MEMORY(4, float));
        break;
    default:
        pluck_busy(MEMORY(0, float), VALUE(1, u32), local_memory);
        break;
    }
}

static void coroutine_main(void) {
    run_lane();
    lanes[plk_emu.lane].finished = true;
    setcontext(&scheduler);
}

static void prepare_lane(u32 i) {
    lanes[i].finished = false;
    lanes[i].barriers = 0;
    getcontext(&lanes[i].context);
    lanes[i].context.uc_stack.ss_sp = stacks + (size_t)i * STACK;
    lanes[i].context.uc_stack.ss_size = STACK;
    makecontext(&lanes[i].context, coroutine_main, 0);
}

/* Runs the lanes of one group from barrier to barrier. */
static void run_group(void) {
    static u32 finished; /* static: contexts are switched while it counts */
    finished = 0;
    for (u32 i = 0; i < PLK_WG; i++) prepare_lane(i);
    while (finished < PLK_WG) {
        finished = 0;
        for (u32 i = 0; i < PLK_WG; i++) {
            if (!lanes[i].finished) {
                plk_emu.lane = i;
                swapcontext(&scheduler, &lanes[i].context);
            }
            finished += lanes[i].finished;
        }
        for (u32 i = 1; i < PLK_WG; i++) {
            if (lanes[i].barriers == lanes[0].barriers && lanes[i].finished == lanes[0].finished)
                continue;
            fprintf(stderr, "kernel %d: lane %u met %u barriers, lane 0 %u\n",
                    (int)launching->kernel, i, lanes[i].barriers, lanes[0].barriers);
            abort();
        }
    }
}

static pluck_gpu_status emulator_launch(pluck_gpu_device *d, gpu_stream stream,
                                        const gpu_launch *launch) {
    (void)d;
    (void)stream;
    launching = launch;
    local_memory = malloc(launch->local_bytes + 1);
    if (!local_memory) return PLUCK_GPU_ERR_MEMORY;
    plk_emu.groups_x = launch->groups_x;
    for (u32 y = 0; y < launch->groups_y; y++) {
        for (u32 x = 0; x < launch->groups_x; x++) {
            memset(local_memory, 0xA5, launch->local_bytes); /* nothing may rely on its content */
            plk_emu.group_x = x;
            plk_emu.group_y = y;
            run_group();
        }
    }
    free(local_memory);
    return PLUCK_GPU_OK;
}

/* Memory that exists, so that it can be told where a range lies in none. */
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
    stacks = malloc((size_t)PLK_WG * STACK);
    if (!device || !stacks) {
        free(device);
        free(stacks);
        return NULL;
    }
    device->api = &table;
    snprintf(device->info.name, sizeof device->info.name, "plain C, %d lanes", PLK_WG);
    device->wg = PLK_WG;
    device->vpt = PLK_VPT;
    device->info.memory = (uint64_t)4 << 30;
    device->target_groups = 6;
    device->local_memory = 1 << 20;
    device->maps_results = true;
    return device;
}

void emulator_close(pluck_gpu_device *device) {
    free(stacks);
    stacks = NULL;
    free(device);
}
