/*
 * test_verify.c: verified drafts. The same token: token by token what sampling alone gives, on random
 * chains. Rejection and block verification: the exact joint distribution of three tokens, by
 * chi-squared, for drafts that were drawn from distributions near and far from the target's.
 */
#include "draft_model.h"
#include "random_chain.h"
#include "rows/trials.h"
#include "sampler.h"

#include <math.h>
#include <string.h>

/* ---- the same token ---- */

enum { N = 300, LENGTH = 40, DRAFT = 6, ROWS = 7 };

static float logits[ROWS][N];

/* The row behind a token: which of them comes depends on it. */
static pluck_row row_behind(int32_t token) {
    return (pluck_row){.logits = logits[(token + 1) % ROWS]};
}

/* What a sampler gives without a draft. */
static pluck_status alone(pluck_sampler *s, int32_t *tokens) {
    int32_t last = -1;
    for (int i = 0; i < LENGTH; ++i) {
        const pluck_row row = row_behind(last);
        pluck_draw draw;
        const pluck_status status = pluck_sample_row(s, &row, &draw);
        if (status != PLUCK_OK) return status;
        last = tokens[i] = draw.token;
        assert_int_equal(pluck_accept(s, last), PLUCK_OK);
    }
    return PLUCK_OK;
}

/* Drafts that are right for some tokens. */
static void check_same(uint64_t seed) {
    random_chain c;
    random_chain_make(&c, seed, N);
    c.config.max_rewind = DRAFT;
    pluck_sampler *s = NULL, *twin = NULL;
    assert_int_equal(pluck_sampler_create(&s, &c.config), PLUCK_OK);
    assert_int_equal(pluck_sampler_clone(&twin, s), PLUCK_OK);
    int32_t want[LENGTH + DRAFT + 1] = {0};
    rows_random r = {seed};
    const bool good = alone(twin, want) == PLUCK_OK;
    for (int at = 0; good && at + DRAFT + 1 < LENGTH;) {
        int32_t tokens[DRAFT];
        pluck_row rows[DRAFT + 1] = {row_behind(at ? want[at - 1] : -1)};
        const int32_t n = (int32_t)rows_below(&r, DRAFT + 1);
        int32_t right = 0;
        for (int32_t i = 0; i < n; ++i) {
            tokens[i] = rows_below(&r, 5) ? want[at + i] : random_chain_token(&r, N);
            if (right == i && tokens[i] == want[at + i]) right++;
            rows[i + 1] = row_behind(tokens[i]);
        }
        const pluck_draft draft = {.tokens = tokens, .n_tokens = n, .rows = rows};
        pluck_verified got;
        assert_int_equal(pluck_verify(s, &draft, &got, NULL), PLUCK_OK);
        assert_int_equal(got.n_accepted, right);
        assert_int_equal(got.token, want[at + right]);
        at += right + 1;
    }
    pluck_sampler_free(s);
    pluck_sampler_free(twin);
}

static void the_same_token(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 120; ++seed) check_same(seed);
}

/* ---- joint distributions ---- */

enum { TRIALS = 200000 };

/* Three tokens: a draft of two verified, and what is missing sampled. Returns how many stood. */
static int32_t three(pluck_sampler *s, const draft_model *m, pluck_verify_way way, bool known,
                     rows_random *r, int32_t t[3]) {
    static const int32_t ids[DRAFT_V] = {0, 1, 2, 3, 4};
    int32_t drafted[2];
    drafted[0] = draft_draw(m->q[DRAFT_V], r);
    drafted[1] = draft_draw(m->q[drafted[0]], r);
    const pluck_row rows[3] = {{.logits = m->logits[DRAFT_V]},
                               {.logits = m->logits[drafted[0]]},
                               {.logits = m->logits[drafted[1]]}};
    const pluck_proposal proposals[2] = {{NULL, m->q[DRAFT_V], DRAFT_V},
                                         {ids, m->q[drafted[0]], DRAFT_V}};
    const pluck_draft draft = {.way = way,
                               .tokens = drafted,
                               .n_tokens = 2,
                               .rows = rows,
                               .proposals = known ? proposals : NULL};
    pluck_verified got;
    pluck_error error;
    if (pluck_verify(s, &draft, &got, &error) != PLUCK_OK) fail_msg("%s", error.message);
    int32_t n = got.n_accepted;
    memcpy(t, drafted, (size_t)n * sizeof *t);
    t[n++] = got.token;
    draft_go_on(s, m, n, t);
    return got.n_accepted;
}

typedef struct line_kind {
    pluck_verify_way way;
    bool known; /* what the tokens were drawn from */
} line_kind;

static int32_t three_of_line(pluck_sampler *s, const draft_model *m, const void *how,
                             rows_random *r, int32_t t[3]) {
    const line_kind *kind = how;
    return three(s, m, kind->way, kind->known, r, t);
}

/* Mean number of drafted tokens that stood. */
static double check_joint(const draft_scene *c, pluck_verify_way way, bool known, long n) {
    const line_kind kind = {way, known};
    const draft_seeds seeds = {.model = 40, .drafts = 8, .sampler = 78};
    return draft_check_joint(c, three_of_line, &kind, seeds, n);
}

static void joint_of_both(void **state) {
    (void)state;
    draft_scene scenes[DRAFT_SCENES];
    draft_scenes_make(scenes);
    for (int32_t i = 0; i < DRAFT_SCENES; ++i) {
        const double one = check_joint(&scenes[i], PLUCK_VERIFY_REJECTION, true, trials_of(TRIALS));
        const double block = check_joint(&scenes[i], PLUCK_VERIFY_BLOCK, true, trials_of(TRIALS));
        if (block < one - 0.01)
            fail_msg("%s: %g tokens stand as a block, %g alone", scenes[i].name, block, one);
    }
}

static void joint_without_proposals(void **state) {
    (void)state;
    draft_scene scenes[DRAFT_SCENES];
    draft_scenes_make(scenes);
    for (int32_t i = 0; i < DRAFT_SCENES; ++i) {
        (void)check_joint(&scenes[i], PLUCK_VERIFY_REJECTION, false, trials_of(TRIALS / 5));
        (void)check_joint(&scenes[i], PLUCK_VERIFY_BLOCK, false, trials_of(TRIALS / 5));
        (void)check_joint(&scenes[i], PLUCK_VERIFY_SAME, false, trials_of(TRIALS / 5));
    }
}

/* ---- what stages learn ---- */

/* Mirostat's mu after a draft is what the probabilities of the tokens that stood make of it. */
static void mirostat_learns(void **state) {
    (void)state;
    const pluck_stage stage = with_mirostat(2, 2.0f, 0.3f, 100);
    draft_model m;
    draft_model_make(&m, 0, 5);
    long stood = 0;
    for (uint32_t seed = 0; seed < 300; ++seed) {
        const pluck_config c = draft_config(&stage, 1, seed);
        pluck_sampler *s = NULL, *twin = NULL;
        assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&twin, s), PLUCK_OK);
        int32_t t[3];
        rows_random r = {seed};
        const int32_t n =
            three(s, &m, seed % 2 ? PLUCK_VERIFY_REJECTION : PLUCK_VERIFY_BLOCK, true, &r, t);
        stood += n;
        double mu = 4.0;
        for (int i = 0; i < 3; ++i) {
            double p[DRAFT_V] = {0};
            twin->memory[0].mu = mu;
            const pluck_row row = {.logits = m.logits[i ? t[i - 1] : DRAFT_V]};
            pluck_draw draw;
            pluck_candidates left;
            assert_int_equal(pluck_sample_row(twin, &row, &draw), PLUCK_OK);
            (void)pluck_workspace_candidates(pluck_sampler_workspace(twin), &left);
            for (int32_t k = 0; k < left.n; ++k) p[left.ids[k]] = (double)left.probabilities[k];
            assert_true(p[t[i]] > 0);
            mu -= (double)0.3f * (-log2(p[t[i]]) - 2.0);
        }
        assert_true(fabs(s->memory[0].mu - mu) < 1e-5);
        pluck_sampler_free(s);
        pluck_sampler_free(twin);
    }
    assert_true(stood > 100);
}

/* A chain that selects without drawing: a draft stands as far as it is what the chain selects. */
static void greedy(void **state) {
    (void)state;
    const pluck_stage stages[] = {with_penalties(2, 3.0f, 1.0f, 0.0f), with_greedy()};
    const pluck_config c = draft_config(stages, 2, 1);
    draft_model m;
    draft_model_make(&m, 3, 6);
    rows_random r = {4};
    for (int i = 0; i < 600; ++i) {
        pluck_sampler *s = NULL, *twin = NULL;
        assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&twin, s), PLUCK_OK);
        int32_t t[3], token;
        (void)three(s, &m, (pluck_verify_way)(i % 3), i % 2, &r, t);
        for (int k = 0; k < 3; ++k) {
            assert_int_equal(pluck_sample(twin, m.logits[k ? t[k - 1] : DRAFT_V], &token),
                             PLUCK_OK);
            assert_int_equal(token, t[k]);
            assert_int_equal(pluck_accept(twin, token), PLUCK_OK);
        }
        pluck_sampler_free(s);
        pluck_sampler_free(twin);
    }
}

int main(void) {
    for (int i = 0; i < ROWS; ++i) rows_fill((rows_kind)(i % 3), (uint64_t)i, logits[i], N);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_token),
        cmocka_unit_test(joint_of_both),
        cmocka_unit_test(joint_without_proposals),
        cmocka_unit_test(mirostat_learns),
        cmocka_unit_test(greedy),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
