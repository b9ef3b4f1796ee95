/* generate_text.c: an ordinary llama.cpp program. Prints N tokens of a seeded chain, one id a line;
 * with `vocabulary`, the chain has samplers that use the model's vocabulary.
 * usage: generate_text MODEL N [vocabulary] */
#include "commands/args.h"
#include "commands/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_usual(struct llama_sampler *chain) {
    llama_sampler_chain_add(chain, llama_sampler_init_top_k(40));
    llama_sampler_chain_add(chain, llama_sampler_init_min_p(0.02f, 1));
    llama_sampler_chain_add(chain, llama_sampler_init_temp(0.8f));
}

static void add_of_vocabulary(struct llama_sampler *chain, const struct llama_vocab *vocab) {
    static const char *breakers[] = {"\n", ":", "\"", "*"};
    llama_sampler_chain_add(chain, llama_sampler_init_dry(vocab, 0.8f, 1.75f, 1, 64, breakers, 4));
    llama_sampler_chain_add(chain, llama_sampler_init_top_k(20));
    llama_sampler_chain_add(chain, llama_sampler_init_infill(vocab));
}

int main(int argc, char **argv) {
    plk_model m;
    char err[512];
    int32_t n_tokens;
    if (argc < 3 || !plk_read_int(argv[2], 1, &n_tokens) ||
        !plk_model_open(&m, argv[1], 512, 1, err, sizeof err))
        return 1;
    struct llama_sampler *chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    if (argc > 3 && strcmp(argv[3], "vocabulary") == 0)
        add_of_vocabulary(chain, m.vocab);
    else
        add_usual(chain);
    llama_sampler_chain_add(chain, llama_sampler_init_dist(1));
    int32_t n;
    llama_token *tokens = plk_model_prompt(&m, "And it came to pass", &n);
    if (!tokens || !plk_model_decode(&m, tokens, n, err, sizeof err)) return 1;
    for (int i = 0; i < n_tokens; i++) {
        llama_token token = llama_sampler_sample(chain, m.ctx, -1);
        printf("%d\n", token);
        if (!plk_model_decode(&m, &token, 1, err, sizeof err)) return 1;
    }
    free(tokens);
    llama_sampler_free(chain);
    plk_model_close(&m);
    return 0;
}
