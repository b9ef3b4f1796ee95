/*
 * oracle.c: an oracle's life and the walk through the chain.
 */
#include "oracle_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_random(pluck_stage_kind kind) {
    return kind == PLUCK_STAGE_XTC || kind == PLUCK_STAGE_DIST || kind == PLUCK_STAGE_MIROSTAT ||
           kind == PLUCK_STAGE_MIROSTAT_V2 || kind == PLUCK_STAGE_ADAPTIVE_P ||
           kind == PLUCK_STAGE_SKEW;
}

static uint32_t seed_of(const oracle *o, const pluck_stage *s) {
    uint32_t own = PLUCK_SEED_RANDOM;
    switch (s->kind) {
    case PLUCK_STAGE_XTC:
        own = s->as.xtc.seed;
        break;
    case PLUCK_STAGE_DIST:
        own = s->as.dist.seed;
        break;
    case PLUCK_STAGE_SKEW:
        own = s->as.skew.seed;
        break;
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        own = s->as.mirostat.seed;
        break;
    case PLUCK_STAGE_ADAPTIVE_P:
        own = s->as.adaptive_p.seed;
        break;
    default:
        break;
    }
    return own == PLUCK_SEED_RANDOM ? o->seed : own;
}

void oracle_reset(oracle *o) {
    o->history.n = 0;
    uint32_t stream = 0;
    for (int32_t i = 0; i < o->config.n_stages; ++i) {
        const pluck_stage *s = &o->config.stages[i];
        oracle_memory *m = &o->memory[i];
        m->accepted = 0;
        if (!is_random(s->kind)) continue;
        m->seed = seed_of(o, s);
        m->stream = stream++;
        m->position = 0;
        oracle_mt_seed(&m->mt, m->seed);
        if (s->kind == PLUCK_STAGE_MIROSTAT || s->kind == PLUCK_STAGE_MIROSTAT_V2) {
            m->mu = 2.0 * (double)s->as.mirostat.tau;
        }
        if (s->kind == PLUCK_STAGE_ADAPTIVE_P) oracle_adaptive_p_start(&s->as.adaptive_p, m);
    }
}

oracle *oracle_create(const pluck_config *config, uint32_t seed) {
    oracle *o = calloc(1, sizeof *o);
    if (!o) return NULL;
    const size_t n = (size_t)config->n_vocab;
    o->config = *config;
    o->seed = config->seed == PLUCK_SEED_RANDOM ? seed : config->seed;
    o->memory = calloc((size_t)config->n_stages + 1, sizeof *o->memory);
    o->candidates = malloc(n * sizeof *o->candidates);
    o->near = malloc(n);
    o->counts = malloc(n * sizeof *o->counts);
    o->ids = malloc(n * sizeof *o->ids);
    o->logits = malloc(n * sizeof *o->logits);
    o->probabilities = malloc(n * sizeof *o->probabilities);
    o->keys = malloc(n * sizeof *o->keys);
    o->slacks = malloc(n * sizeof *o->slacks);
    if (!o->memory || !o->candidates || !o->near || !o->counts || !o->ids || !o->logits ||
        !o->probabilities || !o->keys || !o->slacks) {
        oracle_free(o);
        return NULL;
    }
    oracle_reset(o);
    return o;
}

oracle *oracle_clone(const oracle *o) {
    oracle *copy = oracle_create(&o->config, o->seed);
    if (!copy) return NULL;
    memcpy(copy->memory, o->memory, (size_t)o->config.n_stages * sizeof *o->memory);
    if (!oracle_history_copy(&copy->history, &o->history)) {
        oracle_free(copy);
        return NULL;
    }
    return copy;
}

void oracle_free(oracle *o) {
    if (!o) return;
    oracle_history_free(&o->history);
    free(o->memory);
    free(o->candidates);
    free(o->near);
    free(o->counts);
    free(o->ids);
    free(o->logits);
    free(o->probabilities);
    free(o->keys);
    free(o->slacks);
    free(o);
}

void oracle_accept(oracle *o, int32_t token) {
    oracle_history_push(&o->history, token, false);
    for (int32_t i = 0; i < o->config.n_stages; ++i) {
        const pluck_stage *s = &o->config.stages[i];
        ++o->memory[i].accepted;
        if (s->kind == PLUCK_STAGE_ADAPTIVE_P) {
            oracle_adaptive_p_accept(&s->as.adaptive_p, &o->memory[i], token);
        }
    }
}

void oracle_accept_prompt(oracle *o, int32_t token) {
    oracle_history_push(&o->history, token, true);
}

void oracle_expect(oracle *o, const int32_t *order) {
    o->expected = order;
}

void oracle_seek(oracle *o, uint64_t position) {
    for (int32_t i = 0; i < o->config.n_stages; ++i) o->memory[i].position = position;
}

/* Runs stage number i; false if nothing is left or a callback failed. */
static bool run(oracle *o, oracle_view *v, const pluck_row *row, int32_t i, pluck_status *status) {
    const pluck_stage *s = &o->config.stages[i];
    const pluck_rng_kind rng = o->config.rng;
    oracle_memory *m = &o->memory[i];
    switch (s->kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        /* The result is not yet written. */
        return oracle_logit_bias(v, &s->as.logit_bias, o->logits, o->probabilities);
    case PLUCK_STAGE_PENALTIES:
        return oracle_penalties(v, &s->as.penalties, &o->history, o->counts);
    case PLUCK_STAGE_DRY:
        return oracle_dry(v, &s->as.dry, &o->history, o->counts);
    case PLUCK_STAGE_TOP_N_SIGMA:
        return oracle_top_n_sigma(v, &s->as.top_n_sigma);
    case PLUCK_STAGE_TOP_K:
        return oracle_top_k(v, &s->as.top_k);
    case PLUCK_STAGE_TYPICAL:
        return oracle_typical(v, &s->as.typical);
    case PLUCK_STAGE_TOP_P:
        return oracle_top_p(v, &s->as.top_p);
    case PLUCK_STAGE_MIN_P:
        return oracle_min_p(v, &s->as.min_p);
    case PLUCK_STAGE_TOP_A:
        return oracle_top_a(v, &s->as.top_a);
    case PLUCK_STAGE_EPSILON_CUTOFF:
        return oracle_epsilon_cutoff(v, &s->as.epsilon_cutoff);
    case PLUCK_STAGE_ETA_CUTOFF:
        return oracle_eta_cutoff(v, &s->as.eta_cutoff);
    case PLUCK_STAGE_P_LESS:
        return oracle_p_less(v, &s->as.p_less, false);
    case PLUCK_STAGE_P_LESS_NORM:
        return oracle_p_less(v, &s->as.p_less_norm, true);
    case PLUCK_STAGE_MIN_TOKENS:
        return oracle_min_tokens(v, &s->as.min_tokens, m);
    case PLUCK_STAGE_BAD_WORDS:
        return oracle_bad_words(v, &s->as.bad_words, &o->history);
    case PLUCK_STAGE_NO_REPEAT_NGRAM:
        return oracle_no_repeat_ngram(v, &s->as.no_repeat_ngram, &o->history);
    case PLUCK_STAGE_TFS:
        return oracle_tfs(v, &s->as.tfs);
    case PLUCK_STAGE_TOP_H:
        return oracle_top_h(v, &s->as.top_h);
    case PLUCK_STAGE_MIN_K:
        return oracle_min_k(v, &s->as.min_k);
    case PLUCK_STAGE_SMOOTHING:
        return oracle_smoothing(v, &s->as.smoothing);
    case PLUCK_STAGE_GUIDANCE:
        return oracle_guidance(v, &s->as.guidance, row, status);
    case PLUCK_STAGE_CONTRASTIVE:
        return oracle_contrastive(v, &s->as.contrastive, row, status);
    case PLUCK_STAGE_SKEW:
        v->select_stage = i;
        return oracle_skew(v, &s->as.skew, rng, m);
    case PLUCK_STAGE_XTC:
        return oracle_xtc(v, &s->as.xtc, rng, m);
    case PLUCK_STAGE_TEMPERATURE:
        return oracle_temperature(v, &s->as.temperature);
    case PLUCK_STAGE_INFILL:
        return oracle_infill(v, &s->as.infill);
    case PLUCK_STAGE_CUSTOM:
        return oracle_custom(v, &s->as.custom, i, status);
    case PLUCK_STAGE_GREEDY:
        v->select_stage = i;
        return oracle_greedy(v);
    case PLUCK_STAGE_DIST:
        v->select_stage = i;
        return oracle_dist(v, rng, m);
    case PLUCK_STAGE_MIROSTAT:
        v->select_stage = i;
        return oracle_mirostat(v, &s->as.mirostat, false, rng, m);
    case PLUCK_STAGE_MIROSTAT_V2:
        v->select_stage = i;
        return oracle_mirostat(v, &s->as.mirostat, true, rng, m);
    case PLUCK_STAGE_ADAPTIVE_P:
        v->select_stage = i;
        return oracle_adaptive_p(v, &s->as.adaptive_p, rng, m);
    }
    return false;
}

static bool allowed(const pluck_row *row, int32_t token) {
    return !row->allowed || (row->allowed[token / 32] >> (token % 32) & 1u);
}

/* The row as candidates; the status says what is wrong with it. */
static pluck_status load(oracle *o, const pluck_row *row, oracle_view *v) {
    v->n = row->ids ? row->n : o->config.n_vocab;
    int32_t at = 0;
    const bool may_sink = row->ids && row->descending;
    for (int pass = 0; pass < (may_sink ? 2 : 1); ++pass) {
        /* A descending list has its masked entries last, as every sorted list does. */
        for (int32_t i = 0; i < v->n; ++i) {
            const int32_t id = row->ids ? row->ids[i] : i;
            if (id < 0 || id >= o->config.n_vocab) return PLUCK_ERR_TOKEN;
            double x = oracle_element(row, i);
            if (!allowed(row, id)) x = -INFINITY;
            if (isnan(x)) return PLUCK_ERR_NAN;
            const bool late = may_sink && x == -INFINITY;
            if (late == (pass == 1)) v->c[at++] = (oracle_candidate){.id = id, .logit = x};
        }
    }
    v->sorted = row->ids && row->descending;
    return PLUCK_OK;
}

static void report(oracle *o, oracle_view *v, oracle_result *r) {
    const int32_t last = o->config.n_stages - 1;
    if (last < 0 || o->config.stages[last].kind != PLUCK_STAGE_DIST) oracle_softmax(v);
    r->token = v->token;
    r->logit = NAN;
    for (int32_t i = 0; i < v->n; ++i) {
        const oracle_candidate *c = &v->c[i];
        if (c->logit == -INFINITY) {
            ++r->n_masked;
            continue;
        }
        o->ids[r->n] = c->id;
        o->logits[r->n] = c->logit;
        o->probabilities[r->n] = c->p;
        o->slacks[r->n] = c->slack;
        o->keys[r->n] = v->keyed ? c->key : (double)i;
        ++r->n;
        if (c->id == v->token) {
            r->probability = c->p;
            r->logit = c->logit;
        }
    }
    r->key_tolerance = v->keyed ? 4.0 * ORACLE_BAND * v->key_scale : 0.0;
    r->descending = v->sorted;
    r->u = v->u;
    r->coin = v->coin;
    r->drawn_by_mass = v->token >= 0 && v->by_mass;
    r->by_id = v->by_id;
    r->draw_last = v->select_stage == o->config.n_stages - 1;
    r->n_near = v->n_near;
    r->wild = v->wild;
}

/* Is stage i the last of the chain, and does it only select a token? */
static bool only_selects(const oracle *o, int32_t i) {
    const pluck_stage_kind kind = o->config.stages[i].kind;
    return i == o->config.n_stages - 1 && (kind == PLUCK_STAGE_DIST || kind == PLUCK_STAGE_GREEDY);
}

static double weight_of(const oracle_view *v) {
    double sum = 0.0;
    for (int32_t i = 0; i < v->n; ++i) {
        if (v->c[i].logit != -INFINITY) sum += exp(oracle_effective(v, &v->c[i]) - v->max);
    }
    return sum;
}

/* The greatest rounding error of a float32 logit that may still matter: one within 40
 * nats of the maximum. */
static double slack_of(const oracle_view *v) {
    double top = -INFINITY, most = 0.0;
    for (int32_t i = 0; i < v->n; ++i) top = v->c[i].logit > top ? v->c[i].logit : top;
    for (int32_t i = 0; i < v->n && isfinite(top); ++i) {
        const oracle_candidate *c = &v->c[i];
        if (c->logit + c->slack >= top - 40.0 && c->slack > most) most = c->slack;
    }
    return most;
}

pluck_status oracle_sample(oracle *o, const pluck_row *row, oracle_result *r) {
    const int32_t n_stages = o->config.n_stages;
    memset(r, 0, sizeof *r);
    r->ids = o->ids;
    r->logits = o->logits;
    r->probabilities = o->probabilities;
    r->order_keys = o->keys;
    r->slacks = o->slacks;
    r->near = o->near;
    memset(o->near, 0, (size_t)o->config.n_vocab);

    oracle_view v = {.c = o->candidates,
                     .token = -1,
                     .select_stage = -1,
                     .u = NAN,
                     .coin = NAN,
                     .near = o->near,
                     .band = ORACLE_BAND,
                     .n_vocab = o->config.n_vocab,
                     .expected = o->expected};
    oracle_memory *before = malloc(((size_t)n_stages + 1) * sizeof *before);
    if (!before) return r->status = PLUCK_ERR_MEMORY;
    memcpy(before, o->memory, (size_t)n_stages * sizeof *before);

    r->status = load(o, row, &v);
    if (r->status == PLUCK_OK && oracle_unmasked(&v) == 0) r->status = PLUCK_ERR_EMPTY;
    for (int32_t i = 0; i < n_stages && r->status == PLUCK_OK; ++i) {
        pluck_status status = PLUCK_OK;
        if (!run(o, &v, row, i, &status)) r->status = status ? status : PLUCK_ERR_EMPTY;
        /* An uncertain set makes the sums uncertain, and so the boundaries of later stages: a
         * little, or (see below) so much that any outcome is excused. */
        if (v.n_near) v.band = fmax(v.band, 4.0 * ORACLE_BAND);
        /* Logits that float32 has rounded make decisions uncertain by as much. From a thousandth of
         * a nat on, any outcome is excused. */
        const double slack = v.edited ? slack_of(&v) : 0.0;
        if (slack > v.band) v.band = slack;
        if (slack > 1e-3) v.wild = true;
        if (v.n_near && i + 1 < n_stages && !only_selects(o, i + 1)) {
            v.wild = v.wild || v.near_weight > ORACLE_BAND * weight_of(&v);
        }
    }
    if (r->status == PLUCK_OK && !oracle_evaluate(&v)) r->status = PLUCK_ERR_EMPTY;
    if (r->status == PLUCK_OK) {
        report(o, &v, r);
    } else {
        memcpy(o->memory, before, (size_t)n_stages * sizeof *before);
    }
    free(before);
    return r->status;
}
