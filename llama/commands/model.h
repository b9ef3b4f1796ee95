/* model.h: a GGUF model opened for generation, through libllama. */
#ifndef PLUCK_LLAMA_MODEL_H
#define PLUCK_LLAMA_MODEL_H

#include "llama.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct plk_model {
    struct llama_model *model;
    struct llama_context *ctx;
    const struct llama_vocab *vocab;
    int32_t n_vocab;
} plk_model;

/* Opens the model with a context of n_ctx tokens; n_threads 0: all CPUs. On failure returns false
 * with one line in err. libllama's own messages are kept quiet, its first error goes into that
 * line. */
bool plk_model_open(plk_model *out, const char *path, int32_t n_ctx, int32_t n_threads, char *err,
                    size_t err_size);
void plk_model_close(plk_model *m);

/* Forgets the context's tokens. */
void plk_model_clear(plk_model *m);

/* Evaluates tokens after those already there; false with one line in err. */
bool plk_model_decode(plk_model *m, llama_token *tokens, int32_t n, char *err, size_t err_size);

/* The tokens of a prompt, with the model's special ones; where that is nothing, one token to begin
 * with. NULL when out of memory; to be freed. */
llama_token *plk_model_prompt(const plk_model *m, const char *text, int32_t *n);

/* The text of a token; never more than size - 1 bytes, terminated. Returns the length. */
int32_t plk_model_piece(const plk_model *m, llama_token token, char *buffer, int32_t size);

#endif
