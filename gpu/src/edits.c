/* edits.c: see edits.h. libpluck counts the history; the counts are merged into the biases. */
#include "edits.h"

#include <stdlib.h>
#include <string.h>

static pluck_gpu_status create_rings(gpu_edits *e) {
    int32_t size = GPU_EDIT_FIRST_RING;
    while (e->n_rings < GPU_EDIT_RINGS) {
        const int32_t i = e->n_rings;
        const bool last = size >= e->max_edits || i == GPU_EDIT_RINGS - 1;
        e->sizes[i] = last ? e->max_edits : size;
        if (pluck_token_ring_create(&e->rings[i], e->sizes[i], NULL) != PLUCK_OK)
            return PLUCK_GPU_ERR_MEMORY;
        e->n_rings++;
        if (last) break;
        size *= GPU_EDIT_RING_GROWTH;
    }
    return PLUCK_GPU_OK;
}

pluck_gpu_status gpu_edits_create(gpu_edits *e, int32_t max_edits) {
    const size_t n = (size_t)max_edits;
    _Static_assert(PLK_MAX_VOCAB <= PLUCK_MAX_LAST_N, "a ring has room for all edits there may be");
    memset(e, 0, sizeof *e);
    e->max_edits = max_edits;
    e->edits = malloc(n * sizeof *e->edits);
    e->tokens = malloc(n * sizeof *e->tokens);
    e->counts = malloc(n * sizeof *e->counts);
    if (!e->edits || !e->tokens || !e->counts) return PLUCK_GPU_ERR_MEMORY;
    return create_rings(e);
}

void gpu_edits_free(gpu_edits *e) {
    for (int32_t i = 0; i < e->n_rings; i++) pluck_token_ring_free(e->rings[i]);
    free(e->edits);
    free(e->tokens);
    free(e->counts);
}

/* How many of the n counted tokens have no edit yet. */
static int32_t count_new(const gpu_edits *e, int32_t n_edits, int32_t n) {
    int32_t known = 0;
    for (int32_t t = 0, at = 0; t < n; t++) {
        while (at < n_edits && e->edits[at].id < e->tokens[t]) at++;
        known += at < n_edits && e->edits[at].id == e->tokens[t];
    }
    return n - known;
}

/* Merges the n counted tokens into the n_edits edits, n_new of them as new ones. Goes from the
 * back, so that no edit is overwritten before it is moved. */
static void merge_counts(gpu_edits *e, int32_t n_edits, int32_t n, int32_t n_new) {
    plk_edit *edits = e->edits;
    int32_t to = n_edits + n_new, from = n_edits;
    while (n > 0) {
        const int32_t token = e->tokens[n - 1];
        if (from > 0 && edits[from - 1].id >= token)
            edits[--to] = edits[--from];
        else
            edits[--to] = (plk_edit){token, 0, 0.0f, 0};
        if (edits[to].id == token) edits[to].count += e->counts[--n];
    }
}

/* The smallest ring that holds n tokens, else the last. */
static int32_t ring_for(const gpu_edits *e, int32_t n) {
    int32_t i = 0;
    while (i < e->n_rings - 1 && e->sizes[i] < n) i++;
    return i;
}

pluck_gpu_status gpu_edits_gather(gpu_edits *e, const pluck_gpu_row *row, int32_t *n) {
    const pluck_gpu_plan *plan = row->plan;
    int32_t left = plan->last_n < row->n_history ? plan->last_n : row->n_history;
    int32_t length = plan->n_biases;
    if (left > 0 && !row->history) return PLUCK_GPU_ERR_NULL;
    if (length > e->max_edits) return PLUCK_GPU_ERR_SIZE;
    if (length > 0) memcpy(e->edits, plan->biases, (size_t)length * sizeof *e->edits);
    while (left > 0) {
        const int32_t r = ring_for(e, left), part = left < e->sizes[r] ? left : e->sizes[r];
        const int32_t *tokens = row->history + row->n_history - left;
        int32_t distinct, n_new;
        pluck_token_ring_clear(e->rings[r]);
        if (pluck_token_ring_push_n(e->rings[r], tokens, part) != PLUCK_OK)
            return PLUCK_GPU_ERR_TOKEN;
        distinct = pluck_token_ring_distinct(e->rings[r], e->tokens, e->counts);
        if (e->tokens[distinct - 1] >= plan->n_vocab) return PLUCK_GPU_ERR_TOKEN;
        n_new = count_new(e, length, distinct);
        if (n_new > e->max_edits - length) return PLUCK_GPU_ERR_SIZE;
        merge_counts(e, length, distinct, n_new);
        length += n_new;
        left -= part;
    }
    *n = length;
    return PLUCK_GPU_OK;
}
