/*
 * probe.h: which samplers of a libllama do what Pluck's do, found out by running both.
 *
 * When a libllama is found, each of its samplers and Pluck's replacement are run on arrays of a few
 * candidates, through the functions that a program calls: alone and in a chain, with accepted
 * tokens, cloned, reset. A sampler whose results differ is left to libllama. That takes some
 * milliseconds, once. Samplers that need a vocabulary are compared when the program first makes
 * one.
 *
 * Before that, the probe finds out what is known to differ between versions: the arguments of
 * init_penalties and init_dry, whether a draw from one candidate takes a random number, and whether
 * top_n_sigma ends with a softmax.
 */
#ifndef PLUCK_LLAMA_PROBE_H
#define PLUCK_LLAMA_PROBE_H

#include "real.h"

/* Fills in what the library's samplers do. plk_library must point to `library`. Needs the lock of
 * route.c. */
void plk_probe(plk_real *library);

/* For samplers that need a vocabulary: compares `object`, which the program has just made. Only the
 * first call for a library does anything. */
void plk_probe_infill(struct llama_sampler *object, const struct llama_vocab *vocab);
void plk_probe_breakers(struct llama_sampler *object);

#endif
