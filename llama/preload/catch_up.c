/*
 * catch_up.c: moves the random stream of libllama's sampler to where Pluck's is.
 *
 * The stream can be moved only by making the sampler draw. dist, XTC's coin and adaptive-p take one
 * number for an array of two candidates. Mirostat learns from each draw, and there is no way to
 * give it what Pluck has learnt. So it gets arrays from which it learns almost nothing: with so
 * many candidates that the token drawn is as surprising as it wants, and somewhat more or fewer to
 * correct what the draws before taught it.
 */
#include "segments.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 4096 };

static void draw_from_two(struct llama_sampler *object) {
    llama_token_data two[2] = {{0, 0.0f, 0.0f}, {1, 0.0f, 0.0f}};
    llama_token_data_array cur = {two, 2, -1, false};
    plk_libllama.sampler_apply(object, &cur);
}

/* Applies mirostat to n equal candidates; for version 1, which needs a slope, the first one is
 * likelier. Returns the surprise of the token drawn, or 0 if one candidate was left. */
static float draw_from_many(struct llama_sampler *object, llama_token_data *data, int32_t n,
                            bool version1) {
    for (int32_t i = 0; i < n; i++) data[i] = (llama_token_data){i, 0.0f, 0.0f};
    if (version1) data[0].logit = 2.1f;
    llama_token_data_array cur = {data, (size_t)n, -1, true};
    plk_libllama.sampler_apply(object, &cur);
    return cur.size > 1 ? -log2f(cur.data[cur.selected].p) : 0.0f;
}

static void catch_up_mirostat(plk_node *node) {
    const pluck_stage_mirostat *stage = &node->stage.as.mirostat;
    llama_token_data *data = malloc(MOST * sizeof *data);
    if (!data) return;
    double learnt = 0.0;                     /* what mu has moved by so far */
    int64_t most = 4 * node->n_owed + 10000; /* a limit: mu may stay too small for two candidates */
    for (; node->n_owed > 0 && most > 0; most--) {
        double wanted = (double)stage->tau;
        if (stage->eta > 0.0f) wanted += learnt / (double)stage->eta;
        double n = wanted < 12.0 ? exp2(wanted > 1.0 ? wanted : 1.0) : (double)MOST;
        float surprise = draw_from_many(node->object, data, (int32_t)(n + 0.5),
                                        node->stage.kind == PLUCK_STAGE_MIROSTAT);
        learnt -= (double)stage->eta * ((double)surprise - (double)stage->tau);
        node->n_owed -= surprise > 0.0f;
    }
    free(data);
}

void plk_stage_catch_up(plk_node *node) {
    switch (node->stage.kind) {
    case PLUCK_STAGE_DIST:
    case PLUCK_STAGE_XTC:
        for (; node->n_owed > 0; node->n_owed--) draw_from_two(node->object);
        break;
    case PLUCK_STAGE_ADAPTIVE_P:
        if (node->n_owed == 0) break;
        for (; node->n_owed > 0; node->n_owed--) draw_from_two(node->object);
        plk_libllama.sampler_accept(node->object, 2); /* neither of the two, so it learns nothing */
        break;
    case PLUCK_STAGE_MIROSTAT:
    case PLUCK_STAGE_MIROSTAT_V2:
        if (node->n_owed > 0) catch_up_mirostat(node);
        break;
    default:
        break;
    }
    node->n_owed = 0;
}
