/*
 * chain.c: the table of the kinds of stages. The descriptor of a kind is at the end of its file in
 * stages/; a new kind is added here in two places.
 */
#include "arithmetic.h"

#include "stage.h"

extern const stage_kind pk_stage_logit_bias, pk_stage_penalties, pk_stage_dry, pk_stage_top_n_sigma,
    pk_stage_top_k, pk_stage_typical, pk_stage_top_p, pk_stage_min_p, pk_stage_xtc,
    pk_stage_temperature, pk_stage_infill, pk_stage_custom, pk_stage_greedy, pk_stage_dist,
    pk_stage_mirostat, pk_stage_mirostat_v2, pk_stage_adaptive_p, pk_stage_top_a,
    pk_stage_epsilon_cutoff, pk_stage_eta_cutoff, pk_stage_p_less, pk_stage_p_less_norm,
    pk_stage_tfs, pk_stage_top_h, pk_stage_min_k, pk_stage_smoothing, pk_stage_skew,
    pk_stage_min_tokens, pk_stage_bad_words, pk_stage_no_repeat_ngram, pk_stage_guidance,
    pk_stage_contrastive;

static const stage_kind *const kinds[] = {
    &pk_stage_logit_bias,     &pk_stage_penalties,   &pk_stage_dry,
    &pk_stage_top_n_sigma,    &pk_stage_top_k,       &pk_stage_typical,
    &pk_stage_top_p,          &pk_stage_min_p,       &pk_stage_xtc,
    &pk_stage_temperature,    &pk_stage_infill,      &pk_stage_custom,
    &pk_stage_greedy,         &pk_stage_dist,        &pk_stage_mirostat,
    &pk_stage_mirostat_v2,    &pk_stage_adaptive_p,  &pk_stage_top_a,
    &pk_stage_epsilon_cutoff, &pk_stage_eta_cutoff,  &pk_stage_p_less,
    &pk_stage_p_less_norm,    &pk_stage_tfs,         &pk_stage_top_h,
    &pk_stage_min_k,          &pk_stage_smoothing,   &pk_stage_skew,
    &pk_stage_min_tokens,     &pk_stage_bad_words,   &pk_stage_no_repeat_ngram,
    &pk_stage_guidance,       &pk_stage_contrastive,
};
_Static_assert(sizeof kinds / sizeof *kinds == N_STAGE_KINDS, "each kind has a descriptor");

const stage_kind *pk_stage_kind(pluck_stage_kind kind) {
    const int k = (int)kind;
    if (k < 1 || k > N_STAGE_KINDS) return NULL;
    PLUCK_ASSERT(kinds[k - 1]->kind == kind);
    return kinds[k - 1];
}
