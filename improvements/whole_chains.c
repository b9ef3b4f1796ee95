/*
 * W.1 to W.4 whole_chains: from the row of logits to the accepted token.
 *
 * Baseline: the textbook chain, which fills the candidates, applies each stage and accepts.
 * llama_chains.c compares the same candidates with llama.cpp's own samplers.
 */
#include "whole_chains.h"

static int setup_default(perflab_ctx *ctx) {
    return chain_setup(ctx, &whole_default);
}

static int setup_penalties(perflab_ctx *ctx) {
    return chain_setup(ctx, &whole_penalties);
}

static int setup_no_top_k(perflab_ctx *ctx) {
    return chain_setup(ctx, &whole_no_top_k);
}

static int setup_typical(perflab_ctx *ctx) {
    return chain_setup(ctx, &whole_typical);
}

#define WHOLE(id_, component_, title_, setup_)                                                     \
    {                                                                                              \
        .id = (id_), .component = (component_), .title = (title_), .inputs = input_kinds,          \
        .size = INPUT_VOCAB, .flags = PERFLAB_RESET_PER_BLOCK, .setup = (setup_),                  \
        .reset = chain_reset, .baseline = chain_baseline, .candidate = chain_candidate,            \
        .validate = chain_validate, .teardown = chain_teardown                                     \
    }

PERFLAB_MODULE(WHOLE("W.1", "default chain",
                     "top_k 40, top_p .95, min_p .05, temp .8: row to token", setup_default),
               WHOLE("W.2", "default chain + penalties", "the same behind repeat_penalty 1.1",
                     setup_penalties),
               WHOLE("W.3", "chain without top-k", "top_p .95, min_p .05, temp .8: row to token",
                     setup_no_top_k),
               WHOLE("W.4", "typical chain", "typical .95, temp .8: row to token", setup_typical))
