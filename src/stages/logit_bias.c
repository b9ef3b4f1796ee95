/*
 * logit_bias.c: logit[token] += bias.
 *
 * Source: llama.cpp's logit-bias. Parameters: pairs of token and bias; a bias is neither NaN nor
 * +inf, and -inf masks the token. Creation sorts them by token and adds up those of the same token.
 * Asks nothing of the view; edits it. Many biases are also kept as a row, which is added to the
 * logits as they are read.
 */
#include "../arithmetic.h"

#include "../stage.h"
#include "pluck_blocks.h"

/* From so many biases on adding a row costs less than single edits. */
enum { MANY = 512 };

/* What is prepared. */
typedef struct tokens {
    const int32_t *ids; /* ascending */
    const float *row;   /* the bias of each token; NULL if they are few */
} tokens;

/* A bias of -inf masks a logit of +inf too. */
static double biased(double logit, float bias) {
    return bias == -INFINITY ? -INFINITY : logit + (double)bias;
}

static void add_biases(const void *ctx, int32_t k, int32_t n, double *logit) {
    const pluck_logit_bias *biases = (const pluck_logit_bias *)ctx + k;
    for (int32_t i = 0; i < n; i++) logit[i] = biased(logit[i], biases[i].bias);
}

/* The same by token, from the row. */
static void add_of_row(const void *ctx, int32_t k, int32_t n, double *logit) {
    const float *bias = (const float *)ctx + k;
    for (int32_t i = 0; i < n; i++) logit[i] = biased(logit[i], bias[i]);
}

static int32_t token_itself(const void *ctx, int32_t token) {
    return ((const float *)ctx)[token] == 0.0f ? -1 : token;
}

static pluck_status apply(view *v, const stage_run *run) {
    const pluck_stage_logit_bias *p = &run->stage->as.logit_bias;
    const tokens *t = run->prepared;
    if (t->row && pk_view_add(v, t->row)) return PLUCK_OK;
    if (t->row && !pk_view_edits_row(v))
        return pk_view_add_each(v, t->row, token_itself, add_of_row);
    return pk_view_edit(v, t->ids, p->n_biases, add_biases, p->biases);
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

/* Copies the biases merged, and prepares their tokens. */
static const void *copy(plan_arena *arena, pluck_stage *stage) {
    pluck_stage_logit_bias *p = &stage->as.logit_bias;
    const size_t n = (size_t)p->n_biases, places = round_up((size_t)pk_plan_vocab(arena), GROUP);
    tokens *t = pk_plan_put(arena, sizeof *t);
    pluck_logit_bias *biases = pk_plan_put(arena, n * sizeof *biases);
    int32_t *ids = pk_plan_put(arena, n * sizeof *ids);
    float *row = n >= MANY ? pk_plan_put(arena, places * sizeof *row) : NULL;
    if (!t) return NULL;
    *t = (tokens){ids, row};
    if (n > 0) memcpy(biases, p->biases, n * sizeof *biases);
    p->biases = biases;
    p->n_biases = pluck_merge_biases(biases, p->n_biases);
    for (size_t i = 0; row && i < places; i++) row[i] = -0.0f; /* adding that changes nothing */
    for (int32_t i = 0; i < p->n_biases; i++) {
        ids[i] = biases[i].token;
        if (row) row[ids[i]] = biases[i].bias;
    }
    return t;
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
