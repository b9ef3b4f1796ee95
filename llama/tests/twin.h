/*
 * twin.h: the same calls made twice in one process: by name, as a program makes them, which reach
 * the drop-in if it is preloaded; and through libllama's own addresses. Tests of the drop-in
 * compare the two.
 */
#ifndef PLUCK_LLAMA_TWIN_H
#define PLUCK_LLAMA_TWIN_H

#include "llama.h"
#include "pluck.h"
#include "sampler_functions.h"

/* The generation of the headers that the test is compiled with: how many functions llama_sampler_i
 * has; see preload/real.h. */
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
    PLK_SAMPLER_FUNCTIONS(X)                                                                       \
    X(sampler_chain_get)                                                                           \
    X(sampler_chain_n)                                                                             \
    X(sampler_name)                                                                                \
    TWIN_FUNCTIONS_10(X)                                                                           \
    TWIN_FUNCTIONS_12(X)

typedef struct twin_api {
/* a member's name cannot be in parentheses */
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define TWIN_MEMBER(name) __typeof__(&llama_##name) name;
    TWIN_FUNCTIONS(TWIN_MEMBER)
#undef TWIN_MEMBER
} twin_api;

/* Both sets of functions. Those of by_address are found with dlsym in libllama itself. */
extern twin_api by_name, by_address;

/* Fills them. False, with a line on stderr, if libllama's own functions are not found or the
 * drop-in is not preloaded: a test then has nothing to compare. */
bool twin_begin(void);

/* libllama's own function of this name, past the drop-in; NULL if there is none. After twin_begin. */
void *twin_own(const char *name);

/* What a test did before, for the message of a failure; it empties it when it starts anew. */
extern char twin_story[4096];

/* Appends to the story, as printf does. */
void twin_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A sampler of a program's own: masks every third token of what it sees, and notes how many it saw. */
extern struct llama_sampler_i twin_seeing;
extern size_t twin_n_seen;

/* A stage made with one set of functions. With a vocabulary, DRY gets llama.cpp's default breakers.
 * Fails the test if the version has no such stage. */
struct llama_sampler *twin_stage(const twin_api *api, const pluck_stage *stage, int32_t n_vocab,
                                 const struct llama_vocab *vocab);

/* A chain of n stages. */
struct llama_sampler *twin_chain(const twin_api *api, const pluck_stage *stages, int32_t n,
                                 int32_t n_vocab, const struct llama_vocab *vocab);

/* Penalties and DRY with the arguments of the newest version. `vocab` may be NULL if there are no
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

/* The same, sorted by descending logit and flagged so. */
twin_array twin_array_sorted(const float *logits, int32_t n);

/* Frees the data; what `cur` points to is not used. */
void twin_array_free(twin_array *a);

/* How much logits and p may differ, relative to 1 + their size: 1e-5 unless a test sets it. */
extern float twin_tolerance;

/* Fails the cmocka test if the arrays differ in size, selected, sorted, ids in order, or logits and
 * p by more than the tolerance. Which of equal candidates comes first, and so which of several
 * masked ones is listed, may differ: that depends on llama.cpp's sort. `what` and `step` go into
 * the message. */
void twin_assert_same(const llama_token_data_array *a, const llama_token_data_array *b,
                      const char *what, int step);

/* Applies `sampler` to an array of these logits and accepts the token. Returns it, or -1. */
llama_token twin_step(const twin_api *api, struct llama_sampler *sampler, const float *logits,
                      int32_t n);

#endif
