/*
 * twin.h: the same calls made twice in one process: by name, as a program makes them (so that they
 * reach the drop-in where it is preloaded), and through the addresses that libllama itself has.
 * What a test of the drop-in compares.
 */
#ifndef PLUCK_LLAMA_TWIN_H
#define PLUCK_LLAMA_TWIN_H

#include "llama.h"
#include "pluck.h"

/* The generation of the headers that the test is compiled with: the number of functions in
 * llama_sampler_i, see preload/real.h. */
#ifndef TWIN_GENERATION
#define TWIN_GENERATION 12
#endif

#if TWIN_GENERATION >= 10
#define TWIN_FUNCTIONS_10(X) X(sampler_init_adaptive_p) X(set_sampler)
#else
#define TWIN_FUNCTIONS_10(X)
#endif
#if TWIN_GENERATION >= 12
#define TWIN_FUNCTIONS_12(X) X(sampler_copy)
#else
#define TWIN_FUNCTIONS_12(X)
#endif

/* X(name): the functions that are called in both ways, as llama_NAME. */
#define TWIN_FUNCTIONS(X)                                                                          \
    X(sampler_init_greedy)                                                                         \
    X(sampler_init_dist)                                                                           \
    X(sampler_init_top_k)                                                                          \
    X(sampler_init_top_p)                                                                          \
    X(sampler_init_min_p)                                                                          \
    X(sampler_init_typical)                                                                        \
    X(sampler_init_temp)                                                                           \
    X(sampler_init_temp_ext)                                                                       \
    X(sampler_init_xtc)                                                                            \
    X(sampler_init_top_n_sigma)                                                                    \
    X(sampler_init_mirostat)                                                                       \
    X(sampler_init_mirostat_v2)                                                                    \
    X(sampler_init_penalties)                                                                      \
    X(sampler_init_dry)                                                                            \
    X(sampler_init_logit_bias)                                                                     \
    X(sampler_init_infill)                                                                         \
    X(sampler_chain_init)                                                                          \
    X(sampler_chain_add)                                                                           \
    X(sampler_chain_get)                                                                           \
    X(sampler_chain_n)                                                                             \
    X(sampler_chain_remove)                                                                        \
    X(sampler_name)                                                                                \
    X(sampler_apply)                                                                               \
    X(sampler_accept)                                                                              \
    X(sampler_reset)                                                                               \
    X(sampler_clone)                                                                               \
    X(sampler_free)                                                                                \
    X(sampler_sample)                                                                              \
    X(perf_sampler)                                                                                \
    X(perf_sampler_print)                                                                          \
    X(perf_sampler_reset)                                                                          \
    TWIN_FUNCTIONS_10(X)                                                                           \
    TWIN_FUNCTIONS_12(X)

typedef struct twin_api {
/* a member's name cannot stand in parentheses */
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define TWIN_MEMBER(name) __typeof__(&llama_##name) name;
    TWIN_FUNCTIONS(TWIN_MEMBER)
#undef TWIN_MEMBER
} twin_api;

/* Both sets of functions; the second is found with dlsym on libllama's own handle. */
extern twin_api by_name, by_address;

/* Fills them; false where libllama's own functions cannot be found. */
bool twin_init(void);

/* Is the drop-in between by_name and libllama? */
bool twin_is_preloaded(void);

/* A stage made with one set of functions. With a vocabulary a DRY stage gets llama.cpp's
 * breakers. */
struct llama_sampler *twin_stage(const twin_api *api, const pluck_stage *stage, int32_t n_vocab,
                                 const struct llama_vocab *vocab);

/* A chain of n stages. */
struct llama_sampler *twin_chain(const twin_api *api, const pluck_stage *stages, int32_t n,
                                 int32_t n_vocab, const struct llama_vocab *vocab);

/* Penalties and DRY with the arguments of the newest version; `vocab` may be NULL without
 * breakers. */
struct llama_sampler *twin_penalties(const twin_api *api, int32_t n_vocab, int32_t last_n,
                                     float repeat, float freq, float present);
struct llama_sampler *twin_dry(const twin_api *api, const struct llama_vocab *vocab,
                               const pluck_stage_dry *dry, const char **breakers,
                               size_t n_breakers);

/* An array of candidates that owns its data. */
typedef struct twin_array {
    llama_token_data_array cur;
    llama_token_data *data;
} twin_array;

/* Candidates 0 to n - 1 with these logits and p = 0.25. */
twin_array twin_array_of(const float *logits, int32_t n);
/* The same sorted by logit, and flagged so. */
twin_array twin_array_sorted(const float *logits, int32_t n);
void twin_array_free(twin_array *a);

/* How much logits (relative) and p may differ: 1e-5 unless a test says otherwise. */
extern float twin_tolerance;

/* Fails the cmocka test where the arrays differ: size, selected, sorted, ids in order, logits
 * and p within the tolerance. Which of equals comes first, and so which of several masked
 * candidates is listed, is left open: it is an accident of llama.cpp's sort. `what` and `step` go
 * into the message. */
void twin_assert_same(const llama_token_data_array *a, const llama_token_data_array *b,
                      const char *what, int step);

/* Applies `sampler` of one set to an array of these logits and accepts; returns the token, or
 * -1. */
llama_token twin_step(const twin_api *api, struct llama_sampler *sampler, const float *logits,
                      int32_t n);

#endif
