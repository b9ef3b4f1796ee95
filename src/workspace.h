/* workspace.h: the memory of one call at a time: a view, the view's memory, and the outcome. */
#ifndef PLUCK_WORKSPACE_H
#define PLUCK_WORKSPACE_H

#include "stage.h"
#include "view_impl.h"

struct pluck_workspace {
    pluck_allocator allocator;
    size_t size;
    int32_t n_vocab; /* capacity */
    scratch_arena scratch;
    view_memory memory;
    view view;

    bool has_result; /* view and selection are the outcome of a call */
    bool finished;   /* and its candidates can be read */
    selection selection;
    const float *probabilities; /* of finished candidates; leased until the next call */
};

/* The size of the largest vocabulary that it has room for. */
int32_t pk_workspace_vocab(const pluck_workspace *workspace);

/* Discards the last outcome. The caller begins the view. */
void pk_workspace_open(pluck_workspace *workspace);

/* Begins a call, which discards the last outcome; for the rest, see pk_view_begin. */
pluck_status pk_workspace_begin(pluck_workspace *workspace, int32_t n_vocab, const pluck_row *row,
                                bool may_index);

#endif /* PLUCK_WORKSPACE_H */
