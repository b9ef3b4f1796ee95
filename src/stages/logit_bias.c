/*
 * logit_bias.c: logit[token] += bias.
 *
 * Source: llama.cpp's logit-bias. Parameters: pairs of token and bias; a bias is neither NaN nor
 * +inf, and -inf masks the token. Creation sorts them by token and adds up those of the same token.
 * Asks nothing of the view; edits it.
 */
#include "../arithmetic.h"

#include "../stage.h"
#include "pluck_blocks.h"

static void add_biases(const void *ctx, int32_t k, int32_t n, double *logit) {
    const pluck_logit_bias *biases = (const pluck_logit_bias *)ctx + k;
    /* A bias of -inf masks a logit of +inf too. */
    for (int32_t i = 0; i < n; i++)
        logit[i] = biases[i].bias == -INFINITY ? -INFINITY : logit[i] + (double)biases[i].bias;
}

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_logit_bias *p = &run->stage->as.logit_bias;
    return pk_view_edit(v, run->prepared, p->n_biases, add_biases, p->biases);
}

static pluck_status check(const pluck_stage *stage, int32_t n_vocab, pluck_error *err) {
    const pluck_stage_logit_bias *p = &stage->as.logit_bias;
    TRY(pk_check_array(err, "biases", p->biases, p->n_biases));
    for (int32_t i = 0; i < p->n_biases; i++) {
        TRY(pk_check_token(err, "token", p->biases[i].token, n_vocab));
        TRY(pk_check_param(p->biases[i].bias < INFINITY, err, "bias", (double)p->biases[i].bias,
                           "a finite number, or -inf"));
    }
    return PLUCK_OK;
}

static bool disabled(const pluck_stage *stage) {
    return stage->as.logit_bias.n_biases == 0;
}

/* Copies the biases merged, and prepares their tokens, ascending. */
static const void *copy(plan_arena *arena, pluck_stage *stage) {
    pluck_stage_logit_bias *p = &stage->as.logit_bias;
    const size_t n = (size_t)p->n_biases;
    pluck_logit_bias *biases = pk_plan_put(arena, n * sizeof *biases);
    int32_t *ids = pk_plan_put(arena, n * sizeof *ids);
    if (!biases || n == 0) return NULL;
    memcpy(biases, p->biases, n * sizeof *biases);
    p->biases = biases;
    p->n_biases = pluck_merge_biases(biases, p->n_biases);
    for (int32_t i = 0; i < p->n_biases; i++) ids[i] = biases[i].token;
    return ids;
}

extern const stage_kind pk_stage_logit_bias;
const stage_kind pk_stage_logit_bias = {
    .kind = PLUCK_STAGE_LOGIT_BIAS,
    .name = "logit_bias",
    .state = VIEW_ANY,
    .apply = apply,
    .check = check,
    .disabled = disabled,
    .copy = copy,
};
