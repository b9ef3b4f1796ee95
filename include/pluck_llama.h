/*
 * pluck_llama.h: pluck samplers for programs that use llama.cpp v0.5.0 (libpluck_llama).
 *
 * Three lines replace a chain of llama.cpp's samplers, with the same tokens:
 *
 *     pluck_sampler *s;
 *     pluck_llama_sampler_from_spec(&s, "temp=0.8;top_k=40;seed=1",
 *                                   llama_model_get_vocab(model), NULL, NULL);
 *     ...
 *     pluck_llama_sample(s, ctx, -1, &token); // token = llama_sampler_sample(chain, ctx, -1)
 *     ...
 *     pluck_sampler_free(s);
 *
 * Where a program fills an array of candidates and applies a llama_sampler to it, a pluck sampler
 * can stand in the chain: pluck_llama_sampler_init wraps it.
 */
#ifndef PLUCK_LLAMA_H
#define PLUCK_LLAMA_H

#include "llama.h"
#include "pluck.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A bias on every token of a text. */
typedef struct pluck_llama_bias {
    const char *text; /* tokenised without special tokens; an empty text biases nothing */
    float bias;       /* not NaN, not +inf */
} pluck_llama_bias;

/* What a spec cannot say, because it is text that only the vocabulary turns into tokens. */
typedef struct pluck_llama_text {
    /* DRY's sequence breakers. NULL: llama.cpp's four, "\n", ":", "\"" and "*". */
    const char *const *dry_breakers;
    int32_t n_dry_breakers;
    const pluck_llama_bias *biases;
    int32_t n_biases;
    /* Put an infill stage before the draw (fill-in-the-middle; meant to stand behind top_k and
     * top_p). The vocabulary must then outlive the sampler. */
    bool infill;
} pluck_llama_text;

/*
 * pluck_sampler_from_spec for a model: n_vocab is the vocabulary's, a DRY stage gets the breakers
 * (llama.cpp's unless the spec or `text` names others), biases by text come first in the chain.
 * `text` and `err` may be NULL. Errors: those of pluck_sampler_from_spec; ERR_PARAM for a bias that
 * is NaN or +inf; ERR_SIZE where the chain becomes too long; ERR_TOKEN where infill finds no token
 * to end with.
 */
PLUCK_API pluck_status pluck_llama_sampler_from_spec(pluck_sampler **out, const char *spec,
                                                     const struct llama_vocab *vocab,
                                                     const pluck_llama_text *text,
                                                     pluck_error *err);

/*
 * Samples from the idx-th output of the last evaluation (-1: the last one), straight from the
 * context's logits, and accepts the token: what llama_sampler_sample does. The context must not
 * have a backend sampler for that output. Errors: those of pluck_sample; ERR_ROW where there are no
 * such logits; ERR_VOCAB where the sampler was created for another number of tokens than the model
 * has.
 */
PLUCK_API pluck_status pluck_llama_sample(pluck_sampler *sampler, struct llama_context *ctx,
                                          int32_t idx, llama_token *token);

/*
 * Wraps a sampler, which becomes the wrapper's, as a llama_sampler named "pluck": it may be
 * applied, cloned, copied, reset, and put in a chain. Applied to an array it leaves the candidates
 * of its chain there, with their final probabilities. Where the sampler refuses the array
 * (pluck_llama_status tells why) the array stays as it was with `selected` = -1. NULL when out of
 * memory; the sampler is then still the caller's.
 */
PLUCK_API struct llama_sampler *pluck_llama_sampler_init(pluck_sampler *sampler);

/* The sampler in a wrapper, which stays the wrapper's; NULL for any other llama_sampler. */
PLUCK_API pluck_sampler *pluck_llama_sampler_get(const struct llama_sampler *wrapper);

/* How the wrapper's last apply ended; PLUCK_OK before the first, PLUCK_ERR_NULL for any other
 * llama_sampler. */
PLUCK_API pluck_status pluck_llama_status(const struct llama_sampler *wrapper);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_LLAMA_H */
