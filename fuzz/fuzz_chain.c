/*
 * fuzz_chain.c: any bytes as a chain and its rows, against the oracle.
 *
 * The first bytes choose vocabulary, generator and stages; the rest are logits, accepted tokens and
 * masks. In two cases only the invariants are checked, because the oracle and float32 may differ by
 * any amount: if the bytes ask for raw float parameters (huge, tiny, NaN), and if a stage turns
 * rounding into a new logit or temperature, which later stages amplify. (The random chains of the
 * unit tests compare the latter, with tolerances for it.)
 */
#include "compare/compare.h"
#include "fuzz.h"

#include <math.h>
#include <string.h>

enum { MOST_VOCAB = 300, MOST_STAGES = 8, MOST_BIASES = 6, CALLS = 3 };

typedef struct input {
    const uint8_t *data;
    size_t size;
    bool raw;    /* some float came from raw bits */
    bool spares; /* stages have tokens that they leave alone, and there is a prompt */
    bool joins;  /* the chain begins with guidance or contrastive, and rows have a second one */
} input;

static uint32_t byte(input *in) {
    if (in->size == 0) return 0;
    --in->size;
    return *in->data++;
}

static uint32_t word(input *in) {
    uint32_t x = byte(in);
    x = x << 8 | byte(in);
    x = x << 8 | byte(in);
    return x << 8 | byte(in);
}

/* Mostly a number between low and high; now and then any float. */
static float number(input *in, float low, float high) {
    const uint32_t choice = byte(in);
    if (choice == 255) {
        const uint32_t bits = word(in);
        float x;
        memcpy(&x, &bits, sizeof x);
        in->raw = true;
        return x;
    }
    if (choice == 254) return low;
    if (choice == 253) return high;
    return low + (high - low) * (float)(choice * 256u + byte(in)) / 65536.0f;
}

typedef struct chain {
    pluck_stage stages[MOST_STAGES + 1];
    pluck_logit_bias biases[MOST_STAGES][MOST_BIASES];
    int32_t tokens[MOST_STAGES][4];
    pluck_token_sequence breakers[MOST_STAGES][2];
} chain;

static int32_t token_of(input *in, int32_t n_vocab) {
    return (int32_t)(byte(in) % (uint32_t)(n_vocab < 8 ? n_vocab : 8)) *
           (n_vocab < 8 ? 1 : n_vocab / 8);
}

static int32_t small(input *in, uint32_t n) {
    return (int32_t)(byte(in) % n);
}

/* The four tokens of a stage. */
static const int32_t *some_tokens(input *in, chain *c, int i, int32_t n_vocab) {
    for (int t = 0; t < 4; ++t) c->tokens[i][t] = token_of(in, n_vocab);
    return c->tokens[i];
}

static void make_edit(input *in, chain *c, int i, int32_t n_vocab, uint32_t kind) {
    if (kind == 0) {
        const int32_t n = small(in, MOST_BIASES + 1);
        for (int32_t b = 0; b < n; ++b) {
            c->biases[i][b].token = token_of(in, n_vocab);
            c->biases[i][b].bias = byte(in) % 8 ? number(in, -9.0f, 9.0f) : -INFINITY;
        }
        c->stages[i] = with_bias(c->biases[i], n);
        return;
    }
    if (kind == 1) {
        const int32_t last_n = small(in, 70);
        const float repeat = number(in, 0.5f, 2.0f);
        const float freq = number(in, -1.0f, 1.0f);
        c->stages[i] = with_penalties(last_n, repeat, freq, number(in, -1.0f, 1.0f));
        if (!in->spares) return;
        c->stages[i].as.penalties.exempt = some_tokens(in, c, i, n_vocab);
        c->stages[i].as.penalties.n_exempt = small(in, 3);
        c->stages[i].as.penalties.output_only = small(in, 2);
        return;
    }
    const float multiplier = number(in, 0.0f, 2.0f);
    const float base = number(in, 0.9f, 2.5f);
    const int32_t allowed = small(in, 4);
    c->stages[i] = with_dry(multiplier, base, allowed, small(in, 70));
    (void)some_tokens(in, c, i, n_vocab);
    c->breakers[i][0] = (pluck_token_sequence){c->tokens[i], 1};
    c->breakers[i][1] = (pluck_token_sequence){c->tokens[i] + 1, 1 + small(in, 3)};
    c->stages[i].as.dry.breakers = c->breakers[i];
    c->stages[i].as.dry.n_breakers = small(in, 3);
    if (!in->spares) return;
    c->stages[i].as.dry.exempt = c->tokens[i] + 2;
    c->stages[i].as.dry.n_exempt = small(in, 3);
}

static void make_stage(input *in, chain *c, int i, int32_t n_vocab) {
    static const int32_t keeps[] = {0, 0, 1, 2, 7, 1000};
    pluck_stage *s = &c->stages[i];
    const uint32_t kind = byte(in) % 26;
    const int32_t keep = keeps[byte(in) % 6];
    if (kind < 3) {
        make_edit(in, c, i, n_vocab, kind);
        return;
    }
    const float a = number(in, 0.0f, 1.0f);
    const float b = number(in, 0.0f, 1.0f);
    switch (kind) {
    case 3:
        *s = with_sigma(4.0f * a);
        return;
    case 4:
        *s = with_top_k(small(in, 256) - 3);
        return;
    case 5:
        *s = with_typical(a, keep);
        return;
    case 6:
        *s = with_top_p(a, keep);
        return;
    case 7:
        *s = with_min_p(a * a * a, keep);
        return;
    case 8:
        *s = with_xtc(a, b * b * 0.6f, keep);
        if (!in->spares) return;
        s->as.xtc.spared = some_tokens(in, c, i, n_vocab);
        s->as.xtc.n_spared = small(in, 3);
        return;
    case 9:
        *s = with_temp(2.0f * a, 0.0f, 1.0f);
        return;
    case 10:
        *s = with_temp(2.0f * a, 2.0f * b, number(in, 0.0f, 3.0f));
        return;
    case 11:
        *s = with_greedy();
        return;
    case 12:
        *s = with_mirostat(1, 8.0f * a, b, 2 + small(in, 120));
        return;
    case 13:
        *s = with_mirostat(2, 8.0f * a, b, 100);
        return;
    case 14:
        *s = with_adaptive(1.25f * a - 0.25f, b);
        return;
    case 15:
        *s = with_top_a(a, keep);
        return;
    case 16:
        *s = with_epsilon_cutoff(a * a * a, keep);
        return;
    case 17:
        *s = with_eta_cutoff(a * a * a, keep);
        return;
    case 18:
        *s = with_p_less(b < 0.5f);
        return;
    case 19:
        *s = with_tfs(a, keep, b < 0.5f);
        return;
    case 20:
        *s = with_top_h(a);
        return;
    case 21:
        *s = with_min_k(20.0f * a - 1.0f);
        return;
    case 22:
        *s = with_smoothing(2.0f * a, 5.0f * b - 1.0f);
        return;
    case 23:
        *s = with_skew(8.0f * a - 4.0f);
        return;
    default:
        *s = with_dist();
        return;
    }
}

/* Guidance or contrastive. */
static pluck_stage make_joining(input *in) {
    const uint32_t choice = byte(in);
    if (choice % 2) return with_guidance(number(in, -2.0f, 4.0f));
    const float alpha = number(in, 0.0f, 1.0f);
    return with_contrastive(alpha * alpha * alpha, number(in, 0.0f, 3.0f), choice % 8 == 0);
}

/* A row: small steps full of ties, or raw floats. */
static void make_row(input *in, float *logits, int32_t n) {
    const uint32_t how = byte(in);
    for (int32_t i = 0; i < n; ++i) {
        const uint32_t x = byte(in);
        logits[i] = ((float)x - 128.0f) / (float)(1u << how % 8);
        if (how >= 128) logits[i] += (float)byte(in) / 512.0f;
        if (x == 7 && how % 3 == 0) logits[i] = -INFINITY;
        if (x == 8 && how % 5 == 0) logits[i] = INFINITY;
        if (how == 77) {
            const uint32_t bits = word(in);
            memcpy(&logits[i], &bits, sizeof bits);
            in->raw = true;
        }
    }
}

/* What must hold for any numbers. */
static void check_invariants(pluck_status status, const pluck_draw *draw,
                             pluck_workspace *workspace, int32_t n_vocab) {
    pluck_candidates c;
    const pluck_status read = pluck_workspace_candidates(workspace, &c);
    if (status != PLUCK_OK) {
        FUZZ_REQUIRE(read != PLUCK_OK && draw->token == -1);
        return;
    }
    FUZZ_REQUIRE(read == PLUCK_OK && c.n >= 1 && c.n + c.n_masked <= n_vocab && c.n_masked >= 0);
    FUZZ_REQUIRE(draw->token >= 0 && draw->token < n_vocab && draw->n_candidates == c.n);
    FUZZ_REQUIRE(draw->probability >= 0.0f && draw->probability <= 1.0f);
    double sum = 0.0;
    for (int32_t i = 0; i < c.n; ++i) {
        FUZZ_REQUIRE(c.ids[i] >= 0 && c.ids[i] < n_vocab);
        FUZZ_REQUIRE(c.probabilities[i] >= 0.0f && c.probabilities[i] <= 1.0f);
        FUZZ_REQUIRE(!isnan(c.logits[i]));
        if (i && c.descending) FUZZ_REQUIRE(c.logits[i] <= c.logits[i - 1]);
        sum += (double)c.probabilities[i];
    }
    FUZZ_REQUIRE(fabs(sum - 1.0) < 1e-4);
}

/*
 * Is float32 too inexact to compare the chain with its definition? It is if a stage makes logits,
 * or a temperature, from probabilities; and if logits are edited after temperatures have made them
 * so large that a nat is below their last digit.
 */
static bool amplifies(const pluck_config *config) {
    double coldest = 1.0; /* the product of the temperatures below 1 so far */
    for (int32_t i = 0; i < config->n_stages; ++i) {
        const pluck_stage *s = &config->stages[i];
        switch (s->kind) {
        case PLUCK_STAGE_ADAPTIVE_P:
            return true;
        case PLUCK_STAGE_TEMPERATURE:
            if (s->as.temperature.range > 0.0f) return true;
            if (s->as.temperature.t < 1.0f) coldest *= fmax((double)s->as.temperature.t, 1e-9);
            break;
        case PLUCK_STAGE_LOGIT_BIAS:
        case PLUCK_STAGE_PENALTIES:
        case PLUCK_STAGE_DRY:
        case PLUCK_STAGE_SMOOTHING:
            if (coldest < 0.05) return true;
            break;
        default:
            break;
        }
    }
    return false;
}

static void run_calls(input *in, const pluck_config *config, pluck_sampler *s, oracle *o) {
    static float logits[MOST_VOCAB], second[MOST_VOCAB];
    uint32_t allowed[(MOST_VOCAB + 31) / 32];
    const int32_t n = config->n_vocab;
    bool together = true; /* the oracle's state still matches the sampler's */
    for (int call = 0; call < CALLS; ++call) {
        make_row(in, logits, n);
        pluck_row row = {.logits = logits};
        if (in->joins) {
            make_row(in, second, n);
            row.second = second;
        }
        if (byte(in) % 4 == 0) {
            for (size_t w = 0; w < sizeof allowed / sizeof *allowed; ++w) allowed[w] = word(in);
            row.allowed = allowed;
        }
        pluck_draw draw = {-1, 0.0f, 0.0f, 0};
        const pluck_status status = pluck_sample_row(s, &row, &draw);
        check_invariants(status, &draw, pluck_sampler_workspace(s), n);
        if (in->raw || amplifies(config)) together = false;
        if (together) {
            oracle_result want;
            char why[CHECK_WHY];
            oracle_sample(o, &row, &want);
            const check_verdict verdict =
                check_compare(config, &want, status, &draw, pluck_sampler_workspace(s), why);
            if (verdict == CHECK_DIFFERS) {
                char text[2048];
                check_describe(config, text, sizeof text);
                fprintf(stderr, "call %d: %s\n%s\n", call, why, text);
                abort();
            }
            together = verdict == CHECK_SAME;
        }
        const int32_t token = status == PLUCK_OK && byte(in) % 2 ? draw.token : token_of(in, n);
        FUZZ_REQUIRE(pluck_accept(s, token) == PLUCK_OK);
        oracle_accept(o, token);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static chain c;
    input in = {data, size, false, false, false};
    const int32_t n_vocab = 1 + (int32_t)(byte(&in) * 256u + byte(&in)) % MOST_VOCAB;
    const uint32_t flags = byte(&in);
    const int n_stages = 1 + (int)(flags / 2 % MOST_STAGES);
    in.spares = flags / 16 % 4 == 2;
    in.joins = flags / 16 % 4 == 3;
    for (int i = 0; i < n_stages; ++i) make_stage(&in, &c, i, n_vocab);
    if (in.joins) c.stages[0] = make_joining(&in);
    c.stages[n_stages] = with_dist();
    const pluck_config config =
        with_chain(n_vocab, word(&in) / 2, flags % 2 ? PLUCK_RNG_PHILOX : PLUCK_RNG_MT19937,
                   c.stages, n_stages + 1);
    pluck_sampler *s = NULL;
    const pluck_status status = pluck_sampler_create(&s, &config);
    if (status != PLUCK_OK) {
        FUZZ_REQUIRE(in.raw && status == PLUCK_ERR_PARAM && !s);
        return 0;
    }
    oracle *o = oracle_create(&config, 0);
    if (o) {
        const int32_t history = small(&in, 32);
        for (int32_t i = 0; i < history; ++i) {
            const int32_t token = token_of(&in, n_vocab);
            if (in.spares && i < history / 2) {
                FUZZ_REQUIRE(pluck_accept_prompt(s, &token, 1) == PLUCK_OK);
                oracle_accept_prompt(o, token);
                continue;
            }
            FUZZ_REQUIRE(pluck_accept(s, token) == PLUCK_OK);
            oracle_accept(o, token);
        }
        run_calls(&in, &config, s, o);
    }
    oracle_free(o);
    pluck_sampler_free(s);
    return 0;
}
