/* text_plugin.c: a plugin that generates text with the libllama that it is linked with, like
 * node-llama-cpp's. */
#include "text_plugin.h"

#include "commands/model.h"

#include <stdlib.h>

struct text_plugin {
    plk_model model;
    struct llama_sampler *chain;
    llama_token last;
};

text_plugin *text_plugin_open(const char *path, uint32_t seed) {
    char err[256];
    text_plugin *p = calloc(1, sizeof *p);
    if (!p || !plk_model_open(&p->model, path, 256, 1, err, sizeof err)) return NULL;
    p->chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    llama_sampler_chain_add(p->chain, llama_sampler_init_top_k(40));
    llama_sampler_chain_add(p->chain, llama_sampler_init_top_n_sigma(1.5f));
    llama_sampler_chain_add(p->chain, llama_sampler_init_temp(0.8f));
    llama_sampler_chain_add(p->chain, llama_sampler_init_dist(seed));
    p->last = 5;
    return p;
}

int32_t text_plugin_next(text_plugin *p) {
    char err[256];
    if (!plk_model_decode(&p->model, &p->last, 1, err, sizeof err)) return -1;
    p->last = llama_sampler_sample(p->chain, p->model.ctx, -1);
    return p->last;
}

void text_plugin_close(text_plugin *p) {
    llama_sampler_free(p->chain);
    plk_model_close(&p->model);
    free(p);
}
