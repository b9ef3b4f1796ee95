/*
 * oracle_impl.h: the candidates and the state that the oracle's stage files share.
 */
#ifndef PLUCK_TESTS_ORACLE_IMPL_H
#define PLUCK_TESTS_ORACLE_IMPL_H

#include "oracle.h"
#include "oracle_history.h"
#include "oracle_rng.h"

typedef struct oracle_candidate {
    int32_t id;
    double logit; /* -inf: masked */
    double p;     /* of the last softmax */
    double key;   /* the last sort's key, for tolerance among near-equals */
    double slack; /* how far off a float32 logit may be by the rounding of the stages so far */
} oracle_candidate;

/* The candidates at one point of the chain. */
typedef struct oracle_view {
    oracle_candidate *c;
    int32_t n; /* counted: masked ones too */
    bool sorted;
    bool keyed;         /* in the order of the keys, up to near-equals; else exact */
    double key_scale;   /* the largest magnitude that went into the keys */
    double near_weight; /* sum of exp(logit - max) over the candidates marked so far */
    bool rough;         /* logits were computed from sums: equal ones may differ in float */
    bool edited;        /* some logits were edited: only those have slack */
    bool infinite;      /* the maximum is +inf: all unmasked are equal */
    double log_sum;     /* ln of the last softmax's sum of exp(logit - max) */
    double max;         /* of the last evaluation, 0 if it is infinite */
    int32_t token;      /* -1: none selected */
    int32_t select_stage;
    double u, coin;
    bool by_mass;
    bool by_id; /* the last draw went along the ids */
    /* boundaries */
    unsigned char *near;
    int32_t n_near;
    double band;
    bool wild;
    int32_t n_vocab;
    const int32_t *expected; /* of oracle_expect */
} oracle_view;

/* What a random stage, mirostat and adaptive-p remember. */
typedef struct oracle_memory {
    oracle_mt mt;
    uint64_t position;
    uint32_t seed;
    uint32_t stream;
    double mu;
    double weighted_sum, total_weight;
    int32_t pending;
    int32_t accepted;
    double pending_p;
} oracle_memory;

struct oracle {
    pluck_config config;
    uint32_t seed;
    oracle_history history;
    oracle_memory *memory; /* one per stage */
    oracle_candidate *candidates;
    unsigned char *near;
    int32_t *counts;
    const int32_t *expected;
    /* the result's arrays */
    int32_t *ids;
    double *logits, *probabilities, *keys, *slacks;
};

/* --- oracle_view.c --- */

/* Finds the maximum; if it is +inf, masks all others. False if all candidates are masked. */
bool oracle_evaluate(oracle_view *v);
int32_t oracle_unmasked(const oracle_view *v);
/* The logit for arithmetic: 0 if it is +inf, since all unmasked are equal then. */
double oracle_effective(const oracle_view *v, const oracle_candidate *c);
/* Sorts by descending logit, lower id first among equals, masked last, unless sorted already. */
void oracle_sort(oracle_view *v);
/* Sorts by descending logit or by ascending key, lower id first among equals. False, with nothing
 * changed, if memory ran out. */
bool oracle_sort_by(oracle_candidate *c, int32_t n, bool by_logit);
/* Fills p. */
void oracle_softmax(oracle_view *v);
/* Entropy of p in nats. */
double oracle_entropy(const oracle_view *v);
/* -ln p of a candidate, exact even if p underflows. */
double oracle_surprise(const oracle_view *v, const oracle_candidate *c);
/* Notes that the candidate was within the band of a boundary. */
void oracle_mark(oracle_view *v, const oracle_candidate *c);
/* Marks the candidates whose logit is within the band of `edge` but not exactly equal to it. */
void oracle_mark_logits(oracle_view *v, double edge);
/* Cuts a sorted list to its first n; marks near-equals across the cut. */
void oracle_truncate(oracle_view *v, int32_t n);
bool oracle_close(const oracle_view *v, double a, double b);

/* --- stages: false if nothing is left (or a callback failed, with *status set) --- */

/* sums and parts: room for each token's biases and their magnitudes. */
bool oracle_logit_bias(oracle_view *v, const pluck_stage_logit_bias *s, double *sums,
                       double *parts);
bool oracle_penalties(oracle_view *v, const pluck_stage_penalties *s, const oracle_history *h,
                      int32_t *counts);
bool oracle_is_among(int32_t token, const int32_t *tokens, int32_t n);
bool oracle_dry(oracle_view *v, const pluck_stage_dry *s, const oracle_history *h,
                int32_t *lengths);

bool oracle_top_n_sigma(oracle_view *v, const pluck_stage_top_n_sigma *s);
bool oracle_top_k(oracle_view *v, const pluck_stage_top_k *s);
bool oracle_typical(oracle_view *v, const pluck_stage_mass *s);
bool oracle_top_p(oracle_view *v, const pluck_stage_mass *s);
bool oracle_min_p(oracle_view *v, const pluck_stage_mass *s);
bool oracle_top_a(oracle_view *v, const pluck_stage_top_a *s);
bool oracle_epsilon_cutoff(oracle_view *v, const pluck_stage_cutoff *s);
bool oracle_eta_cutoff(oracle_view *v, const pluck_stage_cutoff *s);
bool oracle_p_less(oracle_view *v, const pluck_stage_p_less *s, bool norm);
bool oracle_min_tokens(oracle_view *v, const pluck_stage_min_tokens *s, const oracle_memory *m);
bool oracle_bad_words(oracle_view *v, const pluck_stage_bad_words *s, const oracle_history *h);
bool oracle_no_repeat_ngram(oracle_view *v, const pluck_stage_no_repeat_ngram *s,
                            const oracle_history *h);
bool oracle_tfs(oracle_view *v, const pluck_stage_tfs *s);
bool oracle_top_h(oracle_view *v, const pluck_stage_top_h *s);
bool oracle_min_k(oracle_view *v, const pluck_stage_min_k *s);
bool oracle_smoothing(oracle_view *v, const pluck_stage_smoothing *s);
bool oracle_skew(oracle_view *v, const pluck_stage_skew *s, pluck_rng_kind rng, oracle_memory *m);
bool oracle_xtc(oracle_view *v, const pluck_stage_xtc *s, pluck_rng_kind rng, oracle_memory *m);
bool oracle_temperature(oracle_view *v, const pluck_stage_temperature *s);

/* Combine the row with row->second; false, with *status set, if there is none or it has a NaN or
 * +inf. */
bool oracle_guidance(oracle_view *v, const pluck_stage_guidance *s, const pluck_row *row,
                     pluck_status *status);
bool oracle_contrastive(oracle_view *v, const pluck_stage_contrastive *s, const pluck_row *row,
                        pluck_status *status);

bool oracle_infill(oracle_view *v, const pluck_stage_infill *s);
bool oracle_custom(oracle_view *v, const pluck_stage_custom *s, int32_t index,
                   pluck_status *status);

bool oracle_greedy(oracle_view *v);
bool oracle_dist(oracle_view *v, pluck_rng_kind rng, oracle_memory *m);
bool oracle_mirostat(oracle_view *v, const pluck_stage_mirostat *s, bool v2, pluck_rng_kind rng,
                     oracle_memory *m);
bool oracle_adaptive_p(oracle_view *v, const pluck_stage_adaptive_p *s, pluck_rng_kind rng,
                       oracle_memory *m);
void oracle_adaptive_p_start(const pluck_stage_adaptive_p *s, oracle_memory *m);
void oracle_adaptive_p_accept(const pluck_stage_adaptive_p *s, oracle_memory *m, int32_t token);

#endif
