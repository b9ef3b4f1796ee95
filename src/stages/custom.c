/*
 * custom.c: a caller's own stage sees the unmasked candidates, in order, and may change their
 * logits, reorder, drop and select (pluck_custom_view). What it leaves must be sound: ids of the
 * vocabulary, no NaN, no more candidates than before, `descending` true only if it is. The view is
 * made a LIST.
 */
#include "../chain.h"

/* Takes over what the callback left; masked candidates leave the list and stay counted. */
static pluck_status take_over(candidates *c, const pluck_custom_view *view) {
    pluck_workspace *ws = c->ws;
    int32_t n = 0;
    for (int32_t i = 0; i < view->n; i++) {
        if (ws->ids[i] < 0 || ws->ids[i] >= c->n_vocab) return PLUCK_ERR_CALLBACK;
        if (isnan(ws->logits[i])) return PLUCK_ERR_NAN;
        if (view->descending && i > 0 && ws->logits[i] > ws->logits[i - 1])
            return PLUCK_ERR_CALLBACK;
    }
    for (int32_t i = 0; i < view->n; i++) {
        if (ws->logits[i] == -INFINITY) continue;
        ws->ids[n] = ws->ids[i];
        ws->logits[n++] = ws->logits[i];
    }
    c->n = n;
    c->order = c->stored = view->descending ? ORDER_DESCENDING : ORDER_STORED;
    candidates_pad(c);
    candidates_changed(c);
    return candidates_scan(c);
}

/* Selects a token that the callback left at x. Where it left +inf, the view has become the list of
 * those: they lie at 0, and any other has no probability. */
static void select_left(candidates *c, int32_t token, float x) {
    const bool beside_infinite = c->infinite && x < INFINITY;
    candidates_select(c, token, x == INFINITY ? 0.0f : x);
    if (!beside_infinite) return;
    c->token_infinite = false;
    c->token_probability = 0.0;
}

STAGE(custom) {
    const pluck_stage_custom *s = &run->stage->as.custom;
    pluck_workspace *ws = c->ws;
    TRY(candidates_materialise(c));
    if (c->infinite) {
        for (int32_t i = 0; i < c->n; i++) ws->logits[i] = INFINITY;
        c->infinite = false;
    } else if (c->scale != 1.0) {
        for (int32_t i = 0; i < c->n; i++)
            ws->logits[i] = (float)((double)ws->logits[i] * c->scale);
    }
    c->scale = 1.0;
    const int32_t before = c->n;
    pluck_custom_view view = {
        .ids = ws->ids,
        .logits = ws->logits,
        .n = before,
        .descending = c->stored == ORDER_DESCENDING,
        .selected = -1,
    };
    if (!s->apply(run->memory->custom, &view)) return PLUCK_ERR_CALLBACK;
    if (view.n < 0 || view.n > before || view.selected < -1 || view.selected >= view.n)
        return PLUCK_ERR_CALLBACK;
    const int32_t token = view.selected >= 0 ? ws->ids[view.selected] : -1;
    const float x = view.selected >= 0 ? ws->logits[view.selected] : 0.0f;
    c->n_counted -= before - view.n;
    TRY(take_over(c, &view));
    if (token >= 0) select_left(c, token, x);
    return PLUCK_OK;
}
