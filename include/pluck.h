/*
 * pluck.h: from a row of logits to a token.
 *
 * An inference engine holds a row of n_vocab logits and wants one token. A pluck_sampler is a chain
 * of stages (penalties, truncations, temperature, a draw) in the order the caller gives, with the
 * definitions, defaults and edge cases of llama.cpp v0.5.0's samplers. The row is never copied as a
 * whole and never written to; after creation nothing is allocated.
 *
 *     pluck_sampler *s;
 *     pluck_sampler_from_spec(&s, "temp=0.8;top_k=40;top_p=0.95;min_p=0.05", n_vocab, NULL);
 *     int32_t token;
 *     pluck_sample(s, logits, &token);
 *     pluck_accept(s, token);
 *     pluck_sampler_free(s);
 *
 * Errors. Every call that can fail returns a pluck_status: PLUCK_OK (0) or a negative code. A call
 * that fails changes nothing: no output is written, no random number consumed, no history changed.
 * Nothing is printed, errno is not touched, the process is not ended.
 *
 * Threads. A sampler, and a workspace, may be used by one thread at a time; different samplers with
 * different workspaces may be used by any number of threads at once. Clones share immutable data
 * and may live on different threads.
 *
 * Logits. -inf is a masked token. NaN among the allowed tokens is an error. Where a row holds +inf,
 * the tokens at +inf share the probability equally and every other token has none. Ties are always
 * broken by the lower token id. Results do not depend on the instruction set in use.
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

/* The version of the library linked, "0.1.0". */
PLUCK_API const char *pluck_version(void);

/* Limits that creation checks. */
#define PLUCK_MAX_VOCAB   16777216 /* tokens of a vocabulary */
#define PLUCK_MAX_STAGES  64       /* stages of a chain */
#define PLUCK_MAX_LAST_N  1048576  /* tokens of a history */
#define PLUCK_MAX_BREAKER 64       /* tokens of a DRY sequence breaker */

/* ------------------------------------------------------------------------------------------------
 * Status
 * ---------------------------------------------------------------------------------------------- */

/* X(name, code, message): every status there is. */
#define PLUCK_STATUS_MAP(X)                                                                        \
    X(OK, 0, "success")                                                                            \
    X(ERR_NULL, -1, "a required pointer is NULL")                                                  \
    X(ERR_MEMORY, -2, "out of memory")                                                             \
    X(ERR_VOCAB, -3, "n_vocab is out of range (1 to 16777216)")                                    \
    X(ERR_STAGE, -4, "a stage of the chain has an unknown kind")                                   \
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
    X(ERR_SPEC_DUPLICATE, -19, "a key stands twice in the spec")                                   \
    X(ERR_RNG, -20, "the generator is unknown, or cannot do what was asked")                       \
    X(ERR_SIZE, -21, "a size or count is out of range")

typedef enum pluck_status {
#define PLUCK_STATUS_ENUM(name, code, message) PLUCK_##name = (code),
    PLUCK_STATUS_MAP(PLUCK_STATUS_ENUM)
#undef PLUCK_STATUS_ENUM
} pluck_status;

/* The message of a status, one line without a full stop; "unknown status" for any other number.
 * The text is static. */
PLUCK_API const char *pluck_status_string(pluck_status status);

/* The status's name, such as "PLUCK_ERR_NAN"; "PLUCK_UNKNOWN" for any other number. */
PLUCK_API const char *pluck_status_name(pluck_status status);

/* What went wrong in words: which key, which value, what would have been allowed. */
typedef struct pluck_error {
    pluck_status status;
    char message[240]; /* always terminated */
} pluck_error;

/* ------------------------------------------------------------------------------------------------
 * Memory
 * ---------------------------------------------------------------------------------------------- */

/*
 * Where memory comes from. All members zero: malloc and free; one function without the other is
 * ERR_NULL. `allocate` returns memory aligned for any type, or NULL; `deallocate` gets the pointer
 * and the size that was asked for. Both are called only by functions that create, clone and free.
 */
typedef struct pluck_allocator {
    void *(*allocate)(void *ctx, size_t size);
    void (*deallocate)(void *ctx, void *pointer, size_t size);
    void *ctx;
} pluck_allocator;

/*
 * What one call needs for itself, and nobody keeps: about 17 bytes for each vocabulary entry. Any
 * number of samplers may share one as long as only one call uses it at a time.
 */
typedef struct pluck_workspace pluck_workspace;

/* Creates a workspace for rows of up to n_vocab logits (1 to 16777216). allocator may be NULL.
 * Errors: ERR_NULL, ERR_VOCAB, ERR_MEMORY. */
PLUCK_API pluck_status pluck_workspace_create(pluck_workspace **out, int32_t n_vocab,
                                              const pluck_allocator *allocator);

/* Bytes a workspace for n_vocab takes; 0 where n_vocab is out of range. */
PLUCK_API size_t pluck_workspace_size(int32_t n_vocab);

/* Frees a workspace; NULL is allowed. */
PLUCK_API void pluck_workspace_free(pluck_workspace *workspace);

/* ------------------------------------------------------------------------------------------------
 * The chain
 * ---------------------------------------------------------------------------------------------- */

typedef enum pluck_rng_kind {
    /* llama.cpp's stream as built with libstdc++: std::mt19937, one 53-bit double of two words for
     * a draw, one 24-bit float of one word for XTC's coin; inverse CDF in candidate order. */
    PLUCK_RNG_MT19937 = 0,
    /* Philox4x32-10 (Salmon et al., SC 2011). Draw number `position` of random stage number
     * `stream` (both from 0) uses the block of counter (position lo, position hi, 0, 0) under key
     * (seed, stream); u = (w1 * 2^32 + w0) >> 11, times 2^-53; XTC's coin is (w0 >> 8) * 2^-24. The
     * token is the first, in ascending order of id, whose cumulative probability reaches u. So a
     * draw is a function of the final distribution, seed, stream and position alone. */
    PLUCK_RNG_PHILOX = 1
} pluck_rng_kind;

/* The seed that means "take a random one"; pluck_sampler_seed tells which was taken. */
#define PLUCK_SEED_RANDOM 0xFFFFFFFFu

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
    /* The stages that select a token: */
    PLUCK_STAGE_GREEDY,
    PLUCK_STAGE_DIST,
    PLUCK_STAGE_MIROSTAT,
    PLUCK_STAGE_MIROSTAT_V2,
    PLUCK_STAGE_ADAPTIVE_P,
    /* Further stages, numbered behind: */
    PLUCK_STAGE_TOP_A
} pluck_stage_kind;

/* logit[token] += bias; a bias of -inf masks the token. Several biases of one token add up. */
typedef struct pluck_logit_bias {
    int32_t token;
    float bias; /* not NaN, not +inf */
} pluck_logit_bias;

typedef struct pluck_stage_logit_bias {
    const pluck_logit_bias *biases; /* copied at creation */
    int32_t n_biases;               /* 0 disables */
} pluck_stage_logit_bias;

/* Repetition penalty (Keskar et al. 2019, with negative logits multiplied), frequency and presence
 * penalties over the last `last_n` accepted tokens. */
typedef struct pluck_stage_penalties {
    int32_t last_n; /* 0 to 1048576; 0 disables */
    float repeat;   /* finite, > 0, 1/repeat finite; 1 = none */
    float freq;     /* finite; 0 = none */
    float present;  /* finite; 0 = none */
} pluck_stage_penalties;

/* A sequence of tokens that ends a repetition: tokens[0] is its head, the rest its tail. */
typedef struct pluck_token_sequence {
    const int32_t *tokens;
    int32_t n_tokens; /* 1 to 64 */
} pluck_token_sequence;

/* DRY, "don't repeat yourself" (p-e-w; llama.cpp's port by pi6am). */
typedef struct pluck_stage_dry {
    float multiplier;                     /* finite; 0 disables */
    float base;                           /* finite; < 1 disables */
    int32_t allowed_length;               /* >= 0 */
    int32_t last_n;                       /* 0 to 1048576; 0 disables */
    const pluck_token_sequence *breakers; /* copied at creation; shared by clones */
    int32_t n_breakers;
} pluck_stage_dry;

typedef struct pluck_stage_top_n_sigma {
    float n; /* not NaN; <= 0 disables */
} pluck_stage_top_n_sigma;

typedef struct pluck_stage_top_k {
    int32_t k; /* <= 0 disables */
} pluck_stage_top_k;

/* typical, top-p, min-p: the mass p, and the candidates to keep at least. */
typedef struct pluck_stage_mass {
    float p;          /* 0 to 1; typical and top-p: 1 disables; min-p: 0 disables */
    int32_t min_keep; /* >= 0 */
} pluck_stage_mass;

/* Top-a: keeps the candidates with P >= a * (greatest P)^2, the most probable one always. */
typedef struct pluck_stage_top_a {
    float a;          /* 0 to 1; 0 disables */
    int32_t min_keep; /* >= 0 */
} pluck_stage_top_a;

typedef struct pluck_stage_xtc {
    float probability; /* 0 to 1; 0 disables */
    float threshold;   /* 0 to 1; > 0.5 disables */
    int32_t min_keep;  /* >= 0 */
    uint32_t seed;     /* PLUCK_SEED_RANDOM: the config's */
} pluck_stage_xtc;

typedef struct pluck_stage_temperature {
    float t;        /* finite; <= 0 keeps the maximum alone (without a range) */
    float range;    /* >= 0; > 0: dynamic between t - range and t + range by entropy */
    float exponent; /* finite, >= 0; of the dynamic mapping */
} pluck_stage_temperature;

/* How infill reads a vocabulary. The callbacks must give the same answer for the same token. */
typedef struct pluck_stage_infill {
    /* Writes the token's text, no terminator, and returns its length, as llama_token_to_piece does;
     * where the text is longer than `capacity` (512 bytes) any negative number. Such a text, and an
     * empty one, is merged with no other. A length above `capacity` fails the call. */
    int32_t (*piece)(void *ctx, int32_t token, char *buffer, int32_t capacity);
    bool (*is_eog)(void *ctx, int32_t token); /* is it an end of generation? */
    int32_t eot;                              /* the token to end with */
    void *ctx;
} pluck_stage_infill;

/* The candidates as a custom stage sees them, in candidate order; it may write all of it. */
typedef struct pluck_custom_view {
    int32_t *ids;
    float *logits;    /* -inf masks a candidate, NaN is an error */
    int32_t n;        /* may shrink, not grow */
    bool descending;  /* true: sorted by logit; the stage clears or sets it to what then holds */
    int32_t selected; /* -1; an index below n selects that candidate */
} pluck_custom_view;

/* A caller's own stage. Only `apply` is required. `ctx` belongs to the caller unless `release` is
 * given; then a successful creation hands it over. With `clone` given a cloned sampler gets the
 * context that returns (NULL fails the clone) and each is released with its sampler. Without it
 * clones share ctx, which must bear their threads, and it is released once: with the last of them.
 */
typedef struct pluck_stage_custom {
    bool (*apply)(void *ctx, pluck_custom_view *view); /* false fails the call */
    void (*accept)(void *ctx, int32_t token);
    void (*reset)(void *ctx);
    void *(*clone)(const void *ctx);
    void (*release)(void *ctx);
    void *ctx;
} pluck_stage_custom;

typedef struct pluck_stage_dist {
    uint32_t seed; /* PLUCK_SEED_RANDOM: the config's */
} pluck_stage_dist;

/* Mirostat (Basu et al. 2020), v1 and v2. mu starts at 2 tau. */
typedef struct pluck_stage_mirostat {
    float tau;     /* target surprise in bits, finite, >= 0 */
    float eta;     /* learning rate, finite, >= 0 */
    int32_t m;     /* v1: top candidates to estimate s from, >= 2, all where there are fewer;
                      beyond 4096 they are sorted, which takes longer; v2: unused */
    uint32_t seed; /* PLUCK_SEED_RANDOM: the config's */
} pluck_stage_mirostat;

/* Adaptive-p: draws near a target probability, steered by a decaying average of what was drawn. */
typedef struct pluck_stage_adaptive_p {
    float target;  /* <= 1; < 0: plain draw */
    float decay;   /* 0 to 1; clamped to 0.99 as llama.cpp does */
    uint32_t seed; /* PLUCK_SEED_RANDOM: the config's */
} pluck_stage_adaptive_p;

/* One stage: its kind, and the member of the union that the kind names (greedy has none). */
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
    } as;
} pluck_stage;

/* A sampler as data. Everything is copied at creation. */
typedef struct pluck_config {
    int32_t n_vocab;            /* 1 to 16777216 */
    uint32_t seed;              /* of every random stage that has none of its own */
    pluck_rng_kind rng;         /* MT19937 unless said otherwise */
    const pluck_stage *stages;  /* in chain order; any order, repeats allowed */
    int32_t n_stages;           /* 0 to 64 */
    pluck_allocator allocator;  /* all zero: malloc and free */
    pluck_workspace *workspace; /* shared, outlives the sampler; NULL: it makes its own */
} pluck_config;

/* ------------------------------------------------------------------------------------------------
 * A sampler's life
 * ---------------------------------------------------------------------------------------------- */

typedef struct pluck_sampler pluck_sampler;

/*
 * Checks a config as pluck_sampler_create does, and creates nothing: ranges of every parameter,
 * tokens of biases and breakers, pointers, the workspace. err, which may be NULL, receives the
 * number of the stage (from 0), its name, the parameter and its range.
 * Errors: those of pluck_sampler_create, but for ERR_MEMORY.
 */
PLUCK_API pluck_status pluck_config_check(const pluck_config *config, pluck_error *err);

/* What is known of a stage before it runs. */
typedef struct pluck_stage_traits {
    const char *name;   /* as in samplers=NAME:NAME; static text */
    bool disabled;      /* with these parameters the stage does nothing */
    bool random;        /* it has a random stream of its own, disabled or not */
    bool selects;       /* it selects a token (a custom stage may) */
    bool keeps_history; /* it remembers accepted tokens */
} pluck_stage_traits;

/* Describes a stage. The parameters need not have been checked, pointers in them are not followed.
 * False, and nothing written, if there is no such kind or a pointer is NULL. */
PLUCK_API bool pluck_stage_describe(const pluck_stage *stage, pluck_stage_traits *traits);

/*
 * Creates a sampler from a config. On error *out is left alone.
 * Errors: ERR_NULL, ERR_VOCAB, ERR_SIZE, ERR_STAGE, ERR_PARAM, ERR_TOKEN (in a bias or a breaker),
 * ERR_RNG, ERR_WORKSPACE, ERR_MEMORY.
 */
PLUCK_API pluck_status pluck_sampler_create(pluck_sampler **out, const pluck_config *config);

/*
 * Creates a sampler from text: key=value pairs split by ';' or ',', with llama.cpp's parameter
 * names and defaults. The order of the keys does not matter: the chain is llama.cpp's default one
 * (logit bias, penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p, xtc, temperature, then the
 * draw) unless samplers=NAME:NAME:... says otherwise. docs/spec.md lists every key. err, which may
 * be NULL, receives the key, the value and the allowed range. Errors: ERR_NULL, ERR_VOCAB,
 * ERR_SPEC_*, ERR_TOKEN, ERR_SIZE (67108864 characters or more), ERR_MEMORY.
 */
PLUCK_API pluck_status pluck_sampler_from_spec(pluck_sampler **out, const char *spec,
                                               int32_t n_vocab, pluck_error *err);

/* A parsed spec: for callers that want to change the chain before a sampler is made of it. */
typedef struct pluck_spec pluck_spec;
PLUCK_API pluck_status pluck_spec_parse(pluck_spec **out, const char *spec, int32_t n_vocab,
                                        pluck_error *err);
/* The config that the text describes; valid until pluck_spec_free. */
PLUCK_API const pluck_config *pluck_spec_config(const pluck_spec *spec);
PLUCK_API void pluck_spec_free(pluck_spec *spec);

/*
 * A sampler that continues exactly as the original will: same random streams, history and averages.
 * Biases and breakers are shared. The clone has its own workspace where the original has; where the
 * original was given one, the clone uses that same one.
 * Errors: ERR_NULL, ERR_MEMORY, ERR_CALLBACK (a custom stage's clone failed).
 */
PLUCK_API pluck_status pluck_sampler_clone(pluck_sampler **out, const pluck_sampler *sampler);

/* Back to the state after creation: history forgotten, streams reseeded (a random seed is drawn
 * anew, as llama.cpp does). */
PLUCK_API void pluck_sampler_reset(pluck_sampler *sampler);

/* Frees a sampler; NULL is allowed. */
PLUCK_API void pluck_sampler_free(pluck_sampler *sampler);

/* ------------------------------------------------------------------------------------------------
 * Sampling
 * ---------------------------------------------------------------------------------------------- */

typedef enum pluck_dtype {
    PLUCK_DTYPE_F32 = 0,
    PLUCK_DTYPE_F16 = 1, /* IEEE binary16 */
    PLUCK_DTYPE_BF16 = 2 /* the upper half of a float32 */
} pluck_dtype;

/* One row of logits, or a list of candidates. Zero what is not needed. */
typedef struct pluck_row {
    const void *logits; /* n elements of dtype, any alignment of the element's own size */
    pluck_dtype dtype;
    int32_t n;               /* without ids: 0 or n_vocab; with ids: 1 to n_vocab candidates */
    const int32_t *ids;      /* NULL: logits[i] is token i's; else the n tokens, each at most once,
                                in the caller's order, with which the chain goes on */
    bool descending;         /* with ids: the logits already descend (checked) */
    const uint32_t *allowed; /* NULL: all. Bit t % 32 of word t / 32 set: token t is allowed */
    int32_t n_allowed; /* bits that `allowed` has, >= 0; 0: n_vocab. Tokens beyond them are not
                                allowed; bits beyond the vocabulary do not count */
    pluck_workspace *workspace; /* for this call; NULL: the sampler's */
    bool skip_probability; /* draw.probability is not wanted: left 0 where it would cost a pass over
                              the row (greedy, custom stages) */
} pluck_row;

/* What a call found. */
typedef struct pluck_draw {
    int32_t token;
    float logit;          /* after edits and temperature */
    float probability;    /* in the final distribution (but see pluck_row) */
    int32_t n_candidates; /* with a probability above zero: not cut off, not masked */
} pluck_draw;

/*
 * Runs the chain on n_vocab float32 logits and writes the selected token. Does not accept it.
 * Errors: ERR_NULL, ERR_NAN, ERR_EMPTY, ERR_NO_DRAW, ERR_CALLBACK.
 */
PLUCK_API pluck_status pluck_sample(pluck_sampler *sampler, const float *logits, int32_t *token);

/*
 * The same for any row. draw may be NULL where only the candidates are wanted; then the chain need
 * not select. The logits must stay as they are until the candidates have been read. Errors: those
 * of pluck_sample, ERR_ROW, ERR_ORDER, ERR_TOKEN, ERR_WORKSPACE.
 */
PLUCK_API pluck_status pluck_sample_row(pluck_sampler *sampler, const pluck_row *row,
                                        pluck_draw *draw);

/*
 * Tells the sampler that a token was chosen (by it or by somebody else): the histories of penalties
 * and DRY, adaptive-p's average, custom stages. Errors: ERR_NULL, ERR_TOKEN.
 */
PLUCK_API pluck_status pluck_accept(pluck_sampler *sampler, int32_t token);

/*
 * The same for one stage alone (0 to n_stages - 1), for callers to whom the stages of a chain are
 * separate objects, as they are in llama.cpp. A stage that keeps no history does nothing.
 * Errors: ERR_NULL, ERR_STAGE (no such stage), ERR_TOKEN.
 */
PLUCK_API pluck_status pluck_accept_stage(pluck_sampler *sampler, int32_t stage, int32_t token);

/*
 * Copies what a stage remembers (its random stream, history, mu, average) into a stage of another
 * sampler, so that a chain can be taken apart and put together again while it is in use: the stage
 * goes on in `to` exactly as it would have in `from`, which is left as it was. Parameters are not
 * copied; a history keeps its newest tokens where the other's last_n is smaller. Custom stages have
 * nothing to copy.
 * Errors: ERR_NULL, ERR_STAGE (no such stage, or the kinds differ), ERR_RNG (the generators
 * differ), ERR_TOKEN (a token to be kept is beyond the other's vocabulary); `to` is then as it was.
 */
PLUCK_API pluck_status pluck_sampler_copy_stage(pluck_sampler *to, int32_t to_stage,
                                                const pluck_sampler *from, int32_t from_stage);

/* The candidates that a call left, in candidate order. */
typedef struct pluck_candidates {
    const int32_t *ids;
    const float *logits; /* after edits and temperature */
    const float *probabilities;
    int32_t n;
    int32_t n_masked; /* further candidates, at probability zero, that llama.cpp would still list */
    int32_t selected; /* index of the token selected, -1 where none was or it is no longer here */
    bool descending;  /* the order is known to be by descending logit */
} pluck_candidates;

/*
 * Reads the candidates of the last call that used this workspace (pluck_sampler_workspace gives a
 * sampler's own). The arrays are the workspace's and live until the next call on it. Takes the time
 * that filling, and where the order asks for it sorting, them takes.
 * Errors: ERR_NULL, ERR_NO_RESULT.
 */
PLUCK_API pluck_status pluck_workspace_candidates(pluck_workspace *workspace,
                                                  pluck_candidates *out);

/*
 * Log-probabilities of the row itself, before any chain: of `token` (written to *token_logprob
 * unless that is NULL), and of the n_top most likely tokens (ids and logprobs, descending, lower id
 * first among equals). Natural logarithms. The vocabulary is not sorted. n_written, which may be
 * NULL, tells how many there were: fewer than n_top where fewer tokens are unmasked. row->workspace
 * is required; ids (a list) are not supported here. n_top: 0 to row->n; row->n must not be 0.
 * Errors: ERR_NULL, ERR_ROW, ERR_SIZE, ERR_TOKEN, ERR_NAN, ERR_EMPTY, ERR_WORKSPACE.
 */
PLUCK_API pluck_status pluck_top_logprobs(const pluck_row *row, int32_t n_top, int32_t *ids,
                                          float *logprobs, int32_t *n_written, int32_t token,
                                          float *token_logprob);

/* ------------------------------------------------------------------------------------------------
 * Asking a sampler
 * ---------------------------------------------------------------------------------------------- */

/* The config's seed in use: where it was PLUCK_SEED_RANDOM, the one that was drawn. 0 for NULL. */
PLUCK_API uint32_t pluck_sampler_seed(const pluck_sampler *sampler);

/* The seed that stage number `stage` of the config uses: its own, or else the config's. 0 for NULL.
 */
PLUCK_API uint32_t pluck_sampler_stage_seed(const pluck_sampler *sampler, int32_t stage);

/* The chain as created: valid as long as the sampler. NULL for NULL. */
PLUCK_API const pluck_config *pluck_sampler_config(const pluck_sampler *sampler);

/* The workspace a call without one of its own uses. NULL for NULL. */
PLUCK_API pluck_workspace *pluck_sampler_workspace(const pluck_sampler *sampler);

/* Bytes of the sampler's own state: what a clone has to itself, its workspace not counted. */
PLUCK_API size_t pluck_sampler_state_size(const pluck_sampler *sampler);

/* Philox only: makes draw number `position` of every stream the next one. Errors: ERR_NULL,
 * ERR_RNG. */
PLUCK_API pluck_status pluck_sampler_seek(pluck_sampler *sampler, uint64_t position);

/* ------------------------------------------------------------------------------------------------
 * Kernels
 * ---------------------------------------------------------------------------------------------- */

/* One compiled kernel. PLUCK_DISABLE_CPU=avx512,avx2,neon in the environment removes instruction
 * sets before the first call of the library; it cannot add any. */
typedef struct pluck_kernel_info {
    const char *op;    /* such as "group_max" */
    const char *dtype; /* "f32", "f16", "bf16" */
    const char *isa;   /* "scalar", "avx2", "avx512", "neon" */
    bool supported;    /* by this CPU, and not disabled */
    bool chosen;       /* the one in use */
} pluck_kernel_info;

/* Describes kernel number `index`, from 0; false where there is none. */
PLUCK_API bool pluck_kernel_describe(int32_t index, pluck_kernel_info *info);

/* The instruction set in use: "scalar", "avx2", "avx512" or "neon". */
PLUCK_API const char *pluck_isa(void);

#ifdef __cplusplus
}
#endif

#endif /* PLUCK_H */
