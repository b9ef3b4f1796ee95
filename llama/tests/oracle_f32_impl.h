/* oracle_f32_impl.h: the candidates that the parts of oracle_f32 share. */
#ifndef PLUCK_LLAMA_ORACLE_F32_IMPL_H
#define PLUCK_LLAMA_ORACLE_F32_IMPL_H

#include "oracle/oracle_history.h"
#include "oracle/oracle_rng.h"
#include "oracle_f32.h"

typedef struct f32_candidate {
    int32_t id;
    float logit, p;
} f32_candidate;

typedef struct f32_view {
    f32_candidate *c; /* xtc moves it */
    int32_t n;
    bool sorted;
    int32_t selected;
    f32_candidate *spare, *spare_too; /* room for n_vocab more */
    uint64_t *keys[2];                /* room for sorting */
    float *scores;
    int32_t n_vocab;
    const int32_t *expected; /* of oracle_f32_expect */
} f32_view;

typedef struct f32_memory {
    oracle_mt mt;
    float mu;
    float weighted_sum, total_weight, pending_p;
    int32_t pending;
} f32_memory;

/* Sorts all, or the first k, by descending logit; equals keep their order. */
void f32_sort(f32_view *v);
void f32_partial_sort(f32_view *v, int32_t k);
/* Writes the indices 0 to n - 1, by ascending score, to the lower halves of v->keys[0]. */
void f32_sort_scores(f32_view *v, int32_t n);

void f32_softmax(f32_view *v, bool sort);

void f32_typical(f32_view *v, const pluck_stage_mass *p);
void f32_top_p(f32_view *v, const pluck_stage_mass *p);
void f32_min_p(f32_view *v, const pluck_stage_mass *p);
void f32_top_k(f32_view *v, int32_t k);
void f32_top_n_sigma(f32_view *v, float n);
void f32_xtc(f32_view *v, const pluck_stage_xtc *p, f32_memory *m);
void f32_temperature(f32_view *v, const pluck_stage_temperature *p);
void f32_infill(f32_view *v, const pluck_stage_infill *p);

void f32_dist(f32_view *v, f32_memory *m);
void f32_mirostat(f32_view *v, const pluck_stage_mirostat *p, f32_memory *m, int32_t n_vocab);
void f32_mirostat_v2(f32_view *v, const pluck_stage_mirostat *p, f32_memory *m);
void f32_adaptive_p(f32_view *v, const pluck_stage_adaptive_p *p, f32_memory *m);

#endif
