/*
 * workspace.c: memory of a call, laid out in one block: every array starts on a cache line.
 */
#include <stdlib.h>

#include "candidates.h"

enum { LINE = 64 };

void *pluck_allocate(const pluck_allocator *allocator, size_t size) {
    return allocator->allocate ? allocator->allocate(allocator->ctx, size) : malloc(size);
}

void pluck_deallocate(const pluck_allocator *allocator, void *pointer, size_t size) {
    if (!pointer) return;
    if (allocator->deallocate)
        allocator->deallocate(allocator->ctx, pointer, size);
    else
        free(pointer);
}

bool pluck_allocator_is_whole(const pluck_allocator *allocator) {
    return !allocator->allocate == !allocator->deallocate;
}

/* Takes `size` bytes at *offset, and moves it on to the next line. */
static size_t take(size_t *offset, size_t size) {
    const size_t at = *offset;
    *offset += round_up(size, LINE);
    return at;
}

/* Sizes the block for n_vocab; with base, also points the workspace's members into it. */
static size_t lay_out(int32_t n_vocab, pluck_workspace *ws, char *base) {
    const size_t n_groups = round_up((size_t)n_vocab, GROUP) / GROUP;
    const size_t list = (n_groups + 1) * GROUP;
    size_t offset = 0;
    take(&offset, sizeof(pluck_workspace));
    const size_t ids = take(&offset, list * sizeof(int32_t));
    const size_t logits = take(&offset, list * sizeof(float));
    const size_t spare = take(&offset, list * sizeof(float));
    const size_t n_blocks = n_groups / BLOCK_GROUPS + 1;
    const size_t group_max = take(&offset, n_blocks * BLOCK_GROUPS * sizeof(float));
    const size_t block_max = take(&offset, n_blocks * sizeof(float));
    const size_t group_sum = take(&offset, (n_groups + 1) * sizeof(double));
    const size_t group_moment = take(&offset, (n_groups + 1) * sizeof(double));
    const size_t group_patch = take(&offset, n_groups * sizeof(int32_t));
    const size_t special = take(&offset, (n_groups / 64 + 1) * sizeof(uint64_t));
    const size_t histogram = take(&offset, HISTOGRAM_BINS * sizeof(double));
    if (base) {
        ws->ids = (int32_t *)(void *)(base + ids);
        ws->logits = (float *)(void *)(base + logits);
        ws->spare = (float *)(void *)(base + spare);
        ws->group_max = (float *)(void *)(base + group_max);
        ws->block_max = (float *)(void *)(base + block_max);
        ws->group_sum = (double *)(void *)(base + group_sum);
        ws->group_moment = (double *)(void *)(base + group_moment);
        ws->group_patch = (int32_t *)(void *)(base + group_patch);
        ws->special = (uint64_t *)(void *)(base + special);
        ws->histogram = (double *)(void *)(base + histogram);
    }
    return offset + LINE; /* the block may start anywhere */
}

size_t pluck_workspace_size(int32_t n_vocab) {
    return n_vocab < 1 || n_vocab > PLUCK_MAX_VOCAB ? 0 : lay_out(n_vocab, NULL, NULL);
}

pluck_status pluck_workspace_create(pluck_workspace **out, int32_t n_vocab,
                                    const pluck_allocator *allocator) {
    if (!out) return PLUCK_ERR_NULL;
    const size_t size = pluck_workspace_size(n_vocab);
    if (size == 0) return PLUCK_ERR_VOCAB;
    const pluck_allocator from = allocator ? *allocator : (pluck_allocator){0};
    if (!pluck_allocator_is_whole(&from)) return PLUCK_ERR_NULL;
    pluck_workspace *ws = pluck_allocate(&from, size);
    if (!ws) return PLUCK_ERR_MEMORY;
    memset(ws, 0, sizeof *ws);
    ws->allocator = from;
    ws->size = size;
    ws->n_vocab = n_vocab;
    const size_t shift = (LINE - (uintptr_t)ws % LINE) % LINE;
    lay_out(n_vocab, ws, (char *)ws + shift);
    *out = ws;
    return PLUCK_OK;
}

void pluck_workspace_free(pluck_workspace *workspace) {
    if (!workspace) return;
    const pluck_allocator from = workspace->allocator;
    pluck_deallocate(&from, workspace, workspace->size);
}
