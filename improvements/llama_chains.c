/*
 * W.1L to W.4L: the candidates of whole_chains.c against llama.cpp's own samplers.
 *
 * Built if libllama 0.5.0 is found; the library is used as its distributor built it.
 */
#include "llama_chain.h"
#include "whole_chains.h"

static void add_no_top_k(struct llama_sampler *chain, int32_t n_vocab) {
    (void)n_vocab;
    llama_sampler_chain_add(chain, llama_sampler_init_top_p(0.95f, 1));
    llama_sampler_chain_add(chain, llama_sampler_init_min_p(0.05f, 1));
    llama_sampler_chain_add(chain, llama_sampler_init_temp(0.8f));
    llama_sampler_chain_add(chain, llama_sampler_init_dist(CHAIN_SEED));
}

static void add_default(struct llama_sampler *chain, int32_t n_vocab) {
    llama_sampler_chain_add(chain, llama_sampler_init_top_k(40));
    add_no_top_k(chain, n_vocab);
}

static void add_penalties(struct llama_sampler *chain, int32_t n_vocab) {
    llama_sampler_chain_add(chain,
                            llama_sampler_init_penalties(n_vocab, INPUT_HISTORY, 1.1f, 0, 0));
    add_default(chain, n_vocab);
}

static void add_typical(struct llama_sampler *chain, int32_t n_vocab) {
    (void)n_vocab;
    llama_sampler_chain_add(chain, llama_sampler_init_typical(0.95f, 1));
    llama_sampler_chain_add(chain, llama_sampler_init_temp(0.8f));
    llama_sampler_chain_add(chain, llama_sampler_init_dist(CHAIN_SEED));
}

static int setup_default(perflab_ctx *ctx) {
    return llama_chain_setup(ctx, &whole_default, add_default);
}

static int setup_penalties(perflab_ctx *ctx) {
    return llama_chain_setup(ctx, &whole_penalties, add_penalties);
}

static int setup_no_top_k(perflab_ctx *ctx) {
    return llama_chain_setup(ctx, &whole_no_top_k, add_no_top_k);
}

static int setup_typical(perflab_ctx *ctx) {
    return llama_chain_setup(ctx, &whole_typical, add_typical);
}

#define WHOLE(id_, component_, setup_)                                                             \
    {                                                                                              \
        .id = (id_), .component = (component_),                                                    \
        .title = "against llama.cpp 0.5.0's own samplers, called as it calls them",                \
        .inputs = input_kinds, .size = INPUT_VOCAB, .flags = PERFLAB_RESET_PER_BLOCK,              \
        .setup = (setup_), .reset = llama_chain_reset, .baseline = llama_chain_baseline,           \
        .candidate = chain_candidate, .validate = llama_chain_validate,                            \
        .teardown = llama_chain_teardown                                                           \
    }

PERFLAB_MODULE(WHOLE("W.1L", "default chain (llama.cpp)", setup_default),
               WHOLE("W.2L", "default chain + penalties (llama.cpp)", setup_penalties),
               WHOLE("W.3L", "chain without top-k (llama.cpp)", setup_no_top_k),
               WHOLE("W.4L", "typical chain (llama.cpp)", setup_typical))
