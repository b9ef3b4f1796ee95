/*
 * custom.c: a caller's own stage. It sees the unmasked candidates, in order, and may change their
 * logits, reorder, drop and select (pluck_custom_view). What it leaves is checked: ids of the
 * vocabulary, no NaN, no more candidates than before, `descending` only if that is true. Makes the
 * view a list.
 */
#include "../arithmetic.h"

#include "../error.h"
#include "../stage.h"

/* Checks what the callback left. */
static pluck_status check_left(const view *v, const list *l, const pluck_custom_view *left) {
    for (int32_t i = 0; i < left->n; i++) {
        if (l->ids[i] < 0 || l->ids[i] >= pk_view_vocab(v)) return PLUCK_ERR_CALLBACK;
        if (isnan(l->x[i])) return PLUCK_ERR_NAN;
        if (left->descending && i > 0 && l->x[i] > l->x[i - 1]) return PLUCK_ERR_CALLBACK;
    }
    return PLUCK_OK;
}

/* Selects a token that the callback left at x. If the callback left any +inf, the view is now the
 * list of those, with x = 0, and any other token has no probability. */
static void select_left(view *v, const stage_run *run, int32_t token, float x) {
    const bool beside_infinite = pk_view_is_infinite(v) && x < INFINITY;
    if (x == -INFINITY) { /* the callback masked what it selected */
        *run->selection = (selection){
            .made = true, .token = token, .logit = -INFINITY, .x = x, .probability = 0.0};
        return;
    }
    pk_select(run, v, (pick){token, x == INFINITY ? 0.0f : x, -1.0});
    if (!beside_infinite) return;
    run->selection->logit = (double)x;
    run->selection->probability = 0.0;
}

static PK_APART bool call_back(const stage_run *run, pluck_custom_view *left) {
    pk_fpenv_leave(run->caller);
    const bool ok = run->stage->as.custom.apply(run->memory->custom, left);
    pk_fpenv_enter(run->caller);
    return ok;
}

static pluck_status apply(view *v, const stage_run *run) {
    const int64_t counted = pk_view_counted(v);
    const bool descending = pk_view_list(v)->lies == ORDER_DESCENDING;
    pk_view_to_logits(v);
    list *l = pk_view_open_list(v);
    const int32_t before = l->n;
    pluck_custom_view left = {
        .ids = l->ids, .logits = l->x, .n = before, .descending = descending, .selected = -1};
    if (!call_back(run, &left)) return PLUCK_ERR_CALLBACK;
    if (left.n < 0 || left.n > before || left.selected < -1 || left.selected >= left.n)
        return PLUCK_ERR_CALLBACK;
    TRY(check_left(v, l, &left));
    const int32_t token = left.selected >= 0 ? l->ids[left.selected] : -1;
    const float x = left.selected >= 0 ? l->x[left.selected] : 0.0f;
    TRY(pk_view_rewritten(v, left.n, left.descending ? ORDER_DESCENDING : ORDER_AS_IT_LIES,
                          counted - (before - left.n)));
    if (token >= 0) select_left(v, run, token, x);
    return PLUCK_OK;
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    (void)n_vocab;
    if (stage->as.custom.apply) return PLUCK_OK;
    return pk_fail(err, PLUCK_ERR_NULL, "apply is NULL");
}

static void create(const pluck_stage *stage, stage_memory *memory) {
    memory->custom = stage->as.custom.ctx;
}

static void reset(const pluck_stage *stage, stage_memory *memory) {
    if (stage->as.custom.reset) stage->as.custom.reset(memory->custom);
}

static void accept(const pluck_stage *stage, stage_memory *memory, int32_t token) {
    if (stage->as.custom.accept) stage->as.custom.accept(memory->custom, token);
}

static void take_back(const pluck_stage *stage, stage_memory *memory, int32_t n) {
    stage->as.custom.rewind(memory->custom, n);
}

static bool can_take_back(const pluck_stage *stage) {
    return stage->as.custom.rewind != NULL;
}

static bool clone(const pluck_stage *stage, stage_memory *to, const stage_memory *from) {
    if (!stage->as.custom.clone) return true;
    to->custom = stage->as.custom.clone(from->custom);
    return to->custom != NULL;
}

static void release(const pluck_stage *stage, stage_memory *memory) {
    if (stage->as.custom.clone && stage->as.custom.release)
        stage->as.custom.release(memory->custom);
}

/* A context that was not cloned is released once for all clones. */
static void release_shared(const pluck_stage *stage) {
    if (!stage->as.custom.clone && stage->as.custom.release)
        stage->as.custom.release(stage->as.custom.ctx);
}

/* A callback sees them. */
static bool reads_level(const pluck_stage *stage) {
    (void)stage;
    return true;
}

extern const stage_kind pk_stage_custom;
const stage_kind pk_stage_custom = {
    .kind = PLUCK_STAGE_CUSTOM,
    .name = "custom",
    .state = VIEW_LIST,
    .apply = apply,
    .selects = true,
    .reads_level = reads_level,
    .check = check,
    .calls_back = true,
    .hears_prompt = true,
    .create = create,
    .reset = reset,
    .accept = accept,
    .rewind = take_back,
    .can_rewind = can_take_back,
    .clone = clone,
    .release = release,
    .release_shared = release_shared,
};
