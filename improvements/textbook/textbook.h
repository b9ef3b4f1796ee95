/*
 * textbook.h: the usual implementation of a chain, for the baselines.
 *
 * The whole vocabulary becomes an array of 12-byte candidates, and each stage walks, sorts or
 * shrinks that array. The algorithms, their buffers and their order are those of llama.cpp v0.5.0's
 * CPU samplers (float sums, 128 buckets for a large partial sort, 256 candidates at first for a
 * nucleus, hash maps for repeats), but the code is our own. Nothing is made slow on purpose: it is
 * compiled with the same flags as the candidate that it is compared with.
 *
 * It is C if the cost of the original is in loops, and C++ if it is in a container or an algorithm
 * of the standard library.
 */
#ifndef IMPROVEMENTS_TEXTBOOK_H
#define IMPROVEMENTS_TEXTBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tb_token {
    int32_t id;
    float logit;
    float p;
} tb_token;

typedef struct tb_array {
    tb_token *data;
    size_t size;
    int64_t selected; /* index, -1 if none is selected */
    bool sorted;      /* by descending logit */
} tb_array;

/* ---- loops (loops.c) ---- */

/* Fills data, which has room for n, with all n logits as candidates in order of id. */
void tb_fill(tb_array *a, const float *logits, size_t n);
void tb_temperature(tb_array *a, float t);
/* Fills in p; sorts first if that is asked for and not done yet. */
void tb_softmax(tb_array *a, bool sort);
/* The entropy in nats, from p. */
float tb_entropy(const tb_array *a);
void tb_greedy(tb_array *a);

/* ---- vectors and sorts (vectors.cpp) ---- */

typedef struct tb_buffer tb_buffer; /* a vector of candidates that is kept between calls */
tb_buffer *tb_buffer_create(void);
void tb_buffer_free(tb_buffer *buffer);

/* Keeps the k greatest candidates, in descending order. */
void tb_partial_sort(tb_array *a, size_t k);
void tb_top_k(tb_array *a, int32_t k);
void tb_top_p(tb_array *a, float p, size_t min_keep, tb_buffer *buffer);
void tb_min_p(tb_array *a, float p, size_t min_keep);
void tb_typical(tb_array *a, float p, size_t min_keep);
/* Fills a new vector with all n logits as candidates; it replaces that of the last call. */
void tb_fill_new_vector(tb_buffer *into, const float *logits, size_t n);
const tb_token *tb_buffer_data(const tb_buffer *buffer);

/* ---- random numbers (random.cpp) ---- */

typedef struct tb_random tb_random; /* std::mt19937 */
tb_random *tb_random_create(uint32_t seed);
void tb_random_seed(tb_random *r, uint32_t seed);
void tb_random_free(tb_random *r);
/* A number in [0, 1), with 53 bits from two words. */
double tb_random_uniform(tb_random *r);
/* Draws an index by p, from a std::discrete_distribution that is made for this call. */
int64_t tb_random_discrete(tb_random *r, const tb_array *a);

/* Exponentials, then a draw and the normalised p in one more walk. */
void tb_dist(tb_array *a, tb_random *r);

typedef struct tb_mirostat_state {
    int32_t n_vocab;
    float tau, eta, mu;
    int32_t m;
    tb_random *random;
} tb_mirostat_state;
void tb_mirostat(tb_array *a, tb_mirostat_state *state);

/* ---- repeats (history.cpp) ---- */

/* Only the last n tokens, as DRY keeps them. */
typedef struct tb_ring tb_ring;
tb_ring *tb_ring_create(int32_t capacity);
void tb_ring_free(tb_ring *r);
void tb_ring_push(tb_ring *r, int32_t token);
/* Copies all tokens that it holds, the oldest first. Returns how many. */
int32_t tb_ring_read(const tb_ring *r, int32_t *tokens);
void tb_ring_reset(tb_ring *r);

typedef struct tb_penalties tb_penalties;
tb_penalties *tb_penalties_create(int32_t last_n, float repeat, float freq, float present);
void tb_penalties_free(tb_penalties *p);
void tb_penalties_accept(tb_penalties *p, int32_t token);
void tb_penalties_reset(tb_penalties *p);
void tb_penalties_apply(tb_penalties *p, tb_array *a);

typedef struct tb_breaker {
    const int32_t *tokens; /* a head and its tail */
    int32_t n_tokens;
} tb_breaker;

typedef struct tb_dry tb_dry;
tb_dry *tb_dry_create(float multiplier, float base, int32_t allowed_length, int32_t last_n,
                      const tb_breaker *breakers, int32_t n_breakers);
void tb_dry_free(tb_dry *d);
void tb_dry_accept(tb_dry *d, int32_t token);
void tb_dry_apply(tb_dry *d, tb_array *a);

/* ---- a chain of stages behind function pointers (chain.c) ---- */

typedef struct tb_stage tb_stage;
struct tb_stage {
    void (*apply)(tb_stage *stage, tb_array *a);
    void (*accept)(tb_stage *stage, int32_t token); /* NULL if it ignores tokens */
    void (*reset)(tb_stage *stage);                 /* NULL if it has no state */
    void (*release)(tb_stage *stage);
};

typedef struct tb_chain tb_chain;
tb_chain *tb_chain_create(size_t n_vocab);
void tb_chain_add(tb_chain *chain, tb_stage *stage); /* takes ownership; NULL ends the program */
void tb_chain_free(tb_chain *chain);
/* Fills the chain's array from the row, applies all stages and returns the selected token. */
int32_t tb_chain_sample(tb_chain *chain, const float *logits, size_t n);
/* Only the stages, on an array of the caller. */
void tb_chain_apply(tb_chain *chain, tb_array *a);
void tb_chain_accept(tb_chain *chain, int32_t token);
void tb_chain_reset(tb_chain *chain);
/* What the last tb_chain_sample left. */
const tb_array *tb_chain_result(const tb_chain *chain);

tb_stage *tb_stage_top_k(int32_t k);
tb_stage *tb_stage_top_p(float p, size_t min_keep);
tb_stage *tb_stage_min_p(float p, size_t min_keep);
tb_stage *tb_stage_typical(float p, size_t min_keep);
tb_stage *tb_stage_temperature(float t);
tb_stage *tb_stage_penalties(int32_t last_n, float repeat, float freq, float present);
tb_stage *tb_stage_mirostat(int32_t n_vocab, uint32_t seed, float tau, float eta, int32_t m);
tb_stage *tb_stage_dist(uint32_t seed);

#ifdef __cplusplus
}
#endif

#endif
