/* made_model.h: a GGUF model with a vocabulary of any size, to measure and test samplers with. */
#ifndef PLUCK_LLAMA_MADE_MODEL_H
#define PLUCK_LLAMA_MADE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Writes a decoder of one layer, 32 wide, with a SentencePiece vocabulary of n_vocab tokens (at
 * least 260): three special ones, 256 bytes, then pieces of letters, one in forty of which ends in a
 * character that DRY's default breakers hold. All weights are zero, so whoever uses the model writes
 * logits of its own into the rows. False if the file cannot be written.
 */
bool write_made_model(const char *path, int32_t n_vocab);

#ifdef __cplusplus
}
#endif

#endif
