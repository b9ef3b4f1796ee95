/* workspace.c: the memory of a call, in one block. Every array starts at a cache line. */
#include "arithmetic.h"

#include "workspace.h"

/* Computes the size of the block for n_vocab; if base is given, also sets the workspace's pointers
 * into it. */
static size_t lay_out(int32_t n_vocab, pluck_workspace *ws, char *base) {
    const size_t n_groups = round_up((size_t)n_vocab, GROUP) / GROUP;
    const size_t groups = round_up(n_groups, BLOCK_GROUPS), blocks = groups / BLOCK_GROUPS;
    const size_t tokens = (n_groups + 1) * GROUP;
    size_t offset = round_up(sizeof *ws, CACHE_LINE);
    view_memory m = {.room = n_vocab};
    m.ids = pk_take(base, &offset, tokens, sizeof *m.ids);
    m.x = pk_take(base, &offset, tokens, sizeof *m.x);
    m.index = pk_take(base, &offset, tokens, sizeof *m.index);
    m.row.patches = pk_take(base, &offset, tokens, sizeof *m.row.patches);
    m.row.allowed = pk_take(base, &offset, groups, sizeof *m.row.allowed);
    m.row.patched = pk_take(base, &offset, n_groups / 64 + 1, sizeof *m.row.patched);
    m.row.patch_of = pk_take(base, &offset, groups, sizeof *m.row.patch_of);
    m.group_max = pk_take(base, &offset, groups, sizeof *m.group_max);
    m.block_max = pk_take(base, &offset, blocks, sizeof *m.block_max);
    m.group_sum = pk_take(base, &offset, groups, sizeof *m.group_sum);
    m.group_moment = pk_take(base, &offset, groups, sizeof *m.group_moment);
    const size_t scratch_size = pk_scratch_size(n_vocab);
    char *scratch_base = pk_take(base, &offset, scratch_size, 1);
    if (base) {
        pk_scratch_init(&ws->scratch, scratch_base, scratch_size);
        m.scratch = &ws->scratch;
        ws->memory = m;
    }
    return offset + CACHE_LINE;
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
    if (!pk_allocator_is_whole(&from)) return PLUCK_ERR_NULL;
    pluck_workspace *ws = pk_allocate(&from, size);
    if (!ws) return PLUCK_ERR_MEMORY;
    memset(ws, 0, sizeof *ws);
    ws->allocator = from;
    ws->size = size;
    ws->n_vocab = n_vocab;
    lay_out(n_vocab, ws, pk_first_line(ws));
    *out = ws;
    return PLUCK_OK;
}

void pluck_workspace_free(pluck_workspace *workspace) {
    if (!workspace) return;
    const pluck_allocator from = workspace->allocator;
    pk_unpoison(workspace->scratch.base, workspace->scratch.size);
    pk_deallocate(&from, workspace, workspace->size);
}

int32_t pk_workspace_vocab(const pluck_workspace *workspace) {
    return workspace->n_vocab;
}

void pk_workspace_open(pluck_workspace *workspace) {
    workspace->has_result = workspace->finished = false;
    workspace->selection = (selection){.token = -1, .probability = -1.0};
}

pluck_status pk_workspace_begin(pluck_workspace *workspace, int32_t n_vocab, const pluck_row *row,
                                bool may_index) {
    PLUCK_ASSERT(n_vocab <= workspace->n_vocab);
    pk_workspace_open(workspace);
    return pk_view_begin(&workspace->view, &workspace->memory, n_vocab, row, may_index);
}
