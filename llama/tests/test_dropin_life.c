/*
 * test_dropin_life.c: what programs do to samplers between two tokens: they take chains apart and
 * put them together, clone, reset, let a single sampler accept a token, and add samplers of their
 * own. Afterwards the drop-in and llama.cpp must draw the same tokens. Run with the drop-in
 * preloaded.
 */
#include "rows/rows.h"
#include "twin_pair.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_remove_and_free(void **state) {
    (void)state;
    for (int32_t i = 0; i < N_STAGES - 1; i++) {
        pair p = make();
        go(p, 20);
        drop(take(p, i));
        go(p, 20);
        assert_int_equal(llama_sampler_chain_n(p.a), N_STAGES - 1);
        assert_null(llama_sampler_chain_get(p.a, N_STAGES - 1));
        assert_null(by_name.sampler_chain_remove(p.a, N_STAGES));
#if TWIN_GENERATION >= 10
        assert_ptr_equal(llama_sampler_chain_get(p.a, -1), p.a);
#endif
        drop(p);
    }
}

/* What node-llama-cpp does whenever an option changes: it frees the chain and puts its samplers,
 * with their states, into another one. */
static void test_rebuild(void **state) {
    (void)state;
    pair p = make();
    for (int round = 0; round < 4; round++) {
        go(p, 11);
        pair next = make_empty();
        while (llama_sampler_chain_n(p.a) > 0) put(next, take(p, 0));
        drop(p);
        p = next;
    }
    go(p, 20);
    drop(p);
}

/* A sampler that was in a chain is used alone, and then in another chain. */
static void test_take_out(void **state) {
    (void)state;
    pair p = make();
    go(p, 15);
    pair dist = take(p, 4);
    go(dist, 10);
    pair penalties = take(p, 0);
    pair other = make_empty();
    put(other, penalties);
    put(other, dist);
    go(other, 15);
    pair greedy = make_stage(&(pluck_stage){.kind = PLUCK_STAGE_GREEDY});
    put(p, greedy);
    go(p, 15);
    drop(p);
    drop(other);
}

static void test_clone(void **state) {
    (void)state;
    pair p = make();
    pair early = clone_of(p);
    go(p, 25);
    pair late = clone_of(p);
    go(p, 10);
    go(late, 20);
    go(early, 20);
    drop(p);
    go(late, 10);
    drop(late);
    drop(early);
}

static void test_clone_single(void **state) {
    (void)state;
    static const pluck_stage singles[] = {
        {.kind = PLUCK_STAGE_DIST, .as.dist = {31}},
        {.kind = PLUCK_STAGE_MIROSTAT, .as.mirostat = {4.0f, 0.1f, 100, 32}},
        {.kind = PLUCK_STAGE_MIROSTAT_V2, .as.mirostat = {4.0f, 0.1f, 2, 33}},
    };
    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
        pair p = make_stage(&singles[i]);
        go(p, 12);
        pair copy = clone_of(p);
        go(copy, 12);
        go(p, 12);
        drop(p);
        go(copy, 12);
        drop(copy);
    }
}

/* An array may have few tokens, all of them smaller than some that were or will be accepted. */
static void test_small_arrays(void **state) {
    (void)state;
    for (int named = 0; named < 2; named++) {
        pair p = make_empty();
        int32_t n_vocab = named ? V : 0;
        put(p, (pair){twin_penalties(&by_name, n_vocab, 64, 1.5f, 0.1f, 0.1f),
                      twin_penalties(&by_address, n_vocab, 64, 1.5f, 0.1f, 0.1f)});
        put(p, make_stage(&twin_stages[2]));
        put(p, make_stage(&twin_stages[4]));
        for (llama_token t = 0; t < V; t += 37) accept_in_both(p, t);
        apply_few(p, 0, 40, "a small array");
        apply_few(p, 3, 1, "a single candidate");
        for (llama_token t = V - 1; t > 0; t -= 41) accept_in_both(p, t);
        apply_few(p, 0, 100, "a larger array");
        put(p, make_stage(&(pluck_stage){.kind = PLUCK_STAGE_DIST, .as.dist = {3}}));
        apply_few(p, 20, 30, "a chain planned anew");
        go(p, 25);
        drop(p);
    }
}

static void test_reset(void **state) {
    (void)state;
    pair p = make();
    go(p, 20);
    by_name.sampler_reset(p.a);
    by_address.sampler_reset(p.b);
    go(p, 20);
    /* only one sampler of the chain */
    by_name.sampler_reset(llama_sampler_chain_get(p.a, 4));
    by_address.sampler_reset(by_address.sampler_chain_get(p.b, 4));
    go(p, 20);
    drop(p);
}

/* Single samplers of a chain accept tokens, also tokens that were not drawn. */
static void test_accept_in_one(void **state) {
    (void)state;
    pair p = make();
    float logits[V];
    for (int i = 0; i < 60; i++) {
        new_row(logits);
        twin_array x = twin_array_of(logits, V), y = twin_array_of(logits, V);
        by_name.sampler_apply(p.a, &x.cur);
        by_address.sampler_apply(p.b, &y.cur);
        twin_assert_same(&x.cur, &y.cur, "accepting in one", i);
        llama_token token = i % 4 ? y.cur.data[y.cur.selected].id : i;
        by_name.sampler_accept(llama_sampler_chain_get(p.a, 0), token);
        by_address.sampler_accept(by_address.sampler_chain_get(p.b, 0), token);
        twin_array_free(&x);
        twin_array_free(&y);
    }
    accept_in_both(p, -1); /* not a token */
    go(p, 40);
    drop(p);
}

/* A prompt is accepted before anything is sampled. */
static void test_accept_first(void **state) {
    (void)state;
    pair p = make();
    for (llama_token t = 0; t < 50; t++) accept_in_both(p, t * 17 % V);
    go(p, 20);
    drop(p);
}

/* ---- A program's own sampler ----------------------------------------------------------------- */

static void odd_only(struct llama_sampler *smpl, llama_token_data_array *cur) {
    (void)smpl;
    for (size_t i = 0; i < cur->size; i++) {
        if (cur->data[i].id % 2 == 0) cur->data[i].logit = -INFINITY;
    }
}

static const char *odd_name(const struct llama_sampler *smpl) {
    (void)smpl;
    return "odd";
}

static struct llama_sampler_i odd = {.name = odd_name, .apply = odd_only};

static void test_foreign(void **state) {
    (void)state;
    for (int32_t at = 0; at <= N_STAGES - 1; at++) {
        pair p = make_empty();
        for (int32_t i = 0; i < N_STAGES; i++) {
            if (i == at)
                put(p, (pair){llama_sampler_init(&odd, NULL), llama_sampler_init(&odd, NULL)});
            put(p, make_stage(&twin_stages[i]));
        }
        go(p, 25);
        pair copy = clone_of(p);
        go(copy, 10);
        drop(take(p, at)); /* the foreign one */
        go(p, 25);
        drop(copy);
        drop(p);
    }
}

#if TWIN_GENERATION >= 10
static int n_heard;

static void hear(struct llama_sampler *smpl, llama_token token) {
    (void)smpl;
    (void)token;
    n_heard++;
}

static struct llama_sampler_i listener = {.name = odd_name, .accept = hear};

/* In a chain, a sampler need not have an apply. */
static void test_listener(void **state) {
    (void)state;
    for (int32_t at = 0; at < N_STAGES; at++) {
        pair p = make_empty();
        for (int32_t i = 0; i < N_STAGES; i++) {
            if (i == at)
                put(p, (pair){llama_sampler_init(&listener, NULL),
                              llama_sampler_init(&listener, NULL)});
            put(p, make_stage(&twin_stages[i]));
        }
        n_heard = 0;
        go(p, 10);
        assert_int_equal(n_heard, 20);
        drop(p);
    }
}

#endif

/* A chain in a chain, and samplers that are added between two tokens. */
static void test_nested(void **state) {
    (void)state;
    pair outer = make_nested(6);
    go(outer, 25);
    assert_int_equal(llama_sampler_get_seed(outer.a), 6);
    put(outer, (pair){llama_sampler_init(&odd, NULL), llama_sampler_init(&odd, NULL)});
    put(outer, make_stage(&(pluck_stage){.kind = PLUCK_STAGE_DIST, .as.dist = {8}}));
    go(outer, 25);
    pair copy = clone_of(outer);
    drop(outer);
    go(copy, 25);
    drop(copy);
}

#if TWIN_GENERATION >= 10
static void test_null(void **state) {
    (void)state;
    float logits[V];
    rows_fill(ROWS_NORMAL, 1, logits, V);
    twin_array x = twin_array_of(logits, V);
    by_name.sampler_apply(NULL, &x.cur);
    assert_int_equal(x.cur.size, V);
    by_name.sampler_accept(NULL, 1);
    by_name.sampler_reset(NULL);
    by_name.sampler_free(NULL);
    assert_null(by_name.sampler_clone(NULL));
#if TWIN_GENERATION >= 12
    by_name.sampler_copy(NULL, NULL);
#endif
    twin_array_free(&x);
}

#endif

/* The seed that was drawn for a random one is reported, and is the one in use. */
static void test_random_seed(void **state) {
    (void)state;
    struct llama_sampler *a = by_name.sampler_init_dist(LLAMA_DEFAULT_SEED);
    for (int round = 0; round < 2; round++) {
        uint32_t seed = llama_sampler_get_seed(a);
        pair p = {a, by_address.sampler_init_dist(seed)};
        go(p, 20);
        by_address.sampler_free(p.b);
        by_name.sampler_reset(a); /* draws another one */
        assert_true(llama_sampler_get_seed(a) != seed);
    }
    by_name.sampler_free(a);
}

/* Many samplers are made and freed: nothing of a freed one is used for a new one at its address. */
static void test_addresses_reused(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++) {
        pair p =
            i % 3 == 0
                ? make()
                : make_stage(&(pluck_stage){.kind = PLUCK_STAGE_DIST, .as.dist = {(uint32_t)i}});
        go(p, 2);
        drop(p);
    }
}

/* ---- Threads --------------------------------------------------------------------------------- */

enum { N_THREADS = 4 };

/* What one thread does with chains of its own: make, clone, take apart, sample. Returns NULL, or a
 * text that says what went wrong. */
static void *thread_main(void *argument) {
    struct llama_sampler *original = argument;
    float logits[V];
    for (int round = 0; round < 20; round++) {
        /* the original was never sampled from, so libllama's state of it equals ours */
        pair p = {by_name.sampler_clone(original), by_address.sampler_clone(original)};
        for (int i = 0; i < 5; i++) {
            rows_fill(ROWS_NORMAL, 7000 + (uint64_t)(round * 5 + i), logits, V);
            if (twin_step(&by_name, p.a, logits, V) != twin_step(&by_address, p.b, logits, V))
                return "another token";
        }
        by_name.sampler_free(by_name.sampler_chain_remove(p.a, 1));
        twin_step(&by_name, p.a, logits, V);
        drop(p);
    }
    return NULL;
}

/* Chains on several threads at once, each a clone of one that no thread changes. */
static void test_threads(void **state) {
    (void)state;
    pair p = make();
    pthread_t threads[N_THREADS];
    for (int t = 0; t < N_THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, thread_main, p.a), 0);
    for (int t = 0; t < N_THREADS; t++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[t], &wrong), 0);
        assert_null(wrong);
    }
    drop(p);
}

int main(void) {
    if (!twin_begin()) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remove_and_free),
        cmocka_unit_test(test_rebuild),
        cmocka_unit_test(test_take_out),
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_clone_single),
        cmocka_unit_test(test_small_arrays),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_accept_in_one),
        cmocka_unit_test(test_accept_first),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_random_seed),
        cmocka_unit_test(test_addresses_reused),
        cmocka_unit_test(test_threads),
#if TWIN_GENERATION >= 10 /* in older generations these calls crash */
        cmocka_unit_test(test_listener),
        cmocka_unit_test(test_null),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
