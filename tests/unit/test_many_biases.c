/*
 * test_many_biases.c: biases so many that they are kept as a row and added to the logits as they are
 * read: random chains with them against the oracle; and the same biases a few at a time, which are
 * single edits, must leave the same candidates.
 */
#include "random_chain.h"
#include "rows/trials.h"

#include <math.h>
#include <string.h>

enum { MOST_VOCAB = CHAIN_VOCAB, FEWEST = 512, AT_ONCE = 400, MOST_PARTS = 25 };

static pluck_logit_bias biases[MOST_VOCAB];
static float logits[MOST_VOCAB];
static int32_t ids[MOST_VOCAB];

/* Biases of some tokens, in order of their ids, each once; returns how many. */
static int32_t make_biases(rows_random *r, int32_t n_vocab) {
    const int32_t n = FEWEST + (int32_t)rows_below(r, (uint32_t)(n_vocab - FEWEST + 1));
    rows_ids(rows_next(r), n_vocab, ids, n, true);
    for (int32_t i = 0; i < n; i++) {
        biases[i].token = ids[i];
        biases[i].bias = (float)rows_gauss(r) * 3.0f;
        if (rows_below(r, 20) == 0) biases[i].bias = rows_below(r, 2) ? -INFINITY : 0.0f;
        if (rows_below(r, 400) == 0) biases[i].bias = -1e30f;
    }
    return n;
}

static int32_t random_vocab(rows_random *r) {
    return FEWEST + (int32_t)rows_below(r, MOST_VOCAB - FEWEST + 1);
}

static void behind_biases(uint64_t seed, int *calls, int *same) {
    rows_random r = {seed};
    const int32_t n_vocab = random_vocab(&r);
    static random_chain chain;
    random_chain_make(&chain, seed, n_vocab);
    /* Usually first, where the row is still as it was handed in. */
    const uint32_t n = (uint32_t)chain.config.n_stages;
    const int32_t at = rows_below(&r, 4) ? 0 : (int32_t)rows_below(&r, n);
    const pluck_stage many = with_bias(biases, make_biases(&r, n_vocab));
    pair p;
    random_chain_open(&p, &chain, &many, at);
    p.label = "many biases";
    p.seed = seed;
    random_chain_calls(&p, &r, n_vocab, random_chain_row, calls, same);
    pair_close(&p);
}

static void random_chains(void **state) {
    (void)state;
    int calls = 0, same = 0;
    for (int32_t i = trials_of(1000); i > 0; i--) behind_biases((uint64_t)i, &calls, &same);
    print_message("%d calls, %d the same\n", calls, same);
    assert_true(same >= 0.95 * calls);
}

/* Creates a sampler whose chain is `tail` behind the biases, in stages of AT_ONCE at most. */
static pluck_sampler *behind_parts(int32_t n_vocab, int32_t n, int32_t at_once,
                                   const pluck_stage *tail, int32_t n_tail) {
    pluck_stage stages[MOST_PARTS + CHAIN_STAGES];
    int32_t n_stages = 0;
    for (int32_t i = 0; i < n; i += at_once)
        stages[n_stages++] = with_bias(biases + i, n - i < at_once ? n - i : at_once);
    memcpy(stages + n_stages, tail, (size_t)n_tail * sizeof *stages);
    const pluck_config config = with_chain(n_vocab, 7, PLUCK_RNG_PHILOX, stages, n_stages + n_tail);
    pluck_sampler *s;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    return s;
}

static void assert_same_result(pluck_sampler *a, pluck_sampler *b, const pluck_row *row) {
    pluck_draw one, other;
    const pluck_status status = pluck_sample_row(a, row, &one);
    assert_int_equal(pluck_sample_row(b, row, &other), status);
    if (status != PLUCK_OK) return;
    assert_int_equal(one.token, other.token);
    pluck_candidates c, d;
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(a), &c), PLUCK_OK);
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(b), &d), PLUCK_OK);
    assert_int_equal(c.n, d.n);
    assert_int_equal(c.n_masked, d.n_masked);
    assert_memory_equal(c.ids, d.ids, (size_t)c.n * sizeof *c.ids);
    for (int32_t i = 0; i < c.n; i++) assert_true(c.logits[i] == d.logits[i]);
}

static void as_single_edits(void **state) {
    (void)state;
    const pluck_stage plain[] = {with_dist()}, greedy[] = {with_greedy()},
                      top[] = {with_top_k(40), with_top_p(0.95f, 1), with_min_p(0.05f, 1),
                               with_temp(0.8f, 0.0f, 1.0f), with_dist()},
                      nucleus[] = {with_top_p(0.9f, 1), with_dist()},
                      likely[] = {with_min_p(0.01f, 1), with_dist()},
                      near[] = {with_typical(0.95f, 1), with_dist()},
                      coins[] = {with_xtc(1.0f, 0.1f, 1), with_dist()};
    const struct {
        const pluck_stage *stages;
        int32_t n;
    } tails[] = {{plain, 1},  {greedy, 1}, {top, 5},  {nucleus, 2},
                 {likely, 2}, {near, 2},   {coins, 2}};
    rows_random r = {99};
    for (int round = trials_of(20); round > 0; round--) {
        const int32_t n_vocab = random_vocab(&r), n = make_biases(&r, n_vocab);
        for (size_t t = 0; t < sizeof tails / sizeof *tails; t++) {
            pluck_sampler *row_of_them = behind_parts(n_vocab, n, n, tails[t].stages, tails[t].n);
            pluck_sampler *few = behind_parts(n_vocab, n, AT_ONCE, tails[t].stages, tails[t].n);
            for (int call = 0; call < 6; call++) {
                const pluck_row row = random_chain_row(&r, n_vocab);
                assert_same_result(row_of_them, few, &row);
            }
            pluck_sampler_free(row_of_them);
            pluck_sampler_free(few);
        }
    }
}

/* A NaN is reported, and an infinite logit masked, as with few biases. */
static void hostile_rows(void **state) {
    (void)state;
    const pluck_stage plain[] = {with_dist()};
    for (int32_t i = 0; i < 600; i++) biases[i] = (pluck_logit_bias){2 * i, -INFINITY};
    pluck_sampler *s = behind_parts(2000, 600, 600, plain, 1);
    pluck_draw draw;
    const pluck_row row = {.logits = logits};
    rows_fill(ROWS_NORMAL, 1, logits, 2000);
    logits[10] = INFINITY; /* masked */
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_OK);
    assert_true(draw.token % 2 == 1 || draw.token >= 1200);
    logits[11] = INFINITY;
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_OK);
    assert_int_equal(draw.token, 11);
    logits[10] = NAN;
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_ERR_NAN);
    for (int32_t i = 0; i < 2000; i++) logits[i] = i < 1200 && i % 2 == 0 ? 1.0f : -INFINITY;
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_ERR_EMPTY);
    pluck_sampler_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_chains),
        cmocka_unit_test(as_single_edits),
        cmocka_unit_test(hostile_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
