/* parity_chains.c: see parity_chains.h. */
#include "parity_chains.h"

#include <stdio.h>
#include <string.h>

#define ONLY(name, values) "samplers=" name ";" values

const int parity_n_singles = 20;
const parity_chain parity_chains[] = {
    /* each sampler alone, before the draw */
    {"samplers=", PARITY_GREEDY},
    {"samplers=", PARITY_PLAIN},
    {"samplers=;logit_bias=5+3:77-4:300+2.5:9-inf", PARITY_PLAIN},
    {ONLY("penalties", "penalty_repeat=1.3"), PARITY_PLAIN},
    {ONLY("penalties", "penalty_freq=0.4;penalty_present=0.3;penalty_last_n=32"), PARITY_PLAIN},
    {ONLY("dry", "dry_multiplier=0.8;dry_base=1.75;dry_allowed_length=1"), PARITY_PLAIN},
    {ONLY("top_n_sigma", "top_n_sigma=1"), PARITY_PLAIN},
    {ONLY("top_k", "top_k=40"), PARITY_PLAIN},
    {ONLY("top_k", "top_k=1000"), PARITY_PLAIN},
    {ONLY("typ_p", "typ_p=0.9"), PARITY_PLAIN},
    {ONLY("top_p", "top_p=0.95"), PARITY_PLAIN},
    {ONLY("min_p", "min_p=0.05"), PARITY_PLAIN},
    {ONLY("xtc", "xtc_probability=0.5;xtc_threshold=0.1"), PARITY_PLAIN},
    {ONLY("temperature", "temp=0.7"), PARITY_PLAIN},
    {ONLY("temperature", "temp=0"), PARITY_PLAIN},
    {ONLY("temperature", "temp=1;dynatemp_range=0.5"), PARITY_PLAIN},
    {"mirostat=1;temp=1", PARITY_PLAIN},
    {"mirostat=2;temp=1", PARITY_PLAIN},
    {ONLY("adaptive_p", "adaptive_target=0.3"), PARITY_PLAIN},
    {ONLY("top_k", "top_k=64"), PARITY_INFILL},
    /* mixed */
    {"", PARITY_PLAIN}, /* llama.cpp's default */
    {"penalty_repeat=1.1", PARITY_PLAIN},
    {"penalty_repeat=1.1;temp=0", PARITY_PLAIN},
    {"penalty_repeat=1.2;penalty_last_n=128;dry_multiplier=0.8", PARITY_PLAIN},
    {"top_k=0", PARITY_PLAIN},
    {"top_k=0;top_p=0.9;min_p=0", PARITY_PLAIN},
    {"top_k=0;top_p=1;min_p=0.1;temp=1.2", PARITY_PLAIN},
    {"top_k=0;top_p=1;min_p=0.02;temp=1.5", PARITY_PLAIN},
    {"top_k=100;top_p=0.9;temp=1", PARITY_PLAIN},
    {"top_k=20;top_p=0.8;min_p=0;temp=0.7", PARITY_PLAIN},
    {"top_k=1", PARITY_PLAIN},
    {"top_k=3000;top_p=0.999;min_p=0;temp=2", PARITY_PLAIN},
    {"temp=1.5;top_k=0;top_p=0.99;min_p=0;samplers=temperature:top_p", PARITY_PLAIN},
    {"samplers=temperature:top_k:top_p;temp=1.3;top_k=50;top_p=0.92", PARITY_PLAIN},
    {"samplers=min_p:temperature;min_p=0.1;temp=1.5", PARITY_PLAIN},
    {"samplers=temperature:min_p;min_p=0.05;temp=1.5", PARITY_PLAIN},
    {"samplers=top_p:top_k;top_p=0.9;top_k=30", PARITY_PLAIN},
    {"samplers=top_p:min_p:top_k;top_p=0.97;min_p=0.02;top_k=64", PARITY_PLAIN},
    {"samplers=top_k:typ_p;top_k=500;typ_p=0.8", PARITY_PLAIN},
    {"samplers=typ_p:top_p;typ_p=0.95;top_p=0.9", PARITY_PLAIN},
    {"samplers=typ_p:temperature;typ_p=0.5;temp=1.4", PARITY_PLAIN},
    {"samplers=typ_p:temperature;typ_p=0.95;temp=0.9", PARITY_PLAIN},
    {"samplers=penalties:typ_p:min_p;penalty_repeat=1.15;typ_p=0.9;min_p=0.05", PARITY_PLAIN},
    {"top_n_sigma=1;top_k=0;top_p=1;min_p=0;temp=1.5", PARITY_PLAIN},
    {"top_n_sigma=2;top_k=100", PARITY_PLAIN},
    {"samplers=top_n_sigma:top_p:temperature;top_n_sigma=0.7;top_p=0.95;temp=2", PARITY_PLAIN},
    {"samplers=top_k:top_n_sigma:temperature;top_k=200;top_n_sigma=1;temp=1.2", PARITY_PLAIN},
    {"xtc_probability=0.5", PARITY_PLAIN},
    {"xtc_probability=1;xtc_threshold=0.05;top_k=0;top_p=1", PARITY_PLAIN},
    {"samplers=xtc:top_k:temperature;xtc_probability=0.7;xtc_threshold=0.02;temp=1.1",
     PARITY_PLAIN},
    {"samplers=min_p:xtc:temperature;min_p=0.02;xtc_probability=0.6;temp=1.2", PARITY_PLAIN},
    {"dynatemp_range=0.6;temp=1", PARITY_PLAIN},
    {"dynatemp_range=0.6;temp=1;dynatemp_exponent=1.5;top_k=0;top_p=1;min_p=0.05", PARITY_PLAIN},
    {"samplers=temperature:top_p;temp=0.9;dynatemp_range=0.4;top_p=0.95", PARITY_PLAIN},
    {"samplers=temperature:min_p:typ_p;temp=1;dynatemp_range=0.3;typ_p=0.95", PARITY_PLAIN},
    {"penalty_repeat=1.1;penalty_freq=0.1;penalty_present=0.1;top_k=0;min_p=0.05", PARITY_PLAIN},
    {"samplers=top_k:penalties;penalty_repeat=1.5;top_k=100", PARITY_PLAIN},
    {"samplers=top_k:penalties:top_p;penalty_repeat=1.4;top_k=100;top_p=0.9", PARITY_PLAIN},
    {"samplers=penalties:dry:top_k:typ_p:top_p:min_p:xtc:temperature;penalty_repeat=1.05;"
     "dry_multiplier=0.5;dry_allowed_length=1;typ_p=0.98;xtc_probability=0.3",
     PARITY_PLAIN},
    {"dry_multiplier=1.2;dry_base=1.5;dry_allowed_length=1;dry_penalty_last_n=512", PARITY_PLAIN},
    {"penalty_repeat=1.3;temp=0.6;top_k=0;top_p=0.95", PARITY_GREEDY},
    {"top_k=50;temp=0.8", PARITY_GREEDY},
    {"logit_bias=3+5:17-inf:100+1.5;penalty_repeat=1.1", PARITY_PLAIN},
    {"mirostat=1;temp=0.8;mirostat_tau=3", PARITY_PLAIN},
    {"mirostat=1;temp=1.2;mirostat_tau=8;mirostat_eta=0.3", PARITY_PLAIN},
    {"mirostat=2;temp=0.8;mirostat_tau=3", PARITY_PLAIN},
    {"mirostat=2;temp=1.3;mirostat_tau=6;mirostat_eta=0.2", PARITY_PLAIN},
    {"samplers=min_p:adaptive_p;min_p=0.02;adaptive_target=0.5", PARITY_PLAIN},
    {"samplers=top_k:temperature:adaptive_p;top_k=100;temp=0.9;adaptive_target=0.1;"
     "adaptive_decay=0.99",
     PARITY_PLAIN},
    {"samplers=top_p:min_p:top_p:min_p;top_p=0.98;min_p=0.01", PARITY_PLAIN},
    {"min_keep=5;top_k=0;top_p=0.5;min_p=0.3;temp=1.3", PARITY_PLAIN},
    {"min_keep=10;typ_p=0.4;samplers=typ_p:temperature;temp=1.2", PARITY_PLAIN},
};
const int parity_n_chains = (int)(sizeof parity_chains / sizeof parity_chains[0]);

bool parity_config(const parity_chain *chain, int32_t n_vocab, const pluck_stage_infill *infill,
                   pluck_stage *stages, pluck_config *config, pluck_spec **parsed) {
    pluck_error err;
    if (pluck_spec_parse(parsed, chain->spec, n_vocab, &err) != PLUCK_OK) {
        fprintf(stderr, "%s: %s\n", chain->spec, err.message);
        return false;
    }
    *config = *pluck_spec_config(*parsed);
    memcpy(stages, config->stages, sizeof *stages * (size_t)config->n_stages);
    config->stages = stages;
    int32_t last = config->n_stages - 1;
    if (chain->more == PARITY_GREEDY) {
        stages[last] = (pluck_stage){.kind = PLUCK_STAGE_GREEDY};
    } else if (chain->more == PARITY_INFILL && infill) {
        stages[last + 1] = stages[last];
        stages[last] = (pluck_stage){.kind = PLUCK_STAGE_INFILL, .as.infill = *infill};
        config->n_stages++;
    }
    return true;
}
