/*
 * test_life.c: a sampler between its calls: clones continue, reset starts over, seeds can be read,
 * Philox seeks, workspaces are shared, candidates can be read, callbacks are called, sizes are
 * within their documented limits.
 */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 700, ROWS = 12 };

static float rows_of_logits[ROWS][N];

static int make_rows(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; ++i) rows_fill((rows_kind)(i % 3), (uint64_t)i, rows_of_logits[i], N);
    return 0;
}

/* Chains with every kind of state. */
static int32_t chain_of(int which, pluck_stage stages[5]) {
    stages[0] = with_penalties(16, 1.2f, 0.1f, 0.1f);
    stages[1] = with_dry(0.8f, 1.75f, 1, 32);
    stages[2] = with_xtc(0.5f, 0.05f, 0);
    switch (which) {
    case 0:
        stages[3] = with_top_p(0.95f, 0);
        stages[4] = with_dist();
        return 5;
    case 1:
        stages[3] = with_mirostat(1, 4.0f, 0.2f, 100);
        return 4;
    case 2:
        stages[3] = with_mirostat(2, 4.0f, 0.2f, 100);
        return 4;
    default:
        stages[3] = with_adaptive(0.3f, 0.8f);
        return 4;
    }
}
enum { CHAINS = 4 };

static pluck_sampler *create(int which, pluck_rng_kind rng, uint32_t seed) {
    pluck_stage stages[5];
    const int32_t n = chain_of(which, stages);
    const pluck_config config = with_chain(N, seed, rng, stages, n);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    return s;
}

static void run(pluck_sampler *s, int first, int n, int32_t *tokens) {
    for (int i = 0; i < n; ++i) {
        assert_int_equal(pluck_sample(s, rows_of_logits[(first + i) % ROWS], &tokens[i]), PLUCK_OK);
        assert_int_equal(pluck_accept(s, tokens[i]), PLUCK_OK);
    }
}

static void clones_continue(void **state) {
    (void)state;
    for (int which = 0; which < 2 * CHAINS; ++which) {
        pluck_sampler *a = create(which / 2, (pluck_rng_kind)(which % 2), 11);
        int32_t x[40];
        int32_t y[40];
        run(a, 0, 25, x);
        /* Adaptive-p has state between a draw and its acceptance, too. */
        assert_int_equal(pluck_sample(a, rows_of_logits[3], &x[0]), PLUCK_OK);
        pluck_sampler *b = NULL;
        assert_int_equal(pluck_sampler_clone(&b, a), PLUCK_OK);
        assert_int_equal(pluck_accept(a, x[0]), PLUCK_OK);
        assert_int_equal(pluck_accept(b, x[0]), PLUCK_OK);
        assert_int_equal(pluck_sampler_seed(a), pluck_sampler_seed(b));
        run(a, 5, 40, x);
        pluck_sampler_free(a); /* what the clones share must outlive the original */
        run(b, 5, 40, y);
        assert_memory_equal(x, y, sizeof x);
        pluck_sampler_free(b);
    }
}

/* Copies the state of all stages from another sampler of the same chain. */
static void copy_stages(pluck_sampler *to, const pluck_sampler *from, int32_t n) {
    for (int32_t i = 0; i < n; ++i)
        assert_int_equal(pluck_sampler_copy_stage(to, i, from, i), PLUCK_OK);
}

static void copied_stages_continue(void **state) {
    (void)state;
    for (int which = 0; which < 2 * CHAINS; ++which) {
        pluck_stage stages[5];
        const int32_t n = chain_of(which / 2, stages);
        pluck_sampler *a = create(which / 2, (pluck_rng_kind)(which % 2), 11);
        pluck_sampler *b = create(which / 2, (pluck_rng_kind)(which % 2), 99);
        int32_t x[40];
        int32_t y[40];
        run(a, 0, 25, x);
        run(b, 3, 7, y);
        copy_stages(b, a, n);
        run(a, 5, 40, x);
        run(b, 5, 40, y);
        assert_memory_equal(x, y, sizeof x);
        pluck_sampler_free(a);
        pluck_sampler_free(b);
    }
}

static pluck_sampler *create_penalties(int32_t n_vocab, int32_t last_n, pluck_rng_kind rng) {
    const pluck_stage stages[] = {with_penalties(last_n, 1.5f, 0.2f, 0.1f), with_top_k(20),
                                  with_dist()};
    const pluck_config config = with_chain(n_vocab, 7, rng, stages, 3);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    return s;
}

/* A shorter history keeps the newest tokens. */
static void copied_history_is_cut(void **state) {
    (void)state;
    pluck_sampler *from = create_penalties(N, 12, PLUCK_RNG_MT19937);
    pluck_sampler *to = create_penalties(N, 4, PLUCK_RNG_MT19937);
    pluck_sampler *same = create_penalties(N, 4, PLUCK_RNG_MT19937);
    for (int32_t i = 0; i < 10; ++i) assert_int_equal(pluck_accept(from, 5 * i), PLUCK_OK);
    for (int32_t i = 6; i < 10; ++i) assert_int_equal(pluck_accept(same, 5 * i), PLUCK_OK);
    assert_int_equal(pluck_sampler_copy_stage(to, 0, from, 0), PLUCK_OK);
    int32_t x[30];
    int32_t y[30];
    run(to, 0, 30, x);
    run(same, 0, 30, y);
    assert_memory_equal(x, y, sizeof x);
    pluck_sampler_free(from);
    pluck_sampler_free(to);
    pluck_sampler_free(same);
}

static void bad_copies(void **state) {
    (void)state;
    pluck_sampler *from = create_penalties(N, 12, PLUCK_RNG_MT19937);
    pluck_sampler *small = create_penalties(100, 12, PLUCK_RNG_MT19937);
    pluck_sampler *tiny = create_penalties(100, 2, PLUCK_RNG_MT19937);
    pluck_sampler *philox = create_penalties(N, 12, PLUCK_RNG_PHILOX);
    assert_int_equal(pluck_sampler_copy_stage(NULL, 0, from, 0), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sampler_copy_stage(small, 0, NULL, 0), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sampler_copy_stage(small, 3, from, 0), PLUCK_ERR_STAGE);
    assert_int_equal(pluck_sampler_copy_stage(small, 0, from, -1), PLUCK_ERR_STAGE);
    assert_int_equal(pluck_sampler_copy_stage(small, 0, from, 1), PLUCK_ERR_STAGE);
    assert_int_equal(pluck_sampler_copy_stage(philox, 0, from, 0), PLUCK_ERR_RNG);
    /* A vocabulary of 100 has no token 650; that is no error if only the two
     * tokens after it are kept. */
    assert_int_equal(pluck_accept(from, 99), PLUCK_OK);
    assert_int_equal(pluck_accept(from, 650), PLUCK_OK);
    assert_int_equal(pluck_sampler_copy_stage(small, 0, from, 0), PLUCK_ERR_TOKEN);
    assert_int_equal(pluck_sampler_copy_stage(tiny, 0, from, 0), PLUCK_ERR_TOKEN);
    pluck_sampler *fresh = create_penalties(100, 12, PLUCK_RNG_MT19937);
    for (int i = 0; i < 20; ++i) {
        int32_t x = -1;
        int32_t y = -1;
        assert_int_equal(pluck_sample(small, rows_of_logits[i % ROWS], &x), PLUCK_OK);
        assert_int_equal(pluck_sample(fresh, rows_of_logits[i % ROWS], &y), PLUCK_OK);
        assert_int_equal(x, y); /* a refused copy changes nothing */
    }
    assert_int_equal(pluck_accept(from, 98), PLUCK_OK);
    assert_int_equal(pluck_accept(from, 97), PLUCK_OK);
    assert_int_equal(pluck_sampler_copy_stage(tiny, 0, from, 0), PLUCK_OK);
    pluck_sampler_free(from);
    pluck_sampler_free(small);
    pluck_sampler_free(tiny);
    pluck_sampler_free(philox);
    pluck_sampler_free(fresh);
}

/* A history that leaves out the prompt is not one that has it, neither copied nor loaded. */
static void histories_without_prompts(void **state) {
    (void)state;
    static const int32_t prompt[] = {3, 4, 5};
    pluck_sampler *made[3];
    for (int i = 0; i < 3; ++i) {
        pluck_stage stages[] = {with_penalties(8, 1.5f, 0.2f, 0.1f), with_dist()};
        stages[0].as.penalties.output_only = i > 0;
        const pluck_config config = with_chain(N, 7, PLUCK_RNG_PHILOX, stages, 2);
        assert_int_equal(pluck_sampler_create(&made[i], &config), PLUCK_OK);
        assert_int_equal(pluck_accept_prompt(made[i], prompt, 3), PLUCK_OK);
        assert_int_equal(pluck_accept(made[i], 9 + i), PLUCK_OK);
    }
    static unsigned char bytes[3][4096], after[4096];
    size_t size[3], n;
    for (int i = 0; i < 3; ++i)
        assert_int_equal(pluck_sampler_save(made[i], bytes[i], sizeof bytes[i], &size[i]),
                         PLUCK_OK);
    pluck_error error;
    for (int i = 0; i < 2; ++i) { /* each from the other */
        assert_int_equal(pluck_sampler_copy_stage(made[i], 0, made[1 - i], 0), PLUCK_ERR_STAGE);
        assert_int_equal(pluck_sampler_load(made[i], bytes[1 - i], size[1 - i], &error),
                         PLUCK_ERR_STATE);
        assert_non_null(strstr(error.message, "the state of stage 0 is not one of penalties"));
        assert_int_equal(pluck_sampler_save(made[i], after, sizeof after, &n), PLUCK_OK);
        assert_int_equal(n, size[i]);
        assert_memory_equal(after, bytes[i], n);
    }
    assert_int_equal(pluck_sampler_copy_stage(made[2], 0, made[1], 0), PLUCK_OK);
    assert_int_equal(pluck_sampler_load(made[2], bytes[1], size[1], &error), PLUCK_OK);
    for (int i = 0; i < 3; ++i) pluck_sampler_free(made[i]);
}

static void reset_starts_over(void **state) {
    (void)state;
    for (int which = 0; which < 2 * CHAINS; ++which) {
        pluck_sampler *s = create(which / 2, (pluck_rng_kind)(which % 2), 12);
        int32_t x[40];
        int32_t y[40];
        run(s, 0, 40, x);
        pluck_sampler_reset(s);
        run(s, 0, 40, y);
        assert_memory_equal(x, y, sizeof x);
        pluck_sampler_free(s);
    }
    pluck_sampler_reset(NULL);
}

static void seeds(void **state) {
    (void)state;
    pluck_stage stages[] = {with_xtc(0.5f, 0.1f, 0), with_top_k(5), with_dist()};
    stages[0].as.xtc.seed = 99;
    pluck_config config = with_chain(N, 31, PLUCK_RNG_MT19937, stages, 3);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    assert_int_equal(pluck_sampler_seed(s), 31);
    assert_int_equal(pluck_sampler_stage_seed(s, 0), 99);
    assert_int_equal(pluck_sampler_stage_seed(s, 2), 31);
    assert_int_equal(pluck_sampler_seed(NULL), 0);
    assert_int_equal(pluck_sampler_stage_seed(NULL, 0), 0);
    const pluck_config *told = pluck_sampler_config(s);
    assert_int_equal(told->n_vocab, N);
    assert_int_equal(told->n_stages, 3);
    assert_int_equal(told->stages[1].as.top_k.k, 5);
    assert_null(pluck_sampler_config(NULL));
    pluck_sampler_free(s);

    /* A random seed can be read, and repeats the draws. */
    config.seed = PLUCK_SEED_RANDOM;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    const uint32_t drawn = pluck_sampler_seed(s);
    int32_t x[60];
    int32_t y[60];
    run(s, 0, 60, x);
    config.seed = drawn;
    pluck_sampler *again = NULL;
    assert_int_equal(pluck_sampler_create(&again, &config), PLUCK_OK);
    run(again, 0, 60, y);
    assert_memory_equal(x, y, sizeof x);
    /* A reset takes a new random seed. (Two equal in a row: 1 in 4 billion; three: never.) */
    pluck_sampler_reset(s);
    const uint32_t second = pluck_sampler_seed(s);
    pluck_sampler_reset(s);
    assert_true(second != drawn || pluck_sampler_seed(s) != drawn);
    pluck_sampler_free(again);
    pluck_sampler_free(s);
}

static void philox_seeks(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_xtc(0.5f, 0.05f, 0), with_dist()};
    const pluck_config config = with_chain(N, 5, PLUCK_RNG_PHILOX, stages, 2);
    pair p;
    pair_open(&p, &config);
    const uint64_t positions[] = {0, 7, 0x100000003u, 2, UINT64_MAX};
    for (int i = 0; i < 5; ++i) {
        assert_int_equal(pluck_sampler_seek(p.sampler, positions[i]), PLUCK_OK);
        oracle_seek(p.oracle, positions[i]);
        for (int call = 0; call < 6; ++call) {
            const pluck_row row = {.logits = rows_of_logits[call]};
            assert_int_equal(pair_step(&p, &row, NULL), CHECK_SAME);
        }
    }
    pair_close(&p);
    pluck_sampler *mt = create(0, PLUCK_RNG_MT19937, 1);
    assert_int_equal(pluck_sampler_seek(mt, 3), PLUCK_ERR_RNG);
    assert_int_equal(pluck_sampler_seek(NULL, 3), PLUCK_ERR_NULL);
    pluck_sampler_free(mt);
}

static void workspaces(void **state) {
    (void)state;
    pluck_workspace *shared = NULL;
    assert_int_equal(pluck_workspace_create(&shared, N + 300, NULL), PLUCK_OK);
    pluck_stage stages[5];
    const int32_t n = chain_of(0, stages);
    pluck_config config = with_chain(N, 3, PLUCK_RNG_MT19937, stages, n);
    pluck_sampler *own = NULL;
    assert_int_equal(pluck_sampler_create(&own, &config), PLUCK_OK);
    config.workspace = shared;
    pluck_sampler *a = NULL;
    pluck_sampler *b = NULL;
    assert_int_equal(pluck_sampler_create(&a, &config), PLUCK_OK);
    assert_ptr_equal(pluck_sampler_workspace(a), shared);
    assert_int_equal(pluck_sampler_clone(&b, a), PLUCK_OK);
    assert_ptr_equal(pluck_sampler_workspace(b), shared);
    assert_null(pluck_sampler_workspace(NULL));
    /* Three samplers take turns on one workspace, or name it for one call. */
    for (int i = 0; i < 60; ++i) {
        const pluck_row row = {.logits = rows_of_logits[i % ROWS]};
        const pluck_row other = {.logits = rows_of_logits[i % ROWS], .workspace = shared};
        pluck_draw x;
        pluck_draw y;
        pluck_draw z;
        assert_int_equal(pluck_sample_row(a, &row, &x), PLUCK_OK);
        assert_int_equal(pluck_sample_row(b, &row, &y), PLUCK_OK);
        assert_int_equal(pluck_sample_row(own, i % 2 ? &row : &other, &z), PLUCK_OK);
        assert_int_equal(x.token, y.token);
        assert_int_equal(x.token, z.token);
        pluck_accept(a, x.token);
        pluck_accept(b, x.token);
        pluck_accept(own, x.token);
    }
    pluck_sampler_free(a);
    pluck_sampler_free(b);
    pluck_sampler_free(own);
    pluck_workspace_free(shared);
    pluck_workspace_free(NULL);
    pluck_sampler_free(NULL);
}

static void sizes(void **state) {
    (void)state;
    assert_true(pluck_workspace_size(151936) < 22u * 151936u);
    assert_true(pluck_workspace_size(262144) < 22u * 262144u);
    assert_int_equal(pluck_workspace_size(0), 0);
    assert_int_equal(pluck_workspace_size(-1), 0);
    assert_int_equal(pluck_workspace_size(16777217), 0);

    pluck_stage stages[] = {
        with_penalties(64, 1.1f, 0.1f, 0.1f), with_dry(0.8f, 1.75f, 2, 64), with_xtc(0.5f, 0.1f, 0),
        with_mirostat(1, 5.0f, 0.1f, 100),    with_adaptive(0.5f, 0.9f),    with_dist()};
    for (int rng = 0; rng < 2; ++rng) {
        const pluck_config config = with_chain(151936, 1, (pluck_rng_kind)rng, stages, 6);
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
        assert_in_range(pluck_sampler_state_size(s), 1, 16383);
        pluck_sampler_free(s);
    }
}

/* Everything is copied at creation: the caller's arrays may be freed. */
static void configs_are_copied(void **state) {
    (void)state;
    pluck_logit_bias biases[2] = {{3, 4.0f}, {5, -INFINITY}};
    int32_t tokens[3] = {1, 2, 3};
    pluck_token_sequence breakers[2] = {{tokens, 1}, {tokens + 1, 2}};
    pluck_stage stages[3] = {with_bias(biases, 2), with_dry(1.0f, 1.75f, 1, 32), with_dist()};
    stages[1].as.dry.breakers = breakers;
    stages[1].as.dry.n_breakers = 2;
    const pluck_config config = with_chain(N, 6, PLUCK_RNG_MT19937, stages, 3);
    pluck_sampler *a = NULL;
    pluck_sampler *b = NULL;
    assert_int_equal(pluck_sampler_create(&a, &config), PLUCK_OK);
    assert_int_equal(pluck_sampler_create(&b, &config), PLUCK_OK);
    for (int i = 0; i < 10; ++i) {
        pluck_accept(a, 1 + i % 4);
        pluck_accept(b, 1 + i % 4);
    }
    int32_t x[50];
    int32_t y[50];
    run(a, 0, 50, x);
    memset(biases, 0, sizeof biases);
    memset(tokens, 0, sizeof tokens);
    memset(breakers, 0, sizeof breakers);
    memset(stages, 0, sizeof stages);
    run(b, 0, 50, y);
    assert_memory_equal(x, y, sizeof x);
    pluck_sampler_free(a);
    pluck_sampler_free(b);
}

static void candidates_without_a_draw(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_top_k(7), with_temp(0.5f, 0.0f, 1.0f)};
    const pluck_config config = with_chain(N, 6, PLUCK_RNG_MT19937, stages, 2);
    pair p;
    pair_open(&p, &config);
    const pluck_row row = {.logits = rows_of_logits[0]};
    assert_int_equal(pair_step(&p, &row, NULL), CHECK_SAME);
    pluck_candidates c;
    pluck_workspace *w = pluck_sampler_workspace(p.sampler);
    assert_int_equal(pluck_workspace_candidates(w, &c), PLUCK_OK);
    assert_int_equal(c.n, 7);
    assert_int_equal(c.selected, -1);
    assert_true(c.descending);
    /* Reading twice gives the same. */
    pluck_candidates again;
    assert_int_equal(pluck_workspace_candidates(w, &again), PLUCK_OK);
    assert_int_equal(again.n, 7);
    assert_memory_equal(again.ids, c.ids, 7 * sizeof *c.ids);
    pair_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clones_continue),
        cmocka_unit_test(copied_stages_continue),
        cmocka_unit_test(copied_history_is_cut),
        cmocka_unit_test(bad_copies),
        cmocka_unit_test(histories_without_prompts),
        cmocka_unit_test(reset_starts_over),
        cmocka_unit_test(seeds),
        cmocka_unit_test(philox_seeks),
        cmocka_unit_test(workspaces),
        cmocka_unit_test(sizes),
        cmocka_unit_test(configs_are_copied),
        cmocka_unit_test(candidates_without_a_draw),
    };
    return cmocka_run_group_tests_name("life", tests, make_rows, NULL);
}
