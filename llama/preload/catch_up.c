/*
 * catch_up.c: bringing the random stream of libllama's sampler to where Pluck's is.
 *
 * The stream can only be moved by having the sampler draw. What a draw costs depends on the
 * sampler: dist takes a number for two candidates, XTC's coin, too; adaptive-p takes one for two.
 * Mirostat learns from each draw, and nobody can tell it what Pluck has learnt; so it is given
 * arrays from which it learns as good as nothing: with so many candidates that what is drawn is as
 * surprising as it wants it to be, and a few more or fewer if it was not before.
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

/* Applies mirostat to n candidates that are equal, but that version 1, which needs a slope, finds
 * the first one likelier. Returns the surprise of what it drew, or 0 if it drew from one. */
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
    double learnt = 0.0;                     /* that mu should lose again */
    int64_t most = 4 * node->n_owed + 10000; /* if mu is too small for two, and stays so */
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
        plk_libllama.sampler_accept(node->object, 2); /* neither of the two: it forgets them */
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
