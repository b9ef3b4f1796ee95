/* lend_chains.h: the chains that test_dropin_lend.c runs on lent rows. */
#ifndef PLUCK_LLAMA_LEND_CHAINS_H
#define PLUCK_LLAMA_LEND_CHAINS_H

#include "pluck.h"

#include <math.h>

#define STAGE(kind_, ...)                                                                          \
    { .kind = PLUCK_STAGE_##kind_, .as = __VA_ARGS__ }
#define TOP_K(k)  STAGE(TOP_K, {.top_k = {k}})
#define TOP_P(p)  STAGE(TOP_P, {.top_p = {p, 1}})
#define MIN_P(p)  STAGE(MIN_P, {.min_p = {p, 1}})
#define TEMP(t)   STAGE(TEMPERATURE, {.temperature = {t, 0.0f, 1.0f}})
#define DIST(s)   STAGE(DIST, {.dist = {s}})
#define MIRO_2(s) STAGE(MIROSTAT_V2, {.mirostat = {5.0f, 0.1f, 2, s}})

typedef struct chain {
    const char *name;
    pluck_stage stages[8];
    int32_t n;
} chain;

static const pluck_logit_bias biases[] = {{300, 2.0f}, {11, -3.0f}, {5, -INFINITY}};

static const chain chains[] = {
    {"default", {TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f), DIST(1)}, 5},
    {"temperature 0", {TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.0f), DIST(2)}, 5},
    {"top-k 1000", {TOP_K(1000), DIST(3)}, 2},
    {"everything off", {DIST(4)}, 1},
    {"greedy", {{.kind = PLUCK_STAGE_GREEDY}}, 1},
    {"top-p", {TOP_P(0.9f), TEMP(0.7f), DIST(5)}, 3},
    {"top-p alone", {TOP_P(0.5f)}, 1},
    {"typical", {STAGE(TYPICAL, {.typical = {0.5f, 1}}), DIST(6)}, 2},
    {"sigma", {STAGE(TOP_N_SIGMA, {.top_n_sigma = {1.0f}}), TOP_K(40), DIST(7)}, 3},
    {"sigma alone", {STAGE(TOP_N_SIGMA, {.top_n_sigma = {1.0f}}), DIST(8)}, 2},
    {"XTC",
     {TOP_K(40),
      STAGE(XTC, {.xtc = {.probability = 0.5f, .threshold = 0.1f, .min_keep = 1, .seed = 9}}),
      TEMP(0.9f), DIST(9)},
     4},
    {"biases", {STAGE(LOGIT_BIAS, {.logit_bias = {biases, 3}}), TOP_K(40), DIST(10)}, 3},
    {"penalties",
     {STAGE(PENALTIES, {.penalties = {.last_n = 64, .repeat = 1.3f}}), TOP_K(40), DIST(11)},
     3},
    {"mirostat 2", {TEMP(0.8f), MIRO_2(12)}, 2},
};

#endif
