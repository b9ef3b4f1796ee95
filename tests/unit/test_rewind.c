/*
 * test_rewind.c: a sampler that is rewound goes on as a clone does that was made at that token:
 * random chains, both generators, short windows, draws between and after the accepted tokens; what
 * is refused changes nothing; custom stages are told, or refuse.
 */
#include "random_chain.h"

#include <string.h>

enum { N = 300, STEPS = 60, MOST = 9 };

static float logits[4][N];

/* Samples once; what fails must fail for both. */
static pluck_status draw(pluck_sampler *s, int step, int32_t *token) {
    const pluck_row row = {.logits = logits[step % 4]};
    pluck_draw d = {-1, 0, 0, 0};
    const pluck_status status = pluck_sample_row(s, &row, &d);
    *token = d.token;
    return status;
}

static void assert_same_future(pluck_sampler *a, pluck_sampler *b, rows_random *r) {
    for (int step = 0; step < 12; ++step) {
        int32_t got, want;
        assert_int_equal(draw(a, step, &got), draw(b, step, &want));
        assert_int_equal(got, want);
        const int32_t token = want < 0 || rows_below(r, 3) ? random_chain_token(r, N) : want;
        assert_int_equal(pluck_accept(a, token), PLUCK_OK);
        assert_int_equal(pluck_accept(b, token), PLUCK_OK);
    }
}

/* Accepts tokens, clones after each; then goes back and is held against the clone. */
static void check_chain(uint64_t seed) {
    random_chain c;
    random_chain_make(&c, seed, N);
    c.config.max_rewind = MOST;
    rows_random r = {seed + 1};
    pluck_sampler *s = NULL, *clones[STEPS + 1] = {NULL};
    assert_int_equal(pluck_sampler_create(&s, &c.config), PLUCK_OK);
    const int32_t n = (int32_t)rows_below(&r, STEPS + 1);
    for (int32_t i = 0;; ++i) {
        assert_int_equal(pluck_sampler_clone(&clones[i], s), PLUCK_OK);
        int32_t token = -1;
        for (uint32_t k = rows_below(&r, 3); k > 0; --k) (void)draw(s, i, &token);
        if (i == n) break;
        if (token < 0 || rows_below(&r, 2)) token = random_chain_token(&r, N);
        if (rows_below(&r, 3) == 0)
            assert_int_equal(pluck_accept_prompt(s, &token, 1), PLUCK_OK);
        else
            assert_int_equal(pluck_accept(s, token), PLUCK_OK);
    }
    /* Twice, so that a rewound one is rewound again. */
    int32_t at = n, room = n < MOST ? n : MOST;
    for (int round = 0; round < 2; ++round) {
        assert_int_equal(pluck_sampler_rewind(s, room + 1), PLUCK_ERR_REWIND);
        const int32_t back = (int32_t)rows_below(&r, (uint32_t)room + 1);
        assert_int_equal(pluck_sampler_rewind(s, back), PLUCK_OK);
        at -= back;
        room -= back;
    }
    assert_same_future(s, clones[at], &r);
    for (int32_t i = 0; i <= n; ++i) pluck_sampler_free(clones[i]);
    pluck_sampler_free(s);
}

static void as_it_was(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 700; ++seed) check_chain(seed);
}

/* A full history of DRY whose breaker has fallen out and comes back, and long words of it. */
static void breakers_come_back(void **state) {
    (void)state;
    static const int32_t breaker = 2;
    static const pluck_token_sequence breakers[] = {{&breaker, 1}};
    pluck_stage stages[] = {with_dry(2.0f, 1.75f, 1, 6), with_greedy()};
    stages[0].as.dry.breakers = breakers;
    stages[0].as.dry.n_breakers = 1;
    pluck_config c = with_chain(5, 1, PLUCK_RNG_MT19937, stages, 2);
    c.max_rewind = 4;
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
    static const int32_t told[] = {2, 1, 3, 4, 1, 3};
    static const float near[] = {1.0f, 1.1f, 1.5f, 1.2f, 1.6f};
    for (int i = 0; i < 6; ++i) assert_int_equal(pluck_accept(s, told[i]), PLUCK_OK);
    for (int round = 0; round < 2; ++round) {
        int32_t token;
        assert_int_equal(pluck_sample(s, near, &token), PLUCK_OK);
        assert_int_equal(token, 2);                     /* 4 would repeat; 2 never does */
        assert_int_equal(pluck_accept(s, 0), PLUCK_OK); /* the breaker falls out */
        assert_int_equal(pluck_accept(s, 0), PLUCK_OK);
        assert_int_equal(pluck_sample(s, near, &token), PLUCK_OK);
        assert_int_equal(token, 4);
        assert_int_equal(pluck_sampler_rewind(s, 2), PLUCK_OK);
    }
    pluck_sampler_free(s);
}

static void refusals(void **state) {
    (void)state;
    const pluck_stage dist = with_dist();
    pluck_config c = with_chain(N, 1, PLUCK_RNG_MT19937, &dist, 1);
    pluck_error error;
    c.max_rewind = -1;
    assert_int_equal(pluck_config_check(&c, &error), PLUCK_ERR_SIZE);
    assert_non_null(strstr(error.message, "max_rewind is -1; allowed: 0 to 4096"));
    c.max_rewind = PLUCK_MAX_REWIND + 1;
    assert_int_equal(pluck_config_check(&c, NULL), PLUCK_ERR_SIZE);
    c.max_rewind = 3;
    pluck_sampler *s = NULL, *twin = NULL;
    assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
    int32_t token;
    for (int i = 0; i < 5; ++i) {
        assert_int_equal(draw(s, i, &token), PLUCK_OK);
        assert_int_equal(pluck_accept(s, token), PLUCK_OK);
    }
    assert_int_equal(pluck_sampler_clone(&twin, s), PLUCK_OK);
    assert_int_equal(pluck_sampler_rewind(NULL, 0), PLUCK_ERR_NULL);
    assert_int_equal(pluck_sampler_rewind(s, -1), PLUCK_ERR_SIZE);
    assert_int_equal(pluck_sampler_rewind(s, 4), PLUCK_ERR_REWIND);
    rows_random r = {3};
    assert_same_future(s, twin, &r);
    pluck_sampler_reset(s);
    assert_int_equal(pluck_sampler_rewind(s, 1), PLUCK_ERR_REWIND);
    assert_int_equal(pluck_sampler_rewind(s, 0), PLUCK_OK);
    assert_int_equal(pluck_sampler_copy_stage(s, 0, twin, 0), PLUCK_OK);
    assert_int_equal(pluck_accept(s, 1), PLUCK_OK);
    assert_int_equal(pluck_sampler_rewind(s, 2), PLUCK_ERR_REWIND);
    assert_int_equal(pluck_sampler_rewind(s, 1), PLUCK_OK);
    assert_same_future(s, twin, &r);
    pluck_sampler_free(s);
    pluck_sampler_free(twin);
}

static bool leave(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    (void)view;
    return true;
}
static void count_up(void *ctx, int32_t token) {
    (void)token;
    ++*(int *)ctx;
}
static void count_down(void *ctx, int32_t n) {
    *(int *)ctx -= n;
}

static void custom_stages(void **state) {
    (void)state;
    int accepted = 0;
    pluck_stage stages[] = {
        with_penalties(4, 1.5f, 0.0f, 0.0f),
        {.kind = PLUCK_STAGE_CUSTOM,
         .as.custom = {.apply = leave, .accept = count_up, .ctx = &accepted, .rewind = count_down}},
        with_dist()};
    pluck_config c = with_chain(N, 1, PLUCK_RNG_PHILOX, stages, 3);
    c.max_rewind = 8;
    for (int told = 0; told < 2; ++told) {
        accepted = 0;
        stages[1].as.custom.rewind = told ? count_down : NULL;
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
        for (int i = 0; i < 6; ++i) assert_int_equal(pluck_accept(s, i), PLUCK_OK);
        assert_int_equal(pluck_sampler_rewind(s, 4), told ? PLUCK_OK : PLUCK_ERR_REWIND);
        assert_int_equal(accepted, told ? 2 : 6);
        pluck_sampler_free(s);
    }
}

/* A server's sampler: what going back 16 tokens costs in memory. */
static void small(void **state) {
    (void)state;
    pluck_stage stages[] = {with_penalties(64, 1.1f, 0.0f, 0.0f), with_dry(0.8f, 1.75f, 2, 64),
                            with_top_k(40), with_xtc(0.5f, 0.1f, 0), with_dist()};
    size_t sizes[2];
    for (int i = 0; i < 2; ++i) {
        pluck_config c = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 5);
        c.max_rewind = i * 16;
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
        sizes[i] = pluck_sampler_state_size(s);
        pluck_sampler_free(s);
    }
    assert_in_range(sizes[1] - sizes[0], 1, 2048);
}

int main(void) {
    for (int i = 0; i < 4; ++i) rows_fill((rows_kind)(i % 3), (uint64_t)i, logits[i], N);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_was), cmocka_unit_test(breakers_come_back),
        cmocka_unit_test(refusals),  cmocka_unit_test(custom_stages),
        cmocka_unit_test(small),
    };
    return cmocka_run_group_tests_name("rewind", tests, NULL, NULL);
}
