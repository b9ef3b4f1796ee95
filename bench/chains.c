/*
 * chains.c: the table of the benchmark's chains.
 */
#include "chains.h"

#define DIST                                                                                       \
    { .kind = PLUCK_STAGE_DIST, .as.dist.seed = PLUCK_SEED_RANDOM }
#define TOP_K(k_)                                                                                  \
    { .kind = PLUCK_STAGE_TOP_K, .as.top_k.k = (k_) }
#define TOP_P(p_)                                                                                  \
    {                                                                                              \
        .kind = PLUCK_STAGE_TOP_P, .as.top_p = {(p_), 1 }                                          \
    }
#define MIN_P(p_)                                                                                  \
    {                                                                                              \
        .kind = PLUCK_STAGE_MIN_P, .as.min_p = {(p_), 1 }                                          \
    }
#define TYPICAL(p_)                                                                                \
    {                                                                                              \
        .kind = PLUCK_STAGE_TYPICAL, .as.typical = {(p_), 1 }                                      \
    }
#define TEMP(t_)                                                                                   \
    {                                                                                              \
        .kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {(t_), 0, 1 }                           \
    }
#define DYNAMIC(t_, r_)                                                                            \
    {                                                                                              \
        .kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {(t_), (r_), 1 }                        \
    }
#define SIGMA(n_)                                                                                  \
    { .kind = PLUCK_STAGE_TOP_N_SIGMA, .as.top_n_sigma.n = (n_) }
#define XTC(p_, t_)                                                                                \
    {                                                                                              \
        .kind = PLUCK_STAGE_XTC, .as.xtc = {                                                       \
            .probability = (p_),                                                                   \
            .threshold = (t_),                                                                     \
            .min_keep = 1,                                                                         \
            .seed = PLUCK_SEED_RANDOM                                                              \
        }                                                                                          \
    }
#define MIROSTAT(kind_)                                                                            \
    {                                                                                              \
        .kind = (kind_), .as.mirostat = { 5, 0.1f, 100, PLUCK_SEED_RANDOM }                        \
    }
#define ADAPTIVE(t_)                                                                               \
    {                                                                                              \
        .kind = PLUCK_STAGE_ADAPTIVE_P, .as.adaptive_p = {(t_), 0.9f, PLUCK_SEED_RANDOM }          \
    }

#define TOP_A(a_)                                                                                  \
    {                                                                                              \
        .kind = PLUCK_STAGE_TOP_A, .as.top_a = {(a_), 1 }                                          \
    }
#define EPSILON(e_)                                                                                \
    {                                                                                              \
        .kind = PLUCK_STAGE_EPSILON_CUTOFF, .as.epsilon_cutoff = {(e_), 1 }                        \
    }
#define ETA(e_)                                                                                    \
    {                                                                                              \
        .kind = PLUCK_STAGE_ETA_CUTOFF, .as.eta_cutoff = {(e_), 1 }                                \
    }
#define TFS(z_)                                                                                    \
    {                                                                                              \
        .kind = PLUCK_STAGE_TFS, .as.tfs = {(z_), 1, 0 }                                           \
    }
#define TOP_H(a_)                                                                                  \
    { .kind = PLUCK_STAGE_TOP_H, .as.top_h.alpha = (a_) }
#define MIN_K(t_)                                                                                  \
    { .kind = PLUCK_STAGE_MIN_K, .as.min_k.tau = (t_) }
#define SMOOTHING(f_)                                                                              \
    {                                                                                              \
        .kind = PLUCK_STAGE_SMOOTHING, .as.smoothing = {(f_), 1 }                                  \
    }
#define SKEW(s_)                                                                                   \
    {                                                                                              \
        .kind = PLUCK_STAGE_SKEW, .as.skew = {(s_), PLUCK_SEED_RANDOM }                            \
    }
#define GUIDANCE(s_)                                                                               \
    { .kind = PLUCK_STAGE_GUIDANCE, .as.guidance.scale = (s_) }
#define CONTRASTIVE(a_, b_)                                                                        \
    {                                                                                              \
        .kind = PLUCK_STAGE_CONTRASTIVE, .as.contrastive = {(a_), (b_), 0 }                        \
    }
#define NGRAMS(n_)                                                                                 \
    {                                                                                              \
        .kind = PLUCK_STAGE_NO_REPEAT_NGRAM, .as.no_repeat_ngram = {(n_), HISTORY_LENGTH }         \
    }
#define P_LESS                                                                                     \
    { .kind = PLUCK_STAGE_P_LESS, .as.p_less.enabled = 1 }
#define P_LESS_NORM                                                                                \
    { .kind = PLUCK_STAGE_P_LESS_NORM, .as.p_less_norm.enabled = 1 }

/* Four breakers, as many as llama.cpp has by default. */
static const int32_t breaker_tokens[] = {198, 25, 1, 9, 2303};
static const pluck_token_sequence breakers[] = {{&breaker_tokens[0], 1},
                                                {&breaker_tokens[1], 1},
                                                {&breaker_tokens[2], 1},
                                                {&breaker_tokens[3], 2}};

#define SPARED(p_, t_)                                                                             \
    {                                                                                              \
        .kind = PLUCK_STAGE_XTC, .as.xtc = {                                                       \
            .probability = (p_),                                                                   \
            .threshold = (t_),                                                                     \
            .min_keep = 1,                                                                         \
            .seed = PLUCK_SEED_RANDOM,                                                             \
            .spared = breaker_tokens,                                                              \
            .n_spared = 2                                                                          \
        }                                                                                          \
    }
#define BAD_WORDS                                                                                  \
    {                                                                                              \
        .kind = PLUCK_STAGE_BAD_WORDS, .as.bad_words = { breakers, 4 }                             \
    }
#define MIN_TOKENS                                                                                 \
    {                                                                                              \
        .kind = PLUCK_STAGE_MIN_TOKENS, .as.min_tokens = { 1000, breaker_tokens, 2 }               \
    }

/* Biases of tokens all over the vocabulary; filled before a chain with them is made. */
enum { MOST_BIASES = 100000 };
static pluck_logit_bias biases[MOST_BIASES];

#define BIASES(n_)                                                                                 \
    {                                                                                              \
        .kind = PLUCK_STAGE_LOGIT_BIAS, .as.logit_bias = { biases, (n_) }                          \
    }

static void fill_biases(int32_t n, int32_t n_vocab) {
    for (int32_t i = 0; i < n; i++)
        biases[i] = (pluck_logit_bias){(int32_t)((int64_t)i * n_vocab / n), (float)(i % 7) * 0.1f};
}

const bench_chain bench_chains[] = {
    {"greedy", 1.3, .stages = {{.kind = PLUCK_STAGE_GREEDY}}},
    {"min_p .05, dist", 3, .stages = {MIN_P(0.05f), DIST}},
    {"default: top_k 40, top_p .95, min_p .05, temp .8", 2.5,
     .stages = {TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f), DIST}},
    {"penalties and DRY (64 tokens), default", 4, .history = true,
     .stages = {{.kind = PLUCK_STAGE_PENALTIES,
                 .as.penalties =
                     {.last_n = HISTORY_LENGTH, .repeat = 1.1f, .freq = 0.1f, .present = 0.1f}},
                {.kind = PLUCK_STAGE_DRY,
                 .as.dry = {.multiplier = 0.8f,
                            .base = 1.75f,
                            .allowed_length = 2,
                            .last_n = HISTORY_LENGTH,
                            .breakers = breakers,
                            .n_breakers = 4}},
                TOP_K(40),
                TOP_P(0.95f),
                MIN_P(0.05f),
                TEMP(0.8f),
                DIST}},
    {"1,000 biases, default", 4,
     .stages = {BIASES(1000), TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f), DIST}},
    {"100,000 biases, default", 4,
     .stages = {BIASES(MOST_BIASES), TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f), DIST}},
    {"top_k 1000, dist", 6, .stages = {TOP_K(1000), DIST}},
    {"top_n_sigma 1, dist", 6, .stages = {SIGMA(1), DIST}},
    {"dist, mt19937", 9, .stages = {DIST}},
    {"dist, philox", 9, .rng = PLUCK_RNG_PHILOX, .stages = {DIST}},
    {"top_p .95, dist", 10, .stages = {TOP_P(0.95f), DIST}},
    {"top_p .95, min_p .05, temp .8, dist", 10,
     .stages = {TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f), DIST}},
    {"temp 1.5, top_p .99, dist", 22, .stages = {TEMP(1.5f), TOP_P(0.99f), DIST}},
    {"xtc (always), dist", 10, .stages = {XTC(1, 0.1f), DIST}},
    {"dynamic temperature 1 +- .5, dist", 14, .stages = {DYNAMIC(1, 0.5f), DIST}},
    {"typical .95, dist", 18, .stages = {TYPICAL(0.95f), DIST}},
    {"top_a .1, dist", 11, .stages = {TOP_A(0.1f), DIST}},
    {"epsilon_cutoff 3e-4, dist", 11, .stages = {EPSILON(3e-4f), DIST}},
    {"eta_cutoff 3e-4, dist", 20, .stages = {ETA(3e-4f), DIST}},
    {"p_less, dist", 11, .stages = {P_LESS, DIST}},
    {"p_less_norm, dist", 11, .stages = {P_LESS_NORM, DIST}},
    {"tfs .95, dist", 36, .stages = {TFS(0.95f), DIST}},
    {"top_h .4, dist", 36, .stages = {TOP_H(0.4f), DIST}},
    {"min_k 3, dist", 13, .stages = {MIN_K(3), DIST}},
    {"smoothing .3, dist", 12, .stages = {SMOOTHING(0.3f), DIST}},
    {"skew 1", 13, .stages = {SKEW(1)}},
    {"xtc (always, sparing two tokens), dist", 10, .stages = {SPARED(1, 0.1f), DIST}},
    {"min_tokens, bad_words, no_repeat_ngram 3 (64 tokens), default", 4, .history = true,
     .stages = {MIN_TOKENS, BAD_WORDS, NGRAMS(3), TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f),
                DIST}},
    {"guidance 1.5, dist", 13, .second = true, .stages = {GUIDANCE(1.5f), DIST}},
    {"guidance 1.5, default", 5, .second = true,
     .stages = {GUIDANCE(1.5f), TOP_K(40), TOP_P(0.95f), MIN_P(0.05f), TEMP(0.8f), DIST}},
    {"guidance 1.5, top_p .95, dist", 22, .second = true,
     .stages = {GUIDANCE(1.5f), TOP_P(0.95f), DIST}},
    {"contrastive .1, .5, dist", 4, .second = true, .stages = {CONTRASTIVE(0.1f, 0.5f), DIST}},
    {"mirostat v1", 10, .stages = {MIROSTAT(PLUCK_STAGE_MIROSTAT)}},
    {"mirostat v2", 14, .stages = {MIROSTAT(PLUCK_STAGE_MIROSTAT_V2)}},
    {"adaptive-p .5", 20, .stages = {ADAPTIVE(0.5f)}},
};
const int n_bench_chains = sizeof bench_chains / sizeof bench_chains[0];

pluck_config bench_chain_config(const bench_chain *chain, int32_t n_vocab,
                                pluck_workspace *workspace) {
    pluck_config config = {.n_vocab = n_vocab,
                           .seed = 42,
                           .rng = chain->rng,
                           .stages = chain->stages,
                           .workspace = workspace};
    while (config.n_stages < CHAIN_MAX_STAGES && chain->stages[config.n_stages].kind != 0) {
        const pluck_stage *stage = &chain->stages[config.n_stages++];
        if (stage->kind == PLUCK_STAGE_LOGIT_BIAS)
            fill_biases(stage->as.logit_bias.n_biases, n_vocab);
    }
    return config;
}

pluck_status bench_chain_history(const float *row, int32_t n_vocab, pluck_workspace *workspace,
                                 int32_t *tokens) {
    enum { N_LIKELY = HISTORY_LENGTH / 4 };
    float logprobs[N_LIKELY];
    const pluck_row all = {.logits = row, .n = n_vocab, .workspace = workspace};
    const pluck_status status = pluck_top_logprobs(&all, N_LIKELY, tokens, logprobs, NULL, 0, NULL);
    for (int i = N_LIKELY; i < HISTORY_LENGTH; i++) tokens[i] = tokens[i - N_LIKELY];
    return status;
}

pluck_status bench_chain_sampler(pluck_sampler **out, const bench_chain *chain, const float *row,
                                 int32_t n_vocab, pluck_workspace *workspace) {
    const pluck_config config = bench_chain_config(chain, n_vocab, workspace);
    pluck_sampler *sampler = NULL;
    pluck_status status = pluck_sampler_create(&sampler, &config);
    int32_t tokens[HISTORY_LENGTH] = {0};
    if (status == PLUCK_OK && chain->history) {
        status = bench_chain_history(row, n_vocab, pluck_sampler_workspace(sampler), tokens);
    }
    for (int i = 0; chain->history && i < HISTORY_LENGTH && status == PLUCK_OK; i++) {
        status = pluck_accept(sampler, tokens[i]);
    }
    if (status == PLUCK_OK) {
        *out = sampler;
    } else {
        pluck_sampler_free(sampler);
    }
    return status;
}
