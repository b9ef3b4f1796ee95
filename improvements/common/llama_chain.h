/*
 * llama_chain.h: llama.cpp's own samplers as the baseline of a chain, called in the same way as its
 * llama_sampler_sample does: fill the structs, apply, accept. Needs no model.
 */
#ifndef IMPROVEMENTS_LLAMA_CHAIN_H
#define IMPROVEMENTS_LLAMA_CHAIN_H

#include "chain_bench.h"

#include <llama.h>

int llama_chain_setup(perflab_ctx *ctx, const chain_plan *plan,
                      void (*add)(struct llama_sampler *chain, int32_t n_vocab));
void llama_chain_reset(perflab_ctx *ctx);
void llama_chain_baseline(perflab_ctx *ctx);
bool llama_chain_validate(perflab_ctx *ctx);
void llama_chain_teardown(perflab_ctx *ctx);

#endif
