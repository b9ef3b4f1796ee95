/* run.h: a call, for whoever wants more of it than a token. */
#ifndef PLUCK_RUN_H
#define PLUCK_RUN_H

#include "sampler.h"
#include "workspace.h"

/* What a caller does in the middle of a call; each may be NULL. */
typedef struct run_hooks {
    /* Looks at the row, scanned, before the chain runs. It must leave the candidates as they are. */
    void (*look)(void *arg, view *v);
    /* Chooses the token instead of a draw from what the view holds. */
    pick (*choose)(void *arg, view *v, const stage_run *run);
    void *arg;
} run_hooks;

/* Runs the chain on a row, with hooks unless that is NULL; on success *used, which may be the
 * sampler's own workspace, holds the outcome. `caller`: whose environment callbacks run in. */
pluck_status pk_run(pluck_sampler *s, const pluck_row *row, bool must_select,
                    const run_hooks *hooks, pluck_workspace **used, pk_fpenv *caller);

/* Runs the first n steps, which edit logits and remember nothing, on a view. */
pluck_status pk_run_edits(pluck_sampler *s, int32_t n, view *v, pk_fpenv *caller);

/* Runs the steps from `from` on, which must select, on the view that has been begun in a workspace
 * (pk_workspace_open). */
pluck_status pk_run_from(pluck_sampler *s, int32_t from, pluck_workspace *ws, pk_fpenv *caller);

/* Takes back what the last call, which succeeded, did to streams and memories; nothing may have been
 * accepted since. */
void pk_run_undo(pluck_sampler *s);

/* pluck_accept in the middle of a call: custom stages are told in their caller's environment. */
void pk_run_accept(pluck_sampler *s, int32_t token, pk_fpenv *caller);

#endif /* PLUCK_RUN_H */
