/*
 * test_dropin_lend.c: rows that are lent to programs which first ask whether a backend has cut them
 * down, as llama.cpp's common library does (preload/lend.h). Whatever the program does with its
 * array, the results are those without lending. Run with the drop-in preloaded; arguments: the
 * model, and "fill" for a run in which nothing must be lent.
 */
#define _GNU_SOURCE
#include "commands/model.h"
#include "lend_chains.h"
#include "twin.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static plk_model m;
static float *(*own_logits)(struct llama_context *, int32_t); /* libllama's own */
static bool filling;                                          /* PLUCK_LLAMA=fill */

/* A program's array, as in common_sampler. */
typedef struct program {
    llama_token_data *own; /* room for all */
    llama_token_data_array cur;
} program;

#if defined(__clang__)
#define NOT_MERGED __attribute__((noinline))
#else
#define NOT_MERGED __attribute__((noinline, noclone))
#endif

/* What common_sampler's set_logits does. Each name is code at an address of its own, since code
 * that has done something odd gets complete rows from then on. */
#define FILL(name)                                                                                 \
    NOT_MERGED static void name(program *p, struct llama_context *ctx) {                           \
        const float *probs = llama_get_sampled_probs_ith(ctx, -1);                                 \
        const float *logits = llama_get_sampled_logits_ith(ctx, -1);                               \
        const llama_token *ids = llama_get_sampled_candidates_ith(ctx, -1);                        \
        size_t n = (size_t)m.n_vocab;                                                              \
        assert_null(probs);                                                                        \
        if (logits) {                                                                              \
            n = llama_get_sampled_logits_count_ith(ctx, -1);                                       \
            assert_true(n <= (size_t)m.n_vocab);                                                   \
            for (size_t i = 0; i < n; i++)                                                         \
                p->own[i] = (llama_token_data){ids[i], logits[i], 0.0f};                           \
        } else {                                                                                   \
            logits = llama_get_logits_ith(ctx, -1);                                                \
            for (size_t i = 0; i < n; i++)                                                         \
                p->own[i] = (llama_token_data){(llama_token)i, logits[i], 0.0f};                   \
        }                                                                                          \
        p->cur = (llama_token_data_array){p->own, n, -1, false};                                   \
    }
FILL(fill)
FILL(fill_twice)
FILL(fill_for_stages)
FILL(fill_for_iface)
FILL(fill_never_applied)

typedef void fill_function(program *, struct llama_context *);

/* A program, and its twin, which fills its array without asking. (Other tests compare what the twin
 * gets with libllama's own results.) */
static program ours, theirs;

static void fill_theirs(struct llama_context *ctx) {
    const float *row = own_logits(ctx, -1);
    for (int32_t i = 0; i < m.n_vocab; i++) theirs.own[i] = (llama_token_data){i, row[i], 0.0f};
    theirs.cur = (llama_token_data_array){theirs.own, (size_t)m.n_vocab, -1, false};
}

static bool is_short(void) {
    return ours.cur.size < (size_t)m.n_vocab / 4;
}

static void decode(struct llama_context *ctx, llama_token token) {
    assert_int_equal(llama_decode(ctx, llama_batch_get_one(&token, 1)), 0);
}

static void start(struct llama_context *ctx) {
    llama_memory_clear(llama_get_memory(ctx), true);
    decode(ctx, 3036);
    decode(ctx, 432);
}

enum { N_CHAINS = sizeof chains / sizeof chains[0] };

typedef struct pair {
    struct llama_sampler *a, *b;
} pair;

static pair make(const chain *c) {
    return (pair){twin_chain(&by_name, c->stages, c->n, m.n_vocab, m.vocab),
                  twin_chain(&by_name, c->stages, c->n, m.n_vocab, m.vocab)};
}

static void drop(pair p) {
    by_name.sampler_free(p.a);
    by_name.sampler_free(p.b);
}

/* If mirostat 2 keeps many candidates it leaves them unsorted; who needs them sorted sorts them. */
static int by_p(const void *a, const void *b) {
    const llama_token_data *x = a, *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void sort(llama_token_data_array *cur) {
    llama_token token = cur->data[cur->selected].id;
    qsort(cur->data, cur->size, sizeof *cur->data, by_p);
    cur->sorted = true;
    for (size_t i = 0; i < cur->size; i++) {
        if (cur->data[i].id == token) cur->selected = (int64_t)i;
    }
}

static void compare(const char *what, int step) {
    if (!ours.cur.sorted && theirs.cur.sorted && ours.cur.size > 4096) {
        sort(&ours.cur);
        sort(&theirs.cur);
    }
    twin_assert_same(&ours.cur, &theirs.cur, what, step);
}

/* Applies both chains to what the arrays hold, compares, and accepts the token. Returns the token,
 * or -1 if there is none. */
static llama_token apply(pair p, const char *what, int step) {
    llama_sampler_apply(NULL, &ours.cur); /* no reasoning budget */
    llama_sampler_apply(p.a, &ours.cur);
    by_name.sampler_apply(p.b, &theirs.cur);
    compare(what, step);
    llama_token token = theirs.cur.selected < 0 ? -1 : theirs.cur.data[theirs.cur.selected].id;
    if (token < 0) return -1;
    by_name.sampler_accept(p.a, token);
    by_name.sampler_accept(p.b, token);
    return token;
}

/* Makes n steps as common_sampler_sample does; returns how many rows were lent. */
static int go(pair p, struct llama_context *ctx, fill_function *filler, int n, const char *what) {
    int n_short = 0;
    for (int step = 0; step < n; step++) {
        filler(&ours, ctx);
        n_short += is_short();
        fill_theirs(ctx);
        llama_token token = apply(p, what, step);
        decode(ctx, token < 0 || llama_vocab_is_eog(m.vocab, token) ? 3036 : token);
    }
    return n_short;
}

/* Lets the code fill arrays until it is lent rows. */
static void teach(fill_function *filler) {
    pair p = make(&chains[0]);
    start(m.ctx);
    go(p, m.ctx, filler, 8, "learning");
    filler(&ours, m.ctx);
    assert_int_equal(is_short(), !filling);
    fill_theirs(m.ctx);
    apply(p, "learned", 0);
    drop(p);
}

static void test_chains(void **state) {
    (void)state;
    teach(fill);
    for (int c = 0; c < N_CHAINS; c++) {
        pair p = make(&chains[c]);
        start(m.ctx);
        int n_short = go(p, m.ctx, fill, 14, chains[c].name);
        bool few = chains[c].n > 1 && chains[c].stages[0].kind == PLUCK_STAGE_TOP_K;
        if (few) assert_true(filling ? n_short == 0 : n_short >= 8);
        drop(p);
    }
}

/* A request for n_probs asks in another order, and gets the complete row. */
static void test_looks(void **state) {
    (void)state;
    pair p = make(&chains[0]);
    start(m.ctx);
    teach(fill);
    for (int outstanding = 0; outstanding < 2; outstanding++) {
        fill(&ours, m.ctx);
        fill_theirs(m.ctx);
        if (!outstanding) apply(p, "before looking", 0);
        const float *logits = llama_get_logits_ith(m.ctx, -1);
        const llama_token *ids = llama_get_sampled_candidates_ith(m.ctx, -1);
        assert_int_equal(llama_get_sampled_logits_count_ith(m.ctx, -1), m.n_vocab);
        assert_int_equal(llama_get_sampled_candidates_count_ith(m.ctx, -1), 0);
        assert_int_equal(ids[m.n_vocab - 1], m.n_vocab - 1);
        assert_memory_equal(logits, own_logits(m.ctx, -1), sizeof *logits * (size_t)m.n_vocab);
        /* `logits` can be read to its end */
        llama_get_sampled_probs_ith(m.ctx, -1);
        logits = llama_get_sampled_logits_ith(m.ctx, -1);
        float sum = 0;
        for (int32_t i = 0; logits && i < m.n_vocab; i++) sum += logits[i];
        assert_true(isfinite(sum));
        if (outstanding) apply(p, "after looking", 0);
    }
    drop(p);
}

/* What is applied before the chain gets all candidates: a grammar, or a program's own sampler. */
static void test_before_the_chain(void **state) {
    (void)state;
    teach(fill);
    struct llama_sampler *before[] = {
        llama_sampler_init(&twin_seeing, NULL),
        llama_sampler_init_grammar(m.vocab, "root ::= (\" \" [a-z]+)+ \".\"", "root")};
    for (int c = 0; c < N_CHAINS; c++) {
        pair p = make(&chains[c]);
        start(m.ctx);
        for (int step = 0; step < 6; step++) {
            fill(&ours, m.ctx);
            fill_theirs(m.ctx);
            twin_n_seen = 0;
            llama_sampler_apply(before[step % 2], &ours.cur);
            if (step % 2 == 0) assert_int_equal(twin_n_seen, m.n_vocab);
            by_name.sampler_apply(before[step % 2], &theirs.cur);
            apply(p, chains[c].name, step);
            decode(m.ctx, 500 + step);
        }
        drop(p);
    }
    llama_sampler_free(before[0]);
    llama_sampler_free(before[1]);
}

/* A foreign sampler at the front of the chain, and a chain in a chain. */
static void test_inside_the_chain(void **state) {
    (void)state;
    teach(fill);
    for (int nested = 0; nested < 2; nested++) {
        pair outer = {by_name.sampler_chain_init(llama_sampler_chain_default_params()),
                      by_name.sampler_chain_init(llama_sampler_chain_default_params())};
        pair inner = make(&chains[0]);
        if (!nested) {
            by_name.sampler_chain_add(outer.a, llama_sampler_init(&twin_seeing, NULL));
            by_name.sampler_chain_add(outer.b, llama_sampler_init(&twin_seeing, NULL));
        }
        by_name.sampler_chain_add(outer.a, inner.a);
        by_name.sampler_chain_add(outer.b, inner.b);
        start(m.ctx);
        go(outer, m.ctx, fill, 6, nested ? "a chain in a chain" : "foreign in front");
        drop(outer);
    }
}

/* An array whose row no longer exists when the chain is applied. */
static void test_row_is_saved(void **state) {
    (void)state;
    pair p = make(&chains[0]);
    static uint8_t saved[1 << 24];
    for (int how = 0; how < 3; how++) {
        teach(fill);
        struct llama_context *ctx = m.ctx;
        if (how == 2) {
            struct llama_context_params params = llama_context_default_params();
            params.n_ctx = 64;
            params.n_threads = params.n_threads_batch = 1;
            ctx = llama_init_from_model(m.model, params);
            assert_non_null(ctx);
        }
        start(ctx);
        size_t size = how == 1 ? llama_state_get_size(ctx) : 0;
        assert_true(size <= sizeof saved);
        if (how == 1) assert_true(llama_state_get_data(ctx, saved, size) > 0);
        decode(ctx, 700);
        fill(&ours, ctx);
        assert_int_equal(is_short(), !filling);
        fill_theirs(ctx);
        if (how == 0) decode(ctx, 900);
        if (how == 1) assert_true(llama_state_set_data(ctx, saved, size) > 0);
        if (how == 2) llama_free(ctx);
        apply(p, "a row that is gone", how);
    }
    drop(p);
}

/* Two contexts, alternating. */
static void test_two_contexts(void **state) {
    (void)state;
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = 128;
    params.n_threads = params.n_threads_batch = 1;
    struct llama_context *other = llama_init_from_model(m.model, params);
    assert_non_null(other);
    teach(fill);
    pair p = make(&chains[0]), q = make(&chains[10]);
    start(m.ctx);
    start(other);
    for (int i = 0; i < 10; i++) {
        go(p, m.ctx, fill, 1, "one context");
        go(q, other, fill, 1, "the other one");
    }
    drop(p);
    drop(q);
    llama_free(other);
}

static void *apply_elsewhere(void *sampler) {
    llama_sampler_apply(sampler, &ours.cur);
    return NULL;
}

/* The array is filled on one thread and sampled from on another. */
static void test_another_thread(void **state) {
    (void)state;
    teach(fill);
    pair p = make(&chains[0]);
    start(m.ctx);
    for (int step = 0; step < 4; step++) {
        fill(&ours, m.ctx);
        fill_theirs(m.ctx);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, apply_elsewhere, p.a), 0);
        pthread_join(thread, NULL);
        by_name.sampler_apply(p.b, &theirs.cur);
        compare("another thread", step);
        decode(m.ctx, 800 + step);
    }
    drop(p);
}

/* A program fills a second array before it uses the first: it gets complete rows from then on, and
 * the first array still works. */
static void test_two_arrays(void **state) {
    (void)state;
    teach(fill_twice);
    pair p = make(&chains[0]);
    start(m.ctx);
    fill_twice(&ours, m.ctx);
    program first = {malloc(sizeof *first.own * (ours.cur.size + 1)), ours.cur};
    memcpy(first.own, ours.own, sizeof *first.own * ours.cur.size);
    first.cur.data = first.own;
    fill_theirs(m.ctx);
    decode(m.ctx, 600);
    for (int i = 0; i < 4; i++) {
        fill_twice(&ours, m.ctx);
        assert_int_equal(ours.cur.size, m.n_vocab);
    }
    ours.cur = first.cur;
    apply(p, "the first array", 0);
    free(first.own);
    drop(p);
}

/* Samplers applied one by one, without a chain. */
static void test_stages(void **state) {
    (void)state;
    teach(fill_for_stages);
    start(m.ctx);
    const chain *c = &chains[0];
    for (int step = 0; step < 4; step++) {
        fill_for_stages(&ours, m.ctx);
        fill_theirs(m.ctx);
        for (int32_t i = 0; i < c->n; i++) {
            pair p = {twin_stage(&by_name, &c->stages[i], m.n_vocab, m.vocab),
                      twin_stage(&by_name, &c->stages[i], m.n_vocab, m.vocab)};
            llama_sampler_apply(p.a, &ours.cur);
            by_name.sampler_apply(p.b, &theirs.cur);
            compare("one by one", i);
            drop(p);
        }
        decode(m.ctx, 850 + step);
    }
}

/* A chain's apply, called directly instead of through llama_sampler_apply. */
static void test_iface(void **state) {
    (void)state;
    teach(fill_for_iface);
    pair p = make(&chains[0]);
    start(m.ctx);
    for (int step = 0; step < 4; step++) {
        fill_for_iface(&ours, m.ctx);
        fill_theirs(m.ctx);
        p.a->iface->apply(p.a, &ours.cur);
        by_name.sampler_apply(p.b, &theirs.cur);
        compare("iface->apply", step);
        decode(m.ctx, 870 + step);
    }
    drop(p);
}

/* Code that never samples as expected is lent nothing. */
static void test_never_lent(void **state) {
    (void)state;
    pair p = make(&chains[0]);
    start(m.ctx);
    for (int step = 0; step < 6; step++) {
        fill_never_applied(&ours, m.ctx);
        assert_int_equal(ours.cur.size, m.n_vocab);
        p.a->iface->apply(p.a, &ours.cur);
        decode(m.ctx, 880 + step);
    }
    drop(p);
}

/* More is left than the program's array has room for. Then chain and array are copied, as
 * common_sampler_clone and common_sampler_copy do. */
static void test_much_left(void **state) {
    (void)state;
    for (int how = 0; how < 2; how++) {
        pair few = make(&chains[0]), p = make(&chains[3]), q = make(&chains[3]);
        teach(fill);
        start(m.ctx);
        go(few, m.ctx, fill, 8, "few left");
        fill(&ours, m.ctx);
        size_t n = ours.cur.size;
        assert_int_equal(is_short(), !filling);
        fill_theirs(m.ctx);
        llama_token token = apply(p, "much left", how);
        assert_int_equal(ours.cur.size, m.n_vocab);
        if (how == 0)
            drop((pair){by_name.sampler_clone(p.a), by_name.sampler_clone(p.b)});
        else
            by_name.sampler_copy(p.a, q.a);
        /* next, the program copies the array and the vector behind it, which has n entries */
        assert_true(ours.cur.size <= n);
        assert_ptr_equal(ours.cur.data, ours.own);
        assert_true(ours.cur.selected >= 0 && (size_t)ours.cur.selected < ours.cur.size);
        assert_int_equal(ours.cur.data[ours.cur.selected].id, token);
        decode(m.ctx, 890);
        go(p, m.ctx, fill, 4, "after copying");
        drop(few);
        drop(p);
        drop(q);
    }
}

static bool find_own_logits(void) {
    void *address = twin_own("llama_get_logits_ith");
    memcpy(&own_logits, &address, sizeof address);
    return address != NULL;
}

int main(int argc, char **argv) {
    char err[512];
    if (argc < 2 || !twin_begin() || !find_own_logits()) {
        fprintf(stderr, "usage: LD_PRELOAD=(the drop-in) test_dropin_lend MODEL [fill]\n");
        return 1;
    }
    filling = argc > 2 && strcmp(argv[2], "fill") == 0;
    if (!plk_model_open(&m, argv[1], 512, 1, err, sizeof err)) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    ours.own = malloc(sizeof *ours.own * (size_t)m.n_vocab);
    theirs.own = malloc(sizeof *theirs.own * (size_t)m.n_vocab);
    if (!ours.own || !theirs.own) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),           cmocka_unit_test(test_looks),
        cmocka_unit_test(test_before_the_chain), cmocka_unit_test(test_inside_the_chain),
        cmocka_unit_test(test_row_is_saved),     cmocka_unit_test(test_two_contexts),
        cmocka_unit_test(test_another_thread),   cmocka_unit_test(test_two_arrays),
        cmocka_unit_test(test_stages),           cmocka_unit_test(test_iface),
        cmocka_unit_test(test_never_lent),       cmocka_unit_test(test_much_left),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(ours.own);
    free(theirs.own);
    plk_model_close(&m);
    return failed;
}
