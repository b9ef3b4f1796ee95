/* stage.c: functions that several stages use. See stage.h. */
#include "arithmetic.h"

#include "stage.h"

#include "error.h"

void pk_select(const stage_run *run, const view *v, pick found) {
    PLUCK_ASSERT(found.token >= 0 && found.token < pk_view_vocab(v));
    PLUCK_ASSERT(found.x > -INFINITY);
    *run->selection = (selection){
        .made = true,
        .token = found.token,
        .logit = pk_view_is_infinite(v) ? INFINITY : (double)found.x * pk_view_scale(v),
        .x = found.x,
        .probability = found.probability,
    };
}

pick pk_draw(view *v, const stage_run *run) {
    PLUCK_ASSERT(run->stream);
    if (run->choose) return run->choose(run->choose_arg, v, run);
    return pk_view_pick(v, run->rng, pk_stream_double(run->stream));
}

double pk_surprise(pick found) {
    PLUCK_ASSERT(found.probability >= 0.0);
    return -log2(found.probability);
}

uint32_t pk_stage_seed(const pluck_stage *stage) {
    const stage_kind *kind = pk_stage_kind(stage->kind);
    return kind && kind->seed ? kind->seed(stage) : PLUCK_SEED_RANDOM;
}

bool pluck_stage_describe(const pluck_stage *stage, pluck_stage_traits *traits) {
    const stage_kind *kind = stage && traits ? pk_stage_kind(stage->kind) : NULL;
    if (!kind) return false;
    *traits = (pluck_stage_traits){
        .name = kind->name,
        .disabled = kind->disabled && kind->disabled(stage),
        .random = kind->random,
        .selects = kind->selects,
        .keeps_history = kind->last_n || kind->accept,
    };
    return true;
}

void pk_mask_edits(const void *ctx, int32_t k, int32_t n, double *logit) {
    (void)ctx;
    (void)k;
    for (int32_t i = 0; i < n; i++) logit[i] = -INFINITY;
}

const pluck_token_sequence *pk_plan_put_sequences(plan_arena *arena,
                                                  const pluck_token_sequence *from, int32_t n) {
    pluck_token_sequence *to = pk_plan_put(arena, (size_t)n * sizeof *to);
    for (int32_t i = 0; i < n; i++) {
        const size_t bytes = (size_t)from[i].n_tokens * sizeof(int32_t);
        int32_t *tokens = pk_plan_put(arena, bytes);
        if (!to) continue;
        memcpy(tokens, from[i].tokens, bytes);
        to[i] = (pluck_token_sequence){tokens, from[i].n_tokens};
    }
    return to;
}

const token_set *pk_plan_put_set(plan_arena *arena, const int32_t **tokens, int32_t *n) {
    void *at = pk_plan_put(arena, pk_token_set_size(*n));
    int32_t *room = pk_plan_put(arena, (size_t)*n * sizeof *room);
    if (!at) return NULL;
    const token_set *set = pk_token_set_make(at, *tokens, *n, room);
    *tokens = set->tokens;
    *n = set->n;
    return set;
}

/* ---- checks ---- */

pluck_status pk_check_param(bool ok, pluck_error *err, const char *name, double value,
                            const char *range) {
    if (ok) return PLUCK_OK;
    return pk_fail(err, PLUCK_ERR_PARAM, "%s is %g; allowed: %s", name, value, range);
}

pluck_status pk_check_unit(pluck_error *err, const char *name, float value) {
    return pk_check_param(value >= 0.0f && value <= 1.0f, err, name, (double)value, "0 to 1");
}

pluck_status pk_check_finite(pluck_error *err, const char *name, float value) {
    return pk_check_param(isfinite(value), err, name, (double)value, "a finite number");
}

pluck_status pk_check_count(pluck_error *err, const char *name, int32_t value) {
    return pk_check_param(value >= 0, err, name, (double)value, "0 and above");
}

pluck_status pk_check_last_n(pluck_error *err, int32_t value) {
    return pk_check_param(value >= 0 && value <= PLUCK_MAX_LAST_N, err, "last_n", (double)value,
                          "0 to 1048576");
}

pluck_status pk_check_array(pluck_error *err, const char *name, const void *array, int32_t n) {
    if (n < 0)
        return pk_fail(err, PLUCK_ERR_SIZE, "n_%s is %d; allowed: 0 and above", name, (int)n);
    if (n > 0 && !array)
        return pk_fail(err, PLUCK_ERR_NULL, "%s is NULL, n_%s is %d", name, name, (int)n);
    return PLUCK_OK;
}

pluck_status pk_check_token(pluck_error *err, const char *what, int32_t token, int32_t n_vocab) {
    if (token >= 0 && token < n_vocab) return PLUCK_OK;
    return pk_fail(err, PLUCK_ERR_TOKEN, "%s %d is outside the vocabulary of %d", what, (int)token,
                   (int)n_vocab);
}

pluck_status pk_check_tokens(pluck_error *err, const char *name, const int32_t *tokens, int32_t n,
                             int32_t n_vocab) {
    TRY(pk_check_array(err, name, tokens, n));
    for (int32_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= n_vocab)
            return pk_fail(err, PLUCK_ERR_TOKEN, "token %d of %s is outside the vocabulary of %d",
                           (int)tokens[i], name, (int)n_vocab);
    return PLUCK_OK;
}

pluck_status pk_check_sequence(pluck_error *err, const char *what, const pluck_token_sequence *s,
                               int32_t n_vocab) {
    if (s->n_tokens < 1 || s->n_tokens > PLUCK_MAX_BREAKER)
        return pk_fail(err, PLUCK_ERR_SIZE, "a %s has %d tokens; allowed: 1 to %d", what,
                       (int)s->n_tokens, PLUCK_MAX_BREAKER);
    if (!s->tokens) return pk_fail(err, PLUCK_ERR_NULL, "the tokens of a %s are NULL", what);
    for (int32_t j = 0; j < s->n_tokens; j++) {
        if (s->tokens[j] >= 0 && s->tokens[j] < n_vocab) continue;
        return pk_fail(err, PLUCK_ERR_TOKEN, "token of a %s %d is outside the vocabulary of %d",
                       what, (int)s->tokens[j], (int)n_vocab);
    }
    return PLUCK_OK;
}
