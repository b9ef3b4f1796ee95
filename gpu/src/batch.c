/*
 * batch.c: a batch context: allocates all memory at creation; calls are enqueued and waited for.
 *
 * A call occupies a slot (pinned host memory and an event) until its event has been reached. Device
 * memory is shared by all calls: they run one after another on their stream.
 */
#include "batch.h"

#include "sizes.h"

#include <stdlib.h>
#include <string.h>

static const pluck_gpu_batch_config defaults = {
    .max_candidates = 64, .max_edits = 512, .max_in_flight = 4};

static bool complete_config(pluck_gpu_batch_config *c, uint32_t small_max) {
    if (c->max_candidates == 0) c->max_candidates = defaults.max_candidates;
    if (c->max_edits == 0) c->max_edits = defaults.max_edits;
    if (c->max_in_flight == 0) c->max_in_flight = defaults.max_in_flight;
    return c->n_vocab >= 1 && c->n_vocab <= PLK_MAX_VOCAB && c->max_rows >= 1 &&
           c->max_rows <= 1024 && c->max_candidates >= 1 &&
           c->max_candidates <= (int32_t)small_max && c->max_edits >= 1 &&
           c->max_edits <= PLK_MAX_VOCAB && c->max_in_flight >= 1 && c->max_in_flight <= 64;
}

/* Room for what may lie in a nucleus: an eighth of the row, and at least enough for what two groups
 * of a top-k usually put there. A row with more is read again. */
static uint32_t choose_list_capacity(const pluck_gpu_batch_config *c) {
    const uint32_t two_lists = 2u * ((uint32_t)c->max_candidates + PLK_SELECT_SLACK);
    uint32_t capacity = (uint32_t)c->n_vocab / 8u;
    if (capacity < 4096u) capacity = 4096u;
    return capacity < two_lists ? two_lists : capacity;
}

static pluck_gpu_status create_memory(pluck_gpu_batch *b) {
    const pluck_gpu_batch_config *c = &b->config;
    const size_t rows = (size_t)c->max_rows, candidates = rows * (size_t)c->max_candidates;
    const struct {
        gpu_memory *memory;
        size_t size;
    } parts[] = {
        {&b->params, gpu_params_size(c)},
        {&b->states, rows * sizeof(plk_state)},
        {&b->tiles, rows * b->n_tiles * sizeof(plk_tile)},
        {&b->partials, rows * b->n_tiles * sizeof(plk_u64)},
        {&b->lists, rows * b->list_capacity * sizeof(plk_u64)},
        {&b->results, rows * sizeof(plk_result)},
        {&b->ids, candidates * sizeof(int32_t)},
        {&b->logits, candidates * sizeof(float)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) b->wanted_bytes += parts[i].size;
    if (b->device->info.memory > 0 && b->wanted_bytes > b->device->info.memory) /* 0: not known */
        return PLUCK_GPU_ERR_DEVICE_MEMORY;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        GPU_TRY(b->device->api->memory_create(b->device, parts[i].size, parts[i].memory));
        b->device_bytes += parts[i].size;
    }
    return PLUCK_GPU_OK;
}

static pluck_gpu_status create_slot(pluck_gpu_batch *b, gpu_slot *slot) {
    const gpu_backend_table *api = b->device->api;
    const size_t rows = (size_t)b->config.max_rows;
    const size_t candidates = rows * (size_t)b->config.max_candidates;
    GPU_TRY(api->event_create(b->device, false, &slot->done));
    GPU_TRY(api->pinned_create(b->device, gpu_params_size(&b->config), &slot->params));
    GPU_TRY(api->pinned_create(b->device, rows * sizeof(plk_result), &slot->results));
    GPU_TRY(api->pinned_create(b->device, candidates * sizeof(int32_t), &slot->ids));
    return api->pinned_create(b->device, candidates * sizeof(float), &slot->logits);
}

pluck_gpu_status gpu_clear_states(pluck_gpu_batch *b, gpu_stream stream) {
    GPU_TRY(b->device->api->zero(b->device, stream, b->states,
                                 (size_t)b->config.max_rows * sizeof(plk_state)));
    b->dirty = false;
    return PLUCK_GPU_OK;
}

static pluck_gpu_status create_all(pluck_gpu_batch *b) {
    const gpu_backend_table *api = b->device->api;
    const size_t slots = (size_t)b->config.max_in_flight;
    b->slots = calloc(slots, sizeof *b->slots);
    b->plans = calloc((size_t)b->config.max_rows, sizeof *b->plans);
    if (!b->slots || !b->plans) return PLUCK_GPU_ERR_MEMORY;
    GPU_TRY(gpu_edits_create(&b->edits, b->config.max_edits));
    GPU_TRY(api->stream_create(b->device, &b->stream));
    GPU_TRY(create_memory(b));
    for (size_t i = 0; i < slots; i++) GPU_TRY(create_slot(b, b->slots + i));
    GPU_TRY(gpu_clear_states(b, b->stream));
    GPU_TRY(api->event_record(b->device, b->slots[0].done, b->stream));
    return api->event_wait(b->device, b->slots[0].done);
}

pluck_gpu_status pluck_gpu_batch_create(pluck_gpu_batch **out, pluck_gpu_device *device,
                                        const pluck_gpu_batch_config *config,
                                        pluck_gpu_error *error) {
    pluck_gpu_batch_config c;
    pluck_gpu_batch *b;
    pluck_gpu_status status;
    size_t local_bytes;
    if (!out || !device || !config)
        return gpu_fail(error, PLUCK_GPU_ERR_NULL, "pluck_gpu_batch_create: NULL argument");
    c = *config;
    if (!complete_config(&c, device->small_max))
        return gpu_fail(
            error, PLUCK_GPU_ERR_SIZE,
            "n_vocab %d (1 to %d), max_rows %d (1 to 1024), max_candidates %d (1 to %d), "
            "max_edits %d (1 to %d) or max_in_flight %d (1 to 64) is out of range",
            (int)c.n_vocab, PLK_MAX_VOCAB, (int)c.max_rows, (int)c.max_candidates,
            (int)device->small_max, (int)c.max_edits, PLK_MAX_VOCAB, (int)c.max_in_flight);
    if (atomic_load(&device->lost))
        return gpu_fail(error, PLUCK_GPU_ERR_LOST, "%s is lost; close it and open it again",
                        device->info.name);
    b = calloc(1, sizeof *b);
    if (!b) return gpu_fail(error, PLUCK_GPU_ERR_MEMORY, "out of host memory");
    b->device = device;
    b->config = c;
    b->next_ticket = 1;
    b->n_tiles = ((uint32_t)c.n_vocab + device->wg * device->vpt - 1) / (device->wg * device->vpt);
    b->list_capacity = choose_list_capacity(&c);
    local_bytes = gpu_local_bytes(device, (uint32_t)c.max_candidates);
    if (local_bytes > device->local_memory)
        status = gpu_fail(error, PLUCK_GPU_ERR_SIZE,
                          "max_candidates %d needs %zu bytes of local memory; the device has %zu",
                          (int)c.max_candidates, local_bytes, device->local_memory);
    else if ((status = gpu_note(device, create_all(b))) != PLUCK_GPU_OK)
        gpu_fail(error, status,
                 "%s: %d rows of %d tokens need %zu bytes on the device, which has %llu; %zu were "
                 "given",
                 pluck_gpu_status_string(status), (int)c.max_rows, (int)c.n_vocab, b->wanted_bytes,
                 (unsigned long long)device->info.memory, b->device_bytes);
    if (status != PLUCK_GPU_OK) {
        pluck_gpu_batch_free(b);
        return status;
    }
    *out = b;
    return PLUCK_GPU_OK;
}

/* Work on the batch's own stream uses its memory, even if no ticket names it. */
static void wait_for_own_stream(pluck_gpu_batch *b) {
    const gpu_backend_table *api = b->device->api;
    const gpu_event event = b->slots ? b->slots[0].done : NULL;
    if (b->stream && event && api->event_record(b->device, event, b->stream) == PLUCK_GPU_OK)
        (void)api->event_wait(b->device, event);
}

void pluck_gpu_batch_free(pluck_gpu_batch *b) {
    const gpu_backend_table *api;
    if (!b) return;
    api = b->device->api;
    for (int32_t i = 0; b->slots && i < b->config.max_in_flight; i++)
        if (b->slots[i].done && b->slots[i].ticket)
            (void)api->event_wait(b->device, b->slots[i].done);
    wait_for_own_stream(b);
    for (int32_t i = 0; b->slots && i < b->config.max_in_flight; i++) {
        gpu_slot *slot = b->slots + i;
        if (slot->done) api->event_free(b->device, slot->done);
        api->pinned_free(b->device, &slot->params);
        api->pinned_free(b->device, &slot->results);
        api->pinned_free(b->device, &slot->ids);
        api->pinned_free(b->device, &slot->logits);
    }
    api->memory_free(b->device, b->params);
    api->memory_free(b->device, b->states);
    api->memory_free(b->device, b->tiles);
    api->memory_free(b->device, b->partials);
    api->memory_free(b->device, b->lists);
    api->memory_free(b->device, b->results);
    api->memory_free(b->device, b->ids);
    api->memory_free(b->device, b->logits);
    if (b->stream) api->stream_free(b->device, b->stream);
    free(b->slots);
    gpu_edits_free(&b->edits);
    free(b->plans);
    free(b);
}

size_t pluck_gpu_batch_memory(const pluck_gpu_batch *b) {
    return b ? b->device_bytes : 0;
}

gpu_slot *gpu_slot_of(pluck_gpu_batch *b, uint64_t ticket) {
    gpu_slot *slot = b->slots + ticket % (uint64_t)b->config.max_in_flight;
    return ticket != 0 && slot->ticket == ticket ? slot : NULL;
}

/* Notes how a call ended. A call that failed may have left its rows' states half-written. */
static pluck_gpu_status finished(pluck_gpu_batch *b, pluck_gpu_status status) {
    if (status != PLUCK_GPU_OK && status != PLUCK_GPU_ERR_NOT_READY) b->dirty = true;
    return gpu_note(b->device, status);
}

pluck_gpu_status pluck_gpu_poll(pluck_gpu_batch *b, uint64_t ticket) {
    gpu_slot *slot;
    if (!b) return PLUCK_GPU_ERR_NULL;
    slot = gpu_slot_of(b, ticket);
    if (!slot) return PLUCK_GPU_ERR_TICKET;
    return finished(b, b->device->api->event_poll(b->device, slot->done));
}

pluck_gpu_status pluck_gpu_wait(pluck_gpu_batch *b, uint64_t ticket,
                                const pluck_gpu_result **results) {
    gpu_slot *slot;
    if (!b) return PLUCK_GPU_ERR_NULL;
    slot = gpu_slot_of(b, ticket);
    if (!slot) return PLUCK_GPU_ERR_TICKET;
    GPU_TRY(finished(b, b->device->api->event_wait(b->device, slot->done)));
    if (results) *results = slot->result;
    return PLUCK_GPU_OK;
}

pluck_gpu_status pluck_gpu_candidates(pluck_gpu_batch *b, uint64_t ticket, int32_t row,
                                      pluck_row *candidates) {
    gpu_slot *slot;
    size_t first;
    if (!b || !candidates) return PLUCK_GPU_ERR_NULL;
    GPU_TRY(pluck_gpu_poll(b, ticket));
    slot = gpu_slot_of(b, ticket);
    if (row < 0 || row >= slot->n_rows) return PLUCK_GPU_ERR_SIZE;
    if (!slot->has_candidates || slot->result[row].token >= 0) return PLUCK_GPU_ERR_CHAIN;
    if (slot->result[row].status == PLUCK_GPU_ERR_OVERFLOW) return PLUCK_GPU_ERR_OVERFLOW;
    first = (size_t)row * (size_t)b->config.max_candidates;
    memset(candidates, 0, sizeof *candidates);
    candidates->logits = slot->logit + first;
    candidates->dtype = PLUCK_DTYPE_F32;
    candidates->ids = slot->id + first;
    candidates->n = slot->result[row].n_candidates;
    candidates->descending = true;
    for (int32_t i = 1; i < candidates->n && candidates->descending; i++)
        candidates->descending =
            slot->logit[first + (size_t)i - 1] >= slot->logit[first + (size_t)i];
    return PLUCK_GPU_OK;
}
