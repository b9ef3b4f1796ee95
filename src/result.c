/* result.c: see result.h. */
#include "arithmetic.h"

#include "result.h"

/* Makes the candidates a list with logits and probabilities, for callers to read. */
static pluck_status finish(pluck_workspace *ws) {
    view *v = &ws->view;
    TRY(pk_view_prepare(v, VIEW_LIST, false));
    if (CHECKS) pk_view_check(v);
    /* The lease is kept until the next call begins. */
    ws->probabilities = pk_view_lease_probabilities(v);
    pk_view_to_logits(v);
    ws->finished = true;
    return PLUCK_OK;
}

PK_APART pluck_status pk_result_candidates(pluck_workspace *workspace, pluck_candidates *out) {
    if (!workspace->finished) TRY(finish(workspace));
    const list *l = pk_view_list(&workspace->view);
    *out = (pluck_candidates){
        .ids = l->ids,
        .logits = l->x,
        .probabilities = workspace->probabilities,
        .n = l->n,
        .n_masked = (int32_t)(pk_view_counted(&workspace->view) - l->n),
        .selected = workspace->selection.made ? pk_list_find(l, workspace->selection.token) : -1,
        .descending = l->lies == ORDER_DESCENDING,
    };
    return PLUCK_OK;
}

pluck_status pluck_workspace_candidates(pluck_workspace *workspace, pluck_candidates *out) {
    if (!workspace || !out) return PLUCK_ERR_NULL;
    if (!workspace->has_result) return PLUCK_ERR_NO_RESULT;
    PK_IN_OWN_ENV(pluck_status, pk_result_candidates(workspace, out));
}

/* The draw if stages ran after the token was selected: they may have changed its logit and the
 * distribution, or dropped it. */
static pluck_status draw_behind(pluck_workspace *ws, pluck_draw *draw) {
    pluck_candidates left;
    TRY(pk_result_candidates(ws, &left));
    const bool there = left.selected >= 0;
    *draw = (pluck_draw){
        .token = ws->selection.token,
        .logit = there ? left.logits[left.selected] : -INFINITY,
        .probability = there ? left.probabilities[left.selected] : 0.0f,
        .n_candidates = left.n,
    };
    return PLUCK_OK;
}

pluck_status pk_result_draw(pluck_workspace *ws, bool skip_probability, pluck_draw *draw) {
    const selection *s = &ws->selection;
    PLUCK_ASSERT(s->made);
    if (s->behind) return draw_behind(ws, draw);
    double probability = s->probability;
    if (probability < 0.0)
        probability = skip_probability ? 0.0 : pk_view_probability(&ws->view, s->x);
    *draw = (pluck_draw){
        .token = s->token,
        .logit = (float)s->logit,
        .probability = (float)probability,
        .n_candidates = pk_view_alive(&ws->view),
    };
    return PLUCK_OK;
}
