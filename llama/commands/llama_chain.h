/* llama_chain.h: llama.cpp's own samplers for a chain that is given as a libpluck config. The
 * caller frees them with llama_sampler_free; a chain frees its samplers. */
#ifndef PLUCK_LLAMA_LLAMA_CHAIN_H
#define PLUCK_LLAMA_LLAMA_CHAIN_H

#include "llama.h"
#include "pluck.h"

/* The sampler of one stage. DRY gets llama.cpp's four default breakers if `vocab` is given,
 * otherwise none; infill needs `vocab`. `seed` is used where the stage has no seed of its own. NULL
 * if llama.cpp has no such sampler. */
struct llama_sampler *plk_llama_stage(const pluck_stage *stage, int32_t n_vocab, uint32_t seed,
                                      const struct llama_vocab *vocab);

/* The whole chain; NULL if llama.cpp lacks one of its samplers. */
struct llama_sampler *plk_llama_chain(const pluck_config *config, uint32_t seed,
                                      const struct llama_vocab *vocab);

#endif
