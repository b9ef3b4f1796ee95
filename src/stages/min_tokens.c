/*
 * min_tokens.c: masks the tokens that end a generation until min_tokens have been accepted, those of a
 * prompt not counted.
 *
 * Source: transformers' MinNewTokensLengthLogitsProcessor; vLLM's min_tokens. Parameters:
 * min_tokens, 0 disables; the tokens, none disables. Asks nothing of the view; edits it.
 */
#include "../arithmetic.h"

#include "../stage.h"

static pluck_status apply(view *v, const stage_run *run) {
    const token_set *e = run->prepared;
    if (run->memory->mu >= (double)run->stage->as.min_tokens.min_tokens) return PLUCK_OK;
    return pk_view_edit(v, e->tokens, e->n, pk_mask_edits, NULL);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_min_tokens *p = &stage->as.min_tokens;
    TRY(pk_check_count(err, "min_tokens", p->min_tokens));
    return pk_check_tokens(err, "ends", p->ends, p->n_ends, n_vocab);
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.min_tokens.min_tokens == 0 || stage->as.min_tokens.n_ends == 0;
}

static const void *copy(plan_arena *arena, pluck_stage *stage) {
    pluck_stage_min_tokens *p = &stage->as.min_tokens;
    return pk_plan_put_set(arena, &p->ends, &p->n_ends);
}

static void start(const pluck_stage *stage, stage_memory *memory) {
    (void)stage;
    memory->mu = 0.0;
}

static void accept(const pluck_stage *stage, stage_memory *memory, int32_t token) {
    (void)stage;
    (void)token;
    memory->mu += 1.0;
}

extern const stage_kind pk_stage_min_tokens;
const stage_kind pk_stage_min_tokens = {
    .kind = PLUCK_STAGE_MIN_TOKENS,
    .name = "min_tokens",
    .state = VIEW_ANY,
    .apply = apply,
    .check = check,
    .disabled = disabled,
    .copy = copy,
    .create = start,
    .reset = start,
    .accept = accept,
};
