/*
 * draw_probe.c: prints a fixed set of draws, every bit of them.
 *
 * Results must not depend on the instruction set. So this program, which needs nothing but the
 * library, is run once per instruction set (by PLUCK_DISABLE_CPU, or built for another architecture
 * and run under an emulator), and the outputs are compared line by line. Its rows come from integer
 * arithmetic and single correctly rounded operations, so every machine makes the same rows.
 *
 * Usage: draw_probe          the draws
 *        draw_probe isa      only the instruction set in use
 */
#include "pluck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint64_t next(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The sum of twelve 16-bit integers: nearly normal, and exactly the same on every machine. */
static double bell(void) {
    int64_t sum = 0;
    for (int i = 0; i < 3; ++i) {
        uint64_t word = next();
        for (int j = 0; j < 4; ++j, word >>= 16) sum += (int64_t)(word & 0xffffu);
    }
    return (double)(sum - 12 * 32768) / 65536.0;
}

enum { ROWS = 6, CHAINS = 22, MOST = 151936 };

static const int32_t sizes[ROWS] = {5, 63, 1000, 32003, MOST, MOST};

/* Rows 0 to 4: normal, of growing scale; row 5: flat with ties. Some tokens of row 3 are masked. */
static void fill(int row, float *logits) {
    state = 1000u + (uint64_t)row;
    for (int32_t i = 0; i < sizes[row]; ++i) {
        logits[i] = (float)(bell() * (row == 5 ? 1.0 : 4.0));
        if (row == 5) logits[i] = (float)(int32_t)(logits[i] * 16.0f) / 16.0f;
        if (row == 3 && i % 7 == 0) logits[i] = -INFINITY;
    }
}

/* A second row: the first in another order. */
static void shuffle(const float *logits, int32_t n, float *others) {
    for (int32_t i = 0; i < n; ++i) others[i] = logits[((int64_t)i * 7 + 3) % n];
}

/* bfloat16: the upper half of a float32. */
static void to_bf16(const float *logits, int32_t n, uint16_t *out) {
    for (int32_t i = 0; i < n; ++i) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        out[i] = (uint16_t)(bits >> 16);
    }
}

/* Integers from -2,047 to 2,047 in units of 2^-7, exact in binary16. */
static void to_f16(const float *logits, int32_t n, uint16_t *out) {
    for (int32_t i = 0; i < n; ++i) {
        const bool masked = logits[i] == -INFINITY;
        const int32_t steps = masked ? 0 : (int32_t)(logits[i] * 64.0f) % 2048;
        uint32_t magnitude = (uint32_t)(steps < 0 ? -steps : steps);
        uint32_t exponent = 18; /* of 2^10 steps, in units of 2^-7 */
        while (magnitude && magnitude < 1024u) {
            magnitude <<= 1;
            --exponent;
        }
        uint32_t bits = magnitude ? exponent << 10 | (magnitude & 1023u) : 0u;
        if (steps < 0) bits |= 0x8000u;
        out[i] = masked ? 0xfc00u : (uint16_t)bits;
    }
}

#define DIST                                                                                       \
    {                                                                                              \
        .kind = PLUCK_STAGE_DIST, .as.dist = { PLUCK_SEED_RANDOM }                                 \
    }

static const pluck_stage chains[CHAINS][6] = {
    {{.kind = PLUCK_STAGE_GREEDY}},
    {DIST},
    {{.kind = PLUCK_STAGE_TOP_K, .as.top_k = {40}},
     {.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.95f, 0}},
     {.kind = PLUCK_STAGE_MIN_P, .as.min_p = {0.05f, 0}},
     {.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {0.8f, 0.0f, 1.0f}},
     DIST},
    {{.kind = PLUCK_STAGE_TOP_K, .as.top_k = {1000}}, DIST},
    {{.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.95f, 0}}, DIST},
    {{.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {1.5f, 0.0f, 1.0f}},
     {.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.99f, 0}},
     DIST},
    {{.kind = PLUCK_STAGE_MIN_P, .as.min_p = {0.02f, 0}}, DIST},
    {{.kind = PLUCK_STAGE_TYPICAL, .as.typical = {0.95f, 0}}, DIST},
    {{.kind = PLUCK_STAGE_TOP_N_SIGMA, .as.top_n_sigma = {1.0f}}, DIST},
    {{.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {0.9f, 0.5f, 1.2f}}, DIST},
    {{.kind = PLUCK_STAGE_XTC,
      .as.xtc =
          {.probability = 0.9f, .threshold = 0.01f, .min_keep = 1, .seed = PLUCK_SEED_RANDOM}},
     DIST},
    {{.kind = PLUCK_STAGE_PENALTIES,
      .as.penalties = {.last_n = 64, .repeat = 1.2f, .freq = 0.1f, .present = 0.2f}},
     {.kind = PLUCK_STAGE_DRY,
      .as.dry = {.multiplier = 0.8f, .base = 1.75f, .allowed_length = 1, .last_n = 64}},
     DIST},
    {{.kind = PLUCK_STAGE_MIROSTAT, .as.mirostat = {6.0f, 0.1f, 100, PLUCK_SEED_RANDOM}}},
    {{.kind = PLUCK_STAGE_MIROSTAT_V2, .as.mirostat = {6.0f, 0.1f, 100, PLUCK_SEED_RANDOM}}},
    {{.kind = PLUCK_STAGE_ADAPTIVE_P, .as.adaptive_p = {0.05f, 0.9f, PLUCK_SEED_RANDOM}}},
    {{.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.9f, 0}},
     {.kind = PLUCK_STAGE_ADAPTIVE_P, .as.adaptive_p = {0.3f, 0.9f, PLUCK_SEED_RANDOM}}},
    {{.kind = PLUCK_STAGE_TYPICAL, .as.typical = {0.7f, 0}},
     {.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {0.7f, 0.0f, 1.0f}},
     {.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.8f, 0}},
     DIST},
    {{.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {0.0f, 0.0f, 1.0f}}, DIST},
    {{.kind = PLUCK_STAGE_GUIDANCE, .as.guidance = {1.7f}},
     {.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.95f, 0}},
     DIST},
    {{.kind = PLUCK_STAGE_GUIDANCE, .as.guidance = {-0.4f}},
     {.kind = PLUCK_STAGE_PENALTIES, .as.penalties = {.last_n = 64, .repeat = 1.2f}},
     DIST},
    {{.kind = PLUCK_STAGE_CONTRASTIVE, .as.contrastive = {1e-3f, 0.6f, 0}}, DIST},
    {{.kind = PLUCK_STAGE_CONTRASTIVE, .as.contrastive = {0.0f, 0.0f, 1}},
     {.kind = PLUCK_STAGE_MIN_P, .as.min_p = {0.02f, 0}},
     DIST},
};

static uint64_t hash_of(const pluck_candidates *c) {
    uint64_t hash = 14695981039346656037u;
    for (int32_t i = 0; i < c->n; ++i) {
        uint32_t words[3];
        memcpy(&words[0], &c->ids[i], 4);
        memcpy(&words[1], &c->logits[i], 4);
        memcpy(&words[2], &c->probabilities[i], 4);
        for (int k = 0; k < 3; ++k) hash = (hash ^ words[k]) * 1099511628211u;
    }
    return hash;
}

static int fail(const char *what, pluck_status status) {
    fprintf(stderr, "draw_probe: %s: %s\n", what, pluck_status_string(status));
    return 1;
}

/* One chain on one row: four draws, each accepted. */
static int probe(int chain, int row_number, const pluck_row *row, pluck_rng_kind rng) {
    pluck_config config = {.n_vocab = sizes[row_number],
                           .seed = 77u + (uint32_t)chain,
                           .rng = rng,
                           .stages = chains[chain]};
    while (config.n_stages < 6 && chains[chain][config.n_stages].kind) ++config.n_stages;
    pluck_sampler *s = NULL;
    const pluck_status created = pluck_sampler_create(&s, &config);
    if (created != PLUCK_OK) return fail("create", created);
    int failed = 0;
    for (int call = 0; call < 4 && !failed; ++call) {
        pluck_draw draw;
        pluck_candidates c;
        pluck_status status = pluck_sample_row(s, row, &draw);
        if (status == PLUCK_OK) status = pluck_accept(s, draw.token);
        if (status == PLUCK_OK) {
            status = pluck_workspace_candidates(pluck_sampler_workspace(s), &c);
        }
        if (status != PLUCK_OK) {
            failed = fail("sample", status);
            break;
        }
        uint32_t logit;
        uint32_t probability;
        memcpy(&logit, &draw.logit, sizeof logit);
        memcpy(&probability, &draw.probability, sizeof probability);
        printf("chain %d row %d dtype %d rng %d call %d: token %d logit %08x p %08x n %d %016llx\n",
               chain, row_number, (int)row->dtype, (int)rng, call, draw.token, logit, probability,
               draw.n_candidates, (unsigned long long)hash_of(&c));
    }
    pluck_sampler_free(s);
    return failed;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "isa") == 0) {
        puts(pluck_isa());
        return 0;
    }
    float *logits = malloc(MOST * sizeof *logits), *others = malloc(MOST * sizeof *others);
    uint16_t *halves = malloc(MOST * sizeof *halves);
    uint16_t *other_halves = malloc(MOST * sizeof *other_halves);
    int failed = !logits || !others || !halves || !other_halves;
    for (int row = 0; row < ROWS && !failed; ++row) {
        fill(row, logits);
        shuffle(logits, sizes[row], others);
        for (int dtype = 0; dtype < 3 && !failed; ++dtype) {
            if (row == ROWS - 1 && dtype) continue;
            if (dtype == PLUCK_DTYPE_BF16) to_bf16(logits, sizes[row], halves);
            if (dtype == PLUCK_DTYPE_F16) to_f16(logits, sizes[row], halves);
            if (dtype == PLUCK_DTYPE_F16) to_f16(others, sizes[row], other_halves);
            /* The second row of a bfloat16 row is float32. */
            const bool same = dtype == PLUCK_DTYPE_F16;
            const pluck_row r = {.logits = dtype == PLUCK_DTYPE_F32 ? (void *)logits : halves,
                                 .dtype = (pluck_dtype)dtype,
                                 .second = same ? (void *)other_halves : others,
                                 .second_dtype = same ? PLUCK_DTYPE_F16 : PLUCK_DTYPE_F32};
            for (int chain = 0; chain < CHAINS && !failed; ++chain) {
                failed = probe(chain, row, &r, (pluck_rng_kind)((chain + row) % 2));
            }
        }
    }
    free(logits);
    free(others);
    free(halves);
    free(other_halves);
    return failed;
}
