/* hybrid.c: where the device's part of a chain ends and the CPU's begins. */
#include "batch.h"

#include <string.h>

int32_t pluck_gpu_finish_row(pluck_gpu_batch *batch, uint64_t ticket, int32_t row,
                             pluck_sampler *tail, pluck_draw *draw) {
    const pluck_gpu_result *results = NULL;
    pluck_row candidates;
    pluck_gpu_status status;
    gpu_slot *slot;
    if (!batch || !draw) return PLUCK_GPU_ERR_NULL;
    status = pluck_gpu_wait(batch, ticket, &results);
    if (status != PLUCK_GPU_OK) return status;
    slot = gpu_slot_of(batch, ticket);
    if (row < 0 || row >= slot->n_rows) return PLUCK_GPU_ERR_SIZE;
    results += row;
    if (results->status != 0) return results->status;
    if (results->token >= 0) {
        draw->token = results->token;
        draw->logit = results->logit;
        draw->probability = results->probability;
        draw->n_candidates = results->n_candidates;
        return PLUCK_OK;
    }
    if (!tail) return PLUCK_GPU_ERR_NULL;
    status = pluck_gpu_candidates(batch, ticket, row, &candidates);
    if (status != PLUCK_GPU_OK) return status;
    return pluck_sample_row(tail, &candidates, draw);
}
