/*
 * compare.h: compares the library's outcome with the oracle's, and has shorthand for chains.
 *
 * Needs no test framework: unit tests, fuzzers and the llama.cpp face's tests use it.
 */
#ifndef PLUCK_TESTS_COMPARE_H
#define PLUCK_TESTS_COMPARE_H

#include "oracle/oracle.h"
#include "pluck.h"

enum { CHECK_WHY = 256 };

typedef enum check_verdict {
    CHECK_SAME,    /* all equal within the tolerances */
    CHECK_EXCUSED, /* differs only because a boundary was within rounding; states may differ now */
    CHECK_DIFFERS
} check_verdict;

/* Compares what the library left in `workspace` with an oracle's result. `why` (CHECK_WHY bytes)
 * receives the first difference. */
check_verdict check_compare(const pluck_config *config, const oracle_result *want,
                            pluck_status status, const pluck_draw *draw, pluck_workspace *workspace,
                            char *why);

/* The chain as text, for messages. */
void check_describe(const pluck_config *config, char *text, size_t size);

/* --- shorthand for stages --- */

pluck_stage with_top_k(int32_t k);
pluck_stage with_top_p(float p, int32_t min_keep);
pluck_stage with_min_p(float p, int32_t min_keep);
pluck_stage with_top_a(float a, int32_t min_keep);
pluck_stage with_epsilon_cutoff(float epsilon, int32_t min_keep);
pluck_stage with_eta_cutoff(float epsilon, int32_t min_keep);
pluck_stage with_p_less(bool norm);
pluck_stage with_tfs(float z, int32_t min_keep, int32_t extra);
pluck_stage with_top_h(float alpha);
pluck_stage with_min_k(float tau);
pluck_stage with_smoothing(float factor, float curve);
pluck_stage with_skew(float skew);
pluck_stage with_min_tokens(int32_t min_tokens, const int32_t *ends, int32_t n_ends);
pluck_stage with_bad_words(const pluck_token_sequence *words, int32_t n_words);
pluck_stage with_no_repeat_ngram(int32_t size, int32_t last_n);
pluck_stage with_guidance(float scale);
pluck_stage with_contrastive(float alpha, float beta, bool difference);
pluck_stage with_typical(float p, int32_t min_keep);
pluck_stage with_sigma(float n);
pluck_stage with_temp(float t, float range, float exponent);
pluck_stage with_xtc(float probability, float threshold, int32_t min_keep);
pluck_stage with_penalties(int32_t last_n, float repeat, float freq, float present);
pluck_stage with_dry(float multiplier, float base, int32_t allowed, int32_t last_n);
pluck_stage with_bias(const pluck_logit_bias *biases, int32_t n);
pluck_stage with_mirostat(int version, float tau, float eta, int32_t m);
pluck_stage with_adaptive(float target, float decay);
pluck_stage with_dist(void);
pluck_stage with_greedy(void);

pluck_config with_chain(int32_t n_vocab, uint32_t seed, pluck_rng_kind rng,
                        const pluck_stage *stages, int32_t n_stages);

#endif
