/* draft_model.c: see draft_model.h. */
#include "draft_model.h"

#include <math.h>
#include <string.h>

enum { V = DRAFT_V };

void draft_scenes_make(draft_scene scenes[DRAFT_SCENES]) {
    scenes[0] = (draft_scene){"plain, near", {with_dist()}, 1, -1, 0};
    scenes[1] =
        (draft_scene){"penalties and temperature, far",
                      {with_penalties(2, 1.8f, 0.4f, 0.2f), with_temp(0.7f, 0, 1), with_dist()},
                      3,
                      -1,
                      1};
    scenes[2] = (draft_scene){"top-k, one token always", {with_top_k(2), with_dist()}, 2, -1, 2};
    scenes[3] = (draft_scene){"top-p, flat", {with_top_p(0.8f, 0), with_dist()}, 2, -1, 3};
    scenes[4] = (draft_scene){
        "xtc, near", {with_xtc(0.5f, 0.15f, 0), with_temp(1.2f, 0, 1), with_dist()}, 3, 0, 0};
}

void draft_model_make(draft_model *m, int drafts, uint64_t seed) {
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

pluck_config draft_config(const pluck_stage *stages, int32_t n, uint32_t seed) {
    pluck_config c = with_chain(V, seed, PLUCK_RNG_PHILOX, stages, n);
    c.max_rewind = 3;
    return c;
}

/* Adds the chain's distribution behind some tokens, times a weight, to p. */
static void add_distribution(const pluck_config *c, const draft_model *m, const int32_t *tokens,
                             int n, double weight, double p[V]) {
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
static void distribution(const draft_scene *c, const draft_model *m, const int32_t *tokens, int n,
                         double p[V]) {
    pluck_stage stages[5];
    memcpy(stages, c->stages, sizeof stages);
    const pluck_config config = draft_config(stages, c->n_stages, 1);
    memset(p, 0, V * sizeof *p);
    for (int side = 0; side < 2; ++side) {
        if (c->xtc >= 0) stages[c->xtc].as.xtc.probability = (float)side;
        if (c->xtc >= 0 || side == 0)
            add_distribution(&config, m, tokens, n, c->xtc >= 0 ? 0.5 : 1.0, p);
    }
}

void draft_joint(const draft_scene *c, const draft_model *m, double p[DRAFT_SEQUENCES]) {
    int32_t t[3] = {0};
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

int32_t draft_draw(const float q[V], rows_random *r) {
    double sum = 0;
    for (int32_t t = 0; t < V; ++t) sum += (double)q[t];
    double u = rows_uniform(r) * sum;
    for (int32_t t = 0; t < V; ++t)
        if (q[t] > 0.0f && (u -= (double)q[t]) < 0) return t;
    int32_t last = V - 1;
    while (q[last] == 0.0f) last--;
    return last;
}

void draft_go_on(pluck_sampler *s, const draft_model *m, int32_t n, int32_t t[3]) {
    for (; n < 3; ++n) {
        if (pluck_sample(s, m->logits[n ? t[n - 1] : V], &t[n]) != PLUCK_OK) fail();
        if (pluck_accept(s, t[n]) != PLUCK_OK) fail();
    }
}

void draft_assert_fits(const char *name, const double *p, const long *seen, long n) {
    double chi = 0;
    int df = -1;
    for (int i = 0; i < DRAFT_SEQUENCES; ++i) {
        const double want = p[i] * (double)n;
        if (want == 0) assert_int_equal(seen[i], 0);
        if (want < 5) continue;
        chi += ((double)seen[i] - want) * ((double)seen[i] - want) / want;
        df++;
    }
    const double z = (chi - df) / sqrt(2.0 * df);
    if (z > 4) fail_msg("%s: chi-squared %g of %d degrees of freedom", name, chi, df);
}

double draft_check_joint(const draft_scene *c, draft_three three, const void *how,
                         draft_seeds seeds, long n) {
    draft_model m;
    draft_model_make(&m, c->drafts, seeds.model + (uint64_t)c->drafts);
    double p[DRAFT_SEQUENCES];
    draft_joint(c, &m, p);
    const pluck_config config = draft_config(c->stages, c->n_stages, seeds.sampler);
    pluck_sampler *s = NULL;
    assert_int_equal(pluck_sampler_create(&s, &config), PLUCK_OK);
    rows_random r = {seeds.drafts};
    long seen[DRAFT_SEQUENCES] = {0}, stood = 0;
    for (long i = 0; i < n; ++i) {
        int32_t t[3] = {0};
        pluck_sampler_reset(s);
        (void)pluck_sampler_seek(s, (uint64_t)i * 64);
        stood += three(s, &m, how, &r, t);
        seen[(t[0] * DRAFT_V + t[1]) * DRAFT_V + t[2]]++;
    }
    draft_assert_fits(c->name, p, seen, n);
    pluck_sampler_free(s);
    return (double)stood / (double)n;
}
