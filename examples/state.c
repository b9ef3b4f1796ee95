/*
 * state.c: tokens taken back, and a conversation that goes on in another process.
 */
#include <pluck.h>
#include <stdio.h>

enum { N_VOCAB = 1000 };

static float logits[N_VOCAB];

static void generate(pluck_sampler *sampler, const char *label, int n) {
    printf("%-12s", label);
    for (int i = 0; i < n; i++) {
        int32_t token;
        if (pluck_sample(sampler, logits, &token) || pluck_accept(sampler, token)) return;
        printf(" %d", (int)token);
    }
    printf("\n");
}

int main(void) {
    for (int i = 0; i < N_VOCAB; i++) logits[i] = (float)(i * 7919 % N_VOCAB) / 100.0f;
    pluck_spec *spec;
    if (pluck_spec_parse(&spec, "temp=0.8;repeat_penalty=1.3;seed=1", N_VOCAB, NULL)) return 1;
    pluck_config config = *pluck_spec_config(spec);
    config.max_rewind = 8; /* tokens that can be taken back */

    pluck_sampler *first, *second;
    if (pluck_sampler_create(&first, &config)) return 1;
    generate(first, "six:", 6);
    if (pluck_sampler_rewind(first, 4)) return 1;
    generate(first, "4 back:", 4);

    unsigned char bytes[4096];
    size_t size;
    if (pluck_sampler_save(first, bytes, sizeof bytes, &size)) return 1;
    generate(first, "goes on:", 4);

    /* Elsewhere, later: a sampler of the same chain takes over. */
    pluck_error error;
    if (pluck_sampler_create(&second, &config)) return 1;
    if (pluck_sampler_load(second, bytes, size, &error)) printf("%s\n", error.message);
    generate(second, "elsewhere:", 4);
    bytes[99] ^= 1;
    if (pluck_sampler_load(second, bytes, size, &error)) printf("%s\n", error.message);

    pluck_sampler_free(first);
    pluck_sampler_free(second);
    pluck_spec_free(spec);
    return 0;
}
