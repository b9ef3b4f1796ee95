/*
 * oracle_draw.c: the stages that flip a coin or select a token: xtc, greedy, dist, mirostat v1 and
 * v2, adaptive-p.
 */
#include "oracle_impl.h"

#include <math.h>
#include <stdlib.h>

static double uniform(pluck_rng_kind rng, oracle_memory *m) {
    if (rng == PLUCK_RNG_MT19937) return oracle_mt_double(&m->mt);
    return oracle_philox_double(m->seed, m->stream, m->position++);
}

static float coin(pluck_rng_kind rng, oracle_memory *m) {
    if (rng == PLUCK_RNG_MT19937) return oracle_mt_float(&m->mt);
    return oracle_philox_float(m->seed, m->stream, m->position++);
}

bool oracle_xtc(oracle_view *v, const pluck_stage_xtc *s, pluck_rng_kind rng, oracle_memory *m) {
    if (s->probability <= 0.0f || s->threshold > 0.5f || v->n < 2) return true;
    const float flipped = coin(rng, m);
    v->coin = (double)flipped;
    if (flipped > s->probability) return true;
    if (!oracle_evaluate(v)) return false;
    oracle_sort(v);
    oracle_softmax(v);
    const double threshold = (double)s->threshold;
    int32_t last = 0;
    for (int32_t i = 0; i < v->n && v->c[i].p >= threshold; ++i) last = i;
    for (int32_t i = 0; i < v->n; ++i) {
        /* Whether the candidate before it is dropped is uncertain, and with
         * it all places behind. */
        if (v->c[i].p > 0.0 && fabs(v->c[i].p - threshold) <= v->band * threshold) v->wild = true;
    }
    for (int32_t i = 0; i < last; ++i) {
        if (v->c[i].logit == -INFINITY) continue;
        if (!oracle_is_among(v->c[i].id, s->spared, s->n_spared)) continue;
        return true;
    }
    if (v->n - last >= s->min_keep && last > 0) {
        const double edge = v->c[last].logit;
        if (v->c[last - 1].logit != edge && oracle_close(v, v->c[last - 1].logit, edge)) {
            oracle_mark_logits(v, edge);
            oracle_mark(v, &v->c[last]);
        }
        v->c += last;
        v->n -= last;
    }
    return true;
}

static void select_one(oracle_view *v, int32_t index, bool by_mass) {
    v->token = v->c[index].id;
    v->by_mass = by_mass;
}

bool oracle_greedy(oracle_view *v) {
    if (!oracle_evaluate(v)) return false;
    int32_t best = -1;
    for (int32_t i = 0; i < v->n; ++i) {
        const oracle_candidate *c = &v->c[i];
        if (c->logit == -INFINITY) continue;
        if (best < 0 || c->logit > v->c[best].logit ||
            (c->logit == v->c[best].logit && c->id < v->c[best].id)) {
            best = i;
        }
    }
    select_one(v, best, false);
    v->u = NAN;
    return true;
}

static int by_id(const void *a, const void *b) {
    const oracle_candidate *x = *(const oracle_candidate *const *)a;
    const oracle_candidate *y = *(const oracle_candidate *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* The first candidate whose cumulative probability reaches u, in candidate order or in order of id.
 * -1 if memory ran out. */
static int32_t inverse_cdf(const oracle_view *v, double u, bool order_of_id) {
    const oracle_candidate **order = order_of_id ? malloc((size_t)v->n * sizeof *order) : NULL;
    if (order_of_id && !order) return -1;
    for (int32_t i = 0; order && i < v->n; ++i) order[i] = &v->c[i];
    if (order) qsort(order, (size_t)v->n, sizeof *order, by_id);
    long double sum = 0.0L;
    int32_t found = -1;
    for (int32_t i = 0; i < v->n; ++i) {
        const oracle_candidate *c = order ? order[i] : &v->c[i];
        if (c->logit == -INFINITY) continue;
        sum += (long double)c->p;
        found = (int32_t)(c - v->c);
        if (sum >= (long double)u) break;
    }
    free(order);
    return found;
}

/* Draws from p. `spare`: a single counted candidate takes no random number. */
static int32_t draw(oracle_view *v, pluck_rng_kind rng, oracle_memory *m, bool spare) {
    if (spare && v->n == 1) {
        v->u = NAN;
        select_one(v, 0, true);
        return 0;
    }
    v->u = uniform(rng, m);
    v->by_id = rng == PLUCK_RNG_PHILOX;
    const int32_t index = inverse_cdf(v, v->u, rng == PLUCK_RNG_PHILOX);
    if (index >= 0) select_one(v, index, true);
    return index;
}

bool oracle_dist(oracle_view *v, pluck_rng_kind rng, oracle_memory *m) {
    if (!oracle_evaluate(v)) return false;
    oracle_softmax(v);
    return draw(v, rng, m, false) >= 0;
}

bool oracle_skew(oracle_view *v, const pluck_stage_skew *s, pluck_rng_kind rng, oracle_memory *m) {
    if (!oracle_evaluate(v)) return false;
    oracle_sort(v);
    oracle_softmax(v);
    v->u = pow(uniform(rng, m), exp(-(double)s->skew));
    v->by_id = false;
    const int32_t index = inverse_cdf(v, v->u, false);
    if (index >= 0) select_one(v, index, true);
    return index >= 0;
}

/* How many candidates mirostat v1 keeps. */
static int32_t mirostat_k(oracle_view *v, const pluck_stage_mirostat *s, double mu) {
    const int32_t unmasked = oracle_unmasked(v);
    const int32_t terms = (s->m < unmasked ? s->m : unmasked) - 1;
    if (terms < 1) return 1;
    long double tb = 0.0L;
    long double tt = 0.0L;
    for (int32_t i = 0; i < terms; ++i) {
        const long double t = logl((long double)(i + 2) / (long double)(i + 1));
        const long double b = (long double)oracle_effective(v, &v->c[i]) -
                              (long double)oracle_effective(v, &v->c[i + 1]);
        tb += t * b;
        tt += t * t;
    }
    const long double slope = tb / tt;
    const long double log_v = logl((long double)v->n_vocab);
    const long double log_mu = (long double)mu * logl(2.0L);
    if (slope == 0.0L) return log_mu > logl((long double)v->n_vocab - 1.0L) ? v->n : 1;

    /* ln of (eps 2^mu) / (1 - V^-eps); eps / (1 - V^-eps) is positive on both sides of 0. */
    const long double eps = slope - 1.0L;
    const long double ratio = eps == 0.0L ? 1.0L / log_v : eps / -expm1l(-eps * log_v);
    const long double log_k = (log_mu + logl(ratio)) / slope;
    const long double k = expl(log_k);
    const double edge = (double)fabsl(k - roundl(k));
    const double blur =
        v->band * fmax(1.0, fmax(fabs((double)log_mu), (double)log_v) / (double)slope);
    if (k < v->n + 1.0L && edge <= blur * fmax(1.0, (double)k)) v->wild = true;
    if (!(k >= 1.0L)) return 1;
    return k >= (long double)v->n ? v->n : (int32_t)floorl(k);
}

bool oracle_mirostat(oracle_view *v, const pluck_stage_mirostat *s, bool v2, pluck_rng_kind rng,
                     oracle_memory *m) {
    if (!oracle_evaluate(v)) return false;
    oracle_sort(v);
    oracle_softmax(v);
    int32_t kept = 1;
    if (v2) {
        for (int32_t i = 0; i < v->n && v->c[i].logit != -INFINITY; ++i) {
            const double bits = oracle_surprise(v, &v->c[i]) / log(2.0);
            if (i > 0 && oracle_close(v, bits, m->mu)) oracle_mark(v, &v->c[i]);
            if (bits <= m->mu && i == kept) kept = i + 1;
        }
    } else {
        kept = mirostat_k(v, s, m->mu);
    }
    oracle_truncate(v, kept);
    if (!oracle_evaluate(v)) return false;
    oracle_softmax(v);
    const int32_t index = draw(v, rng, m, true);
    if (index < 0) return false;
    const double surprise = oracle_surprise(v, &v->c[index]) / log(2.0);
    m->mu -= (double)s->eta * (surprise - (double)s->tau);
    return true;
}

static double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

static double decay_of(const pluck_stage_adaptive_p *s) {
    return clamp((double)s->decay, 0.0, (double)0.99f);
}

void oracle_adaptive_p_start(const pluck_stage_adaptive_p *s, oracle_memory *m) {
    m->weighted_sum = (double)s->target / (1.0 - decay_of(s));
    m->total_weight = 1.0 / (1.0 - decay_of(s));
    m->pending = -1;
    m->pending_p = 0.0;
}

void oracle_adaptive_p_accept(const pluck_stage_adaptive_p *s, oracle_memory *m, int32_t token) {
    if (m->pending == token) {
        m->weighted_sum = m->pending_p + decay_of(s) * m->weighted_sum;
        m->total_weight = 1.0 + decay_of(s) * m->total_weight;
    }
    m->pending = -1;
}

bool oracle_adaptive_p(oracle_view *v, const pluck_stage_adaptive_p *s, pluck_rng_kind rng,
                       oracle_memory *m) {
    if (!oracle_evaluate(v)) return false;
    oracle_softmax(v);
    if (s->target < 0.0f) return draw(v, rng, m, true) >= 0;

    const double target = clamp((double)s->target, 0.0, 1.0);
    const double adapted = m->total_weight == 0.0
                               ? target
                               : clamp(2.0 * target - m->weighted_sum / m->total_weight, 0.0, 1.0);
    double *before = calloc((size_t)v->n, sizeof *before);
    if (!before) return false;
    for (int32_t i = 0; i < v->n; ++i) {
        before[i] = v->c[i].p;
        if (v->c[i].logit == -INFINITY) continue;
        const double d = fabs(v->c[i].p - adapted) / (double)0.3f;
        v->c[i].logit = 5.0 - 10.0 * d * d / (1.0 + d);
    }
    v->sorted = false;
    v->rough = true;
    const bool evaluated = oracle_evaluate(v);
    oracle_softmax(v);
    const int32_t index = evaluated ? draw(v, rng, m, true) : -1;
    if (index >= 0) {
        m->pending = v->c[index].id;
        m->pending_p = before[index];
    }
    free(before);
    return index >= 0;
}
