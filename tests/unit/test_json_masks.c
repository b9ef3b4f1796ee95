/*
 * test_json_masks.c: a grammar's recorded masks on recorded rows: in batches the tokens are those of
 * rows that have -inf where the mask forbids; a row spread over ranks gives the same; drafts of allowed
 * tokens are judged under them.
 */
#include "check.h"
#include "pluck_batch.h"
#include "ranks.h"
#include "rows/json_masks.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 64, DRAFT = 8, REAL = 8 };

static json_masks masks;
static float *logits[REAL], *infinite;
static pluck_batch *batch;

static int load(void **state) {
    (void)state;
    if (!json_masks_load(&masks)) return -1;
    const size_t n = (size_t)masks.n_vocab;
    infinite = malloc(n * sizeof *infinite);
    if (!infinite) return -1;
    for (uint64_t i = 0; i < REAL; ++i) {
        logits[i] = malloc(n * sizeof *logits[i]);
        if (!logits[i]) return -1;
        rows_fill(ROWS_REAL, i, logits[i], masks.n_vocab);
    }
    const pluck_batch_config c = {.n_vocab = masks.n_vocab, .max_rows = BATCH, .n_threads = 2};
    return pluck_batch_create(&batch, &c, NULL);
}

static int unload(void **state) {
    (void)state;
    pluck_batch_free(batch);
    for (int i = 0; i < REAL; ++i) free(logits[i]);
    free(infinite);
    json_masks_free(&masks);
    return 0;
}

static bool allows(const uint32_t *mask, int32_t token) {
    return mask[token / 32] >> (token % 32) & 1;
}

static int32_t count(const uint32_t *mask) {
    int32_t n = 0;
    for (int32_t t = 0; t < masks.n_vocab; ++t) n += allows(mask, t);
    return n;
}

/* As data/README.md says. */
static void the_record(void **state) {
    (void)state;
    assert_int_equal(masks.n_vocab, 151936);
    assert_int_equal(masks.n_steps, 127);
    assert_int_equal(masks.n_distinct, 52);
    int32_t least = masks.n_vocab, most = 0;
    for (int32_t i = 0; i < masks.n_steps; ++i) {
        const uint32_t *mask = json_masks_at(&masks, i);
        assert_true(allows(mask, json_masks_token(&masks, i)));
        const int32_t n = count(mask);
        if (n < least) least = n;
        if (n > most) most = n;
    }
    assert_int_equal(least, 1);
    assert_int_equal(most, 147420);
}

static const float *infinite_row(int32_t step) {
    const uint32_t *mask = json_masks_at(&masks, step);
    const float *row = logits[step % REAL];
    for (int32_t t = 0; t < masks.n_vocab; ++t) infinite[t] = allows(mask, t) ? row[t] : -INFINITY;
    return infinite;
}

static pluck_row masked_row(int32_t step) {
    return (pluck_row){.logits = logits[step % REAL], .allowed = json_masks_at(&masks, step)};
}

static void in_batches(void **state) {
    (void)state;
    static const char *const specs[] = {
        "seed=1", "temp=0;seed=1", "temp=1;top_k=0;top_p=0.95;min_p=0;seed=2",
        "temp=0.7;top_k=0;top_p=1;min_p=0.05;repeat_penalty=1.1;seed=3",
        "temp=1;top_k=0;top_p=1;min_p=0;seed=4"};
    for (size_t k = 0; k < sizeof specs / sizeof *specs; ++k) {
        pluck_sampler *samplers[BATCH], *twins[BATCH];
        for (int i = 0; i < BATCH; ++i) {
            assert_int_equal(pluck_sampler_from_spec(&samplers[i], specs[k], masks.n_vocab, NULL),
                             PLUCK_OK);
            assert_int_equal(pluck_sampler_clone(&twins[i], samplers[i]), PLUCK_OK);
        }
        for (int32_t from = 0; from < masks.n_steps; from += BATCH) {
            const int32_t n = masks.n_steps - from < BATCH ? masks.n_steps - from : BATCH;
            pluck_batch_row rows[BATCH];
            int32_t tokens[BATCH];
            for (int32_t i = 0; i < n; ++i)
                rows[i] = (pluck_batch_row){
                    .sampler = samplers[i], .row = masked_row(from + i), .accept = true};
            const pluck_batch_out out = {.tokens = tokens};
            assert_int_equal(pluck_batch_sample(batch, rows, n, &out, NULL), PLUCK_OK);
            for (int32_t i = 0; i < n; ++i) {
                int32_t want;
                assert_true(allows(json_masks_at(&masks, from + i), tokens[i]));
                assert_int_equal(pluck_sample(twins[i], infinite_row(from + i), &want), PLUCK_OK);
                assert_int_equal(pluck_accept(twins[i], want), PLUCK_OK);
                assert_int_equal(tokens[i], want);
            }
        }
        for (int i = 0; i < BATCH; ++i) {
            pluck_sampler_free(samplers[i]);
            pluck_sampler_free(twins[i]);
        }
    }
}

/* Slices of the mask go with slices of the row; some of them forbid all of their tokens. */
static void on_ranks(void **state) {
    (void)state;
    static const char *const specs[] = {"temp=0;seed=1", "temp=0.8;top_k=40;seed=2",
                                        "temp=1;top_k=0;top_p=1;min_p=0;seed=3"};
    rows_random random = {4};
    for (int32_t k = 0; k < 3; ++k) {
        pluck_spec *spec;
        pluck_sampler *whole;
        assert_int_equal(pluck_spec_parse(&spec, specs[k], masks.n_vocab, NULL), PLUCK_OK);
        assert_int_equal(pluck_sampler_create(&whole, pluck_spec_config(spec)), PLUCK_OK);
        ranks r = {0};
        ranks_open(&r, pluck_spec_config(spec), 2 + k, 256, &random);
        for (int32_t step = k; step < masks.n_steps; step += 4) {
            const pluck_row row = masked_row(step);
            pluck_draw got, want;
            ranks_set_row(&r, &row);
            ranks_begin(&r, PLUCK_DTYPE_F32, false);
            assert_int_equal(ranks_sample(&r, &got), PLUCK_OK);
            assert_int_equal(pluck_sample_row(whole, &row, &want), PLUCK_OK);
            assert_int_equal(got.token, want.token);
            assert_true(allows(row.allowed, got.token));
            ranks_accept(&r, got.token);
            assert_int_equal(pluck_accept(whole, want.token), PLUCK_OK);
        }
        ranks_close(&r);
        pluck_sampler_free(whole);
        pluck_spec_free(spec);
    }
}

/* The generations, drafted eight tokens at a time: where the grammar allows one token, it stands. */
static void drafts(void **state) {
    (void)state;
    pluck_spec *spec;
    assert_int_equal(
        pluck_spec_parse(&spec, "temp=1;top_k=0;top_p=1;min_p=0;seed=5", masks.n_vocab, NULL),
        PLUCK_OK);
    pluck_config config = *pluck_spec_config(spec);
    config.max_rewind = DRAFT;
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    int forced = 0;
    for (int32_t from = 0; from + DRAFT < masks.n_steps; from += DRAFT)
        for (int way = PLUCK_VERIFY_SAME; way <= PLUCK_VERIFY_BLOCK; ++way) {
            int32_t tokens[DRAFT], certain = 0;
            pluck_row rows[DRAFT + 1];
            for (int32_t i = 0; i <= DRAFT; ++i) rows[i] = masked_row(from + i);
            for (int32_t i = 0; i < DRAFT; ++i) tokens[i] = json_masks_token(&masks, from + i);
            while (certain < DRAFT && count(rows[certain].allowed) == 1) certain++;
            const pluck_draft draft = {
                .way = (pluck_verify_way)way, .tokens = tokens, .n_tokens = DRAFT, .rows = rows};
            const pluck_batch_row row = {.sampler = s, .draft = &draft};
            pluck_verified got = {0};
            const pluck_batch_out out = {.verified = &got};
            assert_int_equal(pluck_batch_sample(batch, &row, 1, &out, NULL), PLUCK_OK);
            assert_true(got.n_accepted >= certain);
            assert_true(allows(rows[got.n_accepted].allowed, got.token));
            forced += certain;
        }
    assert_true(forced > 0);
    pluck_sampler_free(s);
    pluck_spec_free(spec);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record),
        cmocka_unit_test(in_batches),
        cmocka_unit_test(on_ranks),
        cmocka_unit_test(drafts),
    };
    return cmocka_run_group_tests_name("json_masks", tests, load, unload);
}
