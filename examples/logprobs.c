/*
 * logprobs.c: what a server's `logprobs` field needs, a mask of allowed tokens, and a
 * half-precision row.
 *
 * The log-probabilities are those of the row as the model gave it. The draw's probability is that
 * in the distribution that the chain made of the row.
 */
#include <pluck.h>
#include <stdio.h>

enum { N_VOCAB = 8, N_TOP = 3 };

int main(void) {
    /* bfloat16: the upper half of a float32. These are 1, 0.5, 4, 3.5, -2, 3, 0 and 3.25. */
    const uint16_t logits[N_VOCAB] = {0x3f80, 0x3f00, 0x4080, 0x4060,
                                      0xc000, 0x4040, 0x0000, 0x4050};
    const uint32_t allowed[1] = {0xdb}; /* all but tokens 2 and 5 */

    pluck_sampler *sampler;
    pluck_error error;
    if (pluck_sampler_from_spec(&sampler, "temp=0.7;top_k=0;min_p=0.1;seed=11", N_VOCAB, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    pluck_row row = {.logits = logits,
                     .dtype = PLUCK_DTYPE_BF16,
                     .n = N_VOCAB,
                     .allowed = allowed,
                     .workspace = pluck_sampler_workspace(sampler)};
    pluck_draw draw;
    if (pluck_sample_row(sampler, &row, &draw) != PLUCK_OK) return 1;
    printf("drawn: token %d, probability %.4f among %d candidates\n", (int)draw.token,
           draw.probability, (int)draw.n_candidates);

    int32_t ids[N_TOP];
    float logprobs[N_TOP];
    float own;
    int32_t n;
    row.allowed = NULL; /* report the model's probabilities, without the mask */
    if (pluck_top_logprobs(&row, N_TOP, ids, logprobs, &n, draw.token, &own) != PLUCK_OK) return 1;
    printf("its log-probability in the row: %.4f\n", own);
    for (int i = 0; i < n; i++) printf("top %d: token %d  %.4f\n", i + 1, (int)ids[i], logprobs[i]);

    pluck_sampler_free(sampler);
    return 0;
}
