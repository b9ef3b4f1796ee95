/*
 * test_callbacks.c: the stages that call back. Infill against the oracle over a made-up vocabulary
 * with many common prefixes; custom stages against the oracle, and their whole life: accept, reset,
 * clone, release.
 */
#include "check.h"

#include <math.h>
#include <string.h>

enum { N = 300 };

/* A token's text is its number in base 3, lowest digit first, which gives many common prefixes.
 * Every 50th token has no text. */
static int32_t piece(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    char text[16];
    int32_t n = 0;
    (void)ctx;
    if (token % 50 == 49) return 0;
    for (int32_t x = token; x > 0 || n == 0; x /= 3) text[n++] = (char)('a' + x % 3);
    if (n > capacity) return -n;
    memcpy(buffer, text, (size_t)n);
    return n;
}

static bool is_eog(void *ctx, int32_t token) {
    const int32_t *every = ctx;
    return token % *every == 28;
}

static pluck_stage infill(int32_t *every) {
    return (pluck_stage){.kind = PLUCK_STAGE_INFILL, .as.infill = {piece, is_eog, 28, every}};
}

static void infill_matches(void **state) {
    (void)state;
    int32_t every = 29;
    int excused = 0;
    int calls = 0;
    for (uint64_t id = 0; id < 400; ++id) {
        rows_random r = {id};
        pluck_stage stages[4];
        int32_t n = 0;
        if (rows_below(&r, 4)) stages[n++] = with_top_k(1 + (int32_t)rows_below(&r, 60));
        if (rows_below(&r, 3)) stages[n++] = with_top_p(0.9f, 0);
        stages[n++] = infill(&every);
        stages[n++] = with_dist();
        every = rows_below(&r, 2) ? 29 : 1000000;
        const pluck_config config = with_chain(N, (uint32_t)id, PLUCK_RNG_MT19937, stages, n);
        pair p;
        pair_open(&p, &config);
        p.label = "infill";
        p.seed = id;
        float logits[N];
        rows_fill((rows_kind)(id % ROWS_KINDS), id, logits, N);
        /* Flat and steep rows reach different branches. */
        const float steep = (float[]){0.1f, 0.4f, 1.0f}[rows_below(&r, 3)];
        for (int i = 0; i < N; ++i) {
            logits[i] *= steep;
            if (is_eog(&every, i)) logits[i] -= (float)rows_below(&r, 12);
        }
        const pluck_row row = {.logits = logits};
        for (int call = 0; call < 3; ++call, ++calls) {
            excused += pair_step(&p, &row, NULL) != CHECK_SAME;
        }
        pair_close(&p);
    }
    print_message("infill: %d calls, %d excused\n", calls, excused);
    assert_true(excused <= calls / 20);
}

/* --- texts at the limit --- */

/* Texts are runs of the letter a: every shorter text is a prefix of every longer one. */
static int32_t lengths[N];
static int32_t excess; /* how much more than its capacity a text may claim */

static int32_t row_of_a(void *ctx, int32_t token, char *buffer, int32_t capacity) {
    (void)ctx;
    const int32_t n = lengths[token];
    assert_int_equal(capacity, 512);
    if (n > capacity + excess) return token % 2 ? -n : INT32_MIN;
    memset(buffer, 'a', (size_t)(n < capacity ? n : capacity));
    return n;
}

static bool never_ends(void *ctx, int32_t token) {
    (void)ctx;
    (void)token;
    return false;
}

/* Runs infill on six candidates; a lower id is more likely. */
static pluck_status infill_six(pluck_draw *draw) {
    const pluck_stage stages[] = {
        with_top_k(6),
        {.kind = PLUCK_STAGE_INFILL, .as.infill = {row_of_a, never_ends, 28, NULL}},
        with_dist()};
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 3);
    float logits[N];
    for (int i = 0; i < N; ++i) logits[i] = -0.01f * (float)i;
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    const pluck_status status = pluck_sample_row(s, &(pluck_row){.logits = logits}, draw);
    pluck_sampler_free(s);
    return status;
}

/* Texts of up to 512 bytes are compared; a longer one is not merged with any other. */
static void long_pieces(void **state) {
    (void)state;
    pluck_draw draw = {.token = -1};
    excess = 0;
    const int32_t fitting[] = {512, 511, 1, 256, 300, 2};
    memcpy(lengths, fitting, sizeof fitting);
    assert_int_equal(infill_six(&draw), PLUCK_OK);
    assert_int_equal(draw.token, 0);
    assert_int_equal(draw.n_candidates, 1);
    assert_true(draw.probability == 1.0f);

    /* Of the six, 1 and 3 are too long and 5 is empty. 0, 2 and 4 are merged and have half of the
     * probability; the others stay below 0.2. */
    const int32_t mixed[] = {512, 513, 7, 100000, 300, 0};
    memcpy(lengths, mixed, sizeof mixed);
    assert_int_equal(infill_six(&draw), PLUCK_OK);
    assert_int_equal(draw.token, 0);
    assert_int_equal(draw.n_candidates, 1);

    /* None are merged: each stays below 0.2, and only the end of turn is left. */
    const int32_t none[] = {513, 514, 600, 513, 513, 0};
    memcpy(lengths, none, sizeof none);
    assert_int_equal(infill_six(&draw), PLUCK_OK);
    assert_int_equal(draw.token, 28);
    assert_int_equal(draw.n_candidates, 1);
}

/* An impossible length is refused; the call changes nothing. */
static void piece_breaks_its_contract(void **state) {
    (void)state;
    const int32_t claimed[] = {512, 1, 513, 2, 3, 4};
    memcpy(lengths, claimed, sizeof claimed);
    excess = 1;
    pluck_draw draw = {.token = -5};
    assert_int_equal(infill_six(&draw), PLUCK_ERR_CALLBACK);
    assert_int_equal(draw.token, -5);
    excess = 0;
    assert_int_equal(infill_six(&draw), PLUCK_OK);
}

/* --- custom --- */

typedef struct counts {
    int applied, accepted, reset, cloned, released;
    bool fail, fail_clone;
} counts;

/* Keeps the first half of the candidates and swaps two of them, so the order is a new one. */
static bool halve(void *ctx, pluck_custom_view *view) {
    counts *c = ctx;
    ++c->applied;
    if (c->fail) return false;
    if (view->n > 1) view->n = (view->n + 1) / 2;
    if (view->n > 1) {
        const int32_t id = view->ids[0];
        const float logit = view->logits[0];
        view->ids[0] = view->ids[1];
        view->logits[0] = view->logits[1];
        view->ids[1] = id;
        view->logits[1] = logit;
    }
    view->descending = false;
    return true;
}

static bool mask_odd_and_lift(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    for (int32_t i = 0; i < view->n; ++i) {
        if (i % 2) {
            view->logits[i] = -INFINITY;
        } else {
            view->logits[i] = view->logits[i] * 0.5f + 1.0f;
        }
    }
    view->descending = false;
    return true;
}

static bool select_middle(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    view->selected = view->n / 2;
    return true;
}

static void on_accept(void *ctx, int32_t token) {
    (void)token;
    ++((counts *)ctx)->accepted;
}
static void on_reset(void *ctx) {
    ++((counts *)ctx)->reset;
}
static void on_release(void *ctx) {
    ++((counts *)ctx)->released;
}
static counts clones[4];
static void *on_clone(const void *ctx) {
    const counts *c = ctx;
    if (c->fail_clone) return NULL;
    counts *copy = &clones[c->cloned % 4];
    *copy = *c;
    copy->cloned = c->cloned + 1;
    return copy;
}

static pluck_stage custom(bool (*apply)(void *, pluck_custom_view *), void *ctx) {
    return (pluck_stage){.kind = PLUCK_STAGE_CUSTOM, .as.custom = {.apply = apply, .ctx = ctx}};
}

static void custom_matches(void **state) {
    (void)state;
    counts c = {0};
    bool (*const all[])(void *, pluck_custom_view *) = {halve, mask_odd_and_lift, select_middle};
    for (uint64_t id = 0; id < 300; ++id) {
        rows_random r = {id + 17};
        const pluck_stage front[] = {with_top_k(50), with_min_p(0.01f, 0), with_sigma(1.5f),
                                     with_typical(0.9f, 0), with_temp(0.7f, 0.0f, 1.0f)};
        pluck_stage stages[5];
        int32_t n = 0;
        if (rows_below(&r, 4)) stages[n++] = front[rows_below(&r, 5)];
        stages[n++] = custom(all[rows_below(&r, 3)], &c);
        if (rows_below(&r, 2)) stages[n++] = front[rows_below(&r, 5)];
        if (rows_below(&r, 2)) stages[n++] = custom(all[rows_below(&r, 3)], &c);
        stages[n++] = id % 2 ? with_dist() : with_greedy();
        const pluck_config config =
            with_chain(N, (uint32_t)id, (pluck_rng_kind)(id / 2 % 2), stages, n);
        pair p;
        pair_open(&p, &config);
        p.label = "custom";
        p.seed = id;
        float logits[N];
        rows_fill((rows_kind)(id % ROWS_KINDS), id, logits, N);
        const pluck_row row = {.logits = logits};
        if (pair_step(&p, &row, NULL) == CHECK_SAME) pair_step(&p, &row, NULL);
        pair_close(&p);
    }
    assert_true(c.applied > 100);
}

static void custom_selects(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_top_k(9), custom(select_middle, NULL)};
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 2);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    float logits[N];
    rows_fill(ROWS_DESCENDING, 1, logits, N);
    int32_t token = -1;
    assert_int_equal(pluck_sample(s, logits, &token), PLUCK_OK);
    assert_int_equal(token, 4);
    pluck_sampler_free(s);
}

static void custom_life(void **state) {
    (void)state;
    counts c = {0};
    pluck_stage stages[] = {custom(halve, &c), with_dist()};
    stages[0].as.custom.accept = on_accept;
    stages[0].as.custom.reset = on_reset;
    stages[0].as.custom.clone = on_clone;
    stages[0].as.custom.release = on_release;
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 2);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    assert_int_equal(pluck_accept(s, 3), PLUCK_OK);
    assert_int_equal(pluck_accept(s, N), PLUCK_ERR_TOKEN);
    pluck_sampler_reset(s);
    assert_int_equal(c.accepted, 1);
    assert_int_equal(c.reset, 1);

    pluck_sampler *copy = NULL;
    assert_int_equal(pluck_sampler_clone(&copy, s), PLUCK_OK);
    assert_int_equal(clones[0].cloned, 1);
    assert_int_equal(pluck_accept(copy, 3), PLUCK_OK);
    assert_int_equal(clones[0].accepted, 2);
    assert_int_equal(c.accepted, 1);
    pluck_sampler_free(copy);
    assert_int_equal(clones[0].released, 1);
    assert_int_equal(c.released, 0);

    c.fail_clone = true;
    copy = NULL;
    assert_int_equal(pluck_sampler_clone(&copy, s), PLUCK_ERR_CALLBACK);
    assert_null(copy);
    pluck_sampler_free(s);
    assert_int_equal(c.released, 1);
}

/* Without a clone callback all clones share one context, and the last one to
 * be freed releases it. */
static void shared_context_is_released_once(void **state) {
    (void)state;
    counts c = {0};
    pluck_stage stages[] = {custom(halve, &c), with_dist()};
    stages[0].as.custom.accept = on_accept;
    stages[0].as.custom.release = on_release;
    pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 2);
    for (int last = 0; last < 3; ++last) {
        pluck_sampler *s[3] = {NULL};
        c = (counts){0};
        assert_int_equal(pluck_sampler_create(&s[0], &config), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&s[1], s[0]), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&s[2], s[1]), PLUCK_OK);
        for (int i = 0; i < 3; ++i) assert_int_equal(pluck_accept(s[i], 3), PLUCK_OK);
        assert_int_equal(c.accepted, 3);
        pluck_sampler_free(s[(last + 1) % 3]);
        pluck_sampler_free(s[(last + 2) % 3]);
        assert_int_equal(c.released, 0);
        assert_int_equal(pluck_accept(s[last], 3), PLUCK_OK);
        assert_int_equal(c.accepted, 4);
        pluck_sampler_free(s[last]);
        assert_int_equal(c.released, 1);
    }
    /* A creation that fails leaves the context to the caller. */
    c = (counts){0};
    pluck_sampler *s = NULL;
    stages[1] = with_top_p(7.0f, 0);
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_ERR_PARAM);
    assert_int_equal(c.released, 0);
}

/* A clone that fails in the middle releases the contexts that it had cloned, and no others. */
static void failed_clone_releases_its_own(void **state) {
    (void)state;
    counts c[3] = {{0}, {0}, {.fail_clone = true}};
    pluck_stage stages[] = {custom(halve, &c[0]), custom(halve, &c[1]), custom(halve, &c[2])};
    for (int i = 0; i < 3; ++i) {
        stages[i].as.custom.release = on_release;
        if (i > 0) stages[i].as.custom.clone = on_clone;
    }
    const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 3);
    pluck_sampler *s = NULL;
    pluck_sampler *copy = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    clones[0] = (counts){0};
    assert_int_equal(pluck_sampler_clone(&copy, s), PLUCK_ERR_CALLBACK);
    assert_null(copy);
    assert_int_equal(clones[0].cloned, 1);
    assert_int_equal(clones[0].released, 1);
    for (int i = 0; i < 3; ++i) assert_int_equal(c[i].released, 0);
    pluck_sampler_free(s);
    for (int i = 0; i < 3; ++i) assert_int_equal(c[i].released, 1);
}

/* --- callbacks that break their contract --- */

static bool grow(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    ++view->n;
    return true;
}
static bool shrink_below_zero(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    view->n = -1;
    return true;
}
static bool select_outside(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    view->selected = view->n;
    return true;
}
static bool foreign_id(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    view->ids[0] = N;
    return true;
}
static bool write_nan(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    view->logits[0] = NAN;
    return true;
}
static bool mask_all(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    for (int32_t i = 0; i < view->n; ++i) view->logits[i] = -INFINITY;
    return true;
}

static void broken_contracts(void **state) {
    (void)state;
    counts c = {.fail = true};
    const struct {
        bool (*apply)(void *, pluck_custom_view *);
        pluck_status status;
    } broken[] = {{halve, PLUCK_ERR_CALLBACK},
                  {grow, PLUCK_ERR_CALLBACK},
                  {shrink_below_zero, PLUCK_ERR_CALLBACK},
                  {select_outside, PLUCK_ERR_CALLBACK},
                  {foreign_id, PLUCK_ERR_CALLBACK},
                  {write_nan, PLUCK_ERR_NAN},
                  {mask_all, PLUCK_ERR_EMPTY}};
    float logits[N];
    rows_fill(ROWS_NORMAL, 1, logits, N);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; ++i) {
        const pluck_stage stages[] = {with_xtc(0.5f, 0.01f, 0), custom(broken[i].apply, &c),
                                      with_dist()};
        const pluck_config config = with_chain(N, 1, PLUCK_RNG_MT19937, stages, 3);
        pluck_sampler *s = NULL;
        assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
        int32_t token = -7;
        assert_int_equal(pluck_sample(s, logits, &token), broken[i].status);
        assert_int_equal(token, -7);
        pluck_sampler_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(infill_matches),
        cmocka_unit_test(long_pieces),
        cmocka_unit_test(piece_breaks_its_contract),
        cmocka_unit_test(custom_matches),
        cmocka_unit_test(custom_selects),
        cmocka_unit_test(custom_life),
        cmocka_unit_test(shared_context_is_released_once),
        cmocka_unit_test(failed_clone_releases_its_own),
        cmocka_unit_test(broken_contracts),
    };
    return cmocka_run_group_tests_name("callbacks", tests, NULL, NULL);
}
