/*
 * vocab.h: what llama.cpp takes as text (DRY's sequence breakers, infill's pieces, a bias by text),
 * turned into the tokens that libpluck works with, by the model's vocabulary and llama.cpp's rules.
 *
 * libllama is called through a table: the adapter fills it with the functions it is linked with,
 * the drop-in, which is linked with no libllama, with those it finds in the process.
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

/* Each library of this folder defines it. */
extern plk_vocab_api plk_vocab;

/* DRY breakers as tokens; `sequences` is what a pluck_stage_dry takes. */
typedef struct plk_breakers {
    pluck_token_sequence *sequences;
    int32_t n_sequences;
    int32_t capacity;
    int32_t **blocks; /* the memory the sequences point into */
    int32_t n_blocks;
} plk_breakers;

/*
 * Every way a breaker can begin: each token that contains the string, and each whose end is the
 * string's beginning, followed by the tokens of the rest. Strings that are NULL or empty are passed
 * over, others cut to 40 bytes, tails to 20 tokens, as llama.cpp does. ERR_MEMORY when out of
 * memory.
 */
pluck_status plk_breakers_create(plk_breakers *out, const struct llama_vocab *vocab,
                                 const char *const *strings, size_t n_strings);
void plk_breakers_free(plk_breakers *breakers);

/* The tokens of a text, without special tokens. *tokens is malloc'ed; *n may become 0. */
pluck_status plk_tokenize(const struct llama_vocab *vocab, const char *text, size_t length,
                          int32_t **tokens, int32_t *n);

/* The infill stage of a vocabulary, which must outlive the sampler. ERR_TOKEN where the vocabulary
 * has neither an end of turn nor an end of sequence. */
pluck_status plk_infill_stage(pluck_stage_infill *out, const struct llama_vocab *vocab);

#endif
