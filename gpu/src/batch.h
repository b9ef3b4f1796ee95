/* batch.h: a batch context, and the parts of one call. */
#ifndef PLUCK_GPU_BATCH_H
#define PLUCK_GPU_BATCH_H

#include "edits.h"

/* Host memory of one call in flight. */
typedef struct gpu_slot {
    uint64_t ticket; /* 0: never used */
    gpu_event done;
    gpu_pinned params;
    gpu_pinned results;
    gpu_pinned ids;
    gpu_pinned logits;
    const pluck_gpu_result *result; /* this call's */
    const int32_t *id;
    const float *logit;
    int32_t n_rows;
    bool has_candidates;
} gpu_slot;

struct pluck_gpu_batch {
    pluck_gpu_device *device;
    pluck_gpu_batch_config config;
    gpu_stream stream; /* for calls that name none */
    gpu_memory params, states, tiles, partials, lists, results, ids, logits;
    size_t device_bytes, wanted_bytes; /* allocated; to be allocated */
    uint32_t n_tiles;
    uint32_t list_capacity;
    uint64_t next_ticket;
    bool dirty;                   /* a call failed: the states must be cleared */
    gpu_slot *slots;              /* max_in_flight */
    gpu_edits edits;              /* scratch: those of one row */
    const pluck_gpu_plan **plans; /* scratch: of each chain in the call */
};

/* The call's parameters as the kernels read them, written to the slot's pinned memory. */
typedef struct gpu_prepared {
    plk_call call;
    size_t bytes;
    bool any_greedy, any_top, any_surveyed, any_gathered, any_moments, any_finish, any_candidates;
    bool any_large; /* a draw may be from many candidates */
    int32_t max_k;  /* of the rows that start with a top-k */
} gpu_prepared;

pluck_gpu_status gpu_prepare(pluck_gpu_batch *batch, const pluck_gpu_call *call, void *params,
                             gpu_prepared *out);

/* Largest sizes of the parts of the parameters. */
size_t gpu_params_size(const pluck_gpu_batch_config *config);

/* Groups for each row, so that all rows together fill the device; at most as many as tiles. */
uint32_t gpu_groups_per_row(const pluck_gpu_batch *batch, int32_t n_rows);

/* Describes the logits to the kernels, and checks them. Fills in the stride of `logits`. */
pluck_gpu_status gpu_describe_logits(pluck_gpu_batch *batch, pluck_gpu_logits *logits,
                                     plk_call *out);

/* The next call's slot. ERR_BUSY while it is in flight, ERR_LOST if the device is lost. */
pluck_gpu_status gpu_take_slot(pluck_gpu_batch *batch, gpu_slot **out);

/*
 * Ends a call that was enqueued with `status`. On success the slot is in flight behind what the
 * stream holds, and *ticket names it. Otherwise waits for what was enqueued, since it may use the
 * slot's memory, and leaves the slot free.
 */
pluck_gpu_status gpu_end_call(pluck_gpu_batch *batch, gpu_slot *slot, gpu_stream stream,
                              pluck_gpu_status status, uint64_t *ticket);

/* Enqueues the clearing of what rows' kernels pass to each other. */
pluck_gpu_status gpu_clear_states(pluck_gpu_batch *batch, gpu_stream stream);

/* The slot of a ticket; NULL if the ticket is unknown or its slot is used again. */
gpu_slot *gpu_slot_of(pluck_gpu_batch *batch, uint64_t ticket);

#endif /* PLUCK_GPU_BATCH_H */
