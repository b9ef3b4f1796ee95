/*
 * altered_libllama.c: a libllama whose min-p uses another p than it is given, whose infill is a
 * top-k, and whose DRY drops breakers. With ALTER_ALL, all of its samplers differ from libllama's.
 * Everything else comes from the real libllama, with which it is linked. The drop-in must find out
 * which samplers differ and leave them to it.
 */
#define _GNU_SOURCE
#include "llama.h"

#include <dlfcn.h>
#include <string.h>

/* Declares `real`: the real libllama's llama_NAME. */
#define REAL(name)                                                                                 \
    __typeof__(&llama_##name) real;                                                                \
    do {                                                                                           \
        void *symbol = dlsym(RTLD_NEXT, "llama_" #name);                                           \
        memcpy(&real, &symbol, sizeof real);                                                       \
    } while (0)

const char *llama_version(void) {
    return "0.5.99";
}

struct llama_sampler *llama_sampler_chain_init(struct llama_sampler_chain_params params) {
    REAL(sampler_chain_init);
    return real(params);
}

struct llama_sampler *llama_sampler_init_min_p(float p, size_t min_keep) {
    REAL(sampler_init_min_p);
    return real(2.0f * p, min_keep);
}

struct llama_sampler *llama_sampler_init_infill(const struct llama_vocab *vocab) {
    (void)vocab;
    REAL(sampler_init_top_k);
    return real(3);
}

#ifndef ALTER_ALL
struct llama_sampler *llama_sampler_init_dry(const struct llama_vocab *vocab, float dry_multiplier,
                                             float dry_base, int32_t dry_allowed_length,
                                             int32_t dry_penalty_last_n, const char **seq_breakers,
                                             size_t num_breakers) {
    REAL(sampler_init_dry);
    return real(vocab, dry_multiplier, dry_base, dry_allowed_length, dry_penalty_last_n,
                seq_breakers, num_breakers / 4);
}
#else
struct llama_sampler *llama_sampler_init_greedy(void) {
    REAL(sampler_init_dist);
    return real(1);
}

struct llama_sampler *llama_sampler_init_dist(uint32_t seed) {
    REAL(sampler_init_dist);
    return real(seed + 1);
}

struct llama_sampler *llama_sampler_init_top_k(int32_t k) {
    REAL(sampler_init_top_k);
    return real(k + 1);
}

struct llama_sampler *llama_sampler_init_top_p(float p, size_t min_keep) {
    REAL(sampler_init_top_p);
    return real(0.5f * p, min_keep);
}

struct llama_sampler *llama_sampler_init_typical(float p, size_t min_keep) {
    REAL(sampler_init_typical);
    return real(0.5f * p, min_keep);
}

struct llama_sampler *llama_sampler_init_temp(float t) {
    REAL(sampler_init_temp);
    return real(1.5f * t);
}

struct llama_sampler *llama_sampler_init_temp_ext(float t, float delta, float exponent) {
    REAL(sampler_init_temp_ext);
    return real(1.5f * t, delta, exponent);
}

struct llama_sampler *llama_sampler_init_xtc(float p, float t, size_t min_keep, uint32_t seed) {
    REAL(sampler_init_xtc);
    return real(p, 2.0f * t, min_keep, seed);
}

struct llama_sampler *llama_sampler_init_top_n_sigma(float n) {
    REAL(sampler_init_top_n_sigma);
    return real(0.5f * n);
}

struct llama_sampler *llama_sampler_init_mirostat(int32_t n_vocab, uint32_t seed, float tau,
                                                  float eta, int32_t m) {
    REAL(sampler_init_mirostat);
    return real(n_vocab, seed + 1, tau, eta, m);
}

struct llama_sampler *llama_sampler_init_mirostat_v2(uint32_t seed, float tau, float eta) {
    REAL(sampler_init_mirostat_v2);
    return real(seed + 1, tau, eta);
}

struct llama_sampler *llama_sampler_init_penalties(int32_t n_vocab, int32_t last_n, float repeat,
                                                   float freq, float present) {
    REAL(sampler_init_penalties);
    return real(n_vocab, last_n, repeat + 1.0f, freq, present);
}

struct llama_sampler *llama_sampler_init_dry(const struct llama_vocab *vocab, float dry_multiplier,
                                             float dry_base, int32_t dry_allowed_length,
                                             int32_t dry_penalty_last_n, const char **seq_breakers,
                                             size_t num_breakers) {
    REAL(sampler_init_dry);
    return real(vocab, 2.0f * dry_multiplier, dry_base, dry_allowed_length, dry_penalty_last_n,
                seq_breakers, num_breakers);
}

struct llama_sampler *llama_sampler_init_adaptive_p(float target, float decay, uint32_t seed) {
    REAL(sampler_init_adaptive_p);
    return real(target, decay, seed + 1);
}

struct llama_sampler *llama_sampler_init_logit_bias(int32_t n_vocab, int32_t n_biases,
                                                    const llama_logit_bias *biases) {
    REAL(sampler_init_logit_bias);
    return real(n_vocab, n_biases > 0 ? n_biases - 1 : 0, biases);
}
#endif
