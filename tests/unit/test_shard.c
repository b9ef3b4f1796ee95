/*
 * test_shard.c: a row spread over ranks gives what the whole row gives: the token, its logit and
 * probability, the candidates, the errors; for random chains, any number of ranks, all types, ties
 * across borders, masks, empty slices. Also how many rounds that takes.
 */
#include "random_chain.h"
#include "ranks.h"
#include "rows/trials.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 20000, STEPS = 2, MOST_STAGES = 2 * CHAIN_STAGES };

static float logits[MOST];
static uint32_t stored[MOST], allowed[MOST / 32 + 1];

/* How often each number of rounds was needed, by whether the first of them gathered. */
static int served[4], gathered[4];

/* ---- chains ---- */

static bool is_edit(pluck_stage_kind kind) {
    return kind == PLUCK_STAGE_LOGIT_BIAS || kind == PLUCK_STAGE_PENALTIES ||
           kind == PLUCK_STAGE_DRY || kind == PLUCK_STAGE_MIN_TOKENS ||
           kind == PLUCK_STAGE_BAD_WORDS || kind == PLUCK_STAGE_NO_REPEAT_NGRAM;
}

/* The first stage that is not an edit: one that messages can serve. */
static pluck_stage head_stage(rows_random *r) {
    static const float few[] = {0.02f, 0.05f, 0.3f, 1e-4f}, much[] = {0.1f, 0.5f, 0.9f, 0.95f};
    const int32_t keep = rows_below(r, 4) ? 0 : (int32_t)rows_below(r, 40);
    switch (rows_below(r, 6)) {
    case 0:
        return with_greedy();
    case 1:
        return with_top_k(1 + (int32_t)rows_below(r, 60));
    case 2:
        return with_min_p(few[rows_below(r, 4)], keep);
    case 3:
        return with_top_p(much[rows_below(r, 4)], keep);
    default:
        return with_dist();
    }
}

/* Rearranges a random chain: its edits, temperatures, a stage that messages can serve, the rest. */
static int32_t rearrange(const random_chain *c, rows_random *r, pluck_stage *stages) {
    int32_t n = 0;
    for (int32_t i = 0; i < c->config.n_stages; ++i)
        if (is_edit(c->stages[i].kind)) stages[n++] = c->stages[i];
    for (uint32_t t = rows_below(r, 3); t > 0; --t)
        stages[n++] = with_temp(0.3f + 1.5f * (float)rows_uniform(r), 0.0f, 1.0f);
    stages[n++] = head_stage(r);
    const pluck_stage_kind head = stages[n - 1].kind;
    if (head == PLUCK_STAGE_GREEDY || head == PLUCK_STAGE_DIST) return n;
    for (int32_t i = 0; i < c->config.n_stages; ++i)
        if (!is_edit(c->stages[i].kind)) stages[n++] = c->stages[i];
    return n;
}

/* ---- rows ---- */

static pluck_row random_row(rows_random *r, int32_t n) {
    rows_fill((rows_kind)rows_below(r, ROWS_KINDS), rows_next(r), logits, n);
    /* Ties across the borders of slices. */
    for (int32_t at = PLUCK_SHARD_ALIGN; rows_below(r, 2) && at < n; at += PLUCK_SHARD_ALIGN)
        logits[at] = logits[at - 1];
    const pluck_dtype dtype = (pluck_dtype)rows_below(r, 3);
    rows_store(dtype, logits, stored, n);
    pluck_row row = {.logits = stored, .dtype = dtype, .skip_probability = rows_below(r, 4) == 0};
    const uint32_t mask = rows_below(r, 2 * ROWS_MASKS);
    if (mask == ROWS_MASKS) { /* nothing but the last tokens */
        memset(allowed, 0, sizeof allowed);
        for (int32_t t = n - 1; t >= 0 && t > n - 1500; --t)
            allowed[t / 32] |= UINT32_C(1) << (t % 32);
        row.allowed = allowed;
    } else if (mask > 0 && mask < ROWS_MASKS) {
        rows_mask((rows_mask_kind)mask, rows_next(r), logits, allowed, n);
        row.allowed = allowed;
    }
    return row;
}

/* ---- comparing ---- */

static void assert_same_draw(const pluck_draw *got, const pluck_draw *want, const char *text) {
    const double off = fabs((double)got->probability - (double)want->probability);
    if (got->token != want->token || got->n_candidates != want->n_candidates ||
        got->logit != want->logit || /* zeros may have either sign */
        !(off <= 1e-6 * (double)want->probability))
        fail_msg(
            "shards: token %d, logit %g, probability %.9g of %d; whole: %d, %g, %.9g of %d\n%s",
            (int)got->token, (double)got->logit, (double)got->probability, (int)got->n_candidates,
            (int)want->token, (double)want->logit, (double)want->probability,
            (int)want->n_candidates, text);
}

static void assert_same_candidates(pluck_sampler *got, pluck_sampler *want) {
    pluck_candidates a, b;
    /* Of greedy and dist on the whole row no rank has them. */
    if (pluck_workspace_candidates(pluck_sampler_workspace(got), &a) == PLUCK_ERR_NO_RESULT) return;
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(want), &b), PLUCK_OK);
    assert_int_equal(a.n, b.n);
    assert_int_equal(a.n_masked, b.n_masked);
    assert_int_equal(a.selected, b.selected);
    assert_memory_equal(a.ids, b.ids, (size_t)a.n * sizeof *a.ids);
    for (int32_t i = 0; i < a.n; ++i) {
        assert_true(a.logits[i] == b.logits[i]);
        const double p = (double)b.probabilities[i];
        assert_true(fabs((double)a.probabilities[i] - p) <= 1e-6 * p);
    }
}

static void check_call(ranks *all, pluck_sampler *whole, const pluck_row *row, const char *text,
                       int32_t *token) {
    pluck_draw got = {-1, 0, 0, 0}, want = {-1, 0, 0, 0};
    const pluck_status status = pluck_sample_row(whole, row, &want);
    pluck_shard_route route;
    assert_int_equal(pluck_shard_describe(all->shards[0], all->samplers[0], &route), PLUCK_OK);
    ranks_set_row(all, row);
    ranks_begin(all, row->dtype, row->skip_probability);
    const pluck_status of_ranks = ranks_sample(all, &got);
    if (of_ranks != status)
        fail_msg("shards: %s; whole: %s\n%s", pluck_status_name(of_ranks),
                 pluck_status_name(status), text);
    if (status != PLUCK_OK) return;
    assert_same_draw(&got, &want, text);
    assert_same_candidates(all->samplers[all->n - 1], whole);
    assert_in_range(all->rounds, route.least_rounds, route.most_rounds);
    (route.gathers ? gathered : served)[all->rounds]++;
    *token = want.token;
}

static void check_chain(const pluck_config *config, int32_t n_ranks, uint64_t seed) {
    static const int32_t candidates[] = {256, 256, 64, 8, 1};
    rows_random r = {seed};
    char text[2048];
    check_describe(config, text, sizeof text);
    const size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "\nseed %lu, %d ranks, %d tokens",
             (unsigned long)seed, (int)n_ranks, (int)config->n_vocab);
    ranks all;
    pluck_sampler *whole = NULL;
    ranks_open(&all, config, n_ranks, candidates[rows_below(&r, 5)], &r);
    assert_int_equal(pluck_sampler_create(&whole, config), PLUCK_OK);
    for (int32_t i = 0, n = (int32_t)rows_below(&r, 30); i < n; ++i) {
        const int32_t token = random_chain_token(&r, config->n_vocab);
        ranks_accept(&all, token);
        assert_int_equal(pluck_accept(whole, token), PLUCK_OK);
    }
    for (int step = 0; step < STEPS; ++step) {
        const pluck_row row = random_row(&r, config->n_vocab);
        int32_t token = random_chain_token(&r, config->n_vocab);
        check_call(&all, whole, &row, text, &token);
        ranks_accept(&all, token);
        assert_int_equal(pluck_accept(whole, token), PLUCK_OK);
    }
    pluck_sampler_free(whole);
    ranks_close(&all);
}

static void random_chains(void **state) {
    static const int32_t counts[] = {1, 2, 3, 4, 8};
    (void)state;
    for (int32_t i = 0; i < trials_of(2000); ++i) {
        const uint64_t seed = 7000 + (uint64_t)i;
        rows_random r = {seed};
        const int32_t n_vocab = rows_below(&r, 4) ? 1025 + (int32_t)rows_below(&r, MOST - 1025)
                                                  : 1 + (int32_t)rows_below(&r, 1100);
        random_chain c;
        random_chain_make(&c, seed, n_vocab);
        pluck_stage stages[MOST_STAGES];
        pluck_config config = c.config;
        if (rows_below(&r, 4)) {
            config.n_stages = rearrange(&c, &r, stages);
            config.stages = stages;
        }
        check_chain(&config, counts[i % 5], seed);
    }
    for (int rounds = 1; rounds <= 3; ++rounds)
        print_message("%d rounds: %d served, %d gathered at once\n", rounds, served[rounds],
                      gathered[rounds]);
    assert_true(served[1] > 0 && served[2] > 0 && gathered[1] > 0);
}

/* ---- the draw, at full size ---- */

/* A plain draw takes two rounds and gives the token of the whole row to the last bit of its sums, for any
 * way to cut it. */
static void plain_draws(void **state) {
    (void)state;
    int thirds = 0;
    const int32_t trials = trials_of(2000);
    for (int32_t i = 0; i < trials; ++i) {
        rows_random r = {(uint64_t)i};
        const int32_t n_vocab = MOST - (int32_t)rows_below(&r, 3000);
        const pluck_stage stages[] = {with_temp(0.5f + (float)rows_uniform(&r), 0.0f, 1.0f),
                                      with_dist()};
        const pluck_config config = with_chain(
            n_vocab, (uint32_t)i, i % 2 ? PLUCK_RNG_PHILOX : PLUCK_RNG_MT19937, stages, 2);
        static const rows_kind kinds[] = {ROWS_NORMAL, ROWS_PEAKED, ROWS_EQUAL, ROWS_TIES};
        rows_fill(kinds[i % 4], (uint64_t)i, logits, n_vocab);
        const pluck_row row = {.logits = logits};
        ranks all;
        pluck_sampler *whole = NULL;
        ranks_open(&all, &config, 1 + i % MOST_RANKS, 1, &r);
        assert_int_equal(pluck_sampler_create(&whole, &config), PLUCK_OK);
        pluck_draw got, want;
        assert_int_equal(pluck_sample_row(whole, &row, &want), PLUCK_OK);
        ranks_set_row(&all, &row);
        ranks_begin(&all, PLUCK_DTYPE_F32, false);
        assert_int_equal(ranks_sample(&all, &got), PLUCK_OK);
        assert_same_draw(&got, &want, "a plain draw");
        assert_memory_equal(&got.probability, &want.probability, sizeof got.probability);
        assert_true(all.rounds >= 2);
        thirds += all.rounds > 2;
        pluck_sampler_free(whole);
        ranks_close(&all);
    }
    assert_true(thirds <= 1 + trials / 100);
}

/* ---- what is promised of rounds ---- */

static int rounds_of(const char *spec, int32_t n_candidates, const pluck_row *row,
                     int32_t n_vocab) {
    pluck_spec *parsed = NULL;
    assert_int_equal(pluck_spec_parse(&parsed, spec, n_vocab, NULL), PLUCK_OK);
    ranks all;
    rows_random r = {3};
    ranks_open(&all, pluck_spec_config(parsed), 4, n_candidates, &r);
    pluck_draw draw;
    ranks_set_row(&all, row);
    ranks_begin(&all, row->dtype, false);
    assert_int_equal(ranks_sample(&all, &draw), PLUCK_OK);
    ranks_close(&all);
    pluck_spec_free(parsed);
    return all.rounds;
}

static void rounds(void **state) {
    (void)state;
    const int32_t n = MOST;
    rows_fill(ROWS_PEAKED, 5, logits, n);
    const pluck_row row = {.logits = logits};
    assert_int_equal(rounds_of("seed=1;temp=0.8;top_k=40;top_p=0.95;min_p=0.05", 256, &row, n), 1);
    assert_int_equal(rounds_of("seed=1;temp=0", 256, &row, n), 1);
    assert_int_equal(rounds_of("seed=1;samplers=;temp=1", 1, &row, n), 2);
    assert_int_equal(rounds_of("seed=1;top_k=0;top_p=1;min_p=0.05", 256, &row, n), 1);
    assert_int_equal(rounds_of("seed=1;top_k=0;top_p=0.9;min_p=0", 256, &row, n), 1);
    /* Beyond what messages hold. */
    assert_int_equal(rounds_of("seed=1;top_k=0;top_p=0.999;min_p=0", 4, &row, n), 2);
    assert_int_equal(rounds_of("seed=1;top_k=40", 39, &row, n), 1); /* which gathers */
    assert_int_equal(rounds_of("seed=1;top_k=0;typ_p=0.9", 256, &row, n), 1);
}

static void routes(void **state) {
    (void)state;
    const pluck_shard_config config = {.n_vocab = 5000, .n = 5000};
    pluck_shard *shard = NULL;
    pluck_sampler *s = NULL;
    pluck_shard_route route;
    assert_int_equal(pluck_shard_create(&shard, &config, NULL), PLUCK_OK);
    assert_int_equal(pluck_sampler_from_spec(&s, "typ_p=0.5;top_k=0", 5000, NULL), PLUCK_OK);
    assert_int_equal(pluck_shard_describe(shard, s, &route), PLUCK_OK);
    assert_true(route.gathers);
    assert_string_equal(route.name, "typ_p");
    assert_int_equal(route.least_rounds, 1);
    assert_int_equal(route.most_rounds, 1);
    pluck_sampler_free(s);
    assert_int_equal(pluck_sampler_from_spec(&s, "top_k=20", 5000, NULL), PLUCK_OK);
    assert_int_equal(pluck_shard_describe(shard, s, &route), PLUCK_OK);
    assert_false(route.gathers);
    assert_string_equal(route.name, "top_k");
    assert_int_equal(route.most_rounds, 1);
    assert_int_equal(pluck_shard_describe(shard, NULL, &route), PLUCK_ERR_NULL);
    pluck_sampler_free(s);
    pluck_shard_free(shard);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_chains),
        cmocka_unit_test(plain_draws),
        cmocka_unit_test(rounds),
        cmocka_unit_test(routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
