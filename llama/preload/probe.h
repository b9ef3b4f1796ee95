/*
 * probe.h: which samplers of a libllama do what Pluck's do, found out by running both.
 *
 * When a libllama is found, each of its samplers and Pluck's in its place, through the very
 * functions that a program will reach, are run on arrays of a few candidates: alone and in a chain,
 * told of tokens, cloned, reset. Whatever comes out differently is left to libllama. That takes
 * about a millisecond, once. The samplers that need a vocabulary are looked at when the program
 * first makes one.
 *
 * Before that it is found out what versions are known to do differently: the arguments of
 * init_penalties and init_dry, whether a draw from one candidate takes a random number, whether
 * top_n_sigma ends with a softmax.
 */
#ifndef PLUCK_LLAMA_PROBE_H
#define PLUCK_LLAMA_PROBE_H

#include "real.h"

/* Fills in what the library's samplers do. plk_library must be the library. */
void plk_probe(plk_real *library);

/* For the samplers that need a vocabulary: `object` has just been made by the program. Does nothing
 * but the first time for a library. */
void plk_probe_infill(struct llama_sampler *object, const struct llama_vocab *vocab);
void plk_probe_breakers(struct llama_sampler *object);

#endif
