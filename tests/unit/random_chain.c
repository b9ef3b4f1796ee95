/*
 * random_chain.c: parameters drawn so that most stages have an effect, some are disabled and some
 * are at a limit.
 */
#include "random_chain.h"

#include <math.h>
#include <string.h>

static float one_of(rows_random *r, const float *values, uint32_t n) {
    return values[rows_below(r, n)];
}
#define ONE_OF(r, ...)                                                                             \
    one_of(r, (const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

static int32_t min_keep(rows_random *r) {
    static const int32_t values[] = {0, 0, 0, 1, 2, 5, 30, 1000000};
    return values[rows_below(r, 8)];
}

static float spread(rows_random *r, float low, float high) {
    return low + (high - low) * (float)rows_uniform(r);
}

static uint32_t own_seed(rows_random *r) {
    return rows_below(r, 3) ? PLUCK_SEED_RANDOM : (uint32_t)rows_next(r) >> 1;
}

int32_t random_chain_token(rows_random *r, int32_t n_vocab) {
    /* Ten tokens spread over the vocabulary; now and then any other. */
    const uint32_t pool = n_vocab < 10 ? (uint32_t)n_vocab : 10u;
    if (rows_below(r, 8) == 0) return (int32_t)rows_below(r, (uint32_t)n_vocab);
    return (int32_t)((uint64_t)rows_below(r, pool) * (uint32_t)n_vocab / pool);
}

static void make_bias(random_chain *c, int32_t at, rows_random *r, int32_t n_vocab) {
    const int32_t n = (int32_t)rows_below(r, CHAIN_BIASES + 1);
    for (int32_t i = 0; i < n; ++i) {
        c->biases[at][i].token = random_chain_token(r, n_vocab);
        c->biases[at][i].bias = rows_below(r, 6) ? spread(r, -8.0f, 8.0f) : -INFINITY;
        /* In a tiny vocabulary -inf would mask the last allowed token too often. */
        if (n_vocab < 40 && isinf(c->biases[at][i].bias)) c->biases[at][i].bias = -3.0f;
    }
    c->stages[at] = with_bias(c->biases[at], n);
}

static void make_dry(random_chain *c, int32_t at, rows_random *r, int32_t n_vocab) {
    c->stages[at] = with_dry(ONE_OF(r, 0.0f, 0.8f, 0.8f, 1.5f, -0.5f),
                             ONE_OF(r, 1.75f, 1.75f, 1.0f, 0.5f, 2.0f), (int32_t)rows_below(r, 4),
                             (int32_t)rows_below(r, 4) * 24);
    const int32_t n = (int32_t)rows_below(r, CHAIN_BREAKERS + 1);
    for (int32_t b = 0; b < n; ++b) {
        const int32_t length = 1 + (int32_t)rows_below(r, CHAIN_TAIL);
        for (int32_t i = 0; i < length; ++i) {
            c->tails[at][b][i] = random_chain_token(r, n_vocab);
        }
        c->breakers[at][b] = (pluck_token_sequence){c->tails[at][b], length};
    }
    c->stages[at].as.dry.breakers = c->breakers[at];
    c->stages[at].as.dry.n_breakers = n;
}

/* Tokens that a stage leaves alone: none as a rule. */
static void spare_some(random_chain *c, int32_t at, rows_random *r, int32_t n_vocab) {
    pluck_stage *s = &c->stages[at];
    const int32_t *spared = c->spared[at];
    const int32_t n = rows_below(r, 3) ? 0 : 1 + (int32_t)rows_below(r, CHAIN_TAIL);
    for (int32_t t = 0; t < n; ++t) c->spared[at][t] = random_chain_token(r, n_vocab);
    if (s->kind == PLUCK_STAGE_PENALTIES) {
        s->as.penalties.exempt = spared;
        s->as.penalties.n_exempt = n;
        s->as.penalties.output_only = (int32_t)rows_below(r, 2);
    } else if (s->kind == PLUCK_STAGE_DRY) {
        s->as.dry.exempt = spared;
        s->as.dry.n_exempt = n;
    } else {
        s->as.xtc.spared = spared;
        s->as.xtc.n_spared = n;
    }
}

static void make_selector(random_chain *c, int32_t at, rows_random *r) {
    switch (rows_below(r, 9)) {
    case 8:
        c->stages[at] = with_skew(ONE_OF(r, 0.0f, 1.0f, -1.0f, 5.0f, -20.0f));
        c->stages[at].as.skew.seed = own_seed(r);
        return;
    case 0:
        c->stages[at] = with_greedy();
        return;
    case 1:
        c->stages[at] = with_mirostat(1, spread(r, 0.0f, 8.0f), spread(r, 0.0f, 0.4f),
                                      2 + (int32_t)rows_below(r, 120));
        c->stages[at].as.mirostat.seed = own_seed(r);
        return;
    case 2:
        c->stages[at] = with_mirostat(2, spread(r, 0.0f, 8.0f), spread(r, 0.0f, 0.4f), 100);
        c->stages[at].as.mirostat.seed = own_seed(r);
        return;
    case 3:
        c->stages[at] = with_adaptive(ONE_OF(r, -1.0f, 0.0f, 0.2f, 0.5f, 0.9f, 1.0f),
                                      ONE_OF(r, 0.0f, 0.5f, 0.9f, 1.0f));
        c->stages[at].as.adaptive_p.seed = own_seed(r);
        return;
    default:
        c->stages[at] = with_dist();
        c->stages[at].as.dist.seed = own_seed(r);
        return;
    }
}

static void make_stage(random_chain *c, int32_t at, rows_random *r, int32_t n_vocab) {
    pluck_stage *s = &c->stages[at];
    const uint32_t vocab = (uint32_t)n_vocab;
    switch (rows_below(r, 24)) {
    case 0:
        make_bias(c, at, r, n_vocab);
        return;
    case 1:
        *s = with_penalties((int32_t)rows_below(r, 5) * 16, ONE_OF(r, 1.0f, 1.1f, 1.5f, 0.8f),
                            ONE_OF(r, 0.0f, 0.2f, -0.3f), ONE_OF(r, 0.0f, 0.5f, -0.2f));
        spare_some(c, at, r, n_vocab);
        return;
    case 2:
        make_dry(c, at, r, n_vocab);
        spare_some(c, at, r, n_vocab);
        return;
    case 3:
        *s = with_sigma(ONE_OF(r, -1.0f, 0.0f, 0.5f, 1.0f, 2.0f, 3.5f, INFINITY));
        return;
    case 4:
        *s = with_top_k(rows_below(r, 3) ? 1 + (int32_t)rows_below(r, 100)
                                         : (int32_t)rows_below(r, vocab + 10) - 3);
        return;
    case 5:
        *s = with_typical(ONE_OF(r, 0.0f, 0.2f, 0.5f, 0.9f, 0.95f, 1.0f), min_keep(r));
        return;
    case 6:
    case 7:
        *s = with_top_p(ONE_OF(r, 0.0f, 0.1f, 0.5f, 0.9f, 0.95f, 0.999f, 1.0f), min_keep(r));
        return;
    case 8:
    case 9:
        *s = with_min_p(ONE_OF(r, 0.0f, 1e-4f, 0.02f, 0.05f, 0.3f, 1.0f), min_keep(r));
        return;
    case 10:
        *s = with_xtc(ONE_OF(r, 0.0f, 0.5f, 1.0f, 1.0f),
                      ONE_OF(r, 0.6f, 0.1f, 0.02f, 0.5f, 0.001f, 0.0f), min_keep(r));
        s->as.xtc.seed = own_seed(r);
        spare_some(c, at, r, n_vocab);
        return;
    case 11:
        *s = with_temp(spread(r, -0.1f, 2.0f), ONE_OF(r, 0.0f, 0.0f, 0.0f, 0.5f, 1.5f),
                       ONE_OF(r, 1.0f, 1.0f, 0.0f, 0.5f, 3.0f));
        return;
    case 12:
        *s = with_top_a(ONE_OF(r, 0.0f, 0.2f, 0.05f, 1.0f, 1e-4f), min_keep(r));
        return;
    case 13:
        *s = with_epsilon_cutoff(ONE_OF(r, 0.0f, 3e-4f, 9e-4f, 0.02f, 0.3f, 1.0f), min_keep(r));
        return;
    case 14:
        *s = with_eta_cutoff(ONE_OF(r, 0.0f, 3e-4f, 4e-3f, 0.02f, 0.3f, 1.0f), min_keep(r));
        return;
    case 15:
        *s = with_p_less(rows_below(r, 2));
        return;
    case 16:
        *s = with_tfs(ONE_OF(r, 0.0f, 0.5f, 0.9f, 0.95f, 0.99f, 1.0f), min_keep(r),
                      (int32_t)rows_below(r, 2));
        return;
    case 17:
        *s = with_top_h(ONE_OF(r, 0.0f, 0.2f, 0.4f, 0.6f, 0.9f, 1.0f));
        return;
    case 18:
        *s = with_min_k(ONE_OF(r, -1.0f, 0.0f, 3.0f, 20.0f, 1000.0f, 1e9f));
        return;
    case 20:
        make_dry(c, at, r, n_vocab);
        for (int32_t t = 0; t < CHAIN_TAIL; ++t)
            c->tails[at][0][t] = random_chain_token(r, n_vocab);
        *s = with_min_tokens((int32_t)rows_below(r, 4), c->tails[at][0],
                             n_vocab < 40 ? 1 : CHAIN_TAIL);
        return;
    case 21:
        make_dry(c, at, r, n_vocab); /* whose breakers are as good as words */
        *s = with_bad_words(c->breakers[at], n_vocab < 40 ? 0 : s->as.dry.n_breakers);
        return;
    case 22:
        *s = with_no_repeat_ngram((int32_t)rows_below(r, 5),
                                  n_vocab < 40 ? 0 : 4 + (int32_t)rows_below(r, 60));
        return;
    case 19:
        *s = with_smoothing(ONE_OF(r, 0.0f, 0.05f, 0.2f, 0.3f, 1.5f),
                            ONE_OF(r, 1.0f, 1.0f, 1.5f, 3.0f, 4.0f, 0.5f));
        return;
    default:
        *s = with_temp(ONE_OF(r, 1.0f, 0.8f, 0.6f, 1.3f, 1.5f, 5.0f, 0.0f), 0.0f, 1.0f);
        return;
    }
}

void random_chain_make(random_chain *c, uint64_t seed, int32_t n_vocab) {
    rows_random r = {seed * 2654435761u + 99u};
    const int32_t n = 1 + (int32_t)rows_below(&r, CHAIN_STAGES - 1);
    bool selects = false;
    for (int32_t i = 0; i < n; ++i) {
        const bool select = i == n - 1 ? rows_below(&r, 4) != 0 : rows_below(&r, 12) == 0;
        if (select) {
            make_selector(c, i, &r);
            selects = true;
        } else {
            make_stage(c, i, &r, n_vocab);
        }
    }
    int32_t total = n;
    if (!selects) make_selector(c, total++, &r);
    c->config =
        with_chain(n_vocab, (uint32_t)rows_next(&r) >> 1,
                   rows_below(&r, 2) ? PLUCK_RNG_PHILOX : PLUCK_RNG_MT19937, c->stages, total);
}

void random_chain_open(pair *p, random_chain *c, const pluck_stage *stage, int32_t at) {
    pluck_config config = c->config;
    memcpy(c->and_one, c->stages, (size_t)at * sizeof *stage);
    c->and_one[at] = *stage;
    memcpy(c->and_one + at + 1, c->stages + at, (size_t)(config.n_stages - at) * sizeof *stage);
    config.stages = c->and_one;
    config.n_stages++;
    pair_open(p, &config);
}

pluck_row random_chain_row(rows_random *r, int32_t n_vocab) {
    static float logits[CHAIN_VOCAB];
    static char raw[CHAIN_VOCAB * sizeof(float)];
    static uint32_t mask[CHAIN_VOCAB / 32 + 1];
    static int32_t ids[CHAIN_VOCAB];
    assert_in_range(n_vocab, 1, CHAIN_VOCAB);
    const rows_kind kind = rows_below(r, 3) ? (rows_kind)rows_below(r, ROWS_REAL + 1)
                                            : (rows_kind)rows_below(r, ROWS_KINDS);
    const pluck_dtype dtype = (pluck_dtype)rows_below(r, 3);
    rows_fill(kind, rows_next(r) >> 40, logits, n_vocab);
    rows_store(dtype, logits, raw, n_vocab);
    pluck_row row = {.logits = raw, .dtype = dtype};
    if (rows_below(r, 3) == 0) {
        rows_mask((rows_mask_kind)rows_below(r, ROWS_MASKS), rows_next(r), logits, mask, n_vocab);
        row.allowed = mask;
    } else if (rows_below(r, 4) == 0) {
        row.n = 1 + (int32_t)rows_below(r, (uint32_t)n_vocab);
        rows_ids(rows_next(r), n_vocab, ids, row.n, rows_below(r, 2));
        row.ids = ids;
    }
    return row;
}

void random_chain_calls(pair *p, rows_random *r, int32_t n_vocab,
                        pluck_row (*next)(rows_random *r, int32_t n_vocab), int *calls, int *same) {
    for (int call = 0; call < 4; call++) {
        const pluck_row row = next(r, n_vocab);
        const check_verdict verdict = pair_step(p, &row, NULL);
        *calls += 1;
        *same += verdict == CHECK_SAME;
        if (verdict != CHECK_SAME) break;
        pair_accept(p, random_chain_token(r, n_vocab));
    }
}
