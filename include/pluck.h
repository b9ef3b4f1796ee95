/*
 * pluck.h: from a row of logits to a token.
 *
 * An inference engine has a row of n_vocab logits and needs one token. A pluck_sampler is a chain
 * of stages (penalties, truncations, temperature, a draw) in the order that the caller chooses,
 * with the definitions, defaults and edge cases of llama.cpp v0.5.0's samplers; docs/samplers.md
 * has the formula and the source of each. The row is never written to. Sampling and accepting
 * allocate nothing.
 *
 *     pluck_sampler *s;
 *     pluck_sampler_from_spec(&s, "temp=0.8;top_k=40;top_p=0.95;min_p=0.05", n_vocab, NULL);
 *     int32_t token;
 *     pluck_sample(s, logits, &token);
 *     pluck_accept(s, token);
 *     pluck_sampler_free(s);
 *
 * Errors. Every function that can fail returns a pluck_status: PLUCK_OK (0) or a negative code. The
 * comments below name the codes without the prefix PLUCK_. A call that fails changes nothing: it
 * writes no output, uses no random number and changes no history. The library prints nothing,
 * leaves errno as it was and never ends the process.
 *
 * Threads. One thread at a time may use a sampler, and the same holds for a workspace. Different
 * samplers with different workspaces may be used by any number of threads at once. Clones share
 * only data that never changes, so they may be used on different threads. Functions that take
 * neither a sampler nor a workspace may be called from any thread.
 *
 * Logits. A token at -inf is masked: it cannot be drawn. A NaN at an allowed token is an error. If
 * a row has tokens at +inf, they share the probability equally and every other token has none. Of
 * equal logits the lower token id always comes first. Results do not depend on the instruction set
 * in use.
 */
#ifndef PLUCK_H
#define PLUCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(PLUCK_SHARED)
#ifdef PLUCK_BUILDING
#define PLUCK_API __declspec(dllexport)
#else
#define PLUCK_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define PLUCK_API __attribute__((visibility("default")))
#else
#define PLUCK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define PLUCK_VERSION_MAJOR 0
#define PLUCK_VERSION_MINOR 1
#define PLUCK_VERSION_PATCH 0

/* The version of the library that the program is linked with, such as "0.1.0". Static text. */
PLUCK_API const char *pluck_version(void);

/* The largest sizes that pluck_sampler_create accepts. */
#define PLUCK_MAX_VOCAB   16777216 /* tokens in a vocabulary */
#define PLUCK_MAX_STAGES  64       /* stages in a chain */
#define PLUCK_MAX_LAST_N  1048576  /* tokens in a history */
#define PLUCK_MAX_BREAKER 64       /* tokens in a DRY sequence breaker */
#define PLUCK_MAX_REWIND  4096     /* accepted tokens that a sampler can take back */

/* ------------------------------------------------------------------------------------------------
 * Status
 * ---------------------------------------------------------------------------------------------- */

/* X(name, code, message) for every status. */
#define PLUCK_STATUS_MAP(X)                                                                        \
    X(OK, 0, "success")                                                                            \
    X(ERR_NULL, -1, "a required pointer is NULL")                                                  \
    X(ERR_MEMORY, -2, "out of memory")                                                             \
    X(ERR_VOCAB, -3, "n_vocab is out of range (1 to 16777216)")                                    \
    X(ERR_STAGE, -4, "a stage of the chain has an unknown kind, or is in the wrong place")         \
    X(ERR_PARAM, -5, "a parameter of a stage is out of range")                                     \
    X(ERR_TOKEN, -6, "a token id is outside the vocabulary")                                       \
    X(ERR_NAN, -7, "an allowed logit is NaN")                                                      \
    X(ERR_EMPTY, -8, "no candidate is left: every token is masked")                                \
    X(ERR_ROW, -9, "the row has an unknown dtype, or n out of range")                              \
    X(ERR_ORDER, -10, "the row is declared descending and is not")                                 \
    X(ERR_WORKSPACE, -11, "the workspace is for a smaller vocabulary")                             \
    X(ERR_NO_DRAW, -12, "the chain has no stage that selects a token")                             \
    X(ERR_CALLBACK, -13, "a callback failed or broke its contract")                                \
    X(ERR_NO_RESULT, -14, "there is no result to read: the last call on this workspace failed")    \
    X(ERR_SPEC_SYNTAX, -15, "the spec is not a list of key=value pairs")                           \
    X(ERR_SPEC_KEY, -16, "the spec has an unknown key")                                            \
    X(ERR_SPEC_VALUE, -17, "a value in the spec is not of its key's kind")                         \
    X(ERR_SPEC_RANGE, -18, "a value in the spec is out of range")                                  \
    X(ERR_SPEC_DUPLICATE, -19, "a key is given twice in the spec")                                 \
    X(ERR_RNG, -20, "the generator is unknown, or cannot do what was asked")                       \
    X(ERR_SIZE, -21, "a size or count is out of range")                                            \
    X(ERR_BATCH, -22, "rows of the batch failed: their statuses say which")                        \
    X(ERR_SHARED, -23, "a sampler or a batch is in use already")                                   \
    X(ERR_CANCELLED, -24, "the executor did not run this row")                                     \
    X(ERR_REWIND, -25, "the sampler cannot go back that far, or has a stage that cannot go back")  \
    X(ERR_STATE, -26, "the saved state is damaged, or is not of this version and chain")           \
    X(ERR_SHARD, -27, "the messages of the shards are damaged, or do not fit together")            \
    X(ERR_SECOND_ROW, -28, "guidance and contrastive need a second row, and the row has none")

typedef enum pluck_status {
#define PLUCK_STATUS_ENUM(name, code, message) PLUCK_##name = (code),
    PLUCK_STATUS_MAP(PLUCK_STATUS_ENUM)
#undef PLUCK_STATUS_ENUM
} pluck_status;

/* The message of a status: one line without a full stop. "unknown status" for any other number.
 * Static text. */
PLUCK_API const char *pluck_status_string(pluck_status status);

/* The name of a status, such as "PLUCK_ERR_NAN"; "PLUCK_UNKNOWN" for any other number. Static
 * text. */
PLUCK_API const char *pluck_status_name(pluck_status status);

/* What went wrong, in words: which key or parameter, its value, and what is allowed. Functions that
 * take a pluck_error write it only if they fail. */
typedef struct pluck_error {
    pluck_status status;
    char message[480]; /* one line, always terminated; cut if it is longer */
} pluck_error;

/* ------------------------------------------------------------------------------------------------
 * Memory
 * ---------------------------------------------------------------------------------------------- */

/*
 * Where memory comes from. All members zero: malloc and free. One function without the other is
 * ERR_NULL. `allocate` returns `size` bytes aligned for any type, or NULL if there is no memory;
 * `deallocate` gets such a pointer and the size that was asked for. Only functions that create,
 * clone and free call them, on the thread that calls those.
 */
typedef struct pluck_allocator {
    void *(*allocate)(void *ctx, size_t size);
    void (*deallocate)(void *ctx, void *pointer, size_t size);
    void *ctx;
} pluck_allocator;

/*
 * The memory that one call needs while it runs, about 21 bytes for each token of the vocabulary.
 * Between calls it holds only the result of the last one (pluck_workspace_candidates). Any number
 * of samplers may share a workspace as long as only one call at a time uses it.
 */
typedef struct pluck_workspace pluck_workspace;

/* Creates a workspace for rows of up to n_vocab logits (1 to 16777216). allocator is copied; NULL:
 * malloc and free. Errors: ERR_NULL, ERR_VOCAB, ERR_MEMORY. */
PLUCK_API pluck_status pluck_workspace_create(pluck_workspace **out, int32_t n_vocab,
                                              const pluck_allocator *allocator);

/* The size in bytes of a workspace for n_vocab tokens; 0 if n_vocab is out of range. */
PLUCK_API size_t pluck_workspace_size(int32_t n_vocab);

/* Frees a workspace. The samplers that were created with it must be freed first. NULL is
 * allowed. */
PLUCK_API void pluck_workspace_free(pluck_workspace *workspace);

/* ------------------------------------------------------------------------------------------------
 * The chain
 * ---------------------------------------------------------------------------------------------- */

/* Which random numbers the random stages use. u, in [0, 1), is the number that a draw uses. */
typedef enum pluck_rng_kind {
    /* llama.cpp's stream as built with libstdc++: std::mt19937. A draw uses two 32-bit words as one
     * double, XTC's coin one word as a 24-bit float. The token drawn is the first, in candidate
     * order, whose cumulative probability reaches u. */
    PLUCK_RNG_MT19937 = 0,
    /* Philox4x32-10 (Salmon et al., SC 2011). Draw number `position` of random stage number
     * `stream` (both from 0) uses the block of counter (position lo, position hi, 0, 0) under key
     * (seed, stream), whose first words are w0 and w1. u = ((w1 * 2^32 + w0) >> 11) * 2^-53; XTC's
     * coin is (w0 >> 8) * 2^-24. The token drawn is the first, in ascending order of id, whose
     * cumulative probability reaches u. So a draw depends only on the final distribution, the seed,
     * the stream and the position. */
    PLUCK_RNG_PHILOX = 1
} pluck_rng_kind;

/* The seed that means "take a random one"; pluck_sampler_seed returns the one that was taken. */
#define PLUCK_SEED_RANDOM 0xFFFFFFFFu

/* The kinds of stages. The numbers never change; a new kind gets the next one. */
typedef enum pluck_stage_kind {
    PLUCK_STAGE_LOGIT_BIAS = 1,
    PLUCK_STAGE_PENALTIES,
    PLUCK_STAGE_DRY,
    PLUCK_STAGE_TOP_N_SIGMA,
    PLUCK_STAGE_TOP_K,
    PLUCK_STAGE_TYPICAL,
    PLUCK_STAGE_TOP_P,
    PLUCK_STAGE_MIN_P,
    PLUCK_STAGE_XTC,
    PLUCK_STAGE_TEMPERATURE,
    PLUCK_STAGE_INFILL,
    PLUCK_STAGE_CUSTOM,
    /* These select a token. */
    PLUCK_STAGE_GREEDY,
    PLUCK_STAGE_DIST,
    PLUCK_STAGE_MIROSTAT,
    PLUCK_STAGE_MIROSTAT_V2,
    PLUCK_STAGE_ADAPTIVE_P,
    /* Added later: llama.cpp does not have them. */
    PLUCK_STAGE_TOP_A,
    PLUCK_STAGE_EPSILON_CUTOFF,
    PLUCK_STAGE_ETA_CUTOFF,
    PLUCK_STAGE_P_LESS,
    PLUCK_STAGE_P_LESS_NORM,
    PLUCK_STAGE_TFS,
    PLUCK_STAGE_TOP_H,
    PLUCK_STAGE_MIN_K,
    PLUCK_STAGE_SMOOTHING,
    /* This one selects: */
    PLUCK_STAGE_SKEW,
    PLUCK_STAGE_MIN_TOKENS,
    PLUCK_STAGE_BAD_WORDS,
    PLUCK_STAGE_NO_REPEAT_NGRAM,
    /* These two need pluck_row.second, and come before all others: */
    PLUCK_STAGE_GUIDANCE,
    PLUCK_STAGE_CONTRASTIVE
} pluck_stage_kind;

/* A bias on the logit of one token. A bias of -inf masks the token. */
typedef struct pluck_logit_bias {
    int32_t token; /* 0 to n_vocab - 1 */
    float bias;    /* not NaN, not +inf */
} pluck_logit_bias;

/* Logit bias: adds each bias to its token's logit. Several biases of one token add up. */
typedef struct pluck_stage_logit_bias {
    const pluck_logit_bias *biases; /* n_biases of them, copied at creation */
    int32_t n_biases;               /* >= 0; 0 disables */
} pluck_stage_logit_bias;

/* Penalties: changes the logit x of every token that occurs c > 0 times among the last `last_n`
 * accepted tokens: x > 0 becomes x / repeat, any other x becomes x * repeat (Keskar et al. 2019;
 * the multiplication is llama.cpp's); then c * freq + present is subtracted (OpenAI's API). vLLM's
 * penalties are two such stages: one for `repeat` alone, then one for the others with output_only. */
typedef struct pluck_stage_penalties {
    int32_t last_n;        /* 0 to 1048576; 0 disables */
    float repeat;          /* finite, > 0, and 1 / repeat finite; 1: no penalty */
    float freq;            /* finite; 0: no penalty */
    float present;         /* finite; 0: no penalty */
    const int32_t *exempt; /* n_exempt tokens whose logits stay as they are, copied at creation */
    int32_t n_exempt;      /* >= 0 */
    int32_t output_only; /* 1: the tokens that pluck_accept_prompt tells do not count; 0: they do */
} pluck_stage_penalties;

/* A DRY sequence breaker: tokens that end a repeat. tokens[0] is its head, the rest its tail. */
typedef struct pluck_token_sequence {
    const int32_t *tokens;
    int32_t n_tokens; /* 1 to 64 */
} pluck_token_sequence;

/* DRY, "don't repeat yourself" (p-e-w; llama.cpp's port by pi6am). If a token would extend a repeat
 * of the last L accepted tokens, L >= allowed_length, its logit is lowered by
 * multiplier * base^(L - allowed_length). A repeat does not reach across a breaker. */
typedef struct pluck_stage_dry {
    float multiplier;                     /* finite; 0 disables */
    float base;                           /* finite; < 1 disables */
    int32_t allowed_length;               /* >= 0, in tokens */
    int32_t last_n;                       /* 0 to 1048576 tokens of history; 0 disables */
    const pluck_token_sequence *breakers; /* n_breakers of them, copied at creation */
    int32_t n_breakers;                   /* >= 0; 0: none */
    const int32_t *exempt; /* n_exempt tokens whose logits stay as they are, copied at creation */
    int32_t n_exempt;      /* >= 0. Such a token is still part of repeats, unlike a breaker */
} pluck_stage_dry;

/* Top-n-sigma (Tang et al. 2024): masks the logits below max - n * sigma, where sigma is the
 * standard deviation of the unmasked logits. */
typedef struct pluck_stage_top_n_sigma {
    float n; /* not NaN; <= 0 disables */
} pluck_stage_top_n_sigma;

/* Top-k (Fan et al. 2018): keeps the k most likely candidates. */
typedef struct pluck_stage_top_k {
    int32_t k; /* <= 0 disables; more than there are: all, sorted */
} pluck_stage_top_k;

/*
 * Locally typical (Meister et al. 2022), top-p (Holtzman et al. 2019) and min-p (Nguyen et al.
 * 2024). P is a candidate's probability, H the entropy in nats.
 *
 *     typical   the shortest prefix, by |-ln P - H| ascending, whose probabilities sum to > p
 *     top-p     the shortest prefix, by P descending, whose probabilities sum to >= p
 *     min-p     the candidates with P >= p * (greatest P)
 */
typedef struct pluck_stage_mass {
    float p;          /* 0 to 1; typical and top-p: 1 disables; min-p: 0 disables */
    int32_t min_keep; /* >= 0: how many candidates are kept at least */
} pluck_stage_mass;

/* Top-a (BlinkDL, in RWKV-LM): keeps the candidates with P >= a * (greatest P)^2. The most likely
 * one always stays. */
typedef struct pluck_stage_top_a {
    float a;          /* 0 to 1; 0 disables */
    int32_t min_keep; /* >= 0: how many candidates are kept at least */
} pluck_stage_top_a;

/* Epsilon and eta cut-off (Hewitt et al. 2022, "Truncation Sampling as Language Model Desmoothing";
 * transformers' epsilon_cutoff and eta_cutoff). With H the entropy in nats they keep
 *     epsilon: P >= epsilon        eta: P >= min(epsilon, sqrt(epsilon) * exp(-H))
 * and the min_keep most likely candidates with all that tie with the last of them; the most
 * probable one always. */
typedef struct pluck_stage_cutoff {
    float epsilon;    /* 0 to 1; 0 disables */
    int32_t min_keep; /* >= 0 */
} pluck_stage_cutoff;

/* p-less and p-less-norm (Tan, Wu, Howard 2025, arXiv 2509.23234), which have no parameter. With S the
 * sum of all P^2, and V the size of the vocabulary, masked tokens counted, they keep
 *     p-less: P >= S        p-less-norm: P >= (V S - 1) / (V - 1)
 * and the most likely candidate always. */
typedef struct pluck_stage_p_less {
    int32_t enabled; /* 0 or 1; 0 disables */
} pluck_stage_p_less;

/* Tail-free sampling (Bricken 2019; koboldcpp's and llama.cpp's code). With P sorted, descending, from
 * i = 0 on and d(i) = |P(i) - 2 P(i + 1) + P(i + 2)|: i is the first for which d(0) + ... + d(i) is
 * more than z times the sum of all d. Keeps max(i, min_keep, 1) + extra candidates, all if there is
 * no such i or there are not more than two. */
typedef struct pluck_stage_tfs {
    float z;          /* 0 to 1; 1 disables */
    int32_t min_keep; /* >= 0 */
    int32_t extra;    /* 0: as koboldcpp and llama.cpp; 1: as text-generation-webui and exllamav2 */
} pluck_stage_tfs;

/* Top-H (arXiv 2509.02510): keeps the longest prefix, by P descending, whose entropy, its
 * probabilities divided by their sum, is at most alpha times the entropy of all; one at least. */
typedef struct pluck_stage_top_h {
    float alpha; /* 0 to 1; 1 disables */
} pluck_stage_top_h;

/* Min-k (arXiv 2604.11012). With the logits of the unmasked sorted, x(1) >= ... >= x(n), and
 * R = x(1) - x(n): keeps the k most likely, k the greater of the first i at which
 * (x(i) - x(i + 1)) / i is greatest, and floor(tau / (R + 1e-8)). */
typedef struct pluck_stage_min_k {
    float tau; /* finite; < 0 disables */
} pluck_stage_min_k;

/* Quadratic smoothing (kalomaze; koboldcpp, text-generation-webui). With m the greatest logit and
 * d = x - m, each logit becomes
 *     m - factor * d^2 * (3 - curve) / 2 + factor * d^3 * (curve - 1) / 2
 * A curve from 1 to 3 keeps the order of the candidates. */
typedef struct pluck_stage_smoothing {
    float factor; /* 0 to 1e9; 0 disables */
    float curve;  /* -1e9 to 1e9; 1: no cubic term */
} pluck_stage_smoothing;

/* Skew (exllamav2): draws like dist, but in descending order whatever the generator, and where the
 * cumulative probability reaches u ^ exp(-skew). Above 0 it favours unlikely tokens, below 0 likely
 * ones. */
typedef struct pluck_stage_skew {
    float skew;    /* finite */
    uint32_t seed; /* PLUCK_SEED_RANDOM: the config's */
} pluck_stage_skew;

/* Minimum of new tokens (vLLM's min_tokens, transformers' min_new_tokens): masks the tokens that end a
 * generation until min_tokens have been accepted. The tokens of a prompt do not count if
 * pluck_accept_prompt has told them. */
typedef struct pluck_stage_min_tokens {
    int32_t min_tokens;  /* >= 0; 0 disables */
    const int32_t *ends; /* n_ends tokens, copied at creation */
    int32_t n_ends;      /* >= 0; 0 disables */
} pluck_stage_min_tokens;

/* Bad words (transformers' bad_words_ids): masks every token that would complete one of the
 * sequences, that is the last of a sequence whose other tokens are the last ones accepted. */
typedef struct pluck_stage_bad_words {
    const pluck_token_sequence *words; /* copied at creation; shared by clones */
    int32_t n_words;                   /* >= 0; 0 disables */
} pluck_stage_bad_words;

/* No-repeat n-gram (transformers, fairseq): masks every token that would complete a sequence of `size`
 * tokens which is already among the last `last_n` accepted. */
typedef struct pluck_stage_no_repeat_ngram {
    int32_t size;   /* >= 0; 0 disables */
    int32_t last_n; /* 0 to 1048576; 0 disables */
} pluck_stage_no_repeat_ngram;

/* XTC, "exclude top choices" (p-e-w): with probability `probability`, drops all candidates with
 * P >= threshold but the least likely of them, provided that at least min_keep remain, and that none
 * of the spared tokens, such as newline and end of sequence, is among those that would go
 * (text-generation-webui). The coin is flipped first. */
typedef struct pluck_stage_xtc {
    float probability;     /* 0 to 1; 0 disables */
    float threshold;       /* 0 to 1; > 0.5 disables */
    int32_t min_keep;      /* >= 0 */
    uint32_t seed;         /* PLUCK_SEED_RANDOM: the config's */
    const int32_t *spared; /* n_spared tokens, copied at creation */
    int32_t n_spared;      /* >= 0; 0: none is spared */
} pluck_stage_xtc;

/*
 * Temperature: divides the logits by t. With range > 0 it is llama.cpp's dynamic temperature
 * (kalomaze), which divides by
 *
 *     low + (high - low) * (H / ln n)^exponent
 *
 * with low = max(0, t - range), high = t + range and the entropy H, in nats, of n candidates.
 */
typedef struct pluck_stage_temperature {
    float t;        /* finite; without a range <= 0 masks all but the maximum, and 1 does nothing */
    float range;    /* >= 0; 0: plain temperature */
    float exponent; /* finite, >= 0; of the dynamic temperature */
} pluck_stage_temperature;

/*
 * Infill, for fill-in-the-middle, as in llama.cpp. Merges candidates whose text is a prefix of
 * another's, drops unlikely ones, and ends the generation if that is likely enough. The time grows
 * with the square of the number of candidates: put a top-k before it. The callbacks read the
 * vocabulary; they must always give the same answer for the same token. They run on the thread, and
 * in the floating-point environment, of the call that samples.
 */
typedef struct pluck_stage_infill {
    /* Writes the token's text without a terminator and returns its length in bytes, as
     * llama_token_to_piece does; any negative number if the text is longer than `capacity` (512
     * bytes). A text that is too long, or empty, is merged with no other. Returning more than
     * `capacity` fails the call with ERR_CALLBACK. */
    int32_t (*piece)(void *ctx, int32_t token, char *buffer, int32_t capacity);
    bool (*is_eog)(void *ctx, int32_t token); /* does the token end a generation? */
    int32_t eot;                              /* the token to end with: 0 to n_vocab - 1 */
    void *ctx;                                /* passed to both; must outlive the sampler */
} pluck_stage_infill;

/* The candidates that are not masked, in candidate order, as a custom stage sees them. It may write
 * to every member and to the first n entries of both arrays. */
typedef struct pluck_custom_view {
    int32_t *ids;     /* n tokens, 0 to n_vocab - 1 */
    float *logits;    /* n; -inf masks a candidate, NaN fails the call with ERR_NAN */
    int32_t n;        /* may become smaller, not larger */
    bool descending;  /* the logits descend; set it to what is true after the changes */
    int32_t selected; /* -1; set it to an index below n to select that candidate */
} pluck_custom_view;

/*
 * A stage of the caller's. Only `apply` is required. The callbacks run on the thread, and in the
 * floating-point environment, of the call that leads to them.
 *
 * Without `release`, ctx stays the caller's and must outlive the sampler and its clones. With it, a
 * successful creation hands ctx over to the sampler. With `clone`, a cloned sampler gets the
 * context that `clone` returns (NULL fails the cloning), and each context is released with its
 * sampler. Without `clone`, all clones share ctx, possibly on several threads at once, and it is
 * released once, with the last of them.
 */
typedef struct pluck_stage_custom {
    bool (*apply)(void *ctx, pluck_custom_view *view); /* false: the call fails, ERR_CALLBACK */
    void (*accept)(void *ctx, int32_t token);
    void (*reset)(void *ctx);
    void *(*clone)(const void *ctx);
    void (*release)(void *ctx);
    void *ctx;
    /* Makes ctx what it was right after the token before the last n accepted ones was accepted;
     * NULL: the stage cannot be rewound, and so its sampler cannot (pluck_sampler_rewind). */
    void (*rewind)(void *ctx, int32_t n);
} pluck_stage_custom;

/* Dist: draws a token from the distribution. */
typedef struct pluck_stage_dist {
    uint32_t seed; /* PLUCK_SEED_RANDOM: the config's */
} pluck_stage_dist;

/* Mirostat v1 and v2 (Basu et al. 2020): draws with a cut that keeps the surprise of the tokens
 * drawn near tau. The cut, mu bits, starts at 2 tau. */
typedef struct pluck_stage_mirostat {
    float tau;     /* target surprise in bits; finite, >= 0 */
    float eta;     /* learning rate; finite, >= 0 */
    int32_t m;     /* v1: the number of most likely candidates that the exponent of the Zipf law is
                      estimated from, >= 2; more than there are: all. More than 4096 are sorted,
                      which takes longer. v2 does not use it */
    uint32_t seed; /* PLUCK_SEED_RANDOM: the config's */
} pluck_stage_mirostat;

/*
 * Guidance (Sanchez et al. 2023, "Stay on topic with Classifier-Free Guidance"; transformers'
 * guidance_scale). With c the log-softmax of the row and u that of pluck_row.second, which is the
 * row without the prompt, or with a negative one, each logit becomes
 *
 *     u + scale * (c - u)
 *
 * Both are over the tokens that are not masked in the row, and a token at -inf in either row is
 * masked. What the log-softmaxes subtract is the same number for all tokens, so it
 * is left out unless a repetition penalty or a custom stage comes behind, which need the logits
 * themselves, or no stage selects, so that the candidates are what is wanted.
 */
typedef struct pluck_stage_guidance {
    float scale; /* -1e6 to 1e6; 1 disables */
} pluck_stage_guidance;

/*
 * Contrastive decoding (Li et al. 2022; O'Brien, Lewis 2023). With e the logits of the row, the
 * expert's, and a those of pluck_row.second, the amateur's: tokens with e < ln alpha + max e are
 * masked. The logits of the others become
 *
 *     (1 + beta) * e - beta * a     O'Brien and Lewis
 *     e - a                         Li et al.: `difference`
 *
 * A token at -inf in either row is masked.
 */
typedef struct pluck_stage_contrastive {
    float alpha;        /* 0 to 1; 0 masks none */
    float beta;         /* 0 to 1e6; 0 disables, unless `difference` */
    int32_t difference; /* 0 or 1: beta is not used */
} pluck_stage_contrastive;

/* Adaptive-p, as in llama.cpp: draws tokens whose probability is near a target, corrected by a
 * decaying average of the probabilities of the tokens that were drawn. */
typedef struct pluck_stage_adaptive_p {
    float target;  /* <= 1; < 0: a plain draw */
    float decay;   /* 0 to 1; clamped to 0.99, as in llama.cpp */
    uint32_t seed; /* PLUCK_SEED_RANDOM: the config's */
} pluck_stage_adaptive_p;

/* One stage: its kind, and the member of the union for that kind. Greedy, which selects the most
 * likely candidate, has no parameters. */
typedef struct pluck_stage {
    pluck_stage_kind kind;
    union {
        pluck_stage_logit_bias logit_bias;
        pluck_stage_penalties penalties;
        pluck_stage_dry dry;
        pluck_stage_top_n_sigma top_n_sigma;
        pluck_stage_top_k top_k;
        pluck_stage_mass typical;
        pluck_stage_mass top_p;
        pluck_stage_mass min_p;
        pluck_stage_xtc xtc;
        pluck_stage_temperature temperature;
        pluck_stage_infill infill;
        pluck_stage_custom custom;
        pluck_stage_dist dist;
        pluck_stage_mirostat mirostat; /* MIROSTAT and MIROSTAT_V2 */
        pluck_stage_adaptive_p adaptive_p;
        pluck_stage_top_a top_a;
        pluck_stage_cutoff epsilon_cutoff;
        pluck_stage_cutoff eta_cutoff;
        pluck_stage_p_less p_less;
        pluck_stage_p_less p_less_norm;
        pluck_stage_tfs tfs;
        pluck_stage_top_h top_h;
        pluck_stage_min_k min_k;
        pluck_stage_smoothing smoothing;
        pluck_stage_skew skew;
        pluck_stage_min_tokens min_tokens;
        pluck_stage_bad_words bad_words;
        pluck_stage_no_repeat_ngram no_repeat_ngram;
        pluck_stage_guidance guidance;
        pluck_stage_contrastive contrastive;
    } as;
} pluck_stage;

/* What a sampler is made of. pluck_sampler_create copies all of it and what it points to, except
 * the workspace and the contexts of callbacks. */
typedef struct pluck_config {
    int32_t n_vocab;            /* tokens in the vocabulary: 1 to 16777216 */
    uint32_t seed;              /* for every random stage whose own is PLUCK_SEED_RANDOM */
    pluck_rng_kind rng;         /* 0: PLUCK_RNG_MT19937 */
    const pluck_stage *stages;  /* n_stages of them; a kind may occur several times, in any order;
                                   but guidance or contrastive comes before all others */
    int32_t n_stages;           /* 0 to 64 */
    pluck_allocator allocator;  /* all zero: malloc and free */
    pluck_workspace *workspace; /* of n_vocab or more; outlives the sampler. NULL: it makes one */
    int32_t max_rewind;         /* accepted tokens that pluck_sampler_rewind can take back: 0 to
                                   4096; each takes 16 to 72 bytes for each stage */
} pluck_config;

/* ------------------------------------------------------------------------------------------------
 * A sampler's life
 * ---------------------------------------------------------------------------------------------- */

/* A chain of stages with its random streams and histories. */
typedef struct pluck_sampler pluck_sampler;

/*
 * Checks a config as pluck_sampler_create does, and creates nothing: the range of every parameter,
 * the tokens of biases and breakers, pointers, the workspace. err, which may be NULL, receives the
 * number of the stage (from 0), its name, the parameter and its range.
 * Errors: those of pluck_sampler_create, except ERR_MEMORY.
 */
PLUCK_API pluck_status pluck_config_check(const pluck_config *config, pluck_error *err);

/* What is known of a stage before it runs. */
typedef struct pluck_stage_traits {
    const char *name;   /* as in samplers=NAME:NAME; static text */
    bool disabled;      /* with these parameters the stage does nothing */
    bool random;        /* it has a random stream, disabled or not */
    bool selects;       /* it selects a token (a custom stage may) */
    bool keeps_history; /* it remembers accepted tokens */
} pluck_stage_traits;

/* Describes a stage. Its parameters are not checked and its pointers are not followed. Returns
 * false, and writes nothing, if there is no such kind or an argument is NULL. */
PLUCK_API bool pluck_stage_describe(const pluck_stage *stage, pluck_stage_traits *traits);

/*
 * Creates a sampler from a config, which need not outlive the call. If it fails, *out is left as it
 * was; pluck_config_check says why in words.
 * Errors: ERR_NULL, ERR_VOCAB, ERR_SIZE, ERR_STAGE, ERR_PARAM, ERR_TOKEN (in a bias, a breaker or
 * infill's eot), ERR_RNG, ERR_WORKSPACE, ERR_MEMORY.
 */
PLUCK_API pluck_status pluck_sampler_create(pluck_sampler **out, const pluck_config *config);

/*
 * Creates a sampler from text: key=value pairs separated by ';' or ',', with llama.cpp's parameter
 * names and defaults. docs/spec.md lists the keys. Their order does not matter: unless
 * samplers=NAME:NAME:... says otherwise the chain is llama.cpp's default one, with top_a in it:
 *
 *     logit bias, penalties, dry, top_n_sigma, top_k, top_a, typ_p, top_p, min_p, xtc,
 *     temperature, then the draw
 *
 * top_a, which llama.cpp does not have, keeps the candidates with p >= a * p_max^2 and does nothing
 * unless its key is given. err, which may be NULL, receives the key, the value and what is allowed.
 * Errors: ERR_NULL, ERR_VOCAB, ERR_SPEC_*, ERR_TOKEN, ERR_SIZE (67108864 characters or more),
 * ERR_MEMORY.
 */
PLUCK_API pluck_status pluck_sampler_from_spec(pluck_sampler **out, const char *spec,
                                               int32_t n_vocab, pluck_error *err);

/* A parsed spec, for callers that want to change the chain before they create a sampler. Arguments
 * and errors as for pluck_sampler_from_spec; pluck_spec_free frees it, and NULL is allowed. */
typedef struct pluck_spec pluck_spec;
PLUCK_API pluck_status pluck_spec_parse(pluck_spec **out, const char *spec, int32_t n_vocab,
                                        pluck_error *err);
/* The config that the text describes; valid until pluck_spec_free. */
PLUCK_API const pluck_config *pluck_spec_config(const pluck_spec *spec);
PLUCK_API void pluck_spec_free(pluck_spec *spec);

/*
 * Creates a sampler that goes on exactly as the original will: with the same random streams,
 * histories and averages. Both share what never changes, such as biases and breakers. If the
 * original has made its own workspace, so does the clone; if it was given one, the clone uses the
 * same one.
 * Errors: ERR_NULL, ERR_MEMORY, ERR_CALLBACK (a custom stage's clone returned NULL).
 */
PLUCK_API pluck_status pluck_sampler_clone(pluck_sampler **out, const pluck_sampler *sampler);

/* Returns a sampler to its state after creation: histories are empty, streams start again. A random
 * seed is replaced by another random one, as in llama.cpp. NULL is allowed. */
PLUCK_API void pluck_sampler_reset(pluck_sampler *sampler);

/* Frees a sampler. NULL is allowed. */
PLUCK_API void pluck_sampler_free(pluck_sampler *sampler);

/* ------------------------------------------------------------------------------------------------
 * Sampling
 * ---------------------------------------------------------------------------------------------- */

/* The type of a logit in memory. */
typedef enum pluck_dtype {
    PLUCK_DTYPE_F32 = 0,
    PLUCK_DTYPE_F16 = 1, /* IEEE binary16 */
    PLUCK_DTYPE_BF16 = 2 /* the upper half of a float32 */
} pluck_dtype;

/* One row of logits, or a list of candidates. Members that are not needed are zero. */
typedef struct pluck_row {
    const void *logits; /* n elements of dtype, aligned to the size of an element */
    pluck_dtype dtype;
    int32_t n;               /* without ids: n_vocab, or 0 for it; with ids: 1 to n_vocab */
    const int32_t *ids;      /* NULL: logits[i] is the logit of token i. Else the tokens of the n
                                logits, each at most once; their order is the candidate order that
                                the chain starts with */
    bool descending;         /* with ids: the logits are in descending order (checked) */
    const uint32_t *allowed; /* bit t % 32 of word t / 32 set: token t is allowed. NULL: all are */
    int32_t n_allowed;       /* number of bits in `allowed`, >= 0; 0: n_vocab. Tokens beyond them
                                are not allowed; bits beyond the vocabulary are ignored */
    pluck_workspace *workspace; /* for this call; NULL: the sampler's */
    bool skip_probability;      /* the caller does not need draw.probability: it is left 0 if it
                                   would cost a pass over the row (greedy, custom stages) */
    pluck_dtype second_dtype;   /* of `second`; it need not be that of the row */
    const void *second; /* for a chain that begins with guidance or contrastive: n_vocab logits of
                           the other inference, by token even if there are ids. Must not change
                           until the candidates have been read. A NaN or +inf in it at an allowed
                           token is an error (ERR_NAN). Chains that do not need it ignore it */
} pluck_row;

/* The outcome of a call. */
typedef struct pluck_draw {
    int32_t token;        /* the token selected */
    float logit;          /* its logit after edits and temperature */
    float probability;    /* its probability in the final distribution; see skip_probability */
    int32_t n_candidates; /* how many are left: not dropped, not masked */
} pluck_draw;

/*
 * Runs the chain on n_vocab float32 logits and writes the selected token. Does not accept it.
 * Errors: ERR_NULL, ERR_NAN, ERR_EMPTY, ERR_NO_DRAW, ERR_CALLBACK, ERR_SECOND_ROW.
 */
PLUCK_API pluck_status pluck_sample(pluck_sampler *sampler, const float *logits, int32_t *token);

/*
 * The same for any row. draw may be NULL if only the candidates are wanted; then the chain need not
 * select. The logits must not change until the candidates have been read.
 * Errors: those of pluck_sample, ERR_ROW, ERR_ORDER, ERR_TOKEN (an id), ERR_WORKSPACE.
 */
PLUCK_API pluck_status pluck_sample_row(pluck_sampler *sampler, const pluck_row *row,
                                        pluck_draw *draw);

/*
 * Tells the sampler which token the engine goes on with, whether this sampler drew it or not: adds
 * it to the histories of penalties and DRY and to adaptive-p's average, and calls the custom
 * stages' accept. Allocates nothing. Errors: ERR_NULL, ERR_TOKEN.
 */
PLUCK_API pluck_status pluck_accept(pluck_sampler *sampler, int32_t token);

/*
 * Tells the sampler the n tokens of a prompt, oldest first. They enter the histories of penalties, DRY,
 * bad words and no-repeat n-gram, and custom stages are told them, as by pluck_accept; but they are
 * not counted by min_tokens, nor averaged by adaptive-p. tokens may be NULL if n is 0.
 * Errors: ERR_NULL, ERR_SIZE (n < 0), ERR_TOKEN; then no token has been accepted.
 */
PLUCK_API pluck_status pluck_accept_prompt(pluck_sampler *sampler, const int32_t *tokens,
                                           int32_t n);

/*
 * The same for one stage (0 to n_stages - 1), for callers that treat the stages of a chain as
 * separate objects, as llama.cpp does. Does nothing if the stage does not use accepted tokens.
 * Errors: ERR_NULL, ERR_STAGE (no such stage), ERR_TOKEN.
 */
PLUCK_API pluck_status pluck_accept_stage(pluck_sampler *sampler, int32_t stage, int32_t token);

/*
 * Writes what a sampler remembers (streams, histories, mu, averages, the seed in use) to bytes, so
 * that another process, on any machine, can go on from there. *size receives how many bytes that
 * takes now: 4 for each token of a history, 2.5 KB for each stream of mt19937, some 100 more. With bytes
 * NULL nothing else is done. Parameters are not saved, nor are contexts of custom stages, nor how far
 * the sampler can be rewound. The bytes have a version and a checksum; they are no secret, and a
 * checksum is no signature. Errors: ERR_NULL, ERR_SIZE (room is below *size, which is written).
 */
PLUCK_API pluck_status pluck_sampler_save(const pluck_sampler *sampler, void *bytes, size_t room,
                                          size_t *size);

/*
 * Makes a sampler go on as the saved one would have. It must have the same n_vocab, generator, and
 * enabled stages with the same last_n; other parameters may differ. err, which may be NULL, receives
 * what does not fit. Errors: ERR_NULL, ERR_STATE; the sampler is then as it was.
 */
PLUCK_API pluck_status pluck_sampler_load(pluck_sampler *sampler, const void *bytes, size_t size,
                                          pluck_error *err);

/*
 * Takes back the last n accepted tokens, 0 to the config's max_rewind: streams, histories, mu and
 * averages are what they were right after the token before these was accepted, or after creation,
 * whatever has been drawn since. Tokens that had fallen out of a history come back. n = 0 takes back
 * what was drawn since the last token was accepted. Takes the time that accepting and drawing took;
 * DRY then compares its history anew. Custom stages are told by their `rewind`.
 * Errors: ERR_NULL; ERR_SIZE (n is negative); ERR_REWIND (max_rewind is 0, n is more than that or
 * than what has been accepted since creation, reset or pluck_sampler_copy_stage, or a custom stage
 * has no `rewind`). The sampler is then as it was.
 */
PLUCK_API pluck_status pluck_sampler_rewind(pluck_sampler *sampler, int32_t n);

/*
 * Copies what a stage remembers (its random stream, history, mu, average) into a stage of another
 * sampler, so that a chain can be rebuilt while it is in use: the stage goes on in `to` exactly as
 * it would have in `from`, which is left as it was. Parameters are not copied. If last_n is smaller
 * in `to`, only the newest tokens of the history are kept. Custom stages have nothing to copy.
 * Errors: ERR_NULL, ERR_STAGE (no such stage, the kinds differ, or one history leaves out prompts,
 * by `output_only`, and the other does not), ERR_RNG (the generators differ), ERR_TOKEN (a token to
 * be kept is beyond the other's vocabulary); `to` is then as it was.
 */
PLUCK_API pluck_status pluck_sampler_copy_stage(pluck_sampler *to, int32_t to_stage,
                                                const pluck_sampler *from, int32_t from_stage);

/* The candidates that a call left, in candidate order. */
typedef struct pluck_candidates {
    const int32_t *ids;         /* n tokens */
    const float *logits;        /* n; after edits and temperature */
    const float *probabilities; /* n; in the final distribution */
    int32_t n;                  /* candidates that are left: not dropped, not masked */
    int32_t n_masked;           /* masked ones, which llama.cpp would list with probability 0 */
    int32_t selected;           /* index of the selected token; -1: none, or dropped since then */
    bool descending;            /* the order is known to be by descending logit */
} pluck_candidates;

/*
 * Reads the candidates of the last call that used this workspace (for a sampler's own,
 * pluck_sampler_workspace). The arrays belong to the workspace and are valid until its next call.
 * The first reading after a call fills them, and sorts them if the candidate order needs it.
 * Errors: ERR_NULL, ERR_NO_RESULT.
 */
PLUCK_API pluck_status pluck_workspace_candidates(pluck_workspace *workspace,
                                                  pluck_candidates *out);

/*
 * The log-probabilities (natural logarithms) of the row as it is, before any chain: of `token`, to
 * *token_logprob unless that is NULL (-inf for a masked token); and of the n_top most likely
 * tokens, to ids and logprobs, in descending order, of equals the lower id first. *n_written, if
 * n_written is not NULL, receives how many there are: fewer than n_top if fewer tokens are
 * unmasked. n_top is 0 to row->n; with 0, ids and logprobs may be NULL. The row needs a workspace
 * and its n, and must not have ids. The vocabulary is not sorted.
 * Errors: ERR_NULL, ERR_ROW, ERR_SIZE, ERR_TOKEN, ERR_NAN, ERR_EMPTY, ERR_WORKSPACE.
 */
PLUCK_API pluck_status pluck_top_logprobs(const pluck_row *row, int32_t n_top, int32_t *ids,
                                          float *logprobs, int32_t *n_written, int32_t token,
                                          float *token_logprob);

/* ------------------------------------------------------------------------------------------------
 * Asking a sampler
 * ---------------------------------------------------------------------------------------------- */

/* The seed of the config; if that was PLUCK_SEED_RANDOM, the one that was taken. 0 for NULL. */
PLUCK_API uint32_t pluck_sampler_seed(const pluck_sampler *sampler);

/* The seed that stage number `stage` (from 0) uses: its own, or else pluck_sampler_seed. 0 for
 * NULL. */
PLUCK_API uint32_t pluck_sampler_stage_seed(const pluck_sampler *sampler, int32_t stage);

/* The config as it was at creation. Valid as long as the sampler. NULL for NULL. */
PLUCK_API const pluck_config *pluck_sampler_config(const pluck_sampler *sampler);

/* The workspace that a call uses if its row names none. NULL for NULL. */
PLUCK_API pluck_workspace *pluck_sampler_workspace(const pluck_sampler *sampler);

/* The size in bytes of the sampler's own state, which each clone needs again; without its workspace
 * and without what clones share. 0 for NULL. */
PLUCK_API size_t pluck_sampler_state_size(const pluck_sampler *sampler);

/* Moves every stream to draw number `position` (from 0). For PLUCK_RNG_PHILOX only.
 * Errors: ERR_NULL, ERR_RNG (another generator). */
PLUCK_API pluck_status pluck_sampler_seek(pluck_sampler *sampler, uint64_t position);

/* ------------------------------------------------------------------------------------------------
 * Kernels
 * ---------------------------------------------------------------------------------------------- */

/* One compiled kernel: a loop for one operation, dtype and instruction set. The environment
 * variable PLUCK_DISABLE_CPU=avx512,avx2,neon excludes instruction sets if it is set before the
 * library is first used; it cannot add any. */
typedef struct pluck_kernel_info {
    const char *op;    /* such as "group_max" */
    const char *dtype; /* "f32", "f16", "bf16" */
    const char *isa;   /* "scalar", "avx2", "avx512", "neon", "simd128" */
    bool supported;    /* by this CPU, and not disabled */
    bool chosen;       /* the one in use */
} pluck_kernel_info;

/* Describes kernel number `index` (from 0). Returns false if there is none, or info is NULL. */
PLUCK_API bool pluck_kernel_describe(int32_t index, pluck_kernel_info *info);

/* The instruction set in use: "scalar", "avx2", "avx512", "neon" or "simd128" (WebAssembly).
 * Static text. */
PLUCK_API const char *pluck_isa(void);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_H */
