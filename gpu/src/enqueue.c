/* enqueue.c: one call: copies its parameters to the device, runs its kernels,
 * returns its results. */
#include "batch.h"

#include <string.h>

uint32_t gpu_groups_per_row(const pluck_gpu_batch *b, int32_t n_rows) {
    const uint32_t rows = (uint32_t)n_rows;
    uint32_t groups = b->device->target_groups / rows; /* more would start when others have ended */
    if (groups > b->n_tiles) groups = b->n_tiles;
    return groups ? groups : 1;
}

/* Each group of a top-k puts k logits or a few more on the row's list. If all of them fit into
 * finish.cl, reduce.cl need not look at the list. */
static uint32_t groups_for_select(const pluck_gpu_batch *b, int32_t n_rows, int32_t max_k) {
    const uint32_t fit = b->device->small_max / ((uint32_t)max_k + PLK_SELECT_SLACK);
    const uint32_t groups = gpu_groups_per_row(b, n_rows);
    return groups <= fit ? groups : fit ? fit : 1;
}

typedef struct enqueuing {
    pluck_gpu_batch *batch;
    gpu_stream stream;
    gpu_memory logits, masks;
    /* The batch's, or the slot's pinned memory as the device sees it. */
    gpu_memory results, ids, candidate_logits;
    const gpu_prepared *prepared;
    int32_t n_rows;
} enqueuing;

static pluck_gpu_status run(const enqueuing *e, gpu_kernel kernel, uint32_t groups,
                            size_t local_words, const gpu_argument *arguments, int32_t n) {
    const gpu_launch launch = {
        kernel, groups, (uint32_t)e->n_rows, local_words * sizeof(plk_u64), arguments, n};
    return e->batch->device->api->launch(e->batch->device, e->stream, &launch);
}

static pluck_gpu_status launch_kernels(const enqueuing *e) {
    const pluck_gpu_batch *b = e->batch;
    const gpu_prepared *p = e->prepared;
    const uint32_t wg = b->device->wg, groups = gpu_groups_per_row(b, e->n_rows);
    const size_t scratch = PLK_SCRATCH_WORDS(wg),
                 finish_words = PLK_FINISH_WORDS(wg, b->device->small_max, b->device->bins);
    const gpu_argument logits = GPU_MEMORY(e->logits), call = GPU_VALUE(p->call),
                       params = GPU_MEMORY(b->params), masks = GPU_MEMORY(e->masks),
                       states = GPU_MEMORY(b->states), tiles = GPU_MEMORY(b->tiles),
                       lists = GPU_MEMORY(b->lists), results = GPU_MEMORY(e->results),
                       partials = GPU_MEMORY(b->partials), ids = GPU_MEMORY(e->ids),
                       candidate_logits = GPU_MEMORY(e->candidate_logits);
    if (p->any_greedy) {
        const gpu_argument a[] = {logits, call, params, masks, states, partials, results};
        GPU_TRY(run(e, GPU_KERNEL_argmax, groups, scratch, a, 7));
    }
    if (p->any_surveyed) {
        const gpu_argument a[] = {logits, call, params, masks, states, tiles, lists};
        GPU_TRY(run(e, GPU_KERNEL_survey, groups, scratch, a, 6));
        if (p->any_gathered) GPU_TRY(run(e, GPU_KERNEL_gather, groups, scratch, a, 7));
        if (p->any_moments) GPU_TRY(run(e, GPU_KERNEL_moments, groups, scratch, a, 6));
    }
    if (p->any_top) {
        const gpu_argument a[] = {logits, call, params, masks, states, lists};
        GPU_TRY(run(e, GPU_KERNEL_select, groups_for_select(b, e->n_rows, p->max_k),
                    PLK_SELECT_WORDS((size_t)b->config.max_candidates, wg, b->device->select_tiles),
                    a, 6));
    }
    if (p->any_finish) {
        const gpu_argument reduce[] = {logits, call, params, masks, states, tiles, lists, results};
        const gpu_argument finish[] = {call, params, states, lists, results, ids, candidate_logits};
        const gpu_argument draw[] = {logits, call, params, masks, states, tiles, results};
        GPU_TRY(run(e, GPU_KERNEL_reduce, 1, finish_words, reduce, 8));
        if (p->any_large) GPU_TRY(run(e, GPU_KERNEL_draw_large, 1, scratch, draw, 7));
        GPU_TRY(run(e, GPU_KERNEL_finish, 1, finish_words, finish, 7));
    }
    return PLUCK_GPU_OK;
}

/* Results to where the caller wants them, or to the slot. */
static pluck_gpu_status return_results(const enqueuing *e, gpu_slot *slot,
                                       const pluck_gpu_call *call) {
    const pluck_gpu_batch *b = e->batch;
    const gpu_backend_table *api = b->device->api;
    const size_t rows = (size_t)e->n_rows, candidates = rows * (size_t)b->config.max_candidates;
    pluck_gpu_result *results = call->results ? call->results : slot->results.host;
    int32_t *ids = call->ids ? call->ids : slot->ids.host;
    float *logits = call->candidate_logits ? call->candidate_logits : slot->logits.host;
    if (e->results == b->results)
        GPU_TRY(
            api->download(b->device, e->stream, results, b->results, 0, rows * sizeof(plk_result)));
    if (e->prepared->any_candidates && e->ids == b->ids)
        GPU_TRY(api->download(b->device, e->stream, ids, b->ids, 0, candidates * sizeof *ids));
    if (e->prepared->any_candidates && e->candidate_logits == b->logits)
        GPU_TRY(
            api->download(b->device, e->stream, logits, b->logits, 0, candidates * sizeof *logits));
    slot->result = results;
    slot->id = ids;
    slot->logit = logits;
    slot->n_rows = e->n_rows;
    slot->has_candidates = e->prepared->any_candidates;
    return PLUCK_GPU_OK;
}

static pluck_gpu_status enqueue_all(enqueuing *e, gpu_slot *slot, const pluck_gpu_call *call) {
    pluck_gpu_batch *b = e->batch;
    const gpu_backend_table *api = b->device->api;
    if (b->dirty) GPU_TRY(gpu_clear_states(b, e->stream));
    if (e->prepared->bytes > 0)
        GPU_TRY(
            api->upload(b->device, e->stream, b->params, slot->params.host, e->prepared->bytes));
    GPU_TRY(launch_kernels(e));
    return return_results(e, slot, call);
}

pluck_gpu_status gpu_describe_logits(pluck_gpu_batch *b, pluck_gpu_logits *logits, plk_call *out) {
    if (logits->n_rows > b->config.max_rows) return PLUCK_GPU_ERR_SIZE;
    GPU_TRY(gpu_check_logits(b->device, logits, b->config.n_vocab));
    out->offset = logits->offset;
    out->stride = logits->stride;
    out->dtype = (plk_i32)logits->dtype;
    out->n_vocab = b->config.n_vocab;
    out->list_capacity = (plk_i32)b->list_capacity;
    out->max_candidates = b->config.max_candidates;
    out->n_tiles = (plk_i32)b->n_tiles;
    return PLUCK_GPU_OK;
}

static pluck_gpu_status describe_masks(pluck_gpu_batch *b, const pluck_gpu_call *call,
                                       plk_call *c) {
    const size_t row = ((size_t)b->config.n_vocab + 31) / 32 * 4;
    const size_t stride = call->masks_stride ? call->masks_stride : row;
    if (!call->masks) return PLUCK_GPU_OK;
    if (stride % 4 != 0 || call->masks_offset % 4 != 0 || stride < row || stride / 4 > INT32_MAX)
        return PLUCK_GPU_ERR_SIZE;
    c->mask_stride = (plk_i32)(stride / 4);
    c->masks_at = call->masks_offset;
    return b->device->api->memory_check(b->device, call->masks, call->masks_offset,
                                        (size_t)(call->logits.n_rows - 1) * stride + row);
}

pluck_gpu_status gpu_take_slot(pluck_gpu_batch *b, gpu_slot **out) {
    gpu_slot *slot = b->slots + b->next_ticket % (uint64_t)b->config.max_in_flight;
    pluck_gpu_status status;
    if (atomic_load(&b->device->lost)) return PLUCK_GPU_ERR_LOST;
    if (slot->ticket != 0) {
        status = gpu_note(b->device, b->device->api->event_poll(b->device, slot->done));
        if (status == PLUCK_GPU_ERR_NOT_READY) return PLUCK_GPU_ERR_BUSY;
        if (status == PLUCK_GPU_ERR_LOST) return status;
        if (status != PLUCK_GPU_OK) { /* an earlier ticket's failure, not this call's */
            (void)b->device->api->event_wait(b->device, slot->done);
            b->dirty = true;
        }
    }
    *out = slot;
    return PLUCK_GPU_OK;
}

pluck_gpu_status gpu_end_call(pluck_gpu_batch *b, gpu_slot *slot, gpu_stream stream,
                              pluck_gpu_status status, uint64_t *ticket) {
    const gpu_backend_table *api = b->device->api;
    const pluck_gpu_status recorded = api->event_record(b->device, slot->done, stream);
    if (status == PLUCK_GPU_OK) status = recorded;
    if (status != PLUCK_GPU_OK) {
        /* Recording the event may be what failed: it is tried once more. */
        if (recorded == PLUCK_GPU_OK ||
            api->event_record(b->device, slot->done, stream) == PLUCK_GPU_OK)
            (void)api->event_wait(b->device, slot->done);
        b->dirty = true;
        slot->ticket = 0;
        return gpu_note(b->device, status);
    }
    slot->ticket = b->next_ticket++;
    *ticket = slot->ticket;
    return PLUCK_GPU_OK;
}

pluck_gpu_status pluck_gpu_enqueue(pluck_gpu_batch *b, const pluck_gpu_call *call,
                                   uint64_t *ticket) {
    pluck_gpu_logits logits;
    gpu_prepared prepared;
    enqueuing e;
    gpu_slot *slot;
    bool mapped;
    if (!b || !call || !ticket) return PLUCK_GPU_ERR_NULL;
    memset(&prepared, 0, sizeof prepared);
    logits = call->logits;
    GPU_TRY(gpu_describe_logits(b, &logits, &prepared.call));
    GPU_TRY(describe_masks(b, call, &prepared.call));
    GPU_TRY(gpu_take_slot(b, &slot));
    if (call->rows) {
        GPU_TRY(gpu_prepare(b, call, slot->params.host, &prepared));
    } else {
        prepared.call.bare = 1;
        prepared.any_greedy = true;
    }
    mapped = b->device->maps_results;
    e.batch = b;
    e.stream = call->stream ? call->stream : b->stream;
    e.logits = (gpu_memory)call->logits.data;
    e.masks = (gpu_memory)call->masks;
    e.results = mapped && !call->results ? slot->results.device : b->results;
    e.ids = mapped && !call->ids ? slot->ids.device : b->ids;
    e.candidate_logits = mapped && !call->candidate_logits ? slot->logits.device : b->logits;
    e.prepared = &prepared;
    e.n_rows = call->logits.n_rows;
    return gpu_end_call(b, slot, e.stream, enqueue_all(&e, slot, call), ticket);
}
