/* llama_chain.h: llama.cpp's own samplers for a chain that is given as libpluck's config. */
#ifndef PLUCK_LLAMA_LLAMA_CHAIN_H
#define PLUCK_LLAMA_LLAMA_CHAIN_H

#include "llama.h"
#include "pluck.h"

/* One stage as llama.cpp makes it. DRY gets llama.cpp's four breakers if `vocab` is given, else
 * none. `seed` stands for the config's. NULL for a kind llama.cpp does not have. */
struct llama_sampler *plk_llama_stage(const pluck_stage *stage, int32_t n_vocab, uint32_t seed,
                                      const struct llama_vocab *vocab);

/* The whole chain; NULL where a stage has no counterpart. */
struct llama_sampler *plk_llama_chain(const pluck_config *config, uint32_t seed,
                                      const struct llama_vocab *vocab);

#endif
