/* edits.h: which logits of a row its biases and penalties change, gathered for each call. */
#ifndef PLUCK_GPU_EDITS_H
#define PLUCK_GPU_EDITS_H

#include "offload.h"

#include "pluck_blocks.h"

/* Rings of 64 tokens, 1,024, ...: a call counts with the smallest that is large enough, so it
 * clears at most 16 times what it uses. The last ring is as large as the number of edits may be. */
enum { GPU_EDIT_RINGS = 5, GPU_EDIT_FIRST_RING = 64, GPU_EDIT_RING_GROWTH = 16 };

typedef struct gpu_edits {
    int32_t max_edits;
    plk_edit *edits;          /* max_edits: the row's, ascending by id, each id once */
    int32_t *tokens, *counts; /* max_edits: what a ring counted */
    int32_t n_rings;
    int32_t sizes[GPU_EDIT_RINGS];
    pluck_token_ring *rings[GPU_EDIT_RINGS];
} gpu_edits;

/* Allocates; max_edits is 1 to PLK_MAX_VOCAB. Call gpu_edits_free also after ERR_MEMORY. */
pluck_gpu_status gpu_edits_create(gpu_edits *e, int32_t max_edits);
void gpu_edits_free(gpu_edits *e);

/*
 * Writes the row's edits to e->edits: the plan's biases, and how often each token occurs among the
 * last last_n of the row's history. *n receives the number of edits. The time is in proportion to
 * the history and the biases. Errors: ERR_NULL (a history), ERR_TOKEN, ERR_SIZE (more than
 * max_edits).
 */
pluck_gpu_status gpu_edits_gather(gpu_edits *e, const pluck_gpu_row *row, int32_t *n);

#endif /* PLUCK_GPU_EDITS_H */
