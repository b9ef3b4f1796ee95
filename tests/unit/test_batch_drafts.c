/*
 * test_batch_drafts.c: batches in which some rows are drafts. Each gives what pluck_verify gives a
 * twin, and leaves its sampler in the same state; what else is asked for is of the place that gave the
 * token. The same for every number of threads. A draft that fails does so alone, in words.
 */
#include "check.h"
#include "pluck_batch.h"
#include "random_chain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 200, ROWS = 12, DRAFT = 4, TOP = 5 };

static float logits[ROWS][DRAFT + 1][N];

/* A row of the batch, its twin, and the draft of those that have one. */
typedef struct slot {
    random_chain chain;
    pluck_sampler *twin;
    int32_t tokens[DRAFT], parents[DRAFT];
    int32_t ids[DRAFT][N];
    float probabilities[DRAFT][N];
    pluck_proposal proposals[DRAFT];
    pluck_row rows[DRAFT + 1];
    pluck_draft draft;
} slot;

static slot slots[ROWS];
static pluck_batch_row rows[ROWS];

typedef struct results {
    pluck_status statuses[ROWS];
    pluck_error errors[ROWS];
    int32_t tokens[ROWS];
    pluck_verified verified[ROWS];
    pluck_draw draws[ROWS];
    int64_t offsets[ROWS + 1];
    int32_t kept[ROWS * N];
    float probabilities[ROWS * N];
    float raw[ROWS], token[ROWS];
    int32_t ids[ROWS * TOP];
    float logprobs[ROWS * TOP];
} results;

static results first, others;
static int n_places; /* whose outcome was checked */

static pluck_batch_out ask(results *r) {
    memset(r, 0, sizeof *r);
    return (pluck_batch_out){.statuses = r->statuses,
                             .errors = r->errors,
                             .tokens = r->tokens,
                             .verified = r->verified,
                             .draws = r->draws,
                             .kept = {N, r->offsets, r->kept, r->probabilities},
                             .raw = {.token = r->raw},
                             .processed = {r->token, TOP, r->ids, r->logprobs}};
}

static pluck_batch *batch_of(int32_t n_threads) {
    pluck_batch *b = NULL;
    const pluck_batch_config c = {.n_vocab = N, .max_rows = ROWS, .n_threads = n_threads};
    assert_int_equal(pluck_batch_create(&b, &c, NULL), PLUCK_OK);
    return b;
}

/* Drafts what the chain itself draws, from what it draws it, and spoils some of the tokens. False if
 * the chain fails on these rows. */
static bool make_draft(slot *s, pluck_batch *one, rows_random *r) {
    pluck_sampler *clone = NULL;
    assert_int_equal(pluck_sampler_clone(&clone, s->twin), PLUCK_OK);
    bool good = true;
    for (int i = 0; i < DRAFT && good; ++i) {
        int64_t offsets[2] = {0, 0};
        const pluck_batch_row row = {.sampler = clone, .row = s->rows[i], .accept = true};
        const pluck_batch_out out = {.tokens = &s->tokens[i],
                                     .kept = {N, offsets, s->ids[i], s->probabilities[i]}};
        good = pluck_batch_sample(one, &row, 1, &out, NULL) == PLUCK_OK;
        const int32_t n = (int32_t)offsets[1];
        s->proposals[i] = (pluck_proposal){s->ids[i], s->probabilities[i], n};
        if (good && rows_below(r, 4) == 0) s->tokens[i] = s->ids[i][rows_below(r, (uint32_t)n)];
        /* A candidate may be too unlikely for a float. */
        for (int32_t k = 0; k < n; ++k)
            if (s->ids[i][k] == s->tokens[i]) good = good && s->probabilities[i][k] > 0.0f;
    }
    pluck_sampler_free(clone);
    s->draft = (pluck_draft){.way = (pluck_verify_way)rows_below(r, 3),
                             .tokens = s->tokens,
                             .n_tokens = DRAFT,
                             .rows = s->rows,
                             .proposals = rows_below(r, 5) ? s->proposals : NULL};
    if (s->draft.way != PLUCK_VERIFY_BLOCK && rows_below(r, 3) == 0) { /* a tree */
        for (int32_t i = 0; i < DRAFT; ++i)
            s->parents[i] = i - 1 - (int32_t)rows_below(r, (uint32_t)(i < 2 ? i + 1 : 2));
        s->draft.parents = s->parents;
    }
    return good;
}

/* Two rows in three have a draft. Returns how many. */
static int make(uint64_t seed) {
    rows_random r = {seed};
    pluck_batch *one = batch_of(1);
    int n = 0;
    for (int i = 0; i < ROWS; ++i) {
        slot *s = &slots[i];
        random_chain_make(&s->chain, seed * 100 + (uint64_t)i, N);
        s->chain.config.max_rewind = DRAFT;
        rows[i] = (pluck_batch_row){.row.logits = logits[i][0], .accept = true};
        assert_int_equal(pluck_sampler_create(&rows[i].sampler, &s->chain.config), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&s->twin, rows[i].sampler), PLUCK_OK);
        for (int k = 0; k <= DRAFT; ++k) {
            rows_fill((rows_kind)((i + k) % 3), seed * 9 + (uint64_t)(i + k), logits[i][k], N);
            s->rows[k] = (pluck_row){.logits = logits[i][k]};
        }
        if (i % 3 != 0 && make_draft(s, one, &r)) {
            rows[i] = (pluck_batch_row){.sampler = rows[i].sampler, .draft = &s->draft};
            n++;
        }
    }
    pluck_batch_free(one);
    return n;
}

static void drop(void) {
    for (int i = 0; i < ROWS; ++i) {
        pluck_sampler_free(rows[i].sampler);
        pluck_sampler_free(slots[i].twin);
    }
}

/* ---- what a row gives ---- */

/* Kept set, draw and log-probabilities are of the row that gave the token: `at` is a sampler that has
 * been told what came before. */
static void check_place(int i, pluck_sampler *at, const pluck_row *row, int32_t token) {
    pluck_draw draw;
    pluck_candidates left;
    assert_int_equal(pluck_sample_row(at, row, &draw), PLUCK_OK);
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(at), &left), PLUCK_OK);
    assert_int_equal(first.offsets[i + 1] - first.offsets[i], left.n);
    const int32_t *ids = first.kept + first.offsets[i];
    const float *p = first.probabilities + first.offsets[i];
    bool there = false;
    for (int32_t k = 0; k < left.n; ++k) {
        int32_t n = 0;
        while (n < left.n && ids[n] != left.ids[k]) ++n;
        assert_true(n < left.n && fabsf(p[n] - left.probabilities[k]) <= 1e-6f);
        if (left.ids[k] != token) continue;
        there = true;
        assert_true(fabs((double)first.token[i] - log((double)left.probabilities[k])) < 1e-5);
        assert_true(fabsf(first.draws[i].probability - left.probabilities[k]) <= 1e-6f);
    }
    assert_true(there);
    assert_int_equal(first.draws[i].token, token);
    assert_int_equal(first.draws[i].n_candidates, draw.n_candidates);
    pluck_workspace *ws = NULL;
    float raw;
    assert_int_equal(pluck_workspace_create(&ws, N, NULL), PLUCK_OK);
    const pluck_row alone = {.logits = row->logits, .n = N, .workspace = ws};
    assert_int_equal(pluck_top_logprobs(&alone, 0, NULL, NULL, NULL, token, &raw), PLUCK_OK);
    assert_true(fabsf(raw - first.raw[i]) <= 1e-5f * fmaxf(1.0f, fabsf(raw)));
    pluck_workspace_free(ws);
}

/* Does a stage learn from the token that it selects? A sampler that draws another one then goes on in
 * another way. */
static bool learns(const pluck_config *c) {
    for (int32_t i = 0; i < c->n_stages; ++i) {
        const pluck_stage_kind kind = c->stages[i].kind;
        if (kind == PLUCK_STAGE_MIROSTAT || kind == PLUCK_STAGE_MIROSTAT_V2 ||
            kind == PLUCK_STAGE_ADAPTIVE_P)
            return true;
    }
    return false;
}

/* Returns how many drafted tokens stood; -1: the row failed. */
static int32_t check_draft(int i) {
    slot *s = &slots[i];
    pluck_sampler *before = NULL;
    assert_int_equal(pluck_sampler_clone(&before, s->twin), PLUCK_OK);
    pluck_verified want = {0, -1, -1};
    pluck_error error = {PLUCK_OK, ""};
    const pluck_status status = pluck_verify(s->twin, &s->draft, &want, &error);
    assert_int_equal(first.statuses[i], status);
    assert_int_equal(first.verified[i].n_accepted, want.n_accepted);
    assert_int_equal(first.verified[i].token, want.token);
    assert_int_equal(first.verified[i].node, want.node);
    assert_int_equal(first.tokens[i], want.token);
    check_same_state(rows[i].sampler, s->twin);
    if (status == PLUCK_OK) assert_string_equal(first.errors[i].message, "");
    if (status == PLUCK_OK && !learns(&s->chain.config)) {
        int32_t path[DRAFT + 1] = {want.node}, n = 0; /* backwards */
        while (path[n] >= 0) {
            path[n + 1] = s->draft.parents ? s->parents[path[n]] : path[n] - 1;
            ++n;
        }
        assert_int_equal(n, want.n_accepted);
        for (; n > 0; --n) {
            int32_t token; /* the coins of stages that do not draw */
            assert_int_equal(pluck_sample(before, s->rows[path[n] + 1].logits, &token), PLUCK_OK);
            assert_int_equal(pluck_accept(before, s->tokens[path[n - 1]]), PLUCK_OK);
        }
        check_place(i, before, &s->rows[want.node + 1], want.token);
        n_places++;
    } else if (!strstr(first.errors[i].message, error.message)) {
        fail_msg("'%s' says nothing of '%s'", first.errors[i].message, error.message);
    }
    pluck_sampler_free(before);
    return status == PLUCK_OK ? want.n_accepted : -1;
}

static void check_row(int i) {
    pluck_draw draw = {-1, 0, 0, 0};
    const pluck_status status = pluck_sample_row(slots[i].twin, &slots[i].rows[0], &draw);
    assert_int_equal(first.statuses[i], status);
    assert_int_equal(first.tokens[i], draw.token);
    assert_int_equal(first.verified[i].n_accepted, 0);
    assert_int_equal(first.verified[i].token, draw.token);
    if (status == PLUCK_OK) assert_int_equal(pluck_accept(slots[i].twin, draw.token), PLUCK_OK);
    check_same_state(rows[i].sampler, slots[i].twin);
}

static void as_pluck_verify(void **state) {
    (void)state;
    int drafts = 0, stood[DRAFT + 1] = {0};
    for (uint64_t seed = 0; seed < 25; ++seed) {
        pluck_batch *b = batch_of(1 + (int32_t)seed % 3);
        drafts += make(seed);
        const pluck_batch_out out = ask(&first);
        (void)pluck_batch_sample(b, rows, ROWS, &out, NULL);
        for (int i = 0; i < ROWS; ++i) {
            const int32_t n = rows[i].draft ? check_draft(i) : (check_row(i), -1);
            if (n >= 0) stood[n]++;
        }
        drop();
        pluck_batch_free(b);
    }
    assert_true(drafts > 150 && n_places > 100);
    for (int n = 0; n <= DRAFT; ++n) assert_true(stood[n] > 5);
}

/* Threads change nothing, failures included. */
static void any_number_of_threads(void **state) {
    (void)state;
    static const int32_t n_threads[] = {1, 2, 3, 7};
    for (uint64_t seed = 50; seed < 56; ++seed)
        for (int t = 0; t < 4; ++t) {
            pluck_batch *b = batch_of(n_threads[t]);
            (void)make(seed);
            slots[1].draft.n_tokens = DRAFT + 1;
            slots[4].tokens[2] = N;
            slots[5].draft.way = (pluck_verify_way)9;
            results *r = t == 0 ? &first : &others;
            const pluck_batch_out out = ask(r);
            pluck_error error;
            assert_int_equal(pluck_batch_sample(b, rows, ROWS, &out, &error), PLUCK_ERR_BATCH);
            int i = 0;
            while (r->statuses[i] == PLUCK_OK) ++i;
            assert_string_equal(error.message, r->errors[i].message);
            if (t > 0) {
                const size_t n = (size_t)first.offsets[ROWS];
                /* What lies behind the last entry is scratch. */
                memset(first.kept + n, 0, sizeof first.kept - n * sizeof *first.kept);
                memset(others.kept + n, 0, sizeof others.kept - n * sizeof *others.kept);
                memset(first.probabilities + n, 0, sizeof first.probabilities - n * sizeof(float));
                memset(others.probabilities + n, 0, sizeof first.probabilities - n * sizeof(float));
                assert_memory_equal(&first, &others, sizeof first);
            }
            drop();
            pluck_batch_free(b);
        }
}

/* ---- failures ---- */

enum { BAD = 4 };

/* Row BAD fails, the others are done, and it goes on as if nothing had been. */
static void refuse(uint64_t seed, void (*spoil)(slot *s), pluck_status status, const char *words) {
    for (int32_t n_threads = 1; n_threads <= 2; ++n_threads) {
        (void)make(seed);
        assert_non_null(rows[BAD].draft);
        spoil(&slots[BAD]);
        pluck_batch *b = batch_of(n_threads);
        pluck_batch_out out = ask(&first);
        out.kept.max_kept = status == PLUCK_ERR_SIZE ? 30 : N;
        pluck_error error;
        assert_int_equal(pluck_batch_sample(b, rows, ROWS, &out, &error), PLUCK_ERR_BATCH);
        assert_int_equal(first.statuses[BAD], status);
        if (!strstr(first.errors[BAD].message, words))
            fail_msg("'%s' says nothing of '%s'", first.errors[BAD].message, words);
        out.errors = NULL; /* then the call's own error has the words of the first */
        check_same_state(rows[BAD].sampler, slots[BAD].twin);
        assert_int_equal(first.verified[BAD].n_accepted, 0);
        assert_int_equal(first.verified[BAD].token, -1);
        assert_int_equal(first.tokens[BAD], -1);
        assert_int_equal(first.draws[BAD].token, -1);
        assert_int_equal(first.offsets[BAD], first.offsets[BAD + 1]);
        assert_true(isnan(first.raw[BAD]) && isnan(first.token[BAD]) && first.ids[BAD * TOP] == -1);
        pluck_error alone = {PLUCK_OK, ""};
        assert_int_equal(pluck_batch_sample(b, &rows[BAD], 1, &out, &alone), PLUCK_ERR_BATCH);
        if (!strstr(alone.message, strchr(words, ':') + 2) || !strstr(alone.message, "row 0: "))
            fail_msg("'%s' says nothing of '%s'", alone.message, words);
        pluck_batch_free(b);
        drop();
    }
}

static void many_tokens(slot *s) {
    s->draft.n_tokens = 65;
}

static void no_such_token(slot *s) {
    s->tokens[3] = -1;
}

static void no_tokens(slot *s) {
    s->draft.tokens = NULL;
}

/* The tokens before the third row stand, so it is reached. */
static void bad_third_row(slot *s) {
    static const uint32_t none[N / 32 + 1];
    s->draft.way = PLUCK_VERIFY_SAME;
    for (int i = 0; i < 2; ++i) {
        static uint32_t only[2][N / 32 + 1];
        memset(only[i], 0, sizeof only[i]);
        only[i][s->tokens[i] / 32] = 1u << (s->tokens[i] % 32);
        s->rows[i].allowed = only[i];
    }
    s->rows[2].allowed = none;
}

/* All drafted tokens stand, and then too much is kept. */
static void much_kept(slot *s) {
    static const float flat[N];
    bad_third_row(s);
    s->draft.n_tokens = 2;
    s->rows[2] = (pluck_row){.logits = flat};
}

static uint64_t seed_of_plain_chain(void) {
    for (uint64_t seed = 70;; ++seed) {
        (void)make(seed);
        const pluck_config *c = &slots[BAD].chain.config;
        const bool plain = rows[BAD].draft && c->n_stages <= 3 &&
                           c->stages[c->n_stages - 1].kind == PLUCK_STAGE_DIST;
        bool keeps = plain;
        for (int32_t i = 0; i < c->n_stages - 1; ++i)
            keeps = keeps && (c->stages[i].kind == PLUCK_STAGE_TEMPERATURE ||
                              c->stages[i].kind == PLUCK_STAGE_PENALTIES);
        drop();
        if (keeps) return seed;
    }
}

static void failures(void **state) {
    (void)state;
    const uint64_t seed = seed_of_plain_chain();
    refuse(seed, many_tokens, PLUCK_ERR_SIZE, "row 4: draft: n_tokens is 65; allowed: 0 to 64");
    refuse(seed, no_such_token, PLUCK_ERR_TOKEN, "row 4: draft: tokens[3] is -1");
    refuse(seed, no_tokens, PLUCK_ERR_NULL, "row 4: draft: tokens is NULL");
    refuse(seed, bad_third_row, PLUCK_ERR_EMPTY, "row 4: draft: rows[2]: ");
    refuse(seed, much_kept, PLUCK_ERR_SIZE, "row 4: kept: 200 tokens are kept, max_kept is 30");
}

static void verified_is_needed(void **state) {
    (void)state;
    (void)make(seed_of_plain_chain());
    pluck_batch *b = batch_of(2);
    pluck_batch_out out = ask(&first);
    out.verified = NULL;
    pluck_error error;
    assert_int_equal(pluck_batch_sample(b, &rows[BAD - 1], 2, &out, &error), PLUCK_ERR_NULL);
    assert_string_equal(error.message, "verified is NULL, row 1 has a draft");
    check_same_state(rows[BAD].sampler, slots[BAD].twin);
    /* A sampler that another row has: the draft was not looked at. */
    pluck_batch_row twice[2] = {rows[BAD], rows[BAD]};
    out = ask(&first);
    assert_int_equal(pluck_batch_sample(b, twice, 2, &out, &error), PLUCK_ERR_BATCH);
    assert_string_equal(error.message, "row 1: sampler: is that of row 0");
    pluck_batch_free(b);
    drop();
}

static bool give_up(void *ctx, int32_t n, void (*work)(void *arg, int32_t i), void *arg) {
    (void)ctx;
    (void)n;
    (void)work;
    (void)arg;
    return false;
}

/* Drafts that nobody came to verify are as they were. */
static void cancelled(void **state) {
    (void)state;
    (void)make(seed_of_plain_chain());
    pluck_batch *b = NULL;
    const pluck_batch_config c = {
        .n_vocab = N, .max_rows = ROWS, .n_threads = 2, .executor = {give_up, NULL}};
    assert_int_equal(pluck_batch_create(&b, &c, NULL), PLUCK_OK);
    const pluck_batch_out out = ask(&first);
    pluck_error error;
    assert_int_equal(pluck_batch_sample(b, rows, ROWS, &out, &error), PLUCK_ERR_BATCH);
    for (int i = 0; i < ROWS; ++i) {
        assert_int_equal(first.statuses[i], PLUCK_ERR_CANCELLED);
        assert_int_equal(first.errors[i].status, PLUCK_ERR_CANCELLED);
        assert_int_equal(first.verified[i].token, -1);
        check_same_state(rows[i].sampler, slots[i].twin);
    }
    pluck_batch_free(b);
    drop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_pluck_verify), cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(failures),        cmocka_unit_test(verified_is_needed),
        cmocka_unit_test(cancelled),
    };
    return cmocka_run_group_tests_name("batch_drafts", tests, NULL, NULL);
}
