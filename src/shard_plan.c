/* shard_plan.c: which steps the ranks do on their slices, and what the next one needs. See shard.h. */
#include "arithmetic.h"

#include "shard.h"

#include <stddef.h>

/* ---- the steps ---- */

/* Whether a stage changes logits one by one, so that a rank can do it for its own. */
static bool is_edit(pluck_stage_kind kind) {
    return kind == PLUCK_STAGE_LOGIT_BIAS || kind == PLUCK_STAGE_PENALTIES ||
           kind == PLUCK_STAGE_DRY || kind == PLUCK_STAGE_MIN_TOKENS ||
           kind == PLUCK_STAGE_BAD_WORDS || kind == PLUCK_STAGE_NO_REPEAT_NGRAM;
}

static bool is_temperature(const pluck_stage *stage) {
    return stage->kind == PLUCK_STAGE_TEMPERATURE && stage->as.temperature.range <= 0.0f &&
           stage->as.temperature.t > 0.0f;
}

/* Moves p->at past plain temperatures, and says whether the sums of a row would still be those of its
 * first reading: a temperature above 1 after one below makes the call read it before. */
static bool pass_temperatures(const pluck_sampler *s, shard_plan *p) {
    bool unread = true;
    for (; p->at < s->plan->n_steps && is_temperature(s->plan->steps[p->at].stage); p->at++) {
        const double t = (double)s->plan->steps[p->at].stage->as.temperature.t;
        unread &= !(t > 1.0 && p->scale > 1.0);
        p->scale = clamp(p->scale / t, 1e-30, 1e30);
    }
    return unread;
}

static void take_top(shard_plan *p, int32_t k, int32_t n_candidates) {
    if (k > n_candidates) return;
    p->need = NEED_TOP;
    p->k = p->most = k;
    p->sorted = k <= SHORT_LIST;
}

static void take_all_that_fit(shard_plan *p, shard_need need, int32_t min_keep,
                              int32_t n_candidates) {
    if (min_keep > n_candidates) return;
    p->need = need;
    p->k = p->most = n_candidates;
}

/* What step p->at needs; `last`: no step comes after it. */
static void take_step(const pluck_stage *stage, bool last, bool unread, int32_t n_candidates,
                      bool skip_probability, shard_plan *p) {
    switch (stage->kind) {
    case PLUCK_STAGE_TEMPERATURE:
        if (stage->as.temperature.range <= 0.0f) take_top(p, 1, n_candidates);
        return;
    case PLUCK_STAGE_GREEDY:
        if (!last) return;
        take_top(p, 1, n_candidates);
        p->sums = !skip_probability;
        return;
    case PLUCK_STAGE_TOP_K:
        take_top(p, stage->as.top_k.k, n_candidates);
        return;
    case PLUCK_STAGE_MIN_P:
        take_all_that_fit(p, NEED_FLOOR, stage->as.min_p.min_keep, n_candidates);
        return;
    case PLUCK_STAGE_TOP_P:
        if (!unread) return;
        take_all_that_fit(p, NEED_MASS, stage->as.top_p.min_keep, n_candidates);
        p->sums = p->need == NEED_MASS;
        p->from = p->at;
        return;
    case PLUCK_STAGE_DIST:
        if (!last || !unread) return;
        p->need = NEED_DRAW;
        p->sums = true;
        return;
    default:
        return;
    }
}

shard_plan pk_shard_plan(const pluck_sampler *s, int32_t n_candidates,
                         const pluck_shard_request *request) {
    const plan *of = s->plan;
    shard_plan p = {.need = NEED_ROW, .scale = 1.0};
    while (p.n_edits < of->n_steps && is_edit(of->steps[p.n_edits].kind->kind)) p.n_edits++;
    p.from = p.at = p.n_edits;
    const bool unread = pass_temperatures(s, &p);
    if (p.at == of->n_steps)
        take_top(&p, 1, n_candidates); /* the chain will fail, because it selects nothing */
    else
        take_step(of->steps[p.at].stage, p.at + 1 == of->n_steps, unread, n_candidates,
                  request->skip_probability, &p);
    /* A row of one block is a message already. */
    if (of->config.n_vocab <= BLOCK && (p.need == NEED_MASS || p.need == NEED_DRAW))
        p.need = NEED_ROW;
    return p;
}

/* ---- digests ---- */

static uint64_t mix(uint64_t digest, uint64_t value) {
    digest = (digest ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return digest ^ digest >> 29;
}

static uint64_t mix_double(uint64_t digest, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mix(digest, bits);
}

/* A parameter of four bytes. */
typedef struct parameter {
    pluck_stage_kind kind;
    size_t offset;
} parameter;

#define P(KIND, member)                                                                            \
    { PLUCK_STAGE_##KIND, offsetof(pluck_stage, as.member) }

static const parameter PARAMETERS[] = {
    P(LOGIT_BIAS, logit_bias.n_biases),
    P(PENALTIES, penalties.last_n),
    P(PENALTIES, penalties.repeat),
    P(PENALTIES, penalties.freq),
    P(PENALTIES, penalties.present),
    P(PENALTIES, penalties.n_exempt),
    P(PENALTIES, penalties.output_only),
    P(DRY, dry.multiplier),
    P(DRY, dry.base),
    P(DRY, dry.allowed_length),
    P(DRY, dry.last_n),
    P(DRY, dry.n_breakers),
    P(DRY, dry.n_exempt),
    P(TOP_N_SIGMA, top_n_sigma.n),
    P(TOP_K, top_k.k),
    P(TYPICAL, typical.p),
    P(TYPICAL, typical.min_keep),
    P(TOP_P, top_p.p),
    P(TOP_P, top_p.min_keep),
    P(MIN_P, min_p.p),
    P(MIN_P, min_p.min_keep),
    P(XTC, xtc.probability),
    P(XTC, xtc.threshold),
    P(XTC, xtc.min_keep),
    P(XTC, xtc.seed),
    P(XTC, xtc.n_spared),
    P(TEMPERATURE, temperature.t),
    P(TEMPERATURE, temperature.range),
    P(TEMPERATURE, temperature.exponent),
    P(INFILL, infill.eot),
    P(DIST, dist.seed),
    P(MIROSTAT, mirostat.tau),
    P(MIROSTAT, mirostat.eta),
    P(MIROSTAT, mirostat.m),
    P(MIROSTAT, mirostat.seed),
    P(MIROSTAT_V2, mirostat.tau),
    P(MIROSTAT_V2, mirostat.eta),
    P(MIROSTAT_V2, mirostat.m),
    P(MIROSTAT_V2, mirostat.seed),
    P(ADAPTIVE_P, adaptive_p.target),
    P(ADAPTIVE_P, adaptive_p.decay),
    P(ADAPTIVE_P, adaptive_p.seed),
    P(TOP_A, top_a.a),
    P(TOP_A, top_a.min_keep),
    P(EPSILON_CUTOFF, epsilon_cutoff.epsilon),
    P(EPSILON_CUTOFF, epsilon_cutoff.min_keep),
    P(ETA_CUTOFF, eta_cutoff.epsilon),
    P(ETA_CUTOFF, eta_cutoff.min_keep),
    P(TFS, tfs.z),
    P(TFS, tfs.min_keep),
    P(TFS, tfs.extra),
    P(TOP_H, top_h.alpha),
    P(MIN_K, min_k.tau),
    P(SMOOTHING, smoothing.factor),
    P(SMOOTHING, smoothing.curve),
    P(SKEW, skew.skew),
    P(SKEW, skew.seed),
    P(MIN_TOKENS, min_tokens.min_tokens),
    P(MIN_TOKENS, min_tokens.n_ends),
    P(BAD_WORDS, bad_words.n_words),
    P(NO_REPEAT_NGRAM, no_repeat_ngram.size),
    P(NO_REPEAT_NGRAM, no_repeat_ngram.last_n),
    P(GUIDANCE, guidance.scale),
    P(CONTRASTIVE, contrastive.alpha),
    P(CONTRASTIVE, contrastive.beta),
    P(CONTRASTIVE, contrastive.difference),
};

static uint64_t mix_ids(uint64_t digest, const int32_t *ids, int32_t n) {
    digest = mix(digest, (uint64_t)n);
    for (int32_t i = 0; i < n; i++) digest = mix(digest, (uint64_t)ids[i]);
    return digest;
}

static uint64_t mix_sequences(uint64_t digest, const pluck_token_sequence *of, int32_t n) {
    for (int32_t i = 0; i < n; i++) digest = mix_ids(digest, of[i].tokens, of[i].n_tokens);
    return digest;
}

/* What the parameters of a stage point to. */
static uint64_t mix_arrays(uint64_t digest, const pluck_stage *stage) {
    switch (stage->kind) {
    case PLUCK_STAGE_LOGIT_BIAS:
        for (int32_t i = 0; i < stage->as.logit_bias.n_biases; i++) {
            const pluck_logit_bias *b = &stage->as.logit_bias.biases[i];
            digest = mix_double(mix(digest, (uint64_t)b->token), (double)b->bias);
        }
        return digest;
    case PLUCK_STAGE_PENALTIES:
        return mix_ids(digest, stage->as.penalties.exempt, stage->as.penalties.n_exempt);
    case PLUCK_STAGE_DRY:
        digest = mix_sequences(digest, stage->as.dry.breakers, stage->as.dry.n_breakers);
        return mix_ids(digest, stage->as.dry.exempt, stage->as.dry.n_exempt);
    case PLUCK_STAGE_XTC:
        return mix_ids(digest, stage->as.xtc.spared, stage->as.xtc.n_spared);
    case PLUCK_STAGE_MIN_TOKENS:
        return mix_ids(digest, stage->as.min_tokens.ends, stage->as.min_tokens.n_ends);
    case PLUCK_STAGE_BAD_WORDS:
        return mix_sequences(digest, stage->as.bad_words.words, stage->as.bad_words.n_words);
    default:
        return digest;
    }
}

static uint64_t mix_parameters(uint64_t digest, const pluck_stage *stage) {
    for (size_t i = 0; i < sizeof PARAMETERS / sizeof *PARAMETERS; i++) {
        if (PARAMETERS[i].kind != stage->kind) continue;
        uint32_t bits;
        memcpy(&bits, (const char *)stage + PARAMETERS[i].offset, sizeof bits);
        digest = mix(digest, bits);
    }
    return mix_arrays(digest, stage);
}

/* The chain's part, which is computed once for all samplers that share the plan. */
static uint64_t digest_of_chain(plan *p) {
    uint32_t found = atomic_load_explicit(&p->digest, memory_order_relaxed);
    if (found != 0) return found;
    uint64_t digest = mix(0, (uint64_t)p->config.rng);
    for (int32_t i = 0; i < p->n_steps; i++) {
        digest = mix(digest, (uint64_t)p->steps[i].kind->kind);
        digest = mix_parameters(digest, p->steps[i].stage);
    }
    found = (uint32_t)(digest >> 32) | 1u;
    atomic_store_explicit(&p->digest, found, memory_order_relaxed);
    return found;
}

/* What a stage remembers; of a history its length and its last tokens. */
static uint64_t mix_state(uint64_t digest, const pluck_sampler *s, int32_t i) {
    enum { LAST = 4 };
    const step *at = &s->plan->steps[i];
    const rng_stream *stream = pk_stream_of(s, at);
    const history *h = pk_history_of(s, at);
    if (stream) digest = mix(digest, stream->position);
    if (h) digest = mix(digest, (uint64_t)h->size);
    for (int32_t back = 0; h && back < h->size && back < LAST; back++)
        digest = mix(digest, (uint64_t)pk_history_back(h, back));
    if (!journal_remembers(at->kind)) return digest;
    digest = mix_double(digest, s->memory[i].mu);
    return mix_double(digest, s->memory[i].adaptive.weighted_sum);
}

uint64_t pk_shard_digest(const pluck_sampler *s) {
    uint64_t digest = mix(digest_of_chain(s->plan), s->seed);
    for (int32_t i = 0; i < s->plan->n_steps; i++) digest = mix_state(digest, s, i);
    return digest;
}

uint64_t pk_shard_request_digest(const pluck_shard_request *request) {
    uint64_t digest = mix(mix(0, (uint64_t)request->dtype), (uint64_t)request->skip_probability);
    digest = mix(mix(digest, (uint64_t)request->ask), (uint64_t)(uint32_t)request->block);
    digest = mix_double(digest, (double)request->reference);
    return mix_double(mix_double(digest, request->mass), request->into);
}
