/* made_model.h: a GGUF model of any vocabulary size, for measuring samplers with. */
#ifndef PLUCK_BENCH_COMMON_MADE_MODEL_H
#define PLUCK_BENCH_COMMON_MADE_MODEL_H

#include <cstdint>
#include <string>

/*
 * Writes a decoder of one layer, 32 wide, with a SentencePiece vocabulary of n_vocab tokens: three
 * special ones, 256 bytes, then pieces made of letters, one in forty of which ends in one of DRY's
 * default breakers. All weights are zero: whoever measures supplies the logits. False if the file
 * cannot be written.
 */
bool write_made_model(const std::string &path, int32_t n_vocab);

#endif
