/*
 * test_verify_tree.c: drafts that are trees. The same token: token by token what sampling alone gives,
 * on random chains and trees. Rejection: the exact joint distribution of three tokens, by chi-squared,
 * for siblings drawn with and without replacement, from one distribution or several, or not drawn. A
 * tree that is a line gives what the line gives. What was not reached leaves no trace.
 */
#include "draft_model.h"
#include "random_chain.h"
#include "sampler.h"

#include <math.h>
#include <string.h>

enum { N = 300, LENGTH = 40, DEPTH = 5, NODES = 14, ROWS = 7 };

static float logits[ROWS][N];

/* ---- the same token ---- */

/* The row behind a token: which of them comes depends on it. */
static pluck_row row_behind(int32_t token) {
    return (pluck_row){.logits = logits[(token + 1) % ROWS]};
}

typedef struct tree {
    int32_t tokens[NODES], parents[NODES], depths[NODES];
    pluck_row rows[NODES + 1];
    int32_t n;
} tree;

/* A random tree behind a token, in which about half of the tokens that could be right are. `want`: the
 * tokens that come. */
static void grow(tree *t, rows_random *r, int32_t last, const int32_t *want) {
    bool right[NODES];
    t->n = (int32_t)rows_below(r, NODES + 1);
    t->rows[0] = row_behind(last);
    for (int32_t i = 0; i < t->n; ++i) {
        do t->parents[i] = (int32_t)rows_below(r, (uint32_t)i + 1) - 1;
        while (t->parents[i] >= 0 && t->depths[t->parents[i]] == DEPTH);
        const int32_t parent = t->parents[i], before = parent < 0 ? 0 : t->depths[parent];
        t->depths[i] = before + 1;
        right[i] = (parent < 0 || right[parent]) && rows_below(r, 2) == 0;
        t->tokens[i] = right[i] ? want[before] : random_chain_token(r, N);
        right[i] = (parent < 0 || right[parent]) && t->tokens[i] == want[before];
        t->rows[i + 1] = row_behind(t->tokens[i]);
    }
}

/* How many of the tokens that come are in the tree, and the last of them: of equal siblings the first. */
static int32_t walk(const tree *t, const int32_t *want, int32_t *node) {
    int32_t depth = 0;
    *node = -1;
    for (int32_t i = 0; i < t->n; ++i)
        if (t->parents[i] == *node && t->tokens[i] == want[depth]) {
            depth++;
            *node = i;
        }
    return depth;
}

/* What a sampler gives without a draft; false if it fails. */
static bool alone(pluck_sampler *s, int32_t *tokens, int32_t n, int32_t last) {
    for (int32_t i = 0; i < n; ++i) {
        const pluck_row row = row_behind(last);
        pluck_draw draw;
        if (pluck_sample_row(s, &row, &draw) != PLUCK_OK) return false;
        last = tokens[i] = draw.token;
        assert_int_equal(pluck_accept(s, last), PLUCK_OK);
    }
    return true;
}

/* Returns how many drafted tokens stood. */
static long check_same(uint64_t seed) {
    random_chain c;
    random_chain_make(&c, seed, N);
    c.config.max_rewind = DEPTH;
    pluck_sampler *s = NULL, *twin = NULL, *ahead = NULL;
    assert_int_equal(pluck_sampler_create(&s, &c.config), PLUCK_OK);
    assert_int_equal(pluck_sampler_clone(&twin, s), PLUCK_OK);
    assert_int_equal(pluck_sampler_clone(&ahead, s), PLUCK_OK);
    int32_t want[LENGTH] = {0};
    rows_random r = {seed};
    long stood = 0;
    const bool good = alone(ahead, want, LENGTH, -1);
    for (int at = 0; good && at + DEPTH + 1 < LENGTH;) {
        tree t;
        const int32_t last = at ? want[at - 1] : -1;
        grow(&t, &r, last, &want[at]);
        const pluck_draft draft = {
            .tokens = t.tokens, .n_tokens = t.n, .rows = t.rows, .parents = t.parents};
        pluck_verified got;
        int32_t node, same[DEPTH + 1];
        const int32_t right = walk(&t, &want[at], &node);
        assert_int_equal(pluck_verify(s, &draft, &got, NULL), PLUCK_OK);
        assert_int_equal(got.n_accepted, right);
        assert_int_equal(got.node, node);
        assert_int_equal(got.token, want[at + right]);
        assert_true(alone(twin, same, right + 1, last));
        check_same_state(s, twin);
        at += right + 1;
        stood += right;
    }
    pluck_sampler_free(s);
    pluck_sampler_free(twin);
    pluck_sampler_free(ahead);
    return stood;
}

static void the_same_token(void **state) {
    (void)state;
    long stood = 0;
    for (uint64_t seed = 0; seed < 60; ++seed) stood += check_same(seed);
    assert_true(stood > 500);
}

/* ---- joint distributions ---- */

enum { V = DRAFT_V, FIRST = 3, SECOND = 2, ALL = FIRST + FIRST * SECOND, TRIALS = 200000 };

/* How siblings come about. */
typedef struct siblings {
    const char *name;
    bool without_replacement;
    bool of_two_models; /* every other one is drawn from a flat distribution */
    bool chosen;        /* the most likely of the draft's, not drawn */
} siblings;

static const siblings kinds[] = {
    {"with replacement", false, false, false},
    {"without replacement", true, false, false},
    {"of two models, with replacement", false, true, false},
    {"of two models, without replacement", true, true, false},
    {"chosen", false, false, true},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const float flat[V] = {0.2f, 0.2f, 0.2f, 0.2f, 0.2f};

/* A tree of three tokens and two behind each, as a draft model makes it. */
typedef struct drafted {
    int32_t tokens[ALL], parents[ALL];
    pluck_proposal proposals[ALL];
    pluck_row rows[ALL + 1];
    pluck_draft draft;
} drafted;

/* The next of the siblings from `first` on. */
static int32_t next_sibling(const siblings *kind, const float *q, const int32_t *first, int k,
                            rows_random *r) {
    float left[V];
    memcpy(left, q, sizeof left);
    for (int i = 0; i < k; ++i)
        if (kind->without_replacement || kind->chosen) left[first[i]] = 0.0f;
    if (!kind->chosen) return draft_draw(left, r);
    int32_t best = 0;
    for (int32_t t = 1; t < V; ++t)
        if (left[t] > left[best]) best = t;
    return best;
}

static void draw_siblings(drafted *d, const draft_model *m, const siblings *kind, int parent,
                          int first, int n, rows_random *r) {
    const float *own = m->q[parent < 0 ? V : d->tokens[parent]];
    for (int i = first; i < first + n; ++i) {
        const float *q = kind->of_two_models && (i - first) % 2 ? flat : own;
        d->proposals[i] = (pluck_proposal){NULL, q, V};
        d->parents[i] = parent;
        d->tokens[i] = next_sibling(kind, q, &d->tokens[first], i - first, r);
        d->rows[i + 1] = (pluck_row){.logits = m->logits[d->tokens[i]]};
    }
}

static void draw_tree(drafted *d, const draft_model *m, const siblings *kind, rows_random *r) {
    d->rows[0] = (pluck_row){.logits = m->logits[V]};
    draw_siblings(d, m, kind, -1, 0, FIRST, r);
    for (int i = 0; i < FIRST; ++i) draw_siblings(d, m, kind, i, FIRST + i * SECOND, SECOND, r);
    d->draft = (pluck_draft){.way = PLUCK_VERIFY_REJECTION,
                             .tokens = d->tokens,
                             .n_tokens = ALL,
                             .rows = d->rows,
                             .proposals = kind->chosen ? NULL : d->proposals,
                             .parents = d->parents,
                             .without_replacement = kind->without_replacement};
}

/* Three tokens: a tree verified, and what is missing sampled. Returns how many stood. */
static int32_t three(pluck_sampler *s, const draft_model *m, const drafted *d, int32_t t[3]) {
    pluck_verified got;
    pluck_error error;
    if (pluck_verify(s, &d->draft, &got, &error) != PLUCK_OK) fail_msg("%s", error.message);
    int32_t n = got.n_accepted;
    for (int32_t i = got.node; i >= 0; i = d->parents[i]) t[--n] = d->tokens[i];
    assert_int_equal(n, 0);
    t[got.n_accepted] = got.token;
    draft_go_on(s, m, got.n_accepted + 1, t);
    return got.n_accepted;
}

static int32_t three_of_tree(pluck_sampler *s, const draft_model *m, const void *how,
                             rows_random *r, int32_t t[3]) {
    drafted d;
    draw_tree(&d, m, how, r);
    return three(s, m, &d, t);
}

/* Mean number of drafted tokens that stood. */
static double check_joint(const draft_scene *c, const siblings *kind, long n) {
    const draft_seeds seeds = {.model = 60, .drafts = 9, .sampler = 79};
    return draft_check_joint(c, three_of_tree, kind, seeds, n);
}

static void joint_of_each(void **state) {
    (void)state;
    draft_scene scenes[DRAFT_SCENES];
    draft_scenes_make(scenes);
    for (int i = 0; i < DRAFT_SCENES; ++i) {
        const long n = trials_of(TRIALS);
        const double with = check_joint(&scenes[i], &kinds[0], n);
        const double without = check_joint(&scenes[i], &kinds[1], n);
        /* Equal siblings are of no use. */
        if (without < with - 0.01)
            fail_msg("%s: %g tokens stand without replacement, %g with it", scenes[i].name, without,
                     with);
        for (int k = 2; k < KINDS; ++k) (void)check_joint(&scenes[i], &kinds[k], n / 5);
    }
}

/* ---- lines, traces, averages ---- */

/* A line with parents is the line without them. */
static void lines(void **state) {
    (void)state;
    static const int32_t parents[2] = {-1, 0};
    draft_scene scenes[DRAFT_SCENES];
    draft_scenes_make(scenes);
    rows_random r = {5};
    for (int i = 0; i < 500; ++i) {
        const draft_scene *c = &scenes[i % DRAFT_SCENES];
        draft_model m;
        draft_model_make(&m, c->drafts, 3);
        const pluck_config config = draft_config(c->stages, c->n_stages, (uint32_t)i);
        int32_t tokens[2] = {draft_draw(m.q[V], &r), 0};
        tokens[1] = draft_draw(m.q[tokens[0]], &r);
        const pluck_row rows[3] = {{.logits = m.logits[V]},
                                   {.logits = m.logits[tokens[0]]},
                                   {.logits = m.logits[tokens[1]]}};
        const pluck_proposal proposals[2] = {{NULL, m.q[V], V}, {NULL, m.q[tokens[0]], V}};
        pluck_sampler *s[2];
        pluck_verified got[2];
        for (int k = 0; k < 2; ++k) {
            const pluck_draft draft = {.way = PLUCK_VERIFY_REJECTION,
                                       .tokens = tokens,
                                       .n_tokens = 2,
                                       .rows = rows,
                                       .proposals = i % 3 ? proposals : NULL,
                                       .parents = k ? parents : NULL,
                                       .without_replacement = k && i % 2};
            assert_int_equal(pluck_sampler_create(&s[k], &config), PLUCK_OK);
            assert_int_equal(pluck_verify(s[k], &draft, &got[k], NULL), PLUCK_OK);
        }
        assert_memory_equal(&got[0], &got[1], sizeof got[0]);
        assert_int_equal(got[0].node, got[0].n_accepted - 1);
        check_same_state(s[0], s[1]);
        pluck_sampler_free(s[0]);
        pluck_sampler_free(s[1]);
    }
}

/* Rows that were not reached are not read: with NaN in them the outcome is the same. */
static void not_reached(void **state) {
    (void)state;
    static const float spoilt[V] = {NAN, NAN, NAN, NAN, NAN};
    draft_scene scenes[DRAFT_SCENES];
    draft_scenes_make(scenes);
    rows_random r = {6};
    for (int i = 0; i < 400; ++i) {
        const draft_scene *c = &scenes[i % DRAFT_SCENES];
        draft_model m;
        draft_model_make(&m, c->drafts, 4);
        const pluck_config config = draft_config(c->stages, c->n_stages, (uint32_t)i);
        pluck_sampler *s = NULL, *twin = NULL;
        assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&twin, s), PLUCK_OK);
        drafted d;
        draw_tree(&d, &m, &kinds[i % KINDS], &r);
        pluck_verified got, again;
        assert_int_equal(pluck_verify(s, &d.draft, &got, NULL), PLUCK_OK);
        bool reached[ALL + 1] = {true};
        for (int32_t k = got.node; k >= 0; k = d.parents[k]) reached[k + 1] = true;
        for (int k = 0; k <= ALL; ++k)
            if (!reached[k]) d.rows[k].logits = spoilt;
        assert_int_equal(pluck_verify(twin, &d.draft, &again, NULL), PLUCK_OK);
        assert_memory_equal(&got, &again, sizeof got);
        check_same_state(s, twin);
        pluck_sampler_free(s);
        pluck_sampler_free(twin);
    }
}

/* The chain's own probability of a token behind another; mu: of the mirostat that it is. */
static double mirostat_probability(pluck_sampler *s, double mu, const float *row, int32_t token) {
    s->memory[0].mu = mu;
    const pluck_row r = {.logits = row};
    pluck_draw draw;
    pluck_candidates left;
    assert_int_equal(pluck_sample_row(s, &r, &draw), PLUCK_OK);
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(s), &left), PLUCK_OK);
    for (int32_t k = 0; k < left.n; ++k)
        if (left.ids[k] == token) return (double)left.probabilities[k];
    return 0.0;
}

/* Mirostat's mu follows the target's probability of each token that stands. */
static void mirostat_learns(void **state) {
    (void)state;
    const pluck_stage stage = with_mirostat(2, 2.0f, 0.3f, 100);
    draft_model m;
    draft_model_make(&m, 0, 5);
    long stood = 0;
    rows_random r = {7};
    for (uint32_t seed = 0; seed < 200; ++seed) {
        const pluck_config c = draft_config(&stage, 1, seed);
        pluck_sampler *s = NULL, *twin = NULL;
        assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&twin, s), PLUCK_OK);
        int32_t t[3] = {0};
        drafted d;
        draw_tree(&d, &m, &kinds[seed % KINDS], &r);
        stood += three(s, &m, &d, t);
        double mu = 4.0;
        for (int i = 0; i < 3; ++i) {
            const double p = mirostat_probability(twin, mu, m.logits[i ? t[i - 1] : V], t[i]);
            assert_true(p > 0);
            mu -= (double)0.3f * (-log2(p) - 2.0);
        }
        assert_true(fabs(s->memory[0].mu - mu) < 1e-5);
        pluck_sampler_free(s);
        pluck_sampler_free(twin);
    }
    assert_true(stood > 150);
}

int main(void) {
    for (int i = 0; i < ROWS; ++i) rows_fill((rows_kind)(i % 3), (uint64_t)i, logits[i], N);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_token),  cmocka_unit_test(joint_of_each),
        cmocka_unit_test(lines),           cmocka_unit_test(not_reached),
        cmocka_unit_test(mirostat_learns),
    };
    return cmocka_run_group_tests_name("verify_tree", tests, NULL, NULL);
}
