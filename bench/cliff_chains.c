/*
 * cliff_chains.c: the table of chains, and the samplers for them.
 *
 * The limits of single chains are in plain draws (dist alone, on a normal row), because a plain
 * draw can be counted as well as timed. With AVX2 it takes 9 passes over the row.
 */
#include "cliff_chains.h"

#include "rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSES(n) ((n) / 9.0)

#define DEFAULT "default: top_k 40, top_p .95, min_p .05, temp .8"
#define PENALTIES                                                                                  \
    "samplers=penalties:top_k:top_p:min_p:temperature;repeat_penalty=1.1;penalty_freq=.1;"         \
    "penalty_last_n="
#define DRY                                                                                        \
    "samplers=dry:top_k:top_p:min_p:temperature;dry_multiplier=.8;"                                \
    "dry_sequence_breakers=198:25:1:9/2303;dry_penalty_last_n="

const cliff_chain cliff_chains[] = {
    {"greedy", "samplers=top_k;top_k=1;temp=0", .small = true},
    {"dist", "samplers=", .small = true},
    {"dist, philox", "samplers=;rng=philox", .small = true},
    {DEFAULT, "", .small = true},
    {"default, philox", .spec = "rng=philox"},
    {"default without top_k", "top_k=0", .small = true},
    {"top_k 1000", "samplers=top_k;top_k=1000", .small = true, .plain = PASSES(14)},
    {"top_k 2374", "samplers=top_k;top_k=2374", .plain = PASSES(14)},
    {"top_k 2375", "samplers=top_k;top_k=2375", .plain = PASSES(14)},
    {"top_k 20000", "samplers=top_k;top_k=20000", .small = true, .plain = PASSES(14)},
    {"top_k 130000", "samplers=top_k;top_k=130000", .plain = PASSES(14)},
    {"top_k 20000, philox", "samplers=top_k;top_k=20000;rng=philox", .plain = PASSES(14)},
    {"top_p .3", "samplers=top_p;top_p=.3", .plain = PASSES(14)},
    {"top_p .95", "samplers=top_p;top_p=.95", .small = true, .plain = PASSES(14)},
    {"top_p .95, philox", "samplers=top_p;top_p=.95;rng=philox", .plain = PASSES(14)},
    {"top_p .9999", "samplers=top_p;top_p=.9999", .plain = PASSES(14)},
    {"top_p .95, min_keep 2", "samplers=top_p;top_p=.95;min_keep=2", .plain = PASSES(14)},
    {"top_p .95, min_keep 100", "samplers=top_p;top_p=.95;min_keep=100", .small = true,
     .plain = PASSES(14)},
    {"top_p .95, min_keep 50000", "samplers=top_p;top_p=.95;min_keep=50000", .plain = PASSES(14)},
    {"top_p .9, top_k 50", "samplers=top_p:top_k;top_p=.9;top_k=50", .small = true},
    {"top_p .95, min_p .05, temp .8", .spec = "samplers=top_p:min_p:temperature"},
    {"min_p .05", "samplers=min_p", .small = true},
    {"min_p 1e-6", .spec = "samplers=min_p;min_p=1e-6"},
    {"min_p .05, min_keep 5000", .spec = "samplers=min_p;min_keep=5000"},
    {"top_a .1", .spec = "samplers=top_a;top_a=.1", .small = true},
    {"epsilon_cutoff 3e-4", .spec = "samplers=epsilon_cutoff;epsilon_cutoff=3e-4"},
    {"epsilon_cutoff .01, min_keep 5000",
     .spec = "samplers=epsilon_cutoff;epsilon_cutoff=.01;min_keep=5000"},
    {"eta_cutoff 3e-4", .spec = "samplers=eta_cutoff;eta_cutoff=3e-4", .plain = PASSES(20)},
    {"p_less", .spec = "samplers=p_less;p_less=1", .plain = PASSES(14)},
    {"p_less_norm", .spec = "samplers=p_less_norm;p_less_norm=1", .plain = PASSES(14)},
    {"tfs .95", .spec = "samplers=tfs;tfs=.95", .plain = PASSES(36)},
    {"top_h .4", .spec = "samplers=top_h;top_h=.4", .plain = PASSES(36)},
    {"top_h .9", .spec = "samplers=top_h;top_h=.9", .plain = PASSES(36)},
    {"min_k 3", .spec = "samplers=min_k;min_k=3", .plain = PASSES(17)},
    {"smoothing .3", .spec = "samplers=quadratic_sampling;smoothing_factor=.3",
     .plain = PASSES(12)},
    {"skew 1", .spec = "samplers=;skew=1", .plain = PASSES(14)},
    {"xtc, threshold .1, spared", .spec = "samplers=xtc;xtc_probability=1;xtc_spared=198:2303"},
    {"guidance 1.5, dist", "samplers=guidance;guidance_scale=1.5", .small = true, .base = "dist",
     .factor = 2.2},
    {"guidance 1.5, default", "guidance_scale=1.5", .small = true, .base = DEFAULT, .factor = 2.2},
    {"guidance 1.5, top_p .95", "samplers=guidance:top_p;top_p=.95;guidance_scale=1.5",
     .base = "top_p .95", .factor = 2.2},
    {"guidance 1.5, penalties, dist",
     .spec = "samplers=guidance:penalties;guidance_scale=1.5;repeat_penalty=1.1",
     .history = HISTORY_NATURAL, .n_history = 64},
    {"contrastive .1, .5", "samplers=contrastive;contrastive_beta=.5", .small = true},
    {"contrastive 1e-6, .5",
     .spec = "samplers=contrastive;contrastive_beta=.5;contrastive_alpha=1e-6"},
    {"min_tokens, default", "min_tokens=1000;eos_token_id=198:2303", .base = DEFAULT, .factor = 1,
     .microseconds = 3},
    {"typical .95", "samplers=typ_p;typ_p=.95", .small = true, .plain = PASSES(22)},
    {"typical .5", "samplers=typ_p;typ_p=.5", .plain = PASSES(22)},
    {"typical .2, min_keep 100", "samplers=typ_p;typ_p=.2;min_keep=100", .plain = PASSES(22)},
    {"top_p .99, typical .9", "samplers=top_p:typ_p;top_p=.99;typ_p=.9", .small = true},
    {"temp 1.5, typical .95", "samplers=temperature:typ_p;temp=1.5;typ_p=.95", .small = true,
     .plain = PASSES(22)},
    {"temp 1.5, top_p .99", "samplers=temperature:top_p;temp=1.5;top_p=.99", .small = true,
     .plain = PASSES(17)},
    {"temp .2, dist", .spec = "samplers=temperature;temp=.2"},
    {"xtc, threshold .1", "samplers=xtc;xtc_probability=1", .small = true},
    {"xtc, threshold 1e-5", "samplers=xtc;xtc_probability=1;xtc_threshold=1e-5", .small = true},
    {"top_n_sigma 1", "samplers=top_n_sigma;top_n_sigma=1", .small = true},
    {"top_n_sigma 3", .spec = "samplers=top_n_sigma;top_n_sigma=3"},
    {"dynamic temperature 1 +- .5", "samplers=temperature;temp=1;dynatemp_range=.5", .small = true,
     .plain = PASSES(15)},
    {"mirostat v1", "mirostat=1;temp=1", .small = true},
    {"mirostat v1, tau 9", .spec = "mirostat=1;temp=1;mirostat_tau=9"},
    {"mirostat v2", "mirostat=2;temp=1", .small = true, .plain = PASSES(14)},
    {"mirostat v2, tau 1000", .spec = "mirostat=2;temp=1;mirostat_tau=1000"},
    {"adaptive-p .5", "samplers=adaptive_p;adaptive_target=.5", .small = true},
    {"adaptive-p .01 behind min_p",
     .spec = "samplers=min_p:adaptive_p;min_p=.001;adaptive_target=.01"},
    {"everything",
     "typ_p=.99;top_n_sigma=2;xtc_probability=.5;repeat_penalty=1.1;dry_multiplier=.8",
     .history = HISTORY_NATURAL, .n_history = 64},
    {"a callback, top_p .95", "samplers=top_p", .custom = true},
    {"penalties, 64 natural, default", PENALTIES "64", .history = HISTORY_NATURAL, .n_history = 64,
     .small = true},
    {"penalties, 10 of 1048576, default", PENALTIES "1048576", .history = HISTORY_NATURAL,
     .n_history = 10, .base = DEFAULT, .factor = 1.05},
    {"penalties, 10 of 65536, default", PENALTIES "65536", .history = HISTORY_NATURAL,
     .n_history = 10, .base = DEFAULT, .factor = 1.05, .small = true},
    {"penalties, 4096 distinct, default", PENALTIES "4096", .history = HISTORY_DISTINCT,
     .n_history = 4096, .base = DEFAULT, .factor = 1, .microseconds = 30, .small = true},
    {"penalties, 131072 distinct, default", PENALTIES "131072", .history = HISTORY_DISTINCT,
     .n_history = 131072, .base = DEFAULT, .factor = 1, .microseconds = 60},
    {"top_k 40, penalties, 131072 distinct",
     "samplers=top_k:penalties:top_p:min_p:temperature;repeat_penalty=1.1;penalty_last_n=131072",
     .history = HISTORY_DISTINCT, .n_history = 131072, .base = DEFAULT, .factor = 1,
     .microseconds = 12},
    {"penalties, 4096 natural, dist", "samplers=penalties;repeat_penalty=1.1;penalty_last_n=4096",
     .history = HISTORY_NATURAL, .n_history = 4096},
    {"DRY, 64 natural, default", DRY "64", .history = HISTORY_NATURAL, .n_history = 64,
     .base = DEFAULT, .factor = 1, .microseconds = 2, .small = true},
    {"DRY, 4096 natural, default", DRY "4096", .history = HISTORY_NATURAL, .n_history = 4096,
     .base = DEFAULT, .factor = 1, .microseconds = 40, .small = true},
    {"DRY, 131072 of one, default", DRY "131072", .history = HISTORY_ONE, .n_history = 131072,
     .base = DEFAULT, .factor = 1, .microseconds = 1500},
    {"DRY, 131072, every other one, default", DRY "131072", .history = HISTORY_ALTERNATE,
     .n_history = 131072, .base = DEFAULT, .factor = 1, .microseconds = 1500},
    {"DRY, 131072 of period 11, default", DRY "131072", .history = HISTORY_PERIOD,
     .n_history = 131072, .base = DEFAULT, .factor = 1, .microseconds = 1500},
    {"DRY, 131072 distinct, allowed 0, default", DRY "131072;dry_allowed_length=0",
     .history = HISTORY_DISTINCT, .n_history = 131072, .base = DEFAULT, .factor = 1,
     .microseconds = 1500},
    {"no_repeat_ngram 3, 65536 natural, default", "no_repeat_ngram_size=3",
     .history = HISTORY_NATURAL, .n_history = 65536, .base = DEFAULT, .factor = 1,
     .microseconds = 40},
    {"bad_words, 64 natural, default", "bad_words_ids=9/8/7:6:5/4:198/198",
     .history = HISTORY_NATURAL, .n_history = 64, .base = DEFAULT, .factor = 1, .microseconds = 3},
    {"1000 biases, default", "", .n_biases = 1000, .base = DEFAULT, .factor = 1,
     .plain = PASSES(1.5), .small = true},
    {"10000 biases, default", "", .n_biases = 10000, .base = DEFAULT, .factor = 1,
     .plain = PASSES(1.5)},
    {"100000 biases, default", "", .n_biases = 100000, .base = DEFAULT, .factor = 1,
     .plain = PASSES(1.5)},
    {"100000 biases, dist", "samplers=", .n_biases = 100000, .base = "dist", .factor = 1,
     .plain = PASSES(2)},
};
const int n_cliff_chains = sizeof cliff_chains / sizeof cliff_chains[0];

int cliff_chain_find(const char *name) {
    int i = 0;
    while (i < n_cliff_chains && strcmp(cliff_chains[i].name, name) != 0) i++;
    if (i == n_cliff_chains) {
        fprintf(stderr, "bench-cliffs: there is no chain '%s'\n", name);
        abort();
    }
    return i;
}

static bool change_nothing(void *ctx, pluck_custom_view *view) {
    (void)ctx;
    (void)view;
    return true;
}

/* Spreads the biases evenly over the vocabulary, in an unsorted order. */
static void fill_biases(pluck_logit_bias *biases, int32_t n, int32_t n_vocab) {
    rows_random r = {(uint64_t)n_vocab};
    const double step = (double)n_vocab / n;
    for (int32_t i = 0; i < n; i++) {
        const int32_t token = (int32_t)(i * step);
        const int32_t j = (int32_t)rows_below(&r, (uint32_t)i + 1);
        biases[i] = biases[j];
        biases[j] = (pluck_logit_bias){token, (float)rows_gauss(&r)};
    }
}

static int32_t history_token(cliff_history history, int32_t i, rows_random *r,
                             const int32_t *by_rank, int32_t n_vocab) {
    const double rank = exp(rows_uniform(r) * log(n_vocab));
    switch (history) {
    case HISTORY_DISTINCT:
        return by_rank[i % n_vocab];
    case HISTORY_ONE:
        return by_rank[0];
    case HISTORY_ALTERNATE:
        return i % 2 || n_vocab < 2 ? by_rank[0]
                                    : by_rank[1 + (int32_t)((int64_t)i * 7919 % (n_vocab - 1))];
    case HISTORY_PERIOD:
        return by_rank[i % 11 % n_vocab];
    default:
        return by_rank[rank < 1 || rank > n_vocab ? 0 : (int32_t)rank - 1];
    }
}

static pluck_status accept_history(pluck_sampler *sampler, const cliff_chain *chain,
                                   const int32_t *by_rank, int32_t n_vocab) {
    rows_random r = {11};
    pluck_status status = PLUCK_OK;
    for (int32_t i = 0; i < chain->n_history && status == PLUCK_OK; i++) {
        status = pluck_accept(sampler, history_token(chain->history, i, &r, by_rank, n_vocab));
    }
    return status;
}

pluck_status cliff_chain_sampler(pluck_sampler **out, const cliff_chain *chain,
                                 const int32_t *by_rank, int32_t n_vocab,
                                 pluck_workspace *workspace) {
    enum { MAX_STAGES = 64 };
    const int32_t n_biases = chain->n_biases < n_vocab ? chain->n_biases : n_vocab;
    pluck_logit_bias *biases = malloc((size_t)(n_biases + 1) * sizeof *biases);
    pluck_spec *spec = NULL;
    pluck_error error = {0};
    pluck_status status = pluck_spec_parse(&spec, chain->spec, n_vocab, &error);
    if (biases == NULL) status = PLUCK_ERR_MEMORY;
    if (status == PLUCK_OK) {
        if (n_biases > 0) fill_biases(biases, n_biases, n_vocab);
        pluck_stage stages[MAX_STAGES] = {{0}};
        pluck_config config = *pluck_spec_config(spec);
        int32_t n = 0;
        if (n_biases > 0) {
            stages[n++] =
                (pluck_stage){.kind = PLUCK_STAGE_LOGIT_BIAS, .as.logit_bias = {biases, n_biases}};
        }
        if (chain->custom) {
            stages[n++] =
                (pluck_stage){.kind = PLUCK_STAGE_CUSTOM, .as.custom.apply = change_nothing};
        }
        for (int32_t i = 0; i < config.n_stages && n < MAX_STAGES; i++) {
            stages[n++] = config.stages[i];
        }
        config.stages = stages;
        config.n_stages = n;
        config.seed = 42;
        config.workspace = workspace;
        status = pluck_sampler_create(out, &config);
    }
    if (status == PLUCK_OK) status = accept_history(*out, chain, by_rank, n_vocab);
    if (status != PLUCK_OK) {
        fprintf(stderr, "bench-cliffs: %s: %s\n", chain->name,
                error.message[0] != '\0' ? error.message : pluck_status_string(status));
    }
    pluck_spec_free(spec);
    free(biases);
    return status;
}
