/*
 * run.c: a call: runs the chain on a row, step by step. A call that fails rolls back streams and
 * stage memories, because a later stage may fail after an earlier one drew.
 */
#include "arithmetic.h"

#include "run.h"

#include "result.h"

static void begin(pluck_sampler *s) {
    const plan *p = s->plan;
    memcpy(s->saved, s->memory, (size_t)p->n_steps * sizeof *s->memory);
    for (int32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].stream != NONE) pk_stream_begin(pk_stream_of(s, &p->steps[i]));
}

void pk_run_undo(pluck_sampler *s) {
    const plan *p = s->plan;
    memcpy(s->memory, s->saved, (size_t)p->n_steps * sizeof *s->memory);
    for (int32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].stream != NONE) pk_stream_rollback(pk_stream_of(s, &p->steps[i]));
}

PK_APART void pk_run_accept(pluck_sampler *s, int32_t token, pk_fpenv *caller) {
    pk_fpenv_leave(caller);
    (void)pluck_accept(s, token);
    pk_fpenv_enter(caller);
}

/* The stream of the step after i, if that draws at once; else NULL. */
static const rng_stream *draw_ahead(const pluck_sampler *s, int32_t i) {
    const plan *p = s->plan;
    if (i + 1 >= p->n_steps || p->steps[i + 1].stage->kind != PLUCK_STAGE_DIST) return NULL;
    return pk_stream_of(s, &p->steps[i + 1]);
}

static pluck_status run_step(pluck_sampler *s, int32_t i, view *v, selection *selected,
                             const run_hooks *hooks, pk_fpenv *caller) {
    const step *at = &s->plan->steps[i];
    const stage_run run = {
        .stage = at->stage,
        .prepared = at->prepared,
        .rng = s->plan->config.rng,
        .memory = &s->memory[i],
        .stream = pk_stream_of(s, at),
        .history = pk_history_of(s, at),
        .work = pk_work_of(s, at),
        .ahead = hooks->choose ? NULL : draw_ahead(s, i),
        .level = at->level,
        .selection = selected,
        .caller = caller,
        .choose = hooks->choose,
        .choose_arg = hooks->arg,
    };
    TRY(pk_view_prepare(v, at->kind->state, at->kind->takes_cut));
    selected->behind = selected->made; /* unless this stage selects */
    const int64_t counted = v->n_counted;
    TRY(at->kind->apply(v, &run));
    pk_view_settle(v);
    PLUCK_ASSERT(v->n_counted <= counted); /* no stage adds candidates */
    (void)counted;
    PLUCK_ASSERT(!selected->made || selected->behind || at->kind->selects);
    if (CHECKS) pk_view_check(v);
    return PLUCK_OK;
}

static const run_hooks NO_HOOKS = {NULL, NULL, NULL};

static pluck_status run_steps(pluck_sampler *s, int32_t from, view *v, selection *selected,
                              const run_hooks *hooks, pk_fpenv *caller) {
    for (int32_t i = from; i < s->plan->n_steps; i++)
        TRY(run_step(s, i, v, selected, hooks ? hooks : &NO_HOOKS, caller));
    /* If no stage has scanned the row, its errors have not been found yet. */
    TRY(pk_view_scan(v));
    if (CHECKS) pk_view_check(v);
    return PLUCK_OK;
}

/* A digest of what streams return next and of what stages remember. It must be the same before and
 * after a call that fails. */
static uint64_t digest_of_state(const pluck_sampler *s) {
    uint64_t digest = 0;
    for (int32_t i = 0; i < s->plan->n_steps; i++) {
        const rng_stream *stream = pk_stream_of(s, &s->plan->steps[i]);
        if (stream) digest = digest * 31 + (uint64_t)(pk_stream_peek(stream) * 0x1p53);
        unsigned char bytes[sizeof *s->memory];
        memcpy(bytes, &s->memory[i], sizeof bytes);
        for (size_t k = 0; k < sizeof bytes; k++) digest = digest * 31 + bytes[k];
    }
    return digest;
}

/* The row as a view, looked at if that is wanted. */
static pluck_status begin_view(pluck_workspace *ws, int32_t n_vocab, const pluck_row *row,
                               const run_hooks *hooks) {
    /* Who chooses walks the candidates, by id in a row. */
    const bool may_index = !hooks || !hooks->choose;
    TRY(pk_workspace_begin(ws, n_vocab, row, may_index));
    if (!hooks || !hooks->look) return PLUCK_OK;
    TRY(pk_view_prepare(&ws->view, VIEW_SUMMED, true));
    hooks->look(hooks->arg, &ws->view);
    /* The scan left the tokens at +inf alone, but the chain begins with the others as well. */
    return pk_view_is_infinite(&ws->view) ? pk_workspace_begin(ws, n_vocab, row, may_index)
                                          : PLUCK_OK;
}

/* Ends a call that has run: keeps what it did, or takes it back if it failed. `state`: the digest
 * before it. */
static pluck_status end(pluck_sampler *s, pluck_workspace *ws, pluck_status status,
                        bool must_select, uint64_t state) {
    if (status == PLUCK_OK && must_select && !ws->selection.made) status = PLUCK_ERR_NO_DRAW;
    if (status != PLUCK_OK) {
        pk_run_undo(s);
        if (CHECKS) PLUCK_ASSERT(digest_of_state(s) == state);
        return status;
    }
    pk_view_own_index(&ws->view);
    ws->has_result = true;
    return PLUCK_OK;
}

pluck_status pk_run_edits(pluck_sampler *s, int32_t n, view *v, pk_fpenv *caller) {
    selection none = {.token = -1, .probability = -1.0};
    PLUCK_ASSERT(n <= s->plan->n_steps);
    for (int32_t i = 0; i < n; i++) TRY(run_step(s, i, v, &none, &NO_HOOKS, caller));
    PLUCK_ASSERT(!none.made);
    return PLUCK_OK;
}

pluck_status pk_run_from(pluck_sampler *s, int32_t from, pluck_workspace *ws, pk_fpenv *caller) {
    const uint64_t state = CHECKS ? digest_of_state(s) : 0;
    begin(s);
    const pluck_status status = run_steps(s, from, &ws->view, &ws->selection, NULL, caller);
    return end(s, ws, status, true, state);
}

pluck_status pk_run(pluck_sampler *s, const pluck_row *row, bool must_select,
                    const run_hooks *hooks, pluck_workspace **used, pk_fpenv *caller) {
    if (!row->logits) return PLUCK_ERR_NULL;
    pluck_workspace *ws = row->workspace ? row->workspace : s->workspace;
    const int32_t n_vocab = s->plan->config.n_vocab;
    if (pk_workspace_vocab(ws) < n_vocab) return PLUCK_ERR_WORKSPACE;
    const uint64_t state = CHECKS ? digest_of_state(s) : 0;
    begin(s);
    pluck_status status = begin_view(ws, n_vocab, row, hooks);
    if (status == PLUCK_OK) status = run_steps(s, 0, &ws->view, &ws->selection, hooks, caller);
    TRY(end(s, ws, status, must_select, state));
    *used = ws;
    return PLUCK_OK;
}

static PK_APART pluck_status sample_row(pluck_sampler *s, const pluck_row *row, pluck_draw *draw,
                                        pk_fpenv *caller) {
    pluck_workspace *ws;
    TRY(pk_run(s, row, draw != NULL, NULL, &ws, caller));
    return draw ? pk_result_draw(ws, row->skip_probability, draw) : PLUCK_OK;
}

static PK_APART pluck_status sample(pluck_sampler *s, const float *logits, int32_t *token,
                                    pk_fpenv *caller) {
    const pluck_row row = {.logits = logits};
    pluck_workspace *ws;
    TRY(pk_run(s, &row, true, NULL, &ws, caller));
    *token = ws->selection.token;
    return PLUCK_OK;
}

pluck_status pluck_sample_row(pluck_sampler *sampler, const pluck_row *row, pluck_draw *draw) {
    if (!sampler || !row) return PLUCK_ERR_NULL;
    PK_IN_OWN_ENV(pluck_status, sample_row(sampler, row, draw, &caller_));
}

pluck_status pluck_sample(pluck_sampler *sampler, const float *logits, int32_t *token) {
    if (!sampler || !logits || !token) return PLUCK_ERR_NULL;
    PK_IN_OWN_ENV(pluck_status, sample(sampler, logits, token, &caller_));
}
