/*
 * settings.h: what programs on llama.cpp's common library ask of its sampler: the 19 settings that
 * bench_common times and compares.
 */
#ifndef PLUCK_BENCH_COMMON_SETTINGS_H
#define PLUCK_BENCH_COMMON_SETTINGS_H

#include "common.h"
#include "sampling.h"

#include <vector>

struct setting {
    const char *name;
    int n_history; /* tokens accepted before the first is sampled */
    /* The share of tokens that may differ from llama.cpp's: where it sums a whole row in float32,
     * its rounding moves boundaries (docs/parity.md). */
    double may_differ;
    void (*change)(common_params_sampling &);
};

const std::vector<setting> &all_settings();

/* The parameters of a setting: llama.cpp's defaults, changed, with a fixed seed. */
common_params_sampling params_of(const setting &s);

#endif
