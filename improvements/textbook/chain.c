/*
 * chain.c: stages as function pointers, each allocated on its own, called one after another.
 */
#include "textbook.h"

#include <stdio.h>
#include <stdlib.h>

struct tb_chain {
    tb_stage **stages;
    size_t n_stages;
    tb_array array;
};

static void *need(void *memory) {
    if (memory == NULL) {
        fprintf(stderr, "textbook chain: out of memory\n");
        exit(71);
    }
    return memory;
}

tb_chain *tb_chain_create(size_t n_vocab) {
    tb_chain *chain = need(calloc(1, sizeof *chain));
    chain->array.data = need(malloc(n_vocab * sizeof *chain->array.data));
    return chain;
}

void tb_chain_add(tb_chain *chain, tb_stage *stage) {
    need(stage);
    chain->stages = need(realloc(chain->stages, (chain->n_stages + 1) * sizeof *chain->stages));
    chain->stages[chain->n_stages++] = stage;
}

void tb_chain_free(tb_chain *chain) {
    if (chain == NULL) return;
    for (size_t i = 0; i < chain->n_stages; i++) chain->stages[i]->release(chain->stages[i]);
    free(chain->stages);
    free(chain->array.data);
    free(chain);
}

void tb_chain_apply(tb_chain *chain, tb_array *a) {
    for (size_t i = 0; i < chain->n_stages; i++) chain->stages[i]->apply(chain->stages[i], a);
}

int32_t tb_chain_sample(tb_chain *chain, const float *logits, size_t n) {
    tb_fill(&chain->array, logits, n);
    tb_chain_apply(chain, &chain->array);
    return chain->array.data[chain->array.selected].id;
}

void tb_chain_accept(tb_chain *chain, int32_t token) {
    for (size_t i = 0; i < chain->n_stages; i++) {
        if (chain->stages[i]->accept != NULL) chain->stages[i]->accept(chain->stages[i], token);
    }
}

void tb_chain_reset(tb_chain *chain) {
    for (size_t i = 0; i < chain->n_stages; i++) {
        if (chain->stages[i]->reset != NULL) chain->stages[i]->reset(chain->stages[i]);
    }
}

const tb_array *tb_chain_result(const tb_chain *chain) {
    return &chain->array;
}

/* ---- stages without state ---- */

typedef struct numbers {
    tb_stage stage;
    float x;
    size_t count;
    tb_buffer *buffer;
} numbers;

static void release_numbers(tb_stage *stage) {
    tb_buffer_free(((numbers *)stage)->buffer);
    free(stage);
}

static tb_stage *with_numbers(void (*apply)(tb_stage *, tb_array *), float x, size_t count) {
    numbers *s = need(malloc(sizeof *s));
    *s = (numbers){{apply, NULL, NULL, release_numbers}, x, count, NULL};
    return &s->stage;
}

static void apply_top_k(tb_stage *stage, tb_array *a) {
    tb_top_k(a, (int32_t)((numbers *)stage)->count);
}

static void apply_top_p(tb_stage *stage, tb_array *a) {
    numbers *s = (numbers *)stage;
    tb_top_p(a, s->x, s->count, s->buffer);
}

static void apply_min_p(tb_stage *stage, tb_array *a) {
    tb_min_p(a, ((numbers *)stage)->x, ((numbers *)stage)->count);
}

static void apply_typical(tb_stage *stage, tb_array *a) {
    tb_typical(a, ((numbers *)stage)->x, ((numbers *)stage)->count);
}

static void apply_temperature(tb_stage *stage, tb_array *a) {
    tb_temperature(a, ((numbers *)stage)->x);
}

tb_stage *tb_stage_top_k(int32_t k) {
    return with_numbers(apply_top_k, 0, (size_t)k);
}

tb_stage *tb_stage_top_p(float p, size_t min_keep) {
    tb_stage *stage = with_numbers(apply_top_p, p, min_keep);
    ((numbers *)stage)->buffer = need(tb_buffer_create());
    return stage;
}

tb_stage *tb_stage_min_p(float p, size_t min_keep) {
    return with_numbers(apply_min_p, p, min_keep);
}

tb_stage *tb_stage_typical(float p, size_t min_keep) {
    return with_numbers(apply_typical, p, min_keep);
}

tb_stage *tb_stage_temperature(float t) {
    return with_numbers(apply_temperature, t, 0);
}

/* ---- stages with state ---- */

typedef struct penalties {
    tb_stage stage;
    tb_penalties *state;
} penalties;

static void apply_penalties(tb_stage *stage, tb_array *a) {
    tb_penalties_apply(((penalties *)stage)->state, a);
}

static void accept_penalties(tb_stage *stage, int32_t token) {
    tb_penalties_accept(((penalties *)stage)->state, token);
}

static void reset_penalties(tb_stage *stage) {
    tb_penalties_reset(((penalties *)stage)->state);
}

static void release_penalties(tb_stage *stage) {
    tb_penalties_free(((penalties *)stage)->state);
    free(stage);
}

tb_stage *tb_stage_penalties(int32_t last_n, float repeat, float freq, float present) {
    penalties *s = need(malloc(sizeof *s));
    s->stage = (tb_stage){apply_penalties, accept_penalties, reset_penalties, release_penalties};
    s->state = need(tb_penalties_create(last_n, repeat, freq, present));
    return &s->stage;
}

typedef struct random_stage {
    tb_stage stage;
    uint32_t seed;
    tb_mirostat_state state; /* dist only uses its generator */
} random_stage;

static void apply_dist(tb_stage *stage, tb_array *a) {
    tb_dist(a, ((random_stage *)stage)->state.random);
}

static void apply_mirostat(tb_stage *stage, tb_array *a) {
    tb_mirostat(a, &((random_stage *)stage)->state);
}

static void reset_random(tb_stage *stage) {
    random_stage *s = (random_stage *)stage;
    s->state.mu = 2.0f * s->state.tau;
    tb_random_seed(s->state.random, s->seed);
}

static void release_random(tb_stage *stage) {
    tb_random_free(((random_stage *)stage)->state.random);
    free(stage);
}

static tb_stage *with_random(void (*apply)(tb_stage *, tb_array *), uint32_t seed,
                             const tb_mirostat_state *state) {
    random_stage *s = need(malloc(sizeof *s));
    *s = (random_stage){{apply, NULL, reset_random, release_random}, seed, *state};
    s->state.random = need(tb_random_create(seed));
    return &s->stage;
}

tb_stage *tb_stage_dist(uint32_t seed) {
    return with_random(apply_dist, seed, &(tb_mirostat_state){0});
}

tb_stage *tb_stage_mirostat(int32_t n_vocab, uint32_t seed, float tau, float eta, int32_t m) {
    return with_random(
        apply_mirostat, seed,
        &(tb_mirostat_state){.n_vocab = n_vocab, .tau = tau, .eta = eta, .mu = 2.0f * tau, .m = m});
}
