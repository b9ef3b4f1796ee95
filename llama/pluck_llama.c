/*
 * pluck_llama.c: the adapter. A pluck sampler drawn from a llama.cpp context, and one wrapped as a
 * llama_sampler. See pluck_llama.h.
 */
#include "pluck_llama.h"

#include "arrays.h"
#include "effect.h"
#include "vocab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

plk_vocab_api plk_vocab = {
    .n_tokens = llama_vocab_n_tokens,
    .tokenize = llama_tokenize,
    .detokenize = llama_detokenize,
    .token_to_piece = llama_token_to_piece,
    .is_eog = llama_vocab_is_eog,
    .eot = llama_vocab_eot,
    .eos = llama_vocab_eos,
};

pluck_status pluck_llama_sample(pluck_sampler *sampler, struct llama_context *ctx, int32_t idx,
                                llama_token *token) {
    if (!sampler || !ctx || !token) return PLUCK_ERR_NULL;
    const struct llama_vocab *vocab = llama_model_get_vocab(llama_get_model(ctx));
    if (llama_vocab_n_tokens(vocab) != pluck_sampler_config(sampler)->n_vocab)
        return PLUCK_ERR_VOCAB;
    const float *logits = llama_get_logits_ith(ctx, idx);
    if (!logits) return PLUCK_ERR_ROW;
    int32_t drawn;
    pluck_status status = pluck_sample(sampler, logits, &drawn);
    if (status != PLUCK_OK) return status;
    status = pluck_accept(sampler, drawn);
    if (status == PLUCK_OK) *token = drawn;
    return status;
}

/* ---- Drafts ---------------------------------------------------------------------------------- */

static pluck_status fail(pluck_error *err, pluck_status status, const char *format, ...) {
    if (!err) return status;
    err->status = status;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

/* The rows of a draft: the context's logits, with the masks that the caller gives. */
static pluck_status rows_of(pluck_row rows[PLUCK_MAX_DRAFT + 1], struct llama_context *ctx,
                            const int32_t *outputs, const pluck_draft *draft, pluck_error *err) {
    for (int32_t i = 0; i <= draft->n_tokens; i++) {
        rows[i] = (pluck_row){.logits = llama_get_logits_ith(ctx, outputs[i])};
        if (!rows[i].logits)
            return fail(err, PLUCK_ERR_ROW, "outputs[%d] is %d: the context has no logits there",
                        (int)i, (int)outputs[i]);
        if (!draft->rows) continue;
        rows[i].allowed = draft->rows[i].allowed;
        rows[i].n_allowed = draft->rows[i].n_allowed;
    }
    return PLUCK_OK;
}

pluck_status pluck_llama_verify(pluck_sampler *sampler, struct llama_context *ctx,
                                const int32_t *outputs, const pluck_draft *draft,
                                pluck_verified *verified, pluck_error *err) {
    if (!sampler || !ctx || !outputs || !draft)
        return fail(err, PLUCK_ERR_NULL, "%s is NULL",
                    !sampler   ? "the sampler"
                    : !ctx     ? "ctx"
                    : !outputs ? "outputs"
                               : "the draft");
    const int32_t n_vocab = pluck_sampler_config(sampler)->n_vocab;
    const int32_t of_model = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(ctx)));
    if (of_model != n_vocab)
        return fail(err, PLUCK_ERR_VOCAB, "the sampler's n_vocab is %d, the model's %d",
                    (int)n_vocab, (int)of_model);
    pluck_row rows[PLUCK_MAX_DRAFT + 1];
    pluck_draft whole = *draft;
    whole.rows = rows;
    /* Whatever else is wrong with the draft is said by pluck_verify. */
    if (draft->n_tokens >= 0 && draft->n_tokens <= PLUCK_MAX_DRAFT) {
        const pluck_status status = rows_of(rows, ctx, outputs, draft, err);
        if (status != PLUCK_OK) return status;
    }
    return pluck_verify(sampler, &whole, verified, err);
}

/* ---- A llama_sampler around a pluck_sampler -------------------------------------------------- */

typedef struct wrapper {
    pluck_sampler *sampler;
    plk_scratch scratch;
    plk_effect effect;
    pluck_status status;
} wrapper;

static const char *wrapper_name(const struct llama_sampler *smpl) {
    (void)smpl;
    return "pluck";
}

static void wrapper_accept(struct llama_sampler *smpl, llama_token token) {
    wrapper *w = smpl->ctx;
    pluck_accept(w->sampler, token); /* a token outside the vocabulary changes nothing */
}

static void wrapper_apply(struct llama_sampler *smpl, llama_token_data_array *cur) {
    wrapper *w = smpl->ctx;
    int32_t n_vocab = pluck_sampler_config(w->sampler)->n_vocab;
    w->status = plk_apply(w->sampler, n_vocab, &w->scratch, cur, &w->effect);
    if (w->status != PLUCK_OK) cur->selected = -1;
}

static void wrapper_reset(struct llama_sampler *smpl) {
    wrapper *w = smpl->ctx;
    pluck_sampler_reset(w->sampler);
}

static void wrapper_free(struct llama_sampler *smpl) {
    wrapper *w = smpl->ctx;
    if (!w) return;
    pluck_sampler_free(w->sampler);
    plk_scratch_clear(&w->scratch);
    free(w);
}

static struct llama_sampler *wrapper_clone(const struct llama_sampler *smpl) {
    const wrapper *w = smpl->ctx;
    pluck_sampler *copy;
    if (pluck_sampler_clone(&copy, w->sampler) != PLUCK_OK) return NULL;
    struct llama_sampler *result = pluck_llama_sampler_init(copy);
    if (!result) pluck_sampler_free(copy);
    return result;
}

static void wrapper_copy_state(const struct llama_sampler *src, struct llama_sampler *dst) {
    const wrapper *from = src->ctx;
    wrapper *to = dst->ctx;
    pluck_sampler *copy;
    to->status = pluck_sampler_clone(&copy, from->sampler);
    if (to->status != PLUCK_OK) return;
    pluck_sampler_free(to->sampler);
    to->sampler = copy;
    to->effect = from->effect;
}

static struct llama_sampler_i wrapper_interface = {
    .name = wrapper_name,
    .accept = wrapper_accept,
    .apply = wrapper_apply,
    .reset = wrapper_reset,
    .clone = wrapper_clone,
    .free = wrapper_free,
    .copy_state = wrapper_copy_state,
};

struct llama_sampler *pluck_llama_sampler_init(pluck_sampler *sampler) {
    if (!sampler) return NULL;
    wrapper *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    const pluck_config *config = pluck_sampler_config(sampler);
    w->sampler = sampler;
    w->effect = plk_effect_of(config->stages, config->n_stages);
    w->effect.keeps_p = false;
    w->effect.softmax_first = false;
    struct llama_sampler *result = llama_sampler_init(&wrapper_interface, w);
    if (!result) free(w);
    return result;
}

static const wrapper *as_wrapper(const struct llama_sampler *smpl) {
    return smpl && smpl->iface == &wrapper_interface ? smpl->ctx : NULL;
}

pluck_sampler *pluck_llama_sampler_get(const struct llama_sampler *smpl) {
    const wrapper *w = as_wrapper(smpl);
    return w ? w->sampler : NULL;
}

pluck_status pluck_llama_status(const struct llama_sampler *smpl) {
    const wrapper *w = as_wrapper(smpl);
    return w ? w->status : PLUCK_ERR_NULL;
}
