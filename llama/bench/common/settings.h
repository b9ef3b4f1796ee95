/*
 * settings.h: settings of the sampler in llama.cpp's common library, which bench_common times and
 * compares.
 */
#ifndef PLUCK_BENCH_COMMON_SETTINGS_H
#define PLUCK_BENCH_COMMON_SETTINGS_H

#include "common.h"
#include "sampling.h"

#include <vector>

struct setting {
    const char *name;
    int n_history; /* tokens accepted before the first is sampled */
    /* The share of tokens that may differ from llama.cpp's: if llama.cpp sums a whole row in
     * float32, its rounding moves boundaries (docs/parity.md). */
    double may_differ;
    void (*change)(common_params_sampling &);
};

/* All settings, in the order of their numbers. */
const std::vector<setting> &all_settings();

/* The parameters of a setting: llama.cpp's defaults, changed, with a fixed seed. */
common_params_sampling params_of(const setting &s);

#endif
