/*
 * test_many_penalties.c: histories of so many distinct tokens that penalties walk the vocabulary:
 * random chains behind them against the oracle; and a window that a tenth of the vocabulary does not
 * fit in, whose tokens are edited one by one, must leave the same candidates.
 */
#include "random_chain.h"
#include "rows/trials.h"

#include <math.h>
#include <string.h>

enum { LEAST_VOCAB = 100 };

static int32_t exempt[64];

/* Penalties with a window of the whole vocabulary, some of them with exempt tokens. */
static pluck_stage random_penalties(rows_random *r, int32_t n_vocab) {
    static const float repeats[] = {1.0f, 1.1f, 0.7f, 1.5f}, others[] = {0.0f, 0.1f, -0.4f, 2.0f};
    pluck_stage s = with_penalties(n_vocab, repeats[rows_below(r, 4)], others[rows_below(r, 4)],
                                   others[rows_below(r, 4)]);
    if (rows_below(r, 2)) {
        const int32_t n = 1 + (int32_t)rows_below(r, 64);
        for (int32_t i = 0; i < n; i++) exempt[i] = (int32_t)rows_below(r, (uint32_t)n_vocab);
        s.as.penalties.exempt = exempt;
        s.as.penalties.n_exempt = n;
    }
    return s;
}

static int32_t random_vocab(rows_random *r) {
    const int32_t n = LEAST_VOCAB + (int32_t)rows_below(r, CHAIN_VOCAB - LEAST_VOCAB + 1);
    return rows_below(r, 4) ? n : n / 64 * 64; /* whole groups now and then */
}

static void behind_penalties(uint64_t seed, int *calls, int *same) {
    rows_random r = {seed};
    const int32_t n_vocab = random_vocab(&r);
    static random_chain chain;
    random_chain_make(&chain, seed, n_vocab);
    /* Usually first, where the row is still as it was handed in. */
    const uint32_t n = (uint32_t)chain.config.n_stages;
    const int32_t at = rows_below(&r, 3) ? 0 : (int32_t)rows_below(&r, n);
    const pluck_stage penalties = random_penalties(&r, n_vocab);
    pair p;
    random_chain_open(&p, &chain, &penalties, at);
    p.label = "many penalties";
    p.seed = seed;
    const int32_t n_accepted = n_vocab / 8 + (int32_t)rows_below(&r, (uint32_t)n_vocab);
    for (int32_t i = 0; i < n_accepted; i++)
        pair_accept(&p, (int32_t)rows_below(&r, (uint32_t)n_vocab));
    random_chain_calls(&p, &r, n_vocab, random_chain_row, calls, same);
    pair_close(&p);
}

static void random_chains(void **state) {
    (void)state;
    int calls = 0, same = 0;
    for (int32_t i = trials_of(400); i > 0; i--) behind_penalties((uint64_t)i, &calls, &same);
    print_message("%d calls, %d the same\n", calls, same);
    assert_true(same >= 0.95 * calls);
}

/* A sampler whose first stage is `penalties`, after it has accepted tokens. */
static pluck_sampler *after(const pluck_stage *penalties, int32_t n_vocab, const int32_t *tokens,
                            int32_t n) {
    const pluck_stage stages[] = {*penalties, with_top_p(0.9f, 1), with_dist()};
    const pluck_config config = with_chain(n_vocab, 7, PLUCK_RNG_PHILOX, stages, 3);
    pluck_sampler *s;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    for (int32_t i = 0; i < n; i++) assert_int_equal(pluck_accept(s, tokens[i]), PLUCK_OK);
    return s;
}

/* The distinct tokens of a window that is just below the limit, and of one that is far above it and has
 * no other tokens, are penalised in two ways, to the same bits. A third of both windows repeats. */
static void as_single_edits(void **state) {
    (void)state;
    static int32_t tokens[2 * CHAIN_VOCAB];
    rows_random r = {5};
    for (int round = trials_of(60); round > 0; round--) {
        const int32_t n_vocab = random_vocab(&r);
        const int32_t n = n_vocab / 10 - 1, n_more = n_vocab / 10 + 2;
        pluck_stage one = random_penalties(&r, n_vocab), many = one;
        one.as.penalties.last_n = n;
        many.as.penalties.last_n = n_more;
        rows_ids(rows_next(&r), n_vocab, tokens, n_more, false);
        pluck_sampler *few = after(&one, n_vocab, tokens + n_more - n, n);
        pluck_sampler *dense = after(&many, n_vocab, tokens, n_more);
        /* The three that only the longer window has are taken out by a mask. */
        static uint32_t mask[CHAIN_VOCAB / 32 + 1];
        memset(mask, 0xff, sizeof mask);
        for (int32_t i = 0; i < n_more - n; i++)
            mask[tokens[i] / 32] &= ~((uint32_t)1 << (tokens[i] % 32));
        for (int call = 0; call < 4; call++) {
            pluck_row row = random_chain_row(&r, n_vocab);
            row.allowed = mask;
            pluck_draw a, b;
            const pluck_status status = pluck_sample_row(few, &row, &a);
            assert_int_equal(pluck_sample_row(dense, &row, &b), status);
            if (status != PLUCK_OK) continue;
            assert_int_equal(a.token, b.token);
            assert_memory_equal(&a.logit, &b.logit, sizeof a.logit);
        }
        pluck_sampler_free(few);
        pluck_sampler_free(dense);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_chains),
                                       cmocka_unit_test(as_single_edits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
