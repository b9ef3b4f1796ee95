/*
 * custom_stage.c: your own stage inside a chain.
 *
 * The stage sees the candidates that the stages before it left. It may change or drop them, and the
 * chain goes on with what is left. This one keeps a counter: tokens at or above LIMIT ("markup")
 * may be drawn at most `budget` times in a conversation. The program owns the counter; with the
 * members `clone` and `release` the sampler would own it, and every cloned sampler would get its
 * own.
 */
#include <math.h>
#include <pluck.h>
#include <stdio.h>

enum { N_VOCAB = 8, LIMIT = 6, BUDGET = 2 };

typedef struct markup_budget {
    int left;
} markup_budget;

/* Masks markup once the budget is used up. Returning false would make the call fail. */
static bool apply(void *ctx, pluck_custom_view *view) {
    const markup_budget *budget = ctx;
    if (budget->left > 0) return true;
    for (int32_t i = 0; i < view->n; i++) {
        if (view->ids[i] >= LIMIT) view->logits[i] = -INFINITY;
    }
    view->descending = false;
    return true;
}

static void accept(void *ctx, int32_t token) {
    markup_budget *budget = ctx;
    if (token >= LIMIT) budget->left--;
}

static void reset(void *ctx) {
    ((markup_budget *)ctx)->left = BUDGET;
}

int main(void) {
    const float logits[N_VOCAB] = {0, 0, 1, 0, 1, 0, 3, 3};
    markup_budget budget = {BUDGET};
    const pluck_stage stages[] = {
        {.kind = PLUCK_STAGE_CUSTOM,
         .as.custom = {.apply = apply, .accept = accept, .reset = reset, .ctx = &budget}},
        {.kind = PLUCK_STAGE_DIST, .as.dist = {.seed = PLUCK_SEED_RANDOM}},
    };
    const pluck_config config = {.n_vocab = N_VOCAB, .seed = 3, .stages = stages, .n_stages = 2};
    pluck_sampler *sampler;
    if (pluck_sampler_create(&sampler, &config) != PLUCK_OK) return 1;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 12; i++) {
            int32_t token;
            if (pluck_sample(sampler, logits, &token) != PLUCK_OK) return 1;
            if (pluck_accept(sampler, token) != PLUCK_OK) return 1;
            printf("%s%d%s", i > 0 ? " " : "", (int)token, token >= LIMIT ? "*" : "");
        }
        printf("\n");
        pluck_sampler_reset(sampler); /* the same seed and a new budget, so the same line again */
    }
    pluck_sampler_free(sampler);
    return 0;
}
