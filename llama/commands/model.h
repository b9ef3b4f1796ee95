/* model.h: a GGUF model opened for generation, through libllama. One thread at a time: error
 * messages are collected in a static buffer. */
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

/* Opens the model with a context of n_ctx tokens; n_threads = 0: one for each CPU. On failure
 * returns false and writes one line to err, with libllama's first error in it; apart from that,
 * libllama's messages are not printed. */
bool plk_model_open(plk_model *out, const char *path, int32_t n_ctx, int32_t n_threads, char *err,
                    size_t err_size);

/* Frees the model and its context; allowed after a failure and twice. */
void plk_model_close(plk_model *m);

/* Removes all tokens from the context. */
void plk_model_clear(plk_model *m);

/* Evaluates n tokens after those already in the context, and waits for the logits. On failure
 * returns false and writes one line to err. */
bool plk_model_decode(plk_model *m, llama_token *tokens, int32_t n, char *err, size_t err_size);

/* The tokens of a prompt, with the model's special ones; if there are none, one token to begin
 * with. *n: how many. NULL if out of memory; to be freed with free. */
llama_token *plk_model_prompt(const plk_model *m, const char *text, int32_t *n);

/* Writes the text of a token to `buffer`, at most size - 1 bytes and a zero. Returns the length, 0
 * if the text does not fit. */
int32_t plk_model_piece(const plk_model *m, llama_token token, char *buffer, int32_t size);

#endif
