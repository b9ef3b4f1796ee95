/* softmax.c: enqueues softmax and log-sum-exp of whole rows. */
#include "batch.h"

#include <math.h>
#include <string.h>

/* Sets where the output lies, in bytes, and checks it. */
static pluck_gpu_status describe_output(pluck_gpu_device *device, const pluck_gpu_softmax *call,
                                        const plk_call *rows, plk_softmax *s) {
    const size_t width = (size_t)rows->n_vocab * sizeof(float), n = (size_t)call->logits.n_rows;
    const double t = call->temperature == 0.0f ? 1.0 : (double)call->temperature;
    if (!(t > 0.0) || isinf(t)) return PLUCK_GPU_ERR_SIZE;
    /* The inverse of the smallest temperature is beyond a float's range. */
    s->step = t < 0x1p-64 ? 0x1p64f : t > 0x1p64 ? 0x1p-64f : 1.0f;
    s->inverse = gpu_pair(1.0 / t / (double)s->step);
    s->rate = gpu_pair(1.4426950408889634 / t);
    s->logarithms = call->logarithms;
    s->gives_sums = call->sums != NULL;
    s->sums_at = call->sums_offset;
    s->out_at = call->out_offset;
    s->out_stride = call->out_stride ? call->out_stride : width;
    if (call->sums) {
        if (call->sums_offset % sizeof(float) != 0) return PLUCK_GPU_ERR_POINTER;
        GPU_TRY(
            device->api->memory_check(device, call->sums, call->sums_offset, n * sizeof(float)));
    }
    if (!call->out) return PLUCK_GPU_OK;
    if (s->out_stride < width || s->out_stride > SIZE_MAX / 2048) return PLUCK_GPU_ERR_SIZE;
    if (s->out_at % sizeof(float) != 0 || s->out_stride % sizeof(float) != 0)
        return PLUCK_GPU_ERR_POINTER;
    return device->api->memory_check(device, call->out, call->out_offset,
                                     (n - 1) * (size_t)s->out_stride + width);
}

/* Would writing the output change rows that are still to be read? */
static bool overlaps(const pluck_gpu_softmax *call, const plk_call *rows, const plk_softmax *s) {
    const uint64_t n = (uint64_t)call->logits.n_rows - 1, vocab = (uint64_t)rows->n_vocab;
    const uint64_t rows_end =
        rows->offset + n * rows->stride + vocab * gpu_element_size(call->logits.dtype);
    const uint64_t out_end = s->out_at + n * s->out_stride + vocab * sizeof(float);
    return call->out == call->logits.data && rows->offset < out_end && s->out_at < rows_end;
}

static pluck_gpu_status enqueue_all(pluck_gpu_batch *b, const pluck_gpu_softmax *call,
                                    const plk_call *rows, const plk_softmax *s, gpu_stream stream,
                                    gpu_slot *slot) {
    const gpu_backend_table *api = b->device->api;
    const bool mapped = b->device->maps_results && !call->results;
    const gpu_memory to = mapped ? slot->results.device : b->results;
    const int32_t n_rows = call->logits.n_rows;
    const gpu_argument logits = GPU_MEMORY((gpu_memory)call->logits.data),
                       described = GPU_VALUE(*rows), softmax = GPU_VALUE(*s),
                       states = GPU_MEMORY(b->states), tiles = GPU_MEMORY(b->tiles),
                       results = GPU_MEMORY(to), sums = GPU_MEMORY((gpu_memory)call->sums),
                       out = GPU_MEMORY((gpu_memory)call->out);
    const gpu_argument first[] = {logits, described, softmax, states, tiles, results, sums};
    const gpu_argument second[] = {logits, described, softmax, states, out};
    gpu_launch launch = {GPU_KERNEL_sum_exp,
                         gpu_groups_per_row(b, n_rows),
                         (uint32_t)n_rows,
                         PLK_SCRATCH_WORDS(b->device->wg) * sizeof(plk_u64),
                         first,
                         7};
    pluck_gpu_result *host = call->results ? call->results : slot->results.host;
    if (b->dirty) GPU_TRY(gpu_clear_states(b, stream));
    GPU_TRY(api->launch(b->device, stream, &launch));
    if (call->out) {
        launch.kernel = GPU_KERNEL_softmax;
        launch.local_bytes = 0;
        launch.arguments = second;
        launch.n_arguments = 5;
        GPU_TRY(api->launch(b->device, stream, &launch));
    }
    if (!mapped)
        GPU_TRY(api->download(b->device, stream, host, to, 0, (size_t)n_rows * sizeof(plk_result)));
    slot->result = host;
    slot->n_rows = n_rows;
    slot->has_candidates = false;
    return PLUCK_GPU_OK;
}

pluck_gpu_status pluck_gpu_enqueue_softmax(pluck_gpu_batch *b, const pluck_gpu_softmax *call,
                                           uint64_t *ticket) {
    pluck_gpu_logits logits;
    plk_call rows;
    plk_softmax softmax;
    gpu_stream stream;
    gpu_slot *slot;
    if (!b || !call || !ticket) return PLUCK_GPU_ERR_NULL;
    memset(&rows, 0, sizeof rows);
    memset(&softmax, 0, sizeof softmax);
    rows.bare = 1;
    logits = call->logits;
    GPU_TRY(gpu_describe_logits(b, &logits, &rows));
    GPU_TRY(describe_output(b->device, call, &rows, &softmax));
    if (overlaps(call, &rows, &softmax)) return PLUCK_GPU_ERR_POINTER;
    softmax.out_at /= sizeof(float); /* from bytes to elements */
    softmax.out_stride /= sizeof(float);
    softmax.sums_at /= sizeof(float);
    GPU_TRY(gpu_take_slot(b, &slot));
    stream = call->stream ? call->stream : b->stream;
    return gpu_end_call(b, slot, stream, enqueue_all(b, call, &rows, &softmax, stream, slot),
                        ticket);
}
