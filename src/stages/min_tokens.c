/*
 * min_tokens.c: masks the tokens that end a generation until min_tokens have been accepted, those of a
 * prompt not counted.
 *
 * Source: transformers' MinNewTokensLengthLogitsProcessor; vLLM's min_tokens. Parameters:
 * min_tokens, 0 disables; the tokens, none disables. Asks nothing of the view; edits it.
 */
#include "../arithmetic.h"

#include "../radix.h"
#include "../stage.h"

/* What is prepared: the tokens, ascending, each once. */
typedef struct ends {
    int32_t n, tokens[];
} ends;

static pluck_status apply(view *v, const stage_run *run) {
    const ends *e = run->prepared;
    if (run->memory->mu >= (double)run->stage->as.min_tokens.min_tokens) return PLUCK_OK;
    return pk_view_edit(v, e->tokens, e->n, pk_mask_edits, NULL);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_min_tokens *p = &stage->as.min_tokens;
    TRY(pk_check_count(err, "min_tokens", p->min_tokens));
    TRY(pk_check_array(err, "ends", p->ends, p->n_ends));
    for (int32_t i = 0; i < p->n_ends; i++)
        TRY(pk_check_token(err, "token of ends", p->ends[i], n_vocab));
    return PLUCK_OK;
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.min_tokens.min_tokens == 0 || stage->as.min_tokens.n_ends == 0;
}

static const void *copy(plan_arena *arena, pluck_stage *stage) {
    pluck_stage_min_tokens *p = &stage->as.min_tokens;
    const size_t bytes = (size_t)p->n_ends * sizeof(int32_t);
    ends *e = pk_plan_put(arena, sizeof *e + bytes);
    int32_t *room = pk_plan_put(arena, bytes);
    if (!e) return NULL;
    if (p->n_ends > 0) memcpy(e->tokens, p->ends, bytes);
    e->n = pk_radix_sort_distinct(e->tokens, p->n_ends, room);
    p->ends = e->tokens;
    p->n_ends = e->n;
    return e;
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
