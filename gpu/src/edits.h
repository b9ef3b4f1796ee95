/* edits.h: which logits of a row its biases and penalties change, gathered for each call. */
#ifndef PLUCK_GPU_EDITS_H
#define PLUCK_GPU_EDITS_H

#include "offload.h"

#include "pluck_blocks.h"

/* Rings of 64 tokens, 1,024, ...: counting with the smallest that will do clears no more than it
 * uses, within a factor. The last one is as large as there may be edits. */
enum { GPU_EDIT_RINGS = 5, GPU_EDIT_FIRST_RING = 64, GPU_EDIT_RING_GROWTH = 16 };

typedef struct gpu_edits {
    int32_t max_edits;
    plk_edit *edits;          /* max_edits: the row's, ascending by id, each id once */
    int32_t *tokens, *counts; /* max_edits: what a ring counted */
    int32_t n_rings;
    int32_t sizes[GPU_EDIT_RINGS];
    pluck_token_ring *rings[GPU_EDIT_RINGS];
} gpu_edits;

/* Allocates; max_edits is 1 to PLK_MAX_VOCAB. After ERR_MEMORY, too, gpu_edits_free frees. */
pluck_gpu_status gpu_edits_create(gpu_edits *e, int32_t max_edits);
void gpu_edits_free(gpu_edits *e);

/*
 * The row's edits into e->edits: the plan's biases, and how often each token occurs among the last
 * last_n of the row's history. *n receives how many. Takes time in proportion to the history and
 * the biases. Errors: ERR_NULL (a history), ERR_TOKEN, ERR_SIZE (more than max_edits).
 */
pluck_gpu_status gpu_edits_gather(gpu_edits *e, const pluck_gpu_row *row, int32_t *n);

#endif /* PLUCK_GPU_EDITS_H */
