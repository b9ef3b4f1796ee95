/* parity_chains.h: the chains that parity with llama.cpp is shown for. */
#ifndef PLUCK_LLAMA_PARITY_CHAINS_H
#define PLUCK_LLAMA_PARITY_CHAINS_H

#include "pluck.h"

typedef struct parity_chain {
    const char *spec;
    enum {
        PARITY_PLAIN,
        PARITY_GREEDY,
        PARITY_INFILL
    } more; /* what the text cannot say: greedy
instead of the draw; infill before it */
} parity_chain;

/* Every sampler by itself first, then chains that mix them. */
extern const parity_chain parity_chains[];
extern const int parity_n_chains, parity_n_singles;

/* The chain's config, with stages in `stages` (64) and infill as given, which may be NULL. `parsed`
 * keeps the memory and is to be freed. Returns false with a message on stderr. */
bool parity_config(const parity_chain *chain, int32_t n_vocab, const pluck_stage_infill *infill,
                   pluck_stage *stages, pluck_config *config, pluck_spec **parsed);

#endif
