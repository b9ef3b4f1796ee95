/*
 * test_chains.c: random chains of 1 to 8 stages on rows of all kinds, several calls each with a
 * growing history, against the oracle. After an excused difference the states of the two may differ
 * (another token, another average), so that chain ends there; such chains must stay rare.
 */
#include "random_chain.h"
#include "rows/trials.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct tally {
    int calls, same, excused;
} tally;

static float *row_buffer(int32_t n) {
    float *row = malloc((size_t)n * sizeof *row);
    assert_non_null(row);
    return row;
}

/* One chain: `calls` rows; the token drawn, or one from the pool, is accepted after each. */
static void run_chain(uint64_t seed, int32_t n_vocab, int calls, tally *t) {
    rows_random r = {seed ^ 0x5eedu};
    static random_chain chain;
    random_chain_make(&chain, seed, n_vocab);
    pair p;
    pair_open(&p, &chain.config);
    p.label = "random chain";
    p.seed = seed;
    float *logits = row_buffer(n_vocab);
    uint32_t *mask = malloc(((size_t)n_vocab + 31) / 32 * sizeof *mask);
    assert_non_null(mask);

    const int32_t before = (int32_t)rows_below(&r, 60);
    const int32_t prompt = (int32_t)rows_below(&r, 60);
    for (int32_t i = 0; i < before; ++i) {
        const int32_t token = random_chain_token(&r, n_vocab);
        if (i < prompt)
            pair_accept_prompt(&p, token);
        else
            pair_accept(&p, token);
    }
    for (int call = 0; call < calls; ++call) {
        const rows_kind kind = rows_below(&r, 3) ? (rows_kind)rows_below(&r, ROWS_REAL + 1)
                                                 : (rows_kind)rows_below(&r, ROWS_KINDS);
        rows_fill(kind, rows_next(&r) >> 40, logits, n_vocab);
        pluck_row row = {.logits = logits};
        if (rows_below(&r, 5) == 0) {
            rows_mask((rows_mask_kind)rows_below(&r, ROWS_MASKS), seed, logits, mask, n_vocab);
            row.allowed = mask;
        }
        int32_t token = -1;
        const check_verdict verdict = pair_step(&p, &row, &token);
        ++t->calls;
        t->same += verdict == CHECK_SAME;
        t->excused += verdict == CHECK_EXCUSED;
        if (verdict != CHECK_SAME) break;
        if (token < 0 || rows_below(&r, 3) == 0) token = random_chain_token(&r, n_vocab);
        pair_accept(&p, token);
    }
    free(mask);
    free(logits);
    pair_close(&p);
}

static void run_many(uint64_t first, int chains, int32_t low, int32_t high, int calls,
                     double most_excused) {
    tally t = {0, 0, 0};
    for (int i = 0; i < chains; ++i) {
        rows_random r = {first + (uint64_t)i};
        const int32_t n_vocab = low + (int32_t)rows_below(&r, (uint32_t)(high - low + 1));
        run_chain(first + (uint64_t)i, n_vocab, calls, &t);
    }
    print_message("%d chains, V %d to %d: %d calls, %d the same, %d excused\n", chains, low, high,
                  t.calls, t.same, t.excused);
    assert_true(t.excused <= most_excused * t.calls);
    assert_true(t.same > t.calls / 2);
}

static void tiny(void **state) {
    (void)state;
    run_many(1000, trials_of(1200), 1, 40, 6, 0.03);
}

static void small(void **state) {
    (void)state;
    run_many(20000, trials_of(1200), 41, 4096, 6, 0.03);
}

static void full(void **state) {
    (void)state;
    run_many(300000, trials_of(80), 151936, 151936, 3, 0.12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny),
        cmocka_unit_test(small),
        cmocka_unit_test(full),
    };
    return cmocka_run_group_tests_name("chains", tests, NULL, NULL);
}
