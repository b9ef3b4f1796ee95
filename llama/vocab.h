/*
 * vocab.h: what llama.cpp takes as text (DRY's sequence breakers, infill's pieces, a bias by text),
 * as the tokens that libpluck works with. It is tokenised with the model's vocabulary by
 * llama.cpp's rules.
 *
 * libllama is called through a table. The adapter fills it with the functions that it is linked
 * with; the drop-in, which is linked with no libllama, with those that it finds in the process.
 */
#ifndef PLUCK_LLAMA_VOCAB_H
#define PLUCK_LLAMA_VOCAB_H

#include "llama.h"
#include "pluck.h"

typedef struct plk_vocab_api {
    int32_t (*n_tokens)(const struct llama_vocab *);
    int32_t (*tokenize)(const struct llama_vocab *, const char *, int32_t, llama_token *, int32_t,
                        bool, bool);
    int32_t (*detokenize)(const struct llama_vocab *, const llama_token *, int32_t, char *, int32_t,
                          bool, bool);
    int32_t (*token_to_piece)(const struct llama_vocab *, llama_token, char *, int32_t, int32_t,
                              bool);
    bool (*is_eog)(const struct llama_vocab *, llama_token);
    llama_token (*eot)(const struct llama_vocab *);
    llama_token (*eos)(const struct llama_vocab *);
} plk_vocab_api;

/* Defined by each library in this folder. */
extern plk_vocab_api plk_vocab;

/* DRY breakers as tokens; `sequences` is what a pluck_stage_dry takes. */
typedef struct plk_breakers {
    pluck_token_sequence *sequences;
    int32_t n_sequences;
    int32_t capacity;
    int32_t **blocks; /* the memory that the sequences point into */
    int32_t n_blocks;
} plk_breakers;

/*
 * Every way a breaker can begin: each token that contains the string, and each whose end is the
 * string's beginning, followed by the tokens of the rest. As in llama.cpp, strings that are NULL or
 * empty are skipped, others cut to 40 bytes, and what follows the first token to 20 tokens.
 * ERR_MEMORY, ERR_SIZE; `out` is then empty.
 */
pluck_status plk_breakers_create(plk_breakers *out, const struct llama_vocab *vocab,
                                 const char *const *strings, size_t n_strings);

/* Frees the memory; the breakers are empty then. */
void plk_breakers_free(plk_breakers *breakers);

/* The tokens of a text of `length` bytes, without special tokens. *tokens is to be freed with free;
 * *n may be 0. ERR_MEMORY; ERR_SIZE if the text is too long. */
pluck_status plk_tokenize(const struct llama_vocab *vocab, const char *text, size_t length,
                          int32_t **tokens, int32_t *n);

/* The infill stage of a vocabulary, which must outlive the sampler. ERR_TOKEN if the vocabulary has
 * neither an end of turn nor an end of sequence. */
pluck_status plk_infill_stage(pluck_stage_infill *out, const struct llama_vocab *vocab);

#endif
