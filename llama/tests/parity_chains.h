/* parity_chains.h: the chains for which parity with llama.cpp is tested. */
#ifndef PLUCK_LLAMA_PARITY_CHAINS_H
#define PLUCK_LLAMA_PARITY_CHAINS_H

#include "pluck.h"

typedef struct parity_chain {
    const char *spec;
    enum {
        PARITY_PLAIN,
        PARITY_GREEDY,
        PARITY_INFILL
    } more; /* what a spec cannot say: greedy instead of the draw; infill before the draw */
} parity_chain;

/* Every sampler on its own first, then chains that mix them. */
extern const parity_chain parity_chains[];
extern const int parity_n_chains, parity_n_singles;

/* Makes the chain's config. `stages` has room for 64 and gets its stages; `infill` may be NULL.
 * `parsed` owns the memory and is to be freed. On failure returns false with a message on
 * stderr. */
bool parity_config(const parity_chain *chain, int32_t n_vocab, const pluck_stage_infill *infill,
                   pluck_stage *stages, pluck_config *config, pluck_spec **parsed);

#endif
