/*
 * pluck_llama.h: pluck samplers for programs that use llama.cpp v0.5.0 (libpluck_llama).
 *
 * Three lines replace a chain of llama.cpp's samplers and give the same tokens:
 *
 *     pluck_sampler *s;
 *     pluck_llama_sampler_from_spec(&s, "temp=0.8;top_k=40;seed=1",
 *                                   llama_model_get_vocab(model), NULL, NULL);
 *     ...
 *     pluck_llama_sample(s, ctx, -1, &token); // token = llama_sampler_sample(chain, ctx, -1)
 *     ...
 *     pluck_sampler_free(s);
 *
 * If a program fills an array of candidates and applies a llama_sampler to it,
 * pluck_llama_sampler_init makes a llama_sampler of a pluck sampler, for use in its chain.
 *
 * Threads: as in pluck.h. Errors: the codes of pluck.h, named here without the prefix PLUCK_; a
 * function that fails changes nothing unless its comment says otherwise.
 */
#ifndef PLUCK_LLAMA_H
#define PLUCK_LLAMA_H

#include "llama.h"
#include "pluck.h"
#include "pluck_verify.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A bias on every token of a text. */
typedef struct pluck_llama_bias {
    const char *text; /* tokenised without special tokens; an empty text biases nothing */
    float bias;       /* added to the logit of each of its tokens; not NaN, not +inf */
} pluck_llama_bias;

/* What a spec cannot contain, because it is text that only the vocabulary turns into tokens. Read
 * during the call that it is given to. */
typedef struct pluck_llama_text {
    /* DRY's sequence breakers. NULL: llama.cpp's four, "\n", ":", "\"" and "*". */
    const char *const *dry_breakers;
    int32_t n_dry_breakers;
    const pluck_llama_bias *biases;
    int32_t n_biases;
    /* Adds an infill stage before the draw (fill-in-the-middle). It needs a top_k or top_p before
     * it, because its time grows with the square of the candidates. The vocabulary must then
     * outlive the sampler. */
    bool infill;
} pluck_llama_text;

/*
 * pluck_sampler_from_spec for a model. n_vocab is the vocabulary's; a DRY stage gets llama.cpp's
 * breakers unless the spec or `text` has others; the biases of `text` come first in the chain.
 * `text` and `err` may be NULL. Errors: those of pluck_sampler_from_spec; ERR_PARAM if a bias is
 * NaN or +inf; ERR_SIZE if the chain becomes too long; ERR_TOKEN if the vocabulary has no token
 * that infill can end with.
 */
PLUCK_API pluck_status pluck_llama_sampler_from_spec(pluck_sampler **out, const char *spec,
                                                     const struct llama_vocab *vocab,
                                                     const pluck_llama_text *text,
                                                     pluck_error *err);

/*
 * Samples from the logits of output number idx of the context's last evaluation (-1: the last
 * output), writes the token and accepts it, as llama_sampler_sample does. The logits are read where
 * they are. The context must not have a backend sampler for that output. Errors: those of
 * pluck_sample; ERR_ROW if there are no such logits; ERR_VOCAB if the sampler's n_vocab is not the
 * model's.
 */
PLUCK_API pluck_status pluck_llama_sample(pluck_sampler *sampler, struct llama_context *ctx,
                                          int32_t idx, llama_token *token);

/*
 * Verifies a draft, as pluck_verify does, by the logits of the context's last evaluation, which are
 * read where they are. outputs[0] is the number, as pluck_llama_sample takes it, of the output behind
 * the text; outputs[i + 1] that of the output behind drafted token i: draft->n_tokens + 1 of them.
 * draft->rows may be NULL; if not, its masks are used (`allowed`, `n_allowed`) and nothing else. For
 * a tree evaluate each of its paths as a sequence of its own, the tokens that paths share once with
 * all their sequences. Afterwards remove from the context's memory what does not stand. Errors: those
 * of pluck_verify; ERR_NULL; ERR_ROW if there are no such logits; ERR_VOCAB if the sampler's n_vocab
 * is not the model's.
 */
PLUCK_API pluck_status pluck_llama_verify(pluck_sampler *sampler, struct llama_context *ctx,
                                          const int32_t *outputs, const pluck_draft *draft,
                                          pluck_verified *verified, pluck_error *err);

/*
 * Wraps a sampler as a llama_sampler named "pluck", which may be applied, cloned, copied, reset and
 * put in a chain. The wrapper owns the sampler and frees it. Applied to an array, it leaves the
 * candidates of its chain there with their final probabilities. If the sampler refuses the array,
 * only `selected` is set, to -1; pluck_llama_status returns the reason. Returns NULL if sampler is
 * NULL or there is no memory; the sampler is then still the caller's.
 */
PLUCK_API struct llama_sampler *pluck_llama_sampler_init(pluck_sampler *sampler);

/* The sampler in a wrapper, which still owns it; NULL for any other llama_sampler. */
PLUCK_API pluck_sampler *pluck_llama_sampler_get(const struct llama_sampler *wrapper);

/* The status of the wrapper's last apply; OK before the first one, ERR_NULL for any other
 * llama_sampler. */
PLUCK_API pluck_status pluck_llama_status(const struct llama_sampler *wrapper);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_LLAMA_H */
