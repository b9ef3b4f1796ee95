/*
 * test_verify_errors.c: what pluck_verify refuses and in which words, and that a call that fails, also
 * in the middle of a draft, leaves the sampler as it was.
 */
#include "check.h"
#include "pluck_verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { V = 6, DRAFT = 3 };

static const float logits[DRAFT + 1][V] = {
    {1, 2, 3, 2, 1, 0}, {3, 2, 1, 0, 1, 2}, {0, 1, 0, 3, 0, 1}, {2, 2, 2, 2, 2, 2}};
static const float flat[V] = {0.2f, 0.2f, 0.2f, 0.2f, 0.1f, 0.1f};
static const int32_t drafted[DRAFT] = {2, 0, 3};

typedef struct call {
    int32_t tokens[DRAFT], parents[DRAFT], ids[V];
    float p[DRAFT][V], spoilt[V];
    pluck_row rows[DRAFT + 1];
    pluck_proposal proposals[DRAFT];
    pluck_draft draft;
} call;

static void make_call(call *c, pluck_verify_way way) {
    memset(c, 0, sizeof *c);
    memcpy(c->tokens, drafted, sizeof drafted);
    for (int i = 0; i <= DRAFT; ++i) c->rows[i].logits = logits[i];
    for (int i = 0; i < DRAFT; ++i) {
        memcpy(c->p[i], flat, sizeof flat);
        c->proposals[i] = (pluck_proposal){NULL, c->p[i], V};
    }
    for (int32_t i = 0; i < V; ++i) c->ids[i] = i;
    for (int i = 0; i < V; ++i) c->spoilt[i] = NAN;
    c->draft = (pluck_draft){.way = way,
                             .tokens = c->tokens,
                             .n_tokens = DRAFT,
                             .rows = c->rows,
                             .proposals = c->proposals};
}

/* A history, a coin, averages, and draws since the last accepted token. */
static pluck_sampler *make_sampler(pluck_rng_kind rng, int32_t max_rewind) {
    const pluck_stage stages[] = {with_penalties(2, 1.2f, 0.1f, 0.0f), with_xtc(0.5f, 0.1f, 0),
                                  with_mirostat(2, 3.0f, 0.2f, 100)};
    pluck_config c = with_chain(V, 5, rng, stages, 3);
    c.max_rewind = max_rewind;
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
    int32_t token;
    for (int32_t i = 0; i < 3; ++i) {
        assert_int_equal(pluck_sample(s, logits[i], &token), PLUCK_OK);
        assert_int_equal(pluck_accept(s, i), PLUCK_OK);
    }
    assert_int_equal(pluck_sample(s, logits[0], &token), PLUCK_OK);
    return s;
}

static void assert_same_future(pluck_sampler *a, pluck_sampler *b) {
    for (int i = 0; i < 20; ++i) {
        int32_t got, want;
        assert_int_equal(pluck_sample(a, logits[i % 4], &got), PLUCK_OK);
        assert_int_equal(pluck_sample(b, logits[i % 4], &want), PLUCK_OK);
        assert_int_equal(got, want);
        assert_int_equal(pluck_accept(a, got), PLUCK_OK);
        assert_int_equal(pluck_accept(b, got), PLUCK_OK);
    }
}

static void refuse(const call *c, int32_t max_rewind, pluck_status status, const char *words) {
    for (int rng = 0; rng < 2; ++rng) {
        pluck_sampler *s = make_sampler((pluck_rng_kind)rng, max_rewind), *twin = NULL;
        assert_int_equal(pluck_sampler_clone(&twin, s), PLUCK_OK);
        pluck_verified got = {-7, -7, -7};
        pluck_error error = {PLUCK_OK, ""};
        assert_int_equal(pluck_verify(s, &c->draft, &got, &error), status);
        assert_int_equal(error.status, status);
        if (!strstr(error.message, words))
            fail_msg("'%s' says nothing of '%s'", error.message, words);
        assert_int_equal(pluck_verify(s, &c->draft, &got, NULL), status);
        assert_true(got.n_accepted == -7 && got.token == -7 && got.node == -7);
        assert_same_future(s, twin);
        pluck_sampler_free(s);
        pluck_sampler_free(twin);
    }
}

#define REFUSE(change, status, words)                                                              \
    make_call(&c, PLUCK_VERIFY_REJECTION);                                                         \
    change;                                                                                        \
    refuse(&c, DRAFT, status, words)

static void each_field(void **state) {
    (void)state;
    call c;
    REFUSE(c.draft.way = (pluck_verify_way)3, PLUCK_ERR_PARAM, "way: there is no way 3");
    REFUSE(c.draft.n_tokens = -1, PLUCK_ERR_SIZE, "n_tokens is -1; allowed: 0 to 64");
    REFUSE(c.draft.n_tokens = 65, PLUCK_ERR_SIZE, "n_tokens is 65");
    REFUSE(c.draft.tokens = NULL, PLUCK_ERR_NULL, "tokens is NULL");
    REFUSE(c.draft.rows = NULL, PLUCK_ERR_NULL, "rows is NULL");
    REFUSE(c.tokens[1] = V, PLUCK_ERR_TOKEN, "tokens[1] is 6; allowed: 0 to 5");
    REFUSE(c.tokens[2] = -1, PLUCK_ERR_TOKEN, "tokens[2] is -1");
    make_call(&c, PLUCK_VERIFY_SAME);
    refuse(&c, DRAFT - 1, PLUCK_ERR_REWIND, "n_tokens is 3, the sampler's max_rewind is 2");
}

static void each_proposal(void **state) {
    (void)state;
    call c;
    REFUSE(c.proposals[0].probabilities = NULL, PLUCK_ERR_NULL, "proposals[0]: probabilities");
    REFUSE(c.proposals[1].n = V - 1, PLUCK_ERR_SIZE, "proposals[1]: n is 5; allowed: 6");
    REFUSE((c.proposals[1].ids = c.ids, c.proposals[1].n = V + 1), PLUCK_ERR_SIZE,
           "proposals[1]: n is 7; allowed: 1 to 6");
    REFUSE((c.proposals[1].ids = c.ids, c.ids[3] = V), PLUCK_ERR_TOKEN,
           "proposals[1]: ids[3] is 6; allowed: 0 to 5");
    REFUSE((c.proposals[1].ids = c.ids, c.ids[3] = 2), PLUCK_ERR_PARAM,
           "proposals[1]: ids[3] is 2 after 2");
    REFUSE(c.p[2][4] = -0.1f, PLUCK_ERR_PARAM, "proposals[2]: probabilities[4] is -0.1");
    REFUSE(c.p[2][4] = NAN, PLUCK_ERR_PARAM, "proposals[2]: probabilities[4] is");
    REFUSE(c.p[2][4] = 1.5f, PLUCK_ERR_PARAM, "probabilities[4] is 1.5; allowed: 0 to 1");
    REFUSE(c.p[2][4] = 0.15f, PLUCK_ERR_PARAM, "proposals[2]: the probabilities add up to 1.05");
    /* One probability alone does not say what else there was. */
    REFUSE((c.proposals[0].ids = &c.tokens[0], c.proposals[0].n = 1), PLUCK_ERR_PARAM,
           "proposals[0]: the probabilities add up to 0.2; all of the distribution is needed");
    REFUSE((c.p[1][0] = 0.0f, c.p[1][1] = 0.4f), PLUCK_ERR_PARAM,
           "proposals[1]: gives tokens[1], which is 0, no probability");
}

/* A tree: two siblings, and one behind the first. */
static void make_tree(call *c, bool without_replacement) {
    make_call(c, PLUCK_VERIFY_REJECTION);
    c->parents[0] = c->parents[1] = -1;
    c->parents[2] = 0;
    c->draft.parents = c->parents;
    c->draft.without_replacement = without_replacement;
}

#define REFUSE_TREE(change, status, words)                                                         \
    make_tree(&c, true);                                                                           \
    change;                                                                                        \
    refuse(&c, DRAFT, status, words)

static void trees(void **state) {
    (void)state;
    call c;
    REFUSE_TREE(c.parents[0] = 0, PLUCK_ERR_PARAM, "parents[0] is 0; allowed: -1");
    REFUSE_TREE(c.parents[2] = 2, PLUCK_ERR_PARAM, "parents[2] is 2; allowed: -1 to 1");
    REFUSE_TREE(c.parents[1] = -2, PLUCK_ERR_PARAM, "parents[1] is -2; allowed: -1 to 0");
    REFUSE_TREE(c.draft.way = PLUCK_VERIFY_BLOCK, PLUCK_ERR_PARAM,
                "which is a tree, is not judged");
    REFUSE_TREE(c.tokens[1] = 2, PLUCK_ERR_PARAM, "tokens[1] is 2, as tokens[0] is");
    REFUSE_TREE(c.tokens[1] = V, PLUCK_ERR_TOKEN, "tokens[1] is 6");
    REFUSE_TREE((c.p[1][0] = 0.0f, c.p[1][1] = 0.4f), PLUCK_ERR_PARAM,
                "proposals[1]: gives tokens[1], which is 0, no probability");
    /* Also if the siblings' proposal is the same one, which is checked once. */
    REFUSE_TREE((c.p[0][0] = 0.0f, c.p[0][1] = 0.4f, c.proposals[1] = c.proposals[0]),
                PLUCK_ERR_PARAM, "proposals[1]: gives tokens[1], which is 0, no probability");
    /* Its depth is two. */
    make_tree(&c, false);
    refuse(&c, 1, PLUCK_ERR_REWIND, "the tree's depth is 2, the sampler's max_rewind is 1");
    pluck_sampler *s = make_sampler(PLUCK_RNG_PHILOX, 2);
    pluck_verified got;
    assert_int_equal(pluck_verify(s, &c.draft, &got, NULL), PLUCK_OK);
    c.tokens[1] = c.tokens[0]; /* drawn twice */
    assert_int_equal(pluck_verify(s, &c.draft, &got, NULL), PLUCK_OK);
    pluck_sampler_free(s);
    /* Nor is what siblings were drawn from of any use if tokens are compared. */
    make_tree(&c, true);
    c.draft.way = PLUCK_VERIFY_SAME;
    c.tokens[1] = c.tokens[0];
    s = make_sampler(PLUCK_RNG_PHILOX, 2);
    assert_int_equal(pluck_verify(s, &c.draft, &got, NULL), PLUCK_OK);
    pluck_sampler_free(s);
}

/* The row behind the second sibling, which stands, is not sound. */
static void in_a_tree(void **state) {
    (void)state;
    static const uint32_t only[] = {1u << 0, 1u << 3};
    for (int way = 0; way < 2; ++way)
        for (int at = 0; at < 3; ++at) { /* how deep */
            call c;
            make_tree(&c, false);
            c.draft.way = (pluck_verify_way)way;
            c.parents[2] = 1;
            static const int path[] = {0, 2, 3};
            for (int i = 0; i < at; ++i) c.rows[path[i]].allowed = &only[i];
            c.rows[path[at]].logits = c.spoilt;
            char words[48];
            (void)snprintf(words, sizeof words, "rows[%d]: an allowed logit is NaN", path[at]);
            refuse(&c, DRAFT, PLUCK_ERR_NAN, words);
        }
}

/* A row that is not sound is found when it is reached, with tokens accepted before it. */
static void in_the_middle(void **state) {
    (void)state;
    for (int way = 0; way < 3; ++way)
        for (int at = 0; at <= DRAFT; ++at) {
            call c;
            make_call(&c, (pluck_verify_way)way);
            /* Rows that allow the drafted tokens alone, so that the spoilt one is reached. */
            static const uint32_t only[] = {1u << 2, 1u << 0, 1u << 3};
            for (int i = 0; i < at; ++i) c.rows[i].allowed = &only[i];
            c.rows[at].logits = c.spoilt;
            char words[48];
            (void)snprintf(words, sizeof words, "rows[%d]: an allowed logit is NaN", at);
            refuse(&c, DRAFT, PLUCK_ERR_NAN, words);
        }
}

static void pointers(void **state) {
    (void)state;
    call c;
    make_call(&c, PLUCK_VERIFY_SAME);
    pluck_sampler *s = make_sampler(PLUCK_RNG_PHILOX, DRAFT);
    pluck_verified got;
    pluck_error error;
    assert_int_equal(pluck_verify(NULL, &c.draft, &got, &error), PLUCK_ERR_NULL);
    assert_string_equal(error.message, "the sampler is NULL");
    assert_int_equal(pluck_verify(s, NULL, &got, &error), PLUCK_ERR_NULL);
    assert_string_equal(error.message, "the draft is NULL");
    assert_int_equal(pluck_verify(s, &c.draft, NULL, &error), PLUCK_ERR_NULL);
    assert_string_equal(error.message, "verified is NULL");
    c.draft.n_tokens = 0;
    c.draft.tokens = NULL;
    assert_int_equal(pluck_verify(s, &c.draft, &got, &error), PLUCK_OK);
    assert_int_equal(got.n_accepted, 0);
    pluck_sampler_free(s);
}

static bool leave(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    (void)view;
    return true;
}

static void custom_without_rewind(void **state) {
    (void)state;
    const pluck_stage stages[] = {{.kind = PLUCK_STAGE_CUSTOM, .as.custom.apply = leave},
                                  with_dist()};
    pluck_config config = with_chain(V, 5, PLUCK_RNG_PHILOX, stages, 2);
    config.max_rewind = DRAFT;
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    call c;
    make_call(&c, PLUCK_VERIFY_BLOCK);
    pluck_verified got;
    pluck_error error;
    assert_int_equal(pluck_verify(s, &c.draft, &got, &error), PLUCK_ERR_REWIND);
    assert_string_equal(error.message, "a custom stage of the sampler has no rewind");
    pluck_sampler_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field),
        cmocka_unit_test(each_proposal),
        cmocka_unit_test(trees),
        cmocka_unit_test(in_a_tree),
        cmocka_unit_test(in_the_middle),
        cmocka_unit_test(pointers),
        cmocka_unit_test(custom_without_rewind),
    };
    return cmocka_run_group_tests_name("verify_errors", tests, NULL, NULL);
}
