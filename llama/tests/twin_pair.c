/* twin_pair.c: see twin_pair.h. */
#include "twin_pair.h"

#include "rows/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

const pluck_stage twin_stages[N_STAGES] = {
    {.kind = PLUCK_STAGE_PENALTIES,
     .as.penalties = {.last_n = 32, .repeat = 1.3f, .freq = 0.1f, .present = 0.1f}},
    {.kind = PLUCK_STAGE_TOP_K, .as.top_k = {60}},
    {.kind = PLUCK_STAGE_XTC,
     .as.xtc = {.probability = 0.5f, .threshold = 0.05f, .min_keep = 1, .seed = 77}},
    {.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {1.1f, 0.0f, 1.0f}},
    {.kind = PLUCK_STAGE_DIST, .as.dist = {4}},
};
pair make(void) {
    return (pair){twin_chain(&by_name, twin_stages, N_STAGES, V, NULL),
                  twin_chain(&by_address, twin_stages, N_STAGES, V, NULL)};
}

pair make_stage(const pluck_stage *stage) {
    return (pair){twin_stage(&by_name, stage, V, NULL), twin_stage(&by_address, stage, V, NULL)};
}

void drop(pair p) {
    by_name.sampler_free(p.a);
    by_address.sampler_free(p.b);
}

static uint64_t row_number;

void new_row(float *logits) {
    rows_fill(ROWS_PEAKED, ++row_number, logits, V);
}

void go(pair p, int n) {
    float logits[V];
    for (int i = 0; i < n; i++) {
        rows_fill(ROWS_NORMAL, ++row_number, logits, V);
        for (int k = 0; k < V; k++) logits[k] *= 0.5f;
        llama_token token = twin_step(&by_address, p.b, logits, V);
        assert_int_equal(twin_step(&by_name, p.a, logits, V), token);
    }
}

pair take(pair chain, int32_t i) {
    return (pair){by_name.sampler_chain_remove(chain.a, i),
                  by_address.sampler_chain_remove(chain.b, i)};
}

void put(pair chain, pair sampler) {
    by_name.sampler_chain_add(chain.a, sampler.a);
    by_address.sampler_chain_add(chain.b, sampler.b);
}

pair make_empty(void) {
    return (pair){by_name.sampler_chain_init(llama_sampler_chain_default_params()),
                  by_address.sampler_chain_init(llama_sampler_chain_default_params())};
}

pair clone_of(pair p) {
    return (pair){by_name.sampler_clone(p.a), by_address.sampler_clone(p.b)};
}

pair make_nested(uint32_t seed) {
    pair inner = make(), outer = make_empty();
    drop(take(inner, N_STAGES - 1));
    put(outer, inner);
    put(outer, make_stage(&(pluck_stage){.kind = PLUCK_STAGE_DIST, .as.dist = {seed}}));
    return outer;
}

void accept_in_both(pair p, llama_token token) {
    by_name.sampler_accept(p.a, token);
    by_address.sampler_accept(p.b, token);
}

void apply_few(pair p, int32_t first, int32_t n, const char *what) {
    float logits[V];
    new_row(logits);
    twin_array x = twin_array_of(logits, n), y = twin_array_of(logits, n);
    for (int32_t i = 0; i < n; i++) x.data[i].id = y.data[i].id = first + i;
    by_name.sampler_apply(p.a, &x.cur);
    by_address.sampler_apply(p.b, &y.cur);
    twin_assert_same(&x.cur, &y.cur, what, first);
    twin_array_free(&x);
    twin_array_free(&y);
}
