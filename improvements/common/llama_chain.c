/*
 * llama_chain.c: see llama_chain.h.
 */
#include "llama_chain.h"

/* llama.cpp's array is read in the same way as the textbook's. */
_Static_assert(sizeof(tb_token) == sizeof(llama_token_data), "12 bytes: id, logit, p");

typedef struct llama_side {
    struct llama_sampler *chain;
    llama_token_data *data;
    llama_token_data_array array;
} llama_side;

static llama_side *side_of(const perflab_ctx *ctx) {
    return ((const chain_bench *)ctx->state)->more;
}

int llama_chain_setup(perflab_ctx *ctx, const chain_plan *plan,
                      void (*add)(struct llama_sampler *chain, int32_t n_vocab)) {
    const int made = chain_setup(ctx, plan);
    if (made != PERFLAB_OK) return made;
    llama_side *side = perflab_alloc(ctx, sizeof *side, 0);
    side->chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    side->data = perflab_alloc(ctx, ctx->size * sizeof *side->data, 0);
    add(side->chain, (int32_t)ctx->size);
    ((chain_bench *)ctx->state)->more = side;
    return PERFLAB_OK;
}

void llama_chain_reset(perflab_ctx *ctx) {
    chain_bench *b = ctx->state;
    chain_reset(ctx);
    if (ctx->side != PERFLAB_BASELINE) return;
    llama_sampler_reset(side_of(ctx)->chain);
    for (int32_t i = 0; i < b->n_history; i++) {
        llama_sampler_accept(side_of(ctx)->chain, b->history[i]);
    }
}

void llama_chain_baseline(perflab_ctx *ctx) {
    chain_bench *b = ctx->state;
    llama_side *side = side_of(ctx);
    for (int32_t i = 0; i < b->n_vocab; i++) {
        side->data[i] = (llama_token_data){i, b->row[i], 0.0f};
    }
    side->array = (llama_token_data_array){side->data, ctx->size, -1, false};
    llama_sampler_apply(side->chain, &side->array);
    const llama_token token = side->array.data[side->array.selected].id;
    llama_sampler_accept(side->chain, token);
    b->token[PERFLAB_BASELINE] = token;
}

bool llama_chain_validate(perflab_ctx *ctx) {
    const llama_token_data_array *a = &side_of(ctx)->array;
    const tb_array left = {(tb_token *)(void *)a->data, a->size, a->selected, a->sorted};
    return chain_validate_array(ctx, &left);
}

void llama_chain_teardown(perflab_ctx *ctx) {
    llama_sampler_free(side_of(ctx)->chain);
    chain_teardown(ctx);
}
