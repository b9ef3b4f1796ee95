/*
 * custom_chain.c: a chain as data, in an order of our own, and what penalties do to it.
 *
 * A spec covers the usual chains. For another order, the same stage twice or thousands of biases,
 * write the stages as an array. Everything in it is copied when the sampler is created.
 */
#include <pluck.h>
#include <stdio.h>

enum { N_VOCAB = 8 };

static void show(const char *title, pluck_sampler *sampler, const float *logits) {
    printf("%s\n", title);
    pluck_row row = {.logits = logits};
    pluck_draw draw;
    pluck_candidates left;
    if (pluck_sample_row(sampler, &row, &draw) != PLUCK_OK) return;
    if (pluck_workspace_candidates(pluck_sampler_workspace(sampler), &left) != PLUCK_OK) return;
    for (int i = 0; i < left.n; i++) {
        printf("  token %d  logit %7.3f  probability %.4f\n", (int)left.ids[i], left.logits[i],
               left.probabilities[i]);
    }
}

int main(void) {
    const float logits[N_VOCAB] = {1.2f, 0.3f, 4.1f, 3.8f, -2.0f, 2.9f, 0.0f, 3.5f};

    const pluck_logit_bias biases[] = {{.token = 6, .bias = 3.25f}};
    const int32_t newline[] = {0}; /* DRY ignores what was before a new line */
    const pluck_token_sequence breakers[] = {{.tokens = newline, .n_tokens = 1}};
    const pluck_stage stages[] = {
        {.kind = PLUCK_STAGE_LOGIT_BIAS, .as.logit_bias = {.biases = biases, .n_biases = 1}},
        {.kind = PLUCK_STAGE_PENALTIES, .as.penalties = {.last_n = 64, .repeat = 1.25f}},
        {.kind = PLUCK_STAGE_DRY,
         .as.dry = {.multiplier = 0.5f,
                    .base = 1.75f,
                    .allowed_length = 2,
                    .last_n = 64,
                    .breakers = breakers,
                    .n_breakers = 1}},
        {.kind = PLUCK_STAGE_TEMPERATURE, .as.temperature = {.t = 0.5f}},
        {.kind = PLUCK_STAGE_TOP_K, .as.top_k = {.k = 6}},
        {.kind = PLUCK_STAGE_DIST, .as.dist = {.seed = PLUCK_SEED_RANDOM}}, /* the config's seed */
    };
    const pluck_config config = {.n_vocab = N_VOCAB,
                                 .seed = 1,
                                 .stages = stages,
                                 .n_stages = sizeof stages / sizeof *stages};

    pluck_sampler *sampler;
    const pluck_status status = pluck_sampler_create(&sampler, &config);
    if (status != PLUCK_OK) {
        fprintf(stderr, "%s\n", pluck_status_string(status));
        return 1;
    }
    show("Nothing said yet:", sampler, logits);

    const int32_t said[] = {2, 3, 7, 5, 2, 3, 7};
    for (int i = 0; i < 7; i++) pluck_accept(sampler, said[i]);
    show("After 2 3 7 5 2 3 7, where 5 would repeat what came before:", sampler, logits);

    pluck_sampler_reset(sampler);
    show("After a reset:", sampler, logits);
    pluck_sampler_free(sampler);
    return 0;
}
