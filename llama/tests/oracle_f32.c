/* oracle_f32.c: the draws, the edits, and the chain. See oracle_f32.h. */
#include "oracle_f32_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct oracle_f32 {
    const pluck_config *config;
    f32_memory *memory; /* of each stage */
    oracle_history history;
    f32_candidate *candidates;
    f32_view view;
    int32_t *counts; /* by id */
};

/* ---- Draws ----------------------------------------------------------------------------------- */

void f32_dist(f32_view *v, f32_memory *m) {
    double u = oracle_mt_double(&m->mt);
    v->selected = 0;
    if (v->n == 1) {
        v->c[0].p = 1.0f;
        return;
    }
    float max = v->c[0].logit;
    for (int32_t i = 1; i < v->n && !v->sorted; i++)
        max = v->c[i].logit > max ? v->c[i].logit : max;
    double sum = 0.0, run = 0.0;
    for (int32_t i = 0; i < v->n; i++) {
        v->c[i].p = expf(v->c[i].logit - max);
        sum += (double)v->c[i].p;
    }
    double target = sum * u;
    v->selected = v->n - 1;
    for (int32_t i = 0; i < v->n; i++) {
        run += (double)v->c[i].p;
        if (run >= target) {
            v->selected = i;
            return;
        }
    }
}

/* std::discrete_distribution over p, as in libstdc++: it normalises in double and takes no random
 * number for a single candidate. */
static void draw_discrete(f32_view *v, f32_memory *m) {
    v->selected = 0;
    if (v->n < 2) return;
    double sum = 0.0, run = 0.0;
    for (int32_t i = 0; i < v->n; i++) sum += (double)v->c[i].p;
    double u = oracle_mt_double(&m->mt);
    for (int32_t i = 0; i < v->n - 1; i++) {
        run += (double)v->c[i].p / sum;
        if (!(run < u)) {
            v->selected = i;
            return;
        }
    }
    v->selected = v->n - 1;
}

/* The end of both mirostats: draws from what is left; mu follows the surprise. */
static void draw_mirostat(f32_view *v, const pluck_stage_mirostat *p, f32_memory *m) {
    f32_softmax(v, true);
    draw_discrete(v, m);
    float surprise = -log2f(v->c[v->selected].p);
    m->mu = m->mu - p->eta * (surprise - p->tau);
}

void f32_mirostat(f32_view *v, const pluck_stage_mirostat *p, f32_memory *m, int32_t n_vocab) {
    f32_softmax(v, true);
    float products = 0.0f, squares = 0.0f;
    for (int32_t i = 0; i < p->m - 1 && i < v->n - 1; i++) {
        float t = logf((float)(i + 2) / (float)(i + 1));
        float b = logf(v->c[i].p / v->c[i + 1].p);
        products += t * b;
        squares += t * t;
    }
    float s = products / squares, epsilon = s - 1;
    float k = powf((epsilon * powf(2, m->mu)) / (1 - powf((float)n_vocab, -epsilon)), 1 / s);
    /* On x86 a k that does not fit an int becomes INT_MIN, and 1 is kept. */
    f32_top_k(v, k >= 1.0f && k < 2147483648.0f ? (int32_t)k : 1);
    draw_mirostat(v, p, m);
}

void f32_mirostat_v2(f32_view *v, const pluck_stage_mirostat *p, f32_memory *m) {
    f32_softmax(v, true);
    int32_t kept = 0;
    while (kept < v->n && !(-log2f(v->c[kept].p) > m->mu)) kept++;
    v->n = kept > 0 ? kept : 1;
    draw_mirostat(v, p, m);
}

static float clamp01(float x) {
    return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x;
}

void f32_adaptive_p(f32_view *v, const pluck_stage_adaptive_p *p, f32_memory *m) {
    f32_softmax(v, false);
    if (p->target < 0.0f) {
        draw_discrete(v, m);
        return;
    }
    for (int32_t i = 0; i < v->n; i++) v->scores[i] = v->c[i].p;
    float target = clamp01(p->target);
    if (m->total_weight != 0.0f)
        target = clamp01(2.0f * target - m->weighted_sum / m->total_weight);
    for (int32_t i = 0; i < v->n; i++) {
        if (v->c[i].logit == -INFINITY) continue;
        float d = fabsf((v->c[i].p - target) * (1.0f / 0.3f));
        v->c[i].logit = 5.0f - 10.0f * d * d / (1.0f + d);
    }
    f32_softmax(v, false);
    draw_discrete(v, m);
    m->pending = v->c[v->selected].id;
    m->pending_p = v->scores[v->selected];
}

/* ---- Edits ----------------------------------------------------------------------------------- */

static void add_biases(f32_view *v, const pluck_stage_logit_bias *p) {
    for (int32_t b = 0; b < p->n_biases; b++) {
        for (int32_t i = 0; i < v->n; i++) {
            if (v->c[i].id == p->biases[b].token) {
                v->c[i].logit += p->biases[b].bias;
                v->sorted = false; /* llama.cpp leaves the flag set */
            }
        }
    }
}

static void penalise(oracle_f32 *o, f32_view *v, const pluck_stage_penalties *p) {
    if (p->last_n == 0 || (p->repeat == 1.0f && p->freq == 0.0f && p->present == 0.0f)) return;
    oracle_history_counts(&o->history, p->last_n, false, o->config->n_vocab, o->counts);
    for (int32_t i = 0; i < v->n; i++) {
        int32_t count = o->counts[v->c[i].id];
        if (count == 0) continue;
        if (v->c[i].logit <= 0)
            v->c[i].logit *= p->repeat;
        else
            v->c[i].logit /= p->repeat;
        v->c[i].logit -= (float)count * p->freq + p->present;
    }
    v->sorted = false;
}

static void dry(oracle_f32 *o, f32_view *v, const pluck_stage_dry *p) {
    if (p->multiplier == 0.0f || p->base < 1.0f || p->last_n == 0 ||
        !oracle_history_repeats(&o->history, p, o->config->n_vocab, o->counts))
        return;
    int32_t max_exponent = p->base > 1.000001f ? (int32_t)(88.7228391f / logf(p->base)) : 0;
    for (int32_t i = 0; i < v->n; i++) {
        int32_t length = o->counts[v->c[i].id];
        if (length < 0) continue;
        int32_t exponent = length - p->allowed_length;
        if (max_exponent > 0 && exponent > max_exponent) exponent = max_exponent;
        v->c[i].logit -= (float)((double)p->multiplier * pow((double)p->base, exponent));
    }
    v->sorted = false;
}

static void greedy(f32_view *v) {
    v->selected = 0;
    for (int32_t i = 1; i < v->n; i++) {
        if (v->c[i].logit > v->c[v->selected].logit) v->selected = i;
    }
}

/* ---- The chain ------------------------------------------------------------------------------- */

static void run_stage(oracle_f32 *o, f32_view *v, const pluck_stage *stage, f32_memory *m) {
    switch (stage->kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        add_biases(v, &stage->as.logit_bias);
        break;
    case PLUCK_STAGE_PENALTIES:
        penalise(o, v, &stage->as.penalties);
        break;
    case PLUCK_STAGE_DRY:
        dry(o, v, &stage->as.dry);
        break;
    case PLUCK_STAGE_TOP_N_SIGMA:
        f32_top_n_sigma(v, stage->as.top_n_sigma.n);
        break;
    case PLUCK_STAGE_TOP_K:
        f32_top_k(v, stage->as.top_k.k);
        break;
    case PLUCK_STAGE_TYPICAL:
        f32_typical(v, &stage->as.typical);
        break;
    case PLUCK_STAGE_TOP_P:
        f32_top_p(v, &stage->as.top_p);
        break;
    case PLUCK_STAGE_MIN_P:
        f32_min_p(v, &stage->as.min_p);
        break;
    case PLUCK_STAGE_XTC:
        f32_xtc(v, &stage->as.xtc, m);
        break;
    case PLUCK_STAGE_TEMPERATURE:
        f32_temperature(v, &stage->as.temperature);
        break;
    case PLUCK_STAGE_INFILL:
        f32_infill(v, &stage->as.infill);
        break;
    case PLUCK_STAGE_GREEDY:
        greedy(v);
        break;
    case PLUCK_STAGE_DIST:
        f32_dist(v, m);
        break;
    case PLUCK_STAGE_MIROSTAT:
        f32_mirostat(v, &stage->as.mirostat, m, o->config->n_vocab);
        break;
    case PLUCK_STAGE_MIROSTAT_V2:
        f32_mirostat_v2(v, &stage->as.mirostat, m);
        break;
    case PLUCK_STAGE_ADAPTIVE_P:
        f32_adaptive_p(v, &stage->as.adaptive_p, m);
        break;
    default: /* llama.cpp has none: a custom stage, and what is numbered from top-a on */
        break;
    }
}

int32_t oracle_f32_sample(oracle_f32 *o, const float *logits, float *logit) {
    f32_view *v = &o->view;
    v->c = o->candidates;
    v->n = o->config->n_vocab;
    v->sorted = false;
    v->selected = -1;
    for (int32_t i = 0; i < v->n; i++) v->c[i] = (f32_candidate){i, logits[i], 0.0f};
    int32_t token = -1;
    for (int32_t s = 0; s < o->config->n_stages; s++) {
        const pluck_stage *stage = &o->config->stages[s];
        run_stage(o, v, stage, &o->memory[s]);
        if (stage->kind < PLUCK_STAGE_GREEDY) continue;
        token = v->c[v->selected].id;
        *logit = v->c[v->selected].logit;
    }
    return token;
}

void oracle_f32_expect(oracle_f32 *o, const int32_t *order) {
    o->view.expected = order;
}

static float clamped_decay(float decay) {
    return decay < 0.0f ? 0.0f : decay > 0.99f ? 0.99f : decay;
}

void oracle_f32_accept(oracle_f32 *o, int32_t token) {
    oracle_history_push(&o->history, token, false);
    for (int32_t s = 0; s < o->config->n_stages; s++) {
        f32_memory *m = &o->memory[s];
        if (o->config->stages[s].kind != PLUCK_STAGE_ADAPTIVE_P) continue;
        if (m->pending == token) {
            float decay = clamped_decay(o->config->stages[s].as.adaptive_p.decay);
            m->weighted_sum = m->pending_p + decay * m->weighted_sum;
            m->total_weight = 1.0f + decay * m->total_weight;
        }
        m->pending = -1;
    }
}

static void begin_stage(f32_memory *m, const pluck_stage *stage, uint32_t seed) {
    uint32_t own = PLUCK_SEED_RANDOM;
    m->pending = -1;
    switch (stage->kind) {
    case PLUCK_STAGE_XTC:
        own = stage->as.xtc.seed;
        break;
    case PLUCK_STAGE_DIST:
        own = stage->as.dist.seed;
        break;
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        own = stage->as.mirostat.seed;
        m->mu = 2.0f * stage->as.mirostat.tau;
        break;
    case PLUCK_STAGE_ADAPTIVE_P: {
        own = stage->as.adaptive_p.seed;
        float decay = clamped_decay(stage->as.adaptive_p.decay);
        m->weighted_sum = stage->as.adaptive_p.target / (1.0f - decay);
        m->total_weight = 1.0f / (1.0f - decay);
        break;
    }
    default:
        return;
    }
    oracle_mt_seed(&m->mt, own == PLUCK_SEED_RANDOM ? seed : own);
}

oracle_f32 *oracle_f32_create(const pluck_config *config, uint32_t seed) {
    oracle_f32 *o = calloc(1, sizeof *o);
    if (!o) return NULL;
    size_t n = (size_t)config->n_vocab;
    o->config = config;
    o->memory = calloc((size_t)config->n_stages + 1, sizeof *o->memory);
    o->candidates = malloc(n * sizeof *o->candidates);
    o->counts = malloc(n * sizeof *o->counts);
    o->view.spare = malloc(n * sizeof *o->view.spare);
    o->view.spare_too = malloc(n * sizeof *o->view.spare_too);
    o->view.n_vocab = config->n_vocab;
    o->view.scores = malloc(n * sizeof *o->view.scores);
    o->view.keys[0] = malloc(n * sizeof *o->view.keys[0]);
    o->view.keys[1] = malloc(n * sizeof *o->view.keys[1]);
    if (!o->memory || !o->candidates || !o->counts || !o->view.spare || !o->view.spare_too ||
        !o->view.scores || !o->view.keys[0] || !o->view.keys[1]) {
        oracle_f32_free(o);
        return NULL;
    }
    for (int32_t s = 0; s < config->n_stages; s++)
        begin_stage(&o->memory[s], &config->stages[s], seed);
    return o;
}

void oracle_f32_free(oracle_f32 *o) {
    if (!o) return;
    oracle_history_free(&o->history);
    free(o->memory);
    free(o->candidates);
    free(o->counts);
    free(o->view.spare);
    free(o->view.spare_too);
    free(o->view.scores);
    free(o->view.keys[0]);
    free(o->view.keys[1]);
    free(o);
}
