/*
 * test_verify.c: verified drafts. The same token: token by token what sampling alone gives, on random
 * chains. Rejection and block verification: the exact joint distribution of three tokens, by
 * chi-squared, for drafts that were drawn from distributions near and far from the target's.
 */
#include "pluck_verify.h"
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

enum { V = 5, SEQUENCES = V * V * V, TRIALS = 200000 };

/* The target's rows and the draft's distributions, by the token before; the last is the start's. */
typedef struct model {
    float logits[V + 1][V];
    float q[V + 1][V];
} model;

typedef struct scene {
    const char *name;
    pluck_stage stages[5];
    int32_t n_stages;
    int xtc;    /* place of a stage whose coin is fair; -1: none */
    int drafts; /* which kind of draft */
} scene;

/* 0: near the target; 1: far, and none for a token; 2: one token as good as always; 3: flat */
static void make_model(model *m, int drafts, uint64_t seed) {
    rows_random r = {seed};
    for (int c = 0; c <= V; ++c) {
        double sum = 0;
        for (int t = 0; t < V; ++t) {
            const double x = 1.3 * rows_gauss(&r);
            m->logits[c][t] = (float)x;
            const double q = drafts == 0   ? exp(x + 0.3 * rows_gauss(&r))
                             : drafts == 1 ? (t == c % V ? 0.0 : exp(-1.5 * x))
                             : drafts == 2 ? (t == 3 ? 0.96 : 0.01)
                                           : 1.0;
            m->q[c][t] = (float)q;
            sum += q;
        }
        for (int t = 0; t < V; ++t) m->q[c][t] = (float)((double)m->q[c][t] / sum);
    }
}

static pluck_config config_of(const pluck_stage *stages, int32_t n, uint32_t seed) {
    pluck_config c = with_chain(V, seed, PLUCK_RNG_PHILOX, stages, n);
    c.max_rewind = 3;
    return c;
}

/* Adds the chain's distribution behind some tokens, times a weight, to p. */
static void add_distribution(const pluck_config *c, const model *m, const int32_t *tokens, int n,
                             double weight, double p[V]) {
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, c), PLUCK_OK);
    for (int i = 0; i < n; ++i) assert_int_equal(pluck_accept(s, tokens[i]), PLUCK_OK);
    const pluck_row row = {.logits = m->logits[n ? tokens[n - 1] : V]};
    pluck_draw draw;
    pluck_candidates left;
    assert_int_equal(pluck_sample_row(s, &row, &draw), PLUCK_OK);
    assert_int_equal(pluck_workspace_candidates(pluck_sampler_workspace(s), &left), PLUCK_OK);
    for (int32_t k = 0; k < left.n; ++k) p[left.ids[k]] += weight * (double)left.probabilities[k];
    pluck_sampler_free(s);
}

/* The exact distribution of the token behind some others; XTC's coin is both ways. */
static void distribution(const scene *c, const model *m, const int32_t *tokens, int n,
                         double p[V]) {
    pluck_stage stages[5];
    memcpy(stages, c->stages, sizeof stages);
    const pluck_config config = config_of(stages, c->n_stages, 1);
    memset(p, 0, V * sizeof *p);
    for (int side = 0; side < 2; ++side) {
        if (c->xtc >= 0) stages[c->xtc].as.xtc.probability = (float)side;
        if (c->xtc >= 0 || side == 0)
            add_distribution(&config, m, tokens, n, c->xtc >= 0 ? 0.5 : 1.0, p);
    }
}

static void joint(const scene *c, const model *m, double p[SEQUENCES]) {
    int32_t t[3];
    double a[V], b[V], d[V];
    distribution(c, m, t, 0, a);
    for (t[0] = 0; t[0] < V; ++t[0]) {
        distribution(c, m, t, 1, b);
        for (t[1] = 0; t[1] < V; ++t[1]) {
            distribution(c, m, t, 2, d);
            for (t[2] = 0; t[2] < V; ++t[2])
                p[(t[0] * V + t[1]) * V + t[2]] = a[t[0]] * b[t[1]] * d[t[2]];
        }
    }
}

static int32_t draw_from(const float q[V], rows_random *r) {
    double u = rows_uniform(r);
    for (int32_t t = 0; t < V; ++t)
        if (q[t] > 0.0f && (u -= (double)q[t]) < 0) return t;
    int32_t last = V - 1;
    while (q[last] == 0.0f) last--;
    return last;
}

/* Three tokens: a draft of two verified, and what is missing sampled. Returns how many stood. */
static int32_t three(pluck_sampler *s, const model *m, pluck_verify_way way, bool known,
                     rows_random *r, int32_t t[3]) {
    static const int32_t ids[V] = {0, 1, 2, 3, 4};
    int32_t drafted[2];
    drafted[0] = draw_from(m->q[V], r);
    drafted[1] = draw_from(m->q[drafted[0]], r);
    const pluck_row rows[3] = {{.logits = m->logits[V]},
                               {.logits = m->logits[drafted[0]]},
                               {.logits = m->logits[drafted[1]]}};
    const pluck_proposal proposals[2] = {{NULL, m->q[V], V}, {ids, m->q[drafted[0]], V}};
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
    for (; n < 3; ++n) {
        if (pluck_sample(s, m->logits[t[n - 1]], &t[n]) != PLUCK_OK) fail();
        (void)pluck_accept(s, t[n]);
    }
    return got.n_accepted;
}

static void assert_fits(const char *name, const double *p, const long *seen, long n) {
    double chi = 0;
    int df = -1;
    for (int i = 0; i < SEQUENCES; ++i) {
        const double want = p[i] * (double)n;
        if (want == 0) assert_int_equal(seen[i], 0);
        if (want < 5) continue;
        chi += ((double)seen[i] - want) * ((double)seen[i] - want) / want;
        df++;
    }
    const double z = (chi - df) / sqrt(2.0 * df);
    if (z > 4) fail_msg("%s: chi-squared %g of %d degrees of freedom", name, chi, df);
}

/* Mean number of drafted tokens that stood. */
static double check_joint(const scene *c, pluck_verify_way way, bool known, long n) {
    model m;
    make_model(&m, c->drafts, 40 + (uint64_t)c->drafts);
    double p[SEQUENCES];
    joint(c, &m, p);
    const pluck_config config = config_of(c->stages, c->n_stages, 78);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    rows_random r = {8};
    long seen[SEQUENCES] = {0}, stood = 0;
    for (long i = 0; i < n; ++i) {
        int32_t t[3];
        pluck_sampler_reset(s);
        (void)pluck_sampler_seek(s, (uint64_t)i * 64);
        stood += three(s, &m, way, known, &r, t);
        seen[(t[0] * V + t[1]) * V + t[2]]++;
    }
    assert_fits(c->name, p, seen, n);
    pluck_sampler_free(s);
    return (double)stood / (double)n;
}

static int32_t make_scenes(scene scenes[5]) {
    scenes[0] = (scene){"plain, near", {with_dist()}, 1, -1, 0};
    scenes[1] = (scene){"penalties and temperature, far",
                        {with_penalties(2, 1.8f, 0.4f, 0.2f), with_temp(0.7f, 0, 1), with_dist()},
                        3,
                        -1,
                        1};
    scenes[2] = (scene){"top-k, one token always", {with_top_k(2), with_dist()}, 2, -1, 2};
    scenes[3] = (scene){"top-p, flat", {with_top_p(0.8f, 0), with_dist()}, 2, -1, 3};
    scenes[4] = (scene){
        "xtc, near", {with_xtc(0.5f, 0.15f, 0), with_temp(1.2f, 0, 1), with_dist()}, 3, 0, 0};
    return 5;
}

static void joint_of_both(void **state) {
    (void)state;
    scene scenes[5];
    const int32_t n = make_scenes(scenes);
    for (int32_t i = 0; i < n; ++i) {
        const double one = check_joint(&scenes[i], PLUCK_VERIFY_REJECTION, true, trials_of(TRIALS));
        const double block = check_joint(&scenes[i], PLUCK_VERIFY_BLOCK, true, trials_of(TRIALS));
        if (block < one - 0.01)
            fail_msg("%s: %g tokens stand as a block, %g alone", scenes[i].name, block, one);
    }
}

static void joint_without_proposals(void **state) {
    (void)state;
    scene scenes[5];
    const int32_t n = make_scenes(scenes);
    for (int32_t i = 0; i < n; ++i) {
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
    model m;
    make_model(&m, 0, 5);
    long stood = 0;
    for (uint32_t seed = 0; seed < 300; ++seed) {
        const pluck_config c = config_of(&stage, 1, seed);
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
            double p[V] = {0};
            twin->memory[0].mu = mu;
            const pluck_row row = {.logits = m.logits[i ? t[i - 1] : V]};
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
    const pluck_config c = config_of(stages, 2, 1);
    model m;
    make_model(&m, 3, 6);
    rows_random r = {4};
    for (int i = 0; i < 600; ++i) {
        pluck_sampler *s = NULL, *twin = NULL;
        assert_int_equal(pluck_sampler_create(&s, &c), PLUCK_OK);
        assert_int_equal(pluck_sampler_clone(&twin, s), PLUCK_OK);
        int32_t t[3], token;
        (void)three(s, &m, (pluck_verify_way)(i % 3), i % 2, &r, t);
        for (int k = 0; k < 3; ++k) {
            assert_int_equal(pluck_sample(twin, m.logits[k ? t[k - 1] : V], &token), PLUCK_OK);
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
