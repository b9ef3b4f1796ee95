/*
 * pipeline.c: copies rows to the host after their producer has written them, while its next work
 * runs.
 *
 * A ring of slots, each with pinned memory and two events. Submitting records an event on the
 * producer's stream, makes the pipeline's own stream wait for it, enqueues the copy there, and
 * records the slot's second event. A thread waits for those events in the order of submission, and
 * finishes the tickets: it calls their callbacks, or wakes whoever waits.
 *
 *     FREE -> COPYING -> DONE -> FREE       a ticket without a callback stays DONE until released
 *
 * A transfer that fails is DONE with its status; other slots are not affected.
 */
#include "device.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef enum slot_state { SLOT_FREE, SLOT_COPYING, SLOT_DONE } slot_state;

typedef struct transfer_slot {
    slot_state state;
    uint64_t ticket;
    pluck_gpu_status status; /* of a DONE slot */
    bool cancelled;
    gpu_pinned rows;
    gpu_event produced, copied;
    pluck_gpu_transfer_callback callback;
    void *ctx;
} transfer_slot;

struct pluck_gpu_pipeline {
    pluck_gpu_device *device;
    gpu_stream stream;
    int32_t n_slots;
    transfer_slot *slots;
    uint64_t next_ticket;   /* of the next submission; ticket t uses slot t % n_slots */
    uint64_t next_finished; /* the thread waits for this one */
    bool closing;
    bool has_thread, has_lock;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t submitted; /* wakes the thread */
    pthread_cond_t changed;   /* wakes callers that wait for a ticket or a slot */
};

static transfer_slot *slot_of(pluck_gpu_pipeline *p, uint64_t ticket) {
    transfer_slot *slot = p->slots + ticket % (uint64_t)p->n_slots;
    return ticket != 0 && slot->state != SLOT_FREE && slot->ticket == ticket ? slot : NULL;
}

static void free_slot(pluck_gpu_pipeline *p, transfer_slot *slot) {
    slot->state = SLOT_FREE;
    pthread_cond_broadcast(&p->changed);
}

/* A submission that failed half-way, or whose end could not be waited for, may have copies in
 * flight: the slot is not free before they end. The lock is held on entry and on return. */
static void settle(pluck_gpu_pipeline *p, const transfer_slot *slot) {
    const gpu_backend_table *api = p->device->api;
    if (api->event_record(p->device, slot->copied, p->stream) != PLUCK_GPU_OK) return;
    pthread_mutex_unlock(&p->lock);
    (void)api->event_wait(p->device, slot->copied);
    pthread_mutex_lock(&p->lock);
}

/* Waits for one copy and finishes its ticket. The lock is held on entry and on return. */
static void finish_one(pluck_gpu_pipeline *p) {
    transfer_slot *slot = p->slots + p->next_finished % (uint64_t)p->n_slots;
    pluck_gpu_status status = slot->status;
    if (status == PLUCK_GPU_OK) {
        pthread_mutex_unlock(&p->lock);
        status = p->device->api->event_wait(p->device, slot->copied);
        pthread_mutex_lock(&p->lock);
    }
    if (status != PLUCK_GPU_OK) settle(p, slot);
    (void)gpu_note(p->device, status);
    slot->status = slot->cancelled ? PLUCK_GPU_ERR_CANCELLED : status;
    p->next_finished++;
    slot->state = SLOT_DONE;
    if (!slot->callback) {
        pthread_cond_broadcast(&p->changed);
        return;
    }
    pthread_mutex_unlock(&p->lock);
    slot->callback(slot->ctx, slot->ticket, slot->status,
                   slot->status == PLUCK_GPU_OK ? slot->rows.host : NULL);
    pthread_mutex_lock(&p->lock);
    free_slot(p, slot);
}

static void *finish_tickets(void *argument) {
    pluck_gpu_pipeline *p = argument;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->next_finished == p->next_ticket && !p->closing)
            pthread_cond_wait(&p->submitted, &p->lock);
        if (p->next_finished == p->next_ticket) break;
        finish_one(p);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static pluck_gpu_status create_all(pluck_gpu_pipeline *p, size_t slot_size) {
    const gpu_backend_table *api = p->device->api;
    p->slots = calloc((size_t)p->n_slots, sizeof *p->slots);
    if (!p->slots || pthread_mutex_init(&p->lock, NULL) != 0) return PLUCK_GPU_ERR_MEMORY;
    pthread_cond_init(&p->submitted, NULL);
    pthread_cond_init(&p->changed, NULL);
    p->has_lock = true;
    GPU_TRY(api->stream_create(p->device, &p->stream));
    for (int32_t i = 0; i < p->n_slots; i++) {
        GPU_TRY(api->pinned_create(p->device, slot_size, &p->slots[i].rows));
        GPU_TRY(api->event_create(p->device, false, &p->slots[i].produced));
        GPU_TRY(api->event_create(p->device, false, &p->slots[i].copied));
    }
    p->has_thread = pthread_create(&p->thread, NULL, finish_tickets, p) == 0;
    return p->has_thread ? PLUCK_GPU_OK : PLUCK_GPU_ERR_MEMORY;
}

pluck_gpu_status pluck_gpu_pipeline_create(pluck_gpu_pipeline **out, pluck_gpu_device *device,
                                           const pluck_gpu_pipeline_config *config,
                                           pluck_gpu_error *error) {
    pluck_gpu_pipeline *p;
    pluck_gpu_status status;
    if (!out || !device || !config)
        return gpu_fail(error, PLUCK_GPU_ERR_NULL, "pluck_gpu_pipeline_create: NULL argument");
    if (config->n_slots < 2 || config->n_slots > 64 || config->slot_size == 0)
        return gpu_fail(error, PLUCK_GPU_ERR_SIZE,
                        "n_slots %d (2 to 64) or slot_size %zu (1 or more)", (int)config->n_slots,
                        config->slot_size);
    if (atomic_load(&device->lost))
        return gpu_fail(error, PLUCK_GPU_ERR_LOST, "%s is lost; close it and open it again",
                        device->info.name);
    p = calloc(1, sizeof *p);
    if (!p) return gpu_fail(error, PLUCK_GPU_ERR_MEMORY, "out of host memory");
    p->device = device;
    p->n_slots = config->n_slots;
    p->next_ticket = p->next_finished = 1;
    status = gpu_note(device, create_all(p, config->slot_size));
    if (status != PLUCK_GPU_OK) {
        pluck_gpu_pipeline_free(p);
        return gpu_fail(error, status, "%s, for %d slots of %zu bytes",
                        pluck_gpu_status_string(status), (int)config->n_slots, config->slot_size);
    }
    *out = p;
    return PLUCK_GPU_OK;
}

void pluck_gpu_pipeline_free(pluck_gpu_pipeline *p) {
    const gpu_backend_table *api;
    if (!p) return;
    api = p->device->api;
    if (p->has_thread) {
        pthread_mutex_lock(&p->lock);
        p->closing = true;
        pthread_cond_signal(&p->submitted);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->thread, NULL);
    }
    for (int32_t i = 0; p->slots && i < p->n_slots; i++) {
        api->pinned_free(p->device, &p->slots[i].rows);
        api->event_free(p->device, p->slots[i].produced);
        api->event_free(p->device, p->slots[i].copied);
    }
    if (p->stream) api->stream_free(p->device, p->stream);
    if (p->has_lock) {
        pthread_cond_destroy(&p->submitted);
        pthread_cond_destroy(&p->changed);
        pthread_mutex_destroy(&p->lock);
    }
    free(p->slots);
    free(p);
}

static pluck_gpu_status enqueue_copy(pluck_gpu_pipeline *p, transfer_slot *slot,
                                     const pluck_gpu_logits *logits, size_t width, void *producer) {
    const gpu_backend_table *api = p->device->api;
    if (producer) {
        GPU_TRY(api->event_record(p->device, slot->produced, producer));
        GPU_TRY(api->stream_wait(p->device, p->stream, slot->produced));
    }
    GPU_TRY(api->download_rows(p->device, p->stream, slot->rows.host, (gpu_memory)logits->data,
                               logits->offset, logits->stride, width, (size_t)logits->n_rows));
    return api->event_record(p->device, slot->copied, p->stream);
}

pluck_gpu_status pluck_gpu_pipeline_submit(pluck_gpu_pipeline *p, const pluck_gpu_logits *logits,
                                           int32_t n_vocab, void *producer,
                                           pluck_gpu_transfer_callback callback, void *ctx,
                                           uint64_t *ticket) {
    pluck_gpu_logits rows;
    transfer_slot *slot;
    size_t width;
    if (!p || !logits || !ticket) return PLUCK_GPU_ERR_NULL;
    if (n_vocab < 1) return PLUCK_GPU_ERR_SIZE;
    if (atomic_load(&p->device->lost)) return PLUCK_GPU_ERR_LOST;
    rows = *logits;
    GPU_TRY(gpu_check_logits(p->device, &rows, n_vocab));
    width = (size_t)n_vocab * gpu_element_size(rows.dtype);
    pthread_mutex_lock(&p->lock);
    slot = p->slots + p->next_ticket % (uint64_t)p->n_slots;
    if (slot->state != SLOT_FREE || width * (size_t)rows.n_rows > slot->rows.size) {
        const bool busy = slot->state != SLOT_FREE;
        pthread_mutex_unlock(&p->lock);
        return busy ? PLUCK_GPU_ERR_BUSY : PLUCK_GPU_ERR_SIZE;
    }
    slot->ticket = p->next_ticket++;
    slot->cancelled = false;
    slot->callback = callback;
    slot->ctx = ctx;
    /* A failure here is reported by the ticket, as a later one is. */
    slot->status = enqueue_copy(p, slot, &rows, width, producer);
    slot->state = SLOT_COPYING;
    *ticket = slot->ticket;
    pthread_cond_signal(&p->submitted);
    pthread_mutex_unlock(&p->lock);
    return PLUCK_GPU_OK;
}

pluck_gpu_status pluck_gpu_pipeline_poll(pluck_gpu_pipeline *p, uint64_t ticket) {
    transfer_slot *slot;
    pluck_gpu_status status = PLUCK_GPU_ERR_TICKET;
    if (!p) return PLUCK_GPU_ERR_NULL;
    pthread_mutex_lock(&p->lock);
    slot = slot_of(p, ticket);
    if (slot) status = slot->state == SLOT_DONE ? slot->status : PLUCK_GPU_ERR_NOT_READY;
    pthread_mutex_unlock(&p->lock);
    return status;
}

pluck_gpu_status pluck_gpu_pipeline_wait(pluck_gpu_pipeline *p, uint64_t ticket,
                                         const void **rows) {
    transfer_slot *slot;
    pluck_gpu_status status = PLUCK_GPU_ERR_TICKET;
    if (!p || !rows) return PLUCK_GPU_ERR_NULL;
    pthread_mutex_lock(&p->lock);
    while ((slot = slot_of(p, ticket)) != NULL && !slot->callback && slot->state != SLOT_DONE)
        pthread_cond_wait(&p->changed, &p->lock);
    if (slot && !slot->callback) {
        status = slot->status;
        if (status == PLUCK_GPU_OK)
            *rows = slot->rows.host;
        else
            free_slot(p, slot);
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

pluck_gpu_status pluck_gpu_pipeline_release(pluck_gpu_pipeline *p, uint64_t ticket) {
    transfer_slot *slot;
    pluck_gpu_status status = PLUCK_GPU_ERR_TICKET;
    if (!p) return PLUCK_GPU_ERR_NULL;
    pthread_mutex_lock(&p->lock);
    slot = slot_of(p, ticket);
    if (slot && !slot->callback) {
        status = slot->state == SLOT_DONE ? PLUCK_GPU_OK : PLUCK_GPU_ERR_NOT_READY;
        if (status == PLUCK_GPU_OK) free_slot(p, slot);
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

pluck_gpu_status pluck_gpu_pipeline_cancel(pluck_gpu_pipeline *p, uint64_t ticket) {
    transfer_slot *slot;
    pluck_gpu_status status = PLUCK_GPU_ERR_TICKET;
    if (!p) return PLUCK_GPU_ERR_NULL;
    pthread_mutex_lock(&p->lock);
    slot = slot_of(p, ticket);
    if (slot && slot->state == SLOT_COPYING) {
        slot->cancelled = true;
        status = PLUCK_GPU_OK;
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

pluck_gpu_status pluck_gpu_pipeline_wait_slot(pluck_gpu_pipeline *p) {
    transfer_slot *slot;
    pluck_gpu_status status;
    if (!p) return PLUCK_GPU_ERR_NULL;
    pthread_mutex_lock(&p->lock);
    slot = p->slots + p->next_ticket % (uint64_t)p->n_slots;
    while (slot->state == SLOT_COPYING || (slot->state == SLOT_DONE && slot->callback))
        pthread_cond_wait(&p->changed, &p->lock);
    status = slot->state == SLOT_FREE ? PLUCK_GPU_OK : PLUCK_GPU_ERR_BUSY;
    pthread_mutex_unlock(&p->lock);
    return status;
}
