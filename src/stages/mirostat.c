/*
 * mirostat.c: draws such that the surprise -log2 P of what is drawn stays near tau.
 *     v1: s from the top m, k = ((s-1) 2^mu / (1 - V^-(s-1))) ^ (1/s), top-k, draw
 *     v2: keep P >= 2^-mu, draw
 *     both: mu = mu - eta * (surprise - tau), mu = 2 tau at first
 *
 * Source: Basu et al., "Mirostat", 2020; llama.cpp's mirostat and mirostat-v2. s is the
 * least-squares slope of log P over log rank: sum(t b) / sum(t t), t_i = log((i+2)/(i+1)), b_i =
 * log(P_i / P_i+1), a difference of logits. Limits are taken where the formula is 0/0: s = 1 gives
 * (2^mu / log V)^(1/s); where there is nothing to estimate s from, k = 1. No random number where
 * one candidate is left.
 */
#include "../chain.h"

/* As many of the greatest are picked out of the candidates; for more these are sorted. */
enum { FEW = 4096 };

/* mu's step, after a draw. */
static void learn(const candidates *c, const stage_run *run) {
    const pluck_stage_mirostat *s = &run->stage->as.mirostat;
    run->memory->mu -= (double)s->eta * (surprise_of(c) - (double)s->tau);
}

/* Draws; the surprise is that within what is left. */
static void draw_and_learn(candidates *c, const stage_run *run) {
    candidates_sum(c);
    if (candidates_single(c))
        candidates_draw(c, run->rng, 0.0);
    else
        draw_now(c, run);
    learn(c, run);
}

/* What mu and the m greatest x, descending, make of k. */
static double k_of(const candidates *c, const stage_run *run, const float *top, int32_t m) {
    if (m < 2) return 1.0;
    double tb = 0.0, tt = 0.0;
    for (int32_t i = 0; i + 1 < m; i++) {
        const double t = log((double)(i + 2) / (double)(i + 1));
        tb += t * ((double)top[i] - (double)top[i + 1]) * c->scale;
        tt += t * t;
    }
    const double s = tb / tt;
    const double epsilon = s - 1.0;
    const double vocab = (double)c->n_vocab;
    const double slope = epsilon == 0.0 ? 1.0 / log(vocab) : epsilon / (1.0 - pow(vocab, -epsilon));
    const double k = pow(slope * exp2(run->memory->mu), 1.0 / s);
    return isnan(k) ? 1.0 : k;
}

static pluck_status estimate_k(candidates *c, const stage_run *run, double *k) {
    const int32_t m = (int32_t)min_i64(run->stage->as.mirostat.m, c->n);
    float few[FEW];
    const float *top = few;
    if (m <= FEW) {
        candidates_greatest(c, m, few);
    } else {
        c->order = ORDER_DESCENDING;
        TRY(candidates_materialise(c));
        top = c->ws->logits;
    }
    *k = k_of(c, run, top, m);
    return PLUCK_OK;
}

STAGE(mirostat) {
    TRY(candidates_scan(c));
    double k;
    TRY(estimate_k(c, run, &k));
    candidates_top_k(c, k >= (double)c->n_counted ? c->n_counted : max_i64((int64_t)k, 1));
    draw_and_learn(c, run);
    return PLUCK_OK;
}

STAGE(mirostat_v2) {
    TRY(candidates_scan(c));
    c->order = ORDER_DESCENDING;
    candidates_realise(c);
    c->ahead = run->stream;
    candidates_keep_likely(c, run->memory->mu * 0.69314718055994531);
    draw_and_learn(c, run);
    return PLUCK_OK;
}
